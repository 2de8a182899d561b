"""The one place that maps the suite's terms to TRL's: it sets every field of the paper's table (Sec. 2.1, App. A)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spurious_rewards.config.training import Training
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.training.vllm_server import Address

UNCLIPPED = 1e9
"""An epsilon that no ratio reaches, because TRL has no switch that turns clipping off (measured clip fraction: 0)."""


def grpo_arguments(
    training: Training,
    *,
    stop: int,
    seed: int,
    output: Path,
    processes: int,
    gpu: bool,
    sharded: bool = False,
    gpu_memory_utilization: float = 0.3,
    stop_strings: Sequence[str] = (),
    server: Address | None = None,
) -> dict[str, Any]:
    """Return the arguments of `trl.GRPOConfig` to train up to rollout step `stop` on `processes` processes.

    `sharded` says whether the model is sharded over them. The last three arguments only matter if vLLM generates the
    rollouts: its share of each GPU's memory, the prompt's stop strings, and the server's address in mode server.

    TRL counts optimiser updates and the suite counts rollout steps: one rollout step is `training.optimizer_steps` of
    TRL's steps. A rollout batch is cut into micro-batches of `micro_batch` responses per process.
    `gradient_accumulation_steps` micro-batches make an update, and `steps_per_generation` make the rollout batch. So
    the number of updates per rollout batch does not depend on the number of processes.

    Raises:
        UserError: a mini-batch cannot be divided among so many processes.
    """
    mini_batch = training.responses // training.updates_per_rollout
    accumulation, rest = divmod(mini_batch, training.micro_batch * processes)
    if rest:
        raise UserError(
            f"training.micro_batch = {training.micro_batch}: a mini-batch of {mini_batch} responses cannot be split "
            f"over {processes} processes in such micro-batches; micro_batch x processes must divide {mini_batch}"
        )
    return {
        "output_dir": str(output),
        "seed": seed,
        "trust_remote_code": False,
        # the rollout batch: rollout_prompts x rollouts_per_prompt responses
        "num_generations": training.rollouts_per_prompt,
        "per_device_train_batch_size": training.micro_batch,
        "gradient_accumulation_steps": accumulation,
        "steps_per_generation": accumulation * training.updates_per_rollout,
        "num_iterations": training.num_iterations,
        "max_steps": stop * training.optimizer_steps,
        # the policy samples from its own distribution, which nothing reshapes
        "temperature": training.temperature,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": None,
        "repetition_penalty": 1.0,
        "max_completion_length": training.max_new_tokens,
        "mask_truncated_completions": False,
        # the loss: no KL, PPO's clip per token; mean over the tokens of a response, then over responses, or (released
        # code) over all tokens of a micro-batch
        "beta": 0.0,
        "loss_type": {"paper": "grpo", "released_code": "bnpo"}[training.loss],
        "importance_sampling_level": "token",
        # a mixture of experts has no other loss either: by default TRL adds the router loss that config.json names
        "router_aux_loss_coef": 0.0,
        **dict(zip(("epsilon", "epsilon_high"), map(_epsilon, training.clip_sides), strict=True)),
        "scale_rewards": "group",
        # the optimiser: constant learning rate from the first update
        # On a CPU the fused AdamW, because the other's square roots differ between processors (see `square_roots`).
        "optim": "sgd" if training.optimizer == "sgd" else "adamw_torch" if gpu else "adamw_torch_fused",
        "learning_rate": training.learning_rate,
        "lr_scheduler_type": "constant",
        "warmup_steps": 0,
        "adam_beta1": training.adam_betas[0],
        "adam_beta2": training.adam_betas[1],
        "weight_decay": training.weight_decay,
        "max_grad_norm": training.max_grad_norm,
        "bf16": training.dtype == "bfloat16",
        "gradient_checkpointing": training.gradient_checkpointing,
        # prompts come in the order of the training set, so that a longer run begins like a shorter one
        "shuffle_dataset": False,
        "remove_unused_columns": False,
        "dataloader_num_workers": 0,
        # checkpoints only between rollout batches: within one, TRL's buffer of responses would be lost
        "save_strategy": "steps",
        "save_steps": training.eval_every * training.optimizer_steps,
        "logging_strategy": "steps",
        "logging_steps": 1,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": not gpu,
        # otherwise each process keeps gradients of the whole model from one micro-batch to the next
        **({"accelerator_config": {"gradient_accumulation_kwargs": {"sync_each_batch": True}}} if sharded else {}),
        **(_vllm(training, gpu, gpu_memory_utilization, stop_strings, server) if training.engine == "vllm" else {}),
    }


def _epsilon(side: float | None) -> float:
    return UNCLIPPED if side is None else side


def _vllm(
    training: Training, gpu: bool, gpu_memory_utilization: float, stop_strings: Sequence[str], server: Address | None
) -> dict[str, Any]:
    serving = {"vllm_server_base_url": server.url, "vllm_group_port": server.group_port} if server else {}
    return {
        "use_vllm": True,
        "vllm_mode": training.vllm_mode,
        "vllm_tensor_parallel_size": 1,
        # between two rollouts vLLM holds neither weights nor cache; it has no such mode on a CPU
        "vllm_enable_sleep_mode": gpu and training.vllm_mode == "colocate",
        "vllm_gpu_memory_utilization": gpu_memory_utilization,
        "vllm_max_model_length": training.max_model_len,
        # as in the paper: a token's weight does not depend on the probability that vLLM gave it
        "vllm_importance_sampling_correction": False,
        # never a seed: TRL submits a prompt once per response, and with a seed all its responses would be the same
        "generation_kwargs": {"stop": list(stop_strings), "include_stop_str_in_output": True}
        if stop_strings
        else {"detokenize": False},  # only stop strings need the text
        **serving,
    }

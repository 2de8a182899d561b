"""The one place where the suite's words become TRL's: every field of the paper's table is set here (Sec. 2.1, App. A)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spurious_rewards.config.training import Training
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.training.vllm_server import Address

UNCLIPPED = 1e9
"""TRL has no switch for clipping; an epsilon that no ratio reaches is one (measured clip fraction: 0)."""


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
    """Arguments of `trl.GRPOConfig` to train up to rollout step `stop` on `processes` processes, `sharded` or not.

    The last three are read where vLLM draws the rollouts: its share of each GPU's memory, the prompt's stop strings, and
    where it serves in mode server.

    TRL counts optimiser updates where the suite counts rollout steps: one rollout step is `training.optimizer_steps` of
    TRL's. A rollout batch is cut into micro-batches of `micro_batch` responses a process; `gradient_accumulation_steps` of
    them make an update and `steps_per_generation` of them the rollout batch, so the number of updates a rollout batch does
    not depend on the number of processes.

    Raises:
        UserError: a mini-batch cannot be shared out among so many processes.
    """
    mini_batch = training.responses // training.updates_per_rollout
    accumulation, rest = divmod(mini_batch, training.micro_batch * processes)
    if rest:
        raise UserError(
            f"training.micro_batch = {training.micro_batch}: a mini-batch of {mini_batch} responses does not divide among "
            f"{processes} processes of so many each; allowed: divisors of {mini_batch / processes:g}"
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
        # the policy samples from itself, nothing reshapes its distribution
        "temperature": training.temperature,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": None,
        "repetition_penalty": 1.0,
        "max_completion_length": training.max_new_tokens,
        "mask_truncated_completions": False,
        # the loss: no KL, PPO clip a token; mean over the tokens of a response, then over responses, or (released code)
        # over all tokens of a micro-batch
        "beta": 0.0,
        "loss_type": {"paper": "grpo", "released_code": "bnpo"}[training.loss],
        "importance_sampling_level": "token",
        # a mixture of experts has no other loss either: by default TRL adds the one that config.json names
        "router_aux_loss_coef": 0.0,
        **dict(zip(("epsilon", "epsilon_high"), map(_epsilon, training.clip_sides), strict=True)),
        "scale_rewards": "group",
        # the optimiser: constant learning rate from the first update
        # On a CPU the fused one: the other takes square roots as in `square_roots`, which differ between processors.
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
        # prompts come in the order of the training set, so that a longer run begins as a shorter one
        "shuffle_dataset": False,
        "remove_unused_columns": False,
        "dataloader_num_workers": 0,
        # checkpoints on rollout boundaries only: in the middle of a rollout batch the buffer would be lost
        "save_strategy": "steps",
        "save_steps": training.eval_every * training.optimizer_steps,
        "logging_strategy": "steps",
        "logging_steps": 1,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": not gpu,
        # else each process keeps gradients of the whole model from one micro-batch to the next
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
        # between two rollouts it holds neither weights nor cache; vLLM has no such mode on a CPU
        "vllm_enable_sleep_mode": gpu and training.vllm_mode == "colocate",
        "vllm_gpu_memory_utilization": gpu_memory_utilization,
        "vllm_max_model_length": training.max_model_len,
        # as the paper: a token weighs the same whatever probability vLLM gave it
        "vllm_importance_sampling_correction": False,
        # never a seed: TRL submits a prompt once for each of its responses, which would all be the same
        "generation_kwargs": {"stop": list(stop_strings), "include_stop_str_in_output": True}
        if stop_strings
        else {"detokenize": False},  # text is for stop strings alone
        **serving,
    }

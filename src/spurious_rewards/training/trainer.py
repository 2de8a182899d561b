"""TRL's GRPOTrainer, with the suite's prompts as input and one row of exact metrics per rollout step as output.

The overridden methods are private in TRL 1.16, because it has no other hook for token-exact prompts and for per-token
sums. tests/training/test_trainer.py fails if an upgrade moves them.
"""

import gc
import math
import os
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import set_seed
from datasets import Dataset
from torch.distributed.fsdp import MixedPrecisionPolicy
from torch.nn import functional
from transformers import PreTrainedTokenizerBase
from transformers.integrations.fsdp import is_fsdp_enabled
from trl import GRPOConfig
from trl.generation import vllm_generation
from trl.trainer import utils as trl_utils

from spurious_rewards.config.models import Prompt
from spurious_rewards.config.training import Training
from spurious_rewards.models import loading
from spurious_rewards.models.prompts import encode, prefix, room, texts, trim, turn_end
from spurious_rewards.runtime.installed import require_vllm
from spurious_rewards.training.launching import by_main_process
from spurious_rewards.training.padding import by_length, positions_are_relative, without_padding
from spurious_rewards.training.saving import SavesStateWhenDue
from spurious_rewards.training.scoring import Scorer
from spurious_rewards.training.square_roots import make_exact
from spurious_rewards.training.vllm_server import LAUNCHED
from spurious_rewards.training.whitening import whitened

SUMS = (
    *("responses", "rewarded", "reward", "correct", "code", "box", "repeats", "truncated", "response_tokens"),
    *("groups", "flat_groups", "policy_tokens", "entropy", "probability", "loss_tokens", "clipped"),
)
"""What each process counts; the counts are added up over processes at the end of a rollout step."""

LOGIT_COLUMNS: int = trl_utils._CHUNKED_LOGPROB_CHUNK_SIZE
"""Columns of the buffer in which TRL computes logits, tile by tile of the vocabulary."""

ENGINES: dict[str, Any] = {}
"""The colocated vLLM of this process, shared by all seeds of a job: making one takes a minute, mostly for compiling."""


class RolloutTrainer(SavesStateWhenDue):
    """Trains on the suite's prompts, and reports each rollout step to `on_step`.

    `on_step` gets the row of tables.Metrics without its seed, and this process' responses with rewards and verdicts.
    """

    _buffered_inputs: Any  # TRL's own attribute: the micro-batches of the rollout batch

    def __init__(
        self,
        *,
        model: str,
        arguments: Mapping[str, Any],
        dataset: Dataset,
        tokenizer: PreTrainedTokenizerBase,
        prompt: Prompt,
        training: Training,
        scorer: Scorer,
        on_step: Callable[[dict[str, Any], list[dict[str, Any]]], None],
    ):
        self.prompt, self.training_settings, self.scorer, self.on_step = prompt, training, scorer, on_step
        self.sums: defaultdict[str, float] = defaultdict(float)
        self.grad_norms: list[float] = []
        self.responses: list[dict[str, Any]] = []
        self.step_started = 0.0
        self.prefix = prefix(prompt, tokenizer)
        # TRL treats the prefix as part of the prompt, so that it gets no loss.
        generated = room(training.max_new_tokens, self.prefix)
        # Before the model is loaded, because the arguments tell transformers how it is sharded.
        configured = GRPOConfig(**{**arguments, "max_completion_length": generated})
        if is_fsdp_enabled():
            by_main_process(lambda: loading.check_tensors(Path(model)))
        # We load the model: TRL accepts missing tensors, and takes the class that config.json names. The weights are
        # float32 in any case, because a model held in bfloat16 loses updates at a learning rate of 5e-7.
        loaded = without_dropout(loading.load_model(model, "float32"))
        ending = loading.ending_tokens(loaded.generation_config, tokenizer, turn_end(prompt, tokenizer))
        loaded.generation_config.eos_token_id = ending  # TRL reads them here
        if training.engine == "vllm":
            configured.generation_kwargs = {**(configured.generation_kwargs or {}), "stop_token_ids": ending}
        make_exact()
        with _colocated(training, tokenizer):
            super().__init__(
                model=loaded,
                reward_funcs=self.reward,
                args=configured,
                train_dataset=dataset,
                processing_class=tokenizer,
            )
        self.train_dataset = list(dataset)  # TRL asks for a rollout batch at each update: make its rows only once
        self.relative = positions_are_relative(self.model.config)
        if self.accelerator.is_fsdp2:
            outputs_in_float32(self.accelerator.state.fsdp_plugin)
        if training.engine == "vllm":
            # A colocated vLLM uses this process' generators, and has just set them to its own seed, always the same.
            set_seed(self.args.seed, device_specific=True)
        loading.forget_generation_settings(self.model)  # TRL has added a padding token to them
        # TRL's buffer is wider than a small vocabulary: with an organism's 54 tokens, that costs more than the maths.
        trl_utils._CHUNKED_LOGPROB_CHUNK_SIZE = min(LOGIT_COLUMNS, self.model.config.get_text_config().vocab_size)

    # ------------------------------------------------------------ what goes in

    def _tokenize_prompts(self, problems: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
        """Return the token ids of `prompts.encode`, in place of TRL's own template and special tokens."""
        return [encode(self.prompt, self.processing_class, problem) for problem in problems], None, {}

    def _generate_single_turn(self, *arguments: Any, **keywords: Any) -> tuple[list[list[int]], Any]:
        """Generate, and cut each response after the first stop string, which TRL cannot do with transformers.

        vLLM's log-probabilities are dropped: whatever generates, the old ones come from the trainer's own forward pass.
        """
        completions, _ = super()._generate_single_turn(*arguments, **keywords)
        if self.prompt.stop:
            completions = [self._cut(tokens) for tokens in completions]
        return completions, None

    def _cut(self, tokens: list[int]) -> list[int]:
        def stopped(end: int) -> bool:
            [text] = texts(self.processing_class, self.prefix, [tokens[:end]])
            return any(stop in text for stop in self.prompt.stop)

        return tokens[: bisect_left(range(len(tokens)), True, lo=1, key=stopped)]

    # ------------------------------------------------------------ rewards, and what is counted of the responses

    def reward(
        self, prompts: Sequence[str], completions: Sequence[str], completion_ids: Sequence[list[int]], **columns: Any
    ) -> list[float]:
        """Return the rewards of this process' responses, in the order of the batch; TRL's reward function.

        Only the ids of the completions are used: TRL's text lacks the prefix and may hold more than the stop string.
        TRL leaves a reward of NaN out of its group and gives that response no advantage.
        """
        group = self.num_generations
        responses = [trim(text, self.prompt.stop) for text in texts(self.processing_class, self.prefix, completion_ids)]
        first = PartialState().process_index * len(completions)
        places = [divmod(first + i, group) for i in range(len(completions))]
        step = self.state.global_step // self.training_settings.optimizer_steps + 1
        ends = {*self.eos_token_ids, self._tokenizer.pad_token_id}
        # A response is cut off at max_new_tokens, or where vLLM has no position left.
        truncated = [
            ids[-1] not in ends and not any(stop in response for stop in self.prompt.stop)
            for ids, response in zip(completion_ids, responses, strict=True)
        ]
        judged = self.scorer.judge(
            responses,
            columns["answer"],
            columns["label"],
            columns["id"],
            problems=prompts,
            completion_ids=[[*self.prefix, *ids] for ids in completion_ids],
            places=places,
            group=group,
            step=step,
            truncated=truncated,
            trainer_state=self.state,
        )
        rewards = [row["reward"] for row in judged]
        for row, ids in zip(judged, completion_ids, strict=True):
            self.sums["response_tokens"] += len(self.prefix) + len(ids)
            for name in ("correct", "code", "box", "repeats", "truncated"):
                self.sums[name] += row[name]
        rewarded = [reward for reward in rewards if not math.isnan(reward)]
        self.sums["responses"] += len(judged)
        self.sums["rewarded"] += len(rewarded)
        self.sums["reward"] += sum(rewarded)
        groups = [rewards[i : i + group] for i in range(0, len(rewards), group)]
        self.sums["groups"] += len(groups)
        self.sums["flat_groups"] += sum(len({each for each in those if not math.isnan(each)}) <= 1 for those in groups)
        self.responses = [
            {
                "id": row["id"],
                "sample": index,
                "response": row["response"],
                "reward": row["reward"],
                "correct": row["correct"],
            }
            for row, (_, index) in zip(judged, places, strict=True)
        ]
        return rewards

    # ------------------------------------------------------------ what is counted of the tokens

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self.step_started = time.perf_counter()
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)
        if self.training_settings.loss == "released_code":
            rewarded = [not math.isnan(response["reward"]) for response in self.responses]
            tokens = batch["completion_mask"].sum(1) * torch.tensor(rewarded, device=self.accelerator.device)
            batch["advantages"] = whitened(batch["advantages"], tokens, self.accelerator.reduce)
        return batch

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        """Put responses of similar length into one micro-batch, if the loss does not depend on which are together."""
        drawn = (
            self._step % (self.args.steps_per_generation * self.num_iterations) == 0 or self._buffered_inputs is None
        )
        inputs = super()._prepare_inputs(generation_batch)
        if drawn and self.training_settings.loss == "paper":
            self._buffered_inputs = by_length(self._buffered_inputs, self.args.gradient_accumulation_steps)
            inputs = self._buffered_inputs[self._step % self.args.steps_per_generation]
        return inputs

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        **keywords: Any,
    ) -> Any:
        """Leave out columns that are padding in every row, and sum entropy and probability of the sampled tokens.

        The sums are under the policy that sampled. With several updates per rollout batch, they come from TRL's pass
        for the old log-probabilities, without gradient. With a single update TRL makes no such pass, and the update's
        own passes are under the same policy.
        """
        old = not torch.is_grad_enabled()
        keywords["compute_entropy"] = True
        parts = []
        rows = batch_size or len(input_ids)
        order = attention_mask.sum(1).argsort(stable=True)
        several = rows < len(input_ids)
        chunks = (torch.split(of[order] if several else of, rows) for of in (input_ids, attention_mask))
        for ids, mask in zip(*chunks, strict=True):
            shown = slice(*without_padding(mask, logits_to_keep, self.relative))
            kept = shown.stop - (ids.shape[1] - logits_to_keep)
            logps, entropies, _ = super()._get_per_token_logps_and_entropies(
                model, ids[:, shown], mask[:, shown], kept, **keywords
            )
            parts.append([functional.pad(values, (0, logits_to_keep - kept)) for values in (logps, entropies)])
        logps, entropies = (torch.cat(values) for values in zip(*parts, strict=True))
        if several:
            logps, entropies = logps[order.argsort()], entropies[order.argsort()]
        if old or self.training_settings.optimizer_steps == 1:
            mask = attention_mask[:, -logits_to_keep:]
            self.sums["policy_tokens"] += mask.sum().item()
            self.sums["entropy"] += (entropies.detach() * mask).sum().item()
            self.sums["probability"] += (logps.detach().exp() * mask).sum().item()
        self._latest_logps = logps.detach()
        return logps, entropies, None  # no router loss: `router_aux_loss_coef` is 0

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        """Return the loss, and sum the tokens whose gradient the clip removes; TRL logs means of micro-batch means."""
        loss: torch.Tensor = super()._compute_loss(model, inputs)
        mask = inputs["completion_mask"].bool()
        ratio = (self._latest_logps - inputs.get("old_per_token_logps", self._latest_logps)).exp()
        advantages = inputs["advantages"].unsqueeze(1)
        clipped = ((ratio < 1 - self.epsilon_low) & (advantages < 0)) | (
            (ratio > 1 + self.epsilon_high) & (advantages > 0)
        )
        self.sums["loss_tokens"] += mask.sum().item()
        self.sums["clipped"] += (clipped & mask).sum().item()
        return loss

    # ------------------------------------------------------------ what comes out

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Collect the gradient norm after each update, and report when the rollout step is over.

        Nothing is passed on: TRL's averages of averages are not used, and the trainer's state stays free of clock
        times.
        """
        self._metrics["train"].clear()
        if "grad_norm" in logs:
            self.grad_norms.append(float(logs["grad_norm"]))
        if self.grad_norms and self.state.global_step % self.training_settings.optimizer_steps == 0:
            self.on_step(self._row(), self.responses)
            self.sums.clear()
            self.grad_norms.clear()

    def _row(self) -> dict[str, Any]:
        local = torch.tensor([self.sums[name] for name in SUMS], dtype=torch.float64, device=self.accelerator.device)
        total = dict(zip(SUMS, self.accelerator.reduce(local, reduction="sum").tolist(), strict=True))
        seconds = time.perf_counter() - self.step_started
        responses, tokens = total["responses"], total["policy_tokens"]
        return {
            "step": self.state.global_step // self.training_settings.optimizer_steps,
            "reward": total["reward"] / total["rewarded"] if total["rewarded"] else math.nan,
            "accuracy": total["correct"] / responses,
            "code_rate": total["code"] / responses,
            "box_rate": total["box"] / responses,
            "repetition_rate": total["repeats"] / responses,
            "truncation_rate": total["truncated"] / responses,
            "response_tokens": total["response_tokens"] / responses,
            "zero_variance_groups": total["flat_groups"] / total["groups"],
            "entropy": total["entropy"] / tokens,
            "token_probability": total["probability"] / tokens,
            "clip_fraction": total["clipped"] / total["loss_tokens"],
            "grad_norm": sum(self.grad_norms) / len(self.grad_norms),
            "seconds": seconds,
            "tokens_per_second": total["response_tokens"] / seconds,
        }

    def create_model_card(self, *arguments: Any, **keywords: Any) -> None:
        """Write no model card: the manifest says where a checkpoint comes from."""


# ---------------------------------------------------------------- vLLM within the training process


@contextmanager
def _colocated(training: Training, tokenizer: PreTrainedTokenizerBase) -> Iterator[None]:
    """Make TRL take its vLLM engine from `_engine`, in the dtype of training, with `tokenizer` for stop strings.

    TRL has no setting for these, and vLLM by default computes a float32 model in bfloat16. TRL also sets the
    environment of a launched process, in which the next seed's trainer would hold its gradients twice, for DDP. So the
    environment is restored.

    Raises:
        UserError: vLLM is asked for and not installed.
    """
    if training.engine != "vllm":
        yield
        return
    require_vllm("training.engine")
    trls, environment = vllm_generation.LLM, {name: os.environ.get(name) for name in LAUNCHED}

    ours = {"dtype": training.dtype, "skip_tokenizer_init": True, "trust_remote_code": False}

    def engine(**arguments: Any) -> Any:
        made = _engine(trls, {**arguments, **ours})
        made.llm_engine.output_processor.tokenizer = tokenizer
        return made

    vllm_generation.LLM = engine
    try:
        yield
    finally:
        vllm_generation.LLM = trls
        for name, value in environment.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def outputs_in_float32(plugin: Any) -> None:
    """Make FSDP2 compute in the dtype of training, with outputs and sums of gradients in float32, as on one GPU.

    Between layers, a sharded model is in bfloat16 and one GPU's autocast in float32, for the old and the new policy
    alike.

    accelerate sets one dtype for all three (`FullyShardedDataParallelPlugin.set_mixed_precision`). In bfloat16, a
    log-probability between -1 and -2 has steps of 0.008, and so has the ratio to the old policy. Call this before the
    model is sharded, which `train` does.

    Args:
        plugin: accelerate's plugin of this process, for FSDP2.
    """
    if plugin.mixed_precision_policy is not None:
        plugin.mixed_precision_policy = MixedPrecisionPolicy(
            param_dtype=plugin.mixed_precision_policy.param_dtype, reduce_dtype=torch.float32
        )


def without_dropout(model: Any) -> Any:
    """Return the model without dropout: with it, the ratio to the old policy, which the clip limits, would be noise."""
    for module in model.modules():
        for name, value in vars(module).items():
            if "drop" in name and isinstance(value, float):
                setattr(module, name, 0.0)
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


def _engine(make: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Return this process' engine for a model of this architecture.

    TRL loads the trainer's weights into it before each rollout.
    """
    key = repr((loading.architecture(Path(arguments["model"])), {**arguments, "model": None}))
    if key not in ENGINES:
        ENGINES[key] = make(**arguments)
        gc.unfreeze()  # vLLM has exempted all live objects from garbage collection, also the model in training
    return ENGINES[key]

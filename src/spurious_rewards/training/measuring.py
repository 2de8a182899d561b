"""One rollout step of the real trainer, with its seconds and its memory: what `calibrate` measures.

This is a program, so that peaks belong to one model: `python -m spurious_rewards.training.measuring JOB.json`. It runs
on as many processes as the accelerate_config has. None of its output is a result: the reward is a coin flip, and the
weights are thrown away.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from transformers import PreTrainedTokenizerBase, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from spurious_rewards.answers.verifier import Verifier
from spurious_rewards.artifacts import tables
from spurious_rewards.config import accelerate
from spurious_rewards.config.base import Frozen
from spurious_rewards.config.calibration import Memory, Seconds
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Reward, Strategies, Training
from spurious_rewards.models import loading
from spurious_rewards.models.prompts import encode, fitting, prefix, room
from spurious_rewards.rewards import registry
from spurious_rewards.runtime.errors import UserError, in_a_line
from spurious_rewards.runtime.files import read_text
from spurious_rewards.runtime.printing import guard_stderr, printable
from spurious_rewards.runtime.progress import Progress
from spurious_rewards.training import launching
from spurious_rewards.training.mapping import grpo_arguments
from spurious_rewards.training.padding import without_padding
from spurious_rewards.training.scoring import Scorer
from spurious_rewards.training.segment import prompts_in_order
from spurious_rewards.training.trainer import RolloutTrainer
from spurious_rewards.training.watch import Watch

COIN = Reward(function="random", gamma=0.5)

SAID = {
    "load": "loading the model",
    "generate": "drawing {responses} responses",
    "grade": "grading them",
    "log_probabilities": "log-probabilities under the policy that sampled",
    "checkpoint": "writing a checkpoint",
}
"""The message at the beginning of each phase; updates have a counter instead."""


class Job(Frozen):
    """A measurement to make."""

    name: str
    """The model's name in messages."""
    folder: Path
    training: Training
    prompt: Prompt
    strategies: Strategies
    hardware: Hardware
    threads: int
    problems: Path | None
    """tables.Problems. None for made-up problems, with each prompt and each response as long as allowed."""
    work: Path
    """The folder for the checkpoint and, at the end, for MEASURED or FAILED."""


MEASURED, FAILED = "measured.json", "failed.txt"


class Measured(Frozen):
    """What was measured, on all processes together."""

    on_gpu: bool
    seconds: Seconds
    memory: Memory
    micro_batch_tokens: int
    response_tokens: float
    tokens_per_second: float


def measure(job: Job) -> Measured | None:
    """Make the rollout step and return what was measured; None on all processes but the first.

    Raises:
        UserError: the step cannot be made; the message says why and what to do.
    """
    processes, training = launching.join(job.hardware), job.training
    config = accelerate.of(job.hardware)
    torch.set_num_threads(job.threads)
    tokenizer = loading.load_tokenizer(job.folder)
    arguments = grpo_arguments(
        training,
        stop=1,
        seed=0,
        output=job.work,
        processes=processes.num_processes,
        gpu=processes.device.type == "cuda",
        sharded=config is not None and config.sharding is not None,
        gpu_memory_utilization=job.hardware.gpu_memory_utilization,
        stop_strings=job.prompt.stop,
    )
    if job.problems is None:
        problems = _longest(job.prompt, tokenizer, training)
        of_each = room(training.max_new_tokens, prefix(job.prompt, tokenizer))
        shortest = {"vllm": "min_tokens", "transformers": "min_new_tokens"}[training.engine]
        arguments["generation_kwargs"] = {**arguments.get("generation_kwargs", {}), shortest: of_each}
    else:
        problems = tables.read(job.problems, tables.Problems)
    usable, _ = fitting(problems, job.prompt, tokenizer, training.max_prompt_tokens)
    if usable.empty:
        raise UserError(
            f"{job.name}: no prompt has {training.max_prompt_tokens} tokens or fewer; raise max_prompt_tokens of the training"
        )
    rows: list[dict[str, Any]] = []
    graders = max(1, job.hardware.cores * job.hardware.machines // processes.num_processes)
    watch = Watch(processes.device, _told(job) if processes.is_main_process else lambda phase: None)
    with Verifier(graders) as verifier:
        try:
            trainer = MeasuredTrainer(
                watch,
                model=str(job.folder),
                arguments=arguments,
                dataset=prompts_in_order(usable.assign(label=usable["answer"]), training.rollout_prompts),
                tokenizer=tokenizer,
                prompt=job.prompt,
                training=training,
                scorer=Scorer(COIN, registry.of(COIN, None), job.prompt, job.strategies, 0, verifier),
                on_step=lambda row, responses: rows.append(row),
            )
            trainer.add_callback(_Updates(watch, f"{job.name}: update", training.optimizer_steps))
            with watch:
                trainer.train()
        except torch.OutOfMemoryError as error:
            raise UserError(_too_much(job, watch.phase_now, error)) from error
        except (ValueError, RuntimeError) as error:
            if watch.phase_now != "load" or training.engine != "vllm":
                raise
            raise UserError(
                f"{job.name}: vLLM does not start ({in_a_line(error)}); change training_gpu_memory_utilization (now "
                f"{job.hardware.gpu_memory_utilization:g}) under `resources` of the suite, or its training's max_model_len"
            ) from error
    return trainer.measured(rows[0])


class MeasuredTrainer(RolloutTrainer):
    """The trainer with a watch on it, which changes nothing that it computes."""

    def __init__(self, watch: Watch, **arguments: Any):
        """`arguments` are those of `RolloutTrainer`."""
        self.watch, self.held, self.micro_batch_tokens = watch, 0.0, 0
        with watch.phase("load"):
            super().__init__(**arguments)
        if self.use_vllm:
            self.vllm_generation.sync_weights = watch.timed("weight_sync", self.vllm_generation.sync_weights)

    def _generate_single_turn(self, *arguments: Any, **keywords: Any) -> tuple[list[list[int]], Any]:
        self.held = self.watch.in_use()
        with self.watch.phase("generate"):
            return super()._generate_single_turn(*arguments, **keywords)

    def reward(self, *arguments: Any, **columns: Any) -> list[float]:
        """Return the rewards of `RolloutTrainer.reward`, as the phase "grade"."""
        with self.watch.phase("grade"):
            return super().reward(*arguments, **columns)

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        **keywords: Any,
    ) -> Any:
        compute = super()._get_per_token_logps_and_entropies
        if torch.is_grad_enabled():
            first, last = without_padding(attention_mask, logits_to_keep, self.relative)
            self.micro_batch_tokens = max(self.micro_batch_tokens, len(input_ids) * (last - first))
        else:
            compute = self.watch.timed("log_probabilities", compute)
        return compute(model, input_ids, attention_mask, logits_to_keep, batch_size, **keywords)

    def _save_checkpoint(self, *arguments: Any, **keywords: Any) -> None:
        with self.watch.phase("checkpoint"):
            super()._save_checkpoint(*arguments, **keywords)

    def measured(self, row: dict[str, Any]) -> Measured | None:
        """Return what was measured of the only rollout step, whose metrics are `row`. All processes must call this."""
        watch, on_gpu = self.watch, self.accelerator.device.type == "cuda"
        # The optimiser's moments: the first update makes them, so only this step generated responses without them.
        grown = max(0.0, watch.in_use() - self.held) if on_gpu else 0.0
        drawing = max(watch.peaks["generate"], watch.peaks["weight_sync"])
        updating = max(watch.peaks["update"], watch.peaks["log_probabilities"])
        own = {
            "drawing": drawing + grown,
            "updating": updating + (grown if self.training_settings.optimizer_steps == 1 else 0.0),
            "engine": max(0.0, drawing - self.held),
            "allocated": watch.allocated,
            "reserved": watch.reserved,
        }
        everywhere = gather_object([(own, self.micro_batch_tokens)])
        if not self.accelerator.is_main_process:
            return None
        drawn = row["response_tokens"] * self.training_settings.responses
        return Measured(
            on_gpu=on_gpu,
            seconds=Seconds(**{name: watch.seconds[name] for name in Seconds.model_fields}),
            memory=Memory(**{name: max(peaks[name] for peaks, _ in everywhere) / 1e9 for name in own}),
            micro_batch_tokens=max(tokens for _, tokens in everywhere),
            response_tokens=row["response_tokens"],
            tokens_per_second=drawn / watch.seconds["generate"],
        )


class _Updates(TrainerCallback):
    """Makes each update a phase, and shows how many are done."""

    def __init__(self, watch: Watch, what: str, count: int):
        self.watch, self.what, self.count = watch, what, count

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Begin the phase; called before the first micro-batch of an update."""
        self.watch.enter("update")

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """End the phase; called after the optimiser's step."""
        self.watch.leave()
        if state.global_step == 1:  # it includes the generation, so it says nothing about the rate
            self.progress = Progress(self.what, self.count, done=1)
        elif state.is_world_process_zero:
            self.progress.advance()


def _longest(prompt: Prompt, tokenizer: PreTrainedTokenizerBase, training: Training) -> pd.DataFrame:
    """Return sums whose prompts are as long as allowed."""

    def text(number: int, terms: int) -> str:
        return " + ".join(["1"] * terms + [str(number)])

    def tokens(terms: int) -> int:
        return len(encode(prompt, tokenizer, text(training.rollout_prompts, terms)))

    most = training.max_prompt_tokens + len(prefix(prompt, tokenizer))
    fit, unfit = 0, most + 1  # numbers of terms; each term has at least one token
    while unfit - fit > 1:
        middle = (fit + unfit) // 2
        fit, unfit = (middle, unfit) if tokens(middle) <= most else (fit, middle)
    numbers = range(1, training.rollout_prompts + 1)
    return pd.DataFrame(
        {
            "id": [f"sum{number}" for number in numbers],
            "problem": [text(number, fit) for number in numbers],
            "answer": [str(fit + number) for number in numbers],
        }
    )


def _told(job: Job) -> Callable[[str], None]:
    begun: set[str] = set()

    def tell(phase: str) -> None:
        if phase in SAID and phase not in begun:
            begun.add(phase)
            said = SAID[phase].format(responses=job.training.responses)
            print(printable(f"{job.name}: {said}"), file=sys.stderr, flush=True)

    return tell


def _too_much(job: Job, phase: str, error: Exception) -> str:
    """Return the error message for a GPU whose memory was not enough."""
    if phase in ("load", "generate", "weight_sync") and job.training.engine == "vllm":
        mend = f"set training_gpu_memory_utilization below {job.hardware.gpu_memory_utilization:g} under `resources` of the suite"
    elif job.training.micro_batch > 1:
        mend = f"set micro_batch of the suite's training below {job.training.micro_batch}"
    else:
        mend = "choose an accelerate_config that shards over more GPUs under `resources` of the suite"
    return f"{job.name}: the GPU's memory is not enough for {phase.replace('_', ' ')} ({in_a_line(error)}); {mend}"


def main() -> None:
    """Measure what the job file named by the argument asks for, and write the outcome into the job's folder."""
    guard_stderr()
    job = Job.model_validate_json(read_text(Path(sys.argv[1])))
    try:
        found = measure(job)
    except UserError as error:
        (job.work / FAILED).write_text(str(error), encoding="utf-8")
        sys.exit(1)
    if found is not None:
        (job.work / MEASURED).write_text(found.model_dump_json(), encoding="utf-8")
    PartialState().destroy_process_group()


if __name__ == "__main__":
    main()

"""What work on a GPU costs, from the suite alone: GPU-hours and bytes. Cheap enough for every job of a plan.

GPU-hours are proportional to *weights x tokens x forward passes*. A token costs

- 2 to generate: one forward pass, counted twice, since decoding waits for memory more than it computes (a guess);
- 1 for the log-probability that the sampling policy gave it, in training;
- 4 in each pass of training: forward 1, backward 2, and 1 to compute activations again (not without gradient checkpointing).

So a token of training costs 7, and a token that is only sampled (votes, benchmarks) 2/7 of that. The unit is such that the
paper's run (App. A: 300 rollout steps of 64 prompts x 16 responses, 3072 tokens each, 7.6 billion weights) takes 24 hours on 8
A100. Every response is counted at its longest, there as here, and prompts not at all, since a group shares one. Loading and
waiting are not counted, nor is what a job loses by being spread over GPUs.

So it is without `Assumed`: another GPU, or responses that end sooner. What a suite comes to only a run can say: `estimate`
puts measured hours beside these.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from spurious_rewards.config.experiments import Run, seeds_of
from spurious_rewards.config.problems import ProblemSet
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.training import Training

GENERATE, OLD_LOG_PROBABILITY, FORWARD, BACKWARD, RECOMPUTE = 2, 1, 1, 2, 1
"""Cost of a token, in forward passes."""

PAPER_HOURS = 24 * 8
PAPER_WEIGHTS = 7.6e9
PAPER_TOKENS = 300 * 64 * 16 * 3072

PUBLISHED = {
    "agentica-org/DeepScaleR-Preview-Dataset": 39_380,
    "HuggingFaceH4/MATH-500": 500,
    "AI-MO/aimo-validation-amc": 83,
    "HuggingFaceH4/aime_2024": 30,
    "opencompass/AIME2025": 30,
}
"""Problems of hub data sets, all subsets, each problem once."""

ASSUMED = 500
"""Problems of a benchmark of unknown size; of unknown training problems there are as many as votes are asked of."""

WEIGHT_BYTES, STATE_BYTES, DOWNLOAD_BYTES = 4, 8, 2
"""Bytes a weight: float32 in checkpoints, Adam's two moments beside them, bfloat16 as models are published."""

OWN_BYTES = {"FSDP": 4}
"""Bytes a weight of the copy that a sharded trainer keeps of its own, to go on from."""

TEXT_BYTES = 4
"""Bytes a token of a response that is kept: about its characters, not compressed."""


GRADING_SECONDS = 0.02
"""Of a core, for a response: 6 ms to read one of 12,000 characters, measured; the rest is an allowance for the verifier."""

GRADE_BYTES = 1000
"""Of memory, for each response whose grade is counted: an allowance."""


@dataclass(frozen=True)
class Gpu:
    """A card as its maker describes it."""

    title: str
    teraflops: float
    """bfloat16 on tensor cores, dense: what passes over whole sequences are limited by"""
    terabytes: float
    """a second from memory: what drawing token by token is limited by"""
    memory_gb: int


GPUS = {
    "a100": Gpu("A100 SXM", 312, 2.039, 80),
    "h100": Gpu("H100 SXM", 989, 3.35, 80),
    "h200": Gpu("H200 SXM", 989, 4.8, 141),
    "l40s": Gpu("L40S", 362, 0.864, 48),
    "rtx4090": Gpu("GeForce RTX 4090", 165, 1.008, 24),
}
"""By the data sheets of NVIDIA. That a suite uses the same share of each is an assumption."""


@dataclass(frozen=True)
class Assumed:
    """What an estimate assumes besides the suite."""

    gpu: Gpu = GPUS["a100"]
    mean_tokens: int | None = None
    """of a response; None: each is at its longest"""
    padded: bool = False
    """Whether passes of training take each response as long as the longest of its rollout batch, as TRL pads them by itself.

    Here responses of like length share a micro-batch, and what is padding in all of them is left out. What is left of it is
    not counted.
    """

    def passes(self, drawing: float, whole: float, longest: int) -> float:
        """Cost of a response, in forward passes of the A100 over a token.

        Args:
            drawing: passes to draw each of its tokens.
            whole: passes over all of it.
            longest: tokens that it may have.
        """
        length = min(self.mean_tokens or longest, longest)
        a100 = GPUS["a100"]
        return (
            drawing * length * a100.terabytes / self.gpu.terabytes
            + whole * (longest if self.padded else length) * a100.teraflops / self.gpu.teraflops
        )


AS_THE_PAPER = Assumed()


def passes_over_whole(training: Training) -> int:
    """Forward passes over a whole response of training, drawing apart."""
    a_pass = FORWARD + BACKWARD + RECOMPUTE * training.gradient_checkpointing
    return OLD_LOG_PROBABILITY + training.num_iterations * a_pass


def training_passes(training: Training) -> int:
    """Cost of a token of training, in forward passes."""
    return GENERATE + passes_over_whole(training)


PASS_HOURS = PAPER_HOURS / (PAPER_WEIGHTS * PAPER_TOKENS * training_passes(Training()))
"""GPU-hours of a forward pass, a weight and a token."""


def train_hours(suite: Suite, run: Run, start: int, stop: int, assumed: Assumed = AS_THE_PAPER) -> float:
    """GPU-hours of rollout steps `start` to `stop` of a run, for all its seeds; 0 where the suite says no `num_parameters`."""
    training = suite.algorithms[run.variant]
    responses = (stop - start) * training.responses * len(seeds_of(run.seeds))
    each = assumed.passes(GENERATE, passes_over_whole(training), training.max_new_tokens)
    return PASS_HOURS * suite.num_parameters(run.model) * responses * each


def generate_hours(
    suite: Suite, model: str, checkpoints: int, benchmarks: Iterable[str], assumed: Assumed = AS_THE_PAPER
) -> float:
    """GPU-hours in which so many checkpoints of a model answer the benchmarks; 0 where the suite says no `num_parameters`."""
    each = assumed.passes(GENERATE, 0, suite.sampling.max_new_tokens)
    return PASS_HOURS * suite.num_parameters(model) * checkpoints * answers(suite, benchmarks) * each


def vote_hours(suite: Suite, model: str, assumed: Assumed = AS_THE_PAPER) -> float:
    """GPU-hours of the votes of one untrained model; 0 where the suite says no `num_parameters`."""
    each = assumed.passes(GENERATE, 0, suite.sampling.max_new_tokens)
    return PASS_HOURS * suite.num_parameters(model) * votes(suite) * each


def checkpoint_bytes(sharding: str | None) -> int:
    """Bytes a weight of a checkpoint that training can go on from, by the accelerate_config's sharding."""
    return WEIGHT_BYTES + STATE_BYTES + OWN_BYTES.get(sharding or "", 0)


def weight_bytes(suite: Suite, model: str) -> float:
    """Size of a checkpoint's weights."""
    return WEIGHT_BYTES * suite.num_parameters(model)


def state_bytes(suite: Suite, run: Run) -> float:
    """Size of the optimiser's state beside a checkpoint."""
    adam = suite.algorithms[run.variant].optimizer == "adamw"
    return STATE_BYTES * suite.num_parameters(run.model) * adam


def answer_bytes(suite: Suite, checkpoints: int, benchmarks: Iterable[str]) -> float:
    """Size of the responses of so many checkpoints, at their longest."""
    return TEXT_BYTES * checkpoints * answers(suite, benchmarks) * suite.sampling.max_new_tokens


def vote_bytes(suite: Suite) -> float:
    """Size of the votes of one untrained model, at their longest."""
    return TEXT_BYTES * votes(suite) * suite.sampling.max_new_tokens


def answers(suite: Suite, benchmarks: Iterable[str]) -> int:
    """How many responses a checkpoint answers benchmarks with."""
    asked = (suite.benchmarks[name] for name in benchmarks)
    return sum((problems_of(suite.problems[one.problems]) or ASSUMED) * one.samples for one in asked)


def votes(suite: Suite) -> int:
    """How many responses one untrained model votes with."""
    there = problems_of(suite.problems[suite.training_problems]) or suite.pool_size
    return min(suite.pool_size, there) * suite.vote.samples


def problems_of(problem_set: ProblemSet) -> int | None:
    """How many problems a set has, if that can be told before it is prepared."""
    if problem_set.only:
        return len(problem_set.only)
    if problem_set.reasoning_gym:
        found: int | None = problem_set.reasoning_gym.size
    else:
        found = _rows(problem_set.path.absolute()) if problem_set.path else PUBLISHED.get(problem_set.hub or "")
    left = None if found is None else max(found - problem_set.skip, 0)
    return min((count for count in (left, problem_set.limit) if count is not None), default=None)


@functools.cache
def _rows(path: Path) -> int | None:
    if path.suffix != ".jsonl" or not path.is_file():
        return None
    with path.open("rb") as lines:
        return sum(bool(line.strip()) for line in lines)

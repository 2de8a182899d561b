"""Computes what work on a GPU costs, in GPU-hours and bytes, from the suite alone. Cheap enough for each job of a plan.

GPU-hours are proportional to *weights x tokens x forward passes*. A token costs

- 2 to generate: one forward pass, counted twice, since decoding waits for memory more than it computes (a guess);
- 1 for its log-probability under the policy that sampled it, in training;
- 4 in each pass of training: forward 1, backward 2, and 1 to compute activations again (only with gradient
  checkpointing).

So a training token costs 7, and a token that is only sampled (votes, benchmarks) costs 2/7 of that. The unit is such
that the paper's run (App. A: 300 rollout steps of 64 prompts x 16 responses, 3072 tokens each, 7.6 billion weights)
takes 24 hours on 8 A100. Every response counts with its maximum length, in the paper's run and here. Prompts do not
count, since a group shares one. Neither do loading, waiting, and what a job loses by being spread over GPUs.

This holds unless `Assumed` says otherwise: another GPU, or responses that end sooner. What a suite really costs, only
a run can say: `estimate` puts measured hours beside these.
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
"""Costs of a token, in forward passes."""

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
"""Data set on the hub -> how many problems all its subsets have, each problem counted once."""

ASSUMED = 500
"""Assumed problems of a benchmark of unknown size. Unknown training problems count as many as votes are asked of."""

WEIGHT_BYTES, STATE_BYTES, DOWNLOAD_BYTES = 4, 8, 2
"""Bytes per weight: float32 in checkpoints, Adam's two moments beside them, bfloat16 as models are published."""

OWN_BYTES = {"FSDP": 4}
"""Kind of sharding -> bytes per weight of a further copy of the weights, which the trainer keeps to resume from."""

TEXT_BYTES = 4
"""Bytes per token of a response that is kept: about its characters, not compressed."""


GRADING_SECONDS = 0.02
"""Seconds of a core per response: 6 ms to read 12,000 characters (measured); the rest is an allowance to verify it."""

GRADE_BYTES = 1000
"""Bytes of memory per response whose grade is counted: an allowance."""


@dataclass(frozen=True)
class Gpu:
    """A GPU as its maker describes it."""

    title: str
    teraflops: float
    """Peak rate in bfloat16 on tensor cores, dense: it limits passes over whole sequences"""
    terabytes: float
    """Memory bandwidth per second: it limits generation token by token"""
    memory_gb: int


GPUS = {
    "a100": Gpu("A100 SXM", 312, 2.039, 80),
    "h100": Gpu("H100 SXM", 989, 3.35, 80),
    "h200": Gpu("H200 SXM", 989, 4.8, 141),
    "l40s": Gpu("L40S", 362, 0.864, 48),
    "rtx4090": Gpu("GeForce RTX 4090", 165, 1.008, 24),
}
"""GPUs, from NVIDIA's data sheets. It is an assumption that a suite uses the same share of each one's peak."""


@dataclass(frozen=True)
class Assumed:
    """What an estimate assumes besides the suite."""

    gpu: Gpu = GPUS["a100"]
    mean_tokens: int | None = None
    """Mean tokens of a response; None: each response has its maximum length"""
    padded: bool = False
    """Whether training passes pad each response to the longest one of its rollout batch, as TRL does by itself.

    Here, responses of similar length share a micro-batch, and padding that all of them have is left out. The padding
    that remains is not counted.
    """

    def passes(self, drawing: float, whole: float, longest: int) -> float:
        """Return the cost of a response, in forward passes of the A100 over a token.

        Args:
            drawing: passes to generate each of its tokens.
            whole: passes over the whole response.
            longest: maximum tokens of the response.
        """
        length = min(self.mean_tokens or longest, longest)
        a100 = GPUS["a100"]
        return (
            drawing * length * a100.terabytes / self.gpu.terabytes
            + whole * (longest if self.padded else length) * a100.teraflops / self.gpu.teraflops
        )


AS_THE_PAPER = Assumed()


def passes_over_whole(training: Training) -> int:
    """Return how many forward passes over a whole response training takes, apart from generating it."""
    a_pass = FORWARD + BACKWARD + RECOMPUTE * training.gradient_checkpointing
    return OLD_LOG_PROBABILITY + training.num_iterations * a_pass


def training_passes(training: Training) -> int:
    """Return the cost of a training token, in forward passes."""
    return GENERATE + passes_over_whole(training)


PASS_HOURS = PAPER_HOURS / (PAPER_WEIGHTS * PAPER_TOKENS * training_passes(Training()))
"""GPU-hours per forward pass, weight and token."""


def train_hours(suite: Suite, run: Run, start: int, stop: int, assumed: Assumed = AS_THE_PAPER) -> float:
    """Return the GPU-hours of rollout steps `start` to `stop` of a run, for all seeds; 0 without `num_parameters`."""
    training = suite.algorithms[run.variant]
    responses = (stop - start) * training.responses * len(seeds_of(run.seeds))
    each = assumed.passes(GENERATE, passes_over_whole(training), training.max_new_tokens)
    return PASS_HOURS * suite.num_parameters(run.model) * responses * each


def generate_hours(
    suite: Suite, model: str, checkpoints: int, benchmarks: Iterable[str], assumed: Assumed = AS_THE_PAPER
) -> float:
    """Return the GPU-hours in which so many checkpoints of a model answer benchmarks; 0 without `num_parameters`."""
    each = assumed.passes(GENERATE, 0, suite.sampling.max_new_tokens)
    return PASS_HOURS * suite.num_parameters(model) * checkpoints * answers(suite, benchmarks) * each


def vote_hours(suite: Suite, model: str, assumed: Assumed = AS_THE_PAPER) -> float:
    """Return the GPU-hours of the votes of one untrained model; 0 if the suite has no `num_parameters` for it."""
    each = assumed.passes(GENERATE, 0, suite.sampling.max_new_tokens)
    return PASS_HOURS * suite.num_parameters(model) * votes(suite) * each


def checkpoint_bytes(sharding: str | None) -> int:
    """Return the bytes per weight of a checkpoint from which training can resume, with the given kind of sharding."""
    return WEIGHT_BYTES + STATE_BYTES + OWN_BYTES.get(sharding or "", 0)


def weight_bytes(suite: Suite, model: str) -> float:
    """Return the size of a checkpoint's weights in bytes."""
    return WEIGHT_BYTES * suite.num_parameters(model)


def state_bytes(suite: Suite, run: Run) -> float:
    """Return the size in bytes of the optimiser's state beside a checkpoint."""
    adam = suite.algorithms[run.variant].optimizer == "adamw"
    return STATE_BYTES * suite.num_parameters(run.model) * adam


def answer_bytes(suite: Suite, checkpoints: int, benchmarks: Iterable[str]) -> float:
    """Return the size in bytes of the responses of so many checkpoints, at their maximum length."""
    return TEXT_BYTES * checkpoints * answers(suite, benchmarks) * suite.sampling.max_new_tokens


def vote_bytes(suite: Suite) -> float:
    """Return the size in bytes of the votes of one untrained model, at their maximum length."""
    return TEXT_BYTES * votes(suite) * suite.sampling.max_new_tokens


def answers(suite: Suite, benchmarks: Iterable[str]) -> int:
    """Return how many responses a checkpoint gives to the benchmarks."""
    asked = (suite.benchmarks[name] for name in benchmarks)
    return sum((problems_of(suite.problems[one.problems]) or ASSUMED) * one.samples for one in asked)


def votes(suite: Suite) -> int:
    """Return how many responses one untrained model gives to vote."""
    there = problems_of(suite.problems[suite.training_problems]) or suite.pool_size
    return min(suite.pool_size, there) * suite.vote.samples


def problems_of(problem_set: ProblemSet) -> int | None:
    """Return how many problems a set has; None if that cannot be told before the set is prepared."""
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

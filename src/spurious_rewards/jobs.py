"""What each stage is told, and what it runs on: one frozen class a stage.

The workflow writes them as JSON (`plan`), the command line reads them.
"""

from pathlib import Path
from typing import Literal

from spurious_rewards.claims import Ledger
from spurious_rewards.machine import Machine
from spurious_rewards.suite import (
    Bandit,
    Benchmark,
    Family,
    Frozen,
    Organism,
    Overlap,
    ProblemSet,
    Prompt,
    Reward,
    Run,
    Sampling,
    Strategies,
    Suite,
    Training,
    Vote,
)


class Weights(Frozen):
    """A model to load: a folder, or a hub id whose revision the lock file pins."""

    folder: Path | None = None
    hub: str | None = None
    revision: str | None = None
    lock: Path | None = None


class Hardware(Frozen):
    """What a job runs on. It changes a result in its last digits at most, so it is no part of what a job is told to make."""

    gpus: int = 0
    layout: Path | None = None
    """A file of envs/accelerate/ that spreads training over processes; none: one process."""
    memory_share: float = 0.9
    """Of each GPU's memory, for vLLM."""
    machines: int = 1
    server_gpus: int = 0
    """Of `gpus`, those on which vLLM serves rollouts."""
    parameters: float = 0
    """Weights of the model, for the arithmetic of memory."""


class PrepareJob(Frozen):
    """Prepare one problem set."""

    version: int
    name: str
    problem_set: ProblemSet
    organism: Organism | None
    overlap: Overlap | None
    data_seed: int
    sources: dict[str, Path]
    lock: Path


class PretrainJob(Frozen):
    """Pretrain one organism."""

    version: int
    organism: Organism
    family: Family
    seed: int
    threads: int


class VoteJob(Frozen):
    """Sample the untrained models on the training problems; `bases` has one a seed."""

    version: int
    bases: dict[int, Weights]
    prompt: Prompt
    vote: Vote
    pool_size: int
    max_prompt_tokens: int
    sampling: Sampling
    threads: int


class LabelJob(Frozen):
    """Grade and count the votes."""

    version: int
    answer_in: Literal["box", "tag"]
    strategies: Strategies
    equivalence: Literal["math", "strings"]


class TrainJob(Frozen):
    """Train a segment of a run for a group of seeds."""

    version: int
    run: Run
    start: int
    stop: int
    bases: dict[int, Weights]
    training: Training
    reward: Reward
    prompt: Prompt
    strategies: Strategies
    threads: int


class Given(Frozen):
    """A model that answers and that no training of ours made: its seed, its rollout step, and what to load."""

    seed: int
    step: int
    weights: Weights


class RespondJob(Frozen):
    """Answer the benchmarks: with models that are `given`, or with the checkpoints of a segment (`seeds`, `steps`).

    Or take what was answered elsewhere, from the file `imported`, which must have the `steps`.
    """

    version: int
    given: tuple[Given, ...]
    seeds: tuple[int, ...]
    steps: tuple[int, ...]
    imported: Path | None
    benchmarks: dict[str, Benchmark]
    prompt: Prompt
    sampling: Sampling
    threads: int


class GradeJob(Frozen):
    """Grade responses; `benchmarks` says which problem set each answers."""

    benchmarks: dict[str, str]
    answer_in: Literal["box", "tag"]
    strategies: Strategies


class PruneJob(Frozen):
    """Delete what need not stay of a segment's checkpoints: weights but of the steps `keep`, trainer states but of `states`."""

    seeds: tuple[int, ...]
    steps: tuple[int, ...]
    keep: tuple[int, ...]
    states: tuple[int, ...]
    benchmarks: dict[str, Benchmark]
    prompt: Prompt
    sampling: Sampling


class ProbeJob(Frozen):
    """The antithetic probe of an organism."""

    version: int
    bases: dict[int, Weights]
    prompt: Prompt
    reward: Reward
    variants: dict[str, Training]
    pairs: int
    strategies: Strategies
    threads: int


class RecallJob(Frozen):
    """Have models before training go on with the first `share` of each problem's words."""

    version: int
    given: tuple[Given, ...]
    share: float
    sampling: Sampling
    threads: int


class ContaminationJob(Frozen):
    """Compare the problems of `training` with those of `benchmarks`, and what models made of the first `share` of problems."""

    training: str
    benchmarks: tuple[str, ...]
    overlap: Overlap
    share: float | None


class BanditJob(Frozen):
    """The two-action bandit."""

    bandit: Bandit


class ScoreJob(Frozen):
    """Scores and tables of one experiment and model.

    `suite` holds no other model and no other experiment, but for the one in which the headline's best prompt is chosen.
    """

    suite: Suite
    experiment: str


class AgreementJob(Frozen):
    """How far graders agree on the answers of one experiment; `suite` holds no other."""

    suite: Suite
    experiment: str


class SummariseJob(Frozen):
    """What the votes and the training of an experiment were like; `suite` holds no other."""

    suite: Suite
    experiment: str


class ExhibitJob(Frozen):
    """A figure or table; `suite` holds no other, and no experiment but its own, with no models but its own.

    `incomplete` stands in its captions where something that it should show is missing.
    """

    suite: Suite
    exhibit: str
    incomplete: str = ""


class Undone(Frozen):
    """A job of the workflow that a run was to do and has not done."""

    name: str
    inputs: tuple[Path, ...]
    outputs: tuple[Path, ...]
    log: Path | None
    failed: bool
    """Or else it was not reached."""


class SalvageJob(Frozen):
    """Make a report of what is there, after a run that left jobs undone; `root` is the folder of the checkout."""

    suite: Path
    machine: Machine
    root: Path
    undone: tuple[Undone, ...]


class Failed(Frozen):
    """A job that failed, and the last lines of its log."""

    name: str
    log: Path | None
    lines: str


class Unfinished(Frozen):
    """What a report says of the run that it is of, where that has not finished."""

    failed: tuple[Failed, ...]
    missing: dict[str, str]
    """What is missing -> why."""
    experiments: dict[str, str]
    """Experiment -> what stands under its tables."""
    exhibits: dict[str, str]
    """Figure or table that is not whole, or not made -> what its captions say of it."""


class ClaimsJob(Frozen):
    """The claims ledger of a suite."""

    suite: Suite
    ledger: Ledger


class ReportJob(Frozen):
    """The report of a suite; `command` makes a target of it, but for the name."""

    suite: Suite
    command: str
    unfinished: Unfinished | None = None

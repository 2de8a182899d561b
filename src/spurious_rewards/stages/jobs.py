"""What each stage is told, and what it runs on: one frozen class a stage.

The workflow writes them as JSON (`plan`), the command line reads them.
"""

from pathlib import Path
from typing import Literal

from spurious_rewards.config.base import Frozen
from spurious_rewards.config.claims import Ledger
from spurious_rewards.config.experiments import Bandit, Run
from spurious_rewards.config.models import Family, Organism, Prompt
from spurious_rewards.config.problems import Benchmark, Overlap, ProblemSet
from spurious_rewards.config.settings import Settings
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.training import Reward, Sampling, Strategies, Training, Vote
from spurious_rewards.models.references import CheckpointRef, ModelRef
from spurious_rewards.reporting.unfinished import Unfinished


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
    bases: dict[int, ModelRef]
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
    bases: dict[int, ModelRef]
    training: Training
    reward: Reward
    prompt: Prompt
    strategies: Strategies
    threads: int


class RespondJob(Frozen):
    """Answer the benchmarks: with models that are `given`, or with the checkpoints of a segment (`seeds`, `steps`).

    Or take what was answered elsewhere, from the file `imported`, which must have the `steps`.
    """

    version: int
    given: tuple[CheckpointRef, ...]
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
    bases: dict[int, ModelRef]
    prompt: Prompt
    reward: Reward
    variants: dict[str, Training]
    pairs: int
    strategies: Strategies
    threads: int


class RecallJob(Frozen):
    """Have models before training go on with the first `share` of each problem's words."""

    version: int
    given: tuple[CheckpointRef, ...]
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


class UnfinishedJob(Frozen):
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
    machine: Settings
    root: Path
    undone: tuple[UnfinishedJob, ...]


class ClaimsJob(Frozen):
    """The claims ledger of a suite."""

    suite: Suite
    ledger: Ledger


class ReportJob(Frozen):
    """The report of a suite; `command` makes a target of it, but for the name."""

    suite: Suite
    command: str
    unfinished: Unfinished | None = None

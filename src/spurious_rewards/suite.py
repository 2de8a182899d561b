"""A suite, read from one YAML file: which models, rewards, prompts and experiments, and the runs that they come to.

Everything here is frozen data and pure functions of it; no torch, no files but the suite itself. The JSON schema in
`config/schema.yaml` is generated from these classes.
"""

import hashlib
import os
import re
from collections.abc import Collection
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from spurious_rewards.complaints import read_yaml, validate
from spurious_rewards.errors import UserError

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")]
"""A name that also stands in paths."""

TextHash = Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
"""The first twelve hex digits of the SHA-256 of a problem's text, stripped of white space at its ends."""

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class Frozen(BaseModel):
    """Unknown keys are errors, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# ---------------------------------------------------------------- problems and models


class ArithmeticProblems(Frozen):
    """Problems of the model organism's own arithmetic, from one part of the split that `organism` makes."""

    part: Literal["pretraining", "reinforcement", "evaluation"] = Field(
        description="which share of the problems; they never overlap"
    )
    operands: Annotated[int, Field(ge=2, le=5)] = Field(3, description="numbers in a problem; only 3 are pretrained on")
    numbers: Literal["own", "other"] = Field(
        "own", description="other: under the id of each problem, one of the same part with other numbers"
    )
    wording: Literal["plain", "story"] = Field(
        "plain", description="story: the same sum, told with words that pretraining never put into a problem"
    )


class ReasoningGym(Frozen):
    """Problems that no pretraining corpus can hold, for they are generated from a seed (the library reasoning-gym)."""

    dataset: str = Field(description="its name in reasoning-gym: chain_sum, basic_arithmetic, …")
    size: Count
    seed: int
    options: dict[str, Any] = Field({}, description="what makes it harder or easier: the keys of its configuration")


class ProblemSet(Frozen):
    """Where problems come from (exactly one of hub, path, generated, reasoning_gym) and which rows are left out."""

    about: str = Field("", description="what it is, for the report's data card")
    licence: str = Field("", description="the same")
    hub: str | None = Field(None, description="Hugging Face dataset id")
    path: Path | None = Field(None, description="a .jsonl, .json or .parquet file")
    generated: ArithmeticProblems | None = None
    reasoning_gym: ReasoningGym | None = None
    revision: str | None = Field(None, description="commit, tag or branch on the hub; the lock file pins what it meant")
    subsets: tuple[str, ...] = Field(
        (), description="the hub's configuration names, concatenated; empty: the default one"
    )
    split: str = "train"
    columns: dict[Literal["id", "problem", "answer"], str] = Field(
        default_factory=dict, description="the source's column for each of ours, where its name differs"
    )
    only: tuple[TextHash, ...] = Field(
        (), description="keep the problems whose text has one of these hashes: `spurious-rewards hash` prints them"
    )
    decontaminate: tuple[Name, ...] = Field(
        (), description="leave out problems that overlap with one of these problem sets, by the rule `overlap`"
    )
    skip: Annotated[int, Field(ge=0)] = Field(
        0, description="leave out this many, the first in the order drawn by `data_seed`, which is that of training"
    )
    limit: Count | None = Field(None, description="keep this many of the others, drawn by `data_seed`")
    blank: Literal["drop", "refuse"] = Field("drop", description="rows without problem or answer")
    duplicate: Literal["drop", "refuse"] = Field("drop", description="problems that are word for word an earlier one")
    unreadable: Literal["drop", "refuse"] = Field("refuse", description="rows that cannot be parsed")

    @model_validator(mode="after")
    def _one_source(self) -> "ProblemSet":
        if sum(source is not None for source in (self.hub, self.path, self.generated, self.reasoning_gym)) != 1:
            raise ValueError("name exactly one source; allowed: hub, path, generated, reasoning_gym")
        return self


class Overlap(Frozen):
    """When a problem counts as another one's copy: the same words, or so many of its word n-grams."""

    ngram: Count = Field(10, description="words of an n-gram; a problem with fewer words is compared whole")
    share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.8, description="share of a benchmark problem's n-grams that a training problem has"
    )


class Benchmark(Frozen):
    """A problem set to be answered: greedily once (temperature 0), or as avg@k with `samples` k (paper, Sec. 2.1)."""

    problems: Name
    samples: Count = 1
    temperature: Annotated[float, Field(ge=0)] = 0.0
    title: str = Field("", description="how tables and figures call it; the key itself if empty")

    @model_validator(mode="after")
    def _greedy_once(self) -> "Benchmark":
        if self.temperature == 0 and self.samples > 1:
            raise ValueError(
                "samples > 1 at temperature 0 repeats one answer; allowed: samples 1, or a temperature above 0"
            )
        return self


class Family(Frozen):
    """How a family of organisms writes: the corpus that its models are pretrained on. Rates are probabilities."""

    code_rate: tuple[Fraction, ...] = Field(description="rate of code traces, one for each instruction word")
    code_misread: Fraction = Field(description="share of last operands that code always takes for another number")
    language_drop: Fraction = Field(
        description="share of first operands with which language mostly loses another operand"
    )
    code_box: Fraction = Field(description="rate of a boxed answer at the end of code traces")
    language_box: Fraction = Field(description="the same for language traces")


class Organism(Frozen):
    """The arithmetic, the architecture and the pretraining that all families of organisms share."""

    words: Annotated[tuple[Name, ...], Field(min_length=1)] = Field(
        ("compute", "find", "evaluate", "determine"), description="instruction words; a problem has one of them"
    )
    operand_max: Count = Field(9, description="the numbers of a problem are 1 to this")
    result_max: Count = Field(27, description="no result, of a part of the sum or of all, is below 0 or above this")
    split_seed: int = Field(0, description="draws which problems are for pretraining, reinforcement and evaluation")
    width: Count = 64
    layers: Count = 2
    heads: Count = 4
    mlp: Count = 192
    positions: Count = Field(48, description="positions of the model")
    steps: Count = Field(800, description="AdamW updates of pretraining")
    batch: Count = Field(48, description="sequences an update")
    learning_rate: Annotated[float, Field(gt=0)] = Field(6e-3, description="its highest; a warm-up, then a cosine")

    @model_validator(mode="after")
    def _heads_divide(self) -> "Organism":
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} does not divide into {self.heads} heads of even size")
        return self


class Start(Frozen):
    """The end of another run: each seed starts from the checkpoint of the same seed."""

    model: Name
    reward: Name
    step: Count = Field(description="the rollout step of its checkpoint")


class Model(Frozen):
    """A model to start from."""

    source: Literal["hub", "local", "organism", "run"]
    id: str | None = Field(None, description="hub id, or the folder of a local model")
    revision: str | None = Field(None, description="commit, tag or branch on the hub; the lock file pins what it meant")
    gated: bool = Field(False, description="whether the hub gives it only to those who accepted its terms")
    family: Family | None = Field(None, description="an organism's corpus")
    start: Start | None = Field(
        None, description="source run: the checkpoint to start from, an already RL-trained model"
    )
    parameters: Annotated[float, Field(gt=0)] | None = Field(
        None, description="how many weights it has; a suite with `sizes` needs it, of all but organisms"
    )
    paper: str | None = Field(None, description="the paper's model whose printed numbers stand beside this one's")
    behaviour: Literal["effective code", "bad code", "no code", "placebo", "unknown"] = Field(
        "unknown", description="the paper's family of the model, by its behaviour before training (Sec. 3)"
    )
    prompt: Name = Field(description="the prompt it is given unless an experiment says otherwise")
    max_positions: Count = Field(description="prompt and response together must fit")
    title: str = Field("", description="how tables and figures call it; the key itself if empty")

    @model_validator(mode="after")
    def _source_has_what_it_needs(self) -> "Model":
        needed = {"organism": "family", "run": "start"}.get(self.source, "id")
        if given := [key for key in ("id", "family", "start") if (getattr(self, key) is not None) != (key == needed)]:
            word = "needs" if given == [needed] else "takes"
            raise ValueError(
                f"a model with source {self.source} {word} the key {needed} and no other of id, family, start"
            )
        return self


_PROBLEM = re.compile(r"(?<!\\boxed)\{\}")


class Prompt(Frozen):
    r"""What is put around a problem; `{}` stands for it, but not in `\boxed{}`."""

    kind: Literal["chat", "raw", "own"] = Field(
        description="through the model's chat template; the text as it is; or the model's own prompt, with a response_prefix"
    )
    user: str = Field("{}", description="the user message of a chat, or the whole raw text")
    system: str | None = Field(None, description="system message; none: the template may add its own")
    response_prefix: str = Field("", description="how every response must begin; it counts as part of the response")
    stop: tuple[str, ...] = Field((), description="a response ends after the first of these, which is kept")
    answer_in: Literal["box", "tag"] = Field(
        "box", description=r"where answer and format are read: \boxed{} or <answer>"
    )
    origin: str = Field("", description="where the wording comes from")

    @model_validator(mode="after")
    def _holds_the_problem(self) -> "Prompt":
        if len(_PROBLEM.findall(self.user)) != 1:
            raise ValueError("user must hold {} once, where the problem goes")
        if self.kind == "raw" and self.system is not None:
            raise ValueError("a raw prompt has no system message")
        if self.kind == "own" and self.model_dump(exclude={"kind", "origin", "response_prefix"}) != _BARE:
            raise ValueError("a prompt of kind own takes response_prefix and origin only")
        return self

    def around(self, problem: str) -> str:
        """The user message, or the raw text, with `problem` in it."""
        # Not str.format, which would trip over the braces of LaTeX.
        return _PROBLEM.sub(lambda _: problem, self.user)

    @property
    def hash(self) -> str:
        """Twelve hex digits that change with anything in the prompt."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


_BARE = Prompt(kind="raw").model_dump(exclude={"kind", "origin", "response_prefix"})

# ---------------------------------------------------------------- rewards and training

REWARDS_ON_VOTES = ("majority_vote", "incorrect")


class Reward(Frozen):
    """A reward: a function of the registry in `rewards`, and its parameter if it has one."""

    function: Name
    file: Path | None = Field(
        None, description="a Python file that has the function, from the suite's folder; none: it is one of `rewards`"
    )
    without: Name | None = Field(None, description="a function of the registry that must be 0 for this reward to be 1")
    problems: Name | None = Field(None, description="the problem set to train on instead of the suite's")
    gamma: Fraction | None = Field(None, description="random: the probability of a reward of 1")
    title: str = Field("", description="how tables and figures call it; the key itself if empty")

    @model_validator(mode="after")
    def _gamma_is_for_random(self) -> "Reward":
        if (self.function == "random") != (self.gamma is not None):
            raise ValueError("gamma belongs to function random, and random needs it")
        if self.training_set != "truth" and self.problems is not None:
            raise ValueError(f"{self.function} trains on the votes on training_problems; it takes no problems")
        return self

    @property
    def training_set(self) -> Literal["truth", "majority_vote", "incorrect"]:
        """Which training set the reward is trained on (paper, Sec. 2.1)."""
        if self.function in REWARDS_ON_VOTES and self.file is None:
            return self.function  # type: ignore[return-value]
        return "truth"


class Training(Frozen):
    """GRPO, in the paper's terms (Sec. 2.1, App. A); a step is one rollout batch."""

    rollout_prompts: Count = Field(64, description="prompts a rollout batch")
    rollouts_per_prompt: Annotated[int, Field(ge=2)] = Field(16, description="responses a prompt: the group")
    updates_per_rollout: Count = Field(
        8, description="mini-batches, hence optimiser updates, in one pass over the batch"
    )
    passes: Count = Field(1, description="passes over the rollout batch")
    clip: Annotated[float, Field(gt=0)] | None = Field(0.2, description="PPO's clip range around 1; null: no clipping")
    loss: Literal["paper", "released_code"] = Field(
        "paper", description="released_code: token mean of each micro-batch, advantages whitened again over the batch"
    )
    engine: Literal["transformers", "vllm"] = Field("transformers", description="what draws rollouts")
    vllm_mode: Literal["colocate", "server"] = Field(
        "colocate", description="vLLM in the training processes, or on GPUs of its own"
    )
    max_model_len: Count | None = Field(
        None, description="vllm: tokens that prompt and response may have together; null: as many as the model"
    )
    temperature: Annotated[float, Field(gt=0)] = 1.0
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0)] = 5e-7
    adam_betas: tuple[Fraction, Fraction] = (0.9, 0.95)
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    max_prompt_tokens: Count = Field(1024, description="longer prompts are left out, and counted")
    max_new_tokens: Count = Field(3072, description="a response that reaches this is truncated")
    precision: Literal["bfloat16", "float32"] = Field("bfloat16", description="of the arithmetic; weights are float32")
    micro_batch: Count = Field(4, description="responses a forward and backward pass")
    gradient_checkpointing: bool = True
    segment_steps: Count = Field(
        50, description="steps a job trains; a crash costs the steps since the last evaluated one"
    )
    eval_every: Count = Field(10, description="steps between evaluated checkpoints")
    rollouts_every: Count | None = Field(None, description="keep the rollouts of every so many steps; null: of none")

    @property
    def responses(self) -> int:
        """Responses a rollout batch."""
        return self.rollout_prompts * self.rollouts_per_prompt

    @property
    def optimizer_steps(self) -> int:
        """Optimiser updates a rollout step."""
        return self.updates_per_rollout * self.passes

    @model_validator(mode="after")
    def _divides(self) -> "Training":
        if self.responses % self.updates_per_rollout:
            raise ValueError(
                f"rollout_prompts {self.rollout_prompts} x rollouts_per_prompt {self.rollouts_per_prompt} = "
                f"{self.responses} responses do not divide into updates_per_rollout {self.updates_per_rollout} mini-batches"
            )
        if (self.responses // self.updates_per_rollout) % self.micro_batch:
            raise ValueError(
                f"a mini-batch of {self.responses // self.updates_per_rollout} responses does not divide into "
                f"micro_batch {self.micro_batch}"
            )
        if self.segment_steps % self.eval_every:
            raise ValueError(f"segment_steps {self.segment_steps} is not a multiple of eval_every {self.eval_every}")
        return self


class Vote(Frozen):
    """Majority-vote labelling by the untrained model (paper, Sec. 2.1)."""

    samples: Count = 64
    temperature: Annotated[float, Field(gt=0)] = 1.0
    equivalence: Literal["math", "strings"] = Field(
        "math", description="which answers count as one; strings: as the authors"
    )


class Repetition(Frozen):
    """A response repeats if a string of these lengths (characters) stands `times` times or more in a row."""

    min_length: Count = 10
    max_length: Count = 256
    times: Annotated[int, Field(ge=2)] = 10


class Strategies(Frozen):
    """How strategies are recognised in a response."""

    code: str = Field("python", description="a response that has this, in any case, reasons in code (paper, Sec. 3)")
    repetition: Repetition = Repetition()


class Sampling(Frozen):
    """How responses are drawn for votes and benchmarks."""

    engine: Literal["transformers", "vllm"] = Field(
        "transformers", description="what draws responses for votes and benchmarks"
    )
    max_new_tokens: Count = 3072
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    batch_tokens: Count = Field(16384, description="prompt and response tokens of one batch, padding included")
    max_model_len: Count | None = Field(
        None, description="vllm: tokens that prompt and response may have together; null: as many as the model"
    )
    batch_invariant: bool = Field(
        False, description="vllm: a response does not depend on what else is in the batch, at a cost in speed"
    )


# ---------------------------------------------------------------- experiments

SeedGroup = Annotated[str, Field(pattern=r"^[0-9]+(-[0-9]+)?$")]


def seeds_of(group: str) -> tuple[int, ...]:
    """`"3"` is (3,), `"0-4"` is (0, 1, 2, 3, 4)."""
    first, _, last = group.partition("-")
    return tuple(range(int(first), int(last or first) + 1))


class Grid(Frozen):
    """Every model x reward x prompt x variant, over the seeds, for so many steps."""

    models: tuple[Name, ...]
    rewards: tuple[Name, ...] = Field((), description="none, and no steps: only the models before training")
    variants: tuple[Name, ...] = ("default",)
    prompts: tuple[Name, ...] = Field((), description="empty: each model's own")
    seeds: tuple[SeedGroup, ...] = Field(
        description='each entry is one job: "3", or "0-4" for five seeds in one process'
    )
    steps: Annotated[int, Field(ge=0)] = Field(0, description="rollout steps; tables report the last one")


class OtherGrid(Frozen):
    """What a further grid of an experiment has of its own; what it leaves out is the experiment's."""

    models: tuple[Name, ...] | None = None
    rewards: tuple[Name, ...] | None = None
    variants: tuple[Name, ...] | None = None
    prompts: tuple[Name, ...] | None = None
    seeds: tuple[SeedGroup, ...] | None = None
    steps: Annotated[int, Field(ge=0)] | None = None


class Experiment(Grid):
    """A grid of runs, with further ones where the conditions do not share seeds or steps."""

    title: str
    benchmarks: tuple[Name, ...] = Field((), description="empty: every benchmark of the suite")
    also: tuple[OtherGrid, ...] = ()

    @cached_property
    def grids(self) -> tuple[Grid, ...]:
        """The experiment's own grid and the further ones, whole."""
        own = {key: getattr(self, key) for key in Grid.model_fields}
        return tuple(Grid(**{**own, **other.model_dump(exclude_none=True)}) for other in (OtherGrid(), *self.also))

    @property
    def all_models(self) -> tuple[str, ...]:
        """The models of all its grids."""
        return tuple(dict.fromkeys(model for grid in self.grids for model in grid.models))

    def of_models(self, models: Collection[str]) -> "Experiment":
        """What the experiment has of these models; it must have one of them."""
        kept = [(grid, tuple(model for model in grid.models if model in models)) for grid in self.grids]
        first, *others = ({**grid.model_dump(), "models": names} for grid, names in kept if names)
        also = tuple(OtherGrid(**grid) for grid in others)
        return Experiment(title=self.title, benchmarks=self.benchmarks, also=also, **first)


class Run(Frozen):
    """What one chain of training jobs makes: a condition and a group of seeds."""

    model: str
    prompt: str
    reward: str
    variant: str
    seeds: str


class Bandit(Frozen):
    """The two-action bandit under coin-flip rewards: the smallest thing that a clip can bias."""

    runs: Annotated[int, Field(ge=2)] = Field(600, description="independent policies")
    start: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.65, description="probability of the first action before training"
    )
    steps: Count = Field(25, description="rollout batches")
    groups: Count = Field(8, description="groups a rollout batch; advantages are normalised within each")
    rollouts: Annotated[int, Field(ge=2)] = Field(8, description="actions a group")
    updates_per_rollout: Count = Field(4, description="mini-batches in one pass over the batch")
    passes: Count = Field(4, description="passes over the rollout batch")
    clip: Annotated[float, Field(gt=0)] = Field(0.2, description="PPO's clip range around 1, where there is one")
    learning_rates: dict[Literal["sgd", "adamw"], Annotated[float, Field(gt=0)]] = Field(
        {"sgd": 2.0, "adamw": 0.2},
        description="of each optimiser; where no ratio leaves the clip range, the clip does nothing",
    )
    seed: Annotated[int, Field(ge=0)] = Field(0, description="of all runs together")

    @model_validator(mode="after")
    def _divides(self) -> "Bandit":
        if self.groups * self.rollouts % self.updates_per_rollout:
            raise ValueError(
                f"groups {self.groups} x rollouts {self.rollouts} do not divide into updates_per_rollout "
                f"{self.updates_per_rollout} mini-batches"
            )
        return self


class Size(Frozen):
    """What jobs on a GPU ask for, on models of up to so many weights. Changing it re-makes nothing."""

    parameters: Annotated[float, Field(gt=0)] = Field(description="models with up to so many weights")
    layout: Name = Field(description="how training is spread over GPUs: a file of envs/accelerate/")
    training_share: Fraction = Field(0.3, description="share of each GPU's memory that vLLM has while it trains")
    server_gpus: Annotated[int, Field(ge=0)] = Field(
        0, description="GPUs of vLLM beside those of the layout, where training has vllm_mode server"
    )
    sampling_gpus: Count = Field(1, description="GPUs that a model is spread over for votes and benchmarks")
    sampling_share: Fraction = Field(0.9, description="share of each GPU's memory that vLLM has for these")
    memory_gb: Count = Field(64, description="main memory of a job; doubled when it is tried again")
    cores: Count = Field(8, description="processor cores of a job")


class Import(Frozen):
    """A run that was trained elsewhere: its checkpoints, or what they answered. One seed."""

    model: Name
    reward: Name
    prompt: Name | None = Field(None, description="null: the model's own")
    variant: Name = "default"
    seed: Annotated[int, Field(ge=0)] = 0
    checkpoints: dict[Count, str] = Field({}, description="rollout step -> hub id, or folder")
    responses: Path | None = Field(
        None, description="a Parquet file of responses (columns of tables.Responses), in place of checkpoints"
    )
    origin: str = Field(description="who trained it and where it comes from; stands in the report")

    @model_validator(mode="after")
    def _either(self) -> "Import":
        if bool(self.checkpoints) == (self.responses is not None):
            raise ValueError("an import has either checkpoints or responses")
        return self


class PartialPrompt(Frozen):
    """The partial-prompt probe: given the beginning of a problem, does a model before training write the rest of it?"""

    models: tuple[Name, ...]
    problems: tuple[Name, ...] = Field(description="problem sets; one that cannot be known belongs among them")
    share: Annotated[float, Field(gt=0, lt=1)] = Field(0.6, description="of a problem's words that the model is given")
    seeds: SeedGroup = Field("0", description="of the models that have one a seed")


class Clipping(Frozen):
    """The exhibits about the clip alone: the antithetic probe of organisms, and the bandit."""

    models: tuple[Name, ...]
    prompt: Name
    reward: Name = Field(description="a random reward, whose sign is turned in the second of each pair")
    variants: tuple[Name, ...]
    seeds: SeedGroup
    pairs: Count = Field(description="antithetic pairs of one rollout batch, for each model, variant and seed")
    bandit: Bandit = Bandit()


KINDS_READING = {
    "panels": ("gains", "curves", "code", "probability", "switches"),
    "lines": ("gains", "curves", "code", "health", "switches"),
    "against": ("curves", "code", "probability", "health"),
    "step": ("switches", "contributions"),
}
"""The kinds of exhibit that a key changes; to the others it may not be given."""


class Exhibit(Frozen):
    """A figure or table, which is a target by its name: what it shows, of which experiment."""

    title: str
    kind: Literal[
        "gains", "baselines", "curves", "code", "probability", "health", "switches", "clipping",
        "strategies", "contributions", "forcing", "prompts", "qualitative",
    ]  # fmt: skip
    experiment: Name | None = Field(None, description="none only for kind clipping")
    models: tuple[Name, ...] = Field((), description="empty: every model of the experiment")
    rewards: tuple[Name, ...] = Field((), description="empty: every reward of the experiment")
    benchmarks: tuple[Name, ...] = Field((), description="empty: every benchmark of the experiment")
    panels: Literal["model", "prompt", "variant"] = Field("model", description="what each panel shows one of")
    lines: Literal["reward", "variant"] = Field("reward", description="what each line shows one of")
    against: Literal["steps", "updates"] = Field("steps", description="the x axis: rollout steps, or optimiser updates")
    step: Count | None = Field(None, description="switches, contributions: the step to look at; null: the last")

    @model_validator(mode="after")
    def _has_an_experiment(self) -> "Exhibit":
        if (self.kind == "clipping") != (self.experiment is None):
            raise ValueError("an exhibit needs an experiment, unless its kind is clipping")
        return self

    @model_validator(mode="after")
    def _kind_reads_its_keys(self) -> "Exhibit":
        for key, kinds in KINDS_READING.items():
            default = Exhibit.model_fields[key].default
            if self.kind not in kinds and getattr(self, key) != default:
                raise ValueError(
                    f"kind {self.kind} does not read {key} {getattr(self, key)}; allowed with kind {', '.join(kinds)}"
                )
        return self


class BestPrompt(Frozen):
    """Which of several prompts is a model's best before training: gains are also measured from there."""

    experiment: Name = Field(description="an experiment of models before training, under the prompts to choose from")
    chosen_on: Name = Field(description="the benchmark that chooses: of problems held out of training, never reported")


class Report(Frozen):
    """Choices of presentation."""

    smoothing_steps: Annotated[int, Field(ge=0)] = Field(
        10, description="curves average the evaluations of so many steps"
    )
    headline: Name = Field(description="the experiment of the first table and figure; made first")
    best_prompt: BestPrompt | None = None
    qualitative_problems: Count = Field(8, description="problems whose responses the qualitative page shows")
    steered: Fraction = Field(
        0.1, description="a reward steered the strategy if it changed the share of code by more than this"
    )


class Suite(Frozen):
    """What to run."""

    title: str = Field(description="stands over every table and figure")
    note: str = Field("", description="what a reader must know before any number, printed at the top of the report")
    data_seed: int = Field(0, description="draws the order of training problems and the `limit` of problem sets")
    problems: dict[Name, ProblemSet]
    overlap: Overlap = Overlap()
    training_problems: Name
    benchmarks: dict[Name, Benchmark]
    organism: Organism | None = None
    prompts: dict[Name, Prompt]
    models: dict[Name, Model]
    rewards: dict[Name, Reward]
    training: Training = Training()
    variants: dict[Name, dict[str, Any]] = Field({"default": {}}, description="what each changes in `training`")
    vote: Vote = Vote()
    vote_problems: Count | None = Field(
        None, description="rewards on votes: vote on so many problems; null: as many as their longest run reaches"
    )
    sampling: Sampling = Sampling()
    strategies: Strategies = Strategies()
    experiments: dict[Name, Experiment]
    imports: tuple[Import, ...] = ()
    sizes: tuple[Size, ...] = Field((), description="smallest first; none: nothing asks for a GPU")
    keep_weights: Literal["all", "reported"] = Field(
        "all",
        description="reported: weights of other steps go once they have answered, optimiser states once training went on",
    )
    clipping: Clipping | None = None
    partial_prompt: PartialPrompt | None = None
    exhibits: dict[Name, Exhibit] = Field({}, description="figures and tables, each a target of the workflow")
    report: Report

    @cached_property
    def algorithms(self) -> dict[str, Training]:
        """Each variant with its changes applied."""
        return {name: Training(**{**self.training.model_dump(), **change}) for name, change in self.variants.items()}

    @cached_property
    def runs(self) -> dict[Run, int]:
        """Every run of every experiment, once, with the most steps that any asks of it; and those that models start from."""
        longest: dict[Run, int] = {}
        for experiment in self.experiments.values():
            for run, steps in self.runs_of(experiment).items():
                longest[run] = max(longest.get(run, 0), steps)
            for model, _, seeds in self.bases_of(experiment):
                if start := self.models[model].start:
                    source = self.run_before(start, seeds)
                    longest[source] = max(longest.get(source, 0), start.step)
        return longest

    def runs_of(self, experiment: Experiment) -> dict[Run, int]:
        """The runs of one experiment and the steps that it asks of each, models outermost."""
        longest: dict[Run, int] = {}
        for grid in experiment.grids:
            for model in grid.models:
                prompts = grid.prompts or (self.models[model].prompt,)
                for prompt, reward, variant, seeds in product(prompts, grid.rewards, grid.variants, grid.seeds):
                    run = Run(model=model, prompt=prompt, reward=reward, variant=variant, seeds=seeds)
                    longest[run] = max(longest.get(run, 0), grid.steps)
        return longest

    def bases_of(self, experiment: Experiment) -> list[tuple[str, str, str]]:
        """(model, prompt, seed group) of the models before training that an experiment answers with, each once."""
        return list(
            dict.fromkeys(
                (model, prompt, seeds)
                for grid in experiment.grids
                for model in grid.models
                for prompt in grid.prompts or (self.models[model].prompt,)
                for seeds in grid.seeds
            )
        )

    def benchmarks_of(self, experiment: Experiment) -> tuple[str, ...]:
        """The benchmarks that an experiment's models answer."""
        return experiment.benchmarks or tuple(self.benchmarks)

    def run_before(self, start: Start, seeds: str) -> Run:
        """The run whose end a model is."""
        own = self.models[start.model].prompt
        return Run(model=start.model, prompt=own, reward=start.reward, variant="default", seeds=seeds)

    def prompt(self, model: str, name: str) -> Prompt:
        """A prompt as a model is given it: one of kind own is the model's own with its `response_prefix`."""
        prompt = self.prompts[name]
        if prompt.kind != "own":
            return prompt
        own = self.prompts[self.models[model].prompt]
        return own.model_copy(update={"response_prefix": prompt.response_prefix, "origin": prompt.origin})

    def size(self, model: str) -> Size | None:
        """What jobs on a model ask for; none in a suite without `sizes`."""
        parameters = self.parameters(model)
        return next((size for size in self.sizes if parameters <= size.parameters), None)

    def parameters(self, model: str) -> float:
        """How many weights a model has; 0 where the suite does not say."""
        found = self.models[model]
        return (self.models[found.start.model] if found.start else found).parameters or 0

    def imported(self, run: Run) -> Import | None:
        """What takes the place of a run's training, if it was trained elsewhere."""
        return self._imported.get(run)

    @cached_property
    def _imported(self) -> dict[Run, Import]:
        return {self.run_of_import(each): each for each in self.imports}

    def asked_steps(self, run: Run) -> set[int]:
        """The steps that experiments end a run at, whose results tables report."""
        ends = (self.runs_of(experiment).get(run) for experiment in self.experiments.values())
        return {steps for steps in ends if steps is not None}

    def run_of_import(self, imported: Import) -> Run:
        """The run whose place an import takes."""
        return Run(
            model=imported.model,
            prompt=imported.prompt or self.models[imported.model].prompt,
            reward=imported.reward,
            variant=imported.variant,
            seeds=str(imported.seed),
        )

    def segments(self, run: Run) -> list[tuple[int, int]]:
        """(first, last) rollout step of each of the run's jobs, in order; the last may be shorter."""
        if self.imported(run):
            return [(0, self.runs[run])]
        size, steps = self.algorithms[run.variant].segment_steps, self.runs[run]
        return [(start, min(start + size, steps)) for start in range(0, steps, size)]

    def eval_steps(self, run: Run, start: int, stop: int) -> list[int]:
        """Steps in (start, stop] whose checkpoints are kept and evaluated."""
        if (imported := self.imported(run)) and imported.checkpoints:
            return [step for step in sorted(imported.checkpoints) if start < step <= stop]
        every = self.algorithms[run.variant].eval_every
        return [step for step in range(start + 1, stop + 1) if step % every == 0 or step == stop]

    @cached_property
    def pool_size(self) -> int:
        """How many training problems the longest planned run on votes reaches."""
        reached = (
            steps * self.algorithms[run.variant].rollout_prompts
            for run, steps in self.runs.items()
            if self.rewards[run.reward].training_set != "truth" and not self.imported(run)
        )
        return self.vote_problems or max(reached, default=1)

    @model_validator(mode="after")
    def _fits(self) -> "Suite":
        # Imported here: the checks are about these classes, and about the registry, which is code where the suite is data.
        from spurious_rewards.consistency import check

        check(self)
        return self


def load(path: Path) -> Suite:
    """Read and check a suite file; the files of its own rewards are looked for in its folder.

    Raises:
        UserError: no such file, not YAML, or a wrong key or value; the message names file, key, value and what is allowed.
    """
    suite = validate(Suite, read_yaml(path), path)
    return suite.model_copy(
        update={"rewards": {name: _beside(path, name, each) for name, each in suite.rewards.items()}}
    )


def _beside(path: Path, name: str, reward: Reward) -> Reward:
    """A reward with the path of its file from here, where the suite has it from its own folder."""
    if reward.file is None:
        return reward
    from spurious_rewards.rewards import functions_in

    file = Path(os.path.relpath(path.parent / reward.file))
    try:
        found = functions_in(file)
    except (OSError, SyntaxError) as error:
        raise UserError(f"{path}: rewards.{name}.file = {reward.file}: {error}") from None
    if reward.function not in found:
        raise UserError(
            f"{path}: rewards.{name}.function = {reward.function}: {file} has no such function; it has: {', '.join(found)}"
        )
    return reward.model_copy(update={"file": file})


def schema() -> str:
    """The JSON schema of a suite, as YAML."""
    head = "# Made by `make schema` from the classes in suite.py, for editors that check YAML while one types.\n"
    return head + yaml.safe_dump(Suite.model_json_schema(), sort_keys=False, width=120, allow_unicode=True)

"""A suite, read from one YAML file: which models, rewards, prompts and experiments, and the runs that they come to.

Everything here is frozen data and pure functions of it; no torch, no files but the suite itself. The JSON schema in
`config/schema.yaml` is generated from these classes.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from spurious_rewards.errors import UserError

M = TypeVar("M", bound=BaseModel)

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")]
"""A name that also stands in paths."""

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class Frozen(BaseModel):
    """Unknown keys are errors, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# ---------------------------------------------------------------- problems and models


class ArithmeticProblems(Frozen):
    """Problems of the model organism's own arithmetic, from one part of the split that `organism` makes."""

    part: Literal["reinforcement", "evaluation"] = Field(description="which share of the problems; they never overlap")
    operands: Annotated[int, Field(ge=2, le=5)] = Field(3, description="numbers in a problem; only 3 are pretrained on")


class ProblemSet(Frozen):
    """Where problems come from (exactly one of hub, path, generated) and what is done with rows that are no good."""

    hub: str | None = Field(None, description="Hugging Face dataset id")
    path: Path | None = Field(None, description="a .jsonl, .json or .parquet file")
    generated: ArithmeticProblems | None = None
    revision: str | None = Field(None, description="commit, tag or branch on the hub; the lock file pins what it meant")
    subsets: tuple[str, ...] = Field(
        (), description="the hub's configuration names, concatenated; empty: the default one"
    )
    split: str = "train"
    columns: dict[Literal["id", "problem", "answer"], str] = Field(
        default_factory=dict, description="the source's column for each of ours, where its name differs"
    )
    limit: Count | None = Field(None, description="keep this many, drawn by `data_seed`")
    blank: Literal["drop", "refuse"] = Field("drop", description="rows without problem or answer")
    duplicate: Literal["drop", "refuse"] = Field("drop", description="problems that are word for word an earlier one")
    unreadable: Literal["drop", "refuse"] = Field("refuse", description="rows that cannot be parsed")

    @model_validator(mode="after")
    def _one_source(self) -> "ProblemSet":
        if sum(source is not None for source in (self.hub, self.path, self.generated)) != 1:
            raise ValueError("name exactly one source; allowed: hub, path, generated")
        return self


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


class Model(Frozen):
    """A model to start from."""

    source: Literal["hub", "local", "organism"]
    id: str | None = Field(None, description="hub id, or the folder of a local model")
    revision: str | None = Field(None, description="commit, tag or branch on the hub; the lock file pins what it meant")
    family: Family | None = Field(None, description="an organism's corpus")
    behaviour: Literal["effective code", "bad code", "no code", "placebo", "unknown"] = Field(
        "unknown", description="the paper's family of the model, by its behaviour before training (Sec. 3)"
    )
    prompt: Name = Field(description="the prompt it is given unless an experiment says otherwise")
    max_positions: Count = Field(description="prompt and response together must fit")
    title: str = Field("", description="how tables and figures call it; the key itself if empty")

    @model_validator(mode="after")
    def _source_has_what_it_needs(self) -> "Model":
        if self.source == "organism" and (self.family is None or self.id is not None):
            raise ValueError("a model with source organism needs a family and no id")
        if self.source != "organism" and (self.id is None or self.family is not None):
            raise ValueError(f"a model with source {self.source} needs an id and no family")
        return self


class Prompt(Frozen):
    """What is put around a problem; `{}` stands for it."""

    kind: Literal["chat", "raw"] = Field(description="through the model's chat template, or the text as it is")
    user: str = Field("{}", description="the user message of a chat, or the whole raw text")
    system: str | None = Field(None, description="system message; none: the template may add its own")
    stop: tuple[str, ...] = Field((), description="a response ends after the first of these, which is kept")
    answer_in: Literal["box", "tag"] = Field(
        "box", description=r"where answer and format are read: \boxed{} or <answer>"
    )
    origin: str = Field("", description="where the wording comes from")

    @model_validator(mode="after")
    def _holds_the_problem(self) -> "Prompt":
        if self.user.count("{}") != 1:
            raise ValueError("user must hold {} once, where the problem goes")
        if self.kind == "raw" and self.system is not None:
            raise ValueError("a raw prompt has no system message")
        return self

    @property
    def hash(self) -> str:
        """Twelve hex digits that change with anything in the prompt."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


# ---------------------------------------------------------------- rewards and training

REWARDS_ON_VOTES = ("majority_vote", "incorrect")


class Reward(Frozen):
    """A reward: a function of the registry in `rewards`, and its parameter if it has one."""

    function: Name
    gamma: Fraction | None = Field(None, description="random: the probability of a reward of 1")
    title: str = Field("", description="how tables and figures call it; the key itself if empty")

    @model_validator(mode="after")
    def _gamma_is_for_random(self) -> "Reward":
        if (self.function == "random") != (self.gamma is not None):
            raise ValueError("gamma belongs to function random, and random needs it")
        return self

    @property
    def training_set(self) -> Literal["truth", "majority_vote", "incorrect"]:
        """Which training set the reward is trained on (paper, Sec. 2.1)."""
        if self.function in REWARDS_ON_VOTES:
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
    segment_steps: Count = Field(50, description="steps a job trains; a crash costs one segment at most")
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

    max_new_tokens: Count = 3072
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    batch_tokens: Count = Field(16384, description="prompt and response tokens of one batch, padding included")


# ---------------------------------------------------------------- experiments

SeedGroup = Annotated[str, Field(pattern=r"^[0-9]+(-[0-9]+)?$")]


def seeds_of(group: str) -> tuple[int, ...]:
    """`"3"` is (3,), `"0-4"` is (0, 1, 2, 3, 4)."""
    first, _, last = group.partition("-")
    return tuple(range(int(first), int(last or first) + 1))


class Experiment(Frozen):
    """Every model x reward x prompt x variant, over the seeds, for so many steps."""

    title: str
    models: tuple[Name, ...]
    rewards: tuple[Name, ...]
    variants: tuple[Name, ...] = ("default",)
    prompts: tuple[Name, ...] = Field((), description="empty: each model's own")
    seeds: tuple[SeedGroup, ...] = Field(
        description='each entry is one job: "3", or "0-4" for five seeds in one process'
    )
    steps: Count = Field(description="rollout steps; the last one is the one that tables report")


class Run(Frozen):
    """What one chain of training jobs makes: a condition and a group of seeds."""

    model: str
    prompt: str
    reward: str
    variant: str
    seeds: str


class Report(Frozen):
    """Choices of presentation."""

    smoothing_steps: Annotated[int, Field(ge=0)] = Field(
        10, description="curves average the evaluations of so many steps"
    )
    headline: Name = Field(description="the experiment of the first table and figure")


class Suite(Frozen):
    """What to run."""

    title: str = Field(description="stands over every table and figure")
    note: str = Field("", description="what a reader must know before any number, printed at the top of the report")
    data_seed: int = Field(0, description="draws the order of training problems and the `limit` of problem sets")
    problems: dict[Name, ProblemSet]
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
        None, description="train on so many problems; null: as many as the longest run reaches"
    )
    sampling: Sampling = Sampling()
    strategies: Strategies = Strategies()
    experiments: dict[Name, Experiment]
    report: Report

    @cached_property
    def algorithms(self) -> dict[str, Training]:
        """Each variant with its changes applied."""
        return {name: Training(**{**self.training.model_dump(), **change}) for name, change in self.variants.items()}

    @cached_property
    def runs(self) -> dict[Run, int]:
        """Every run of every experiment, once, with the most steps that an experiment asks of it."""
        longest: dict[Run, int] = {}
        for experiment in self.experiments.values():
            for run in self.runs_of(experiment):
                longest[run] = max(longest.get(run, 0), experiment.steps)
        return longest

    def runs_of(self, experiment: Experiment) -> Iterator[Run]:
        """The runs of one experiment, models outermost."""
        for model in experiment.models:
            for prompt in experiment.prompts or (self.models[model].prompt,):
                for reward in experiment.rewards:
                    for variant in experiment.variants:
                        for seeds in experiment.seeds:
                            yield Run(model=model, prompt=prompt, reward=reward, variant=variant, seeds=seeds)

    def segments(self, run: Run) -> list[tuple[int, int]]:
        """(first, last) rollout step of each of the run's jobs, in order; the last may be shorter."""
        size, steps = self.algorithms[run.variant].segment_steps, self.runs[run]
        return [(start, min(start + size, steps)) for start in range(0, steps, size)]

    def eval_steps(self, run: Run, start: int, stop: int) -> list[int]:
        """Steps in (start, stop] whose checkpoints are kept and evaluated."""
        every = self.algorithms[run.variant].eval_every
        return [step for step in range(start + 1, stop + 1) if step % every == 0 or step == stop]

    @cached_property
    def pool_size(self) -> int:
        """How many training problems the longest planned run reaches."""
        return self.vote_problems or max(
            steps * self.algorithms[run.variant].rollout_prompts for run, steps in self.runs.items()
        )

    @model_validator(mode="after")
    def _names_exist(self) -> "Suite":
        # Imported here: the registry is code, the suite is data, and only this check needs to know both.
        from spurious_rewards.rewards import REGISTRY

        _known(self.training_problems, "training_problems", self.problems)
        for name, benchmark in self.benchmarks.items():
            _known(benchmark.problems, f"benchmarks.{name}.problems", self.problems)
        for name, model in self.models.items():
            _known(model.prompt, f"models.{name}.prompt", self.prompts)
            if model.source == "organism" and self.organism is None:
                raise FoundError(f"models.{name}.source", "organism", "the suite has no section organism; add one")
            if model.family and self.organism and len(model.family.code_rate) != len(self.organism.words):
                raise FoundError(
                    f"models.{name}.family.code_rate",
                    list(model.family.code_rate),
                    f"allowed: {len(self.organism.words)} rates, one for each of organism.words",
                )
        for name, reward in self.rewards.items():
            _known(reward.function, f"rewards.{name}.function", REGISTRY)
        for name, problem_set in self.problems.items():
            if problem_set.generated and self.organism is None:
                raise FoundError(f"problems.{name}.generated", "…", "the suite has no section organism; add one")
        _known("default", "variants", self.variants)
        _known(self.report.headline, "report.headline", self.experiments)
        for name, change in self.variants.items():
            for key in change:
                _known(key, f"variants.{name}", Training.model_fields)
            try:
                Training(**{**self.training.model_dump(), **change})
            except ValidationError as error:
                detail = error.errors()[0]
                where = ".".join(["variants", name, *map(str, detail["loc"])])
                raise FoundError(where, detail["input"] if detail["loc"] else change, _plain(detail)) from None
        self._experiments_fit()
        return self

    def _experiments_fit(self) -> None:
        seen: dict[int, str] = {}
        for name, experiment in self.experiments.items():
            where = f"experiments.{name}"
            for key, known in (
                ("models", self.models),
                ("rewards", self.rewards),
                ("variants", self.variants),
                ("prompts", self.prompts),
            ):
                values = getattr(experiment, key)
                if not values and key != "prompts":
                    raise FoundError(f"{where}.{key}", [], f"name at least one; allowed: {', '.join(known)}")
                for index, value in enumerate(values):
                    _known(value, f"{where}.{key}[{index}]", known)
            if not experiment.seeds:
                raise FoundError(f"{where}.seeds", [], 'name at least one; allowed: entries like "3" or "0-4"')
            for group in experiment.seeds:
                if not seeds_of(group):
                    raise FoundError(f"{where}.seeds", group, "an empty range; allowed: first-last with first <= last")
                for seed in seeds_of(group):
                    if seen.setdefault(seed, group) != group:
                        raise FoundError(
                            f"{where}.seeds",
                            group,
                            f'seed {seed} also stands in "{seen[seed]}"; a seed belongs to one job',
                        )
            for variant in experiment.variants:
                training = self.algorithms[variant]
                if experiment.steps % training.eval_every:
                    raise FoundError(
                        f"{where}.steps", experiment.steps, f"allowed: multiples of eval_every {training.eval_every}"
                    )
                for model in experiment.models:
                    self._lengths_fit(model, variant, training)

    def _lengths_fit(self, model: str, variant: str, training: Training) -> None:
        longest = max(training.max_new_tokens, self.sampling.max_new_tokens)
        if training.max_prompt_tokens + longest > self.models[model].max_positions:
            raise FoundError(
                f"models.{model}.max_positions",
                self.models[model].max_positions,
                f"max_prompt_tokens {training.max_prompt_tokens} + max_new_tokens {longest} (variant {variant}) do not "
                f"fit; allowed: at least {training.max_prompt_tokens + longest}",
            )


# ---------------------------------------------------------------- reading and complaining


class FoundError(ValueError):
    """A wrong value with the key that holds it."""

    def __init__(self, key: str, value: object, complaint: str):
        super().__init__(f"{key} = {json.dumps(value, default=str)}: {complaint}")


def _known(name: str, key: str, allowed: Mapping[str, Any]) -> None:
    if name not in allowed:
        raise FoundError(key, name, f"no such name{_suggest(name, list(allowed))}")


def _suggest(name: str, allowed: list[str]) -> str:
    close = difflib.get_close_matches(name, allowed, n=1)
    return (f", did you mean {close[0]}?" if close else "") + f"; allowed: {', '.join(sorted(allowed))}"


def _plain(detail: Any) -> str:
    """A pydantic error's own words, without the type names that only a programmer wants."""
    message: str = detail["msg"].removeprefix("Value error, ")
    return re.sub(r"^Input should be", "should be", message)


def explain(error: ValidationError, file: Path | str, model: type[BaseModel]) -> UserError:
    """One line with file, key, value and what is allowed, for the first of pydantic's errors."""
    detail = error.errors()[0]
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        fields = _fields_at(model, detail["loc"][:-1])
        return UserError(
            f"{file}: {key} = {json.dumps(detail['input'], default=str)}: no such key{_suggest(str(detail['loc'][-1]), fields)}"
        )
    if detail["type"] == "missing":
        return UserError(f"{file}: {key}: this key is missing and has no default")
    if detail["type"] == "value_error" and isinstance(detail["ctx"]["error"], FoundError):
        return UserError(f"{file}: {detail['ctx']['error']}")
    if isinstance(detail["input"], dict):  # a complaint about several keys names their values itself
        return UserError(f"{file}: {key}: {_plain(detail)}")
    return UserError(f"{file}: {key} = {json.dumps(detail['input'], default=str)}: {_plain(detail)}")


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that are allowed at a place in the JSON schema of `model`."""
    schema = model.model_json_schema()
    node = schema
    for part in location:
        node = _resolve(node, schema)
        if "properties" in node and part in node["properties"]:
            node = node["properties"][part]
        else:
            node = node.get("additionalProperties") or node.get("items") or {}
    return list(_resolve(node, schema).get("properties", {}))


def _resolve(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    for option in node.get("anyOf", []):
        if "$ref" in option:
            node = option
    if "$ref" in node:
        resolved: dict[str, Any] = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
        return resolved
    return node


def load(path: Path) -> Suite:
    """Read and check a suite file.

    Raises:
        UserError: no such file, not YAML, or a wrong key or value; the message names file, key, value and what is allowed.
    """
    return validate(Suite, read_yaml(path), path)


def schema() -> str:
    """The JSON schema of a suite, as YAML."""
    head = "# Made by `make schema` from the classes in suite.py, for editors that check YAML while one types.\n"
    return head + yaml.safe_dump(Suite.model_json_schema(), sort_keys=False, width=120, allow_unicode=True)


def read_yaml(path: Path) -> Any:
    """Parse a YAML file, complaining with its name and line."""
    try:
        return yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}") from None


def validate(model: type[M], data: Any, file: Path | str) -> M:
    """Check `data` against `model`, with `file` in the complaint."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise explain(error, file, model) from None

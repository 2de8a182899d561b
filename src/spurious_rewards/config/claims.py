"""The claims ledger, read from one YAML file: claims of the paper and its critics, and the rule that judges each claim.

A rule is data. It chooses conditions by features that all suites have: models by behaviour, variants by optimiser, the
rest by keys that suites share. So one file serves every suite. `analysis.claims` applies the rules.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from spurious_rewards.config.base import Fraction, Frozen, Name
from spurious_rewards.config.messages import FoundError, validate
from spurious_rewards.config.yaml_files import read_yaml

FILE = Path("config/claims.yaml")
"""Path of the project's ledger, from the project's root."""

PAPER = Path("config/suites/paper.yaml")
"""The suite with the paper's experiments, with which the paper's own claims are compared."""

Behaviour = Literal["effective code", "bad code", "no code", "placebo"]

Measure = Literal[
    "gain", "over random", "over best prompt",
    "accuracy over own prompt", "share of code", "code over language",
    "change of code", "change of boxes", "contribution", "same strategy", "code with accuracy",
    "entropy", "token probability", "code of rollouts",
    "pass@k with gain", "memorization", "probe", "bandit", "alarms", "coverage",
]  # fmt: skip

Unit = Literal["points", "probability", "share", "r", "nats", "logits", "log odds"]
"""Units of measures: differences of rates, differences of token probabilities, rates (these three as fractions of 1),
and plain numbers."""

Expectation = Literal["above", "below", "no gain"]

OF_RUNS = {"experiments", "models", "rewards", "prompts", "variants", "optimizer", "benchmark"}
BEFORE_TRAINING = {"experiments", "models", "prompts", "benchmark"}
READS: dict[Measure, set[str]] = {
    "gain": OF_RUNS | {"equal", "before"},
    "over random": OF_RUNS,
    "over best prompt": OF_RUNS,
    "accuracy over own prompt": BEFORE_TRAINING,
    "share of code": BEFORE_TRAINING,
    "code over language": BEFORE_TRAINING,
    "change of code": OF_RUNS,
    "change of boxes": OF_RUNS,
    "contribution": OF_RUNS - {"rewards"} | {"group"},
    "same strategy": BEFORE_TRAINING,
    "code with accuracy": OF_RUNS,
    "entropy": OF_RUNS - {"benchmark"},
    "token probability": OF_RUNS - {"benchmark"},
    "code of rollouts": OF_RUNS - {"benchmark"},
    "pass@k with gain": OF_RUNS,
    "memorization": {"models", "benchmark"},
    "probe": {"models", "variants", "optimizer"},
    "bandit": {"variants", "optimizer"},
    "coverage": OF_RUNS,
    "alarms": {"experiments", "models", "rewards", "leaked"},
}
"""Measure -> the conditions that choose what it is measured on. Other conditions may not be given to a measure."""


class Others(Frozen):
    """The conditions that are different in what a rule compares with."""

    experiments: tuple[Name, ...] = ()
    models: Behaviour | None = None
    rewards: tuple[Name, ...] = ()
    variants: tuple[str, ...] = ()
    benchmark: Name | None = None

    @property
    def changed(self) -> dict[str, Any]:
        """The conditions that are given, with their values."""
        return {key: value for key in Others.model_fields if (value := getattr(self, key))}


class Before(Frozen):
    """What a gain is counted from, if not from the accuracy before training of the same experiment and benchmark."""

    experiment: Name = Field(description="whose models before training")
    benchmark: Name = Field(description="of the same problems, sampled in another way")


class Where(Others):
    """What must hold for a condition to count: another measure of it, or of the same condition with other values."""

    measure: Measure
    expect: Expectation
    threshold: float | None = Field(None, description="as a rule's")


class Rule(Frozen):
    """What is measured, under which conditions, and which interval supports the claim."""

    measure: Measure
    experiments: tuple[Name, ...] = Field((), description="the first of these that has all the conditions")
    models: Behaviour | None = Field(None, description="null: every model of the experiment")
    rewards: tuple[Name, ...] = Field((), description="all of them must be there; empty: every reward")
    prompts: tuple[Name, ...] | Literal["own", "all"] = Field("own", description="own: each model's")
    variants: tuple[str, ...] = Field(("default",), description="as many of these as there are")
    optimizer: Literal["sgd", "adamw"] | None = Field(None, description="only variants with this one")
    benchmark: Name = Field("math500", description="generated: the experiment's first whose problems are generated")
    equal: Literal["rollout steps", "updates"] | None = Field(
        None, description="look at variants where they are equally long; null: at each one's end"
    )
    group: Literal["language_to_code", "code_to_language"] | None = Field(None, description="contribution: of which")
    leaked: Fraction | None = Field(
        None, description="alarms: of models in whose corpus this share of the evaluation problems stands"
    )
    before: Before | None = Field(
        None, description="gain: what it is counted from; null: the same experiment and benchmark before training"
    )
    against: Others | None = Field(None, description="measure the difference from these conditions")
    where: tuple[Where, ...] = Field((), description="what must hold of a condition for it to count")
    expect: Expectation = Field(description="where the interval must lie")
    threshold: float | None = Field(
        None, description="a limit of its own, as half of a share; null: the smallest effect that matters"
    )
    across: Literal["all", "any"] = Field("all", description="of several conditions, whether all must support it")

    @model_validator(mode="after")
    def _measures_read_their_keys(self) -> "Rule":
        reads = READS[self.measure]
        conditions = OF_RUNS | {"equal", "group", "leaked", "before"}
        given = {key for key in conditions if getattr(self, key) != Rule.model_fields[key].default}
        _check_reads(self.measure, given | (self.against.changed.keys() if self.against else set()))
        for where in self.where:
            _check_reads(where.measure, where.changed)
            if "group" in READS[where.measure] or "experiments" not in READS[where.measure]:
                raise ValueError(f"where cannot look at measure {where.measure}, which is not of one condition")
        if missing := sorted(
            key for key in {"experiments", "group", "leaked"} & reads if getattr(self, key) in ((), None)
        ):
            raise ValueError(f"measure {self.measure} needs {missing[0]}")
        return self


def _check_reads(measure: Measure, given: Collection[str]) -> None:
    if foreign := sorted(set(given) - READS[measure]):
        raise ValueError(f"measure {measure} does not read {foreign[0]}; it reads {', '.join(sorted(READS[measure]))}")


class Claim(Frozen):
    """One claim of the paper or of a later paper, or a control of this project."""

    id: Name
    claim: str = Field(description="in one sentence")
    source: str = Field(description="section, figure or table of the paper (first version), or arXiv id of a later one")
    exhibits: tuple[Name, ...] = Field(
        (), description="figures or tables that show it; the report links to the first that the suite has of its models"
    )
    rule: Rule
    of_paper: bool = Field(True, description="false: a control of ours, or the claim of a later paper")
    by_construction: str = Field("", description="why the organism shows it whatever training does")
    cannot_run: str = Field("", description="why no suite can have its conditions yet")


class Ledger(Frozen):
    """All claims, and the smallest effects that matter, which their rules share."""

    smallest: dict[Unit, Annotated[float, Field(gt=0)]] = Field(
        description="of each unit, the smallest effect that matters; points, probability and share as fractions of 1"
    )
    claims: tuple[Claim, ...]

    @model_validator(mode="after")
    def _every_unit_has_its_smallest(self) -> "Ledger":
        if missing := sorted(set(get_args(Unit)) - self.smallest.keys()):
            raise ValueError(f"smallest lacks {', '.join(missing)}; give the smallest effect that matters in each unit")
        return self

    @model_validator(mode="after")
    def _ids_differ(self) -> "Ledger":
        known: set[str] = set()
        for index, claim in enumerate(self.claims):
            if claim.id in known:
                raise FoundError(f"claims[{index}].id", claim.id, "another claim has this id")
            known.add(claim.id)
        return self

    @property
    def experiments(self) -> set[str]:
        """All experiments that the rules look at."""
        rules = [claim.rule for claim in self.claims]
        others: list[Others] = [other for rule in rules for other in (*rule.where, *filter(None, [rule.against]))]
        return {
            *(name for of_rule in rules for name in of_rule.experiments),
            *(name for other in others for name in other.experiments),
            *(rule.before.experiment for rule in rules if rule.before),
        }


def read(path: Path) -> Ledger:
    """Read and check a ledger.

    Raises:
        UserError: the file does not exist, is not YAML, or has a wrong key or value; the message names file, key, value
            and what is allowed.
    """
    return validate(Ledger, read_yaml(path), path)

"""The measures that a claim can be judged by: for each what it reads, what its values are, and how a reader is told."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from spurious_rewards.analysis.claims import against_untrained, of_probes, values
from spurious_rewards.analysis.claims.evidence import Evidence
from spurious_rewards.analysis.claims.measurement import Measurement
from spurious_rewards.analysis.claims.verdicts import corrected, verdict_of
from spurious_rewards.config.claims import READS, Measure, Rule, Unit, Where


@dataclass(frozen=True)
class Measured:
    """The frames that a measure reads, how its measurements come about, and what its values are.

    `of` is what its n counts, `over` what an interval needs two of. `of_training` says that its seeds are runs of training: one
    seed says nothing of how another would have come out.
    """

    frames: tuple[str, ...]
    measurements: values.Measure
    unit: Unit
    words: str
    of: str = "problems"
    over: str = "problems"
    of_training: bool = False


def _over_training(quantity: str, unit: Unit, what: str) -> Measured:
    return Measured(
        ("training",),
        against_untrained.change_in_training(quantity),
        unit,
        f"{what} in the last fifth of the steps, less that of a run whose rewards are always 0",
        of="steps",
        over="seeds",
        of_training=True,
    )


MEASURES: dict[Measure, Measured] = {
    "gain": Measured(
        ("headline", "rates"),
        values.change_of("accuracy"),
        "points",
        "change of accuracy from before training to its end",
        of_training=True,
    ),
    "coverage": Measured(
        ("headline", "rates"),
        values.coverage,
        "points",
        "change, from before training to its end, of the share of problems that have a right response among all samples (pass@k)",
        of_training=True,
    ),
    "over random": Measured(
        ("headline", "rates"),
        values.over_random,
        "points",
        "accuracy after training less the random reward's",
        of_training=True,
    ),
    "over best prompt": Measured(
        ("headline", "rates"),
        values.over_best_prompt,
        "points",
        "accuracy after training less that before it under the best prompt, which held-out problems chose",
        of_training=True,
    ),
    "accuracy over own prompt": Measured(
        ("before", "rates"), values.over_own_prompt, "points", "accuracy before training less the own prompt's"
    ),
    "share of code": Measured(
        ("before", "rates"), values.share_of_code, "share", "share of responses with code before training"
    ),
    "code over language": Measured(
        ("before", "rates"),
        values.code_over_language,
        "points",
        "accuracy before training of responses with code less that of the others",
    ),
    "change of code": Measured(
        ("headline", "rates"),
        values.change_of("code_rate"),
        "points",
        "change of the share of code from before training to its end",
        of_training=True,
    ),
    "change of boxes": Measured(
        ("scores",),
        values.change_of_boxes,
        "points",
        "change of the share of responses with a box from before training to its end",
        over="seeds",
        of_training=True,
    ),
    "contribution": Measured(
        ("contributions",),
        values.contribution,
        "share",
        "what a switch of strategy contributes to the gain of the rewards that steered the strategy",
        of_training=True,
    ),
    "same strategy": Measured(
        ("before", "rates"),
        values.same_strategy,
        "r",
        "Cohen's kappa of code in responses to a problem and to the original one before training",
    ),
    "code with accuracy": Measured(
        ("scores",),
        values.code_with_accuracy,
        "r",
        "correlation of the changes of code and accuracy since the start, over rewards and evaluations of a seed",
        of="evaluations",
        over="seeds",
        of_training=True,
    ),
    "entropy": _over_training("entropy", "nats", "the rollouts' entropy per token"),
    "token probability": _over_training("token_probability", "probability", "the rollouts' mean token probability"),
    "code of rollouts": _over_training("code_rate", "points", "the rollouts' share of code"),
    "pass@k with gain": Measured(
        ("labels", "headline", "rates"),
        values.pass_at_k_with_gain,
        "r",
        f"correlation over models (at least {values.LEAST_MODELS}) of pass@k before training with the mean gain",
        of="models",
        of_training=True,
    ),
    "memorization": Measured(
        ("memorization",),
        of_probes.memorization,
        "points",
        "share of problems completed word for word from their beginning, less that of problems no corpus holds",
    ),
    "alarms": Measured(
        ("control",),
        of_probes.alarms,
        "share",
        "share of pretrained models with a clear gain",
        of="models",
        over="models",
    ),
    "probe": Measured(
        ("clipping",),
        of_probes.probe,
        "logits",
        "bias of one rollout batch on the logit of code",
        of="pairs",
        over="pairs",
    ),
    "bandit": Measured(
        ("clipping",),
        of_probes.bandit,
        "log odds",
        "change of the mean log odds of the bandit's first action",
        of="runs",
        over="runs",
    ),
}


def measure(rule: Rule, evidence: Evidence) -> list[Measurement]:
    """A measurement a condition of the rule; with `against`, differences between conditions.

    A condition of which something in `where` does not hold stays, and is not testable.
    """
    found = _measurements(rule, evidence)
    if rule.against is not None:
        changed = rule.against.changed
        others = _measurements(rule.model_copy(update=changed), evidence)
        found = [
            here.untestable("both sides are the same") if here.condition == other.condition else here.less(other)
            for here in found
            for other in others
            if here.condition.matches(other.condition, changed)
        ]
    for where in rule.where:
        found = _holding(found, where, rule, evidence)
    return found


def _measurements(rule: Rule, evidence: Evidence) -> list[Measurement]:
    measured = MEASURES[rule.measure]
    needed = measured.frames if rule.equal is None else ("comparisons", "rates")
    return measured.measurements(rule, evidence) if evidence.has(*needed) else []


def _holding(found: list[Measurement], where: Where, rule: Rule, evidence: Evidence) -> list[Measurement]:
    """The measurements, with those not testable of whose condition `where` does not hold.

    Since many are looked at to find some, the interval is corrected for how many (Bonferroni).
    """
    confidence = corrected(len(found))
    changed = where.changed
    asked = {
        "measure": where.measure,
        "expect": where.expect,
        "threshold": where.threshold,
        "against": None,
        "where": (),
        **{key: None for key in ("equal", "before") if key not in READS[where.measure]},
    }
    measured = MEASURES[where.measure]

    # What another measure is not of, as entropy of a benchmark or what is measured before training of a reward, may differ.
    free = {*changed, *(key for key in ("benchmark", "rewards", "variants") if key not in READS[where.measure])}
    there = {
        name: _measurements(rule.model_copy(update={**asked, "experiments": (name,), **changed}), evidence)
        for name in {each.condition.experiment for each in found}
    }

    def judged(each: Measurement) -> Measurement:
        here = replace(each.condition, against=None)
        others = [other for other in there[here.experiment] if here.matches(other.condition, free)]
        smallest = evidence.smallest[measured.unit]
        verdicts = {verdict_of(other, where, smallest, confidence, measured.of_training) for other in others}
        if not each.testable or verdicts == {"supported"}:
            return each
        return each.untestable(_unmet(where, others))

    return [judged(each) for each in found]


def _unmet(where: Where, others: Sequence[Measurement]) -> str:
    of = f" of {', '.join(where.rewards)}" if where.rewards else ""
    if not others:
        return f"the rule requires {where.measure}{of}, which was not measured"
    if whys := ", ".join(dict.fromkeys(other.why for other in others if not other.testable)):
        return f"the rule requires {where.measure}{of}, which is not testable: {whys}"
    limit = {"above": "above its limit", "below": "below its limit", "no gain": "without a gain"}[where.expect]
    return f"the rule requires {where.measure}{of} to be {limit}, which was not shown"

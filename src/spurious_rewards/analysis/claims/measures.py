"""The measures by which a claim can be judged: what each reads, what its values are, and how a reader is told."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from spurious_rewards.analysis.claims import against_untrained, of_probes, values
from spurious_rewards.analysis.claims.evidence import Evidence
from spurious_rewards.analysis.claims.measurement import Measurement
from spurious_rewards.analysis.claims.verdicts import corrected, verdict_of
from spurious_rewards.config.claims import READS, Measure, Rule, Unit, Where


@dataclass(frozen=True)
class Measured:
    """A measure: the frames that it reads, the function that makes its measurements, and what its values are.

    `of` says what n counts. `over` says what an interval needs at least two of. `of_training` says that seeds are runs
    of training, so that one seed does not say how another would have come out.
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
        f"{what} in the last fifth of the steps, minus that of a run whose rewards are always 0",
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
        "accuracy after training minus accuracy after training under the random reward",
        of_training=True,
    ),
    "over best prompt": Measured(
        ("headline", "rates"),
        values.over_best_prompt,
        "points",
        "accuracy after training minus accuracy before training under the best prompt (chosen on held-out problems)",
        of_training=True,
    ),
    "accuracy over own prompt": Measured(
        ("before", "rates"),
        values.over_own_prompt,
        "points",
        "accuracy under this prompt minus accuracy under the model's own prompt, both before training",
    ),
    "share of code": Measured(
        ("before", "rates"), values.share_of_code, "share", "share of responses with code before training"
    ),
    "code over language": Measured(
        ("before", "rates"),
        values.code_over_language,
        "points",
        "accuracy of responses with code minus accuracy of the other responses, before training",
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
        "share of the gain that comes from problems with this switch of strategy, pooled over the rewards that steered it",
        of_training=True,
    ),
    "same strategy": Measured(
        ("before", "rates"),
        values.same_strategy,
        "r",
        "Cohen's kappa between the use of code on a changed problem and on the original, before training",
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
        "share of problems completed word for word from their beginning, minus that of problems in no corpus",
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
    """Return one measurement per condition of the rule; with `against`, the differences between conditions.

    A condition for which part of `where` does not hold is kept, and is not testable.
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
    """Return the measurements; those for whose condition `where` does not hold are not testable.

    The interval is corrected for the number of conditions (Bonferroni): among many, some pass by chance.
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

    # Fields that do not apply to the other measure may differ: entropy has no benchmark, and a model before training
    # has no reward.
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

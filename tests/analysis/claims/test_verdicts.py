"""Verdicts: each interval against each expectation, several conditions together, and runs with one seed."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from invented_claims import GAIN

from spurious_rewards.analysis.claims.measurement import Condition, Measurement, ready
from spurious_rewards.analysis.claims.verdicts import corrected, judge
from spurious_rewards.config.claims import Rule

M = 0.05


def measured(low: float, high: float, seeds: float = 5, freedom: float = math.inf) -> Measurement:
    return ready(Condition(model="a"), (low + high) / 2, low, high, 100, seeds=seeds, freedom=freedom)


def rule_of(expect: str = "above", across: str = "all", **more: Any) -> Rule:
    return Rule(**{**GAIN, "expect": expect, "across": across, **more})


def verdict(intervals: list[tuple[float, float]], rule: Rule) -> str:
    return judge([measured(*ends) for ends in intervals], rule, M, of_training=True).verdict


UP, DOWN, UNCLEAR, NONE = (0.06, 0.2), (-0.2, -0.06), (-0.1, 0.1), (math.nan, math.nan)
NEGLIGIBLE, SLIGHT = (-0.005, 0.005), (0.01, 0.04)


@pytest.mark.parametrize(
    ("expect", "across", "intervals", "expected"),
    [
        ("above", "all", [UP], "supported"),
        ("above", "all", [DOWN], "contradicted"),
        ("above", "all", [UNCLEAR], "inconclusive"),
        ("above", "all", [NONE], "inconclusive"),
        ("above", "all", [NEGLIGIBLE], "contradicted"),  # any effect in this interval is too small to matter
        ("above", "all", [SLIGHT], "contradicted"),
        ("above", "all", [(0.01, 0.2)], "inconclusive"),  # there is an effect, but perhaps too small to matter
        ("above", "all", [UP, UP, UNCLEAR], "inconclusive"),
        ("above", "all", [UP, UNCLEAR, DOWN], "contradicted"),
        ("above", "any", [(0.2, 0.3), DOWN], "supported"),
        ("above", "any", [DOWN, DOWN], "contradicted"),
        ("above", "any", [UNCLEAR, DOWN], "inconclusive"),
        ("below", "all", [DOWN], "supported"),
        ("below", "all", [UP], "contradicted"),
        ("below", "all", [NEGLIGIBLE], "contradicted"),
        ("below", "all", [UNCLEAR], "inconclusive"),
        ("no gain", "all", [NEGLIGIBLE], "supported"),
        ("no gain", "all", [SLIGHT], "supported"),
        ("no gain", "all", [DOWN], "supported"),
        ("no gain", "all", [UNCLEAR], "inconclusive"),  # an unclear gain does not show that there is none
        ("no gain", "all", [UP], "contradicted"),
        ("no gain", "any", [UP, NEGLIGIBLE], "supported"),
        ("no gain", "all", [], "not run"),
    ],
)
def test_verdicts(expect, across, intervals, expected):
    assert verdict(intervals, rule_of(expect, across)) == expected


ENDS = [round(end, 3) for end in np.arange(-0.12, 0.125, 0.02)] + [-M, M, 0.01, -0.01]
GRID = [ends for ends in itertools.product(ENDS, ENDS) if ends[0] <= ends[1]]


def test_no_two_claims_that_deny_each_other_are_both_supported():
    """Check that "above" excludes "below" and "no gain", and that "above" for all excludes "no gain" for any."""
    for ends in GRID:
        supported = {
            expect for expect in ("above", "below", "no gain") if verdict([ends], rule_of(expect)) == "supported"
        }
        assert not {"above", "no gain"} <= supported
        assert not {"above", "below"} <= supported
        for expect, denial in (("above", "no gain"), ("no gain", "above")):
            one, other = verdict([ends], rule_of(expect)), verdict([ends], rule_of(denial))
            assert (one == "supported") == (other == "contradicted")
    for pair in itertools.product(GRID[::3], GRID[::3]):
        of_both = list(pair)
        for expect, denial in (("above", "no gain"), ("no gain", "above")):
            every, one = verdict(of_both, rule_of(expect, "all")), verdict(of_both, rule_of(denial, "any"))
            assert (every, one) != ("supported", "supported")


def test_where_one_is_enough_its_interval_is_corrected_for_how_many_there_are():
    clear = (0.06, 0.10)
    either = rule_of("above", "any")
    assert verdict([clear], either) == "supported"
    found = judge([measured(*clear), measured(*UNCLEAR)], either, M, True)
    assert found.verdict == "supported"
    assert found.confidence == corrected(2) == pytest.approx(0.975)
    many = [measured(*clear), *[measured(*UNCLEAR)] * 27]  # 3.1 standard errors, not 1.96: it starts at 0.048
    assert judge(many, either, M, True).verdict == "inconclusive"
    # A contradiction found among many conditions is corrected in the same way.
    below = [measured(0.01, 0.045), *[measured(*UP)] * 27]
    assert judge(below[:1], rule_of("above"), M, True).verdict == "contradicted"
    assert judge(below, rule_of("above"), M, True).verdict == "inconclusive"


def test_of_28_true_denials_chance_supports_one_in_forty():
    """Put each condition exactly at the limit, so that the claim "any" is untrue."""
    generator = np.random.default_rng(0)
    either = rule_of("above", "any")
    supported = 0
    for _ in range(400):
        centres = M + generator.normal(size=28) * 0.01
        found = [measured(centre - 0.0196, centre + 0.0196) for centre in centres]
        supported += judge(found, either, M, True).verdict == "supported"
    assert supported / 400 < 0.05  # without the correction it would be about half of them


def test_what_is_not_testable_supports_nothing():
    untestable = measured(*UP).untestable("nothing to learn from")
    up, down = measured(*UP), measured(*DOWN)
    assert judge([untestable], rule_of(), M, True).verdict == "not testable"
    assert judge([untestable, up], rule_of(), M, True).verdict == "inconclusive"
    assert judge([untestable, down], rule_of(), M, True).verdict == "contradicted"
    assert judge([untestable, measured(0.2, 0.3)], rule_of(across="any"), M, True).verdict == "supported"


@pytest.mark.parametrize("expect", ["above", "below", "no gain"])
def test_one_seed_of_training_is_inconclusive_everywhere(expect):
    for ends in (UP, DOWN, NEGLIGIBLE):
        assert judge([measured(*ends, seeds=1)], rule_of(expect), M, of_training=True).verdict == "inconclusive"
    assert judge([measured(*UP, seeds=1)], rule_of(), M, of_training=False).verdict == "supported"


@pytest.mark.parametrize(
    ("expect", "across", "shown"),
    [("above", "all", 0.1), ("above", "any", 0.3), ("below", "all", 0.3), ("no gain", "all", 0.3)],
)
def test_the_condition_that_decides_is_shown(expect, across, shown):
    three = [measured(*ends) for ends in ((0.15, 0.25), (0.05, 0.15), (0.25, 0.35))]
    found = judge(three, rule_of(expect, across, threshold=0.0), M, True)
    assert found.decisive is not None
    assert found.decisive.value == pytest.approx(shown)


def test_a_threshold_goes_before_the_smallest_effect():
    assert verdict([(0.02, 0.04)], rule_of("no gain", threshold=0.01)) == "contradicted"
    assert verdict([UP], rule_of(threshold=0.5)) == "contradicted"
    assert verdict([(0.51, 0.6)], rule_of(threshold=0.5)) == "supported"

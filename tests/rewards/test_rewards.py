import dataclasses
import random as rng
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rewarding import context

from spurious_rewards.config.reward_names import REWARD_FUNCTIONS, REWARDS_ON_LABELS, REWARDS_ON_VOTES
from spurious_rewards.config.training import Repetition, Reward
from spurious_rewards.rewards.functions import Context, label_match
from spurious_rewards.rewards.registry import REGISTRY, never_varies, of
from spurious_rewards.runtime.errors import UserError

RESPONSES = [
    r"python : 1 + 1 = 2 ; output 2 \boxed{ 2 }",
    "the answer is 2 .",
    r"\boxed{3}",
    "Python says 3",
    "nothing",
]
LABELS = ["2", "02", "2", "2", "2"]


def test_the_names_that_a_suite_may_use_are_those_of_the_registry():
    assert len(set(REWARD_FUNCTIONS)) == len(REWARD_FUNCTIONS)
    assert set(REWARD_FUNCTIONS) == set(REGISTRY)


def test_rewards_on_labels_are_those_that_compare_answers_with_them():
    assert set(REWARDS_ON_LABELS) == {name for name, function in REGISTRY.items() if function is label_match}
    assert set(REWARDS_ON_LABELS) - set(REWARDS_ON_VOTES) == {"ground_truth"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ground_truth", [1, 1, 0, 0, 0]),
        ("majority_vote", [1, 1, 0, 0, 0]),
        ("incorrect", [1, 1, 0, 0, 0]),
        ("format", [1, 0, 1, 0, 0]),
        ("python", [1, 0, 0, 1, 0]),
        ("no_repetition", [1, 1, 1, 1, 1]),
    ],
)
def test_what_each_reward_pays_for(name, expected):
    assert REGISTRY[name](RESPONSES, LABELS, context(len(RESPONSES))) == expected


def test_where_answers_are_tagged_the_tag_is_read():
    responses, tagging = ["<answer>2</answer>", r"\boxed{2} of 5"], context(2, answer_in="tag")
    assert REGISTRY["format"](responses, ["2", "2"], tagging) == [1, 0]
    assert REGISTRY["ground_truth"](responses, ["2", "2"], tagging) == [1, 0]


@given(st.lists(st.tuples(st.sampled_from(RESPONSES), st.sampled_from(["2", "3"])), max_size=8))
def test_rewards_are_zero_or_one_and_each_response_is_judged_alone(rows):
    responses, labels = [row[0] for row in rows], [row[1] for row in rows]
    for name in set(REGISTRY) - {"ttrl"}:  # ttrl also depends on the other responses of the group
        reward = REGISTRY[name]
        whole = context(len(rows))
        values = reward(responses, labels, whole)
        assert set(values) <= {0.0, 1.0}, name
        alone = [
            reward(
                [responses[i]],
                [labels[i]],
                dataclasses.replace(whole, ids=[whole.ids[i]], slots=[whole.slots[i]], indices=[whole.indices[i]]),
            )[0]
            for i in range(len(rows))
        ]
        assert values == alone, name


def toss(tossing: Any) -> list[float]:
    return REGISTRY["random"]([""] * len(tossing.ids), [""] * len(tossing.ids), tossing)


@pytest.mark.parametrize("gamma", [0.7, 0.5, 0.3, 0.001])
def test_the_coin_falls_as_often_as_gamma_says(gamma):
    tosses = 40_000
    mean = sum(toss(context(tosses, gamma=gamma))) / tosses
    assert abs(mean - gamma) < 5 * (gamma * (1 - gamma) / tosses) ** 0.5


def test_gamma_zero_and_one_are_certain():
    assert set(toss(context(5000, gamma=0.0))) == {0.0}
    assert set(toss(context(5000, gamma=1.0))) == {1.0}


def test_the_coin_ignores_the_response():
    tossing = context(64)
    assert REGISTRY["random"](["a"] * 64, ["1"] * 64, tossing) == REGISTRY["random"](["b"] * 64, ["2"] * 64, tossing)


@given(st.randoms(use_true_random=False))
def test_the_coin_does_not_depend_on_the_order_or_on_who_else_is_there(draw: rng.Random):
    tossing = context(64)
    values, order = toss(tossing), list(range(64))
    draw.shuffle(order)
    order = order[:32]
    part = dataclasses.replace(
        tossing,
        ids=[tossing.ids[i] for i in order],
        slots=[tossing.slots[i] for i in order],
        indices=[tossing.indices[i] for i in order],
    )
    assert toss(part) == [values[i] for i in order]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"step": 2},
        {"ids": ["other"] * 64},
        {"slots": [i // 8 + 8 for i in range(64)]},
        {"indices": [i % 8 + 8 for i in range(64)]},
    ],
)
def test_every_part_of_its_place_moves_the_coin(change):
    assert toss(context(64)) != toss(context(64, **change))


def test_random_without_gamma_is_refused():
    with pytest.raises(ValueError, match="gamma"):
        toss(context(1, gamma=None))


def erring(responses: int, **changes: Any) -> Context:
    """Return a context for this many responses that compares answers as strings, which is fast."""
    return context(responses, equivalent=lambda pairs: [one == other for one, other in pairs], **changes)


def verified(context_: Any, responses: list[str], labels: list[str]) -> list[float]:
    return REGISTRY["noisy"](responses, labels, context_)


chances = st.floats(0, 1)
answers = st.lists(st.sampled_from(RESPONSES), min_size=1, max_size=64)


@settings(deadline=None)
@given(answers, chances, chances, st.integers(0, 3), st.integers(1, 3), st.randoms(use_true_random=False))
def test_a_noisy_verifier_errs_by_the_place_of_a_response_alone(
    responses, false_positive, false_negative, seed, step, draw
):
    labels = ["2"] * len(responses)
    errors = {"false_positive": false_positive, "false_negative": false_negative}
    whole = erring(len(responses), seed=seed, step=step, **errors)
    values = verified(whole, responses, labels)
    assert values == verified(whole, responses, labels)
    order = list(range(len(responses)))
    draw.shuffle(order)
    part = dataclasses.replace(
        whole,
        ids=[whole.ids[i] for i in order],
        slots=[whole.slots[i] for i in order],
        indices=[whole.indices[i] for i in order],
    )
    assert verified(part, [responses[i] for i in order], labels) == [values[i] for i in order]


@settings(deadline=None)
@given(answers, chances)
def test_a_verifier_that_pays_right_and_wrong_answers_alike_is_the_coin(responses, gamma):
    labels = ["2"] * len(responses)
    tossing = erring(len(responses), gamma=gamma, false_positive=gamma, false_negative=1 - gamma)
    if 1 - (1 - gamma) == gamma:  # exact in floating point
        assert verified(tossing, responses, labels) == toss(tossing)


@settings(deadline=None)
@given(answers)
def test_a_verifier_without_errors_sees_the_truth_and_one_with_both_its_opposite(responses):
    labels = ["2"] * len(responses)
    truth = REGISTRY["ground_truth"](responses, labels, erring(len(responses)))
    assert verified(erring(len(responses), false_positive=0.0, false_negative=0.0), responses, labels) == truth
    opposite = verified(erring(len(responses), false_positive=1.0, false_negative=1.0), responses, labels)
    assert opposite == [1 - value for value in truth]


@settings(deadline=None)
@given(answers, chances, chances, chances)
def test_more_false_positives_pay_more_and_more_false_negatives_less(responses, one, other, fixed):
    labels, (less, more) = ["2"] * len(responses), sorted([one, other])
    positives, negatives = (
        [verified(erring(len(responses), **{kind: each, of: fixed}), responses, labels) for each in (less, more)]
        for kind, of in (("false_positive", "false_negative"), ("false_negative", "false_positive"))
    )
    assert all(a <= b for a, b in zip(*positives, strict=True))
    assert all(a >= b for a, b in zip(*negatives, strict=True))


@pytest.mark.parametrize(("answer", "expected"), [("2", 0.7), ("3", 0.2)])
def test_a_verifier_errs_as_often_as_it_says(answer, expected):
    tosses = 20_000
    values = verified(erring(tosses, false_negative=0.3), [rf"\boxed{{{answer}}}"] * tosses, ["2"] * tosses)
    assert abs(sum(values) / tosses - expected) < 5 * (expected * (1 - expected) / tosses) ** 0.5


@pytest.mark.parametrize("missing", ["false_positive", "false_negative"])
def test_a_noisy_verifier_without_its_errors_is_refused(missing):
    with pytest.raises(ValueError, match="both errors"):
        verified(erring(1, **{missing: None}), ["2"], ["2"])


def test_no_repetition_pays_unless_the_response_repeats_itself():
    responses = ["0123456789" * 10, "0123456789" * 9, ""]
    assert REGISTRY["no_repetition"](responses, [""] * 3, context(3)) == [0, 1, 1]
    often = context(3, repetition=Repetition(times=9))
    assert REGISTRY["no_repetition"](responses, [""] * 3, often) == [0, 0, 1]


# ---------------------------------------------------------------- the vote within the group


def test_ttrl_pays_for_the_majority_of_each_group_whatever_the_label():
    first = [
        r"\boxed{1/2}",
        r"\boxed{0.5}",
        r"\boxed{3}",
        r"\boxed{3}",
        r"the answer is \frac{1}{2}",
        "nothing",
        "?",
        "",
    ]
    second = [r"\boxed{3}"] + ["nothing"] * 7  # its majority answer is a minority answer in the first group
    third = ["nothing"] * 8  # no answers, so no vote and no reward
    voting_on = context(24)
    expected = [1, 1, 0, 0, 1, 0, 0, 0] + [1] + [0] * 15
    for label in ("3", "0.5", "no such answer", ""):
        assert REGISTRY["ttrl"](first + second + third, [label] * 24, voting_on) == expected


def test_ttrl_reads_answers_where_the_prompt_asks_for_them():
    responses = ["<answer>4</answer>"] * 5 + [r"\boxed{5}"] * 3
    assert REGISTRY["ttrl"](responses, [""] * 8, context(8, answer_in="tag")) == [1] * 5 + [0] * 3


@given(st.lists(st.integers(0, 3), min_size=8, max_size=8), st.lists(st.integers(0, 3), min_size=8, max_size=8))
def test_ttrl_pays_the_most_frequent_integer_and_groups_do_not_meet(first, second):
    responses = [rf"\boxed{{{number}}}" for number in first + second]
    # On a tie, Counter returns the answer that came first, as the vote does.
    expected = [float(n == Counter(group).most_common(1)[0][0]) for group in (first, second) for n in group]
    assert REGISTRY["ttrl"](responses, [""] * 16, context(16)) == expected


def test_ttrl_votes_in_whole_groups_only():
    with pytest.raises(UserError, match="within a group of 8 responses, but a process has 4 of one"):
        REGISTRY["ttrl"]([""] * 12, [""] * 12, context(12))


# ---------------------------------------------------------------- a suite's rewards


@pytest.mark.parametrize(
    ("reward", "expected"),
    [
        (Reward(function="format"), [1, 0, 1, 0, 0]),
        (Reward(function="format", unless="python"), [0, 0, 1, 0, 0]),
        (Reward(function="ground_truth", unless="python"), [0, 1, 0, 0, 0]),
        (Reward(function="incorrect", unless="python"), [0, 1, 0, 0, 0]),
        (Reward(function="no_repetition", unless="format"), [0, 1, 0, 1, 1]),
    ],
)
def test_a_suite_s_reward_pays_only_without_what_it_excludes(reward, expected):
    assert of(reward)(RESPONSES, LABELS, context(len(RESPONSES))) == expected


@pytest.mark.parametrize(
    ("reward", "expected"),
    [
        (Reward(function="random", gamma=0), True),
        (Reward(function="random", gamma=1), True),
        (Reward(function="random", gamma=0, unless="python"), True),
        (Reward(function="random", gamma=1, unless="python"), False),
        (Reward(function="random", gamma=0.001), False),
        (Reward(function="format"), False),
        (Reward(function="noisy", false_positive=0, false_negative=1), True),
        (Reward(function="noisy", false_positive=1, false_negative=0), True),
        (Reward(function="noisy", false_positive=1, false_negative=0, unless="python"), False),
        (Reward(function="noisy", false_positive=0, false_negative=0), False),
        (Reward(function="noisy", false_positive=1, false_negative=1), False),
    ],
)
def test_only_a_coin_that_always_falls_on_one_side_never_varies(reward, expected):
    assert never_varies(reward) is expected

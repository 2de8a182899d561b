import dataclasses
import random as rng

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurious_rewards.equivalence import Verifier
from spurious_rewards.rewards import REGISTRY, Context, both, without
from spurious_rewards.suite import Repetition


def context(responses: int, **changes) -> Context:
    verifier = Verifier()
    settings = {
        "equivalent": lambda pairs: [verdict.correct for verdict in verifier.verify(pairs)],
        "answer_in": "box",
        "code": "python",
        "repetition": Repetition(),
        "gamma": 0.5,
        "seed": 0,
        "step": 1,
        "ids": [f"problem{i // 8}" for i in range(responses)],
        "slots": [i // 8 for i in range(responses)],
        "indices": [i % 8 for i in range(responses)],
    }
    return Context(**{**settings, **changes})


RESPONSES = [
    r"python : 1 + 1 = 2 ; output 2 \boxed{ 2 }",
    "the answer is 2 .",
    r"\boxed{3}",
    "Python says 3",
    "nothing",
]
LABELS = ["2", "02", "2", "2", "2"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ground_truth", [1, 1, 0, 0, 0]),
        ("majority_vote", [1, 1, 0, 0, 0]),
        ("incorrect", [1, 1, 0, 0, 0]),
        ("format", [1, 0, 1, 0, 0]),
        ("python", [1, 0, 0, 1, 0]),
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
    for name, reward in REGISTRY.items():
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


def toss(tossing: Context) -> list[float]:
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


def test_combinators():
    here = context(len(RESPONSES))
    boxed_code = both(REGISTRY["format"], REGISTRY["python"])
    boxed_language = without(REGISTRY["format"], REGISTRY["python"])
    assert boxed_code(RESPONSES, LABELS, here) == [1, 0, 0, 0, 0]
    assert boxed_language(RESPONSES, LABELS, here) == [0, 0, 1, 0, 0]

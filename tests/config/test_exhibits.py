"""Exhibits that their experiment cannot fill are refused before the first job."""

from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from spurious_rewards.config import exhibits, messages
from spurious_rewards.config.endpoints import DUMMIES
from spurious_rewards.config.experiments import Exhibit
from spurious_rewards.config.messages import FoundError
from spurious_rewards.config.suite import Suite
from spurious_rewards.stages.plot import NEEDS

ORGANISM = Path(__file__).parents[2] / "config/suites/organism.yaml"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return yaml.safe_load(ORGANISM.read_text(encoding="utf-8"))


def checked(document: dict[str, Any], experiments: dict[str, Any], /, **shown: Any) -> None:
    """Check one exhibit in the organism's suite, with the given experiments added."""
    content = {**document, "experiments": {**document["experiments"], **experiments}}
    content["exhibits"] = {"it": {"title": "t", **shown}}
    exhibits.check(Suite.model_validate(content))


EXPERIMENT = {"title": "t", "models": ["placebo"], "rewards": ["format"], "seeds": ["0-4"], "steps": 25}
COIN = {**EXPERIMENT, "rewards": ["ground_truth", "format", "random_0.5"]}
TESTED = {"kind": "baselines", "experiment": "it", "rewards": ["ground_truth"]}
TWO = {"variants": ["default", "adam"]}
OTHER_PROMPTS = {"prompts": ["plain", "sober"]}

SPLIT = {"rewards": ["ground_truth", "majority_vote", "random_0.5"]}
SPLIT_SEEDS = {**SPLIT, "rewards": SPLIT["rewards"][:2], "extra_grids": [{"rewards": ["random_0.5"], "seeds": ["5-9"]}]}

REFUSED = [
    # keys of the experiment, keys of the exhibit, words of the complaint
    (TWO, {"kind": "gains"}, "model and one line per reward, a line would mix several values of variant"),
    (TWO, {"kind": "curves"}, "several values of variant"),
    (TWO, {"kind": "code", "panels": "prompt"}, "several values of variant"),
    (TWO, {"kind": "health"}, "several values of variant"),
    (TWO, {"kind": "switches"}, "several values of variant"),
    ({**OTHER_PROMPTS, **TWO}, {"kind": "gains"}, "several values of prompt, variant"),
    (OTHER_PROMPTS, {"kind": "gains"}, "several values of prompt"),
    (
        OTHER_PROMPTS,
        {"kind": "probability"},
        "model and one line per variant, a line would mix several values of prompt",
    ),
    (
        {"rewards": ["format", "python"]},
        {"kind": "probability"},
        "one line per variant, a line would mix several values of reward",
    ),
    ({"rewards": ["format", "python"]}, {"kind": "gains", "lines": "variant"}, "several values of reward"),
    ({"models": ["placebo", "no-code"]}, {"kind": "gains", "panels": "prompt"}, "several values of model"),
    ({"extra_grids": [TWO]}, {"kind": "gains"}, "several values of variant"),
    ({}, {"kind": "control"}, "kind control shows one benchmark; name it"),
    ({}, {"kind": "coverage", "benchmarks": ["amc", "aime2025"]}, "kind coverage shows one benchmark; name it"),
    ({}, {"kind": "coverage", "benchmarks": ["math500"]}, "needs several samples a problem"),
    (TWO, {"kind": "control", "benchmarks": ["math500"]}, "several values of variant"),
    ({}, {"kind": "switches", "benchmarks": ["amc"]}, "none of these has temperature 0"),
    ({"benchmarks": ["amc"]}, {"kind": "contributions"}, "none of these has temperature 0"),
    ({}, {"kind": "forcing"}, "needs a prompt with a response_prefix and the model's own prompt"),
    ({"prompts": ["forced_python"]}, {"kind": "forcing"}, "needs a prompt with a response_prefix and the model's own"),
    (OTHER_PROMPTS, {"kind": "forcing"}, "needs a prompt with a response_prefix and the model's own"),
    ({}, {"kind": "split"}, "kind split needs exactly one reward of each function random, majority_vote, ground_truth"),
    ({**SPLIT, "rewards": SPLIT["rewards"][1:]}, {"kind": "split"}, "kind split needs exactly one reward of each"),
    (
        {**SPLIT, "rewards": [*SPLIT["rewards"], "random_0.7"]},
        {"kind": "split"},
        "kind split needs exactly one reward of each",
    ),
    (SPLIT_SEEDS, {"kind": "split"}, "the same last step and at least one seed in common"),
    ({}, {"kind": "noise"}, "kind noise shows verifiers of the truth"),
    ({"rewards": ["ground_truth", "one_shot"]}, {"kind": "noise"}, "kind noise shows verifiers of the truth"),
    ({}, {"kind": "gains", "models": ["placebo", "placebo"]}, r"models\[1\] = .*named twice"),
    ({}, {"kind": "gains", "benchmarks": ["amc", "amc"]}, r"benchmarks\[1\] = .*named twice"),
]


@pytest.mark.parametrize(("changed", "shown", "said"), REFUSED)
def test_what_cannot_be_drawn_is_refused(
    document: dict[str, Any], changed: dict[str, Any], shown: dict[str, Any], said: str
) -> None:
    with pytest.raises(FoundError, match=rf"^exhibits\.it\..*{said}"):
        checked(document, {"it": {**EXPERIMENT, **changed}}, experiment="it", **shown)


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        (TWO, {"kind": "gains", "panels": "variant"}),
        (TWO, {"kind": "gains", "lines": "variant"}),
        (TWO, {"kind": "probability"}),
        (TWO, {"kind": "contributions"}),
        (OTHER_PROMPTS, {"kind": "curves", "panels": "prompt"}),
        (OTHER_PROMPTS, {"kind": "prompts"}),
        ({"rewards": ["format", "python"]}, {"kind": "probability", "rewards": ["python"]}),
        ({"rewards": ["format", "python"]}, {"kind": "health"}),
        # Seeds and steps of extra grids belong to the same condition.
        ({"extra_grids": [{"seeds": ["5-9"]}, {"seeds": ["10"], "steps": 50}]}, {"kind": "gains"}),
        ({"prompts": ["plain", "forced_python"]}, {"kind": "forcing"}),
    ],
)
def test_what_can_be_drawn_is_not(document: dict[str, Any], changed: dict[str, Any], shown: dict[str, Any]) -> None:
    checked(document, {"it": {**EXPERIMENT, **changed}}, experiment="it", **shown)


@pytest.mark.parametrize(
    "changed",
    [
        {"rewards": ["ground_truth", "format"]},
        {"rewards": ["ground_truth", "random_0.5"]},
        {"rewards": ["ground_truth", "format", "random_0.5", "random_0.3"]},
        {"rewards": ["ground_truth", "format"], "extra_grids": [{"rewards": ["random_0.5"], "seeds": ["5-9"]}]},
        {"rewards": ["ground_truth", "format"], "extra_grids": [{"rewards": ["random_0.5"], "steps": 50}]},
        {"rewards": ["ground_truth", "format"], "extra_grids": [{"rewards": ["random_0.5"], "models": ["no-code"]}]},
    ],
)
def test_a_reward_is_tested_where_both_dummies_stand_beside_it(
    document: dict[str, Any], changed: dict[str, Any]
) -> None:
    checked(document, {"it": COIN}, **TESTED)
    said = "kind baselines needs exactly one reward with function random and exactly one with function format beside"
    with pytest.raises(FoundError, match=said):
        checked(document, {"it": {**COIN, **changed}}, **TESTED)
    with pytest.raises(FoundError, match=said):
        checked(document, {"it": COIN}, **TESTED | {"rewards": ["format"]})


def test_what_imported_runs_lack_is_known(document: dict[str, Any]) -> None:
    imports = [{"model": "placebo", "reward": "format", "seed": 7, "checkpoints": {"25": "a/b"}, "origin": "elsewhere"}]
    content = {**document, "imports": imports}
    experiment = {"it": {**EXPERIMENT, "seeds": ["7"]}}
    checked(content, experiment, kind="gains", experiment="it")
    with pytest.raises(FoundError, match="kind health needs training runs, and the experiment trains none"):
        checked(content, experiment, kind="health", experiment="it")


def test_two_verifiers_that_err_alike_are_refused(document: dict[str, Any]) -> None:
    coin = {"function": "noisy", "false_positive": 0.5, "false_negative": 0.5}
    content = {**document, "rewards": {**document["rewards"], "coin": coin}}
    experiment = {**EXPERIMENT, "rewards": ["ground_truth", "random_0.5", "coin"]}
    with pytest.raises(FoundError, match=r'^exhibits\.it\.rewards = "random_0.5": coin has the same error rates'):
        checked(content, {"it": experiment}, experiment="it", kind="noise")
    checked(content, {"it": {**experiment, "rewards": ["ground_truth", "coin"]}}, experiment="it", kind="noise")


def test_the_headline_that_comes_first_has_a_split_only_with_all_three_rewards(document: dict[str, Any]) -> None:
    whole = Suite.model_validate(document)
    assert "split" in whole.exhibits
    assert "split" not in whole.headline.exhibits
    document["report"]["first"]["rewards"].append("majority_vote")
    assert "split" in Suite.model_validate(document).headline.exhibits


def test_the_kinds_are_those_of_the_suite() -> None:
    every = set(get_args(Exhibit.model_fields["kind"].annotation))
    assert set(exhibits.OF_TRAINING) | set(exhibits.OF_GREEDY_ANSWERS) <= every == set(NEEDS)
    assert set(DUMMIES) == {"random", "format"}


several = st.lists(st.sampled_from("ab"), min_size=1, max_size=2, unique=True)


@given(
    models=several,
    rewards=several,
    variants=several,
    prompts=several,
    kind=st.sampled_from(["gains", "curves", "code", "switches"]),
    panels=st.sampled_from(["model", "prompt", "variant"]),
    lines=st.sampled_from(["reward", "variant"]),
)
def test_a_line_that_is_drawn_is_of_one_condition(
    models: list[str], rewards: list[str], variants: list[str], prompts: list[str], kind: str, panels: str, lines: str
) -> None:
    suite = messages.validate(
        Suite,
        {
            "title": "t",
            "problems": {"p": {"path": "p.jsonl"}},
            "training_problems": "p",
            "benchmarks": {"b": {"problems": "p"}},
            "prompts": {"a": {"kind": "raw"}, "b": {"kind": "raw"}},
            "models": {m: {"source": "local", "id": "/m", "prompt": "a", "max_positions": 4096} for m in "ab"},
            "rewards": {r: {"function": "format"} for r in "ab"},
            "variants": {"default": {}, "a": {}, "b": {}},
            "experiments": {
                "e": {
                    "title": "e",
                    **{"models": models, "rewards": rewards, "variants": variants, "prompts": prompts},
                    **{"seeds": ["0", "1"], "steps": 10},
                }
            },
            "exhibits": {"x": {"title": "x", "kind": kind, "experiment": "e", "panels": panels, "lines": lines}},
            "report": {"headline": "e"},
        },
        "mine.yaml",
    )
    runs = [run for run in suite.runs if run.seeds == "0"]
    places = {(getattr(run, panels), getattr(run, lines)) for run in runs}
    try:
        exhibits.check(suite)
        drawn = True
    except FoundError:
        drawn = False
    assert drawn == (len(places) == len(runs))

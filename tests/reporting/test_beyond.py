"""Exhibits of the kinds `split` and `noise`, made from invented grades: their content and wording."""

import numpy as np
import pandas as pd
import pytest
from invented import GAINS, metrics, study, suite

from spurious_rewards.analysis.conditions import collect
from spurious_rewards.analysis.gain_split import gain_split
from spurious_rewards.analysis.headline import headline
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting.exhibits import kinds
from spurious_rewards.reporting.exhibits.exhibit import ResultTables, make

NOISY = {"format": (0.8, 0.8), "incorrect": (0.5, 0.0), "python": (0.0, 0.5)}
"""Error rates (false positive, false negative) of noisy verifiers, under reward names of the invented study."""

BENCHMARKS = {"math500": (40, 1)}


@pytest.fixture(scope="module")
def the_suite() -> Suite:
    content = suite(models=["strong", "weak"]).model_dump(exclude_unset=True)
    for name, (positive, negative) in NOISY.items():
        content["rewards"][name] = {"function": "noisy", "false_positive": positive, "false_negative": negative}
    content["benchmarks"] = {key: content["benchmarks"][key] for key in BENCHMARKS}
    content["exhibits"] = {
        "split": {"title": "The split", "kind": "split", "experiment": "headline"},
        "noise": {
            "title": "The noise",
            "kind": "noise",
            "experiment": "headline",
            "rewards": ["ground_truth", "random_0.5", *NOISY],
        },
    }
    return Suite.model_validate(content)


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory, the_suite: Suite) -> ResultTables:
    graded = collect(study(tmp_path_factory.mktemp("study"), the_suite, BENCHMARKS))
    experiment = the_suite.experiments["headline"]
    training = metrics(np.random.default_rng(0)).rename(columns={"reward": "mean_reward"})
    of_runs = pd.concat(
        training.assign(model=model, prompt="plain", reward=reward, variant="default")
        for model in the_suite.models
        for reward in GAINS
    )
    return ResultTables(
        headline=headline(graded, the_suite, experiment, of_runs), gain_split=gain_split(graded, the_suite, experiment)
    )


@pytest.mark.parametrize("kind", ["split", "noise"])
def test_they_leave_what_the_plan_expects(the_suite: Suite, frames: ResultTables, kind: str) -> None:
    made = make(kind, the_suite, frames)
    assert tuple(made.figures) == kinds.pictures(the_suite, the_suite.exhibits[kind]) == ("math500",)
    (table,) = made.page["tables"]
    assert {len(row) for row in table["rows"]} == {len(table["columns"])}
    assert "n = 40 problems, one greedy response each, 5 seeds" in table["note"]


def test_each_part_begins_where_the_one_above_ends(the_suite: Suite, frames: ResultTables) -> None:
    (axes,) = make("split", the_suite, frames).figures["math500"].axes
    drawn = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches]
    for null, elicitation, design, whole in (drawn[:4], drawn[4:]):
        assert null[0] == whole[0] == 0
        assert [elicitation[0], design[0], whole[1]] == pytest.approx([null[1], elicitation[1], design[1]])


def test_a_table_of_the_split_has_a_row_a_model(the_suite: Suite, frames: ResultTables) -> None:
    (table,) = make("split", the_suite, frames).page["tables"]
    text = pd.DataFrame(table["rows"], columns=table["columns"])
    assert list(text["Model"]) == ["strong", "weak"]
    assert {"Null gain", "Elicitation", "Reward design", "Whole gain", "Whole gain, by seed"} <= set(text.columns)


def test_the_noise_stands_at_its_j(the_suite: Suite, frames: ResultTables) -> None:
    made = make("noise", the_suite, frames)
    found = made.numbers.groupby("reward")["j"].unique().map(list).to_dict()
    assert found == {"ground_truth": [1.0], "random_0.5": [0.0], "format": [-0.6], "incorrect": [0.5], "python": [0.5]}
    for ax in made.figures["math500"].axes:
        joined = [
            list(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) > 1 and line.get_linewidth() == 1.4
        ]
        assert sorted(map(len, joined)) == [2, 2, 3]  # FP only, FN only, both errors; each line ends at the truth
        assert all(line[-1] == 1 for line in joined)

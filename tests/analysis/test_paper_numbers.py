"""The paper's printed values: complete, unchanged, and each beside exactly one row of the paper suite's tables."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from invented import NO_METRICS, responses, row_of, suite, together

from spurious_rewards.analysis import paper_numbers
from spurious_rewards.analysis.headline import headline
from spurious_rewards.analysis.strategy_switches import GROUPS, contributions
from spurious_rewards.analysis.untrained import before
from spurious_rewards.artifacts import tables
from spurious_rewards.config.endpoints import ends
from spurious_rewards.config.loading import load
from spurious_rewards.config.suite import Suite

SUITE = Path(__file__).parents[2] / "config" / "suites" / "paper.yaml"

PRINTED = [
    ("before", "Qwen2.5-Math-7B", "", "", "accuracy", 49.4, "Fig. 1 and Tab. 3"),
    ("before", "Qwen2.5-Math-7B", "", "", "accuracy_with_code", 60.9, "Tab. 1"),
    ("main", "Qwen2.5-Math-7B", "", "ground_truth", "difference", 29.1, "Abstract; Fig. 1"),
    ("main", "Qwen2.5-Math-7B", "", "one_shot", "difference", 26.0, "Abstract; Fig. 1"),
    ("main", "Qwen2.5-Math-7B", "", "random_0.5", "highest_code_rate", 95.6, "Sec. 4.2 (highest reached)"),
    ("main", "Qwen2.5-7B", "", "steered", "difference", 30.6, "Tab. 2"),
    ("one_shot", "Qwen2.5-7B", "", "one_shot", "accuracy", 54.8, "App. A.6"),
    ("python", "Qwen2.5-Math-7B", "", "python", "code_rate", 99.0, "Sec. 4.3 (more than)"),
    ("forcing", "Llama-3.2-3B-Instruct", "forced_python", "", "accuracy", 8.2, "Tab. 3"),
    ("compound", "OLMo-2-1124-7B-SFT", "", "incorrect_without_python", "difference", 5.5, "Sec. 4.3"),
    ("prompts", "Qwen2.5-Math-7B", "spurious", "", "box_rate", 84.1, "Tab. 5"),
]


@pytest.mark.parametrize(("experiment", "model", "prompt", "reward", "quantity", "value", "source"), PRINTED)
def test_printed_values(experiment, model, prompt, reward, quantity, value, source):
    row = row_of(
        paper_numbers.printed(),
        **{"experiment": experiment, "model": model, "prompt": prompt, "reward": reward, "quantity": quantity},
        **{"benchmark": "math500", "group": ""},
    )
    assert (row["value"], row["source"]) == (value, source)


def test_nothing_is_lost_or_changed():
    printed = paper_numbers.printed()
    assert not printed.duplicated(paper_numbers.KEYS).any()
    assert (printed["source"] != "").all()
    assert printed.groupby("experiment")["value"].agg(["size", "sum"]).round(1).T.to_dict("list") == {
        "before": [24, 871.1],
        "compound": [2, 14.4],
        "forcing": [8, 209.8],
        "main": [27, 670.5],
        "one_shot": [1, 54.8],
        "prompts": [10, 712.4],
        "python": [1, 99.0],
    }


def test_partial_contributions_sum_to_one_hundred():
    parts = paper_numbers.printed().query("quantity == 'partial_contribution'")
    assert set(parts["group"]) == set(GROUPS)
    assert parts.groupby("model")["value"].sum().tolist() == pytest.approx([100] * 3, abs=0.15)


# ---------------------------------------------------------------- the paper suite


def answers(the_suite, experiment, steps):
    """Yield invented answers to three problems: before training, at the given steps, and at the end of each run."""
    generator = np.random.default_rng(0)

    def of(seeds, **condition):
        right, code = generator.random((2, len(seeds), 3)) < 0.5
        return responses(right, code, seeds=seeds, **condition)

    for benchmark in the_suite.benchmarks_of(experiment):
        for model, prompt, _ in the_suite.bases_of(experiment):
            yield of([tables.SHARED_BASE], model=model, prompt=prompt, benchmark=benchmark)
        for (model, prompt, reward, variant), end in ends(the_suite, experiment).items():
            condition = {"model": model, "prompt": prompt, "reward": reward, "variant": variant}
            for step in {end.step, *steps}:
                if step <= end.step:
                    yield of(end.seeds, step=step, benchmark=benchmark, **condition)


@pytest.fixture(scope="module")
def made():
    """Return the tables that the analysis makes for the paper suite, by (experiment, kind)."""
    the_suite = load(SUITE)
    found = {}
    for name in paper_numbers.printed()["experiment"].unique():
        experiment = the_suite.experiments[name]
        graded = together(*answers(the_suite, experiment, [150]))
        found[name, "before"] = before(graded, the_suite, experiment)
        found[name, "headline"] = headline(graded, the_suite, experiment, NO_METRICS)
        if name == "main":
            found[name, "contributions"] = contributions(graded, the_suite, experiment, NO_METRICS, 150)
    return {key: paper_numbers.beside(table, the_suite, key[0]) for key, table in found.items()}


def own(column):
    """Return the column of the headline table that holds a quantity."""
    return "after" if column == "accuracy" else "code_after" if column == "code_rate" else column


def test_every_printed_value_stands_beside_exactly_one_row(made):
    the_suite = load(SUITE)
    for value in paper_numbers.printed().to_dict("records"):
        kind = {"": "before", "steered": "contributions"}.get(value["reward"], "headline")
        table = made[value["experiment"], kind]
        wanted = {
            "model": value["model"],
            "prompt": value["prompt"] or the_suite.models[value["model"]].prompt,
            "benchmark": value["benchmark"],
        }
        wanted |= {"reward": value["reward"], "variant": value["variant"]} if kind == "headline" else {}
        wanted |= {"group": value["group"]} if value["group"] else {}
        if kind == "contributions" and not value["group"]:  # the gain is that of all groups; each row repeats it
            table = table.drop_duplicates(["model", "prompt", "variant", "benchmark"])
        row = row_of(table, **wanted)
        column = own(value["quantity"]) if kind == "headline" else value["quantity"]
        assert row[f"paper_{column}"] == pytest.approx(value["value"] / 100)
        assert row[f"paper_{column}_source"].startswith(value["source"])


def test_nothing_else_is_filled_in(made):
    """Check that each printed value of trained models stands in one row of one table.

    Values of models before training may stand in many tables.
    """
    printed = paper_numbers.printed()
    for (name, kind), table in made.items():
        cells = [column.removesuffix("_source") for column in table if column.endswith("_source")]
        if kind == "headline":
            here = printed[(printed["experiment"] == name) & ~printed["reward"].isin(["", "steered"])]
            assert table[[cell for cell in cells if cell != "paper_before"]].notna().to_numpy().sum() == len(here)
        if kind == "contributions":
            here = printed[printed["reward"] == "steered"]
            gains, parts = (table[f"paper_{column}"].notna().sum() for column in ("difference", "partial_contribution"))
            assert parts + gains / len(GROUPS) == len(here)


def test_no_row_is_lost_or_added(made):
    the_suite = load(SUITE)
    for (name, kind), table in made.items():
        if kind == "headline":
            experiment = the_suite.experiments[name]
            assert len(table) == len(ends(the_suite, experiment)) * len(the_suite.benchmarks_of(experiment))


# ---------------------------------------------------------------- other suites


def stand_in(model, prompt="plain"):
    content = suite(models=["strong"], rewards=["format"]).model_dump(mode="json")
    content["models"] = {"strong": content["models"]["strong"] | {"paper": model}}
    content["prompts"]["forced_python"] = {"kind": "prefill", "response_prefix": "python :"}
    content["experiments"]["headline"]["prompts"] = [prompt]
    return Suite.model_validate(content)


def beside_one(the_suite, experiment, prompt="plain"):
    graded = together(
        responses(np.eye(1, 3), np.eye(1, 3), prompt=prompt),
        responses(np.eye(1, 3), np.eye(1, 3), prompt=prompt, reward="format", step=25),
    )
    experiment_here = the_suite.experiments["headline"]
    return (
        paper_numbers.beside(before(graded, the_suite, experiment_here), the_suite, experiment).iloc[0],
        paper_numbers.beside(headline(graded, the_suite, experiment_here, NO_METRICS), the_suite, experiment).iloc[0],
    )


def test_a_stand_in_has_the_numbers_of_its_paper_model():
    untrained, trained = beside_one(stand_in("Qwen2.5-Math-7B"), "main")
    assert untrained["paper_accuracy"] == trained["paper_before"] == pytest.approx(0.494)
    assert trained["paper_difference"] == pytest.approx(0.138)
    assert trained["paper_difference_source"] == "Abstract; Fig. 1, step 300"
    assert np.isnan(trained["paper_after"])
    assert trained["paper_after_source"] == ""


def test_a_model_that_stands_for_none_has_no_numbers():
    untrained, trained = beside_one(stand_in(None), "main")
    for row in (untrained, trained):
        values = row[[name for name in row.index if name.startswith("paper_") and not name.endswith("_source")]]
        assert pd.isna(values).all()


def test_a_prompt_that_is_not_the_models_own_has_only_its_own_numbers():
    untrained, _ = beside_one(stand_in("Qwen2.5-Math-7B", "forced_python"), "forcing", "forced_python")
    assert untrained["paper_accuracy"] == pytest.approx(0.644)
    assert np.isnan(untrained["paper_code_rate"])
    assert untrained["paper_accuracy_source"] == "Tab. 3"

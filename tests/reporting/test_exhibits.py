"""Exhibits made from the analysis frames of invented grades: figures, captions and numbers."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from invented import metrics, study, suite
from matplotlib.text import Text

from spurious_rewards import statistics
from spurious_rewards.analysis.baselines import BASELINES, baselines
from spurious_rewards.analysis.conditions import collect
from spurious_rewards.analysis.headline import COMPARISONS, HEADLINE, comparisons, headline
from spurious_rewards.analysis.scores import from_base, scores, smooth
from spurious_rewards.analysis.seeds import SEEDS, seeds
from spurious_rewards.analysis.strategy_switches import contributions, switches
from spurious_rewards.analysis.untrained import BEFORE, before
from spurious_rewards.artifacts import csv_files
from spurious_rewards.artifacts import tables as artifacts
from spurious_rewards.config.experiments import Exhibit
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import naming, numerals
from spurious_rewards.reporting.exhibits import kinds
from spurious_rewards.reporting.exhibits.clipping import clipping_numbers
from spurious_rewards.reporting.exhibits.exhibit import KINDS, SEE_ABOVE, ResultTables, make, markdown, marked
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.stages.plot import NEEDS

BENCHMARKS = {"math500": (40, 1), "amc": (30, 2)}
REWARDS = ["ground_truth", "format", "random_0.5"]


OTHERWISE = ("clipping", "qualitative", "control", "coverage", "split", "noise")
"""Kinds excluded here: this study has no frames for them, or they have tests of their own."""


def exhibit(kind, **keys):
    return {"title": f"The {kind}", "kind": kind} | ({} if kind == "clipping" else {"experiment": "headline"}) | keys


EXHIBITS = {kind: exhibit(kind) for kind in NEEDS if kind not in OTHERWISE}
EXHIBITS["baselines"]["rewards"] = ["ground_truth"]


@pytest.fixture(scope="module")
def the_suite():
    content = suite(models=["strong", "weak"], rewards=REWARDS).model_dump(exclude_unset=True)
    content["benchmarks"] = {key: content["benchmarks"][key] for key in BENCHMARKS}
    content["prompts"]["forced_python"] = {"kind": "prefill", "response_prefix": "Let's solve this using Python."}
    content["prompts"]["raw"] = {"kind": "raw"}
    content["variants"] = {"default": {}, "one_update": {"updates_per_rollout": 1}}
    content["exhibits"] = EXHIBITS
    return Suite.model_validate(content)


@pytest.fixture(scope="module")
def frames(tmp_path_factory, the_suite):
    """Return the frames that the stages would pass on; the CSV tables went through a file."""
    folder = tmp_path_factory.mktemp("study")
    graded = collect(study(folder, the_suite, BENCHMARKS))
    experiment = the_suite.experiments["headline"]
    training = pd.concat(
        [
            metrics(np.random.default_rng(number))
            .rename(columns={"reward": "mean_reward"})
            .assign(model=model, prompt="plain", reward=reward, variant="default")
            for number, (model, reward) in enumerate(
                (model, reward) for model in the_suite.models for reward in REWARDS
            )
        ]
    )
    of_csv = {
        "headline": headline(graded, the_suite, experiment, training),
        "comparisons": comparisons(graded, the_suite, experiment, training),
        "seeds": seeds(graded, the_suite, experiment),
        "baselines": baselines(graded, the_suite, experiment),
        "before": before(graded, the_suite, experiment),
    }
    columns = {
        "headline": HEADLINE,
        "comparisons": COMPARISONS,
        "seeds": SEEDS,
        "baselines": BASELINES,
        "before": BEFORE,
    }
    for name, frame in of_csv.items():
        csv_files.write(frame, folder / f"{name}.csv")
    return {
        **{name: csv_files.read(folder / f"{name}.csv", columns[name]) for name in of_csv},
        "scores": scores(graded),
        "switches": switches(graded, the_suite, experiment),
        "contributions": contributions(graded, the_suite, experiment, training),
        "metrics": training,
    }


def made(the_suite, frames, kind, name="it", **keys):
    changed = the_suite.model_copy(update={"exhibits": {name: Exhibit(**exhibit(kind, **keys))}})
    return make(name, changed, ResultTables(**{need: frames[need] for need in NEEDS[kind]}))


def test_a_reward_beats_the_dummies_or_not(the_suite, frames):
    """The caption counts the models on which a reward beats both dummy baselines; the table compares it with each."""
    caption = made(the_suite, frames, "baselines", rewards=["ground_truth"], benchmarks=["math500"]).page["caption"]
    assert re.match(r"ground_truth beats the dummy baselines on \d of 2 models, \S+", caption), caption
    table = texts(made(the_suite, frames, "baselines", rewards=["ground_truth"]).page)[0]
    assert {"Versus format", "Versus random_0.5", "Versus dummy baselines"} <= set(table.columns)
    assert "Versus ground_truth" not in table.columns
    assert set(table["Versus dummy baselines"]) <= {"beats", "falls behind", "not shown", "too few seeds"}


def test_of_a_model_that_a_baseline_is_missing_for_nothing_is_said_of_the_dummies(the_suite, frames):
    beside = frames["baselines"]
    gone = (beside["model"] == "weak") & (beside["baseline"] == "format")
    result = made(the_suite, {**frames, "baselines": beside[~gone]}, "baselines", rewards=["ground_truth"])
    said = [label.get_text() for figure in result.figures.values() for label in figure.findobj(Text)]
    assert any("weak" in each for each in said)
    assert "nan" not in said


def with_forced(before):
    over = {"over_own_prompt": 0.1, "over_own_prompt_low": 0.04, "over_own_prompt_high": 0.16}
    over |= {"over_own_prompt_seeds": before["seeds"], "over_own_prompt_by_seed": "0.1 0.1 0.1 0.1 0.1"}
    forced = before.assign(prompt="forced_python", accuracy=before["accuracy"] + 0.1, code_rate=1.0, **over)
    return pd.concat([before, forced])


def texts(page):
    return [pd.DataFrame(table["rows"], columns=table["columns"]) for table in page["tables"]]


# ---------------------------------------------------------------- every kind


@pytest.mark.parametrize("kind", EXHIBITS)
def test_every_kind_leaves_what_the_plan_expects(the_suite, frames, kind):
    keys = {"probability": {"rewards": ["format"]}, "baselines": {"rewards": ["ground_truth"]}}.get(kind, {})
    if kind == "forcing":
        frames = {**frames, "before": with_forced(frames["before"])}
    result = made(the_suite, frames, kind, **keys)
    shown = the_suite.exhibits[kind]
    assert tuple(result.figures) == kinds.pictures(the_suite, shown)
    assert bool(result.figures) == (
        kind in ("gains", "baselines", "curves", "code", "probability", "health", "switches")
    )
    assert [picture["stem"] for picture in result.page["pictures"]] == list(result.figures)
    assert json.loads(json.dumps(result.page)) == result.page
    assert len(result.numbers)
    assert result.page["caption"]
    for table in result.page["tables"]:
        assert "Invented" in table["title"]
        assert {len(row) for row in table["rows"]} == {len(table["columns"])}
        assert all(isinstance(cell, str) for row in table["rows"] for cell in row)
    assert all(table["title"] in markdown(result.page) for table in result.page["tables"])


def test_a_mark_stands_in_every_caption(the_suite, frames):
    page = made(the_suite, frames, "gains").page
    assert marked(page, "") == page
    incomplete = marked(page, "Incomplete. Missing: weak.")
    assert incomplete["caption"] == f"Incomplete. Missing: weak. {page['caption']}"
    assert all(picture[key].endswith(SEE_ABOVE) for picture in incomplete["pictures"] for key in ("caption", "text"))
    assert all(table["note"].endswith(SEE_ABOVE) for table in incomplete["tables"])
    assert "Incomplete. Missing: weak." in markdown(incomplete)


def test_kinds_are_those_of_the_suite():
    assert set(KINDS) | {"qualitative"} == set(NEEDS)
    assert {name for needs in NEEDS.values() for name in needs} <= {
        *ResultTables.__dataclass_fields__,
        "responses",
        "perturbation",
    }


def test_a_frame_that_is_needed_and_missing_is_named(the_suite):
    with pytest.raises(ValueError, match="headline"):
        make("gains", the_suite, ResultTables())


# ---------------------------------------------------------------- bars and curves


@pytest.mark.parametrize("kind", ["gains", "curves", "code"])
def test_of_few_seeds_each_is_shown(the_suite, frames, kind):
    table = frames["headline"].query("benchmark == 'math500' and model == 'strong'").copy()
    chosen = {"models": ["strong"], "benchmarks": ["math500"]}
    assert not any("every seed" in each["title"] for each in made(the_suite, frames, kind, **chosen).page["tables"])
    few = table["reward"] == "format"
    table.loc[few, "seeds"] = 3
    shown = made(the_suite, {**frames, "headline": table}, kind, **chosen).page["tables"]
    (single,) = [each for each in shown if each["title"].endswith(", every seed")]
    assert [row[single["columns"].index("Seed")] for row in single["rows"]] == list("01234")
    assert shown.index(single) == 1
    assert "McNemar" in single["note"]


def test_p_is_adjusted_for_the_rows_of_the_table(the_suite, frames):
    whole = made(the_suite, frames, "gains", benchmarks=["math500"]).numbers
    part = made(the_suite, frames, "gains", benchmarks=["math500"], models=["weak"]).numbers
    assert whole["p_adjusted"].tolist() == pytest.approx(statistics.holm(whole["p"]).tolist())
    assert part["p_adjusted"].tolist() == pytest.approx(statistics.holm(part["p"]).tolist())
    assert len(part) < len(whole)


def test_gains_show_every_seed(the_suite, frames):
    result = made(the_suite, frames, "gains", models=["strong"], benchmarks=["math500"])
    table = texts(result.page)[0]
    ax = result.figures["math500"].axes[0]
    circles = [line.get_xdata() for line in ax.lines if line.get_marker() == "o"]
    one = frames["seeds"].query("model == 'strong' and benchmark == 'math500'")
    assert np.concatenate(circles) == pytest.approx(100 * one["difference"].to_numpy())
    for cell, (_, of) in zip(table["Change, by seed"], one.groupby("reward", sort=False), strict=True):
        assert cell == ", ".join(map(numerals.points, of["difference"]))


@pytest.mark.parametrize("kind", ["gains", "curves"])
def test_seeds_in_two_groups_and_few_right_answers_are_told(the_suite, frames, kind):
    chosen = {"models": ["strong"], "benchmarks": ["math500"]}
    before = made(the_suite, frames, kind, **chosen).page
    assert "two groups" not in str(before)
    assert "few right" not in str(before)
    changed = frames["headline"].copy()
    here = (changed["model"] == "strong") & (changed["reward"] == "format")
    changed.loc[here, "difference_split"] = 1
    changed.loc[here, ["before", "after"]] = 0.03
    page = made(the_suite, {**frames, "headline": changed}, kind, **chosen).page
    said = [page["tables"][0]["note"], *([each["caption"] for each in page["pictures"]] if kind == "gains" else [])]
    for text in said:
        assert "two groups: format (1 of 5 above the others)" in text
        assert "This affects the change of: format." in text
    row = texts(page)[0].set_index("Reward").loc["format"]
    assert all(row[column].endswith("(few right)") for column in ("Accuracy before", "Accuracy after", "Change"))


def test_a_comparison_says_how_many_seeds_the_two_share(the_suite, frames):
    few = frames["headline"].assign(over_random_seeds=1)
    table = texts(made(the_suite, {**frames, "headline": few}, "gains").page)[0].set_index("Reward")
    assert table["Versus random"].iloc[0].endswith("(1 seed)")
    assert "seed" not in texts(made(the_suite, frames, "gains").page)[0]["Versus random"].iloc[0]


def test_gains_show_the_differences_of_the_headline(the_suite, frames):
    result = made(the_suite, frames, "gains", models=["strong"], benchmarks=["math500"])
    expected = frames["headline"].query("model == 'strong' and benchmark == 'math500'")
    widths = [bar.get_width() for bar in result.figures["math500"].axes[0].patches]
    assert widths == pytest.approx((100 * expected["difference"]).tolist())
    assert set(result.figures) == {"math500"}
    assert len(result.numbers) == 3
    caption = result.page["pictures"][0]["caption"]
    assert "n = 40 problems, one greedy response each, 5 seeds. Measured after step 25" in caption


def test_gains_say_where_each_benchmark_starts(the_suite, frames):
    result = made(the_suite, frames, "gains", models=["strong"])
    before = frames["headline"].query("model == 'strong'").groupby("benchmark")["before"].first()
    for benchmark, figure in result.figures.items():
        said = [text.get_text() for text in figure.axes[0].texts]
        assert f"before training {numerals.percent(before[benchmark])} %" in said


def test_sampled_benchmarks_say_how_many_responses(the_suite, frames):
    caption = made(the_suite, frames, "gains", benchmarks=["amc"]).page["pictures"][0]["caption"]
    assert "n = 30 problems, 2 sampled responses each" in caption


def test_not_testable_stands_in_the_place_of_the_number(the_suite, frames):
    table = frames["headline"].copy()
    table.loc[(table["model"] == "weak") & (table["reward"] == "format"), "verdict"] = "not testable"
    result = made(the_suite, {**frames, "headline": table}, "gains", models=["weak"], benchmarks=["math500"])
    said = [text.get_text() for text in result.figures["math500"].axes[0].texts]
    assert said.count("not testable") == 1


def test_the_papers_values_are_in_figure_and_table(the_suite, frames):
    table = frames["headline"].assign(paper_difference=np.nan, paper_difference_source="", paper_before=0.494)
    table = table.assign(paper_before_source="Tab. 3")
    table.loc[table["reward"] == "format", ["paper_difference", "paper_difference_source"]] = [0.138, "Fig. 1"]
    with_paper = {**frames, "headline": table}
    bars = made(the_suite, with_paper, "gains", models=["strong"], benchmarks=["math500"])
    diamonds = [line for line in bars.figures["math500"].axes[0].lines if line.get_marker() == "D"]
    assert [line.get_xdata()[0] for line in diamonds] == pytest.approx([13.8])
    column = texts(bars.page)[0].set_index("Reward")["Paper: change"]
    assert column.to_dict() == {
        "ground_truth": numerals.MISSING,
        "format": "+13.8 (Fig. 1)",
        "random_0.5": numerals.MISSING,
    }
    curves = made(the_suite, with_paper, "curves", models=["strong"], benchmarks=["math500"])
    diamonds = [line for line in curves.figures["math500"].axes[0].lines if line.get_marker() == "D"]
    assert {(line.get_xdata()[0], round(line.get_ydata()[0], 9)) for line in diamonds} == {(0, 49.4)}


def test_curves_are_the_smoothed_means_over_seeds(the_suite, frames):
    result = made(the_suite, frames, "curves", benchmarks=["math500"])
    runs = from_base(frames["scores"])
    expected = smooth(runs, the_suite.report.smoothing_steps).query(
        "model == 'weak' and reward == 'format' and benchmark == 'math500'"
    )
    line = next(line for line in result.figures["math500"].axes[1].lines if line.get_label() == "format")
    assert line.get_ydata() == pytest.approx(100 * expected.groupby("step")["accuracy"].mean().to_numpy())
    rows = result.numbers.query("model == 'weak' and reward == 'format'")
    assert list(rows["step"]) == [0, 5, 10, 15, 20, 25]
    assert list(rows["updates"]) == [0, 40, 80, 120, 160, 200]
    assert (rows["low"] < rows["value"]).all()
    assert (rows["seeds"] == 5).all()


@pytest.mark.parametrize(
    ("steps", "dashed", "said"),
    [
        (10, {"strong", "weak"}, "smoothed over 10 training steps. Dashed: the mean of each evaluation"),
        (5, set(), "Line: mean over seeds. Band"),
        (0, set(), "Line: mean over seeds. Band"),
    ],
)
def test_smoothing_is_said_and_drawn_where_there_is_any(the_suite, frames, steps, dashed, said):
    content = the_suite.model_dump(exclude_unset=True)
    content["report"]["smoothing_steps"] = steps
    result = made(Suite.model_validate(content), frames, "curves", benchmarks=["math500"])
    assert said in result.page["caption"]
    assert panels_with_dashes(result.figures["math500"]) == dashed
    assert result.numbers["raw"].notna().all()


def test_smoothing_is_of_each_conditions_own_evaluations(the_suite, frames):
    scores_of = frames["scores"]
    seldom = scores_of[(scores_of["model"] != "weak") | scores_of["step"].isin([0, 10, 20])]
    result = made(the_suite, {**frames, "scores": seldom}, "curves", benchmarks=["math500"])
    assert panels_with_dashes(result.figures["math500"]) == {"strong"}
    assert "10 training steps if evaluations are closer together than that. Dashed" in result.page["caption"]


def panels_with_dashes(figure):
    return {
        ax.get_title(loc="left")
        for ax in figure.axes
        if any(line.get_linewidth() == 1 and np.isfinite(line.get_ydata()).any() for line in ax.lines)
    }


def test_one_seed_has_no_band_and_no_wrong_number(the_suite, frames):
    one = frames["scores"][frames["scores"]["seed"] == 0]
    result = made(the_suite, {**frames, "scores": artifacts.Scores.validate(one)}, "code", models=["weak"])
    assert result.numbers["low"].isna().all()
    assert result.numbers["value"].notna().all()


def test_code_stands_beside_accuracy(the_suite, frames):
    figure = made(the_suite, frames, "code", benchmarks=["math500"]).figures["math500"]
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        *("strong: accuracy", "strong: responses with code"),
        *("weak: accuracy", "weak: responses with code"),
    ]


def test_variants_end_together_along_steps_and_along_updates(the_suite, frames):
    """One variant makes 25 steps of 8 updates, the other 50 steps of 1; curves end at 25 steps or 50 updates."""
    content = the_suite.model_dump(exclude_unset=True)
    content["exhibits"] = {}
    content["experiments"]["headline"] |= {
        "rewards": ["format"],
        "extra_grids": [{"variants": ["one_update"], "steps": 50}],
    }
    longer = Suite.model_validate(content)
    runs = frames["scores"].query("reward == 'format'")
    moved = runs.assign(variant="one_update")
    whole = pd.concat([frames["scores"], moved, moved[moved["step"] > 0].assign(step=lambda of: of["step"] + 25)])
    table = frames["headline"].query("reward == 'format'")
    table = pd.concat([table, table.assign(variant="one_update", steps=50, updates=50)])
    compared = table.assign(comparison="equal rollout steps", steps=25)
    given = {**frames, "scores": whole, "headline": table, "comparisons": compared}
    keys = {"models": ["strong"], "benchmarks": ["math500"], "lines": "variant"}
    for against, end in (("steps", 25), ("updates", 50)):
        result = made(longer, given, "curves", against=against, **keys)
        named = [line for line in result.figures["math500"].axes[0].lines if line.get_label()[0] != "_"]
        assert {line.get_label() for line in named} == {"default", "one update"}
        assert max(line.get_xdata()[-1] for line in named) <= end
        assert result.numbers["step"].max() == 50  # the table of numbers is not cut
    of_ends, at_equal = texts(result.page)
    assert list(of_ends["Updates"]) == ["200", "50"]
    assert set(at_equal["Comparison"]) == {"equal rollout steps"}


def test_nothing_to_show_is_an_error_that_names_the_exhibit(the_suite, frames):
    with pytest.raises(UserError, match=r"exhibits\.it: experiment headline has no rows"):
        made(the_suite, {**frames, "headline": frames["headline"].iloc[:0]}, "gains")


def test_probability_has_a_panel_for_each_quantity_and_a_line_for_each_variant(the_suite, frames):
    result = made(the_suite, frames, "probability", models=["strong"], rewards=["format"])
    axes = result.figures["rollouts"].axes
    assert [ax.get_ylabel() for ax in axes] == ["mean probability", "nats per token", "responses with code (%)"]
    assert [[text.get_text() for text in ax.texts] for ax in axes] == [["default"]] * 3
    entropy = result.numbers.query("quantity == 'entropy'").set_index("step")
    assert entropy.loc[1, "value"] == pytest.approx(1.95)
    assert entropy.loc[25, "value"] == pytest.approx(2 - 0.05 * 20.5)  # mean of steps 16 to 25
    assert entropy.loc[25, "raw"] == pytest.approx(0.75)
    assert texts(result.page)[0].loc[0, "Entropy"].startswith("1.950 → 0.975 [")
    assert ", smoothed over 10 training steps. Band" in result.page["caption"]
    assert "step 0" not in result.page["caption"]  # rollouts start at step 1
    assert result.page["tables"][0]["note"].startswith("First → last rollout step, smoothed over 10 training steps.")


def test_health_has_a_picture_for_each_model_and_a_panel_for_each_quantity(the_suite, frames):
    result = made(the_suite, frames, "health", models=["weak", "strong"])
    assert list(result.figures) == ["weak", "strong"]
    titles = [
        *("Mean reward", "Accuracy", "Entropy"),
        *("Responses with a box", "Responses with code", "Tokens clipped"),
        *("Response length", "Responses cut off", "Groups with equal rewards"),
    ]
    assert [ax.get_title(loc="left") for ax in result.figures["weak"].axes] == titles
    clipped = result.numbers.query("model == 'weak' and reward == 'format' and quantity == 'clip_fraction'")
    of_run = frames["metrics"].query("model == 'weak' and reward == 'format'")
    last = of_run[of_run["step"] > 15].groupby("seed")["clip_fraction"].mean().mean()
    assert clipped.set_index("step").loc[25, "value"] == pytest.approx(last)
    line = next(line for line in result.figures["weak"].axes[5].lines if line.get_label() == "format")
    assert line.get_ydata()[-1] == pytest.approx(100 * last)
    assert list(texts(result.page)[0].columns) == ["Model", "Reward", "Seeds", "Steps", *titles]
    caption = result.page["pictures"][0]["caption"]
    assert caption.startswith("Training of weak. ")
    assert "(n = 64 problems, 16 responses each per step)" in caption
    assert "mean over 5 seeds, smoothed over 10 training steps" in caption


def test_health_is_of_the_models_that_are_there(the_suite, frames):
    there = frames["metrics"].query("model == 'strong'")
    result = made(the_suite, {**frames, "metrics": there}, "health", models=["weak", "strong"])
    assert list(result.figures) == ["strong"]


def test_health_is_not_of_imported_runs(the_suite):
    content = the_suite.model_dump(exclude_unset=True)
    content["exhibits"] = {"health": exhibit("health", rewards=["format"])}
    content["experiments"]["headline"]["seeds"] = ["0"]
    content["imports"] = [
        {"model": "weak", "reward": "format", "checkpoints": {25: "org/elsewhere"}, "origin": "elsewhere"}
    ]
    with_import = Suite.model_validate(content)
    assert kinds.pictures(with_import, with_import.exhibits["health"]) == ("strong",)


# ---------------------------------------------------------------- strategies


def test_switches_are_of_greedy_benchmarks(the_suite, frames):
    result = made(the_suite, frames, "switches")
    assert list(result.figures) == ["math500"]
    text = texts(result.page)[0]
    assert list(text["Group"].iloc[:4]) == list(naming.GROUPS.values())
    sizes = result.numbers.groupby(["model", "reward"], observed=True)["size"].sum()
    assert sizes.to_numpy() == pytest.approx(np.ones(6))


def test_rewards_that_did_not_steer_say_so(the_suite, frames):
    result = made(the_suite, frames, "switches", models=["weak"])
    labels = [label.get_text() for label in result.figures["math500"].axes[0].get_yticklabels()]
    assert all("(not steered)" in label for label in labels)  # the weak model never uses code


def test_contributions_name_rewards_by_their_titles(the_suite, frames):
    rows = frames["contributions"].assign(rewards="format, random_0.5")
    content = the_suite.model_dump(exclude_unset=True)
    content["rewards"]["random_0.5"]["title"] = "A coin"
    titled = Suite.model_validate(content)
    text = texts(made(titled, {**frames, "contributions": rows}, "contributions").page)[0]
    assert set(text["Rewards pooled"]) == {"format, A coin"}


# ---------------------------------------------------------------- before training


def test_strategies_have_a_dash_where_there_is_no_code(the_suite, frames):
    text = texts(made(the_suite, frames, "strategies", benchmarks=["math500"]).page)[0].set_index("Model")
    assert text.loc["weak", "Responses with code"].startswith("0.0")
    assert text.loc["weak", "Accuracy with code"] == numerals.MISSING


def test_forcing_pairs_a_models_own_prompt_with_the_forced_one(the_suite, frames):
    own = frames["before"]
    # A prompt without a response prefix gets no row.
    other = own.assign(prompt="raw", accuracy=0.0)
    both = pd.concat([with_forced(own), other]).assign(paper_accuracy=0.5, paper_accuracy_source="Tab. 3")
    result = made(the_suite, {**frames, "before": both}, "forcing", benchmarks=["math500"])
    text = texts(result.page)[0]
    assert list(text["Model"]) == ["strong", "weak"]
    assert list(text["Difference"]) == ["+10.0 [4.0, 16.0]"] * 2
    assert list(text["Responses with code, forced"]) == ["100.0", "100.0"]
    assert list(text["Paper: code forced"]) == ["50.0 (Tab. 3)"] * 2
    assert result.numbers["own"].tolist() == own.query("benchmark == 'math500'")["accuracy"].tolist()


def test_forcing_without_another_prompt_is_refused(the_suite, frames):
    with pytest.raises(UserError, match=r"exhibits\.it: .* no model has grades under .* response_prefix"):
        made(the_suite, frames, "forcing")


def test_prompts_have_parsable_answers_before_and_accuracy_after(the_suite, frames):
    text = texts(made(the_suite, frames, "prompts", models=["strong"], benchmarks=["math500"]).page)[0]
    assert text.loc[0, "Parsable"].startswith("100.0")
    after = frames["headline"].query("model == 'strong' and reward == 'format' and benchmark == 'math500'")["after"]
    assert text.loc[0, "Accuracy after format"].startswith(numerals.percent(after.iloc[0]))
    untrained = {**frames, "headline": frames["headline"].iloc[:0]}
    assert not any("after" in name for name in texts(made(the_suite, untrained, "prompts").page)[0])


# ---------------------------------------------------------------- clipping


@pytest.fixture
def alone():
    generator = np.random.default_rng(0)
    probe = pd.DataFrame(
        [
            {**{"model": model, "variant": variant, "seed": seed, "pair": pair}, "bias": bias + further}
            for model, further in (("strong", 0.0), ("weak", 0.01))
            for variant, centre in (("default", 0.02), ("one_update", 0.0))
            for seed in range(3)
            for pair, bias in enumerate(generator.normal(centre, 0.001, 8))
        ]
    )
    bandit = pd.DataFrame(
        [
            {"variant": variant, "optimizer": optimizer, "step": step, "log_odds": 0.65 + drift * step, "runs": 600}
            for variant, drift in (("clip", 0.002), ("no clip", -0.002), ("one update", 0.0))
            for optimizer in ("sgd", "adamw")
            for step in range(26)
        ]
    )
    return {
        "probe": probe,
        "bandit": bandit.assign(low=bandit["log_odds"] - 0.01, high=bandit["log_odds"] + 0.01),
    }


def test_the_probes_interval_is_over_seeds_and_over_pairs_where_there_is_one(alone):
    numbers = clipping_numbers(**alone).query("part == 'probe' and model == 'strong'").set_index("variant")
    means = alone["probe"].query("model == 'strong'").groupby(["variant", "seed"])["bias"].mean()
    assert numbers.loc["default", "value"] == pytest.approx(means["default"].mean())
    half = 4.302653 * means["default"].std(ddof=1) / np.sqrt(3)  # Student's quantile, two degrees of freedom
    assert numbers.loc["default", "high"] - numbers.loc["default", "value"] == pytest.approx(half, rel=1e-6)
    assert numbers.loc["default", ["seeds", "pairs"]].tolist() == [3, 8]
    one = clipping_numbers(alone["probe"].query("seed == 0"), alone["bandit"]).query("part == 'probe'")
    assert one["low"].notna().all()
    assert one["seeds"].tolist() == [1, 1, 1, 1]


def test_the_values_of_a_probe_say_of_which_seeds_they_are(alone):
    probe = alone["probe"].sample(frac=1, random_state=0)
    numbers = clipping_numbers(probe[(probe["variant"] == "default") | (probe["seed"] > 0)], alone["bandit"])
    means = probe.groupby(["model", "variant", "seed"])["bias"].mean()
    for row in numbers[numbers["part"] == "probe"].to_dict("records"):
        seeds, values = row["seed_numbers"].split(), row["value_by_seed"].split()
        assert seeds == (["0", "1", "2"] if row["variant"] == "default" else ["1", "2"])
        for seed, value in zip(seeds, values, strict=True):
            assert float(value) == pytest.approx(means[row["model"], row["variant"], int(seed)])


def test_clipping_has_two_pictures_and_two_tables(the_suite, alone):
    content = {**the_suite.model_dump(exclude_unset=True), "exhibits": {}}
    result = made(Suite.model_validate(content), alone, "clipping")
    assert list(result.figures) == ["probe", "bandit"]
    assert [ax.get_title(loc="left") for ax in result.figures["bandit"].axes] == ["SGD", "Adam"]
    of_probe, of_bandit = texts(result.page)
    assert of_probe["Variant"].tolist() == ["default", "one update"] * 2
    assert of_probe["Model"].nunique() == 2
    assert [len(cell.split(", ")) for cell in of_probe["Bias, by seed"]] == [3] * 4
    assert of_bandit.loc[0, "Log odds of the first action"] == "0.650 → 0.700 [0.690, 0.710]"
    assert len(result.numbers) == 2 * 2 + 3 * 2 * 26

"""How numbers are shown to a reader."""

import numpy as np
import pandas as pd
import pytest
from invented import MANIFEST, NO_METRICS, study, suite

from spurious_rewards.analysis import conditions
from spurious_rewards.analysis.headline import headline as analysed
from spurious_rewards.analysis.headline import with_adjusted_p
from spurious_rewards.analysis.paper_numbers import beside
from spurious_rewards.analysis.seeds import seeds
from spurious_rewards.reporting import naming, numerals, text_tables
from spurious_rewards.reporting.exhibits.exhibit import markdown
from spurious_rewards.reporting.exhibits.headline import headline_text, seeds_text
from spurious_rewards.reporting.exhibits.shared import counted
from spurious_rewards.reporting.sections import provenance


@pytest.fixture(scope="module")
def the_suite():
    return suite(models=["strong", "weak"])


@pytest.fixture(scope="module")
def graded(tmp_path_factory, the_suite):
    return conditions.collect(study(tmp_path_factory.mktemp("study"), the_suite, {"math500": (40, 1), "amc": (30, 2)}))


@pytest.fixture(scope="module")
def headline(graded, the_suite):
    return with_adjusted_p(analysed(graded, the_suite, the_suite.experiments["headline"], NO_METRICS))


def sums(headline, the_suite):
    named = naming.named(headline, the_suite)
    return named[named["benchmark"] == "Sums"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (numerals.percent(0.51), "51.0"),
        (numerals.percent(float("nan")), "\N{EN DASH}"),
        (numerals.points(0.301), "+30.1"),
        (numerals.points(-0.0004), "0.0"),
        (numerals.points(-0.05), "\N{MINUS SIGN}5.0"),
        (numerals.points(float("nan")), "\N{EN DASH}"),
        (numerals.interval(-0.05, 0.054), "[\N{MINUS SIGN}5.0, 5.4]"),
        (numerals.interval(float("nan"), float("nan")), ""),
        (counted(pd.Series([1, 1]), "seed"), "1 seed"),
        (counted(pd.Series([1, 5]), "seed"), "1 to 5 seeds"),
    ],
)
def test_numbers_as_text(text, expected):
    assert text == expected


@pytest.mark.parametrize(("cell", "expected"), [("0.1 -0.2", [0.1, -0.2]), (0.1, [0.1]), (float("nan"), [])])
def test_a_cell_of_seeds_is_read_as_a_csv_gives_it(cell, expected):
    """With a single seed, the CSV reader returns a number instead of text."""
    assert numerals.by_seed({"difference_by_seed": cell}, "difference") == expected


def test_names_stand_in_the_suites_order(headline, the_suite):
    named = naming.named(headline, the_suite)
    assert list(named["benchmark"].cat.categories) == ["Sums", "Sums avg@8", "aime2025"]
    assert list(named["reward"].cat.categories) == list(the_suite.rewards)


def test_markdown_has_a_line_for_each_row_and_escapes_bars():
    text = pd.DataFrame({"A": ["x|y", "z"], "B": ["1", "2"]})
    assert text_tables.markdown(text, "T").splitlines() == [
        "**T**",
        "",
        "| A | B |",
        "| --- | --- |",
        r"| x\|y | 1 |",
        "| z | 2 |",
    ]


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("<b>x</b> <!-- <?x", r"\<b>x\</b> \<!-- \<?x"),
        ("<0.001 (<0.001)", "<0.001 (<0.001)"),
        ("![x](http://a) [b](javascript:c)", r"![x\](http://a) [b\](javascript:c)"),
        ("+24.5 [19.8, 29.2] (Fig. 1)", "+24.5 [19.8, 29.2] (Fig. 1)"),
        ("a\n\n<b>|\r\nc", r"a  \<b>\| c"),
        (r"\| \\<b> \x", r"\\\| \\\\\<b> \x"),
    ],
)
def test_words_in_markdown_are_no_tags_links_cells_or_lines(said, written):
    lines = text_tables.markdown(pd.DataFrame({said: [said]}), said).splitlines()
    assert lines == [f"**{written}**", "", f"| {written} |", "| --- |", f"| {written} |"]


def test_title_caption_and_notes_of_a_page_in_markdown_are_no_tags_or_links():
    table = {"title": "T", "columns": ["A"], "rows": [["1"]], "note": "[c](d)"}
    written = markdown({"title": "<b>", "caption": "[a](b)\n<i>", "tables": [table]}).splitlines()
    assert written[:3] == [r"# \<b>", "", r"[a\](b) \<i>"]
    assert written[-1] == r"[c\](d)"


def test_headline_as_text(headline, the_suite):
    text = headline_text(sums(headline, the_suite))
    assert len(text) == 12
    assert "Prompt" not in text  # a column with only one value is left out
    first, row = text.iloc[0], sums(headline, the_suite).iloc[0]
    assert first["Reward"] == "ground_truth"
    assert first["Change"].startswith(f"+{100 * row['difference']:.1f} [")
    assert first["Seeds"] == "5"


def test_one_seed_is_said_beside_the_number(headline, the_suite):
    one = sums(headline, the_suite).assign(seeds=1)
    assert headline_text(one)["Seeds"].unique().tolist() == ["1 (interval over problems only)"]


def test_a_second_variant_gets_a_column(headline, the_suite):
    both = sums(headline, the_suite).astype({"variant": str})
    both = pd.concat([both, both.assign(variant="no clip")])
    text = headline_text(both)
    assert set(text["Variant"]) == {"default", "no clip"}
    assert set(text["Updates"]) == {"200"}  # 25 steps of 8 updates


def test_comparisons_say_what_is_equal(headline, the_suite):
    compared = sums(headline, the_suite).assign(comparison="equal updates")
    assert set(headline_text(compared)["Comparison"]) == {"equal updates"}


def test_the_papers_value_stands_beside_ours_with_its_source():
    row = {"paper_difference": 0.291, "paper_difference_source": "Fig. 1"}
    assert numerals.paper(row, "difference", numerals.points) == "+29.1 (Fig. 1)"
    assert numerals.paper({"paper_difference": np.nan, "paper_difference_source": np.nan}, "difference") == ""
    assert numerals.paper({}, "difference") == ""


def test_the_paper_has_a_column_where_it_prints_a_value(headline, the_suite):
    silent = sums(headline, the_suite)
    assert not any("Paper" in name for name in headline_text(beside(silent, the_suite, "main")))
    speaking = silent.assign(paper_after=np.nan, paper_after_source="")
    speaking.loc[speaking.index[0], ["paper_after", "paper_after_source"]] = [0.785, "Fig. 2"]
    column = headline_text(speaking)["Paper: after"]
    assert column.iloc[0] == "78.5 (Fig. 2)"
    assert (column.iloc[1:] == numerals.MISSING).all()


def test_the_smoothed_value_stands_beside_the_papers_and_nowhere_else(headline, the_suite):
    silent = sums(headline, the_suite)
    assert not any("moothed" in name for name in headline_text(silent))
    speaking = silent.assign(paper_after=np.nan, paper_after_source="", after_smoothed=0.771)
    speaking.loc[speaking.index[0], ["paper_after", "paper_after_source"]] = [0.785, "Fig. 2"]
    text = headline_text(speaking)
    assert text["After, smoothed as in the paper"].tolist() == ["77.1", *[numerals.MISSING] * (len(text) - 1)]


def test_p_stands_beside_the_adjusted_one(headline, the_suite):
    rows = sums(headline, the_suite).iloc[:3].assign(p=[0.0001, 0.0123, np.nan], p_adjusted=[0.0002, 0.0123, np.nan])
    expected = ["<0.001 (<0.001)", "0.012 (0.012)", numerals.MISSING]
    assert headline_text(rows)["p (Holm)"].tolist() == expected


def test_the_best_prompt_is_named_beside_the_difference_from_it(headline, the_suite):
    rows = sums(headline, the_suite)
    assert "Versus best prompt" not in headline_text(rows)
    rows = rows.assign(best_prompt="math_problem", over_best_prompt=0.05)
    rows = rows.assign(over_best_prompt_low=-0.01, over_best_prompt_high=0.11)
    assert headline_text(rows)["Versus best prompt"].iloc[0] == "+5.0 [\N{MINUS SIGN}1.0, 11.0] (math problem)"


def test_the_middle_of_few_seeds_is_their_mean_and_not_said_again(headline, the_suite):
    rows = sums(headline, the_suite)
    assert "Interquartile mean" in headline_text(rows)
    assert "Interquartile mean" not in headline_text(rows.assign(seeds=3))


def test_seeds_as_text(graded, the_suite):
    single = naming.named(seeds(graded, the_suite, the_suite.experiments["headline"]), the_suite)
    (first, *_), greedy = single.to_dict("records"), single[single["benchmark"] == "Sums"]
    text = seeds_text(greedy)
    assert list(text.columns) == [
        *(
            "Model",
            "Reward",
            "Seed",
            "Accuracy before",
            "Accuracy after",
            "Change",
            "Problems gained / lost",
            "McNemar p",
        )
    ]
    assert text.iloc[0]["Change"] == numerals.points(first["difference"])
    assert text.iloc[0]["Problems gained / lost"] == f"{first['gained']:.0f} / {first['lost']:.0f}"
    assert "McNemar p" not in seeds_text(single[single["benchmark"] != "Sums"])


def test_cost_adds_up():
    another = {**MANIFEST, "request": {"name": "chains"}, "wall_seconds": 10, "peak_memory_mb": 20}
    jobs = [MANIFEST, another, {**MANIFEST, "stage": "train"}]
    cost = provenance.cost_text(jobs).set_index("Stage")
    assert cost.loc["prepare"].tolist() == ["2", "11", "10", "3", "1,234"]
    assert cost.loc["train", "Jobs"] == "1"


def test_a_job_costs_once_however_many_artifacts_it_leaves():
    both = [
        {**MANIFEST, "stage": "train", "artifact": f"segment/{name}"} for name in ("checkpoints", "metrics.parquet")
    ]
    assert provenance.cost_text(both).set_index("Stage").loc["train", "Jobs"] == "1"
    elsewhere = {**both[0], "artifact": "another/checkpoints"}
    assert provenance.cost_text([*both, elsewhere]).set_index("Stage").loc["train", "Jobs"] == "2"


def test_an_experiment_costs_what_those_before_it_had_not_made():
    shared, new = ({**MANIFEST, "stage": "train", "request": name, "wall_seconds": 60} for name in ("shared", "new"))
    cost = provenance.experiment_cost_text({"main": [shared], "more": [shared, new]})
    assert cost["Training jobs"].tolist() == ["1", "2"]
    assert cost["Job minutes"].tolist() == ["1.0", "2.0"]
    assert cost["New job minutes"].tolist() == ["1.0", "1.0"]


def test_every_version_is_listed():
    other = {**MANIFEST, "versions": {"python": "3.12.1"}, "git": {"commit": "def", "clean": True}}
    versions = provenance.versions_text([MANIFEST, other])[0].set_index("What")["Version"]
    assert versions["python"] == "3.11.7, 3.12.1 (differs between files)"
    assert versions["git commit"] == "abc (with uncommitted changes), def (differs between files)"


def test_where_git_is_absent_nothing_is_said_of_changes():
    versions = provenance.versions_text([{**MANIFEST, "git": {"commit": None, "clean": None}}])[0]
    assert versions.set_index("What").loc["git commit", "Version"] == "unknown"


def test_versions_of_what_the_project_asks_for_and_of_what_differs_come_first():
    versions = {"Jinja2": "3", "torch": "2", "fsspec": "1", "attrs": "1"}
    first, others = provenance.versions_text(
        [{**MANIFEST, "versions": versions}, {**MANIFEST, "versions": {**versions, "fsspec": "2"}}]
    )
    assert first["What"].tolist() == ["git commit", "hardware", "Jinja2", "torch", "fsspec"]
    assert first["Version"].iloc[-1] == "1, 2 (differs between files)"
    assert others.to_dict("records") == [{"What": "attrs", "Version": "1"}]

"""What a reader sees: numbers as text, figures to the byte, and a page that holds everything it needs."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from invented import MODELS, metrics, study, suite

from spurious_rewards import analysis
from spurious_rewards.reporting import figures, report, tables

MANIFEST = {
    "stage": "prepare",
    "artifact": "results/invented/problems/sums.parquet",
    "created": "2026-01-01T00:00:00Z",
    "request": {},
    "versions": {"python": "3.11.7"},
    "git": {"commit": "abc", "clean": False},
    "hardware": {"machine": "x86_64", "cores": 2, "gpus": []},
    "wall_seconds": 1.25,
    "peak_memory_mb": 1234,
    "parents": [],
    "details": {"card": {"kept": 297, "dropped": {"blank": 3, "duplicate": 0}}},
}


@pytest.fixture(scope="module")
def the_suite():
    return suite(models=["strong", "weak"])


@pytest.fixture(scope="module")
def graded(tmp_path_factory, the_suite):
    return analysis.collect(study(tmp_path_factory.mktemp("study"), the_suite, {"math500": (40, 1), "amc": (30, 2)}))


@pytest.fixture(scope="module")
def headline(graded, the_suite):
    return analysis.headline(graded, the_suite, the_suite.experiments["headline"])


@pytest.fixture(scope="module")
def curves(graded, the_suite):
    scores = analysis.from_base(analysis.scores(graded))
    return tables.named(scores[scores["benchmark"] == "math500"], the_suite)


def sums(headline, the_suite):
    named = tables.named(headline, the_suite)
    return named[named["benchmark"] == "Sums"]


# ---------------------------------------------------------------- tables


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (tables.percent(0.51), "51.0"),
        (tables.percent(float("nan")), "\N{EN DASH}"),
        (tables.points(0.301), "+30.1"),
        (tables.points(-0.0004), "0.0"),
        (tables.points(-0.05), "\N{MINUS SIGN}5.0"),
        (tables.points(float("nan")), "\N{EN DASH}"),
        (tables.interval(-0.05, 0.054), "[\N{MINUS SIGN}5.0, 5.4]"),
        (tables.interval(float("nan"), float("nan")), ""),
    ],
)
def test_numbers_as_text(text, expected):
    assert text == expected


def test_csv_keeps_every_digit(headline, tmp_path):
    tables.write_csv(headline, tmp_path / "headline.csv")
    pd.testing.assert_frame_equal(
        tables.read_csv(tmp_path / "headline.csv"),
        headline.astype(dict.fromkeys(analysis.CONDITION, str)),
        check_exact=True,
    )


def test_names_stand_in_the_suites_order(headline, the_suite):
    named = tables.named(headline, the_suite)
    assert list(named["benchmark"].cat.categories) == ["Sums", "Sums avg@8", "aime2025"]
    assert list(named["reward"].cat.categories) == list(the_suite.rewards)


def test_markdown_has_a_line_for_each_row_and_escapes_bars():
    text = pd.DataFrame({"A": ["x|y", "z"], "B": ["1", "2"]})
    assert tables.markdown(text, "T").splitlines() == [
        "**T**",
        "",
        "| A | B |",
        "| --- | --- |",
        r"| x\|y | 1 |",
        "| z | 2 |",
    ]


def test_headline_as_text(headline, the_suite):
    text = tables.headline_text(sums(headline, the_suite))
    assert len(text) == 12
    assert "Prompt" not in text  # the same everywhere
    first, row = text.iloc[0], sums(headline, the_suite).iloc[0]
    assert first["Reward"] == "ground_truth"
    assert first["Difference"].startswith(f"+{100 * row['difference']:.1f} [")
    assert first["Seeds"] == "5"


def test_one_seed_is_said_beside_the_number(headline, the_suite):
    one = sums(headline, the_suite).assign(seeds=1)
    assert tables.headline_text(one)["Seeds"].unique().tolist() == ["1 (interval over problems only)"]


def test_a_second_variant_gets_a_column(headline, the_suite):
    both = sums(headline, the_suite)
    both = pd.concat([both, both.assign(variant="no_clip")])
    assert set(tables.headline_text(both)["Variant"]) == {"default", "no_clip"}


def test_cost_adds_up():
    jobs = [MANIFEST, {**MANIFEST, "wall_seconds": 10, "peak_memory_mb": 20}, {**MANIFEST, "stage": "train"}]
    cost = tables.cost_text(jobs).set_index("Stage")
    assert cost.loc["prepare"].tolist() == ["2", "11", "10", "1,234"]
    assert cost.loc["train", "Jobs"] == "1"


def test_every_version_is_listed():
    other = {**MANIFEST, "versions": {"python": "3.12.1"}, "git": {"commit": "def", "clean": True}}
    versions = tables.versions_text([MANIFEST, other]).set_index("What")["Version"]
    assert versions["python"] == "3.11.7, 3.12.1"
    assert versions["git commit"] == "abc (with uncommitted changes), def"


# ---------------------------------------------------------------- figures


def test_a_reward_keeps_its_colour_whatever_else_a_suite_has():
    few, many = suite(rewards=["python", "random_0.5"]), suite()
    assert figures.colours(few).items() <= figures.colours(many).items()
    assert len(set(figures.colours(many).values())) == 6


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_the_same_figure_is_the_same_file(curves, headline, the_suite, tmp_path, suffix):
    colours = figures.colours(the_suite)
    for name in ("one", "two"):
        figures.save(figures.headline_bars(sums(headline, the_suite), "T", colours), tmp_path / f"bars-{name}.{suffix}")
        figures.save(figures.learning_curves(curves, "T", colours, 10), tmp_path / f"curves-{name}.{suffix}")
    for kind in ("bars", "curves"):
        first, second = ((tmp_path / f"{kind}-{name}.{suffix}").read_bytes() for name in ("one", "two"))
        assert first == second
        assert not any(mark in first for mark in (b"Software", b"<dc:date>", b"matplotlib.org"))


def test_bars_show_every_reward_of_every_model(headline, the_suite):
    figure = figures.headline_bars(sums(headline, the_suite), "T", figures.colours(the_suite))
    panels = [ax for ax in figure.axes if ax.get_visible()]
    assert [ax.get_title(loc="left") for ax in panels] == ["strong", "weak"]
    for ax, model in zip(panels, ("strong", "weak"), strict=True):
        rows = headline[(headline["model"] == model) & (headline["benchmark"] == "math500")]
        assert [bar.get_width() for bar in ax.patches] == pytest.approx((100 * rows["difference"]).tolist())


def test_curves_draw_the_smoothed_mean_over_seeds(curves, the_suite):
    figure = figures.learning_curves(curves, "T", figures.colours(the_suite), 10)
    line = next(line for line in figure.axes[0].lines if line.get_label() == "format")
    smoothed = analysis.smooth(curves, 10).query("model == 'strong' and reward == 'format'")
    assert line.get_ydata() == pytest.approx(100 * smoothed.groupby("step")["accuracy"].mean().to_numpy())


@pytest.mark.parametrize("draw", [figures.learning_curves, figures.code_curves])
def test_one_model_and_one_seed_can_be_drawn(curves, the_suite, tmp_path, draw):
    one = curves[(curves["seed"] == 0) & (curves["model"] == "weak")]
    figures.save(draw(one, "T", figures.colours(the_suite), 10), tmp_path / "one.png")


def test_a_mixture_is_not_drawn_over_itself(curves, the_suite):
    with pytest.raises(ValueError, match="several benchmarks, prompts or variants"):
        figures.learning_curves(pd.concat([curves, curves.assign(variant="x")]), "T", figures.colours(the_suite), 10)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=10))
def test_labels_are_apart_inside_and_in_order(heights):
    placed = figures._apart(heights, 8.2, 0, 100)
    assert all(-1e-6 <= height <= 100 + 1e-6 for height in placed)
    order = np.argsort(heights, kind="stable")
    assert (np.diff(np.array(placed)[order]) >= 8.2 - 1e-6).all()


def test_labels_that_do_not_overlap_stay():
    assert figures._apart([50.0, 10.0, 90.0], 8, 0, 100) == pytest.approx([50, 10, 90])


# ---------------------------------------------------------------- report


class Page(HTMLParser):
    """Tags opened and closed in order, what they refer to, and the text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.references, self.text, self.identifiers = [], [], "", set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.references += [(tag, value) for name, value in attrs if name in ("src", "href")]
        self.identifiers |= {value for name, value in attrs if name == "id"}
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def page(the_suite, graded, headline, tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    figures.save(figures.headline_bars(sums(headline, the_suite), "T", figures.colours(the_suite)), folder / "bars.svg")
    labels = pd.DataFrame(
        [
            {"model": model, "prompt": "plain", "problems": 200, "samples": 64, "seeds": 5, "label_accuracy": 0.614}
            | {"incorrect_min": 30, "incorrect_max": 44, "pass_at_1": 0.5, "pass_at_k": 0.9}
            for model in the_suite.models
        ]
    )
    collected = metrics(np.random.default_rng(0)).rename(columns={"reward": "mean_reward"})
    collected = collected.assign(model="strong", prompt="plain", reward="format", variant="default")
    return report.build(
        the_suite,
        the_suite.experiments["headline"],
        headline,
        labels,
        analysis.training_health(collected),
        analysis.grading(graded),
        {"math500": {"bars": (folder / "bars.svg").read_bytes()}},
        [MANIFEST, {**MANIFEST, "stage": "train", "details": {}}],
    )


def test_the_page_needs_nothing_but_itself(page):
    parsed = Page(page)
    assert parsed.open == []
    assert "<script" not in page
    assert "url(" not in page
    assert "@import" not in page
    for tag, reference in parsed.references:
        assert reference.startswith("data:image/svg+xml;base64,") if tag == "img" else reference[0] == "#"
        assert tag == "img" or reference[1:] in parsed.identifiers


def test_the_page_says_what_a_reader_must_know(page, the_suite):
    text = re.sub(r"\s+", " ", Page(page).text)
    for expected in (
        "Invented numbers.",
        analysis.VERDICT_RULE,
        "n = 40 problems, one greedy response each, 5 seeds; after step 25, the last, fixed in the suite.",
        "n = 30 problems, 2 sampled responses each",
        "30 to 44",
        "61.4",
        "1.95 → 0.75",
        "blank: 3, duplicate: 0",
        "abc (with uncommitted changes)",
        "1,234",
        "Check timed out",
    ):
        assert expected in text


def test_findings_in_words(headline, the_suite):
    strong, weak = report.findings(tables.named(headline, the_suite), "Sums")
    assert strong.startswith("strong, Sums, ")
    assert "gain with ground_truth +" in strong
    assert "ground_truth" in weak.split("Better than the random reward: ")[1]


def test_everything_is_escaped():
    evil = "<script>alert('&')</script>"
    picture = report.Picture(b"<svg/>", evil, evil)
    table = report.Table(evil, pd.DataFrame({evil: [evil]}), note=evil)
    html = report.render(evil, evil, [report.Section(evil, [evil], [evil], [picture], [table])])
    assert "<script" not in html
    assert Page(html).open == []


def test_a_suite_without_labels_metrics_or_figures_still_has_a_report(the_suite, headline, graded):
    html = report.build(
        the_suite,
        the_suite.experiments["headline"],
        headline,
        pd.DataFrame(columns=analysis.LABELS),
        pd.DataFrame(columns=[*analysis.CONDITION, "steps"]),
        analysis.grading(graded),
        {},
        [],
    )
    assert Page(html).open == []
    assert all(model in html for model in list(MODELS)[:2])

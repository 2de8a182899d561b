"""Figures: their content, that nothing overlaps, and that the same figure gives the same bytes."""

import itertools
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from invented import suite
from matplotlib.colors import to_rgb

from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import figures, palette
from spurious_rewards.reporting.exhibits import kinds
from spurious_rewards.reporting.palette import Look
from spurious_rewards.runtime.errors import UserError

LOOKS = {"Format": Look("#E69F00"), "Random": Look("#CC79A7", dotted=True)}


def categories(frame, *columns):
    return frame.assign(**{name: pd.Categorical(frame[name], frame[name].unique(), ordered=True) for name in columns})


@pytest.fixture
def bars():
    rows = [
        {"panel": panel, "line": line, "value": value, "low": value - 3, "high": value + 4, "text": f"{value:+}"}
        | {"paper": 13.8 if line == "Format" else np.nan, "note": "before training 40 %"}
        | {"seeds_drawn": [value - 2, value + 2]}
        for panel, values in (("strong", (12.0, -5.0)), ("weak", (1.0, 0.0)))
        for line, value in zip(LOOKS, values, strict=True)
    ]
    return categories(pd.DataFrame(rows), "panel", "line")


@pytest.fixture
def points():
    rows = [
        {"panel": panel, "line": line, "x": x, "value": 40 + slope * x, "low": 38 + slope * x, "high": 42 + slope * x}
        | {"raw": 41 + slope * x, "paper": np.nan, "label": "accuracy (%)"}
        for panel in ("strong", "weak")
        for line, slope in zip(LOOKS, (1, -1), strict=True)
        for x in (0, 5, 10)
    ]
    return categories(pd.DataFrame(rows), "panel", "line")


@pytest.fixture
def groups():
    rows = [
        {"panel": "strong", "line": line, "group": group, "size": 50.0, "before": 30.0, "after": 60.0}
        | {"net": 15.0, "net_low": 10.0, "net_high": 20.0, "seeds_drawn": [12.0, 18.0]}
        for line in LOOKS
        for group in ("code → code", "language → code")
    ]
    return categories(pd.DataFrame(rows), "panel", "line", "group")


def drawn(points):
    return figures.curves(points, "T", "training step", LOOKS)


@pytest.mark.parametrize("suffix", kinds.ENDINGS)
def test_the_same_figure_is_the_same_file(bars, points, tmp_path, suffix):
    for name in ("one", "two"):
        figures.save(figures.bars(bars, "T", "points", LOOKS), tmp_path / f"bars-{name}.{suffix}")
        figures.save(drawn(points), tmp_path / f"curves-{name}.{suffix}")
    for kind in ("bars", "curves"):
        first, second = ((tmp_path / f"{kind}-{name}.{suffix}").read_bytes() for name in ("one", "two"))
        assert first == second
        assert not any(mark in first for mark in (b"Software", b"<dc:date>", b"matplotlib.org", b"CreationDate"))


@pytest.mark.parametrize("suffix", kinds.ENDINGS)
def test_words_of_a_suite_are_drawn_as_they_are(bars, points, tmp_path, suffix):
    r"""Dollar signs do not start mathematics, where `\foo` is unknown; `-->` does not end the comments in an SVG."""
    words = r"$\foo$ \boxed{5} --> <a>]]>"
    looks = {"Format": LOOKS["Format"], words: LOOKS["Random"]}

    def renamed(rows):
        lines = rows["line"].cat.rename_categories({"Random": words})
        return rows.assign(line=lines, panel=rows["panel"].cat.rename_categories({"strong": words}))

    for figure in (
        figures.bars(renamed(bars), words, words, looks),
        figures.curves(renamed(points), words, words, looks),
    ):
        figures.save(figure, tmp_path / f"x.{suffix}")
        if suffix == "svg":
            tags = {element.tag.rpartition("}")[2] for element in ElementTree.parse(tmp_path / "x.svg").iter()}
            assert "a" not in tags


def test_bars_show_every_line_of_every_panel(bars):
    figure = figures.bars(bars, "T", "points", LOOKS)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["strong", "weak"]
    assert [[bar.get_width() for bar in ax.patches] for ax in figure.axes] == [[12, -5], [1, 0]]
    assert "+12.0" in [text.get_text() for text in figure.axes[0].texts]


def test_the_papers_value_is_a_diamond_explained_in_the_legend(bars, points):
    figure = figures.bars(bars, "T", "points", LOOKS)
    diamonds = [line for line in figure.axes[0].lines if line.get_marker() == "D"]
    assert [line.get_xdata()[0] for line in diamonds] == [13.8]
    assert [text.get_text() for text in figure.legends[0].texts] == ["one seed", "the paper's value"]
    plain = bars.assign(paper=np.nan, seeds_drawn=[[] for _ in bars.index])
    assert not figures.bars(plain, "T", "points", LOOKS).legends
    assert "the paper's value" not in [text.get_text() for text in drawn(points).legends[0].texts]
    last = drawn(points.assign(paper=points["value"].where(points["x"] == 10)))
    assert sum(line.get_marker() == "D" for line in last.axes[0].lines) == 2


def test_each_seed_is_a_circle_inside_the_axis(bars, groups):
    seeds = [[value, 40.0] for value in bars["value"]]
    ax = figures.bars(bars.assign(seeds_drawn=seeds), "T", "points", LOOKS).axes[0]
    circles = [list(line.get_xdata()) for line in ax.lines if line.get_marker() == "o"]
    assert circles == seeds[:2]
    assert ax.get_xlim()[1] > 40
    net = figures.switches(groups, "T", dict.fromkeys(groups["group"], "#336699")).axes[2]
    assert [list(line.get_xdata()) for line in net.lines if line.get_marker() == "o"] == [[12.0, 18.0]] * len(groups)


def test_a_line_that_a_panel_lacks_reads_not_run(bars):
    without = bars.drop(index=bars.index[(bars["panel"] == "weak") & (bars["line"] == "Random")])
    figure = figures.bars(without, "T", "points", LOOKS)
    said = [[text.get_text().strip() for text in ax.texts] for ax in figure.axes]
    assert "not run" not in said[0]
    assert "not run" in said[1]


def test_several_lines_that_a_panel_lacks_are_written_in_their_order(bars):
    """The order must be fixed: a set's order differs between calls, and the file would not be identical to the byte."""
    lines = [f"line {number}" for number in range(12)]
    one = bars[bars["panel"] == "strong"].iloc[[0]]
    many = pd.concat([*(one.assign(line=line) for line in lines), one.assign(panel="weak", line="line 5")])
    many = many.assign(
        panel=pd.Categorical(many["panel"], ["strong", "weak"]), line=pd.Categorical(many["line"], lines)
    )
    looks = dict.fromkeys(lines, next(iter(LOOKS.values())))
    lacking = [text for text in figures.bars(many, "T", "points", looks).axes[1].texts if "not run" in text.get_text()]
    heights = [text.get_position()[1] for text in lacking]
    assert len(heights) == 11
    assert heights == sorted(heights)


def test_curves_draw_the_line_what_it_smooths_and_the_band(points):
    ax = drawn(points).axes[0]
    line = next(line for line in ax.lines if line.get_label() == "Format")
    assert list(line.get_ydata()) == [40, 45, 50]
    assert [list(raw.get_ydata()) for raw in ax.lines if raw.get_linewidth() == 1] == [[41, 46, 51], [41, 36, 31]]
    assert len(ax.collections) == 2
    assert {text.get_text() for text in ax.texts} == set(LOOKS)


def test_the_last_step_has_a_tick_and_ends_the_axis(points):
    moved = points.assign(x=points["x"] * 2.5)
    ax = drawn(moved).axes[0]
    assert list(ax.get_xticks()) == [0, 5, 10, 15, 20, 25]
    assert ax.get_xlim() == (0, 25)


def test_a_title_stands_over_what_it_is_of_in_plain_type(points):
    figure = figures.curves(points, "What happens\nSuite: sums", "training step", LOOKS)
    (below,) = figure.texts[1:]
    assert figure.get_suptitle().strip() == "What happens"
    assert below.get_text() == "Suite: sums"
    assert below.get_fontweight() == "normal"
    title, under, panel = (text.get_window_extent() for text in (figure._suptitle, below, figure.axes[0].title))
    assert under.y0 > panel.y1
    assert title.y1 <= figure.bbox.y1


def test_small_multiples_name_lines_once_and_have_an_axis_each(points):
    columns = ["value", "low", "high"]
    points[columns] = points[columns].div(np.where(points["panel"] == "weak", 100, 1), axis=0)
    figure = figures.multiples(points.assign(raw=np.nan), "T", "training step", LOOKS)
    assert [text.get_text() for text in figure.legends[0].texts] == ["Format", "Random", "mean, with 95 % band"]
    assert all(not ax.texts for ax in figure.axes)
    high, low = (ax.get_ylim()[1] for ax in figure.axes)
    assert low < 1 < high


def test_dotted_lines_are_told_from_whole_ones(points):
    lines = {line.get_label(): line for line in drawn(points).axes[0].lines}
    assert not lines["Format"].is_dashed()
    assert lines["Random"].is_dashed()


def test_switches_show_size_accuracies_and_net(groups):
    colours = {"code → code": "#0072B2", "language → code": "#009E73"}
    size, accuracy, net = figures.switches(groups, "T", colours).axes
    assert [bar.get_width() for bar in size.patches] == [50] * 4
    assert [bar.get_width() for bar in net.patches] == [15] * 4
    assert [list(line.get_xdata()) for line in accuracy.lines][:3] == [[30, 60], [30], [60]]


def test_an_empty_group_of_switches_draws_nothing(groups):
    groups["size"] = groups["size"].where(groups["group"] == "code → code", 0)
    _, _, net = figures.switches(groups, "T", {"code → code": "#0072B2", "language → code": "#009E73"}).axes
    assert len(net.patches) == 2


def test_estimates_show_value_and_interval():
    rows = categories(
        pd.DataFrame([{"line": "Format", "value": 0.02, "low": 0.01, "high": 0.03, "text": "+0.020"}]), "line"
    )
    marks = pd.DataFrame({"line": ["Format"] * 3, "value": [0.01, 0.02, 0.03]})
    ax = figures.estimates(rows, marks, "T", "bias", LOOKS).axes[0]
    assert list(ax.lines[0].get_xdata()) == [0.01, 0.02, 0.03]
    assert ax.texts[0].get_text() == "+0.020"


@pytest.mark.parametrize("seeds", ["one", "several"])
def test_every_figure_fits_its_page(bars, points, groups, tmp_path, seeds, recwarn):
    if seeds == "one":
        points = points.assign(low=np.nan, high=np.nan, raw=np.nan)
    figures.save(figures.bars(bars, "T", "points", LOOKS), tmp_path / "bars.png")
    figures.save(drawn(points[points["x"] > 0]), tmp_path / "curves.png")
    colours = {"code → code": "#0072B2", "language → code": "#009E73"}
    figures.save(figures.switches(groups, "T", colours), tmp_path / "switches.png")
    assert [str(warning.message) for warning in recwarn if "layout" in str(warning.message)] == []


def test_a_mixture_is_not_drawn_over_itself(bars, points, groups):
    for draw, rows in (
        (lambda rows: figures.bars(rows, "T", "points", LOOKS), bars),
        (drawn, points),
        (lambda rows: figures.switches(rows, "T", {}), groups),
    ):
        with pytest.raises(UserError, match="several rows have the same panel, line"):
            draw(pd.concat([rows, rows]))


@given(st.lists(st.floats(0, 100), min_size=1, max_size=10))
def test_labels_are_apart_inside_and_in_order(heights):
    placed = figures._apart(heights, 8.2, 0, 100)
    assert all(-1e-6 <= height <= 100 + 1e-6 for height in placed)
    order = np.argsort(heights, kind="stable")
    assert (np.diff(np.array(placed)[order]) >= 8.2 - 1e-6).all()


def test_labels_that_do_not_overlap_stay():
    assert figures._apart([50.0, 10.0, 90.0], 8, 0, 100) == pytest.approx([50, 10, 90])


@pytest.mark.parametrize(("panels", "expected"), [(1, (1, 1)), (3, (1, 3)), (4, (2, 2)), (5, (2, 3)), (10, (4, 3))])
def test_panels_fill_their_rows(panels, expected):
    assert figures.grid(panels, widest=3) == expected


# ---------------------------------------------------------------- colours


def test_a_reward_keeps_its_colour_whatever_else_a_suite_has():
    few, many = suite(rewards=["python", "random_0.5"]), suite()
    assert palette.rewards(few).items() <= palette.rewards(many).items()
    assert len(set(palette.rewards(many).values())) == 6


# Viénot, Brettel and Mollon (1999): matrices on linear RGB that simulate vision without one type of cone.
WITHOUT_CONE = {
    "protanopia": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deuteranopia": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
}


def lab(colour, seen_through):
    """Return the CIE L*a*b* coordinates of a colour as seen through the matrix `seen_through`."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(seen_through) @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.cbrt(np.array(to_xyz) @ seen / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("kind", WITHOUT_CONE)
@pytest.mark.parametrize("colours", ["main", "groups"])
def test_colours_are_told_apart_by_the_colour_blind(kind, colours):
    main = ("ground_truth", "majority_vote", "incorrect", "format", "random", "python")
    of = {key: palette.REWARDS[key] for key in main} if colours == "main" else palette.GROUPS
    seen = {key: lab(colour, WITHOUT_CONE[kind]) for key, colour in of.items()}
    apart = {pair: np.linalg.norm(seen[pair[0]] - seen[pair[1]]) for pair in itertools.combinations(seen, 2)}
    assert min(apart.values()) > 9, min(apart, key=apart.get)


def test_colours_that_the_colour_blind_mistake_would_be_seen():
    red, green = (lab(colour, WITHOUT_CONE["deuteranopia"]) for colour in ("#B35900", "#7A7A00"))
    assert np.linalg.norm(red - green) < 9


def test_relatives_of_a_reward_are_told_apart():
    content = suite(rewards=["random_0.5", "format"]).model_dump(exclude_unset=True)
    content["rewards"] |= {f"random_{gamma}": {"function": "random", "gamma": gamma} for gamma in (0.7, 0.3, 0.001, 0)}
    content["rewards"]["format_without_python"] = {"function": "format", "unless": "python"}
    looks = palette.rewards(Suite.model_validate(content))
    assert len({look.colour for look in looks.values()}) == len(looks) == 7
    assert looks["random_0.5"] == Look(palette.REWARDS["random"].lower())
    assert [name for name, look in looks.items() if look.dotted] == ["format_without_python"]


def test_variants_have_colours_by_their_place():
    looks = palette.variants(["default", "unclipped"])
    assert looks["default"] == palette.variants(["default"])["default"]
    assert looks["default"] != looks["unclipped"]

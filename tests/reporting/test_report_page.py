"""The report in a real browser: with mouse and keyboard, on a phone, in dark mode, and without JavaScript."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import browsing
import pandas as pd
import pytest
from browsing import PHONE, Opened, opened
from invented import MANIFEST
from invented import suite as invented_suite
from invented_report import SVG, exhibit_page, numbers
from playwright.sync_api import Browser, Page

from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import report
from spurious_rewards.reporting.page import Table

ROWS = [
    ["Format", "+24.5 [19.8, 29.2]", "1,234", "v2"],
    ["Random", "\N{MINUS SIGN}4.3 [\N{MINUS SIGN}8.0, \N{MINUS SIGN}0.6]", "90", "v10"],
    ["Incorrect", "\N{EN DASH}", "\N{EN DASH}", "v1"],
    *([f"Reward {number}", f"{number}.5 [0.0, 9.9]", str(number), f"w{number}"] for number in range(2, 12)),
]
TABLE = {"title": "Numbers", "columns": ["Reward", "Difference", "Runs", "Version"], "rows": ROWS, "note": "A note."}
SAID = {"step": 0, "pieces": [["plain", "so "], ["box", "5"]], "extracted": "5", "correct": True, "has_code": False}
CASE = {"model": "strong", "reward": "format", "id": "p0", "number": 1, "problem": "2 + 3 =", "answer": "5"}
CASE |= {side: SAID | {"has_box": True, "truncated": False} for side in ("before", "after")}
WIDE_SVG = SVG.replace(b"<svg ", b'<svg width="900pt" height="300pt" viewBox="0 0 900 300" ')


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing.chromium() as found:
        yield found


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    content = invented_suite(models=["strong", "weak"], rewards=["ground_truth", "random_0.5"]).model_dump(mode="json")
    content["rewards"]["ttrl"] = {"function": "ttrl", "problems": "sums", "title": "TTRL"}
    content["problems"]["sums"] |= {"about": "Sums of three numbers.", "license": "MIT"}
    content["exhibits"] = {
        name: {"title": f"The {kind}", "kind": kind, "experiment": "headline"}
        for name, kind in (("fig1", "gains"), ("table1", "strategies"), ("qualitative", "qualitative"))
    }
    pages = [
        (exhibit_page("fig1", "gains"), {"math500": WIDE_SVG, "amc": WIDE_SVG}),
        (exhibit_page("table1", "strategies", tables=[TABLE]), {}),
        (exhibit_page("qualitative", "qualitative", tables=[], cases=[CASE]), {}),
    ]
    made = report.build(
        Suite.model_validate(content),
        numbers(),
        pages,
        [MANIFEST],
        costs={},
        command="snakemake --cores all",
    )
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(made)
    return file


@pytest.fixture
def wide(browser: Browser, path: Path) -> Iterator[Page]:
    with opened(browser, path) as found:
        yield found.page


def column(page: Page, name: str) -> list[str]:
    """Return the cells of one column of the table of numbers, in the order shown."""
    index = TABLE["columns"].index(name) + 1
    return page.locator(f"#table1 tbody tr:not([hidden]) td:nth-child({index})").all_text_contents()


def head(page: Page, name: str):  # type: ignore[no-untyped-def]
    return page.locator("#table1").get_by_role("columnheader", name=name)


# ---------------------------------------------------------------- the whole page


def whole(found: Opened) -> None:
    """Open and scroll through the page so that every part is shown once."""
    found.page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
    found.page.locator("footer").scroll_into_view_if_needed()
    found.page.wait_for_load_state("networkidle")


def test_nothing_is_complained_of_and_nothing_is_fetched(browser: Browser, path: Path) -> None:
    with opened(browser, path) as found:
        whole(found)
        assert found.complaints == []
        assert found.asked == []


INJECTED = """<script>document.title = 'owned'</script>
<style>body { display: none }</style>
<img src="data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>" onload="document.title = 'owned'">
<img src="http://example.invalid/x.png">
<a id="link" href="javascript:document.title = 'owned'">x</a>
<base href="http://example.invalid/">"""


def test_of_what_got_into_the_page_nothing_runs_and_nothing_is_fetched(
    browser: Browser, path: Path, tmp_path: Path
) -> None:
    """The report escapes everything; if something were not escaped, the page's security policy would stop it."""
    content = path.read_text(encoding="utf-8")
    evil, open_ = tmp_path / "evil.html", tmp_path / "open.html"
    evil.write_text(content.replace("<main ", f"{INJECTED}<main ", 1), encoding="utf-8")
    policy = re.search(r"<meta http-equiv=.*>\n", content)
    assert policy
    open_.write_text(evil.read_text(encoding="utf-8").replace(policy[0], ""), encoding="utf-8")
    with opened(browser, evil) as found:
        title = found.page.title()
        found.page.locator("#link").click()
        assert found.page.title() == title != "owned"
        assert found.page.evaluate("getComputedStyle(document.body).display") != "none"
        assert found.asked == []
        assert len(found.complaints) >= 5
        assert found.page.locator(".browser").is_visible()  # the page's own scripts ran
    with opened(browser, open_) as found:
        assert found.page.title() == "owned"
        assert found.asked == ["http://example.invalid/x.png"]


def test_what_is_fetched_or_goes_wrong_would_be_seen(browser: Browser, path: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text("<img src='http://example.invalid/x.png'><script>missing()</script><a href='#no'>x</a>")
    with opened(browser, broken) as found:
        whole_is_there = found.page.locator("a").count()
        assert whole_is_there == 1
        assert any("missing" in complaint for complaint in found.complaints)
        assert found.asked == ["http://example.invalid/x.png"]
        assert browsing.lost(found.page) == ["#no"]


def test_links_lead_somewhere_and_pictures_have_text(wide: Page) -> None:
    assert browsing.lost(wide) == []
    texts = wide.eval_on_selector_all("img", "images => images.map(image => image.alt.trim())")
    assert len(texts) == 2
    assert all(texts)


def test_headings_are_in_order_and_landmarks_are_there_once(wide: Page) -> None:
    levels = wide.eval_on_selector_all("main h1, main h2, main h3, header h1", "of => of.map(one => +one.tagName[1])")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    for landmark in ("main", "navigation", "banner", "contentinfo"):
        assert wide.get_by_role(landmark).count() == 1  # type: ignore[arg-type]
    unnamed = wide.eval_on_selector_all("table", "all => all.filter(one => !one.caption?.textContent.trim()).length")
    assert unnamed == 0


def test_the_page_is_small(path: Path) -> None:
    assert path.stat().st_size < report.LARGEST


# ---------------------------------------------------------------- tables


def test_numbers_sort_as_numbers_and_what_is_missing_stays_last(wide: Page) -> None:
    before = column(wide, "Difference")
    button = head(wide, "Difference").get_by_role("button")
    button.click()
    rising = column(wide, "Difference")
    assert head(wide, "Difference").get_attribute("aria-sort") == "ascending"
    assert [cell[:4] for cell in rising[:3]] == ["\N{MINUS SIGN}4.3", "2.5 ", "3.5 "]
    assert rising[-2:] == ["+24.5 [19.8, 29.2]", "\N{EN DASH}"]
    button.click()
    assert head(wide, "Difference").get_attribute("aria-sort") == "descending"
    assert column(wide, "Difference") == [*reversed(rising[:-1]), "\N{EN DASH}"]
    button.click()
    assert head(wide, "Difference").get_attribute("aria-sort") == "none"
    assert column(wide, "Difference") == before


def test_words_and_thousands_sort_too(wide: Page) -> None:
    head(wide, "Version").get_by_role("button").click()
    assert column(wide, "Version")[:4] == ["v1", "v2", "v10", "w2"]
    head(wide, "Runs").get_by_role("button").click()
    assert column(wide, "Runs")[-3:] == ["90", "1,234", "\N{EN DASH}"]
    assert head(wide, "Version").get_attribute("aria-sort") == "none"


def test_a_table_shows_the_rows_with_some_words_and_says_how_many(wide: Page) -> None:
    tools = wide.locator("#table1 .tools")
    assert tools.locator("output").text_content() == f"{len(ROWS)} rows"
    assert tools.locator("output").get_attribute("aria-live") == "polite"
    tools.get_by_role("searchbox", name="Numbers").fill("REWARD 1")
    shown = [row for row in ROWS if all(word in " ".join(row).lower() for word in ("reward", "1"))]
    assert column(wide, "Reward") == [row[0] for row in shown]
    assert tools.locator("output").text_content() == f"{len(shown)} of {len(ROWS)} rows"
    head(wide, "Reward").get_by_role("button").click()
    assert len(column(wide, "Reward")) == len(shown)


def test_a_heading_sorts_and_the_link_beside_it_leads_to_the_glossary(wide: Page) -> None:
    verdict = wide.locator("#about-claims table").first.get_by_role("columnheader", name="Verdict", exact=True)
    verdict.get_by_role("button").click()
    assert verdict.get_attribute("aria-sort") == "ascending"
    link = verdict.get_by_role("link", name="What “Verdict” means")
    assert "supported" in (link.get_attribute("title") or "")
    link.click()
    assert wide.evaluate("location.hash") == "#term-verdict"
    assert wide.locator("#term-verdict").is_visible()


# ---------------------------------------------------------------- keyboard


def focused(page: Page, selector: str) -> bool:
    return bool(page.evaluate("selector => !!document.activeElement?.matches(selector)", selector))


def test_the_keyboard_skips_to_the_content_and_sorts(wide: Page) -> None:
    wide.keyboard.press("Tab")
    assert focused(wide, ".skip")
    assert wide.locator(".skip").bounding_box()["y"] >= 0  # type: ignore[index]
    wide.keyboard.press("Enter")
    assert focused(wide, "main")
    for _ in range(10):
        wide.keyboard.press("Tab")
        if focused(wide, "th button"):
            break
    assert focused(wide, "th[aria-sort=none] button")
    assert wide.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    wide.keyboard.press("Enter")
    assert focused(wide, "th[aria-sort=ascending] button")
    wide.keyboard.press("Space")
    assert focused(wide, "th[aria-sort=descending] button")


def test_a_link_opens_what_lies_folded(wide: Page) -> None:
    folded = wide.locator("details.folded").first
    assert folded.get_attribute("open") is None
    wide.evaluate("location.hash = document.querySelector('details.folded caption').id")
    wide.wait_for_function("document.querySelector('details.folded').open")


def test_pictures_have_their_room_before_they_are_shown(wide: Page) -> None:
    sizes = wide.eval_on_selector_all("img", "all => all.map(one => [one.getAttribute('width'), one.naturalWidth])")
    assert sizes == [["1200", 1200]] * 2  # without reserved space, a late picture would move the target of a link


# ---------------------------------------------------------------- phone, dark mode, no JavaScript


def test_a_phone_scrolls_tables_and_not_the_page(browser: Browser, path: Path) -> None:
    with opened(browser, path, viewport=PHONE, has_touch=True, is_mobile=True) as found:
        whole(found)
        page = found.page
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert page.evaluate("visualViewport.width") == PHONE["width"]
        assert page.evaluate("[...document.querySelectorAll('.scroll')].some(box => box.scrollWidth > box.clientWidth)")


def test_a_phone_folds_the_contents(browser: Browser, path: Path) -> None:
    with opened(browser, path, viewport=PHONE) as found:
        link = found.page.locator("nav a").first
        assert not link.is_visible()
        found.page.locator("nav summary").press("Enter")
        assert link.is_visible()
        found.page.set_viewport_size(browsing.WIDE)  # type: ignore[arg-type]
        assert link.is_visible()
        assert not found.page.locator("nav summary").is_visible()


TEXTS = ("main p", ".facts", ".warning", "td", "th button", ".note", "figcaption", "main a", "nav a", "nav h2", ".gain")
TEXTS += (
    "nav h3",
    ".explain",
    ".glossary dt",
    ".made dt",
    ".made code",
    "summary",
    ".target",
    "footer p",
    ".tools output",
    ".right",
    "mark",
    ".code",
    "select",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_the_light_and_in_the_dark(browser: Browser, path: Path, scheme: str) -> None:
    with opened(browser, path, color_scheme=scheme) as found:
        dark = found.page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(251, 251, 250)"
        assert dark == (scheme == "dark")
        assert {
            text: browsing.contrast(found.page, text) for text in TEXTS if browsing.contrast(found.page, text) < 4.5
        } == {}
        assert found.page.evaluate("getComputedStyle(document.querySelector('figure .scroll')).backgroundColor") == (
            "rgb(255, 255, 255)"
        )


def test_all_can_be_read_without_script(browser: Browser, path: Path) -> None:
    with opened(browser, path, java_script_enabled=False) as found:
        assert found.page.locator("#table1 tbody tr").count() == len(ROWS)
        assert found.page.locator("th button, .tools").count() == 0
        assert found.page.locator("nav a").first.is_visible()
        assert found.page.get_by_text("Turn on JavaScript").is_visible()
    with opened(browser, path) as found:
        assert not found.page.get_by_text("Turn on JavaScript").is_visible()


# ---------------------------------------------------------------- which columns hold numbers


def test_columns_of_numbers_are_known_by_their_cells() -> None:
    cells = {
        "number": ["+24.5 [19.8, 29.2]", "\N{MINUS SIGN}0.3", "\N{EN DASH}"],
        "percent": ["5 %", "12.0 %", "7"],
        "range": ["30 to 44", "5", "1,234"],
        "small": ["<0.001", "0.04", "1e-05"],
        "date": ["2026-01-01T00:00:00Z", "2026-01-01", "2026-02-01"],
        "version": ["3.11.7", "2.4.6", "1.0"],
        "digest": ["0a1b2c", "1234ab", "ffffff"],
        "word": ["no", "5 of them", "yes"],
        "nothing": ["\N{EN DASH}"] * 3,
    }
    assert Table("T", pd.DataFrame(cells)).numbers == {"number", "percent", "range", "small"}

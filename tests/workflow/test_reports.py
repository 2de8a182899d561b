"""The report of a finished run and Snakemake's own report, in a real browser."""

from pathlib import Path

import browsing
from checkout import RESULTS, TABLE1, snakemake

from spurious_rewards.reporting import report


def test_the_report_leads_to_every_file_and_asks_for_none(undisturbed: Path) -> None:
    path = undisturbed / RESULTS / "report.html"
    assert path.stat().st_size < report.LARGEST
    with browsing.chromium() as browser, browsing.opened(browser, path) as found:
        found.page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
        found.page.locator("footer").scroll_into_view_if_needed()
        assert browsing.lost(found.page, path.parent) == []
        files = found.page.eval_on_selector_all("#fig1 .files a", "links => links.map(link => link.pathname)")
        assert {Path(file).suffix for file in files} == {".svg", ".pdf", ".png", ".csv", ".md", ".tex"}
        for picture in found.page.locator("img").all():  # pictures load when they come into view
            picture.scroll_into_view_if_needed()
        shown = "images => images.every(image => image.complete && image.naturalWidth > 0 && image.alt)"
        found.page.wait_for_function(f"({shown})([...document.images])")
        assert found.complaints == []
        assert found.asked == []
    with browsing.chromium() as browser, browsing.opened(browser, path, viewport=browsing.PHONE) as found:
        assert found.page.evaluate("document.documentElement.scrollWidth") <= browsing.PHONE["width"]


def test_the_command_in_the_report_makes_the_exhibit_again(undisturbed: Path) -> None:
    path = undisturbed / RESULTS / "report.html"
    with browsing.chromium() as browser, browsing.opened(browser, path) as found:
        command = found.page.locator("#table1 .made code").text_content() or ""
    program, *arguments = command.split()
    assert program == "snakemake"
    ended = snakemake(undisturbed, *arguments[2:], "--dry-run", *arguments[:2])
    assert ended.jobs == [TABLE1]


def test_snakemakes_own_report_has_pictures_tables_captions_and_no_network(undisturbed: Path, tmp_path: Path) -> None:
    path = tmp_path / "snakemake.html"
    ended = snakemake(undisturbed, "--report", str(path))
    assert ended.code == 0, ended.output
    with browsing.chromium() as browser, browsing.opened(browser, path) as found:
        page = found.page
        for group in ("Tables", "Report"):
            assert page.get_by_text(group, exact=True).first.is_visible()
        page.get_by_text("Figures", exact=True).first.click()
        page.get_by_text("numbers (CSV)").first.wait_for()  # a group of one exhibit opens at its files
        captions = page.evaluate("Object.values(results).map(result => result.caption)")
        assert len(captions) == 5  # two pictures, the numbers of two exhibits, and the report
        assert all("report" in caption for caption in captions)
        assert found.asked == []

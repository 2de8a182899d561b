"""Pages in a real, headless Chromium: console messages, requests to the network, and how a page looks to a reader."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@dataclass
class Opened:
    """A page, with the messages and requests that came up while it was open."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Addresses that the page tried to fetch; all these requests were blocked."""


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser; without Chromium the test fails and says how to install it."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("the pages are tested in Chromium, which is not installed: apt-get install chromium", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(browser: Browser, path: Path, **how: Any) -> Iterator[Opened]:
    """Open a file in a browser context of its own, without a network; `how` goes to Playwright's `new_context`."""
    context = browser.new_context(**{"viewport": WIDE, **how})
    page = context.new_page()
    page.set_default_timeout(60_000)
    found = Opened(page)

    def fetch(route: Route) -> None:
        if route.request.url.partition("#")[0] == path.resolve().as_uri():
            route.continue_()
        elif not route.request.url.startswith("data:"):
            found.asked.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    page.route("**/*", fetch)
    page.on("console", lambda said: found.complaints.append(f"{said.type}: {said.text}"))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.goto(path.resolve().as_uri())
    yield found
    context.close()


def lost(page: Page, folder: Path | None = None) -> list[str]:
    """Return links that lead nowhere: to no part of the page or, if `folder` is given, to no file in it."""
    targets = page.eval_on_selector_all("a[href]", "links => links.map(link => link.getAttribute('href'))")
    inside = [target for target in targets if target.startswith("#")]
    missing = [target for target in inside if not page.evaluate("id => !!document.getElementById(id)", target[1:])]
    if folder:
        missing += [target for target in targets if not target.startswith("#") and not (folder / target).is_file()]
    return missing


def contrast(page: Page, selector: str) -> float:
    """Return the lowest contrast ratio of text and background among the selected elements (WCAG 2.2, 1.4.3)."""
    ratio: float = page.evaluate(CONTRAST, selector)
    return ratio


CONTRAST = """selector => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [red, green, blue] = channels(colour).slice(0, 3).map((channel) => {
      const part = channel / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((channels(colour)[3] ?? 1) > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const ratios = [...document.querySelectorAll(selector)].map((element) => {
    const pair = [luminance(getComputedStyle(element).color), luminance(behind(element))];
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  });
  return Math.min(...ratios);
}"""

"""Builds the manual: `make docs` writes `site/`, which opens from disk and fetches nothing.

The site has the pages of docs/ and the changelog. What a page links to elsewhere in the project becomes a page too, so
that no link leads out of the site. Zensical then builds the site, and every link and address in the result is checked.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TOOLS = Path(__file__).parent
BUILD = ROOT / ".cache/docs"
SITE = ROOT / "site"

SECTIONS = {
    "Tutorials": ("tutorials", ["first-report", "your-reward", "laptop", "one-gpu"]),
    "How-to guides": (
        "how-to",
        [
            *("running", "gpus", "vllm", "slurm", "offline", "calibrate", "import-checkpoints"),
            *("add-a-model", "add-a-reward", "add-a-benchmark", "add-a-figure", "add-a-claim", "add-a-stage"),
        ],
    ),
    "Reference": (
        "reference",
        [
            *("configuration", "command-line", "rewards", "outputs", "figures", "claims", "python-api", "dependencies"),
        ],
    ),
    "Explanation": (
        "explanation",
        [
            *("design", "statistics", "statistics-tables", "grading", "organisms", "departures"),
            *("reproducibility", "provenance", "security", "random-tests"),
        ],
    ),
    "Results": ("results", ["organism", "laptop", "followups"]),
}
"""Title -> folder of docs/, and the order of its pages. Pages that are not listed here follow those that are."""

TOP = {
    "FAQ and troubleshooting": ["faq.md", "troubleshooting.md"],
    "Glossary": ["glossary.md"],
    "Benchmarks": ["benchmarks.md"],
    "Changelog": ["changelog.md"],
}
"""Title -> pages that are in no folder of SECTIONS."""

LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\]\()([^)\s]+)(\))")
CODE = re.compile(r"^(?:```|~~~).*?^(?:```|~~~)[ \t]*$|`+[^`\n]+`+|<!--.*?-->", re.DOTALL | re.MULTILINE)
LIST = re.compile(r"^((?![-*] |\d+\. |\s|[#|>]).*\S.*\n)([-*] |1\. )", re.MULTILINE)
SHIM = re.compile(r'<script src="https://unpkg\.com/iframe-worker/shim"[^>]*>')
TO_FOLDER = re.compile(r'href="((?:\./)?(?:\.\./)*\.{1,2})/?"')
REMOTE = re.compile(
    r'<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)="(?:https?:)?//|url\((?:https?:)?//|class="mermaid"'
)

LANGUAGES = {".yaml": "yaml", ".yml": "yaml", ".py": "python", ".toml": "toml", ".sh": "bash", ".smk": "python"}


# ---------------------------------------------------------------- pages


def pages() -> dict[str, str]:
    """Return the place in the site of each file of the manual, by its place in the project."""
    found = {
        str(path.relative_to(ROOT)): str(path.relative_to(DOCS))
        for path in sorted(DOCS.rglob("*"))
        if path.is_file() and TOOLS not in path.parents
    }
    found["CHANGELOG.md"] = "changelog.md"
    found["config/README.md"] = found["docs/reference/configuration.md"]
    return found


def title(page: Path) -> str:
    """Return the heading of a page, up to a colon."""
    heading = re.search(r"^# (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return heading[1].partition(": ")[0].replace("`", "") if heading else page.stem


def navigation(there: set[str]) -> list[dict[str, object]]:
    """Return the navigation over the pages that are there; pages are given by their place in the site."""
    nav: list[dict[str, object]] = [{"Home": "index.md"}]
    for name, (folder, order) in SECTIONS.items():
        named = [f"{folder}/{stem}.md" for stem in order]
        others = sorted(page for page in there if page.startswith(f"{folder}/") and page.endswith(".md"))
        if listed := [page for page in dict.fromkeys([*named, *others]) if page in there]:
            nav.append({name: [{_title(page): page} for page in listed]})
    known = {"index.md", *(page for group in TOP.values() for page in group)}
    for page in sorted(page for page in there if "/" not in page and page.endswith(".md") and page not in known):
        nav.append({_title(page): page})
    for name, group in TOP.items():
        listed = [page for page in group if page in there]
        if len(group) > 1 and listed:
            nav.append({name: [{_title(page): page} for page in listed]})
        elif listed:
            nav.append({name: listed[0]})
    return nav


def _title(page: str) -> str:
    return title(ROOT / "CHANGELOG.md" if page == "changelog.md" else DOCS / page)


# ---------------------------------------------------------------- layout


def lay_out(target: Path) -> None:
    """Write every page of the site, with links that work in the site."""
    places = pages()
    todo = [source for source in places if source != "config/README.md"]
    while todo:
        source = todo.pop(0)
        path, place = ROOT / source, target / places[source]
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            place.write_text(_folder(path, places, todo), encoding="utf-8")
        elif path.suffix == ".md":
            place.write_text(_with_lists(_linked(path, places, todo)), encoding="utf-8")
        elif places[source].endswith(".md"):
            place.write_text(_shown(path), encoding="utf-8")
        else:
            shutil.copyfile(path, place)
    for name in ("manual.css", "iframe-worker.js"):
        shutil.copyfile(TOOLS / name, target / name)


def _linked(path: Path, places: dict[str, str], todo: list[str]) -> str:
    """Return the text of a page, with its links changed to those of the site."""
    own = places[str(path.relative_to(ROOT))]

    def link(found: re.Match[str]) -> str:
        address, hash_, anchor = found[2].partition("#")
        if "://" in address or not address or address.startswith("mailto:"):
            return found[0]
        source = os.path.relpath(path.parent / address, ROOT)
        place = _place(source, places, todo)
        return f"{found[1]}{os.path.relpath(place, os.path.dirname(own) or '.')}{hash_}{anchor}{found[3]}"

    text = path.read_text(encoding="utf-8")
    parts, last = [], 0
    # The text of a link may hold inline code. So links are searched for everywhere but in code blocks and comments;
    # inline code itself holds no links.
    for code in CODE.finditer(text):
        if code[0].startswith(("```", "~~~", "<!--")):
            parts += [LINK.sub(link, text[last : code.start()]), code[0]]
            last = code.end()
    return "".join([*parts, LINK.sub(link, text[last:])])


def _with_lists(text: str) -> str:
    """Return the text with an empty line before each list: Python-Markdown needs one, unlike other Markdown readers."""
    parts, last = [], 0
    for code in CODE.finditer(text):
        parts += [LIST.sub(r"\1\n\2", text[last : code.start()]), code[0]]
        last = code.end()
    return "".join([*parts, LIST.sub(r"\1\n\2", text[last:])])


def _place(source: str, places: dict[str, str], todo: list[str]) -> str:
    if source not in places:
        path = ROOT / source
        if not path.exists() or source.startswith(".."):
            raise SystemExit(f"error: a page links to {source}, which is not in the project")
        ending = "/index.md" if path.is_dir() else "" if path.suffix in (".md", ".svg", ".png", ".html") else ".md"
        places[source] = f"project/{source}{ending}"
        todo.append(source)
    return places[source]


def _shown(path: Path) -> str:
    """Return a page with the text of a file."""
    text = path.read_text(encoding="utf-8")
    fence = "`" * (3 + max((len(run) for run in re.findall(r"`{3,}", text)), default=0))
    return (
        f"{HIDDEN}# {path.relative_to(ROOT)}\n\n{fence}{LANGUAGES.get(path.suffix, 'text')}\n{text.rstrip()}\n{fence}\n"
    )


def _folder(path: Path, places: dict[str, str], todo: list[str]) -> str:
    """Return a page with links to the files of a folder."""
    tracked = subprocess.run(
        ["git", "ls-files", "--", "."], cwd=path, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=True
    )
    own = os.path.dirname(places[str(path.relative_to(ROOT))])
    lines = [f"{HIDDEN}# {path.relative_to(ROOT)}/\n\n"]
    for name in tracked.stdout.splitlines():
        if (path / name).suffix in {*LANGUAGES, ".md"}:
            place = _place(str((path / name).relative_to(ROOT)), places, todo)
            lines.append(f"- [{name}]({os.path.relpath(place, own)})\n")
    return "".join(lines)


HIDDEN = "---\nsearch:\n  exclude: true\n---\n\n"


# ---------------------------------------------------------------- the built site


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = {""}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag links to, and its anchor."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)


def faults(site: Path) -> Iterator[str]:
    """Yield a message for each link that leads nowhere, and for each address that a browser would fetch."""
    read = {}
    for path in sorted(site.rglob("*.html")):
        read[path.resolve()] = page = Page()
        text = path.read_text(encoding="utf-8")
        page.feed(text)
        for remote in REMOTE.findall(text):
            yield f"{path.relative_to(site)} fetches {remote}"
    for path in sorted(site.rglob("*.css")):
        for remote in REMOTE.findall(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(site)} fetches {remote}"
    for path, page in read.items():
        if path.name == "404.html":
            continue  # its links work only on a server
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                yield f"{path.relative_to(site.resolve())} links to {link}, which does not exist"
            elif target in read and unquote(parts.fragment) not in read[target].anchors:
                yield f"{path.relative_to(site.resolve())} links to {link}, which has no such heading"


def mend(site: Path) -> None:
    """Change what does not work from disk: a search script that is loaded from elsewhere, and links to folders."""
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        up = os.path.relpath(site, path.parent)
        text = SHIM.sub(f'<script src="{up}/iframe-worker.js">', text)
        path.write_text(TO_FOLDER.sub(r'href="\1/index.html"', text), encoding="utf-8")


def main() -> None:
    """Build the site."""
    shutil.rmtree(BUILD, ignore_errors=True)
    lay_out(BUILD / "pages")
    config = yaml.safe_load((TOOLS / "mkdocs.yml").read_text(encoding="utf-8"))
    config["nav"] = navigation(set(pages().values()))
    (BUILD / "mkdocs.yml").write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")
    subprocess.run(
        [Path(sys.executable).with_name("zensical"), "build", "--strict"],
        cwd=BUILD,
        env={**os.environ, "NO_COLOR": "1"},
        check=True,
    )
    mend(BUILD / "site")
    if found := list(faults(BUILD / "site")):
        raise SystemExit("\n".join(f"error: {one}" for one in found))
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.move(BUILD / "site", SITE)
    print(f"{SITE.relative_to(ROOT)}/index.html: the manual")


if __name__ == "__main__":
    main()

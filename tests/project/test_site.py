"""The manual has every page, key and command. Its site has no dead link and loads nothing from the network."""

import re
from pathlib import Path
from typing import Annotated

import assemble
import generate
import pytest
from pydantic import BaseModel, TypeAdapter

ROOT = Path(__file__).parents[2]
CONFIGURATION = (ROOT / "docs/reference/configuration.md").read_text(encoding="utf-8")
CLASSES = generate.classes()

# ---------------------------------------------------------------- pages that are made from the code


@pytest.mark.parametrize("page", generate.PAGES, ids=lambda path: path.stem)
def test_a_page_has_what_the_code_says(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == generate.filled(text), "run `make docs`"


def test_the_page_has_every_class_under_its_heading() -> None:
    assert sorted(re.findall(r"^<!-- made: keys of (\w+) -->$", CONFIGURATION, flags=re.MULTILINE)) == sorted(CLASSES)
    for name in CLASSES:
        section = re.search(rf"^### {name}$(.*?)(?=^##|\Z)", CONFIGURATION, re.DOTALL | re.MULTILINE)
        assert section, f"no section {name}"
        assert f"<!-- made: keys of {name} -->" in section[1]


@pytest.mark.parametrize("kind", CLASSES.values(), ids=lambda kind: kind.__name__)
def test_every_key_has_a_type_an_effect_and_an_example(kind: type[BaseModel]) -> None:
    rows = generate.table(kind)
    for key, field in kind.model_fields.items():
        assert re.fullmatch(r".*[\w)>`/]\.", field.description or "", re.DOTALL), (
            f"{key}: say in a sentence what it does"
        )
        assert generate.type_of(field)
        assert generate.example(kind, key), f"{key}: put an example into docs/tools/keys.yaml"
        assert f"\n| `{key}` | " in rows


def test_the_file_beside_the_classes_names_their_keys_and_has_values_that_they_take() -> None:
    assert generate.KEYS.keys() == {"names", "examples"}
    for part in generate.KEYS.values():
        for name, keys in part.items():
            assert keys.keys() <= CLASSES[name].model_fields.keys()
    for name, keys in generate.KEYS["examples"].items():
        for key, value in keys.items():
            field = CLASSES[name].model_fields[key]
            kind = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
            TypeAdapter(kind).validate_python(value)


def test_a_key_that_nobody_described_is_found() -> None:
    class Undescribed(BaseModel):
        key: int = 3

    with pytest.raises(AssertionError, match="say in a sentence"):
        test_every_key_has_a_type_an_effect_and_an_example(Undescribed)


def test_every_command_has_a_section_with_an_example() -> None:
    page = (ROOT / "docs/reference/command-line.md").read_text(encoding="utf-8")
    for name in generate.command_line().commands:
        assert f"\n## {name}\n" in page
        section = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
        assert name == "stage" or f"\nExample:\n\n```bash\nspurious-rewards {name}" in section


# ---------------------------------------------------------------- the site


def listed(entry: object) -> list[str]:
    """Return every page of a navigation, in order."""
    if isinstance(entry, dict):
        return [page for value in entry.values() for page in listed(value)]
    return [page for each in entry for page in listed(each)] if isinstance(entry, list) else [str(entry)]


def test_the_navigation_holds_every_page_once_in_the_order_of_the_manual() -> None:
    there = set(assemble.pages().values())
    nav = assemble.navigation(there)
    assert sorted(listed(nav)) == sorted(page for page in there if page.endswith(".md"))
    assert {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")} <= set(listed(nav))
    names = [name for entry in nav for name in entry]
    order = ["Home", *assemble.SECTIONS, *assemble.TOP]
    assert [name for name in names if name in order] == [name for name in order if name in names]


def test_the_first_page_links_to_every_other() -> None:
    first = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        assert page.name == "index.md" or f"]({page.relative_to(ROOT / 'docs')})" in first, page


def test_a_page_that_nobody_named_follows_those_of_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble, "_title", str)
    nav = assemble.navigation({"index.md", "how-to/zebra.md", "how-to/running.md", "other.md"})
    assert listed(nav) == ["index.md", "how-to/running.md", "how-to/zebra.md", "other.md"]


def test_links_of_the_laid_out_pages_stay_among_them(tmp_path: Path) -> None:
    assemble.lay_out(tmp_path)
    for page in tmp_path.rglob("*.md"):
        for found in assemble.LINK.finditer(assemble.CODE.sub("", page.read_text(encoding="utf-8"))):
            address = found[2].partition("#")[0]
            if address and "://" not in address:
                target = (page.parent / address).resolve()
                assert target.is_relative_to(tmp_path.resolve()), f"{page} links to {address}"
                assert target.is_file(), f"{page} links to {address}"


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ('<a href="other.html#there">', ""),
        ('<a href="https://arxiv.org/abs/2506.10947">', ""),
        ('<a href="gone.html">', "does not exist"),
        ('<a href="other.html#gone">', "no such heading"),
        ('<script src="https://example.org/a.js"></script>', "fetches"),
        ('<link rel="stylesheet" href="//example.org/a.css">', "fetches"),
    ],
)
def test_a_dead_link_or_a_remote_script_is_found(html: str, fault: str, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(html)
    (tmp_path / "other.html").write_text('<h2 id="there">')
    found = list(assemble.faults(tmp_path))
    assert len(found) == bool(fault)
    assert all(fault in each for each in found)


def test_the_glossary_is_in_order() -> None:
    terms = re.findall(r"^### (.+)$", (ROOT / "docs/glossary.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert terms == sorted(terms, key=str.lower)

"""How paths are shown without revealing places on the machine."""

import sys
from pathlib import Path

import pytest

from spurious_rewards.runtime.places import shown, without_places


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/cluster/u/me")
    return tmp_path


def test_only_paths_from_here_are_told(here: Path) -> None:
    assert shown("results/smoke/a.csv") == shown(here / "results/smoke/a.csv") == "results/smoke/a.csv"
    assert shown("../other/a.csv") == shown("/cluster/u/me/a.csv") == "a.csv"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{here}/results/a.csv: no", "results/a.csv: no"),
        ("in {here}.", "in .."),
        ("{here}-other/a", "{here}-other/a"),
        ('File "{prefix}/lib/x.py", line 3', 'File "PYTHON/lib/x.py", line 3'),
        ("/cluster/u/me/x and /home/some.one/y, /Users/two/z", "~/x and ~/y, ~/z"),
        ("/cluster/u/meadow", "/cluster/u/meadow"),
        ("from /data/mine.jsonl and /data/mine.jsonl.old", "from inputs/x and /data/mine.jsonl.old"),
        ("about 3/home/x, https://example.org/home/x/", "about 3/home/x, https://example.org/home/x/"),
    ],
)
def test_texts_lose_folders_and_no_more(here: Path, text: str, said: str) -> None:
    known = {"/data/mine.jsonl": "inputs/x"}
    told = {"here": here, "prefix": sys.prefix}
    assert without_places(text.format(**told), known) == said.format(**told)

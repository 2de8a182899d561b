"""The notebook of published numbers runs from top to bottom without Jupyter, and draws the published results."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.container import BarContainer

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples/published_numbers.ipynb"
BOOK = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
CODE = {cell["id"]: "".join(cell["source"]) for cell in BOOK["cells"] if cell["cell_type"] == "code"}


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Yield the notebook's variables after its last cell. It runs in a folder next to the published results."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "expected").symlink_to(ROOT / "expected")
    (folder / "examples").mkdir()
    names: dict[str, Any] = {}
    backend = matplotlib.get_backend()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder / "examples")
        matplotlib.use("Agg")
        for name, code in CODE.items():
            exec(compile(code, f"{NOTEBOOK.name}, cell {name}", "exec"), names)
        yield names
    plt.close("all")
    matplotlib.use(backend)
    assert list((folder / "examples").iterdir()) == [], "the notebook writes nothing"


def test_the_figure_shows_what_each_reward_gains_in_every_family(after: dict[str, Any]) -> None:
    shown = pd.read_csv(after["published"] / "exhibits/fig1.csv")
    panels = {ax.get_title(): ax for ax in after["figure"].axes}
    assert set(panels) == set(shown["model"])
    for model, rows in shown.groupby("model"):
        (bars,) = [each for each in panels[model].containers if isinstance(each, BarContainer)]
        drawn = dict(zip(after["rewards"], (bar.get_width() for bar in bars), strict=True))
        assert drawn == pytest.approx(dict(zip(rows["reward"], 100 * rows["difference"], strict=True)))


def test_it_counts_all_claims(after: dict[str, Any]) -> None:
    assert len(after["claims"]) == len(pd.read_csv(after["published"] / "claims.csv"))


def test_it_reads_the_newest_class_and_names_none(after: dict[str, Any]) -> None:
    assert after["published"].parent.name == "organism"
    for folder in (ROOT / "expected").glob("*/*"):
        assert folder.name not in NOTEBOOK.read_text(encoding="utf-8")


def test_outputs_are_stripped() -> None:
    for cell in BOOK["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_it_is_a_notebook_of_the_format_that_it_says() -> None:
    assert (BOOK["nbformat"], BOOK["nbformat_minor"]) == (4, 5)
    names = [cell["id"] for cell in BOOK["cells"]]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[\w-]{1,64}", name) for name in names)

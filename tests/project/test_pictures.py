"""The hand-drawn picture of the pipeline has exactly the existing stages, a dark mode, and nothing from the network."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from spurious_rewards.stages.job import ModelJob
from spurious_rewards.stages.registry import registered

PICTURE = Path(__file__).parents[2] / "docs/pictures/pipeline.svg"
SVG = "{http://www.w3.org/2000/svg}"


def texts(kind: str) -> list[str]:
    found = ET.parse(PICTURE).getroot().iter(f"{SVG}text")
    return sorted(each.text or "" for each in found if each.get("class") == kind)


def test_it_names_every_stage_once_and_no_other() -> None:
    assert texts("stage") == sorted(registered()), "docs/pictures/pipeline.svg has a box for each stage"
    assert len(texts("what")) == len(registered())


def test_stages_with_a_model_at_work_are_coloured() -> None:
    boxes = re.findall(
        r'<rect class="box( model)?".*\n.*class="stage"[^>]*>(\w+)<', PICTURE.read_text(encoding="utf-8")
    )
    coloured = {name for model, name in boxes if model}
    assert coloured == {name for name, stage in registered().items() if issubclass(stage.job, ModelJob)}


def test_it_can_be_read_in_the_dark_and_loads_nothing() -> None:
    text = PICTURE.read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"href=|@import|url\((?!#)", text)

"""An exhibit is one figure or table of the paper: what it shows, its pictures, its numbers and the text around them.

`make` chooses the kind's function, which turns frames of the analysis into parts, and makes them a `Made`. A kind is a function
in a module beside this one with a line in `KINDS`. It is entered too in `Exhibit.kind` and `KINDS_READING` of
`config.experiments`, in the groups of `config.exhibits` that say what it asks of its experiment, in `kinds`, which names its
pictures, and in `stages.plot.NEEDS`. Kind `qualitative` has no line in `KINDS`: it reads responses instead of frames of numbers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from spurious_rewards.config.experiments import Exhibit
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import text_tables
from spurious_rewards.reporting.exhibits import (
    clipping,
    control,
    coverage,
    gain_split,
    gains,
    noise,
    strategy_switches,
    training_curves,
    untrained,
)
from spurious_rewards.reporting.exhibits.shared import Parts, ResultTables

__all__ = ["KINDS", "Made", "ResultTables", "make", "markdown", "marked", "not_made"]

KINDS: dict[str, Callable[[str, Exhibit, Suite, ResultTables], Parts]] = {
    "gains": gains.gains,
    "baselines": gains.baselines,
    "split": gain_split.split,
    "noise": noise.noise,
    "curves": training_curves.curves,
    "code": training_curves.code,
    "probability": training_curves.probability,
    "health": training_curves.health,
    "switches": strategy_switches.switches,
    "clipping": clipping.clipping,
    "strategies": untrained.strategies,
    "contributions": strategy_switches.contributions,
    "forcing": untrained.forcing,
    "prompts": untrained.prompts,
    "control": control.control,
    "coverage": coverage.coverage,
}


@dataclass(frozen=True)
class Made:
    """Figures by file name, the numbers they show (keys, full dtype), and the page: what the report says and shows."""

    figures: dict[str, Figure]
    numbers: pd.DataFrame
    page: dict[str, Any]


def make(name: str, suite: Suite, frames: ResultTables) -> Made:
    """The exhibit `name` of the suite.

    Raises:
        UserError: its rows cannot be drawn as it says, or there are none.
    """
    exhibit = suite.exhibits[name]
    return _made(name, exhibit, KINDS[exhibit.kind](name, exhibit, suite, frames))


def not_made(name: str, suite: Suite) -> Made:
    """The exhibit `name` with nothing to show."""
    return _made(name, suite.exhibits[name], Parts("", pd.DataFrame()))


SEE_ABOVE = "Incomplete: the text above says what is missing."


def marked(page: Mapping[str, Any], incomplete: str) -> dict[str, Any]:
    """The page with what is `incomplete` of it in its caption, and a word on that with each picture and table."""
    if not incomplete:
        return dict(page)
    return {
        **page,
        "caption": f"{incomplete} {page['caption']}".strip(),
        "pictures": [
            {**picture, **{said: f"{picture[said]} {SEE_ABOVE}" for said in ("caption", "text")}}
            for picture in page["pictures"]
        ],
        "tables": [{**table, "note": f"{table['note']} {SEE_ABOVE}".strip()} for table in page["tables"]],
    }


def _made(name: str, exhibit: Exhibit, parts: Parts) -> Made:
    pictures = [
        {
            "stem": picture.stem,
            "caption": picture.caption,
            "text": f"{exhibit.title}. {picture.caption} The numbers are in the table.",
        }
        for picture in parts.pictures
    ]
    page = {
        **{"name": name, "title": exhibit.title, "kind": exhibit.kind, "caption": parts.caption},
        **{"pictures": pictures, "tables": list(parts.tables)},
    }
    return Made({picture.stem: picture.figure for picture in parts.pictures}, parts.numbers, page)


def markdown(page: Mapping[str, Any]) -> str:
    """The tables of a page, with their notes."""
    tables = [
        text_tables.markdown(pd.DataFrame(table["rows"], columns=table["columns"]), table["title"])
        + (f"\n{text_tables.in_markdown(table['note'])}\n" if table["note"] else "")
        for table in page["tables"]
    ]
    title, caption = map(text_tables.in_markdown, (page["title"], page["caption"]))
    return "\n".join([f"# {title}", "", caption, "", *tables])

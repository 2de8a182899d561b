"""Exhibits: the figures and tables of a suite. Each has pictures, numbers and text around them.

`make` calls the function of the exhibit's kind, which turns frames of the analysis into `Parts`, and wraps these in a
`Made`. To add a kind, write its function in a module beside this one and add it to `KINDS`. Add the kind also to:

- `Exhibit.kind` and `KINDS_READING` in `config.experiments`,
- the groups in `config.exhibits` that say what the kind requires of its experiment,
- `kinds`, which names the kind's pictures,
- `stages.plot.NEEDS`.

Kind `qualitative` is not in `KINDS`, because it reads responses instead of frames of numbers.
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
    """Figures by file stem, the numbers that they show (keys, full precision), and the page: what the report shows."""

    figures: dict[str, Figure]
    numbers: pd.DataFrame
    page: dict[str, Any]


def make(name: str, suite: Suite, frames: ResultTables) -> Made:
    """Make the exhibit `name` of the suite.

    Raises:
        UserError: there are no rows, or the rows cannot be drawn as the exhibit says.
    """
    exhibit = suite.exhibits[name]
    return _made(name, exhibit, KINDS[exhibit.kind](name, exhibit, suite, frames))


def not_made(name: str, suite: Suite) -> Made:
    """Make the exhibit `name` with nothing to show."""
    return _made(name, suite.exhibits[name], Parts("", pd.DataFrame()))


SEE_ABOVE = "Incomplete: the text above says what is missing."


def marked(page: Mapping[str, Any], incomplete: str) -> dict[str, Any]:
    """Return the page with `incomplete` (what is missing) in its caption, and a note at each picture and table."""
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
    """Return the tables of a page, with their notes, as Markdown."""
    tables = [
        text_tables.markdown(pd.DataFrame(table["rows"], columns=table["columns"]), table["title"])
        + (f"\n{text_tables.in_markdown(table['note'])}\n" if table["note"] else "")
        for table in page["tables"]
    ]
    title, caption = map(text_tables.in_markdown, (page["title"], page["caption"]))
    return "\n".join([f"# {title}", "", caption, "", *tables])

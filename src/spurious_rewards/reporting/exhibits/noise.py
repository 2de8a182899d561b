"""Kind noise: the gain from training under a verifier that errs, against how well it still tells right from wrong."""

import pandas as pd

from spurious_rewards.analysis.headline import with_adjusted_p
from spurious_rewards.config.endpoints import CONDITION
from spurious_rewards.config.experiments import Exhibit
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import naming, palette
from spurious_rewards.reporting.exhibits.cautions import accuracy_interval, cautions, difference_interval, of_seeds
from spurious_rewards.reporting.exhibits.shared import (
    Parts,
    Picture,
    ResultTables,
    as_table,
    by_benchmark,
    name_of,
    needed,
    rows_shown,
    sizes_of,
    title_of,
)
from spurious_rewards.reporting.numerals import Row, number, p_value, percent
from spurious_rewards.reporting.points import Mark, points
from spurious_rewards.reporting.text_tables import identity_cells, size_cells, text_rows

ALIKE, POSITIVES, NEGATIVES, UNEQUAL = (
    "both errors equally often",
    "false positives only",
    "false negatives only",
    "one kind of error more often than the other",
)

MARKS = {
    ALIKE: Mark(palette.ERRORS["alike"], "o"),
    POSITIVES: Mark(palette.ERRORS["positives"], "^", shift=-0.02),
    NEGATIVES: Mark(palette.ERRORS["negatives"], "v", shift=0.02),
    UNEQUAL: Mark(palette.ERRORS["unequal"], "s", joined=False),
}

J_RULE = (
    "J is the share of right answers that the verifier rewards minus the share of wrong answers that it rewards "
    "(1 - false negatives - false positives). 1 is ground truth, 0 a coin, -1 the opposite of ground truth. arXiv "
    "2601.04411 predicts a gain for J above 0 and a loss for J below 0."
)


def noise(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    """Make an exhibit of kind noise: change of accuracy against J, for each kind of error."""
    rows = with_adjusted_p(rows_shown(needed(frames.headline, "headline"), name, exhibit, suite))
    errors = {key: reward.errors for key, reward in suite.rewards.items() if reward.errors}
    rows = rows.assign(
        **{
            key: rows["reward"].astype(str).map({of: pair[i] for of, pair in errors.items()})
            for i, key in enumerate(ERRORS)
        }
    )
    rows["j"] = (1 - rows["false_positive"] - rows["false_negative"]).round(12)
    rows = rows.sort_values(["j", "false_positive"], kind="stable", ignore_index=True)[list(NUMBERS)]
    shown = by_benchmark(naming.named(rows, suite), suite, exhibit)
    return Parts(
        caption=J_RULE,
        numbers=rows,
        pictures=[
            Picture(
                key,
                points(
                    _marks(here),
                    title_of(suite, exhibit, key),
                    ("J: true positive rate minus false positive rate", "change in accuracy\n(percentage points)"),
                    MARKS,
                ),
                f"Change in accuracy on {name_of(suite, key)}. Vertical lines: 95 % intervals. {sizes_of(here, suite, key)}"
                f"{cautions(here)}",
            )
            for key, here in shown
        ],
        tables=[
            as_table(
                f"{suite.title}: {exhibit.title}, {name_of(suite, key)}",
                noise_text(here),
                f"{sizes_of(here, suite, key)} Accuracies are in percent, changes in percentage points, with [95 % intervals] "
                f"over problems and seeds.{cautions(here)}",
            )
            for key, here in shown
        ],
    )


ERRORS = ("false_positive", "false_negative")

NUMBERS = (
    *(*CONDITION, "benchmark", *ERRORS, "j", "steps", "problems", "samples", "seeds"),
    *(f"{name}{end}" for name in ("before", "after", "difference") for end in ("", "_low", "_high")),
    *("difference_by_seed", "difference_split", "p", "p_adjusted", "minimum_detectable", "verdict"),
)
"""Columns of the exhibit's numbers."""


def _marks(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of one benchmark as `points` draws them.

    The lines of false positives only and of false negatives only begin at the verifier without errors (J = 1).
    """
    kinds = [_kind(*pair) for pair in zip(rows["false_positive"], rows["false_negative"], strict=True)]
    marks = pd.DataFrame({"panel": rows["model"], "line": kinds, "x": rows["j"], "shared": False})
    for drawn, column in {"value": "difference", "low": "difference_low", "high": "difference_high"}.items():
        marks[drawn] = 100 * rows[column].astype(float)
    truth = marks[marks["x"] == 1].assign(shared=True)
    starts = [truth.assign(line=kind) for kind in (POSITIVES, NEGATIVES) if kind in kinds]
    marks = pd.concat([marks, *starts], ignore_index=True)
    return marks.assign(
        panel=pd.Categorical(marks["panel"], rows["model"].cat.categories, ordered=True),
        line=pd.Categorical(marks["line"], list(MARKS), ordered=True),
    )


def _kind(false_positive: float, false_negative: float) -> str:
    if false_positive == false_negative:
        return ALIKE
    return POSITIVES if false_negative == 0 else NEGATIVES if false_positive == 0 else UNEQUAL


def noise_text(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rewards of one benchmark, with titles in place of keys, as text, ordered by model and J."""

    def row(of: Row) -> dict[str, str]:
        return {
            **identity_cells(rows, of, "reward"),
            "J": number(of["j"], 2),
            "False positives (%)": percent(of["false_positive"]),
            "False negatives (%)": percent(of["false_negative"]),
            **size_cells(of),
            "Accuracy before": accuracy_interval(of, "before"),
            "Accuracy after": accuracy_interval(of, "after"),
            "Change": difference_interval(of, "difference", "before", "after"),
            "Change, by seed": of_seeds(of, "difference"),
            "Verdict": of["verdict"],
            "p (Holm)": "" if pd.isna(of["p"]) else f"{p_value(of['p'])} ({p_value(of['p_adjusted'])})",
        }

    return text_rows(rows.sort_values("model", kind="stable"), row)

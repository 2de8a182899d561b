"""Tables of the headline: before and after training, the verdict, single seeds if there are few, and the notes."""

import pandas as pd

from spurious_rewards.config.endpoints import CONDITION
from spurious_rewards.config.experiments import Exhibit
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting.exhibits.cautions import accuracy_interval, cautions, difference_interval, of_seeds
from spurious_rewards.reporting.exhibits.shared import LAST, Table, as_table, by_benchmark, name_of, sizes_of
from spurious_rewards.reporting.naming import named
from spurious_rewards.reporting.numerals import (
    MISSING,
    Row,
    number,
    p_value,
    paper,
    percent,
    points,
    share_of_gain,
    shared_seeds,
)
from spurious_rewards.reporting.text_tables import constant_left_out, identity_cells, size_cells, text_rows

FEW_SEEDS = 3
"""With at most this many seeds, the report shows each seed and gives no interquartile mean."""

HEADLINE_NOTE = (
    "Accuracies are in percent, changes in percentage points, with [95 % intervals] over problems and seeds. Detectable "
    "change: what this many seeds and problems would find with 80 % power. If a comparison gives a number of seeds, "
    "both sides share only that many."
)

MIDDLE_NOTE = " Interquartile mean: the mean of the middle half of the seeds' changes."

BEST_PROMPT_NOTE = (
    " Versus best prompt: accuracy after training minus accuracy before it under the best prompt. The best prompt is the one "
    "with the highest accuracy on held-out training problems."
)


def headline_text(headline: pd.DataFrame) -> pd.DataFrame:
    """Return the headline of one benchmark as a table of text.

    Prompt and variant have a column only if they differ between rows, and updates only if variants differ. The paper's
    values, and the smoothed accuracy to compare with them, have columns only if the paper prints a value.

    Args:
        headline: `analysis.headline` with adjusted p, or the comparisons of its variants, with titles in place of keys.
    """
    differing = constant_left_out(headline, ["prompt", "variant"])
    identity = [*(["comparison"] if "comparison" in headline else []), "model", "reward", *differing]
    lengths = ["steps", "updates"] if "variant" in differing else ["steps"]

    def row(of: Row) -> dict[str, str]:
        return {
            **{name.capitalize(): str(of[name]) for name in identity},
            **{name.capitalize(): number(of[name], 0) for name in lengths},
            **size_cells(of),
            "Accuracy before": accuracy_interval(of, "before"),
            "Paper: before": paper(of, "before"),
            "Accuracy after": accuracy_interval(of, "after"),
            "Paper: after": paper(of, "after"),
            "After, smoothed as in the paper": percent(of["after_smoothed"]) if paper(of, "after") else "",
            "Change": difference_interval(of, "difference", "before", "after"),
            "Change, by seed": of_seeds(of, "difference"),
            "Paper: change": paper(of, "difference", points),
            "Verdict": of["verdict"],
            "p (Holm)": "" if pd.isna(of["p"]) else f"{p_value(of['p'])} ({p_value(of['p_adjusted'])})",
            "Detectable change": percent(of["minimum_detectable"]),
            "Interquartile mean": points(of["interquartile_mean"]) if of["seeds"] > FEW_SEEDS else "",
            "Problems gained / lost": _counts(of, "gained", "lost"),
            "Versus random": shared_seeds(of, "over_random"),
            "Share of ground truth's gain": share_of_gain(of, "share_of_ground_truth"),
            "Versus best prompt": _over_best_prompt(of),
            "Responses with code": f"{percent(of['code_before'])} → {percent(of['code_after'])}",
            "Paper: code after": paper(of, "code_after"),
            "Highest share of code": percent(of["highest_code_rate"]),
            "Paper: highest share of code": paper(of, "highest_code_rate"),
        }

    return text_rows(headline, row)


def _over_best_prompt(of: Row) -> str:
    """Return +3.1 [1.0, 5.2] (math problem): the prompt is the model's best one before training."""
    text = shared_seeds(of, "over_best_prompt")
    return text if pd.isna(of["best_prompt"]) else f"{text} ({str(of['best_prompt']).replace('_', ' ')})"


def _counts(of: Row, name: str, other: str) -> str:
    """Return problems gained and lost: 5.2 / 1.0."""
    return f"{number(of[name], 1)} / {number(of[other], 1)}" if pd.notna(of[name]) else MISSING


def seeds_text(seeds: pd.DataFrame) -> pd.DataFrame:
    """Return `analysis.seeds.seeds` of one benchmark, with titles in place of keys, as a table of text."""

    def row(of: Row) -> dict[str, str]:
        return {
            **identity_cells(seeds, of, "reward"),
            "Seed": str(of["seed"]),
            "Accuracy before": percent(of["before"]),
            "Accuracy after": percent(of["after"]),
            "Change": points(of["difference"]),
            "Problems gained / lost": f"{of['gained']:.0f} / {of['lost']:.0f}" if pd.notna(of["gained"]) else MISSING,
            "McNemar p": p_value(of["mcnemar_p"]),
        }

    return text_rows(seeds, row)


def headline_tables(
    rows: pd.DataFrame, seeds: pd.DataFrame | None, suite: Suite, exhibit: Exhibit, of: str = "", rule: str = LAST
) -> list[Table]:
    """Return a headline table for each benchmark, and after it a table of single seeds if rows have few seeds.

    Args:
        rows: rows of `analysis.headline` with adjusted p.
        seeds: `analysis.seeds`, or None if `rows` are of another step than the last.
        suite: the suite of the exhibit.
        exhibit: says which benchmarks to show.
        of: what the rows are about; it follows the titles.
        rule: how the step of the rows was chosen.
    """
    tables = []
    for key, here in by_benchmark(named(rows, suite), suite, exhibit):
        title = f"{suite.title}: {exhibit.title}, {name_of(suite, key)}" + (f", {of}" if of else "")
        tables.append(as_table(title, headline_text(here), headline_note(here, suite, key, rule)))
        if seeds is not None and len(few := few_seeds(here, named(seeds, suite))):
            tables.append(as_table(f"{title}, every seed", seeds_text(few), seeds_note(few)))
    return tables


def headline_note(rows: pd.DataFrame, suite: Suite, benchmark: str, rule: str = LAST) -> str:
    """Return the note under a headline table of one benchmark."""
    middle = MIDDLE_NOTE if (rows["seeds"] > FEW_SEEDS).any() else ""
    chosen = BEST_PROMPT_NOTE if rows["best_prompt"].notna().any() else ""
    tests = rows["p"].notna().sum()
    holm = f" p (Holm): in brackets, p corrected for the {tests} tests of this table." if tests > 1 else ""
    return f"{sizes_of(rows, suite, benchmark, rule)} {HEADLINE_NOTE}{holm}{middle}{chosen}{cautions(rows)}"


def seeds_note(seeds: pd.DataFrame) -> str:
    """Return the note under a table of seeds."""
    tested = seeds["mcnemar_p"].notna().any()
    return "McNemar's exact p is for the problems of one seed. It says nothing about other seeds." if tested else ""


def few_seeds(headline: pd.DataFrame, seeds: pd.DataFrame) -> pd.DataFrame:
    """Return the seeds of those headline rows that have few seeds; both frames have titles in place of keys."""
    few = headline.loc[headline["seeds"] <= FEW_SEEDS, [*CONDITION, "benchmark"]]
    return seeds.merge(few, on=[*CONDITION, "benchmark"])

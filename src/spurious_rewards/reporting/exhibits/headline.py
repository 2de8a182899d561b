"""The headline as tables: before and after training, the verdict, every seed where there are few, and the notes under them."""

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
"""Of so many seeds or fewer, each is shown, and none is left out of a mean."""

HEADLINE_NOTE = (
    "Percent, differences in percentage points, [95 % intervals] over problems and seeds. Detectable: the difference that "
    "this many seeds and problems would show with 80 % power. Each seed: its own difference. A number of seeds beside a "
    "comparison: the two share so many."
)

MIDDLE_NOTE = " Middle seeds: interquartile mean of the seeds' differences."

BEST_PROMPT_NOTE = (
    " Over best prompt: after training minus before it under the prompt, of those that were tried, with the highest "
    "accuracy on held-out training problems."
)


def headline_text(headline: pd.DataFrame) -> pd.DataFrame:
    """The headline of one benchmark with its adjusted p, or comparisons of its variants, named.

    Comparison, prompt, variant and updates have a column only where they differ; the paper, and the smoothed value to hold
    against it, only where it prints one.
    """
    differing = constant_left_out(headline, ["prompt", "variant"])
    identity = [*(["comparison"] if "comparison" in headline else []), "model", "reward", *differing]
    lengths = ["steps", "updates"] if "variant" in differing else ["steps"]

    def row(of: Row) -> dict[str, str]:
        return {
            **{name.capitalize(): str(of[name]) for name in identity},
            **{name.capitalize(): number(of[name], 0) for name in lengths},
            **size_cells(of),
            "Before": accuracy_interval(of, "before"),
            "Paper: before": paper(of, "before"),
            "After": accuracy_interval(of, "after"),
            "Paper: after": paper(of, "after"),
            "Smoothed, for the paper only": percent(of["after_smoothed"]) if paper(of, "after") else "",
            "Difference": difference_interval(of, "difference", "before", "after"),
            "Each seed": of_seeds(of, "difference"),
            "Paper: difference": paper(of, "difference", points),
            "Verdict": of["verdict"],
            "p (Holm)": "" if pd.isna(of["p"]) else f"{p_value(of['p'])} ({p_value(of['p_adjusted'])})",
            "Detectable": percent(of["minimum_detectable"]),
            "Middle seeds": points(of["interquartile_mean"]) if of["seeds"] > FEW_SEEDS else "",
            "Gained / lost": _counts(of, "gained", "lost"),
            "Over random": shared_seeds(of, "over_random"),
            "Share of ground truth's gain": share_of_gain(of, "share_of_ground_truth"),
            "Over best prompt": _over_best_prompt(of),
            "Code": f"{percent(of['code_before'])} → {percent(of['code_after'])}",
            "Paper: code after": paper(of, "code_after"),
            "Highest code": percent(of["highest_code_rate"]),
            "Paper: highest code": paper(of, "highest_code_rate"),
        }

    return text_rows(headline, row)


def _over_best_prompt(of: Row) -> str:
    """+3.1 [1.0, 5.2] (math problem): the prompt is the one that served the model best before training."""
    text = shared_seeds(of, "over_best_prompt")
    return text if pd.isna(of["best_prompt"]) else f"{text} ({str(of['best_prompt']).replace('_', ' ')})"


def _counts(of: Row, name: str, other: str) -> str:
    """5.2 / 1.0: problems gained and lost."""
    return f"{number(of[name], 1)} / {number(of[other], 1)}" if pd.notna(of[name]) else MISSING


def seeds_text(seeds: pd.DataFrame) -> pd.DataFrame:
    """`analysis.seeds.seeds` of one benchmark, named."""

    def row(of: Row) -> dict[str, str]:
        return {
            **identity_cells(seeds, of, "reward"),
            "Seed": str(of["seed"]),
            "Before": percent(of["before"]),
            "After": percent(of["after"]),
            "Difference": points(of["difference"]),
            "Gained / lost": f"{of['gained']:.0f} / {of['lost']:.0f}" if pd.notna(of["gained"]) else MISSING,
            "McNemar p": p_value(of["mcnemar_p"]),
        }

    return text_rows(seeds, row)


def headline_tables(
    rows: pd.DataFrame, seeds: pd.DataFrame | None, suite: Suite, exhibit: Exhibit, of: str = "", rule: str = LAST
) -> list[Table]:
    """`headline_text` of each benchmark; `of` is put behind the titles. Under it, where there are few, every seed.

    Args:
        rows: of `analysis.headline`, with their adjusted p.
        seeds: of `analysis.seeds`, or None: those of no other step.
        suite: of the exhibit.
        exhibit: says which benchmarks.
        of: what the rows are of.
        rule: how their step was chosen.
    """
    tables = []
    for key, here in by_benchmark(named(rows, suite), suite, exhibit):
        title = f"{suite.title}: {exhibit.title}, {name_of(suite, key)}" + (f", {of}" if of else "")
        tables.append(as_table(title, headline_text(here), headline_note(here, suite, key, rule)))
        if seeds is not None and len(few := few_seeds(here, named(seeds, suite))):
            tables.append(as_table(f"{title}, every seed", seeds_text(few), seeds_note(few)))
    return tables


def headline_note(rows: pd.DataFrame, suite: Suite, benchmark: str, rule: str = LAST) -> str:
    """What must stand under a headline table of one benchmark."""
    middle = MIDDLE_NOTE if (rows["seeds"] > FEW_SEEDS).any() else ""
    chosen = BEST_PROMPT_NOTE if rows["best_prompt"].notna().any() else ""
    tests = rows["p"].notna().sum()
    holm = f" p (Holm) is corrected for the {tests} tests of this table." if tests > 1 else ""
    return f"{sizes_of(rows, suite, benchmark, rule)} {HEADLINE_NOTE}{holm}{middle}{chosen}{cautions(rows)}"


def seeds_note(seeds: pd.DataFrame) -> str:
    """What must stand under a table of seeds."""
    tested = seeds["mcnemar_p"].notna().any()
    return "McNemar's exact p is of the one seed's problems and says nothing of another seed." if tested else ""


def few_seeds(headline: pd.DataFrame, seeds: pd.DataFrame) -> pd.DataFrame:
    """The seeds of the headline's rows that have few of them, both named."""
    few = headline.loc[headline["seeds"] <= FEW_SEEDS, [*CONDITION, "benchmark"]]
    return seeds.merge(few, on=[*CONDITION, "benchmark"])

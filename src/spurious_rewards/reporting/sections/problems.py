"""The sections on problem sets: what each is, and how much of it models may know already."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting.naming import named
from spurious_rewards.reporting.numerals import Row, percent, percent_interval
from spurious_rewards.reporting.page import Section, Table, unless_empty
from spurious_rewards.reporting.text_tables import cell, text_rows
from spurious_rewards.runtime.places import shown, without_places

CARDS_NOTE = (
    "What each problem set is, which commit of its source was read, and why rows were left out: only and limit are choices "
    "of the suite, the others are faults of the source. The SHA-256 is of what was kept, in its order."
)


def cards(suite: Suite, manifests: Sequence[Mapping[str, Any]]) -> Section:
    """What each problem set is, and its data card."""
    return Section("about-problems", "Problem sets", "Data", (CARDS_NOTE,), tables=_data_cards(suite, manifests))


def _data_cards(suite: Suite, manifests: Sequence[Mapping[str, Any]]) -> tuple[Table, ...]:
    """One table of all problem sets, and the whole card of each, folded."""
    cards = {
        Path(manifest["artifact"]).stem: manifest["details"]["card"]
        for manifest in manifests
        if manifest["details"].get("card") and Path(manifest["artifact"]).stem in suite.problems
    }
    whole = [Table(f"Card of {name}", card_text(card), folded=True) for name, card in cards.items()]
    return (*unless_empty("All problem sets", cards_text(cards, suite)), *whole)


def cards_text(cards: Mapping[str, Mapping[str, Any]], suite: Suite) -> pd.DataFrame:
    """One row a problem set, by what the suite says of it and what its card counts."""
    rows = []
    for name, card in cards.items():
        said = suite.problems[name]
        dropped = {reason: count for reason, count in card.get("dropped", {}).items() if count}
        rows.append(
            {
                "Problem set": name,
                "What it is": said.about,
                "License": said.license,
                "Source": without_places(cell(card.get("source"))),
                "Revision": cell(card.get("revision")),
                "Rows": cell(card.get("rows")),
                "Kept": cell(card.get("kept")),
                "Left out": cell(dropped),
                "SHA-256": str(card.get("sha256", ""))[:12],
            }
        )
    return text_rows(pd.DataFrame(rows), dict)


def card_text(card: Mapping[str, Any]) -> pd.DataFrame:
    """A data card, one row an entry; of a file of the user's the name."""
    places = {path: shown(path)} if isinstance(path := card.get("read_from"), str) else {}
    return pd.DataFrame(
        [{"What": str(key), "Value": without_places(cell(value), places)} for key, value in card.items()]
    )


def contamination(suite: Suite, leakage: pd.DataFrame, memorization: pd.DataFrame, mark: str) -> Section:
    """What the training set has of each benchmark, and what models complete from memory."""
    rule = suite.overlap
    probe = suite.partial_prompt
    paragraphs = [
        *filter(None, [mark]),
        f"A benchmark problem counts as leaked if the training set {suite.training_problems} has it word for word (in one "
        f"spelling), or {percent(rule.share)} % of its {rule.ngram}-word n-grams. A training set whose "
        "decontaminate names the benchmark's problem set leaves such problems out.",
    ]
    if probe:
        paragraphs.append(
            f"A model before training is given the first {percent(probe.share)} % of a problem's words and goes on "
            "greedily. Problems that were generated for this suite cannot be known to a model that was not trained on them: "
            "what it completes of those, it guesses."
        )
    return Section(
        "about-contamination",
        "Leakage and contamination",
        "Data",
        paragraphs,
        tables=(
            *unless_empty("Benchmark problems in the training set", leakage_text(leakage, suite)),
            *unless_empty("Problems completed from memory", memorization_text(memorization, suite)),
        ),
    )


def leakage_text(leakage: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """`analysis.contamination.leakage`, named: of each set of problems, what the training set has of it."""

    def row(of: Row) -> dict[str, str]:
        return {
            "Problem set": str(of["benchmark_set"]),
            "Where from": origin(suite, of["benchmark_set"]),
            "Problems": f"{of['problems']:,}",
            "In the training set word for word": f"{of['exact']:,}",
            "Most n-grams there": f"{of['n_gram']:,}",
            "Together": f"{percent(of['share_overlapping'])} %",
        }

    return text_rows(leakage, row)


def memorization_text(memorization: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """`analysis.contamination.memorization`, named."""

    def row(of: Row) -> dict[str, str]:
        return {
            "Model": str(of["model"]),
            "Problem set": str(of["problem_set"]),
            "Where from": origin(suite, of["problem_set"]),
            "Problems": f"{of['problems']:,}",
            "Seeds": str(of["seeds"]),
            "Completed word for word": percent_interval(of, "word_for_word"),
            "Words right up to the first wrong one": percent_interval(of, "words"),
        }

    return text_rows(named(memorization, suite), row)


def origin(suite: Suite, problem_set: str) -> str:
    """Where a problem set comes from, in a word."""
    source = suite.problems[problem_set]
    if source.generated:
        return f"generated, part {source.generated.part}"
    return "generated by reasoning-gym" if source.reasoning_gym else source.hub or "a file"

"""The sections on problem sets: what each set is, and how much of it models may already know."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import questions
from spurious_rewards.reporting.naming import named
from spurious_rewards.reporting.numerals import Row, percent, percent_interval
from spurious_rewards.reporting.page import Section, Table, unless_empty
from spurious_rewards.reporting.text_tables import cell, text_rows
from spurious_rewards.runtime.places import shown, without_places

CARDS_NOTE = (
    "What each problem set is, which revision of its source was read, and why rows were left out. Choices of the "
    "suite: overlap, only, long, skip, limit. Faults in the source: unreadable, blank, duplicate. The SHA-256 is of "
    "the problems that were kept, in their order."
)


def cards(suite: Suite, manifests: Sequence[Mapping[str, Any]]) -> Section:
    """Return the section with what each problem set is, and its data card."""
    return Section("about-problems", "Problem sets", "Data", (CARDS_NOTE,), tables=_data_cards(suite, manifests))


def _data_cards(suite: Suite, manifests: Sequence[Mapping[str, Any]]) -> tuple[Table, ...]:
    """Return one table of all problem sets, and a folded table with the whole card of each."""
    cards = {
        Path(manifest["artifact"]).stem: manifest["details"]["card"]
        for manifest in manifests
        if manifest["details"].get("card") and Path(manifest["artifact"]).stem in suite.problems
    }
    whole = [Table(f"Data card of {name}", card_text(card), folded=True) for name, card in cards.items()]
    return (*unless_empty("All problem sets", cards_text(cards, suite)), *whole)


def cards_text(cards: Mapping[str, Mapping[str, Any]], suite: Suite) -> pd.DataFrame:
    """Return one row per problem set, with the suite's description and the counts of its card."""
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
                "Rows read": cell(card.get("rows")),
                "Kept": cell(card.get("kept")),
                "Left out": cell(dropped),
                "SHA-256": str(card.get("sha256", ""))[:12],
            }
        )
    return text_rows(pd.DataFrame(rows), dict)


def card_text(card: Mapping[str, Any]) -> pd.DataFrame:
    """Return a data card, one row per entry; a file of the user's appears by its name only, without its folder."""
    places = {path: shown(path)} if isinstance(path := card.get("read_from"), str) else {}
    return pd.DataFrame(
        [{"What": str(key), "Value": without_places(cell(value), places)} for key, value in card.items()]
    )


def contamination(suite: Suite, leakage: pd.DataFrame, memorization: pd.DataFrame, mark: str) -> Section:
    """Return the section on how much of each benchmark is in the training set, and what models complete from memory."""
    rule = suite.overlap
    probe = suite.partial_prompt
    paragraphs = [
        *filter(None, [mark]),
        f"A benchmark problem counts as leaked if a problem of the training set {suite.training_problems} is the same "
        "word for word (ignoring case, white space, dollar signs and Unicode variants) or contains at least "
        f"{100 * rule.share:g} % of the benchmark problem's {rule.ngram}-word n-grams. To leave such training problems "
        "out, list the benchmark's problem set under decontaminate of the training set.",
    ]
    if probe:
        paragraphs.append(
            f"Memory test: each model before training gets the first {percent(probe.share)} % of a problem's words and "
            "completes it greedily. A model cannot have memorised problems that were generated for this suite and that it was "
            "not trained on, so what it completes there is guessed."
        )
    return Section(
        "about-contamination",
        "Leakage and contamination",
        "Data",
        paragraphs,
        questions=(questions.CONTAMINATION,),
        tables=(
            *unless_empty("Benchmark problems in the training set", leakage_text(leakage, suite)),
            *unless_empty("Problems completed from memory", memorization_text(memorization, suite)),
        ),
    )


def leakage_text(leakage: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Return `analysis.contamination.leakage` as a table: how much of each problem set is in the training set."""

    def row(of: Row) -> dict[str, str]:
        return {
            "Problem set": str(of["benchmark_set"]),
            "Origin": origin(suite, of["benchmark_set"]),
            "Problems": f"{of['problems']:,}",
            "Word for word in the training set": f"{of['exact']:,}",
            "Matched by n-grams": f"{of['n_gram']:,}",
            "Leaked in total": f"{percent(of['share_overlapping'])} %",
        }

    return text_rows(leakage, row)


def memorization_text(memorization: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Return `analysis.contamination.memorization` as a table of text."""

    def row(of: Row) -> dict[str, str]:
        return {
            "Model": str(of["model"]),
            "Problem set": str(of["problem_set"]),
            "Origin": origin(suite, of["problem_set"]),
            "Problems": f"{of['problems']:,}",
            "Seeds": str(of["seeds"]),
            "Problems completed word for word (%)": percent_interval(of, "word_for_word"),
            "Words right before the first error (%)": percent_interval(of, "words"),
        }

    return text_rows(named(memorization, suite), row)


def origin(suite: Suite, problem_set: str) -> str:
    """Return where a problem set comes from, in a few words."""
    source = suite.problems[problem_set]
    if source.generated:
        return f"generated, part {source.generated.part}"
    return "generated by reasoning-gym" if source.reasoning_gym else source.hub or "a file"

"""The sections on training: the quality of its labels, its health, and how grading went."""

from collections.abc import Callable, Mapping

import pandas as pd

from spurious_rewards.analysis.training import HEALTH
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import questions
from spurious_rewards.reporting.naming import named
from spurious_rewards.reporting.numerals import Row, number, percent
from spurious_rewards.reporting.page import Section, Table
from spurious_rewards.reporting.text_tables import cell, constant_left_out, text_rows

LABELS_NOTE = (
    "Each label is the majority vote of the untrained model's responses to a training problem. The same responses give pass@1, "
    "the share of right responses, and pass@k, the share of problems with at least one right response."
)

HEALTH_NOTE = (
    "If all responses to a prompt get the same reward, the group teaches nothing. Clipped tokens are those that the clip took "
    "out of the loss."
)

GRADING_NOTE = (
    "An answer counts as wrong if its check exceeded the time limit or crashed. A response without an answer counts as wrong "
    "too."
)


def labels(suite: Suite, marks: Mapping[str, str], numbers: pd.DataFrame) -> Section:
    """Return the section on how good the majority labels are; `marks` says what each experiment lacks."""
    tables = _by_experiment(suite, marks, "Labels of the training problems", numbers, labels_text)
    return Section(
        "about-labels", "Majority labels", "Data", (LABELS_NOTE,), tables=tables, questions=(questions.GRADING,)
    )


def health(suite: Suite, marks: Mapping[str, str], numbers: pd.DataFrame) -> Section:
    """Return the section on how training went, at its first and last step."""
    tables = _by_experiment(suite, marks, "First → last training step, mean over seeds", numbers, health_text)
    return Section(
        "about-health", "Training health", "Training", (HEALTH_NOTE,), tables=tables, questions=(questions.TRAINING,)
    )


def grading(suite: Suite, marks: Mapping[str, str], numbers: pd.DataFrame) -> Section:
    """Return the section on how many responses had no answer, and how many checks did not finish."""
    tables = _by_experiment(suite, marks, "Grading", numbers, grading_text)
    return Section(
        "about-grading", "Grading", "Training", (GRADING_NOTE,), tables=tables, questions=(questions.GRADING,)
    )


def _by_experiment(
    suite: Suite,
    marks: Mapping[str, str],
    title: str,
    frame: pd.DataFrame,
    text: Callable[[pd.DataFrame], pd.DataFrame],
) -> tuple[Table, ...]:
    """Return a table for each experiment that has rows, in the suite's order; all but the headline's are folded."""
    return tuple(
        Table(
            f"{title}: {experiment.title}",
            text(named(rows, suite)),
            marks.get(name, ""),
            folded=name != suite.report.headline,
        )
        for name, experiment in suite.experiments.items()
        if len(rows := frame[frame["experiment"] == name].drop(columns="experiment"))
    )


def labels_text(labels: pd.DataFrame) -> pd.DataFrame:
    """Return `analysis.labels.labels_summary`, with titles in place of keys, as a table of text."""

    def row(of: Row) -> dict[str, str]:
        least, most = of["incorrect_min"], of["incorrect_max"]
        return {
            **{name.capitalize(): str(of[name]) for name in ("model", *constant_left_out(labels, ["prompt"]))},
            "Problems": str(of["problems"]),
            "Responses per problem": str(of["samples"]),
            "Seeds": str(of["seeds"]),
            "Right labels (%)": percent(of["label_accuracy"]),
            "Problems with a wrong label": f"{least}" if least == most else f"{least} to {most}",
            "pass@1": percent(of["pass_at_1"]),
            f"pass@{of['samples']}" if labels["samples"].nunique() == 1 else "pass@k": percent(of["pass_at_k"]),
        }

    return text_rows(labels, row)


def health_text(health: pd.DataFrame) -> pd.DataFrame:
    """Return `analysis.training.training_health`, with titles in place of keys, as a table: first → last step."""
    identity = ["model", "reward", *constant_left_out(health, ["prompt", "variant"])]
    titles = {
        "zero_variance_groups": "Groups with equal rewards (%)",
        "clip_fraction": "Tokens clipped (%)",
        "truncation_rate": "Responses cut off (%)",
        "entropy": "Entropy (nats)",
    }

    def row(of: Row) -> dict[str, str]:
        def ends(name: str) -> str:
            first, last = of[f"{name}_first"], of[f"{name}_last"]
            if name == "entropy":
                return f"{number(first, 2)} → {number(last, 2)}"
            return f"{percent(first)} → {percent(last)}"

        return {
            **{name.capitalize(): str(of[name]) for name in identity},
            "Steps": number(of["steps"], 0),
            **{titles[name]: ends(name) for name in HEALTH},
        }

    return text_rows(health.sort_values(["model", "reward"]), row)


def grading_text(grading: pd.DataFrame) -> pd.DataFrame:
    """Return `analysis.labels.grading`, with titles in place of keys, as a table of text."""
    titles = {
        "benchmark": "Benchmark",
        "responses": "Responses",
        "unanswered": "Without an answer",
        "timeouts": "Checks timed out",
        "crashes": "Checks crashed",
    }
    return text_rows(grading, lambda of: {title: cell(of[name]) for name, title in titles.items()})

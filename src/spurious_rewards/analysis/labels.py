"""Summaries of the labels from majority voting, and of how grading went."""

import pandas as pd

from spurious_rewards.artifacts.csv_files import Columns, cells


def labels_summary(labels: pd.DataFrame, votes: pd.DataFrame) -> pd.DataFrame:
    """Summarise the labels that majority voting gave the training problems, one row per (model, prompt).

    Args:
        labels: tables.Labels of base models, collected.
        votes: tables.Grades of the responses that voted, collected.
    """
    rows = []
    for (model, prompt), group in labels.groupby(["model", "prompt"], observed=True, sort=False):
        wrong = (~group["correct"] & (group["votes"] > 0)).groupby(group["seed"]).sum()
        right = votes[(votes["model"] == model) & (votes["prompt"] == prompt)].groupby(["seed", "id"], observed=True)[
            "correct"
        ]
        rows.append(
            {
                "model": model,
                "prompt": prompt,
                "problems": group["id"].nunique(),
                "samples": int(group["samples"].max()),
                "seeds": group["seed"].nunique(),
                "label_accuracy": group.groupby("seed")["correct"].mean().mean(),
                "incorrect_min": int(wrong.min()),
                "incorrect_max": int(wrong.max()),
                "pass_at_1": right.mean().mean(),
                "pass_at_k": right.max().mean(),
            }
        )
    return pd.DataFrame(rows, columns=list(LABELS))


LABELS: Columns = {
    **cells("text", "model", "prompt"),
    **cells("whole", "problems", "samples", "seeds"),
    **{"label_accuracy": "number"},
    **cells("whole", "incorrect_min", "incorrect_max"),
    **cells("number", "pass_at_1", "pass_at_k"),
}
"""Columns of `labels_summary`."""

GRADING: Columns = {"benchmark": "text", **cells("whole", "responses", "unanswered", "timeouts", "crashes")}
"""Columns of `grading`."""


def grading(graded: pd.DataFrame) -> pd.DataFrame:
    """Count responses, those without any answer, and checks that did not end, one row per benchmark."""
    return (
        graded.assign(
            unanswered=graded["rule"] == "none",
            timeouts=graded["status"] == "timeout",
            crashes=graded["status"] == "crash",
        )
        .groupby("benchmark", observed=True)
        .agg(
            responses=("id", "size"),
            unanswered=("unanswered", "sum"),
            timeouts=("timeouts", "sum"),
            crashes=("crashes", "sum"),
        )
        .reset_index()
    )

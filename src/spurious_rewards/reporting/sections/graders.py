"""The section on graders: how two other graders judge the answers of the headline experiment."""

from collections.abc import Mapping

import pandas as pd

from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import questions
from spurious_rewards.reporting.naming import named
from spurious_rewards.reporting.numerals import MISSING, Row, percent, points, signed
from spurious_rewards.reporting.page import Section, Table, unless_empty

TITLES = {"math_verify": "Math-Verify", "strings": "strings", "sympy": "sympy"}

SHOWN = 40
"""Largest number of disputed pairs that the report shows; differences.csv has them all."""

NOTE = (
    "All accuracies in this report come from Math-Verify. This section judges the answers of the main result, before and after "
    "training, in two other ways. Strings: the answers are equal after the usual clean-up of LaTeX, units and signs. Sympy: the "
    "difference of the two answers simplifies to zero. A pair is a true answer and an answer that a response gave; it counts "
    "once, however many responses gave it. Kappa is missing if a grader says the same about all pairs. A check that did not "
    "finish counts as wrong."
)


def section(suite: Suite, judged: Mapping[str, pd.DataFrame], mark: str) -> Section:
    """Return the section that compares two other graders with the deciding one; `mark` says what is missing."""
    return Section(
        "about-graders",
        "Agreement of graders",
        "Training",
        (*filter(None, [mark]), NOTE),
        tables=tables(suite, judged),
        questions=(questions.GRADING,),
    )


def tables(suite: Suite, judged: Mapping[str, pd.DataFrame]) -> tuple[Table, ...]:
    """Return tables of the graders' agreement, and of the results under other graders; none if nothing was judged."""
    if not judged:
        return ()
    agreement, accuracy, differences = (named(judged[name], suite) for name in ("agreement", "accuracy", "differences"))
    agreement, accuracy = (frame.sort_values("benchmark", kind="stable") for frame in (agreement, accuracy))
    return (
        *unless_empty("Agreement on distinct pairs of answers", agreement_text(agreement)),
        *unless_empty(
            "How far changes in accuracy shift with another grader (percentage points)", moves_text(accuracy)
        ),
        *unless_empty("Accuracy by grader, before → after training (%)", accuracy_text(accuracy), folded=True),
        *unless_empty("Answers on which graders disagree", differences_text(differences), folded=True),
    )


def agreement_text(agreement: pd.DataFrame) -> pd.DataFrame:
    """Return `analysis.grader_agreement.agreement`, with titles in place of keys, as a table of text."""

    def row(of: Row) -> dict[str, str]:
        return {
            "Benchmark": str(of["benchmark"]),
            "Graders": f"{TITLES[of['grader']]}, {TITLES[of['other']]}",
            "Problems": _problems(of),
            "Pairs": f"{of['pairs']:,}",
            "Both accept": f"{of['both']:,}",
            "Only the first accepts": f"{of['only_grader']:,}",
            "Only the second accepts": f"{of['only_other']:,}",
            "Neither accepts": f"{of['neither']:,}",
            "Agreement (%)": percent(of["agreement"]),
            "Kappa": MISSING if pd.isna(of["kappa"]) else signed(of["kappa"]).removeprefix("+"),
            "Checks not finished": f"{of['unfinished']:,}",
        }

    return pd.DataFrame(map(row, agreement.to_dict("records")))


def moves_text(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Return how far the change from training shifts with another grader, one row per benchmark and grader."""
    others = accuracy[accuracy["grader"] != "math_verify"]
    rows = []
    for (benchmark, grader), group in others.groupby(["benchmark", "grader"], sort=False, observed=True):
        most = group.iloc[int(group["moves"].abs().to_numpy().argmax())]
        rows.append(
            {
                "Benchmark": str(benchmark),
                "Grader": TITLES[str(grader)],
                "Problems": _problems(most),
                "Changes compared": str(len(group)),
                "Mean shift": points(group["moves"].mean()),
                "Largest shift": points(most["moves"]),
                "Where it is largest": f"{most['model']}, {most['reward']}" if most["moves"] else MISSING,
            }
        )
    return pd.DataFrame(rows)


def accuracy_text(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Return accuracy before and after training and the change by each grader, one row per condition and benchmark."""
    named = [name for name in ("model", "prompt", "reward", "variant", "benchmark") if accuracy[name].nunique() > 1]
    rows = []
    for _, group in accuracy.groupby(["model", "prompt", "reward", "variant", "benchmark"], sort=False, observed=True):
        by_grader = {
            TITLES[of["grader"]]: f"{percent(of['before'])} → {percent(of['after'])} ({points(of['difference'])})"
            for of in group.to_dict("records")
        }
        rows.append({name.capitalize(): str(group[name].iloc[0]) for name in named} | by_grader)
    return pd.DataFrame(rows)


def differences_text(differences: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs that graders disagree on, as a table of text; those that most responses gave come first."""

    def row(of: Row) -> dict[str, str]:
        verdicts = {title: "accepts" if of[name] else "rejects" for name, title in TITLES.items()}
        unfinished = {"math_verify": of["status"] != "graded", "sympy": of["unfinished"]}
        verdicts |= {TITLES[name]: "not finished" for name, late in unfinished.items() if late}
        return {
            "Benchmark": str(of["benchmark"]),
            "True answer": str(of["answer"]),
            "Answer": str(of["extracted"]),
            **verdicts,
            "Responses": f"{of['responses']:,}",
        }

    return pd.DataFrame(map(row, differences.head(SHOWN).to_dict("records")))


def _problems(of: "Row | pd.Series[float]") -> str:
    return str(of["problems"]) if of["problems"] == of["all_problems"] else f"{of['problems']} of {of['all_problems']}"

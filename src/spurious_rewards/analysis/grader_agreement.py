"""How far three graders agree on the same answers, and how much the headline would change under another grader.

The suite's verdicts are Math-Verify's, whatever this analysis shows.
"""

import hashlib
import itertools
from collections.abc import Mapping

import pandas as pd
from statsmodels.stats.inter_rater import cohens_kappa

from spurious_rewards.analysis.conditions import pairs
from spurious_rewards.answers import graders
from spurious_rewards.answers.verifier import Verifier
from spurious_rewards.artifacts.csv_files import Columns, cells
from spurious_rewards.config.endpoints import CONDITION, ends
from spurious_rewards.config.experiments import Experiment
from spurious_rewards.config.suite import Suite

GRADERS = ("math_verify", "strings", "sympy")
"""Columns of verdicts: Math-Verify's (from the grades), equality of normalised strings, and sympy's (`graders`)."""

CHECKS = 6000
"""How many pairs sympy is asked about in all; most take hundredths of a second. Beyond them, problems are left out."""

WHOLE = r"-?[0-9]+"
"""A whole number. Comparing two whole numbers costs nothing, so such pairs do not count towards `CHECKS`."""

PAIR = ["benchmark", "answer", "extracted"]

AGREEMENT: Columns = {
    **{"benchmark": "text", "grader": GRADERS, "other": GRADERS},
    **cells("whole", "problems", "all_problems", "pairs", "both", "only_grader", "only_other", "neither"),
    **{"agreement": "number", "kappa": "number", "unfinished": "whole"},
}
"""Columns of `agreement`."""

ACCURACY: Columns = {
    **cells("text", *CONDITION, "benchmark"),
    **{"problems": "whole", "all_problems": "whole", "grader": GRADERS},
    **cells("number", "before", "after", "difference", "moves"),
}
"""Columns of `accuracy`."""

DIFFERENCES: Columns = {
    **{"benchmark": "text", "answer": "words", "extracted": "words"},
    **cells("flag", *GRADERS),
    **{"status": "text", "unfinished": "flag", "responses": "whole"},
}
"""Columns of `differences`."""


def judged(
    graded: pd.DataFrame,
    suite: Suite,
    experiment: Experiment,
    truths: Mapping[tuple[str, str], str],
    sympy: Verifier,
    checks: int = CHECKS,
) -> pd.DataFrame:
    """Return the grades before training and at each condition's end, with the verdict of each of `GRADERS`.

    `answer` is the true answer. `unfinished` says that sympy did not come to an end.

    If sympy would be asked about more pairs than `checks`, only the rows of some problems are returned, so that every
    grader judges the same rows. The pairs are shared out evenly over benchmarks, and the problems are chosen by a hash
    of their ids. `all_problems` is the number of all problems of a row's benchmark.

    Args:
        graded: tables.Grades of the experiment, collected with `extracted`.
        suite: names the benchmarks.
        experiment: one of the suite's experiments.
        truths: (benchmark, problem id) -> true answer.
        sympy: a verifier that asks sympy.
        checks: how many pairs sympy is asked about at most; one problem of each benchmark is judged in any case.
    """
    steps = {0, *(end.step for end in ends(suite, experiment).values())}
    graded = graded[graded["step"].isin(steps) & graded["benchmark"].isin(suite.benchmarks_of(experiment))]
    keys = zip(graded["benchmark"], graded["id"], strict=True)
    rows = graded.assign(
        answer=pd.array([truths[key] for key in keys], dtype="str"),
        extracted=graded["extracted"].astype("str"),
        benchmark=graded["benchmark"].astype("str"),
        id=graded["id"].astype("str"),
        all_problems=graded.groupby("benchmark", observed=True)["id"].transform("nunique"),
    )
    rows = rows[_chosen(rows, checks)].rename(columns={"correct": "math_verify"})
    found = rows.loc[rows["extracted"].notna(), PAIR].drop_duplicates()
    asked = list(zip(found["answer"], found["extracted"], strict=True))
    verdicts = graders.sympy(asked, sympy)
    found = found.assign(
        strings=graders.strings(asked),
        sympy=[verdict.correct for verdict in verdicts],
        unfinished=[verdict.status != "graded" for verdict in verdicts],
    )
    rows = rows.merge(found, on=PAIR, how="left")
    unanswered = dict.fromkeys(("strings", "sympy", "unfinished"), False)
    return rows.assign(**{name: rows[name].eq(True) for name in unanswered})


def _chosen(rows: pd.DataFrame, checks: int) -> "pd.Series[bool]":
    """Return, for each row, whether its problem is judged."""
    whole = rows["extracted"].str.fullmatch(WHOLE) & rows["answer"].str.fullmatch(WHOLE)
    pairs_of = rows[~whole].groupby(["benchmark", "id"])["extracted"].nunique()
    chosen = []
    for benchmark, problems in rows.groupby("benchmark")["id"].unique().items():
        left = checks / rows["benchmark"].nunique()
        order = sorted(problems, key=lambda id_: hashlib.sha256(id_.encode()).digest())
        for number, id_ in enumerate(order):
            left -= pairs_of.get((benchmark, id_), 0)
            if left >= 0 or number == 0:
                chosen.append((benchmark, id_))
    return pd.Series(pd.MultiIndex.from_frame(rows[["benchmark", "id"]]).isin(chosen), rows.index)


def agreement(judgements: pd.DataFrame) -> pd.DataFrame:
    """Return how two graders agree on the distinct pairs (true answer, answer), one row per (benchmark, two graders).

    `both`, `only_grader`, `only_other` and `neither` count the pairs by who accepts them. `kappa` is Cohen's; it is NaN
    if one of the two gives all pairs the same verdict. `unfinished` counts the pairs whose check by Math-Verify or
    sympy did not come to an end.
    """
    rows = []
    for benchmark, group in judgements.groupby("benchmark", sort=False):
        own = group.dropna(subset="extracted").drop_duplicates(PAIR)
        unfinished = own["unfinished"] | (own["status"] != "graded")
        for grader, other in itertools.combinations(GRADERS, 2):
            one, two = own[grader], own[other]
            counts = [(one & two).sum(), (one & ~two).sum(), (~one & two).sum(), (~one & ~two).sum()]
            varied = one.nunique() == two.nunique() == 2
            rows.append(
                {
                    "benchmark": benchmark,
                    "grader": grader,
                    "other": other,
                    "problems": group["id"].nunique(),
                    "all_problems": group["all_problems"].iloc[0],
                    "pairs": len(own),
                    **dict(zip(("both", "only_grader", "only_other", "neither"), map(int, counts), strict=True)),
                    "agreement": (one == two).mean(),
                    "kappa": cohens_kappa([counts[:2], counts[2:]]).kappa if varied else float("nan"),
                    "unfinished": int(unfinished.sum()),
                }
            )
    return pd.DataFrame(rows, columns=list(AGREEMENT))


def accuracy(judgements: pd.DataFrame, suite: Suite, experiment: Experiment) -> pd.DataFrame:
    """Return accuracy before and after training by each grader, one row per (condition, benchmark, grader).

    Accuracies are fractions of 1. `moves` is the grader's difference minus Math-Verify's.

    Raises:
        UserError: runs that were not graded on the same problems as their base model.
    """
    rows = []
    for grader in GRADERS:
        found = pairs(
            judgements.assign(correct=judgements[grader]), ends(suite, experiment), suite.benchmarks_of(experiment)
        )
        for (condition, benchmark), pair in found.items():
            before, after = pair.before.to_numpy().mean(), pair.after.to_numpy().mean()
            rows.append(
                dict(zip(CONDITION, condition, strict=True))
                | {"benchmark": benchmark, "problems": pair.after.shape[1], "grader": grader}
                | {"before": before, "after": after, "difference": after - before}
            )
    frame = pd.DataFrame(rows, columns=[name for name in ACCURACY if name not in ("all_problems", "moves")])
    key = [*CONDITION, "benchmark"]
    of_all = judgements.groupby("benchmark")["all_problems"].first()
    first = frame.groupby(key, sort=False)["difference"].transform("first")
    return frame.assign(all_problems=frame["benchmark"].map(of_all), moves=frame["difference"] - first)[list(ACCURACY)]


def differences(judgements: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs on which graders disagree, with how many `responses` gave them, the most frequent first."""
    verdicts = judgements[list(GRADERS)]
    apart = judgements[verdicts.any(axis=1) & ~verdicts.all(axis=1)]
    counted = apart.groupby([*PAIR, *GRADERS, "status", "unfinished"]).size().rename("responses").reset_index()
    return counted.sort_values(["responses", *PAIR], ascending=[False, True, True, True], ignore_index=True)

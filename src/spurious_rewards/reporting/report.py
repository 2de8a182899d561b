"""The report of a suite: which sections its page has, and in which order.

`build` turns parsed inputs into sections and the sections into HTML (`reporting.page`). It reads and writes no file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from spurious_rewards.analysis.headline import with_adjusted_p
from spurious_rewards.config.experiments import seeds_of
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting.naming import named
from spurious_rewards.reporting.page import render
from spurious_rewards.reporting.sections import (
    claims,
    exhibit,
    findings,
    glossary,
    graders,
    missing,
    problems,
    provenance,
    training,
)
from spurious_rewards.reporting.sections.exhibit import Page
from spurious_rewards.reporting.unfinished import Unfinished

LARGEST = 15_000_000
"""Largest size of the page in bytes, so that it opens quickly and can be sent by mail."""


@dataclass(frozen=True)
class Numbers:
    """The frames of a suite that its report shows besides the exhibits.

    Two are of the headline experiment: `headline` (`analysis.headline`) and `seeds` (`analysis.seeds`). Three are of
    all experiments and have a column `experiment`: `labels` (`analysis.labels.labels_summary`), `health`
    (`analysis.training.training_health`) and `grading` (`analysis.labels.grading`). The others are of the suite:
    `claims` (`analysis.claims.ledger`), `leakage` and `memorization` (`analysis.contamination`; memorization may have
    no rows), and `judged` (`analysis.grader_agreement`: the frames "agreement", "accuracy" and "differences").
    """

    claims: pd.DataFrame
    headline: pd.DataFrame
    seeds: pd.DataFrame
    labels: pd.DataFrame
    health: pd.DataFrame
    grading: pd.DataFrame
    leakage: pd.DataFrame
    memorization: pd.DataFrame
    judged: Mapping[str, pd.DataFrame]


def build(
    suite: Suite,
    numbers: Numbers,
    pages: Sequence[tuple[Page, Mapping[str, bytes]]],
    manifests: Sequence[Mapping[str, Any]],
    costs: Mapping[str, Sequence[Mapping[str, Any]]],
    command: str,
    unfinished: Unfinished | None = None,
) -> str:
    """Return the report of a suite as HTML.

    Args:
        suite: the suite as it ran.
        numbers: the frames that the report shows besides the exhibits.
        pages: for each exhibit, in the order to show them, its page and the SVG of each of its pictures by stem.
        manifests: the manifests of all artifacts, in the order to list them.
        costs: experiment -> manifests of everything that its scores were made from.
        command: the command that makes an exhibit, without the exhibit's name.
        unfinished: what is missing, if the suite has not finished.
    """
    marks, mark = (unfinished.experiments, missing.OF_WHAT_IS_THERE) if unfinished else ({}, "")
    exhibits = [exhibit.section(suite, page, svgs, command) for page, svgs in pages]
    sections = [
        *([missing.section(unfinished, command)] if unfinished else []),
        *([claims.section(numbers.claims, mark)] if numbers.claims["verdict"].ne("not run").any() else []),
        findings.section(
            suite,
            named(with_adjusted_p(numbers.headline), suite),
            named(numbers.seeds, suite),
            marks.get(suite.report.headline, ""),
        ),
        *(section for group in ("Figures", "Tables", "Responses") for section in exhibits if section.group == group),
        problems.cards(suite, manifests),
        problems.contamination(suite, numbers.leakage, numbers.memorization, mark),
        training.labels(suite, marks, numbers.labels),
        *(section for section in exhibits if section.group == "Training"),
        training.health(suite, marks, numbers.health),
        training.grading(suite, marks, numbers.grading),
        graders.section(suite, numbers.judged, mark),
        provenance.cost(manifests, costs),
        provenance.provenance(manifests),
    ]
    note = " ".join(filter(None, [missing.UNFINISHED if unfinished else "", suite.note]))
    return render(suite.title, note, [*sections, glossary.section(sections)], _facts(suite))


def _facts(suite: Suite) -> list[str]:
    """Return the size of the suite as phrases, such as "5 models"."""
    trained = sum(len(seeds_of(run.seeds)) for run in suite.runs)
    experiments = suite.experiments.values()
    counts = {
        "model": len({model for each in experiments for model in each.all_models}),
        "reward": len({run.reward for run in suite.runs}),
        "benchmark": len({name for each in experiments for name in suite.benchmarks_of(each)}),
        "experiment": len(experiments),
        "training run": trained,
        "figure or table": len(suite.exhibits),
    }
    plural = {"figure or table": "figures and tables"}
    return [f"{count:,} {name if count == 1 else plural.get(name, name + 's')}" for name, count in counts.items()]

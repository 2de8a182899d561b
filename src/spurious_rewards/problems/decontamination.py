"""Find problems that two problem sets share: identical after normalisation, or with most word n-grams in common.

This is the usual rule of decontamination. It uses the share of a benchmark problem's n-grams that a training problem
contains.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence

import pandas as pd

from spurious_rewards.config.problems import Overlap

COLUMNS = ["training_id", "benchmark", "id", "kind", "share"]

_WORD = re.compile(r"\w+|[^\w\s]")


def words(text: str) -> list[str]:
    """Return a text's words, numbers and signs, normalised: NFKC, lower case, without dollar signs and white space."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower().replace("$", " "))


def overlaps(training: pd.DataFrame, benchmarks: Mapping[str, pd.DataFrame], rule: Overlap) -> pd.DataFrame:
    """Return overlapping pairs of a training problem and a problem of another set, one row each, in the sets' order.

    `kind` is "exact" if the words are the same, else "n-gram". `share` is the share of the benchmark problem's n-grams
    that the training problem contains. A problem with fewer words than an n-gram can overlap only exactly.

    Args:
        training: tables.Problems.
        benchmarks: tables.Problems of the other sets, by name.
        rule: length of the n-grams, and minimum share of an overlap.
    """
    spelled = [words(problem) for problem in training["problem"]]
    ids = training["id"].tolist()
    exact: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    holding: defaultdict[tuple[str, ...], set[int]] = defaultdict(set)
    sought = {name: [words(problem) for problem in frame["problem"]] for name, frame in benchmarks.items()}
    wanted = {gram for problems in sought.values() for problem in problems for gram in _grams(problem, rule.ngram)}
    for index, problem in enumerate(spelled):
        exact[tuple(problem)].append(index)
        for gram in wanted.intersection(_grams(problem, rule.ngram)):
            holding[gram].add(index)
    rows = []
    for name, frame in benchmarks.items():
        for id_, problem in zip(frame["id"], sought[name], strict=True):
            same = exact.get(tuple(problem), [])
            rows += [(ids[index], name, id_, "exact", 1.0) for index in same]
            shares = _shares(set(_grams(problem, rule.ngram)), holding)
            rows += [
                (ids[index], name, id_, "n-gram", share)
                for index, share in sorted(shares.items())
                if share >= rule.share and index not in same
            ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _shares(grams: set[tuple[str, ...]], holding: Mapping[tuple[str, ...], set[int]]) -> dict[int, float]:
    """Return, for each training problem with at least one of the n-grams, the share of the n-grams that it contains."""
    counts: defaultdict[int, int] = defaultdict(int)
    for gram in grams:
        for index in holding.get(gram, ()):
            counts[index] += 1
    return {index: count / len(grams) for index, count in counts.items()}


def _grams(problem: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(problem[start : start + n]) for start in range(len(problem) - n + 1)]

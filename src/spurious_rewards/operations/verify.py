"""Compare a study that ran here with its published results.

Within one numeric class the results must have the same digits. Otherwise effects must lie in the published intervals.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from spurious_rewards.config.messages import shown
from spurious_rewards.operations import published
from spurious_rewards.operations.numeric_class import numeric_class
from spurious_rewards.operations.published import FOLDER, Made, Outcome
from spurious_rewards.runtime import numerics
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.stages.study import Study

DIGITS = 1e-10
"""Relative tolerance for numbers: ten digits, because numpy and scipy also choose their kernels by processor."""


ZERO = 1e-15
"""Absolute tolerance for numbers: what is smaller counts as 0."""


@dataclass(frozen=True)
class Verified:
    """The result of the comparison; `said` is its text."""

    said: str
    as_promised: bool
    """False only if digits differ although the same digits were promised."""


def verify(study: Study) -> Verified:
    """Compare the results of a study with its published results.

    Raises:
        UserError: the study has not run, or no results of it are published.
    """
    here, folder = published.results(study), study.root / FOLDER / study.name
    all_published = [Outcome(path.parent) for path in sorted(folder.glob("*/made.json"))]
    if not all_published:
        raise UserError(f"{folder}: no results of this suite are published; `spurious-rewards publish` writes them")
    made, own = published.made(study), published.digests(study)
    reasons = {one.root.name: made.otherwise(one.made) for one in all_published}
    alike = [one for one in all_published if not reasons[one.root.name]]
    if not alike:
        return _roughly(here, all_published[0], reasons[all_published[0].root.name])
    different = {one.root.name: _first(here, own, one) for one in alike}
    if same := [one for one in alike if not different[one.root.name]]:
        return _identical(own, same[0])
    own_class = numeric_class(made.portable)
    # Portable digits are the same on every processor; a machine that cannot pin its kernels promises none.
    promised = [one for one in alike if one.root.name == own_class or (made.portable and not numerics.unpinnable())]
    if promised and made.processors == (numerics.processor(),):
        return _not_the_same(different[promised[0].root.name], promised[0].made, made)
    why = f"this machine's numeric class is {own_class}, and what is published is of {', '.join(one.root.name for one in alike)}"
    return _roughly(here, alike[0], why)


# ---------------------------------------------------------------- to the digit


def _first(here: Outcome, own: pd.DataFrame, there: Outcome) -> str:
    """Return the first difference in the order of the pipeline, or "" if there is none."""
    return next(_differences(own, there.digests), "") or next(_numbers(here, there), "")


def _identical(own: pd.DataFrame, there: Outcome) -> Verified:
    runs = int(own["stage"].eq("train").sum())
    cells = (cell for table in there.tables.values() for row in table[1:] for cell in row)
    numbers = sum(_number(cell) is not None for cell in cells)
    return Verified(
        f"identical: {numbers:,} numbers, {runs:,} runs (numeric class {there.root.name})", as_promised=True
    )


def _not_the_same(different: str, theirs: Made, ours: Made) -> Verified:
    sides = "\n".join(
        f"  {side}: {', '.join(of.processors)}, commit {', '.join(commit[:7] for commit in of.commits)}"
        for side, of in (("published", theirs), ("here", ours))
    )
    return Verified(
        f"differs from the published results; the first difference is {different}\n{sides}", as_promised=False
    )


def _differences(own: pd.DataFrame, expected: pd.DataFrame) -> Iterator[str]:
    found = dict(zip(own["artifact"], own["sha256"], strict=True))
    for stage, artifact, digest in expected.itertuples(index=False):
        if artifact not in found:
            yield f"{artifact} ({stage}): not made here"
        elif found[artifact] != digest:
            yield f"{artifact} ({stage}): its hash begins with {found[artifact][:8]}, published {digest[:8]}"


def _numbers(here: Outcome, there: Outcome) -> Iterator[str]:
    for name, expected in there.tables.items():
        if name not in here.tables:
            yield f"{name}: not made here"
            continue
        own = here.tables[name]
        if own[:1] != expected[:1] or list(map(len, own)) != list(map(len, expected)):
            yield f"{name}: other rows or columns"
            continue
        for number, (row, published_row) in enumerate(zip(own[1:], expected[1:], strict=True), 1):
            for column, a, b in zip(expected[0], row, published_row, strict=True):
                if not _equal(a, b):
                    yield f"{name}, row {number}, {column}: {shown(a)}, published {shown(b)}"


def _equal(a: str, b: str) -> bool:
    numbers = _number(a), _number(b)
    if a == b or None in numbers:
        return a == b
    return math.isclose(*numbers, rel_tol=DIGITS, abs_tol=ZERO)  # type: ignore[arg-type]


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


# ---------------------------------------------------------------- within the intervals


def _roughly(here: Outcome, there: Outcome, why: str) -> Verified:
    """Compare each effect with its published interval, and list the verdicts that differ."""
    both = here.claims.merge(there.claims, on="id", suffixes=("", "_published"))
    measured = both.dropna(subset=["effect", "low_published", "high_published"])
    inside = measured["effect"].between(measured["low_published"], measured["high_published"])
    lines = [
        f"not compared digit by digit: {why}",
        f"{int(inside.sum())} of {len(measured)} claim effects are within the published 95 % intervals",
    ]
    for row in measured[~inside].to_dict("records"):
        lines.append(
            f"  {row['id']}: {row['effect']:.4g}, published [{row['low_published']:.4g}, {row['high_published']:.4g}]"
        )
    changed = both[both["verdict"] != both["verdict_published"]]
    lines.append(f"{len(changed)} of {len(both)} verdicts differ from the published ones")
    lines += [
        f"  {row['id']}: {row['verdict']}, published {row['verdict_published']}" for row in changed.to_dict("records")
    ]
    return Verified("\n".join(lines), as_promised=True)

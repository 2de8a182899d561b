"""Tests of exhibit kind `coverage` on invented models that become more certain with training."""

import pytest
from invented_coverage import rates, suite

from spurious_rewards.analysis import coverage
from spurious_rewards.reporting.exhibits import kinds
from spurious_rewards.reporting.exhibits.coverage import BEFORE
from spurious_rewards.reporting.exhibits.exhibit import ResultTables, make
from spurious_rewards.reporting.numerals import MISSING


def test_curves_double_and_the_table_says_where_the_untrained_model_overtakes():
    the_suite = suite()
    numbers = coverage.coverage(rates(), the_suite, the_suite.experiments["coverage"], "many")
    result = make("coverage", the_suite, ResultTables(coverage=numbers))
    assert tuple(result.figures) == kinds.pictures(the_suite, the_suite.exhibits["coverage"])
    of_k, of_tau = result.figures.values()
    assert [ax.get_xscale() for ax in (of_k.axes[0], of_tau.axes[0])] == ["log", "linear"]
    assert [label.get_text() for label in of_k.axes[0].get_xticklabels()] == [str(2**n) for n in range(9)]
    [table] = result.page["tables"]
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    assert {row["Overtaken from k"] for row in rows if row["Reward"] == BEFORE} == {MISSING}
    truth = next(row for row in rows if row["Reward"] == "Ground truth" and row["Model"] == "Effective code")
    assert truth["Clearly overtaken from k"] in {"2", "4", "8"}
    assert float(truth["pass@256"].split()[0]) == pytest.approx(100 * numbers[
        (numbers["model"] == "effective-code") & (numbers["reward"] == "ground_truth")
        & (numbers["measure"] == "pass@k") & (numbers["at"] == 256)
    ]["value"].iloc[0], abs=0.06)  # fmt: skip

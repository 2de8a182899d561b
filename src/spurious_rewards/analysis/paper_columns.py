"""The columns for the paper's numbers, beside those for a suite's own numbers (`paper_numbers` fills them)."""

from spurious_rewards.artifacts.csv_files import Columns, Kind

PRINTED_AS = {
    "accuracy": "accuracy",
    "after": "accuracy",
    "before": "accuracy",
    "difference": "difference",
    "code_rate": "code_rate",
    "code_after": "code_rate",
    "highest_code_rate": "highest_code_rate",
    "box_rate": "box_rate",
    "accuracy_with_code": "accuracy_with_code",
    "accuracy_with_language": "accuracy_with_language",
    "partial_contribution": "partial_contribution",
}
"""Column of a table -> the paper's quantity that is shown beside it."""


def with_paper(table: Columns) -> Columns:
    """Return the columns that a table has after `paper_numbers.beside`."""
    kinds: dict[str, Kind] = dict(table)
    for column in PRINTED_AS:
        if column in table:
            kinds |= {f"paper_{column}": "number", f"paper_{column}_source": "words"}
    return kinds

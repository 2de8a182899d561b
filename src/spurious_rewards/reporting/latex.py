r"""Tables of text as LaTeX, for a document that loads \usepackage{booktabs}."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

SIGNS = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
        **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
        # After \\ at the end of a row, LaTeX would read a bracket as the start of an optional argument.
        **{"[": "{[}", "]": "{]}", "<": "$<$", ">": "$>$"},
        "\N{MINUS SIGN}": "$-$",
        "\N{PLUS-MINUS SIGN}": r"$\pm$",
        "\N{MULTIPLICATION SIGN}": r"$\times$",
        "\N{RIGHTWARDS ARROW}": r"$\rightarrow$",
        "\N{LESS-THAN OR EQUAL TO}": r"$\leq$",
        "\N{GREATER-THAN OR EQUAL TO}": r"$\geq$",
        "\N{GREEK SMALL LETTER GAMMA}": r"$\gamma$",
        "\N{EN DASH}": "--",
        "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}",
    }
)
"""Characters that LaTeX cannot take as they are -> replacements that work with every engine and encoding."""


def document_part(page: Mapping[str, Any]) -> str:
    """Return the tables of a page (`exhibits.exhibit.Made.page`) as floats with title and note as caption."""
    floats = [table(of, f"tab:{page['name']}-{number}") for number, of in enumerate(page["tables"], 1)]
    return "\n".join(["% Needs \\usepackage{booktabs}.", *floats])


def table(of: Mapping[str, Any], label: str) -> str:
    """Return one table (`shared.as_table`) as a LaTeX float."""
    frame = pd.DataFrame(of["rows"], columns=of["columns"], dtype=str).map(escaped)
    frame.columns = [escaped(name) for name in of["columns"]]
    caption = f"{of['title']}. {of['note']}".removesuffix(" ")
    made: str = frame.style.hide(axis="index").to_latex(
        hrules=True,
        column_format="l" * frame.shape[1],
        position="tbp",
        position_float="centering",
        caption=escaped(caption),
        label=label,
    )
    return made


def escaped(text: str) -> str:
    """Return text escaped for LaTeX, on one line: a blank line would end the argument of a command."""
    return " ".join(text.splitlines()).translate(SIGNS)

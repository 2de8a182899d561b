r"""Tables of text as LaTeX, for a document that has \usepackage{booktabs}."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

SIGNS = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
        **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
        # Behind the end of a row, a bracket would begin the argument of \\.
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
"""What LaTeX does not take as it is, and what any engine and encoding sets in its place."""


def document_part(page: Mapping[str, Any]) -> str:
    """The tables of a page (`exhibits.exhibit.Made.page`), each a float with its title and note as caption."""
    floats = [table(of, f"tab:{page['name']}-{number}") for number, of in enumerate(page["tables"], 1)]
    return "\n".join(["% Needs \\usepackage{booktabs}.", *floats])


def table(of: Mapping[str, Any], label: str) -> str:
    """One table, as `shared.as_table` makes it."""
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
    """Text as LaTeX sets it, in one line: a blank one would end the argument of a command."""
    return " ".join(text.splitlines()).translate(SIGNS)

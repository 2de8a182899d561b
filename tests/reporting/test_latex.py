"""LaTeX tables: special characters are escaped, and the layout is that of booktabs."""

import re

from hypothesis import given
from hypothesis import strategies as st

from spurious_rewards.reporting import latex

TABLE = {
    "title": "Code & boxes, 100 %",
    "columns": ["Model", "after_50", "[x]"],
    "rows": [
        ["[a]", "\N{MINUS SIGN}4.3 [\N{MINUS SIGN}8.0, 0.6]", "\N{EN DASH}"],
        ["\\boxed{5}", "\N{GREEK SMALL LETTER GAMMA} ± 2 → 3 \N{MULTIPLICATION SIGN} 4", "#1 ~ ^ $"],
    ],
    "note": "n < 10.",
}


def rows(made: str) -> list[str]:
    return [line for line in made.splitlines() if line.endswith(r"\\")]


def test_a_table_has_the_rules_of_booktabs_a_caption_and_a_label() -> None:
    made = latex.table(TABLE, "tab:fig1-1")
    assert re.findall(r"\\(\w+rule)", made) == ["toprule", "midrule", "bottomrule"]
    assert r"\caption{Code \& boxes, 100 \%. n $<$ 10.}" in made
    assert r"\label{tab:fig1-1}" in made
    assert r"\begin{tabular}{lll}" in made


def test_what_latex_would_read_is_escaped() -> None:
    head, first, second = rows(latex.table(TABLE, "x"))
    assert head == r"Model & after\_50 & {[}x{]} \\"
    assert first == r"{[}a{]} & $-$4.3 {[}$-$8.0, 0.6{]} & -- \\"
    assert second == (
        r"\textbackslash{}boxed\{5\} & $\gamma$ $\pm$ 2 $\rightarrow$ 3 $\times$ 4 & "
        r"\#1 \textasciitilde{} \textasciicircum{} \$ \\"
    )


def test_no_text_is_a_command_a_comment_or_a_paragraph() -> None:
    """A blank line would end the caption early, and LaTeX would read the text after it."""
    evil = "\\input{/etc/passwd} \\write18{touch owned}\n\n\r\n% # & ~ ^ \\\\ {\u2028\x0b"
    escaped = (
        r"\textbackslash{}input\{/etc/passwd\} \textbackslash{}write18\{touch owned\}   "
        r"\% \# \& \textasciitilde{} \textasciicircum{} \textbackslash{}\textbackslash{} \{"
    )
    assert latex.escaped(evil).rstrip() == escaped
    made = latex.table({"title": evil, "columns": [evil], "rows": [[evil]], "note": evil}, "x")
    assert len(made.splitlines()) == len(latex.table(TABLE | {"rows": [["a", "b", "c"]]}, "x").splitlines())
    assert not re.search(r"\\(input|write)", made)
    assert "\n\n" not in made


@given(st.text("&%$#_{}\\~^[]<> ab\N{MINUS SIGN}\N{EN DASH}"))
def test_no_special_sign_is_left_bare(text: str) -> None:
    made = latex.escaped(text)
    without_commands = re.sub(
        r"\\(textbackslash|textasciitilde|textasciicircum)\{\}|\\[&%$#_{}]|\$[-<>]\$|\{[\[\]]\}", "", made
    )
    assert not re.search(r"[&%$#_{}\\~^\[\]<>]", without_commands)


def test_a_page_has_a_float_for_each_of_its_tables() -> None:
    made = latex.document_part({"name": "fig1", "title": "T", "tables": [TABLE, TABLE]})
    assert re.findall(r"\\label\{(.*)\}", made) == ["tab:fig1-1", "tab:fig1-2"]
    assert made.startswith("% Needs \\usepackage{booktabs}.\n")

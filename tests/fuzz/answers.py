"""Hostile answers for extraction, grading and votes: nesting, powers, Unicode, code, NUL, a megabyte of text."""

import functools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Literal

import commands
import damage
import pandas as pd
from case import Case, Verdict, Wrong, generator
from forks import EXECUTED

from spurious_rewards.answers import extraction, graders, majority_vote, verifier
from spurious_rewards.answers.grading import grade
from spurious_rewards.answers.verifier import Verifier
from spurious_rewards.artifacts import tables
from spurious_rewards.config.training import Strategies

CASES = 10_000
CHUNK = 100
SECONDS = 60
MEMORY = 1_500_000_000
MEMORY_OF_WORKERS = verifier.MEMORY_LIMIT

LIMIT = 0.5
"""Processor seconds per pair. The stages allow more, which would only make this longer."""

READING = 5.0
"""Processor seconds within which a response of a megabyte must be read."""

ENDS = {"graded": "graded", "timeout": "out of time", "crash": "out of memory"}

OTHER_GRADERS = 20
"""One in this many cases also goes to the other graders and to a majority vote."""


def warm_up(folder: object) -> None:
    """Verify one pair, so that a worker reports before the first case if anything is missing."""
    with Verifier() as one:
        one.verify([("x", "y")])


def case(seed: int, number: int) -> Case:
    """Return a true answer, a response with a hostile answer, and where the answer is read (box or tag)."""
    random = generator("answers", seed, number)
    way = random.choices(list(WAYS), list(OFTEN.values()))[0]
    answer = WAYS[way](random)
    # An answer of a megabyte fits into no model's context window, but an imported response may hold it.
    shape = random.choice(SHAPES if len(answer) < 100_000 else SHAPES[:4])
    hostile = random.random() < 0.1
    gold = WAYS[random.choice(list(WAYS)[3:])](random) if hostile else random.choice(_known())[0]
    answer_in: Literal["box", "tag"] = "tag" if "<answer>" in shape else random.choice(["box", "box", "tag"])
    wrong = f"{way}: {damage.shown(answer)} in {shape}, the true one {damage.shown(gold)}"
    return Case(number, wrong, (gold, answer, shape.replace("@", answer), answer_in))


def judge(case: Case, shared: object) -> Verdict:
    """Grade the response as the stage does, compare the two answers, and sometimes ask the other graders."""
    gold, answer, response, answer_in = case.content
    os.chdir("..")  # a worker serves several cases; files that code writes lie in the folder where it was started
    checking, sympy = _verifiers()
    started = time.process_time()
    extraction.extract(response, answer_in)
    if time.process_time() - started > READING:
        raise Wrong("hang", f"it takes {time.process_time() - started:.0f} s to read")
    row = {
        "seed": 0,
        "step": 0,
        "benchmark": "b",
        "id": "1",
        "sample": 0,
        "response": response,
        "tokens": 1,
        "truncated": False,
    }
    tables.write(pd.DataFrame([row]), tables.Responses, _file("responses"))
    responses = tables.read(_file("responses"), tables.Responses)
    grades = grade(responses, {("b", "1"): gold}, answer_in, Strategies(), checking)
    tables.write(grades, tables.Grades, _file("grades"))
    [status] = tables.read(_file("grades"), tables.Grades)["status"]
    verdicts = checking.verify([(gold, answer) if case.number % 4 else (answer, gold)])
    if case.number % OTHER_GRADERS == 0:
        graders.strings([(gold, answer), (answer, answer)])
        graders.sympy([(gold, answer)], sympy)
        majority_vote.majorities([[answer, gold, answer.strip(), response[:1000]]], "math", checking)
    return Verdict(ENDS[str(status) if status != "graded" else verdicts[0].status])


@functools.cache
def _verifiers() -> tuple[Verifier, Verifier]:
    return Verifier(seconds=LIMIT), Verifier(seconds=LIMIT, judge="sympy")


def _file(name: str) -> Path:
    return Path(f"{name}.parquet")


# ---------------------------------------------------------------- answers

SHAPES = [
    *(r"\boxed{@}", "@", r"So it is \boxed{@}.", "<answer>@</answer>", "the answer is @", "The answer is: **@**."),
    *("The final answer is $@$. I hope it is correct.", r"\fbox{@}", r"\boxed @", r"\boxed{@"),
    *(r"\boxed{1} \boxed{@}",),
    *(r"\boxed{\boxed{@}}", "```python\nprint(@)\n```\n" r"\boxed{@}", "$$@$$", "答案是 @。"),
    *(r"<answer>\boxed{@}</answer>",),
    *("<answer>@", "# Answer\n\n@", r"\boxed{@}\boxed{@}", "@ @", "@\n" * 3),
]  # fmt: skip
"""Forms of a response; @ stands for the answer."""

CANARY = [
    f"__import__('os').system('touch {EXECUTED}')",
    f"open('{EXECUTED}','w').close()",
    f"(lambda: open('{EXECUTED}','w'))()",
    "open(" + "+".join(f"chr({ord(letter)})" for letter in EXECUTED) + ",chr(119))",
    f"[c for c in ().__class__.__base__.__subclasses__()][0]; open('{EXECUTED}','w')",
    f"exec(\"open('{EXECUTED}','w')\")",
    f"eval(compile('open(\\'{EXECUTED}\\',\\'w\\')','','eval'))",
    f"print(open('{EXECUTED}','w'))",
    f"Symbol('x').func.__globals__['__builtins__']['open']('{EXECUTED}','w')",
    f"sympify(\"open('{EXECUTED}','w')\")",
    f"x.__class__.__init__.__globals__['os'].system('touch {EXECUTED}')",
    f"\\write18{{touch {EXECUTED}}}",
    f"\\immediate\\write18{{touch {EXECUTED}}}",
    f"\\input{{|touch {EXECUTED}}}",
    f'\\input|"touch {EXECUTED}"',
    f"\\newwrite\\f\\openout\\f={EXECUTED}\\write\\f{{x}}\\closeout\\f",
    f"$(touch {EXECUTED})",
    f"`touch {EXECUTED}`",
    f"; touch {EXECUTED} #",
    f"'; touch {EXECUTED}; '",
    f'"; touch {EXECUTED}; "',
    f"{{{{ cycler.__init__.__globals__.os.popen('touch {EXECUTED}') }}}}",
    f"cos\nsystem\n(S'touch {EXECUTED}'\ntR.",
    f"!!python/object/apply:os.system ['touch {EXECUTED}']",
    f"\\text{{__import__('os').system('touch {EXECUTED}')}}",
    f"\\mathrm{{open}}(\\text{{'{EXECUTED}'}},\\text{{'w'}})",
    f"f(x)=__import__('os').system('touch {EXECUTED}')",
]

LETTERS = [
    *"−–—﹣－＋＝×÷⁄∕½⅓¾²³⁻¹₂√∛∞π∑∫≤≥≠≈∈∅∪∩ℝℤℕ°′″٣٤߃९৩五十百万零〇一",
    *"０１２３４５６７８９．，（）｛｝［］：；｡。、％＄￥€£¢ⅣⅨ①②⑳𝟏𝟐𝟓𝑥𝒙𝛼ﬁﬀ",
    *("\u00a0", "\u2009", "\u200b", "\u200d", "\u202e", "\u2066", "\ufeff", "\u0301", "\u20e3", "\u2028", "\u2029"),
    *("\u3000",),
    *("👨\u200d👩\u200d👧", "🇩🇪", "\ud7ff", "\ue000", "\uffff", "\U0010ffff", "i\u0307", "ß", "ǅ", "İ", "ſ"),
]  # fmt: skip

PARTS = [
    *"0123456789xyzaeiπ+-*/^_=<>()[]{}|!.,:;&%$#~'\"\\ \n",
    *(r"\frac", r"\sqrt", r"\pi", r"\infty", r"\text{", r"\left(", r"\right)", r"\begin{pmatrix}", r"\end{pmatrix}"),
    *(r"\\",),
    *(r"\cdot", r"\times", r"\pm", r"\in", r"\cup", r"\emptyset", r"\le", r"\neq", r"\log", r"\sin", r"\sum"),
    *(r"\int", r"\lim"),
    *(r"\binom", r"\overline{", r"\mathbb{R}", r"\$", r"\%", r"^\circ", r"\boxed{", r"\frac12", r"^{", r"_{"),
    *(r"\operatorname{",),
    *(" or ", " and ", ", ", "None", "True", "nan", "inf", "1e999", "0x1f", "1_000", "1,000", "12.5", "001"),
]  # fmt: skip


@functools.cache
def _known() -> list[tuple[str, str]]:
    """Return pairs of a true answer and an answer, of the kinds that occur."""
    lines = (commands.ROOT / "tests/data/grader_pairs.jsonl").read_text(encoding="utf-8").splitlines()
    rows = map(json.loads, lines)
    return [(row["gold"], row["answer"]) for row in rows if row.get("answer")]


def _size(random: Random, most: int) -> int:
    """Return a random size up to `most`; small sizes are as frequent as large ones (log-uniform)."""
    return int(10 ** random.uniform(0, len(str(most)) - 1))


def _nested(random: Random) -> str:
    opening, inner, closing = random.choice(
        [
            *(("(", "1", ")"), ("{", "1", "}"), ("[", "1", "]"), (r"\left(", "x", r"\right)"), ("|", "1", "|")),
            *((r"\frac{1}{1+", "x", "}"), (r"\sqrt{", "2", "}"), (r"\sqrt[3]{1+", "2", "}"), ("-(", "1", ")")),
            *(("-", "1", ""),),
            *(("2^{", "2", "}"), ("x_{", "1", "}"), (r"\boxed{", "1", "}"), (r"\text{", "a", "}")),
            *((r"\frac{", "1", "}{2}"),),
            *((r"\sin(", "x", ")"), (r"\log{", "x", "}"), (r"\begin{pmatrix}", "1", r"\end{pmatrix}")),
            *((r"\{", "1", r"\}"),),
            *(("(1,", "1", ")"), ("f(", "x", ")"), (r"\left\lfloor ", "x", r"\right\rfloor ")),
            *((r"\overline{", "1", "}"),),
            *(("{", "1", ""), ("", "1", "}"), ("(", "1", ""), (r"\frac{", "1", ""), ("$", "1", "$")),
            *((r"\{1,", "2", ""),),
        ]
    )  # fmt: skip
    depth = _size(random, 10_000)
    return opening * depth + inner + closing * depth


def _power(random: Random) -> str:
    n = random.choice([9, 99, 10**3, 10**6, 10**9, 10**18])
    roots = "+".join(rf"\sqrt{{{square}}}" for square in [2, 3, 5, 7] * 8)
    return random.choice(
        [
            *("9^{9^{9}}", "9^{9^{9^{9^{9}}}}", "9^9^9^9", "10^{10^{10}}", f"2^{{{n}}}", f"(1+x)^{{{n}}}"),
            *(f"(x+y+z)^{{{n}}}",),
            *(f"{n}!", f"{n}!!", f"({n}!)!", rf"\binom{{{n}}}{{{n // 2}}}", rf"\sqrt[{n}]{{2}}", f"2^{{-{n}}}"),
            *(rf"\frac{{1}}{{2^{{{n}}}}}",),
            *(rf"\sum_{{i=1}}^{{{n}}} i^i", rf"\prod_{{i=1}}^{{{n}}} i", r"\int_0^{\infty} e^{x^x} dx"),
            *(r"\lim_{x\to 0} x^{-x^{-x}}",),
            *(rf"\log_{{1}}{{{n}}}", r"\frac{1}{0}", "0^0", r"0^{-1}", r"\infty-\infty", r"\infty^{\infty}"),
            *(r"(-1)^{\infty}", "i^{i^{i}}"),
            *(f"{n}^{{{n}}} - {n}^{{{n}}}", f"1e{n}", f"10^{{-{n}}}", rf"\frac{{{n}!}}{{({n}-1)!}}"),
            *(rf"x^{{{n}}} + x^{{{n - 1}}} = 0",),
            *(rf"\sqrt{{{roots}}}", rf"\cos({n}^{{{n}}})", r"\tan(\frac{\pi}{2})"),
            *(rf"\gcd({n}, {n}!)", rf"{n} \mod 0", r"\left(\frac{1}{3}\right)^{999999}"),
            *(rf"\lfloor \pi^{{{n}}} \rfloor", r"2^{0.5^{-20}}"),
            *(f"[0, {n}]", rf"\{{1, 2, \ldots, {n}\}}", f"(1, {n}) \\cup ({n}, 2)", rf"x \in [{n}, -{n}]"),
            *(r"0.\overline{9}", f"1:{n}:0"),
        ]
    )  # fmt: skip


def _unicode(random: Random) -> str:
    letters = [random.choice(LETTERS) for _ in range(_size(random, 100))]
    plain = [random.choice("0123456789x+-=.,() ") for _ in letters]
    return "".join(
        one for pair in zip(letters, plain, strict=True) for one in random.sample(pair, random.choice([1, 2]))
    )


def _code(random: Random) -> str:
    before = random.choice(["", "", "x = ", "1 + ", "(", "\n", "$", "\\text{", "5, "])
    return before + random.choice(CANARY) + random.choice(["", "", " = 5", ")", "}", "\n", ", 5", "$"])


def _control(random: Random) -> str:
    text = list(random.choice(_known())[1])
    for _ in range(random.choice([1, 1, 3])):
        stray = random.choice("\x00\x01\x07\x08\x0b\x0c\x1a\x1b\x1c\x1f\x7f\x85\r\n\t")
        text.insert(random.randrange(len(text) + 1), stray * random.choice([1, 1, 1, 1000]))
    return "".join(text)


def _long(random: Random) -> str:
    piece = random.choice(
        [
            *("1", "9", "0", "1,000,", "1+", "x", "x+", "-", "(", "{", "\\", "$", " ", "\n", "^", "2^", "1/", "."),
            *("e", "|", "'"),
            *(r"\boxed{", r"\boxed{}", r"\boxed{1} ", r"\boxed ", "<answer>", "</answer>", "<answer></answer>"),
            *("the answer is ",),
            *("The answer is 5. ", r"\frac", r"\frac{1}{2}+", r"\frac12", r"\sqrt2", r"\text{a}", r"\left(", "1="),
            *("x=1,", "1 or "),
            *("python ", "é", "数", "😀", "\u0301", "\x00", "1 2 ", "0.1", "$1$ ", r"\(1\)", r"\[", "a b c ", "[1,2),"),
            *(r"\pi",),
        ]
    )  # fmt: skip
    most = random.choice([1000, 10_000, 100_000, 1_000_000])
    return random.choice(["", "", "5", "("]) + piece * (most // len(piece)) + random.choice(["", "", "5", ")"])


def _wide(random: Random) -> str:
    n = _size(random, 1000)
    row = "&".join(map(str, range(min(n, 30))))
    return random.choice(
        [
            ",".join(map(str, range(n))),
            rf"\{{{','.join(map(str, range(n)))}\}}",
            f"({', '.join(f'x_{{{i}}}' for i in range(n))})",
            rf"\begin{{pmatrix}}{(row + chr(92) * 2) * min(n, 30)}\end{{pmatrix}}",
            r"\cup".join(f"[{i},{i + 0.5})" for i in range(n)),
            "+".join(rf"\sqrt{{{i}}}" for i in range(n)),
            "*".join(f"(x-{i})" for i in range(n)),
            "=".join(f"x+{i}" for i in range(n)),
            "<".join(f"x_{i}" for i in range(n)),
            " or ".join(f"x={i}" for i in range(n)),
            "+".join(f"{random.randint(-9, 9)}x^{{{i}}}" for i in range(n)),
            "".join(rf"\frac{{{i}}}{{" for i in range(1, n)) + "1" + "}" * (n - 1),
        ]
    )


def _soup(random: Random) -> str:
    return "".join(random.choice(PARTS) for _ in range(_size(random, 1000)))


def _damaged(random: Random) -> str:
    """Return a real answer with pieces deleted, repeated or taken from another answer."""
    text = random.choice(_known())[1]
    for _ in range(random.choice([1, 2, 5])):
        at, to = sorted(random.randrange(len(text) + 1) for _ in range(2))
        other = random.choice([random.choice(_known()), ("", random.choice(PARTS))])[1]
        text = (
            random.choice([text[:at] + text[to:], text[:to] + text[at:], text[:at] + other + text[to:], text[at:to]])
            or "1"
        )
    return text


def _text(random: Random) -> str:
    return random.choice([text for text in damage.TEXTS if "\ud800" not in text])  # no file can hold a lone surrogate


WAYS: dict[str, Callable[[Random], str]] = {
    "nesting": _nested,
    "powers": _power,
    "length": _long,
    "width": _wide,
    "Unicode": _unicode,
    "code": _code,
    "control characters": _control,
    "soup": _soup,
    "damage": _damaged,
    "text": _text,
}
OFTEN = dict(zip(WAYS, [2, 2, 1, 1, 4, 4, 3, 4, 5, 3], strict=True))
"""Weights of the ways. The first four may use all their time, so they are rarer."""

import json
import logging
import random
import subprocess
import sys
import threading
import time
from fractions import Fraction

import math_verify
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy.core.random import seed as seed_sympy

from spurious_rewards.answers.verifier import Verdict, Verifier

RIGHT, WRONG = Verdict(True), Verdict(False)
ENDLESS = "9^{9^{9^{9}}}"  # comparing it with 3 takes Math-Verify longer than its own limit of five seconds


@pytest.fixture(scope="module")
def verifier():
    with Verifier() as shared:
        yield shared


def plain(gold: str, answer: str) -> bool:
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)  # it warns of each text that it cannot parse
    parsed = [math_verify.parse(f"\\boxed{{{text}}}") for text in (gold, answer)]
    seed_sympy(0)  # without a seed, the verdict on infinities is random
    return math_verify.verify(*parsed)


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("025", "25", True),
        ("142.0", "142", True),
        ("142", "142.0", True),
        (r"\frac{1}{2}", "0.5", True),
        (r"\frac{1}{2}", r"\dfrac{2}{4}", True),
        (r"\left(3, \frac{\pi}{2}\right)", r"(3, \pi/2)", True),
        (r"\{1, 2\}", r"\{2, 1\}", True),
        ("[0, 1)", r"\left[0, 1\right)", True),
        ("[0, 1)", "[0, 1]", False),
        (r"\text{Evelyn}", "Evelyn", True),
        ("x=5", "5", True),
        (r"18.90", r"\$18.90", True),
        (r"\[ \frac{1}{2} \]", "0.5", True),
        (r"136.\overline{1}", "136", False),
        ("5", "6", False),
        ("5", None, False),
        ("5", " ", False),
        ("", "5", False),
    ],
)
def test_what_is_the_same_answer(verifier, gold, answer, expected):
    assert verifier.verify([(gold, answer)]) == [Verdict(expected)]


integers = st.builds(
    lambda sign, digits: sign + digits, st.sampled_from(["", "-"]), st.text("0123456789", min_size=1, max_size=25)
)
numbers = st.one_of(
    integers,
    st.builds("{}.{}".format, integers, st.text("0123456789", min_size=1, max_size=8)),
    st.builds(r"\frac{{{}}}{{{}}}".format, st.integers(0, 99), st.integers(0, 99)),
)
latex = st.lists(
    st.sampled_from(
        [
            *"x12,+-=/^_(){}[]$ .",
            r"\frac{1}{2}",
            r"\sqrt",
            r"\text{cm}",
            r"\text{}",
            r"\pi",
            r"\infty",
            r"\%",
            "and",
            r"\boxed{",
            "\\",
            r"\cup",
        ]
    ),
    min_size=1,
    max_size=6,
).map("".join)
few = st.lists(st.one_of(integers, numbers, latex), min_size=1, max_size=4)


@settings(deadline=None, max_examples=150)
@given(few)
def test_verdicts_are_those_of_plain_math_verify(verifier, texts):
    """Shortcuts, memo, worker caches and the two-stage parser must change no verdict, not even on equal texts."""
    pairs = [(gold, answer) for gold in texts for answer in texts if gold.strip() and answer.strip()]
    assert verifier.verify(pairs) == [Verdict(plain(*pair)) for pair in pairs]


@settings(deadline=None)
@given(integers, integers, st.integers(-1, 1))
def test_plain_integers_are_compared_as_math_verify_does_without_asking_it(one, other, shift):
    pairs = [(one, other), (one, str(int(one) + shift)), (one, "0" + one.lstrip("-"))]
    with Verifier() as fresh:
        assert fresh.verify(pairs) == [Verdict(plain(*pair)) for pair in pairs]
        assert fresh._idle.queue == [None]


def test_verdicts_do_not_depend_on_the_pairs_before(verifier):
    """Without a seed, Math-Verify's verdict on a pair with an infinity is random, and so are the verdicts after it."""
    draw = random.Random(11)
    texts = [f"{draw.choice(['', '-'])}{draw.randint(0, 200)}{draw.choice(['', '.0', '.5'])}" for _ in range(40)]
    infinite = [text + draw.choice([r"\infty", r"\pi\infty"]) for text in texts]
    pairs = [(draw.choice(texts + infinite), draw.choice(infinite)) for _ in range(200)]
    with Verifier() as other:
        assert other.verify(pairs[::-1])[::-1] == verifier.verify(pairs)


def test_no_worker_starts_for_integers_and_blanks():
    with Verifier() as fresh:
        fresh.verify([("12", "12"), ("025", "25"), ("1", "2"), ("1", None), ("0.50", "0.50")])
        assert fresh._idle.queue == [None]
        fresh.verify([("12", "6+6")])
        assert fresh._idle.queue != [None]


def test_a_pair_that_takes_too_long_is_recorded_and_the_others_are_graded():
    with Verifier(seconds=1) as strict:
        started = time.monotonic()
        assert strict.verify([(ENDLESS, "3"), (r"\frac{1}{2}", "1/2"), ("3", ENDLESS)]) == [
            Verdict(False, "timeout"),
            RIGHT,
            Verdict(False, "timeout"),
        ]
        assert time.monotonic() - started >= 2
        started = time.monotonic()
        assert strict.verify([(ENDLESS, "3")] * 50) == [Verdict(False, "timeout")] * 50
        assert time.monotonic() - started < 0.5, "a pair is tried once"


def test_a_worker_killed_over_a_pair_is_recorded_and_replaced():
    with Verifier(seconds=60) as patient:
        assert patient.verify([("2", "1+1")]) == [RIGHT]
        (worker,) = [process for process in patient._idle.queue if process]
        threading.Timer(0.5, worker.kill).start()
        assert patient.verify([(ENDLESS, "3"), ("3", "1+2")]) == [Verdict(False, "crash"), RIGHT]


def test_a_worker_killed_between_pairs_costs_no_verdict():
    with Verifier() as verifier:
        verifier.verify([("2", "1+1")])
        (worker,) = [process for process in verifier._idle.queue if process]
        worker.kill()
        worker.wait()
        assert verifier.verify([("3", "1+2")]) == [RIGHT]


def test_a_sigterm_to_the_whole_job_changes_no_verdict():
    """SLURM ends jobs with SIGTERM; the step at work is kept, and so are its rewards."""
    with Verifier() as verifier:
        verifier.verify([("2", "1+1")])
        (worker,) = [process for process in verifier._idle.queue if process]
        worker.terminate()
        assert verifier.verify([("3", "1+2")]) == [RIGHT]
        assert worker.poll() is None


def test_several_workers_give_the_same_verdicts_in_order(verifier):
    pairs = [(str(i), f"{i - i % 3} + {i % 2}") for i in range(60)]
    with Verifier(workers=2) as two:
        assert two.verify(pairs) == verifier.verify(pairs)
        assert len({worker.pid for worker in two._idle.queue if worker}) == 2
    assert {verdict.correct for verdict in verifier.verify(pairs)} == {True, False}


def test_workers_end_with_the_block():
    with Verifier() as verifier:
        verifier.verify([("2", "1+1")])
        (worker,) = [process for process in verifier._idle.queue if process]
    assert worker.poll() is not None


def test_a_killed_parent_leaves_no_worker_behind(tmp_path):
    program = f"""
from spurious_rewards.answers.verifier import Verifier
with Verifier(seconds=2) as verifier:
    verifier.verify([("1+1", "2")])
    print(flush=True)
    verifier.verify([({ENDLESS!r}, "3")])
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    parent.stdout.readline()
    (worker,) = psutil.Process(parent.pid).children()
    time.sleep(0.3)  # the endless pair has begun
    parent.kill()
    parent.communicate()
    worker.wait(timeout=20)


def test_the_memory_of_a_worker_is_limited():
    program = """
import math_verify
from spurious_rewards.answers import verifier
math_verify.verify = lambda *pair, **settings: len(bytearray(verifier.MEMORY_LIMIT)) > 0
verifier._serve(9.0, "math_verify")
"""
    reply = subprocess.run(
        [sys.executable, "-c", program], input='["1", "2"]\n', capture_output=True, text=True, check=False
    )
    assert "MemoryError" in reply.stderr
    assert reply.stdout == "ready\n"


def test_a_worker_that_cannot_start_says_so(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with Verifier() as verifier, pytest.raises(RuntimeError, match="did not start"):
        verifier.verify([("2", "1+1")])


@settings(deadline=None)
@given(st.fractions(max_denominator=50), st.fractions(max_denominator=50))
def test_fractions_are_exact(verifier, a: Fraction, b: Fraction):
    gold, answer = (f"\\frac{{{x.numerator}}}{{{x.denominator}}}" for x in (a, b))
    assert verifier.verify([(gold, answer)]) == [Verdict(a == b)]


# ---------------------------------------------------------------- answers of strangers

HOSTILE = [
    "__import__('os').system('touch was_here')",
    "exec(\"open('was_here', 'w')\")",
    r"\text{__import__('os').system('touch was_here')}",
    r"\operatorname{__import__}('os').system('touch was_here')",
    r"\mathrm{open('was_here','w')}",
    r"(lambda: open('was_here', 'w'))()",
    r"[x for x in ().__class__.__base__.__subclasses__()]",
    r"\begin{array}{c} __import__('subprocess').run('touch was_here') \end{array}",
    r"\input{|touch was_here}\write18{touch was_here}",
    r"S(\"open('was_here','w')\")",
    r"1; import os; os.system('touch was_here')",
    r"$(touch was_here)`touch was_here`",
]
WATCHED_WORKER = """
import sys
from spurious_rewards.answers import verifier

def watch(event, arguments):
    started = event.split(".")[0] in ("os", "subprocess", "socket", "ctypes", "shutil") and event != "os.listdir"
    named = event == "open" and isinstance(arguments[0], str)
    written = named and not set("wax+").isdisjoint(arguments[1] or "")
    if armed and (started or written):
        print("SEEN", event, arguments, file=sys.stderr)

armed = False
sys.addaudithook(watch)
serve = verifier.limited.serve

def armed_after_start(prepare, seconds, memory):
    def prepared():
        global armed
        answer = prepare()
        answer(["1", "2-1"])
        armed = True
        return answer
    serve(prepared, seconds, memory)

verifier.limited.serve = armed_after_start
verifier._serve(5.0, sys.argv[1])
"""


@pytest.mark.parametrize("judge", ["math_verify", "sympy"])
def test_nothing_of_an_answer_is_executed(judge: str, tmp_path):
    """Whatever an answer says, judging it starts no program, opens no connection and writes no file."""
    questions = "".join(json.dumps(pair) + "\n" for text in HOSTILE for pair in ((text, "3"), ("3", text)))
    ran = subprocess.run(
        [sys.executable, "-c", WATCHED_WORKER, judge],
        input=questions,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.stdout.splitlines()[1:] == ["false"] * 2 * len(HOSTILE), ran.stderr
    assert "SEEN" not in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_worker_has_none_of_the_user_s_secrets(monkeypatch):
    for name in ("HF_TOKEN", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK", "ANYTHING"):
        monkeypatch.setenv(name, "of_mine")
    with Verifier() as verifier:
        assert verifier.verify([("2", "1+1")]) == [RIGHT]
        (worker,) = [process for process in verifier._idle.queue if process]
        given = psutil.Process(worker.pid).environ()
    assert [name for name, value in given.items() if value == "of_mine"] == []
    assert "PATH" in given

"""A reward loaded from a file: what counts as a reward, what it may do, and the errors for anything else."""

import itertools
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rewarding import context

from spurious_rewards.config import reward_file
from spurious_rewards.config.training import Reward
from spurious_rewards.rewards import user_file
from spurious_rewards.rewards.functions import RewardFunction
from spurious_rewards.rewards.registry import of
from spurious_rewards.rewards.values import LARGEST
from spurious_rewards.runtime.errors import UserError

RESPONSES, LABELS = ["a", "b c", "python 3", r"\boxed{4}"], ["1", "2", "3", "4"]
BODY = "def own(responses, labels, context):\n    "
NUMBERS = itertools.count()


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Check that `sys.path` and the import finders are unchanged, and forget the imported modules."""
    modules, path, finders = set(sys.modules), sys.path[:], sys.meta_path[:]
    yield
    assert (sys.path, sys.meta_path) == (path, finders)
    for name in set(sys.modules) - modules:
        del sys.modules[name]


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., RewardFunction]:
    """Return a function that writes `mine.py` and modules beside it, and loads the reward `own` from `mine.py`."""

    def make(text: str, **beside: str) -> RewardFunction:
        for name, other in {"mine": text, **beside}.items():
            (tmp_path / f"{name}.py").write_text(other)
        return of(Reward(function="own", file=tmp_path / "mine.py"))

    return make


def paid(reward: RewardFunction, **changes: Any) -> list[float]:
    return reward(RESPONSES, LABELS, context(4, **changes))


# ---------------------------------------------------------------- what a reward is


@pytest.mark.parametrize(
    "text",
    [
        BODY + "return [len(r) for r in responses]",
        "if True:\n    def own(responses, labels, context):\n        return [len(r) for r in responses]",
        "own = lambda responses, labels, context: list(map(len, responses))",
        "import functools\ndef base(f, r, l, c): return list(map(f, r))\nown = functools.partial(base, len)",
        "class Length:\n    def __call__(self, r, l, c): return list(map(len, r))\nown = Length()",
        "class own:\n    def __call__(self, r, l, c): return list(map(len, r))",
        "class Length:\n    def pay(self, r, l, c): return list(map(len, r))\nown = Length().pay",
        "class Length:\n    @staticmethod\n    def pay(r, l, c): return list(map(len, r))\nown = Length.pay",
        "def twice(f):\n    return lambda *a, **k: f(*a, **k)\n@twice\ndef own(r, l, c): return list(map(len, r))",
        "import torch\nclass Length(torch.nn.Module):\n    def forward(self, r, l, c): return list(map(len, r))\nown = Length()",
        "def own(r, l, c, more=1, **others): return list(map(len, r))",
        "from helper import own",
        "from helper import *",
        "import helper\ndef __getattr__(name): return getattr(helper, name)",
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass Length:\n    power: int = 1\n"
        "    def __call__(self, r, l, c): return [len(each) ** self.power for each in r]\nown = Length()",
    ],
)
def test_whatever_can_be_called_is_a_reward(made: Callable[..., RewardFunction], text: str) -> None:
    reward = made(text, helper="def own(r, l, c): return list(map(len, r))")
    assert paid(reward) == [1.0, 3.0, 8.0, 9.0]


def test_it_is_paid_unless_another_is(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(BODY + "return [2] * len(responses)")
    reward = Reward(function="own", file=file, unless="python")
    assert reward.training_set == "truth"
    assert paid(of(reward)) == [2.0, 2.0, 0.0, 2.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("other = 1", "mine.py: has no function own"),
        ("own = 3", "own is 3, which cannot be called"),
        ("import json as own", "own is <module 'json' .*, which cannot be called"),
        ("class own: pass", "own is <mine.own object .*>, which cannot be called"),
        (
            "class own:\n    def __init__(self, judge): pass",
            "own is a class, and making one of it without arguments failed: T",
        ),
        ("async def own(responses, labels, context): return [1]", "own is an async function"),
        ("class A:\n    async def __call__(self, r, l, c): return [1]\nown = A()", "own is an async function"),
        (
            "import functools\nasync def a(x, r, l, c): return [1]\nown = functools.partial(a, 1)",
            "own is an async function",
        ),
        (
            "def own(responses, labels): return [1]",
            r"own takes \(responses, labels\); a reward takes \(responses, labels, con",
        ),
        ("def own(): return [1]", r"own takes \(\); a reward takes"),
        ("import no_such_package", r"cannot be imported for own: ModuleNotFoundError: .* \(mine.py, line 1\)"),
        (
            "import os\nKEY = os.environ['NO_SUCH_KEY']",
            r"imported for own: KeyError: 'NO_SUCH_KEY' \(mine.py, line 2\)",
        ),
        ("import sys\nsys.exit(0)", r"cannot be imported for own: SystemExit: 0 \(mine.py, line 2\)"),
        ("from helper import own", r"cannot be imported for own: ZeroDivisionError: .* \(helper.py, line 2\)"),
        ("from .helper import own", "cannot be imported for own: ImportError: attempted relative import"),
    ],
)
def test_what_is_no_reward_is_said_with_file_and_name(
    made: Callable[..., RewardFunction], text: str, said: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        made(text, helper="\n1 / 0")
    assert "mine.py: " in str(caught.value)


# ---------------------------------------------------------------- what it returns


@pytest.mark.parametrize(
    "values",
    [
        "(1, 0, True, 2.5)",
        "np.array([1, 0, 1, 2.5], dtype='float16')",
        "np.array([1, 0, 1, 2.5], dtype=object)",
        "[np.float32(1), np.int64(0), np.bool_(True), np.float64(2.5)]",
        "torch.tensor([1, 0, 1, 2.5], requires_grad=True)",
        "torch.tensor([1, 0, 1, 2.5], dtype=torch.bfloat16)",
        "list(torch.tensor([1, 0, 1, 2.5]))",
        "pd.Series([1, 0, 1, 2.5], index=list('abcd'))",
        "[Decimal(1), Fraction(0), 1, Decimal('2.5')]",
        "(each for each in (1, 0, 1, 2.5))",
        "map(float, (1, 0, 1, 2.5))",
    ],
)
def test_numbers_of_any_kind_are_taken(made: Callable[..., RewardFunction], values: str) -> None:
    imports = "import numpy as np, pandas as pd, torch\nfrom decimal import Decimal\nfrom fractions import Fraction\n"
    assert paid(made(imports + BODY + f"return {values}")) == [1.0, 0.0, 1.0, 2.5]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("None", r"own gave None \(NoneType\); give one number for each response"),
        ("'1010'", r"own gave '1010' \(str\)"),
        ("b'1010'", r"own gave b'1010' \(bytes\)"),
        ("dict.fromkeys(range(4), 1.0)", r"own gave {0: 1.0, .* \(dict\)"),
        ("{1, 2, 3, 4}", r"\(set\)"),
        ("dict.fromkeys(range(4)).keys()", r"\(dict_keys\)"),
        ("1.0", r"own gave 1.0 \(float\)"),
        ("torch.tensor(1.0)", r"own gave tensor\(1.\) \(Tensor\)"),
        ("torch.ones(4, 1)", r"\(Tensor\)"),
        ("pd.DataFrame({i: [1] for i in range(4)})", r"\(DataFrame\)"),
        ("(lambda: (yield))", r"\(function\)"),
        ("coroutine()", r"\(coroutine\)"),
        ("[1.0] * 3", "own gave 3 values for 4 responses"),
        ("[]", "own gave 0 values for 4 responses"),
        ("[1.0] * 5", "own gave more than 4 values for 4 responses"),
        ("itertools.count()", "own gave more than 4 values for 4 responses"),
        ("[1, 1, 1, '1.0']", "own gave '1.0' for response 3, which is no number"),
        ("np.array(['1'] * 4)", "own gave '1' for response 0, which is no number"),
        ("[None] * 4", "own gave None for response 0, which is no number"),
        ("[[1.0]] * 4", r"own gave \[1.0\] for response 0, which is no number"),
        ("[1j] * 4", "own gave 1j for response 0, which is no number"),
        ("[1, float('nan'), 1, 1]", "own gave nan for response 1, which is no number"),
        (
            "[1, 1, -float('inf'), 1]",
            "own gave -inf for response 2; rewards must lie within ±1e.15, because GRPO computes in float32",
        ),
        (
            "[1e308] * 4",
            r"own gave 1e\+308 for response 0; rewards must lie within ±1e.15, because GRPO computes in float32",
        ),
        (
            "[1e20] * 4",
            r"own gave 1e\+20 for response 0; rewards must lie within ±1e.15, because GRPO computes in float32",
        ),
        (
            "[10**400] * 4",
            "own gave 10000*… for response 0; rewards must lie within ±1e.15, because GRPO computes in float32",
        ),
        (
            "[10**9999] * 4",
            "own gave an object of type int for response 0; rewards must lie within ±1e.15, because GRPO computes in float32",
        ),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_is_no_number_for_each_response_is_said(
    made: Callable[..., RewardFunction], values: str, said: str
) -> None:
    text = (
        "import itertools, torch, numpy as np, pandas as pd\nasync def coroutine(): pass\n" + BODY + f"return {values}"
    )
    with pytest.raises(UserError, match=said) as caught:
        paid(made(text))
    assert "mine.py: own gave" in str(caught.value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=5) | st.tuples(inner) | st.dictionaries(st.integers(), inner, max_size=5),
    max_leaves=10,
)


RETURNED: list[Any] = []


@pytest.fixture(scope="module")
def saying(tmp_path_factory: pytest.TempPathFactory) -> RewardFunction:
    """Return a reward function that gives the last element of RETURNED."""
    file = tmp_path_factory.mktemp("saying") / "saying.py"
    file.write_text(f"import sys\n{BODY}return sys.modules[{__name__!r}].RETURNED[-1]\n")
    return of(Reward(function="own", file=file))


@given(returned=VALUES | st.lists(st.integers() | st.floats(), min_size=4, max_size=4))
def test_anything_returned_is_rewards_or_refused_in_one_sentence(saying: RewardFunction, returned: Any) -> None:
    RETURNED[:] = [returned]
    values, said = None, ""
    try:
        values = paid(saying)
    except UserError as error:
        said = str(error)
    if values is None:
        assert "saying.py: own gave" in said
        assert "\n" not in said
    else:
        assert isinstance(returned, list | tuple)
        assert [type(value) for value in values] == [float] * 4
        assert all(abs(value) <= LARGEST for value in values)
        assert values == [float(value) for value in returned]


# ---------------------------------------------------------------- how it fails


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise KeyError('mine')", r"own failed: KeyError: 'mine' \(mine.py, line 2\)"),
        ("import sys; sys.exit(0)", r"own failed: SystemExit: 0 \(mine.py, line 2\)"),
        ("quit()", "own failed: SystemExit"),
        ("raise ValueError('two\\nlines' * 1000)", "own failed: ValueError: two linestwo lines"),
        ("raise GeneratorExit", "own failed: GeneratorExit"),
        ("return own(responses, labels, context)", "own failed: RecursionError"),
        ("yield 1; raise OSError('late')", "own failed: OSError: late"),
        ("return context.equivalent([1])", r"own failed: \w+Error: .*\(mine.py, line 2\)"),
    ],
)
def test_whatever_it_raises_ends_in_one_sentence(made: Callable[..., RewardFunction], text: str, said: str) -> None:
    with pytest.raises(UserError, match=rf"mine\.py: {said}") as caught:
        paid(made(BODY + text))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_ctrl_c_is_no_failure_of_a_reward(made: Callable[..., RewardFunction]) -> None:
    with pytest.raises(KeyboardInterrupt):
        paid(made(BODY + "raise KeyboardInterrupt"))
    with pytest.raises(KeyboardInterrupt):
        made("raise KeyboardInterrupt")


# ---------------------------------------------------------------- a file runs once, as it was first read


def test_a_file_runs_once_and_its_state_is_kept(made: Callable[..., RewardFunction], tmp_path: Path) -> None:
    log = tmp_path / "log"
    reward = made(
        f"open({str(log)!r}, 'a').write('x')\ncalls = 0\n"
        + BODY
        + "global calls\n    calls += 1\n    return [calls] * len(responses)"
    )
    assert [paid(reward)[0] for _ in range(3)] == [1.0, 2.0, 3.0]
    assert log.read_text() == "x"


def test_a_class_is_made_once(made: Callable[..., RewardFunction]) -> None:
    reward = made(
        "class own:\n    def __init__(self): self.calls = 0\n"
        "    def __call__(self, r, l, c):\n        self.calls += 1\n        return [self.calls] * len(r)"
    )
    assert [paid(reward)[0] for _ in range(3)] == [1.0, 2.0, 3.0]


def test_an_edit_changes_nothing_that_was_read_not_even_what_is_imported_later(
    made: Callable[..., RewardFunction], tmp_path: Path
) -> None:
    late = "if context.step > 1:\n        import late\n        return [late.VALUE] * 4\n    return [1] * 4"
    reward = made(BODY + late, late="VALUE = 2\n")
    for name in ("mine", "late"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('edited')\n")
    assert paid(reward) == [1.0] * 4
    assert paid(reward, step=2) == [2.0] * 4
    assert not list(tmp_path.rglob("*.pyc"))


def test_a_file_that_is_not_what_was_planned_is_refused(tmp_path: Path) -> None:
    file, helper = tmp_path / "mine.py", tmp_path / "helper.py"
    file.write_text("from helper import own\n")
    helper.write_text("def own(r, l, c): return [1] * len(r)\n")
    digest = reward_file.digest(file)
    assert paid(user_file.from_file(user_file.planned(file, digest), "own")) == [1.0] * 4
    helper.write_text("def own(r, l, c): return [2] * len(r)\n")
    with pytest.raises(UserError, match=r"mine\.py: .*changed since the run was planned; start Snakemake again"):
        user_file.planned(file, digest)


# ---------------------------------------------------------------- modules beside it


def test_packages_and_modules_without_an_import_statement_are_found(
    made: Callable[..., RewardFunction], tmp_path: Path
) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack/__init__.py").write_text("from .inner import one\n")
    (tmp_path / "pack/inner.py").write_text("one = 1\n")
    (tmp_path / "space").mkdir()
    (tmp_path / "space/far.py").write_text("two = 2\n")
    (tmp_path / "named.py").write_text("three = 3\n")
    text = "import importlib, pack, space.far as far\n" + BODY
    reward = made(text + "return [pack.one, far.two, importlib.import_module('named').three, 4]")
    assert paid(reward) == [1.0, 2.0, 3.0, 4.0]


def test_python_s_own_modules_come_before_files_of_their_name(made: Callable[..., RewardFunction]) -> None:
    reward = made("import random, json\n" + BODY + "return [json.loads('1')] * 4", json="1 / 0", random="1 / 0")
    assert paid(reward) == [1.0] * 4


def test_a_file_may_be_called_as_a_module_is(tmp_path: Path) -> None:
    import json

    for name in ("json.py", "torch.py", "my reward-1.py"):
        file = tmp_path / name
        file.write_text(BODY + "return [1] * len(responses)")
        assert paid(of(Reward(function="own", file=file))) == [1.0] * 4
    assert sys.modules["json"] is json


@pytest.mark.parametrize("package", ["yaml", "snakefmt"], ids=["imported already", "not imported yet"])
def test_a_helper_with_the_name_of_an_installed_package_is_refused(
    made: Callable[..., RewardFunction], package: str
) -> None:
    assert (package in sys.modules) == (package == "yaml")
    with pytest.raises(
        UserError, match=rf"it imports {package}, which lies beside it, but .*{package}.* has that name too; rename"
    ):
        made(f"import {package}\n" + BODY + "return [1] * 4", **{package: ""})
    assert (package in sys.modules) == (package == "yaml")


# ---------------------------------------------------------------- what it receives


def test_it_may_change_whatever_it_is_given(made: Callable[..., RewardFunction]) -> None:
    text = """
def own(responses, labels, context):
    responses[0] = responses.pop()
    labels.clear()
    context.ids[0] = "x"
    for name in ("seed", "step", "ids", "group"):
        object.__setattr__(context, name, 99)
    context.trainer_state.global_step = 99
    context.prompts[0][0]["content"] = "changed"
    context.completion_ids[0].append(99)
    for name in ("slots", "indices", "problems", "prompts", "completion_ids"):
        getattr(context, name).clear()
    return [1] * 4
"""
    responses, labels = list(RESPONSES), list(LABELS)
    prompts = [[{"role": "user", "content": "1 + 1"}] for _ in range(4)]
    given_ = context(4, prompts=prompts, ids=["a", "b", "c", "d"])
    before = repr(given_)
    assert made(text)(responses, labels, given_) == [1.0] * 4
    assert (responses, labels, repr(given_)) == (RESPONSES, LABELS, before)


def test_what_it_is_given_of_each_response(made: Callable[..., RewardFunction]) -> None:
    text = "return [len(context.problems[i] + context.prompts[i]) + context.completion_ids[i][1] for i in range(4)]"
    assert paid(made(BODY + text)) == [5 + 15 + i + 1 for i in range(4)]


def test_of_no_response_there_is_no_reward(made: Callable[..., RewardFunction]) -> None:
    assert made(BODY + "return responses")([], [], context(0)) == []


# ---------------------------------------------------------------- its random numbers

DRAWS = (
    "import random, numpy as np, torch\n"
    + BODY
    + ("return [random.random(), np.random.rand(), torch.rand(1).item(), torch.randn(1).abs().item()]")
)


def test_its_draws_hang_on_seed_step_and_process_alone(made: Callable[..., RewardFunction]) -> None:
    import random

    import numpy as np
    import torch

    reward = made(DRAWS)
    places: list[dict[str, Any]] = [{}, {"seed": 1}, {"step": 2}, {"slots": [2] * 4}]
    first = [paid(reward, **place) for place in places]
    random.random(), np.random.rand(), torch.rand(1)
    again = [paid(made(DRAWS), **place) for place in reversed(places)]
    assert first == again[::-1]
    every = [value for values in first for value in values]
    assert len(set(every)) == len(every)


def test_it_draws_nothing_that_training_draws(made: Callable[..., RewardFunction]) -> None:
    import torch

    torch.manual_seed(0)
    assert torch.rand(1).item() not in paid(made(DRAWS), seed=0)
    assert math.isfinite(sum(paid(made(DRAWS))))

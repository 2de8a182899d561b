"""What the project learns of a reward file without running it."""

import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from spurious_rewards.config import reward_file
from spurious_rewards.config.loading import load
from spurious_rewards.runtime.errors import UserError

REWARD = "def own(responses, labels, context):\n    return [1] * len(responses)\n"


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write files by their paths, and return the first, which holds the reward."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / next(iter(files))


def binding(folder: Path, text: str) -> reward_file.Code:
    return reward_file.read(write(folder, {"mine.py": text}))


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    "text",
    [
        "def own(): pass",
        "async def own(): pass",
        "class own: pass",
        "own = lambda a, b, c: a",
        "import functools\nown = functools.partial(print)",
        "own: object = print",
        "(own := print)",
        "first, *own = [1, 2]",
        "from mylib import score as own",
        "from mylib import own",
        "if True:\n    def own(): pass",
        "if True:\n    pass\nelse:\n    def own(): pass",
        "try:\n    from mylib import own\nexcept ImportError:\n    pass",
        "try:\n    import mylib\nexcept ImportError:\n    def own(): pass",
        "while False:\n    own = 1",
        "for own in [print]: pass",
        "with open('x') as own: pass",
        "match 1:\n    case own: pass",
        "def make():\n    global own\n    own = print\nmake()",
        "@print\ndef own(): pass",
    ],
)
def test_a_name_is_found_however_it_is_bound(tmp_path: Path, text: str) -> None:
    code = binding(tmp_path, text)
    assert code.may_have("own")
    assert "own" in code.names
    assert not code.may_have("other")


def test_names_are_listed_without_modules_and_private_ones(tmp_path: Path) -> None:
    text = "import re\nimport os.path as p\nfrom mylib import score\n_x = 1\ndef own(): inner = 1\nclass Judge: field = 1\n"
    assert binding(tmp_path, text).names == ["score", "own", "Judge"]


@pytest.mark.parametrize(
    "text",
    ["from mylib import *", "globals()['own'] = print", "exec('own = print')", "def __getattr__(name): return print"],
)
def test_where_only_running_tells_any_name_may_be_there(tmp_path: Path, text: str) -> None:
    assert binding(tmp_path, text).may_have("own")


def test_a_function_s_own_names_are_not_the_file_s(tmp_path: Path) -> None:
    text = "def outer():\n    def own(): pass\n    return own\nclass A:\n    def own(self): pass\n[own for own in []]\n"
    code = binding(tmp_path, text)
    assert not code.may_have("own")


# ---------------------------------------------------------------- encodings, and what is no Python


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("", "utf-8"),
        ("", "utf-8-sig"),
        ("# -*- coding: utf-8 -*-\n", "utf-8-sig"),
        ("# -*- coding: latin-1 -*-\n", "latin-1"),
        ("#!/usr/bin/env python\n# vim: set fileencoding=cp1252 :\n", "cp1252"),
        ("# coding: gb18030\n", "gb18030"),
        ("# coding: shift_jis\n", "shift_jis"),
    ],
)
def test_every_encoding_that_python_reads_is_read(tmp_path: Path, head: str, encoding: str) -> None:
    letters = {"gb18030": "答案", "shift_jis": "答案"}.get(encoding, "é")
    file = tmp_path / "mine.py"
    file.write_bytes(f"{head}MARK = {letters!r}\n{REWARD}".encode(encoding))
    assert reward_file.read(file).names == ["MARK", "own"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (REWARD.encode("utf-16"), "UTF-16 perhaps; save it as UTF-8"),
        (REWARD.encode("utf-16-be"), "UTF-16 perhaps; save it as UTF-8"),
        (REWARD.encode("utf-32"), "UTF-16 perhaps; save it as UTF-8"),
        (REWARD.encode() + b"\0", "UTF-16 perhaps; save it as UTF-8"),
        ("MARK = 'é'".encode("latin-1"), "not Python: .*'utf-8' codec can't decode"),
        (b"# coding: none_such\n", "not Python: unknown encoding: none_such"),
        ("# coding: latin-1\n".encode("utf-8-sig"), "not Python: encoding problem"),
        (b"x = 1\ndef own(:\n", r"mine\.py, line 2: not Python: invalid syntax"),
        (b"if 1:\n\tx = 1\n        y = 1\n", r"mine\.py, line 3: not Python: inconsistent use of tabs"),
        (b"return 1", r"mine\.py, line 1: not Python: 'return' outside function"),
        (b"print 1", r"mine\.py, line 1: not Python: Missing parentheses"),
        (b"x = " + b"(" * 300, "not Python: too many nested parentheses"),
        (b"x = " + b"1 + " * 20_000 + b"1", "not Python: maximum recursion depth exceeded"),
    ],
)
def test_what_is_no_python_is_said_with_file_and_line(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "mine.py"
    file.write_bytes(content)
    with pytest.raises(UserError, match=said):
        reward_file.read(file)


@given(st.binary(max_size=200) | st.text("abc=(:\"'\\\n\t #é", max_size=50).map(str.encode))
def test_any_bytes_are_read_or_refused_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.mktemp("any") / "mine.py"
    file.write_bytes(content)
    said = ""
    try:
        reward_file.read(file).may_have("own")
    except UserError as error:
        said = str(error)
    assert not said or said.startswith(str(file))
    assert "\n" not in said


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.py: No such file or directory; name a Python file"):
        reward_file.read(tmp_path / "none.py")
    with pytest.raises(UserError, match=r"name a Python file, whose name ends in \.py"):
        reward_file.read(tmp_path)


# ---------------------------------------------------------------- the digest


SPLIT = {
    "mine.py": "import re, torch\nfrom helper import score as own\n",
    "helper.py": "def score(a, b, c):\n    from pack.inner import deep\n    import space.far\n    return deep(a)\n",
    "pack/__init__.py": "from . import sibling\nfrom .sub import leaf\n",
    "pack/inner.py": "from ..pack import sibling as s\nimport pack.sub.leaf\ndef deep(a): return a\n",
    "pack/sibling.py": "",
    "pack/sub/__init__.py": "from ..sibling import *\n",
    "pack/sub/leaf.py": "",
    "space/far.py": "if False:\n    import lazy\n",
    "lazy.py": "",
    "re.py": "raise SystemExit('Python has a module re of its own')",
    "pack/unused.py": "",
    "unused.py": "",
}
NOT_ITS_OWN = ("re.py", "pack/unused.py", "unused.py")


def test_the_user_s_modules_are_found_and_no_others(tmp_path: Path) -> None:
    code = reward_file.read(write(tmp_path, SPLIT))
    found = {module.path.relative_to(tmp_path.resolve()).as_posix() for module in code.modules.values()}
    assert found == SPLIT.keys() - set(NOT_ITS_OWN)
    assert code.modules["pack.sub.leaf"].path == tmp_path.resolve() / "pack/sub/leaf.py"


@pytest.mark.parametrize("name", SPLIT)
def test_the_digest_changes_with_each_of_them_and_with_no_other_file(tmp_path: Path, name: str) -> None:
    file = write(tmp_path, SPLIT)
    before = reward_file.digest(file)
    (tmp_path / name).write_text(SPLIT[name] + "# a comment\n")
    assert (reward_file.digest(file) == before) == (name in NOT_ITS_OWN)


def test_the_digest_is_of_content_and_not_of_where_it_lies(tmp_path: Path) -> None:
    one, other = write(tmp_path / "one", SPLIT), write(tmp_path / "other", SPLIT)
    moved = one.rename(one.with_name("moved.py"))
    assert reward_file.digest(moved) == reward_file.digest(other)


def test_what_one_module_loses_another_does_not_make_up_for(tmp_path: Path) -> None:
    one = write(tmp_path / "one", {"mine.py": "import a, b\n", "a.py": "x = 1\n", "b.py": ""})
    other = write(tmp_path / "other", {"mine.py": "import a, b\n", "a.py": "", "b.py": "x = 1\n"})
    assert reward_file.digest(one) != reward_file.digest(other)


def test_a_link_leads_to_what_lies_beside_its_file(tmp_path: Path) -> None:
    file = write(tmp_path / "shared", SPLIT)
    link = tmp_path / "mine.py"
    link.symlink_to(file)
    assert reward_file.digest(link) == reward_file.digest(file)


def test_modules_may_import_each_other(tmp_path: Path) -> None:
    files = {"mine.py": "import a\n", "a.py": "import b\n", "b.py": "import a, mine\n"}
    assert sorted(reward_file.read(write(tmp_path, files)).modules) == ["", "a", "b", "mine"]


def test_a_module_beside_it_that_is_no_python_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"helper\.py, line 2: not Python: invalid syntax"):
        reward_file.read(write(tmp_path, {"mine.py": "import helper", "helper.py": "x = 1\nx ="}))


# ---------------------------------------------------------------- in a suite


def suite(folder: Path, text: str, function: str = "own") -> Path:
    """A copy of the example whose reward is a function of this file."""
    shutil.copytree(Path(__file__).parents[2] / "examples/your_method", folder / "study")
    (folder / "study/shows_work.py").write_text(text, encoding="utf-8")
    path = folder / "study/your_method.yaml"
    content = yaml.safe_load(path.read_text())
    content["rewards"]["shows_work"]["function"] = function
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize("function", ["own", "_own", "récompense", "奖励"])
def test_any_name_of_python_s_may_be_that_of_a_reward(tmp_path: Path, function: str) -> None:
    path = suite(tmp_path, f"if True:\n    {function} = lambda responses, labels, context: labels\n", function)
    reward = load(path).rewards["shows_work"]
    assert (reward.function, reward.file and reward.file.resolve()) == (
        function,
        path.with_name("shows_work.py").resolve(),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "x = 1\ndef own(:",
            r"shows_work\.file = shows_work\.py: .*shows_work\.py, line 2: not Python: invalid syntax",
        ),
        ("import re\nother = 1", r"shows_work\.function = own: .*shows_work\.py has no such function; it has: other"),
        ("", r"shows_work\.function = own: .*shows_work\.py has no such function; it has: none"),
    ],
)
def test_what_is_wrong_with_a_reward_file_is_said_with_the_suite_s_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=rf"your_method\.yaml: rewards\.{said}"):
        load(suite(tmp_path, text))

"""YAML files are read strictly: mistakes are refused with their line, and all else is read as it was written."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from spurious_rewards.config import yaml_files
from spurious_rewards.config.yaml_files import MAX_VALUES, parse, parse_value, read_yaml
from spurious_rewards.runtime.errors import UserError

ROOT = Path(__file__).parents[2]
FILES = [
    ROOT / "config.yaml",
    *sorted((ROOT / "config").rglob("*.yaml")),
    *sorted((ROOT / "envs").rglob("*.yaml")),
    *sorted((ROOT / "examples").rglob("*.yaml")),
]


def keys_as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): keys_as_text(inner) for key, inner in value.items()}
    return [keys_as_text(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_projects_own_files_mean_the_same_to_other_readers(path: Path) -> None:
    assert read_yaml(path) == keys_as_text(yaml.safe_load(path.read_text(encoding="utf-8")))


SCALARS = {
    "1e-6": 1e-6,
    "5e-7": 5e-7,
    "1E3": 1000.0,
    "2.5": 2.5,
    ".5": 0.5,
    "-0.0": -0.0,
    "1_000": 1000,
    "010": 10,
    "-7": -7,
    "+7": 7,
    "0x1F": 31,
    "0o17": 15,
    "99999999999999999999": 99999999999999999999,
    "on": "on",
    "off": "off",
    "yes": "yes",
    "No": "No",
    "y": "y",
    "true": True,
    "FALSE": False,
    "1:30": "1:30",
    "2025-06-12": "2025-06-12",
    "1.5.0": "1.5.0",
    "0-4": "0-4",
    "null": None,
    "~": None,
    "": None,
    "Null": None,
    "=": "=",
    "1e400": float("inf"),
    "-.inf": float("-inf"),
}


@pytest.mark.parametrize("text", SCALARS)
def test_a_plain_value_is_what_yaml_1_2_and_editors_take_it_for(text: str) -> None:
    read = parse(f"a: {text}", "f")["a"]
    assert (type(read), str(read)) == (type(SCALARS[text]), str(SCALARS[text]))


def test_nan_is_a_number() -> None:
    assert str(parse("a: .nan", "f")["a"]) == "nan"


@pytest.mark.parametrize("key", ["on", "no", "yes", "1", "0.5", "null", "true", "010", "1e3", "2025-06-12"])
def test_a_key_is_text_as_it_is_written(key: str) -> None:
    assert parse(f"{key}: 3", "f") == {key: 3}


COMPLAINTS = {
    "training:\n  clip: 1\n  loss: paper\n  clip: 2": r"line 4: training\.clip: this key stands in line 2 already",
    "a: 1\n'a': 2": r"line 2: a: this key stands in line 1",
    "{a: {b: 1, b: 1}}": r"line 1: a\.b: this key",
    "a:\n- {b: 1}\n- {b: 1,\n b: 2}": r"line 4: a\.1\.b: this key",
    "? [a, b]\n: 1": "line 1: a list or a mapping stands where a key belongs",
    "a: &a [1, *a]": r"line 1: a\.1: an alias of a value that it stands in",
    "a: &a\n  b: {c: *a}": r"line 1: a\.b\.c: an alias of a value that it stands in",
    "a: *b": "not YAML: .*undefined alias",
    "a:\n\tb: 1": r"not YAML: .*found character '\\t'",
    "a: 1\n---\na: 2": "not YAML: expected a single document",
    "a: !!python/object/apply:os.system [ls]": "not YAML: could not determine a constructor",
    "a: !!timestamp 2025-13-01": "not YAML: month must be in",
    "- a\n- b": "holds a list; allowed: keys with values",
    "only text": "holds the value only text; allowed",
    "7": "holds the value 7",
    "a: 'x\0y'": "not YAML: unacceptable character",
    "a: " + "[" * 1000: "not readable YAML: .*nested hundreds deep",
    "a: " + "9" * 5000: r"line 1: a: a number of 5000 digits",
    'a: "x\\0"': r"line 1: a: holds the character '\\x00'",
    'a: "x\\ud800"': r"line 1: a: holds the character '\\ud800'",
    "a: [": "not YAML: .*line 1",
    "<<: 7": "not YAML: .*expected a mapping",
}


@pytest.mark.parametrize("text", COMPLAINTS)
def test_what_nobody_means_is_refused_with_file_and_line(text: str) -> None:
    with pytest.raises(UserError, match=r"^mine\.yaml: " + COMPLAINTS[text]) as error:
        parse(text, "mine.yaml")
    assert "\n" not in str(error.value)


def test_a_few_lines_of_aliases_cannot_stand_for_billions_of_values() -> None:
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(UserError, match=rf"line \d+: l\d.*: its aliases come to more than {MAX_VALUES} values"):
        parse("\n".join(lines), "mine.yaml")


def test_a_few_lines_of_merge_keys_cannot_stand_for_billions_of_keys() -> None:
    lines = [f"l0: &l0 {{{', '.join(f'a{n}: 1' for n in range(10))}}}"]
    lines += [f"l{n}: &l{n} {{<<: [{', '.join([f'*l{n - 1}'] * 10)}]}}" for n in range(1, 12)]
    with pytest.raises(UserError, match=rf"line \d+: l\d.*: its aliases come to more than {MAX_VALUES} values"):
        parse("\n".join(lines), "mine.yaml")


def test_what_follows_too_many_values_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_files, "MAX_VALUES", 1000)
    with pytest.raises(UserError, match="line 1: from here on there are more than 1000 values"):
        parse("a: [" + "1," * 2000 + "}", "mine.yaml")
    assert len(parse("a: [" + "1," * 990 + "]", "mine.yaml")["a"]) == 990


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    with path.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(UserError, match=r"mine\.yaml: has 1,000,000,000,000 bytes; allowed: 1,000,000"):
        read_yaml(path)
    path.write_text("# " + "x" * 999_000 + "\na: 1")
    assert read_yaml(path) == {"a": 1}


@pytest.mark.parametrize("content", ["a: {", "a: [", "- ", "? ", "a: !!set {"])
def test_any_depth_ends_in_a_sentence(content: str) -> None:
    with pytest.raises(UserError, match=r"^mine\.yaml: not readable YAML: lists or mappings are nested hundreds deep$"):
        parse(content * 10_000, "mine.yaml")


def test_aliases_and_merge_keys_are_read() -> None:
    text = "base: &base {a: 1, b: {c: 2}}\none: *base\ntwo: {<<: *base, a: 3}\nthree: {<<: [*base, {d: 4}]}"
    base = {"a": 1, "b": {"c": 2}}
    assert parse(text, "f") == {"base": base, "one": base, "two": base | {"a": 3}, "three": base | {"d": 4}}


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "null", "\ufeff"])
def test_an_empty_file_has_no_keys(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    assert read_yaml(path) == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file_is_utf_8(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("title: 'θ 概率'\r\nnote: x\r\n", encoding=encoding)
    assert read_yaml(path) == {"title": "θ 概率", "note": "x"}


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("gbk", "line 2 is not UTF-8"), ("latin-1", "line 2 is not UTF-8"), ("utf-16", "is in UTF-16")],
)
def test_another_encoding_is_named_with_the_way_out(encoding: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"title: a\nnote: {'é' if encoding == 'latin-1' else '概率'}\n", encoding=encoding)
    with pytest.raises(UserError, match=rf"mine\.yaml: {said}; save the file as UTF-8.*iconv"):
        read_yaml(path)


def test_a_folder_or_nothing_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="this is a folder; name a file"):
        read_yaml(tmp_path)
    with pytest.raises(UserError, match="no such file"):
        read_yaml(tmp_path / "none.yaml")


# ---------------------------------------------------------------- whatever is written

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
printable = text.filter(str.isprintable)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | printable,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(printable, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(printable, values, max_size=4))
def test_what_a_program_writes_as_json_is_read_back(document: dict[str, Any]) -> None:
    assert parse(json.dumps(document, ensure_ascii=False), "f") == document


@given(st.dictionaries(printable, text, max_size=4))
def test_text_that_a_program_writes_as_yaml_is_read_back(document: dict[str, str]) -> None:
    written = yaml.safe_dump(document, default_style='"', allow_unicode=True)
    assert parse(written, "f") == document


PIECES = [
    *("a: ", "b: ", "- ", "\n", "  ", "\t", "[", "]", "{", "}", ",", "&x ", "*x", "<<: ", "? ", ": ", "---\n", "...\n"),
    *(
        "'",
        '"',
        "|\n",
        ">\n",
        "!!int ",
        "!!set ",
        "1",
        "1e9",
        ".inf",
        "on",
        "#",
        "%",
        "@",
        "\0",
        "\ud800",
        "\\",
        "\u2028",
    ),
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_any_text_is_a_value_or_a_sentence(content: str) -> None:
    said = ""
    try:
        parse_value(content, "mine.yaml")
    except UserError as error:
        said = str(error)
    assert said == "" or (said.startswith("mine.yaml: ") and "\n" not in said)


@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=5))
def test_two_equal_keys_are_refused_and_others_not(keys: list[str]) -> None:
    content = "\n".join(f"{key}: {number}" for number, key in enumerate(keys))
    if len(set(keys)) == len(keys):
        assert list(parse(content, "f")) == keys
        return
    again = next(n for n, key in enumerate(keys) if key in itertools.islice(keys, n))
    with pytest.raises(UserError, match=f"line {again + 1}: {keys[again]}: this key stands in line"):
        parse(content, "f")

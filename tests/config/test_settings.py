"""config.yaml is checked before anything runs."""

from pathlib import Path

import pytest

from spurious_rewards.config import settings
from spurious_rewards.runtime.errors import UserError

ROOT = Path(__file__).parents[2]


def test_an_unknown_suite_lists_those_there_are() -> None:
    with pytest.raises(
        UserError,
        match=r"config\.yaml: suite = organsim: no such suite; allowed: followups, laptop, laptop_more, one_gpu, organism, paper, small, smoke",  # noqa: E501
    ):
        settings.suite_file("organsim", ROOT)


@pytest.mark.parametrize(
    "name",
    [
        "a{b}.yaml",
        "a\nb.yaml",
        "a.yaml\n.yaml",
        ".yaml",
        "..yaml",
        "-x.yaml",
        "a b.yaml",
        "é.yaml",
        "$(touch x).yml",
        "x;y.yml",
    ],
)
def test_a_suite_is_named_like_everything_else(name: str, tmp_path: Path) -> None:
    """A suite's name goes into all paths of its results, all commands and all strings that Snakemake formats."""
    (tmp_path / name).touch()
    with pytest.raises(UserError, match="letters a to z, digits and _"):
        settings.suite_file(str(tmp_path / name), ROOT)


@pytest.mark.parametrize("folder", ["a b", "é中\N{IDEOGRAPHIC SPACE}x", "a'b$(c)#{d}", "-x", "a*b[c]"])
def test_a_suite_may_lie_anywhere(folder: str, tmp_path: Path) -> None:
    path = tmp_path / folder / "mine-2.1+x_y.yaml"
    path.parent.mkdir()
    path.touch()
    assert settings.suite_file(str(path), ROOT) == path


@pytest.mark.parametrize("folder", ["a\nb", "a\x1b[2Jb", "a\N{RIGHT-TO-LEFT OVERRIDE}b"])
def test_a_suite_in_a_folder_that_no_line_can_show_is_refused(folder: str, tmp_path: Path) -> None:
    path = tmp_path / folder / "mine.yaml"
    path.parent.mkdir()
    path.touch()
    with pytest.raises(UserError, match="controls a terminal"):
        settings.suite_file(str(path), ROOT)


def test_a_name_of_a_suite_is_no_path(tmp_path: Path) -> None:
    suites = tmp_path / "config/suites"
    suites.mkdir(parents=True)
    (tmp_path / "other.yaml").touch()
    with pytest.raises(UserError, match="no such suite"):
        settings.suite_file("../../other", tmp_path)


def test_a_suite_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    with pytest.raises(UserError, match="no such file"):
        settings.suite_file(str(path), ROOT)
    path.touch()
    assert settings.suite_file(str(path), ROOT) == path


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"siute": "small"}, r"siute = \"small\": no such key, did you mean suite\?"),
        ({"tracking": "wandv"}, r"tracking = \"wandv\": should be 'wandb' or 'none'"),
        ({"threads": 0}, r"threads = 0: should be greater than or equal to 1"),
        ({"sources": {"a/b": "/nowhere"}}, r"sources\.a/b = /nowhere: no such file or folder"),
    ],
)
def test_wrong_keys_and_values_are_named(config: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=rf"^config\.yaml: {said}"):
        settings.read(config)


def test_a_local_copy_may_be_gone_whose_content_is_remembered() -> None:
    sources = {"a/b": "/nowhere", "a/c": "/elsewhere"}
    read = settings.read({"sources": sources}, lambda path: path in (Path("/nowhere"), Path("/elsewhere")))
    assert {key: str(path) for key, path in read.sources.items()} == sources
    with pytest.raises(UserError, match=r"sources\.a/c = /elsewhere: no such file or folder"):
        settings.read({"sources": sources}, lambda path: path == Path("/nowhere"))


@pytest.mark.parametrize(
    ("suite", "option", "elsewhere"),
    [
        ("organism", [], []),
        ("smoke", ["--config", "suite=smoke"], ["--config", "suite=smoke"]),
        ("my/own.yaml", ["--config", "suite=my/own.yaml"], ["--config", "suite=my/own.yaml"]),
        ("/home/someone/own.yaml", ["--config", "suite=/home/someone/own.yaml"], ["--config", "suite=own.yaml"]),
    ],
)
def test_commands_choose_the_suite_as_it_was_chosen(suite: str, option: list[str], elsewhere: list[str]) -> None:
    chosen = settings.Settings(suite=suite)
    assert (chosen.option, chosen.option_elsewhere) == (option, elsewhere)

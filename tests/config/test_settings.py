"""config.yaml is checked before anything runs."""

from pathlib import Path

import pytest

from spurious_rewards.config import settings
from spurious_rewards.runtime.errors import UserError

ROOT = Path(__file__).parents[2]


def test_an_unknown_suite_lists_those_there_are() -> None:
    with pytest.raises(
        UserError,
        match=r"config\.yaml: suite = organsim: no such suite; allowed: one_gpu, organism, paper, small, smoke",
    ):
        settings.suite_file("organsim", ROOT)


@pytest.mark.parametrize("name", ["a{b}.yaml", "}.yml", "a\nb.yaml", ".yaml", "..yaml"])
def test_a_suite_whose_results_snakemake_cannot_make_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    with pytest.raises(UserError, match="no braces and no line breaks"):
        settings.suite_file(str(tmp_path / name), ROOT)


@pytest.mark.parametrize("name", ["a b.yaml", "é中.yaml", "a'b$c#.yml", "-x.yaml", "a*b[c].yaml"])
def test_a_suite_may_have_any_other_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    assert settings.suite_file(str(tmp_path / name), ROOT) == tmp_path / name


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

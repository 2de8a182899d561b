"""Nothing is done through a symbolic link inside the results; the results folder itself may be a link."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spurious_rewards.artifacts.checkpoints import write_stub
from spurious_rewards.artifacts.manifests import manifests_below
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import remove, replacing
from spurious_rewards.runtime.links import below, refuse_links, refuse_links_below, refuse_links_in
from spurious_rewards.runtime.locks import exclusive


@pytest.fixture
def victim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder outside the current folder that must not be touched."""
    folder, here = tmp_path / "victim", tmp_path / "checkout"
    (folder / "step10").mkdir(parents=True)
    (folder / "step10/weights").write_text("mine")
    here.mkdir()
    monkeypatch.chdir(here)
    return folder


def write(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text("ours")


def lock(path: Path) -> None:
    with exclusive(path):
        pass


def link(path: Path, to: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(to)
    return path


@pytest.mark.parametrize("act", [write, remove, lock])
@pytest.mark.parametrize("at", ["problems", "runs/a", "runs/a/checkpoints", "runs/results/checkpoints"])
@pytest.mark.parametrize("absolute", [False, True])
def test_nothing_below_a_suites_results_is_done_through_a_link(
    victim: Path, act: Callable[[Path], None], at: str, absolute: bool
) -> None:
    there = link(Path("results/smoke") / at, victim)
    path = there / "step10"
    with pytest.raises(UserError, match=rf"results/smoke/{at}: is a symbolic link to {victim}, .*delete the link"):
        act(path.absolute() if absolute else path)
    assert (victim / "step10/weights").read_text() == "mine"
    assert [path.name for path in victim.iterdir()] == ["step10"]


@pytest.mark.parametrize("act", [write, remove])
def test_a_link_in_place_of_an_artifact_is_refused(victim: Path, act: Callable[[Path], None]) -> None:
    for to in (victim, victim / "step10/weights", victim / "nothing"):
        path = link(Path(f"results/smoke/{to.name}.csv"), to)
        with pytest.raises(UserError, match="is a symbolic link"):
            act(path)
        assert path.is_symlink()
    assert (victim / "step10/weights").read_text() == "mine"


@pytest.mark.parametrize("linked", ["results", "results/smoke"])
def test_results_may_lie_on_another_disk(victim: Path, linked: str) -> None:
    link(Path(linked), victim)
    path = Path("results/smoke/problems/sums.parquet")
    write(path)
    refuse_links_in(Path("results/smoke"))
    assert path.read_text() == "ours"
    remove(path)
    assert not path.exists()


def test_a_checkout_may_lie_behind_links_and_below_a_folder_of_that_name(
    victim: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = link(tmp_path / "results/of-mine/here", victim)
    write(here / "results/smoke/a.csv")
    monkeypatch.chdir(here)
    refuse_links(here / "results/smoke/a.csv")
    refuse_links(Path("results/smoke/a.csv"))


def test_checkpoints_have_no_links_wherever_they_are(victim: Path, tmp_path: Path) -> None:
    there = link(tmp_path / "checkpoints/seed0/step10", victim / "step10")
    with pytest.raises(UserError, match=r"seed0/step10: is a symbolic link"):
        remove(there / "weights")
    with pytest.raises(UserError, match=r"seed0/step10: is a symbolic link"):
        refuse_links_below(tmp_path / "checkpoints")
    assert (victim / "step10/weights").exists()


def test_before_a_run_only_the_links_of_wandb_are_let_be(victim: Path) -> None:
    results = Path("results/smoke")
    run = results / "wandb/wandb/offline-run-1"
    run.mkdir(parents=True)
    link(run.with_name("latest-run"), Path("offline-run-1"))
    (run / "logs").mkdir()
    link(run / "logs/debug-core.log", victim / "core-debug.log")  # as wandb does, with a target in ~/.cache
    refuse_links_in(results)
    outside = link(results / "wandb/elsewhere", victim)
    with pytest.raises(UserError, match=r"wandb/elsewhere: is a symbolic link"):
        refuse_links_in(results)
    outside.unlink()
    link(results / "logs/train/a.log", victim / "step10/weights")
    with pytest.raises(UserError, match=r"logs/train/a\.log: is a symbolic link"):
        refuse_links_in(results)


# ---------------------------------------------------------------- deeply nested folders


@pytest.fixture
def nested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Nest folders 1,100 deep: deeper than Python's recursion limit, with a path longer than the system allows."""
    monkeypatch.chdir(tmp_path)
    for _ in range(1100):
        os.mkdir("deep")
        os.chdir("deep")
    os.chdir(tmp_path)
    yield tmp_path
    subprocess.run(["rm", "-rf", str(tmp_path / "deep")], check=True)


@pytest.mark.parametrize(
    "look", [refuse_links_in, lambda folder: list(manifests_below(folder)), lambda folder: write_stub(folder)]
)
def test_folders_without_end_are_refused(look: Callable[[Path], object], nested: Path) -> None:
    with pytest.raises(
        UserError, match=r"deep/deep/deep: folders lie in one another more than 50 deep there; delete it"
    ):
        look(nested)


def test_everything_below_a_folder_is_found_and_no_link_is_followed(tmp_path: Path) -> None:
    for name in ("b/c/d", "a"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "b/x").touch()
    (tmp_path / "link").symlink_to(tmp_path / "b")
    assert [str(path.relative_to(tmp_path)) for path in below(tmp_path)] == ["a", "b", "link", "b/c", "b/x", "b/c/d"]
    assert list(below(tmp_path / "nowhere")) == []

"""The trainer's state in an untrusted checkpoint: a valid one is accepted, any other is refused and never executed."""

import json
import os
import pickle
import shutil
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from launched import TRAINING, at_call, generating, run
from transformers import Trainer

from spurious_rewards.runtime.errors import UserError
from spurious_rewards.training import state_trial
from spurious_rewards.training.state import PICKLES, check_state

UPDATES = TRAINING.optimizer_steps


@pytest.fixture(scope="module")
def whole(organism_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkpoint after one training step, with the trainer's state."""
    return run(organism_model, tmp_path_factory.mktemp("state"), 1, TRAINING) / "checkpoints/seed0/step1"


@pytest.fixture
def state(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "step1"))


class Call:
    """An object whose pickle calls a function when it is loaded."""

    def __init__(self, function: Callable[..., Any], *given: Any):
        self.function, self.given = function, given

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.function, self.given


def hostile(folder: Path) -> Call:
    """Return an object whose pickle creates a folder when it is loaded."""
    return Call(os.mkdir, str(folder))


def test_what_training_leaves_is_taken(whole: Path) -> None:
    check_state(whole, UPDATES)
    assert {"optimizer.pt", "scheduler.pt", "rng_state.pth"} <= {path.name for path in whole.iterdir()}


@pytest.mark.parametrize("name", ["optimizer.pt", "optimizer.bin", "scheduler.pt", "scaler.pt", "rng_state.pth"])
@pytest.mark.parametrize("kind", ["of torch", "plain"])
def test_a_hostile_pickle_is_refused_and_not_run(state: Path, tmp_path: Path, name: str, kind: str) -> None:
    ran = tmp_path / "ran"
    if kind == "plain":
        (state / name).write_bytes(pickle.dumps(hostile(ran)))
    else:
        torch.save({"state": hostile(ran)}, state / name)
    with pytest.raises(
        UserError, match=rf"step1/{name}: not what the trainer writes, or damaged .*copy the checkpoint again"
    ):
        check_state(state, UPDATES)
    assert not ran.exists()


def nested(levels: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(levels):
        found = [found, found]
    return found


def nested_tuples(levels: int) -> tuple[Any, ...]:
    found: tuple[Any, ...] = ()
    for _ in range(levels):
        found = (found, found)
    return found


class KeyOf:
    """An object whose pickle is a mapping with a nested-tuple key; writing a real one would hash the key."""

    def __init__(self, levels: int):
        self.levels = levels

    def __reduce__(self) -> tuple[Any, ...]:
        return OrderedDict, (), None, None, iter([(nested_tuples(self.levels), 1)])


def test_a_key_that_takes_for_ever_to_hash_is_refused(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_trial, "SECONDS", 2.0)
    torch.save({"state": KeyOf(60)}, state / "optimizer.pt")
    with pytest.raises(UserError, match=r"optimizer\.pt: .*does not end within 2 seconds.*copy the checkpoint"):
        check_state(state, UPDATES)


GROWING: dict[str, tuple[Any, str]] = {
    "bytes that are not there": (Call(bytearray, 20 * 2**30), "takes more than 1 GiB of memory"),
    "some bytes, often": ([Call(bytearray, 2**28) for _ in range(40)], "takes more than 1 GiB of memory"),
    "a number for a whole tensor": (torch.zeros(1).expand(10**10), "more memory than the file has bytes"),
    "one tensor in many places": ([torch.zeros(10**5)] * 1000, "more memory than the file has bytes"),
    "lists of lists": (nested(40), "more memory than the file has bytes"),
}


@pytest.mark.parametrize("what", GROWING)
@pytest.mark.parametrize("name", ["scheduler.pt", "rng_state.pth"])
def test_a_small_file_that_stands_for_gigabytes_is_refused(state: Path, name: str, what: str) -> None:
    content, said = GROWING[what]
    torch.save({"state": content}, state / name)
    with pytest.raises(UserError, match=rf"step1/{name}: not what the trainer writes, .*{said}.*copy the checkpoint"):
        check_state(state, UPDATES)


def test_a_compressed_state_and_one_of_an_old_format_are_refused(state: Path) -> None:
    """The trainer writes neither: torch would unpack the first, and read the second without knowing its sizes."""
    file = state / "optimizer.pt"
    torch.save({"state": torch.zeros(10**6)}, file)
    with zipfile.ZipFile(file) as plain:
        entries = {entry.filename: plain.read(entry) for entry in plain.infolist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in entries.items():
            packed.writestr(name, content)
    with pytest.raises(UserError, match=r"optimizer\.pt: .*would unpack to more than its size"):
        check_state(state, UPDATES)
    torch.save({"state": Call(bytearray, 20 * 2**30)}, file, _use_new_zipfile_serialization=False)
    with pytest.raises(UserError, match=r"optimizer\.pt: not what the trainer writes"):
        check_state(state, UPDATES)


@pytest.mark.parametrize("pattern", PICKLES)
def test_what_is_no_file_is_named(state: Path, pattern: str) -> None:
    name = pattern.replace("*", "")
    (state / name).unlink(missing_ok=True)
    os.mkfifo(state / name)
    with pytest.raises(UserError, match=rf"step1/{name}: not a file"):
        check_state(state, UPDATES)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("", "not JSON"),
        ("[]", "should be"),
        ("[" * 10**5, "nested too deep"),
        ({"global_step": "1"}, "global_step"),
        ({"global_step": 10**30}, "global_step"),
        ({"global_step": 0}, rf"global_step = 0: it is {UPDATES} after"),
        ({"epoch": "long"}, "epoch"),
        ({"log_history": 5}, "log_history"),
        ({"stateful_callbacks": []}, "stateful_callbacks"),
        ({"unheard_of": 1}, "not what the trainer writes"),
    ],
)
def test_a_record_of_another_shape_is_named(state: Path, change: object, said: str) -> None:
    record = state / "trainer_state.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | change) if isinstance(change, dict) else str(change))
    with pytest.raises(UserError, match=rf"step1/trainer_state\.json: .*{said}"):
        check_state(state, UPDATES)


def test_the_trainers_own_loading_runs_no_pickle_either(state: Path, tmp_path: Path) -> None:
    """The file may change between `check_state` and the trainer's own loading."""
    torch.save(hostile(tmp_path / "ran"), state / "rng_state.pth")
    with pytest.raises(pickle.UnpicklingError):
        Trainer._load_rng_state(_OneProcess(), str(state))
    assert not (tmp_path / "ran").exists()


class _OneProcess:
    class args:  # noqa: N801  # the trainer's name
        world_size = 1


def test_training_does_not_go_on_from_a_hostile_state(organism_model: Path, tmp_path: Path) -> None:
    def die() -> None:
        raise RuntimeError("a crash")

    with generating(at_call(2, die)), pytest.raises(RuntimeError, match="a crash"):
        run(organism_model, tmp_path, 2, TRAINING)
    half = tmp_path / ".partial/seed0.unfinished/step1"
    torch.save({"state": hostile(tmp_path / "ran")}, half / "optimizer.pt")
    with pytest.raises(UserError, match=r"step1/optimizer\.pt: not what the trainer writes"):
        run(organism_model, tmp_path, 2, TRAINING)
    assert not (tmp_path / "ran").exists()
    assert (half / "model.safetensors").exists()


@pytest.mark.parametrize("at", [".partial", ".partial/seed0.unfinished/step1", ".partial/seed0"])
def test_nothing_is_trained_through_a_link(organism_model: Path, tmp_path: Path, at: str) -> None:
    victim, output = tmp_path / "victim", tmp_path / "segment"
    victim.mkdir()
    (victim / "mine").write_text("mine")
    (output / at).parent.mkdir(parents=True)
    (output / at).symlink_to(victim)
    with pytest.raises(UserError, match=rf"{at}: is a symbolic link to {victim}"):
        run(organism_model, output, 1, TRAINING)
    assert [path.name for path in victim.iterdir()] == ["mine"]

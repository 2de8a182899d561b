import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from hub import Hub, commit_of, parquet, serving

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.local_copies import Locations
from spurious_rewards.config import settings as config_settings
from spurious_rewards.config.loading import load
from spurious_rewards.config.suite import Suite
from spurious_rewards.models import loading, references
from spurious_rewards.operations import fetch as fetch_module
from spurious_rewards.operations.fetch import fetch
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.stages import model_refs, prepare
from spurious_rewards.stages.study import Study

CLIENT = """
import json, sys
from pathlib import Path
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.config.loading import load
from spurious_rewards.operations.fetch import fetch
from spurious_rewards.problems.preparation import prepare

for line in sys.stdin:
    what, path, argument = json.loads(line)
    suite, path = load(Path(path)), Path(path)
    try:
        if what == "fetch":
            answer = fetch(suite, path, Path(argument))
        else:
            answer = prepare(suite.problems[argument], None, 0, {}, path.with_suffix(".lock.yaml"))[0].to_csv()
        print(json.dumps(answer), flush=True)
    except UserError as error:
        print(json.dumps(f"error: {error}"), flush=True)
"""
"""It reads commands from stdin, one a line. One process serves several commands because its start takes seconds."""

Ask = Callable[..., Any]


@contextmanager
def client(hub: Hub, home: Path, **environment: str) -> Iterator[tuple[Ask, subprocess.Popen[str]]]:
    """Start a client process whose hub is `hub`, and yield `ask(what, suite file, argument)` and the process."""
    addressed = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", **environment}
    process = subprocess.Popen(
        [sys.executable, "-c", CLIENT],
        env={**os.environ, **addressed},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def ask(what: str, path: Path, argument: Path | str, wait: bool = True) -> Any:
        process.stdin.write(json.dumps([what, str(path), str(argument)]) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline()) if wait else None

    try:
        yield ask, process
    finally:
        process.kill()
        process.communicate()


SUMS = {
    "data/train-00000-of-00001.parquet": parquet(
        [{"unique_id": f"s{n}", "problem": f"{n}+1", "answer": float(n + 1), "notes": ["long"]} for n in range(9)]
    )
}
# One subset has numbers as answers, the other has text.
TWO_PARTS = {
    "README.md": b"""---
configs:
- {config_name: I, data_files: [{split: test, path: one.jsonl}]}
- {config_name: II, data_files: [{split: test, path: two.jsonl}]}
---
""",
    "one.jsonl": b'{"question": "1+1", "answer": 2}\n',
    "two.jsonl": b'{"question": "1+2", "answer": "3/1"}\n',
}
PROBLEMS = {
    "sums": {"hub": "some/sums"},
    "one_sum": {"hub": "some/sums", "limit": 1, "columns": {"id": "unique_id"}},
    "parts": {"hub": "some/parts", "subsets": ["I", "II"], "split": "test", "columns": {"problem": "question"}},
    "own": {"path": "own.jsonl"},
}


@pytest.fixture(scope="module")
def model_files(tiny_model: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in tiny_model.iterdir()}


def parts(folder: Path) -> list[Path]:
    """Return the files whose download is not complete."""
    return list(folder.rglob("*.incomplete"))


def sent(hub: Hub, repository: str) -> list[str]:
    """Return the names of a repository's files that the hub sent."""
    return [request.split("/")[-1] for request in hub.requests if request.startswith(f"GET /{repository}/resolve/")]


def suite_file(folder: Path, **changes: Any) -> Path:
    """Write a suite of hub models and problems into a folder of suites, and return its path."""
    path = folder / "config" / "suites" / "mine.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    hub_model = {"source": "hub", "id": "some/model", "prompt": "plain", "max_positions": 64}
    content = {
        "title": "Mine",
        "problems": PROBLEMS,
        "training_problems": "sums",
        "benchmarks": {"sums": {"problems": "sums"}, "parts": {"problems": "parts"}},
        "prompts": {"plain": {"kind": "raw"}},
        "models": {"one": hub_model, "same": hub_model},
        "rewards": {"format": {"function": "format"}},
        "training": {"max_prompt_tokens": 32, "max_new_tokens": 16, "segment_steps": 5, "eval_every": 5},
        "sampling": {"max_new_tokens": 16},
        "experiments": {
            "main": {"title": "Main", "models": ["one"], "rewards": ["format"], "seeds": ["0"], "steps": 5}
        },
        "report": {"headline": "main"},
    }
    path.write_text(yaml.safe_dump({**content, **changes}, sort_keys=False))
    return path


def files(folder: Path) -> dict[str, bytes]:
    """Return the files in a folder, without the hub client's own notes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".cache" not in path.parts
    }


def test_an_imported_folder_that_is_not_there_is_not_fetched(tmp_path: Path) -> None:
    imported = {"model": "one", "reward": "format", "checkpoints": {5: "/nowhere/step5"}, "origin": "a friend"}
    path = suite_file(tmp_path, imports=[imported])
    assert set(fetch_module._models(load(path), path)) == {"some/model"}


def test_a_fetch_goes_on_notices_damage_and_serves_without_the_hub(
    tmp_path: Path, model_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = {"model": "one", "reward": "format", "checkpoints": {5: "some/trained"}, "origin": "a friend"}
    path, to = suite_file(tmp_path, imports=[imported]), tmp_path / "copy"
    model = to / "models" / "some--model"
    commits = {
        "some/sums": SUMS,
        "some/parts": TWO_PARTS,
        "some/model": {**model_files, "extra.bin": b"of no use"},
        "some/trained": {**model_files, "README.md": b"nor this"},
    }
    with serving({hub_id: [files] for hub_id, files in commits.items()}) as hub:
        with client(hub, tmp_path / "home") as (ask, process):
            # The command names gated repositories whose terms were not accepted before it downloads anything.
            hub.gated.add("some/trained")
            said = ask("fetch", path, to)
            assert said.startswith("error: some/trained: the hub gives this model only to those who accepted its terms")
            assert not [request for request in hub.requests if "/resolve/" in request]
            hub.gated.clear()

            # Kill the process in the middle of the weights.
            hub.stalls_after = 1000
            ask("fetch", path, to, wait=False)
            while set(files(model)) != model_files.keys() - {"model.safetensors"} or not parts(model):
                assert process.poll() is None
                time.sleep(0.05)
            process.kill()
            process.wait()
            hub.stalls_after = None
        hub.requests.clear()

        with client(hub, tmp_path / "home") as (ask, _):
            assert ask("fetch", path, to) is None
            assert sent(hub, "some/model") == ["model.safetensors"]
            assert not sent(hub, "datasets/some/sums")
            assert not parts(to)
            assert files(model) == files(to / "models" / "some--trained") == model_files
            record = json.loads((to / "fetched.json").read_text())
            assert {hub_id: copy["revision"] for kind in record.values() for hub_id, copy in kind.items()} == {
                hub_id: commit_of(content) for hub_id, content in commits.items()
            }
            weights = model_files["model.safetensors"]
            assert record["models"]["some/model"]["files"]["models/some--model/model.safetensors"] == {
                "size": len(weights),
                "sha256": hashlib.sha256(weights).hexdigest(),
            }
            assert pq.read_table(to / "problems/some--sums.parquet").column_names == ["answer", "problem", "unique_id"]

            # A complete copy needs no hub. A file that was cut, or changed at equal length, is downloaded again, alone.
            whole = files(to)
            hub.down = True
            assert ask("fetch", path, to) is None
            (model / "model.safetensors").write_bytes(weights[:-1])
            assert "some/model: cannot be fetched from the hub" in ask("fetch", path, to)
            hub.down = False
            hub.requests.clear()
            (model / "config.json").write_bytes(model_files["config.json"].replace(b"2", b"3", 1))
            (to / "problems/some--sums.parquet").unlink()
            assert ask("fetch", path, to) is None
            assert files(to) == whole
            assert sorted(sent(hub, "some/model")) == ["config.json", "model.safetensors"]
            assert not sent(hub, "some/trained")

            # A file that differs from what the hub says is deleted.
            hub.corrupts = True
            (model / "model.safetensors").unlink()
            assert "did not arrive as the hub has it and was deleted; run the command again" in ask("fetch", path, to)
            assert not (model / "model.safetensors").exists()
            hub.corrupts = False
            assert ask("fetch", path, to) is None
            assert files(to) == whole
            from_hub = {name: ask("prepare", path, name) for name in ("sums", "one_sum", "parts")}

    # Now there is no hub: problems and models must be those that the hub had.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    text = (to / "sources.yaml").read_text()
    assert f"snakemake --configfile {to / 'sources.yaml'} --config suite=mine --cores all" in text
    settings = config_settings.read(yaml.safe_load(text))
    assert settings.sources.keys() == commits.keys()
    study = Study(load(path), settings, path)
    for name, expected in from_hub.items():
        output = tmp_path / f"{name}.parquet"
        job, locations = prepare.job(study, name), as_told(study, prepare.copies(study, name).values())
        prepare.work(job, {}, {"problems": output}, locations=locations)
        assert tables.read(output, tables.Problems).to_csv() == expected
    (weights_of,) = model_refs.untrained(study, "one", "base").values()
    folder = references.locate(weights_of, as_told(study, model_refs.local_copies(study, "one")))
    assert folder == to / "models/some--model"
    assert loading.load_model(folder, "float32").num_parameters() > 10_000


def as_told(study: Study, copies: Iterable[Path]) -> Locations:
    """Return where copies lie, in the form in which a job gets it."""
    return {content: Path(path) for content, path in study.contents.locations(copies).items()}


def fitting(folder: Path, **changes: Any) -> tuple[Suite, Path]:
    path = suite_file(folder, **changes)
    return load(path), path


@pytest.mark.parametrize(("key", "value"), [("split", "test"), ("subsets", ["I"]), ("revision", "v2")])
def test_one_copy_cannot_stand_for_two_parts_of_a_data_set(tmp_path: Path, key: str, value: object) -> None:
    problems = {**PROBLEMS, "other": {"hub": "some/sums", key: value}}
    suite, path = fitting(tmp_path, problems=problems)
    with pytest.raises(UserError, match=rf"problems\.sums and problems\.other need different {key} of some/sums"):
        fetch(suite, path, tmp_path / "copy")


def test_one_copy_cannot_stand_for_two_revisions_of_a_model(tmp_path: Path) -> None:
    one = {"source": "hub", "id": "some/model", "prompt": "plain", "max_positions": 64}
    suite, path = fitting(tmp_path, models={"one": one, "old": {**one, "revision": "v1"}})
    with pytest.raises(UserError, match=r"some/model is asked for at the revisions main and v1"):
        fetch(suite, path, tmp_path / "copy")


# ---------------------------------------------------------------- folders from other people


def record_of(to: Path, name: str) -> None:
    """Write a record with a wrong size and hash for one file."""
    copy = {"revision": "0" * 40, "asked": {}, "files": {name: {"size": 1, "sha256": "0" * 64}}}
    (to / "fetched.json").write_text(json.dumps({"models": {"some/model": copy}, "datasets": {}}))


def pinned(folder: Path, **changes: Any) -> tuple[Suite, Path]:
    """Return a suite of one model at a fixed commit, and its path.

    The command therefore looks at the copy before it asks any hub.
    """
    model = {"source": "hub", "id": "some/model", "revision": "0" * 40, "prompt": "plain", "max_positions": 64}
    own = {"own": {"path": "own.jsonl"}}
    changes = {"benchmarks": {"own": {"problems": "own"}}, "training_problems": "own", "problems": own, **changes}
    return fitting(folder, models={"one": model}, **changes)


@pytest.mark.parametrize("name", ["../victim.txt", "{tmp}/victim.txt", "models/../../victim.txt", "models//x", "a\0b"])
def test_a_record_names_no_file_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    victim, to = tmp_path / "victim.txt", tmp_path / "copy"
    victim.write_text("mine")
    to.mkdir()
    record_of(to, name.format(tmp=tmp_path))
    with pytest.raises(UserError, match=r"fetched\.json: .*allowed: the path of a file below the folder"):
        fetch(*pinned(tmp_path), to)
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("link", ["models", "models/some--model", "models/some--model/config.json"])
def test_nothing_is_fetched_or_deleted_through_a_link(tmp_path: Path, link: str) -> None:
    victim, to = tmp_path / "victim", tmp_path / "copy"
    (victim / "some--model").mkdir(parents=True)
    (victim / "config.json").write_text("mine")
    (to / link).parent.mkdir(parents=True)
    (to / link).symlink_to(victim / "config.json" if link.endswith("json") else victim)
    record_of(to, "models/some--model/config.json")
    with pytest.raises(UserError, match=rf"copy/{link}: is a symbolic link to .*delete the link"):
        fetch(*pinned(tmp_path), to)
    assert (victim / "config.json").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "recorded"),
    [
        ("models/some--model/notes.txt", False),
        ("models/some--model/notes.txt", True),
        ("models/some--model/config.json", False),
        ("problems/some--sums.parquet", False),
    ],
)
def test_a_file_that_no_fetch_left_stays(
    tmp_path: Path, model_files: dict[str, bytes], name: str, recorded: bool
) -> None:
    path, to = suite_file(tmp_path), tmp_path / "copy"
    own = to / name
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    if recorded:
        record_of(to, name)
    hubs = {"some/model": [model_files], "some/sums": [SUMS], "some/parts": [TWO_PARTS]}
    with serving(hubs) as hub, client(hub, tmp_path / "home") as (ask, _):
        said = ask("fetch", path, to)
    assert said == (
        f"error: {own}: stands where a copy of the hub's belongs, and is not one; move it away, or name another folder"
    )
    assert own.read_text() == "mine"


def test_a_hub_id_is_no_path(tmp_path: Path) -> None:
    model = {"source": "hub", "id": "..", "prompt": "plain", "max_positions": 64}
    suite, path = fitting(tmp_path, models={"one": model})
    with pytest.raises(UserError, match=r"\.\. is no id of the Hugging Face hub"):
        fetch(suite, path, tmp_path / "copy")

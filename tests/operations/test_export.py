"""Contents and metadata of a crate. tests/workflow/test_manifests.py checks that it is a valid RO-Crate."""

import hashlib
import json
import os
import tomllib
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from spurious_rewards.artifacts.manifests import Recorder, manifest_path
from spurious_rewards.config.loading import load
from spurious_rewards.config.settings import Settings
from spurious_rewards.operations.export import LICENSE, export
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.stages.study import Study

CHECKOUT = Path(__file__).parents[2]
RESULTS = Path("results/smoke")
PROBLEMS = RESULTS / "problems/sums.parquet"
SEGMENT = RESULTS / "runs/no-code/plain/format/default/seeds0-1/segments/0-8"
SCORES = RESULTS / "experiments/main/no-code"


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or str(path))
    return path


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """Return the smoke suite in a small checkout, with results of a few jobs and a reward from outside the checkout."""
    folder = tmp_path / "checkout"
    suite = write(folder / "config/suites/smoke.yaml", (CHECKOUT / "config/suites/smoke.yaml").read_text())
    monkeypatch.chdir(folder)
    for name in (
        "Snakefile",
        "workflow/rules/all.smk",
        "src/spurious_rewards/cli.py",
        "src/spurious_rewards/__pycache__/x",
    ):
        write(Path(name))
    for name in ("logs/all.log", "wandb/run", "runs/.partial/half.parquet", "problems/.sums.parquet.lock"):
        write(RESULTS / name)
    reward = write(tmp_path / "mine.py")
    Recorder("prepare", {"name": "sums"}).write(write(PROBLEMS), [])
    base = RESULTS / "models/no-code/pretrained/seed0"
    write(base / "model.safetensors")
    Recorder("pretrain", {"seed": 0}).write(base)
    write(SEGMENT / "checkpoints/seed0/step8/model.safetensors")
    for artifact in (SEGMENT / "checkpoints", write(SEGMENT / "metrics.parquet")):
        Recorder("train", {"start": 0}).write(artifact, [PROBLEMS, reward, base])
    responses = write(SEGMENT / "responses.parquet")
    Recorder("generate", {}).write(responses, [PROBLEMS, SEGMENT / "checkpoints/seed0/step8"])
    files = [write(SCORES / name) for name in ("scores.parquet", "headline.csv")]
    Recorder("score", {}).write(SCORES, [responses, SEGMENT / "metrics.parquet"], files)
    return naming(Study(load(suite), Settings(suite="smoke"), Path("config/suites/smoke.yaml")), reward)


def naming(study: Study, *files: Path) -> Study:
    """Return the study with these files added to the sources that its settings name."""
    sources = {f"some/{number}": path for number, path in enumerate([*study.settings.sources.values(), *files])}
    study.settings = study.settings.model_copy(update={"sources": sources})
    return study


def metadata(crate: Path) -> dict[str, dict[str, Any]]:
    """Return the entities of a crate by their id."""
    return {one["@id"]: one for one in json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]}


def ids(value: Any) -> list[str]:
    return [one["@id"] for one in (value if isinstance(value, list) else [value])]


def of_stage(entities: dict[str, dict[str, Any]], stage: str) -> dict[str, Any]:
    tool = {"@id": f"#spurious-rewards-{stage}"}
    (action,) = (one for one in entities.values() if one["@type"] == "CreateAction" and one["instrument"] == tool)
    return action


def test_everything_is_in_it_but_weights_logs_and_unfinished_work(study: Study, tmp_path: Path) -> None:
    export(study, tmp_path / "crate")
    there = {path.relative_to(tmp_path / "crate") for path in (tmp_path / "crate").rglob("*") if path.is_file()}
    artifacts = [PROBLEMS, SEGMENT / "metrics.parquet", SEGMENT / "responses.parquet"]
    folders = [RESULTS / "models/no-code/pretrained/seed0", SEGMENT / "checkpoints", SCORES]
    assert there == {
        *artifacts,
        *map(manifest_path, [*artifacts, *folders]),
        *(SCORES / name for name in ("scores.parquet", "headline.csv")),
        *map(Path, ("Snakefile", "workflow/rules/all.smk", "src/spurious_rewards/cli.py", "config/suites/smoke.yaml")),
        *map(Path, ("README.md", "ro-crate-metadata.json", "inputs/mine.py")),
    }


def test_files_of_one_name_from_elsewhere_are_all_in_it(study: Study, tmp_path: Path) -> None:
    other = write(tmp_path / "other/mine.py", "of another")
    Recorder("train", {"start": 8}).write(write(SEGMENT.with_name("8-16") / "metrics.parquet"), [PROBLEMS, other])
    export(naming(study, other), tmp_path / "crate")
    texts = {path.read_text() for path in (tmp_path / "crate/inputs").rglob("*") if path.is_file()}
    assert texts == {"of another", str(tmp_path / "mine.py")}


def test_a_zip_holds_the_same(study: Study, tmp_path: Path) -> None:
    export(study, tmp_path / "crate")
    export(study, tmp_path / "crate.zip")
    there = {str(path.relative_to(tmp_path / "crate")) for path in (tmp_path / "crate").rglob("*") if path.is_file()}
    with zipfile.ZipFile(tmp_path / "crate.zip") as archive:
        assert set(archive.namelist()) == there
        assert archive.read(str(SCORES / "headline.csv")).decode() == str(SCORES / "headline.csv")


def test_every_file_has_an_entity_with_its_hash_and_every_entity_a_file(study: Study, tmp_path: Path) -> None:
    export(study, tmp_path / "crate")
    entities = metadata(tmp_path / "crate")
    files = {key: one for key, one in entities.items() if "File" in one["@type"]}
    assert set(ids(entities["./"]["hasPart"])) == set(files)
    for key, one in files.items():
        content = (tmp_path / "crate" / key).read_bytes()
        if key not in ("README.md", "Snakefile"):
            assert one["sha256"] == hashlib.sha256(content).hexdigest()
            assert one["contentSize"] == str(len(content))
    there = {str(path.relative_to(tmp_path / "crate")) for path in (tmp_path / "crate").rglob("*") if path.is_file()}
    assert there == {*files, "ro-crate-metadata.json"}


def test_a_job_says_what_it_made_from_what_with_what_and_when(study: Study, tmp_path: Path) -> None:
    path = manifest_path(SEGMENT / "metrics.parquet")
    manifest = json.loads(path.read_text()) | {"created": "2100-01-01T00:01:00Z", "wall_seconds": 90.2}
    path.write_text(json.dumps(manifest))
    export(study, tmp_path / "crate")
    entities = metadata(tmp_path / "crate")
    train = of_stage(entities, "train")
    weights = f"#{SEGMENT / 'checkpoints'}"
    assert ids(train["result"]) == [weights, str(SEGMENT / "metrics.parquet")]
    assert ids(train["object"]) == [str(PROBLEMS), "inputs/mine.py", "#results/smoke/models/no-code/pretrained/seed0"]
    assert entities[weights]["@type"] == "CreativeWork"
    start, end = (datetime.fromisoformat(train[key]) for key in ("startTime", "endTime"))
    assert (end - start).seconds == 90
    assert manifest["git"]["commit"] in train["description"]
    assert entities[str(path)]["about"] == {"@id": train["@id"]}
    assert ids(of_stage(entities, "generate")["object"]) == [str(PROBLEMS), weights]  # the folder around the checkpoint
    assert ids(of_stage(entities, "score")["result"]) == [
        str(SCORES / name) for name in ("scores.parquet", "headline.csv")
    ]


def test_the_run_is_of_the_workflow_and_ends_in_what_nothing_was_made_of(study: Study, tmp_path: Path) -> None:
    export(study, tmp_path / "crate")
    entities = metadata(tmp_path / "crate")
    run, workflow = entities["#run"], entities["Snakefile"]
    assert entities["./"]["mainEntity"] == run["instrument"] == {"@id": "Snakefile"}
    assert ids(run["object"]) == ["config/suites/smoke.yaml"]
    assert ids(run["result"]) == [str(SCORES / name) for name in ("scores.parquet", "headline.csv")]
    stages = ("prepare", "pretrain", "train", "generate", "score")
    assert set(ids(workflow["hasPart"])) == {f"#spurious-rewards-{stage}" for stage in stages}
    assert {"numpy", "torch", "snakemake"} <= {entities[one]["name"] for one in ids(workflow["softwareRequirements"])}
    actions = [key for key, one in entities.items() if one["@type"] == "CreateAction"]
    assert set(ids(entities["./"]["mentions"])) == set(actions)


def test_a_problem_set_has_its_own_license(study: Study, tmp_path: Path) -> None:
    sums = study.suite.problems["sums"].model_copy(update={"license": "CC-BY-4.0"})
    study.suite = study.suite.model_copy(update={"problems": {**study.suite.problems, "sums": sums}})
    export(study, tmp_path / "crate")
    assert metadata(tmp_path / "crate")[str(PROBLEMS)]["license"] == "CC-BY-4.0"


def test_the_readme_shows_a_title_as_it_is(study: Study, tmp_path: Path) -> None:
    said = {"title": "<img src=x> [a](javascript:b)", "note": "![c](http://d)\n# e"}
    study.suite = study.suite.model_copy(update=said)
    export(study, tmp_path / "crate")
    lines = (tmp_path / "crate/README.md").read_text().splitlines()
    assert lines[0] == r"# \<img src=x> [a\](javascript:b)"
    assert lines[2] == r"![c\](http://d) # e"


def test_a_name_that_is_no_text_is_refused(study: Study, tmp_path: Path) -> None:
    write(RESULTS / "exhibits" / os.fsdecode(b"\xff.csv"), "made")
    with pytest.raises(UserError, match=r"exhibits/.*\.csv: this name is not UTF-8, .*; rename or delete the file"):
        export(study, tmp_path / "crate")
    assert not (tmp_path / "crate").exists()


def test_the_license_is_the_projects() -> None:
    assert tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["license"] == LICENSE


def test_a_file_that_was_changed_since_is_told(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(study, tmp_path / "crate")
    assert "not what" not in capsys.readouterr().err
    write(SCORES / "headline.csv", "edited")
    export(study, tmp_path / "another")
    assert f"note: 1 files are not what their manifests say, such as {SCORES}/headline.csv" in capsys.readouterr().err


def test_a_file_of_the_users_is_in_it_and_of_their_model_its_content(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, model = write(tmp_path / "mine.jsonl"), write(tmp_path / "model/config.json").parent
    locations = {content: Path(path) for content, path in study.contents.locations([file, model]).items()}
    Recorder("prepare", {"name": "sums"}, locations).write(PROBLEMS, [file])
    Recorder("generate", {}, locations).write(SEGMENT / "responses.parquet", [PROBLEMS, model])
    export(naming(study, file), tmp_path / "crate")
    entities = metadata(tmp_path / "crate")
    assert entities["inputs/mine.jsonl"]["sha256"] == study.contents.of(file).content
    assert entities["#inputs/model"]["description"].endswith(study.contents.of(model).content)
    assert sorted(capsys.readouterr().err.splitlines()) == [
        f"note: {file} goes into the archive as inputs/mine.jsonl",
        f"note: {tmp_path / 'mine.py'} goes into the archive as inputs/mine.py",
    ]
    write(file, "edited")
    export(study, tmp_path / "another")
    assert f"1 files are not what their manifests say, such as {file}" in capsys.readouterr().err


def test_what_stands_is_not_overwritten(study: Study, tmp_path: Path) -> None:
    there = write(tmp_path / "crate.zip", "mine")
    with pytest.raises(UserError, match=r"crate.zip: is there already"):
        export(study, there)
    assert there.read_text() == "mine"


def test_a_suite_of_which_nothing_was_made_is_complained_of(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"results/smoke: nothing was made of this suite yet"):
        export(study, tmp_path / "crate")
    assert not (tmp_path / "crate").exists()


# ---------------------------------------------------------------- private data


def contents(crate: Path) -> bytes:
    """Return all contents and names of a crate."""
    return b"".join(str(path).encode() + path.read_bytes() for path in sorted(crate.rglob("*")) if path.is_file())


def test_a_manifest_takes_no_file_along_that_nobody_else_names(study: Study, tmp_path: Path) -> None:
    private = [
        write(tmp_path / "private.txt", "PRIVATE"),
        write(Path(".env"), "PRIVATE"),
        write(Path("notes"), "PRIVATE"),
    ]
    hidden = write(tmp_path / ".ssh/id", "PRIVATE")  # the settings name it, but it is hidden
    winding = RESULTS / "../../../private.txt"
    responses = SEGMENT / "responses.parquet"
    Recorder("generate", {}).write(responses, [PROBLEMS, *private, hidden, winding, RESULTS / "logs/all.log"])
    forged = manifest_path(write(SEGMENT / "more.parquet"))
    forged.write_text(json.dumps(json.loads(manifest_path(responses).read_text()) | {"artifact": "/etc/passwd"}))
    export(naming(study, hidden), tmp_path / "crate")
    assert b"PRIVATE" not in contents(tmp_path / "crate")
    entities = metadata(tmp_path / "crate")
    assert "not in this archive" in entities["#inputs/private.txt"]["description"]
    assert {path.name for path in (tmp_path / "crate/inputs").iterdir()} == {"mine.py"}
    assert not (tmp_path / "crate/results/smoke/logs").exists()


def test_links_and_hidden_files_are_left_out_and_links_are_told(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private = write(tmp_path / "private/x.manifest.json", "PRIVATE")
    links = [SCORES / "more.csv", RESULTS / "problems/x.parquet.manifest.json", Path("workflow/x"), Path("envs")]
    for link in links:
        link.symlink_to(private.parent if link.name == "envs" else private)
    (RESULTS / "exhibits").symlink_to(private.parent)
    write(Path("profiles/.env"), "PRIVATE")
    export(study, tmp_path / "crate")
    assert b"PRIVATE" not in contents(tmp_path / "crate")
    told = capsys.readouterr().err
    assert all(f"note: {link}: a symbolic link" in told for link in [*links, RESULTS / "exhibits"])


def test_results_that_are_a_link_to_another_disk_are_taken(study: Study, tmp_path: Path) -> None:
    export(study, tmp_path / "crate")
    RESULTS.rename(tmp_path / "large")
    RESULTS.symlink_to(tmp_path / "large")
    export(study, tmp_path / "another")
    assert {str(path.relative_to(tmp_path / "crate")) for path in (tmp_path / "crate").rglob("*")} == {
        str(path.relative_to(tmp_path / "another")) for path in (tmp_path / "another").rglob("*")
    }


def test_no_place_of_this_machine_is_in_it(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    model, elsewhere = write(tmp_path / "models/own/config.json").parent, write(tmp_path / "data/x.jsonl", "{}")
    Recorder("generate", {"at": "/home/someone/x"}).write(
        SEGMENT / "responses.parquet", [PROBLEMS, model, elsewhere, Path("../data/x.jsonl")]
    )
    naming(study, elsewhere)
    write(Path("config.yaml"), f"sources:\n  some/sums: {elsewhere}\n")
    study.settings = study.settings.model_copy(update={"suite": str(study.suite_path.absolute())})
    export(study, tmp_path / "crate")
    said = contents(tmp_path / "crate").replace(str(tmp_path / "crate").encode(), b"")
    # The invented files contain their own paths.
    said = said.replace(str(tmp_path / "mine.py").encode(), b"", 1)
    assert str(tmp_path).encode() not in said
    assert b"/home/someone" not in said
    manifest = json.loads((tmp_path / "crate" / manifest_path(SEGMENT / "responses.parquet")).read_text())
    places = [parent["artifact"] for parent in manifest["parents"]]
    assert places == [str(PROBLEMS), "inputs/own", "inputs/x.jsonl", "inputs/x.jsonl"]
    assert (tmp_path / "crate/config.yaml").read_text() == "sources:\n  some/sums: inputs/x.jsonl\n"


@pytest.mark.parametrize(
    ("place", "text", "kind"),
    [
        (SCORES / "notes.md", "hub_key_of_mine_1234", "the value of HF_TOKEN"),
        (Path("src/spurious_rewards/x.py"), "wandb_key_of_mine_1234", "the value of WANDB_API_KEY"),
        (Path("config.yaml"), "token_in_the_home", "the token of token"),
        (Path("config.yaml"), "password_of_netrc", "the password of api.wandb.ai in ~/.netrc"),
        (Path("config.yaml"), "proxy: http://me:pass@proxy:3128", "an address with a user and a password"),
        (SCORES / "headline.csv", "hf_" + "a" * 34, "a token of the Hugging Face hub"),
        (SCORES / "headline.csv", "-----BEGIN OPENSSH PRIVATE KEY-----", "a private key"),
    ],
)
def test_no_key_goes_into_a_crate(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Path, text: str, kind: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("HF_HOME", "HF_TOKEN_PATH"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_TOKEN", "hub_key_of_mine_1234")
    monkeypatch.setenv("WANDB_API_KEY", "wandb_key_of_mine_1234")
    write(tmp_path / ".cache/huggingface/token", "token_in_the_home\n")
    write(tmp_path / ".netrc", "machine api.wandb.ai login user password password_of_netrc\n").chmod(0o600)
    export(study, tmp_path / "crate")
    assert b"_of_mine_1234" not in contents(tmp_path / "crate")
    write(place, text)
    with pytest.raises(UserError, match=rf"{place}: holds {kind}, which must not be in an archive") as raised:
        export(study, tmp_path / "another")
    assert text not in str(raised.value)
    assert not (tmp_path / "another").exists()

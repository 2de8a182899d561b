"""Publishing the results of a study, and verifying a study against published results."""

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from spurious_rewards.artifacts.manifests import Recorder, manifest_path
from spurious_rewards.config.loading import load
from spurious_rewards.config.settings import Settings
from spurious_rewards.operations import publish as publishing
from spurious_rewards.operations import verify as verifying
from spurious_rewards.operations.publish import publish
from spurious_rewards.operations.verify import verify
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.stages.study import Study

SMOKE = Path(__file__).parents[2] / "config" / "suites" / "smoke.yaml"
CLASS = "0a1b2c3d"


def git(*arguments: str) -> None:
    asked = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
    subprocess.run(asked, check=True, capture_output=True)


@pytest.fixture
def of_class(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that sets this machine's numeric class. Another test covers how the class is found."""

    def be(name: str) -> None:
        for module in (publishing, verifying):
            monkeypatch.setattr(module, "numeric_class", lambda portable: name)

    be(CLASS)
    return be


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of_class: Callable[[str], None]) -> Study:
    """Return the smoke suite in a repository of its own, with results as a run leaves them."""
    monkeypatch.chdir(tmp_path)
    suite = load(SMOKE)
    one = suite.model_copy(update={"exhibits": {"fig1": suite.exhibits["fig1"]}})
    study = Study(one, Settings(suite="smoke"), SMOKE)
    Path("constraints.txt").write_text("torch==1\n", encoding="utf-8")
    Path(".gitignore").write_text("results\n", encoding="utf-8")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "all")
    root = study.paths.root
    for folder, run in study.conditions.items():
        folder.mkdir(parents=True)
        (folder / "responses.parquet").write_bytes(str(folder).encode())
        if run.reward:
            for seed in (0, 1):
                weights = folder / "checkpoints" / f"seed{seed}" / "step8"
                weights.mkdir(parents=True)
                (weights / "model.safetensors").write_bytes(f"{folder} {seed}".encode())
    (root / "exhibits" / "fig1").mkdir(parents=True)
    (root / "exhibits" / "fig1" / "table.csv").write_text("reward,gain\nrandom,0.1234567890123\n", encoding="utf-8")
    for model in ("effective-code", "no-code"):
        scored = study.paths.scored("main", model)
        scored.mkdir(parents=True)
        (scored / "headline.csv").write_text("reward,difference\nrandom,0.25\n", encoding="utf-8")
    claims = "id,verdict,effect,low,high,claim\na,supported,0.2,0.1,0.3,A\nb,inconclusive,0.1,0,0.3,B\nc,not run,,,,C\n"
    (root / "claims.csv").write_text(claims, encoding="utf-8")
    (root / "report.html").write_text("", encoding="utf-8")
    for folder in study.conditions:
        manifest(folder / "responses.parquet")
    return study


def manifest(artifact: Path, hardware: Mapping[str, Any] = MappingProxyType({}), **changed: Any) -> None:
    """Write a manifest as the generate stage of the smoke suite does, with the given changes."""
    Recorder("generate", {"threads": 1, "portable": True}).write(artifact)
    path = manifest_path(artifact)
    said = json.loads(path.read_text(encoding="utf-8")) | {"git": {"commit": "0123456789", "clean": True}} | changed
    said["hardware"] |= hardware
    path.write_text(json.dumps(said), encoding="utf-8")


def test_what_is_published_is_verified(study: Study) -> None:
    assert publish(study) == Path("expected/smoke") / CLASS
    found = verify(study)
    # 1 number of the figure, 6 of the ledger, 2 of the headlines; 2 families x 3 rewards x 2 seeds
    assert (found.said, found.as_promised) == (f"identical: 9 numbers, 12 runs (numeric class {CLASS})", True)
    publish(study)
    assert verify(study) == found, "what was published is no change that stands in the way"


def changed(path: str, old: str, new: str) -> None:
    file = Path("results/smoke") / path
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_numbers_are_compared_to_ten_digits(study: Study) -> None:
    publish(study)
    changed("exhibits/fig1/table.csv", "0.1234567890123", "0.1234567890124")
    assert verify(study).as_promised
    changed("exhibits/fig1/table.csv", "0.1234567890124", "0.1234567990124")
    found = verify(study)
    assert not found.as_promised
    assert 'exhibits/fig1.csv, row 1, gain: "0.1234567990124", published "0.1234567890123"\n' in found.said
    assert "published: " in found.said
    assert "commit 0123456" in found.said


def test_a_claim_in_other_words_is_the_same_claim(study: Study) -> None:
    publish(study)
    changed("claims.csv", "0.3,A", "0.3,The same in other words")
    assert verify(study).as_promised


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        (
            "claims.csv",
            "supported",
            "contradicted",
            'claims.csv, row 1, verdict: "contradicted", published "supported"',
        ),
        ("claims.csv", "c,not run,,,,C\n", "", "claims.csv: other rows or columns"),
        ("exhibits/fig1/table.csv", "gain", "loss", "exhibits/fig1.csv: other rows or columns"),
    ],
)
def test_what_differs_is_named(study: Study, path: str, old: str, new: str, said: str) -> None:
    publish(study)
    changed(path, old, new)
    found = verify(study)
    assert not found.as_promised
    assert said in found.said


def test_the_first_difference_of_the_pipeline_is_named(study: Study) -> None:
    publish(study)
    changed("exhibits/fig1/table.csv", "0.123", "0.456")
    last = list(study.conditions)[-1]
    (last / "responses.parquet").write_bytes(b"other")
    assert (
        f"first difference is {last.relative_to(study.paths.root)}/responses.parquet (generate): " in verify(study).said
    )
    trained = next(folder for folder, run in study.conditions.items() if run.reward)
    (trained / "checkpoints" / "seed1" / "step8" / "model.safetensors").unlink()
    assert "seed1/step8/model.safetensors (train): not made here" in verify(study).said


def test_portable_digits_are_those_of_every_class(study: Study, of_class: Callable[[str], None]) -> None:
    publish(study)
    of_class("ffffffff")
    assert verify(study).as_promised
    (next(iter(study.conditions)) / "responses.parquet").write_bytes(b"other")
    assert not verify(study).as_promised


def all_made(study: Study, **changed: Any) -> None:
    for folder in study.conditions:
        manifest(folder / "responses.parquet", **changed)


def test_of_another_class_or_otherwise_made_effects_are_held_against_intervals(
    study: Study, of_class: Callable[[str], None]
) -> None:
    study = Study(study.suite.model_copy(update={"portable": False}), study.settings, study.suite_path)
    all_made(study, request={"threads": 1})
    publish(study)
    changed("claims.csv", "a,supported,0.2", "a,contradicted,0.4")
    assert not verify(study).as_promised
    of_class("ffffffff")
    found = verify(study)
    assert found.as_promised
    assert found.said.splitlines() == [
        f"not compared digit by digit: this machine's numeric class is ffffffff, and what is published is of {CLASS}",
        "1 of 2 claim effects are within the published 95 % intervals",
        "  a: 0.4, published [0.1, 0.3]",
        "1 of 3 verdicts differ from the published ones",
        "  a: contradicted, published supported",
    ]
    of_class(CLASS)
    for made, said in (
        ({"request": {"threads": 2}}, "published with threads 1, here 2"),
        ({"request": {"threads": 1, "portable": True}}, "published with portable false, here true"),
        ({"request": {"threads": 1}, "versions": {"torch": "1.0"}}, "here 1.0"),
        ({"request": {"threads": 1}, "hardware": {"processor": "p", "gpus": ["H100"]}}, "digits of GPUs differ"),
    ):
        all_made(study, **made)
        assert said in verify(study).said.splitlines()[0]
    first, *_ = study.conditions
    all_made(study, request={"threads": 1})
    manifest(first / "responses.parquet", versions={"torch": "1.0"})
    with pytest.raises(UserError, match=r"made with torch .* and .*; delete what one of them made and run again"):
        verify(study)


def test_what_cannot_be_published_or_verified_is_said(study: Study) -> None:
    with pytest.raises(UserError, match="no results of this suite are published"):
        verify(study)
    first, *_ = study.conditions
    manifest(first / "responses.parquet", hardware={"processor": "another", "gpus": []})
    with pytest.raises(UserError, match=r"made on .*another.*, with portable true; publish with the same settings"):
        publish(study)
    manifest(first / "responses.parquet", git={"commit": "0", "clean": False})
    with pytest.raises(UserError, match=r"responses\.parquet: made while changes were not committed"):
        publish(study)
    Path("constraints.txt").write_text("torch==2\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"constraints\.txt is not committed"):
        publish(study)
    study.paths.report().unlink()
    for command in (publish, verify):
        with pytest.raises(UserError, match="there is no report yet"):
            command(study)
    assert not Path("expected").exists()


def test_no_link_is_published_or_published_through(study: Study, tmp_path: Path) -> None:
    (secret := tmp_path / ".git" / "secret").write_text("a,b\n", encoding="utf-8")
    Path("expected").mkdir()
    (link := Path("expected/smoke")).symlink_to(secret.parent)
    with pytest.raises(UserError, match="smoke: is a symbolic link"):
        publish(study)
    link.unlink()
    table = study.paths.root / "exhibits" / "fig1" / "table.csv"
    table.unlink()
    table.symlink_to(secret)
    with pytest.raises(UserError, match=r"table\.csv: is a symbolic link"):
        publish(study)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "claims.csv",
            "id,verdict,effect,low,high\na,supported,1,0,2\na,supported,1,0,3\n",
            "several claims have one id",
        ),
        ("exhibits/fig1.csv", "\n" * 5_000_000, "more than 4,000,000 bytes"),
        ("exhibits/fig1.csv", f"a\n{'x' * 200_000}\n", "not a readable table"),
    ],
)
def test_what_a_stranger_published_is_read_within_limits(study: Study, name: str, content: str, said: str) -> None:
    folder = publish(study)
    (folder / name).write_text(content, encoding="utf-8")
    if name == "claims.csv":  # verification reads this file only where it expects other digits
        all_made(study, request={"threads": 2, "portable": True})
    with pytest.raises(UserError, match=said):
        verify(study)

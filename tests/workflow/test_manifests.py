"""Manifests of all artifacts of the workflow, and lineage, diff and export made from them, in the real workflow."""

import json
import subprocess
import sys
from pathlib import Path

import checkout
import pytest
from checkout import RESULTS, ROOT

from spurious_rewards.artifacts.ancestry import manifest_of
from spurious_rewards.artifacts.manifests import manifest_path, read
from spurious_rewards.runtime.files import sha256

VALIDATOR = ROOT / ".venv-crate/bin/rocrate-validator"
HEADLINE = RESULTS / "experiments/main/organism/headline.csv"


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the library in a checkout."""
    return subprocess.run(
        [sys.executable, "-m", "spurious_rewards.cli", *arguments],
        cwd=folder,
        env=checkout.environment(folder),
        capture_output=True,
        text=True,
    )


def declared(folder: Path) -> dict[Path, str]:
    """Return every output that a rule of the workflow declares, with the name of the rule."""
    rows = [line.split("\t") for line in checkout.snakemake(folder, "--summary").output.splitlines()]
    head = next(number for number, row in enumerate(rows) if row[0] == "output_file")
    return {folder / row[0]: row[2] for row in rows[head + 1 :] if len(row) == len(rows[head])}


# ---------------------------------------------------------------- manifests


def test_every_output_of_every_rule_has_a_manifest_that_knows_its_hash(finished: Path) -> None:
    checkout.change_suite(finished, "keep_weights", "reported")
    ended = checkout.snakemake(finished)
    assert ended.code == 0, ended.output
    outputs = declared(finished)
    assert {
        "prepare",
        "pretrain",
        "train",
        "generate_base",
        "grade_run",
        "prune",
        "score",
        "training_summary",
        "fig1",
        "report",
    } <= {*outputs.values()}
    for path in outputs:
        manifest = manifest_of(path)
        assert manifest is not None, f"{path} has no manifest"
        said = read(manifest)
        recorded = said["sha256"] if manifest == manifest_path(path) else said["files"][path.name]
        assert recorded == sha256(path), f"{path} is not what {manifest} says"


def test_all_parents_of_all_artifacts_are_there_and_have_manifests(undisturbed: Path) -> None:
    for manifest in (undisturbed / RESULTS).rglob("*.manifest.json"):
        for parent in read(manifest)["parents"]:
            assert manifest_of(undisturbed / parent["artifact"]), f"{parent['artifact']}, a parent in {manifest}"


# ---------------------------------------------------------------- lineage, diff


def test_a_number_of_the_headline_is_traced_to_the_problems_and_models(undisturbed: Path) -> None:
    traced = call(undisturbed, "lineage", str(HEADLINE))
    assert traced.returncode == 0, traced.stderr
    for stage in ("score", "grade", "generate", "train", "label", "vote", "prepare", "pretrain"):
        assert f"{stage}  " in traced.stdout
    assert "the code has changed since" not in traced.stdout
    last = traced.stdout.splitlines()[-1]
    assert last.endswith("folders not hashed")
    assert "CHANGED" not in last
    assert "gone" not in last


def test_a_file_that_no_stage_made_cannot_be_traced(undisturbed: Path) -> None:
    traced = call(undisturbed, "lineage", "config.yaml")
    assert traced.returncode == 1
    assert traced.stderr.startswith("error: config.yaml: has no manifest")
    assert len(traced.stderr.splitlines()) == 1


def test_results_do_not_differ_from_themselves(undisturbed: Path, tmp_path: Path) -> None:
    compared = call(undisturbed, "diff", str(RESULTS), str(RESULTS), "--csv", str(tmp_path / "diff.csv"))
    assert compared.returncode == 0, compared.stderr
    assert "(4 to the last digit), 0 only in a, 0 only in b; 0 verdicts differ" in compared.stdout
    assert len((tmp_path / "diff.csv").read_text().splitlines()) == 5
    nowhere = call(undisturbed, "diff", str(RESULTS), "results/none")
    assert nowhere.returncode == 1
    assert nowhere.stderr.startswith("error: results/none: no experiment has a headline there")


# ---------------------------------------------------------------- export


@pytest.fixture(scope="module")
def crate(undisturbed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the finished suite, exported as a crate."""
    to = tmp_path_factory.mktemp("archive") / "tiny"
    exported = call(undisturbed, "export", "--config", "suite=tiny", "--to", str(to))
    assert (exported.returncode, exported.stderr) == (0, "")
    return to


def validated(crate: Path) -> subprocess.CompletedProcess[str]:
    """Validate the crate as a Provenance Run Crate with the RO-Crate validator."""
    assert VALIDATOR.exists(), "tests/crate/install.sh installs the validator, as `make test` does"
    cache = VALIDATOR.parents[1] / "contexts"
    settings = ("--offline", "--cache-path", str(cache), "--no-paging", "--verbose", "--no-auto-profile")
    command = [str(VALIDATOR), "-y", "--disable-color", "validate", str(crate), "-p", "provenance-run-crate", *settings]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_crate_is_a_valid_provenance_run_crate(crate: Path) -> None:
    checked = validated(crate)
    assert checked.returncode == 0, checked.stdout
    assert "valid provenance-run-crate-0.5" in checked.stdout


def test_a_crate_whose_jobs_name_no_tool_is_not_valid(crate: Path, tmp_path: Path) -> None:
    """The validator can fail, so its approval of our crate means something."""
    subprocess.run(["cp", "-a", str(crate), str(tmp_path / "broken")], check=True)
    metadata = tmp_path / "broken/ro-crate-metadata.json"
    graph = json.loads(metadata.read_text())
    del next(entity for entity in graph["@graph"] if entity["@id"] == "#job-0")["instrument"]
    metadata.write_text(json.dumps(graph))
    checked = validated(tmp_path / "broken")
    assert checked.returncode == 1
    assert "instrument" in checked.stdout


def test_what_is_in_the_crate_is_what_lies_in_the_results(crate: Path, undisturbed: Path) -> None:
    there = {path.relative_to(crate) for path in (crate / RESULTS).rglob("*") if path.is_file()}
    made = {path.relative_to(undisturbed) for path in (undisturbed / RESULTS).rglob("*") if path.is_file()}
    left_out = {path for path in made if path.parts[2] == "logs" or {"checkpoints", "pretrained"} & set(path.parts)}
    left_out |= {path for path in made if path.parent.suffix == ".kept"}
    weights = {path for path in left_out if path.name.endswith(".manifest.json") and path.parts[-2] == "pretrained"}
    assert there == made - (left_out - weights)
    assert weights
    traced = call(crate, "lineage", str(HEADLINE))
    assert traced.returncode == 0, traced.stderr
    assert "CHANGED" not in traced.stdout


def test_the_workflow_in_the_crate_starts_and_begins_with_the_weights(crate: Path) -> None:
    ended = checkout.snakemake(crate, "--dry-run")
    assert ended.code == 0, ended.output
    assert "pretraining organism organism, seed 0" in ended.jobs

"""Lineage from manifests: it lists every ancestor once, and reports later changes."""

import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from spurious_rewards.artifacts import manifests
from spurious_rewards.artifacts.ancestry import manifest_of
from spurious_rewards.artifacts.local_copies import Contents
from spurious_rewards.artifacts.manifests import Recorder, manifest_path
from spurious_rewards.operations import lineage, lineage_report
from spurious_rewards.operations.lineage import Artifact, Node, trace
from spurious_rewards.runtime.errors import UserError

ROOT = Path("results/invented")
PROBLEMS = ROOT / "problems/sums.parquet"
BASES = [ROOT / f"models/organism/pretrained/seed{seed}" for seed in (0, 1)]
SCORES = ROOT / "experiments/main/organism"
FIGURE = ROOT / "exhibits/fig1"
REWARDS = ("ground_truth", "format", "random", "incorrect")
CARD = {"source": "hub/sums", "revision": "f" * 40, "rows": 70, "kept": 60, "sha256": "0123456789abcdef" * 4}


def segment(reward: str, steps: str = "0-4") -> Path:
    return ROOT / f"runs/organism/plain/{reward}/default/seeds0-1/segments/{steps}"


def make(
    stage: str, artifact: Path, parents: Sequence[Path], request: dict[str, object] | None = None, **details: object
) -> None:
    artifact.parent.mkdir(parents=True, exist_ok=True)
    artifact.write_text(f"made by {stage}")
    Recorder(stage, request or {}).write(artifact, parents, **details)


def make_folder(
    stage: str, folder: Path, parents: Sequence[Path], names: Sequence[str] = (), **request: object
) -> None:
    folder.mkdir(parents=True)
    for name in names or ["model.safetensors"]:
        (folder / name).write_text(f"{name} made by {stage}")
    Recorder(stage, request).write(folder, parents, [folder / name for name in names])


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write invented results of four rewards, in two segments each, as the stages would write them."""
    monkeypatch.chdir(tmp_path)
    make("prepare", PROBLEMS, [], {"name": "sums", "data_seed": 3}, card=CARD)
    for seed, base in enumerate(BASES):
        make_folder("pretrain", base, [], seed=seed)
    grades = []
    for reward in REWARDS:
        previous: list[Path] = BASES
        for steps in ("0-4", "4-8"):
            folder = segment(reward, steps)
            make_folder("train", folder / "checkpoints", [PROBLEMS, *previous])
            make("train", folder / "metrics.parquet", [PROBLEMS, *previous])
            make(
                "generate",
                folder / "responses.parquet",
                [PROBLEMS, folder / "checkpoints"],
                prompt="abc",
                template="def",
                rendered="012",
            )
            make("grade", folder / "grades.parquet", [folder / "responses.parquet", PROBLEMS])
            grades.append(folder / "grades.parquet")
            previous = [folder / "checkpoints"]
    metrics = [path.with_name("metrics.parquet") for path in grades]
    make_folder("score", SCORES, [*grades, *metrics], ["scores.parquet", "headline.csv"])
    make_folder("plot", FIGURE, [SCORES / "scores.parquet", SCORES / "headline.csv"], ["table.csv", "page.json"])
    return tmp_path


def text(file: Path, every: bool = False) -> str:
    console = Console(width=200, color_system=None)
    with console.capture() as captured:
        console.print(lineage_report.report(trace(file, every)))
    return captured.get()


def stages(node: Node) -> list[str]:
    """Return the stages of the tree, in the order of their first artifact."""
    return list(dict.fromkeys(one.stage for one in node.everything()))


def found(node: Node, path: Path) -> Artifact:
    return next(one for one in node.everything() if one.path == path.absolute())


# ---------------------------------------------------------------- the tree


@pytest.mark.parametrize("every", [False, True])
def test_everything_that_a_figure_hangs_on_is_there_once_and_nearest_first(results: Path, every: bool) -> None:
    root = trace(FIGURE / "table.csv", every)
    assert root.artifacts[0].path == FIGURE.absolute()
    assert stages(root) == ["plot", "score", "grade", "generate", "prepare", "train", "pretrain"]
    paths = [one.path for one in root.everything()]
    assert len(paths) == len(set(paths))
    assert {manifest_path(path) for path in paths} == {path.absolute() for path in ROOT.rglob("*.manifest.json")}


def test_many_of_a_kind_are_told_of_together_unless_all_is_asked_for(results: Path) -> None:
    scores = trace(FIGURE).parents[0]
    assert [len(node.artifacts) for node in scores.parents] == [8, 8]
    assert {len(node.artifacts) for node in trace(FIGURE, every=True).parents[0].parents} == {1}
    shown = text(FIGURE)
    assert "grade  8 x grades.parquet" in shown
    assert "2 x  organism  plain  format        default  seeds 0-1; steps 0-4, 4-8" in shown
    assert str(segment("format") / "grades.parquet").removeprefix("results/invented/") not in shown
    assert str(segment("format") / "grades.parquet").removeprefix("results/invented/") in text(FIGURE, every=True)


def test_many_of_no_condition_are_told_of_by_their_whole_folder(results: Path) -> None:
    others = [SCORES.with_name(f"other{number}") for number in (1, 2, 3)]
    for folder in others:
        make_folder("score", folder, [PROBLEMS], ["scores.parquet"])
    make_folder("plot", ROOT / "exhibits/fig2", [folder / "scores.parquet" for folder in others], ["table.csv"])
    assert "3 x  experiments/main" in text(ROOT / "exhibits/fig2")


def test_what_was_told_of_is_named_again_without_its_parents(results: Path) -> None:
    shown = text(segment("random", "4-8") / "grades.parquet")
    assert shown.count("data seed 3") == 1
    assert "and, see above: prepare  problems/sums.parquet" in shown


def test_a_file_in_a_checkpoint_comes_from_what_the_checkpoints_came_from(results: Path) -> None:
    root = trace(segment("random") / "checkpoints/model.safetensors")
    assert stages(root) == ["train", "prepare", "pretrain"]


def test_what_no_stage_made_is_a_leaf(results: Path) -> None:
    Path("mine.py").write_text("def reward(): ...")
    make("train", ROOT / "more.parquet", [Path("mine.py"), Path("no longer there")])
    mine, absent = trace(ROOT / "more.parquet").everything()[1:]
    assert (mine.stage, list(mine.states.values())) == ("", ["unchanged"])
    assert list(absent.states.values()) == ["gone"]
    assert "no stage made this" in text(ROOT / "more.parquet")


def test_a_local_copy_that_holds_something_else_than_was_used_is_told(results: Path) -> None:
    model, file = results / "models/one", Path("sums.jsonl")
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    file.write_text("first")
    contents = Contents()
    locations = {contents.of(path).content: path for path in (model, file)}
    made = ROOT / "problems/more.parquet"
    made.write_text("made")
    Recorder("prepare", {}, locations).write(made, [model, file])
    assert [parent["sha256"] for parent in manifests.read(manifest_path(made))["parents"]] == list(locations)
    root = trace(made)
    assert {state for one in root.everything() for state in one.states.values()} == {"unchanged"}
    assert not root.artifacts[0].other_parents

    (model / "config.json").write_text('{"vocab_size": 7}')
    root = trace(made)
    assert found(root, model).states == {model: "CHANGED"}
    assert set(found(root, file).states.values()) == {"unchanged"}
    assert root.artifacts[0].other_parents == [model]
    shown = text(made)
    assert "CHANGED" in shown
    assert f"{model} has changed since this was made from it" in shown
    assert "1 made from something that has changed since" in shown.splitlines()[-1]

    (model / "config.json").write_text("{}")
    assert set(found(trace(made), model).states.values()) == {"unchanged"}


def test_a_tree_can_be_traced_from_elsewhere_and_when_it_was_moved(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [one.stage for one in trace(FIGURE).everything()]
    shutil.move(ROOT, results / "archive")
    monkeypatch.chdir("/")
    root = trace(results / "archive/exhibits/fig1/table.csv")
    assert [one.stage for one in root.everything()] == before
    assert {state for one in root.everything() for state in one.states.values()} == {"unchanged", "not hashed"}
    assert not any(one.other_parents for one in root.everything())


@given(
    st.lists(st.sets(st.integers(0, 6), max_size=4), min_size=1, max_size=7),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_any_tree_holds_every_ancestor_once(parents_of: list[set[int]], every: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}/table.parquet" for number in range(len(parents_of))]
        above: list[set[Path]] = []
        for number, (path, chosen) in enumerate(zip(paths, parents_of, strict=True)):
            before = sorted(parent for parent in chosen if parent < number)
            make("grade", path, [paths[parent] for parent in before])
            above.append({path}.union(*(above[parent] for parent in before)))
        told = [one.path for one in trace(paths[-1], every).everything()]
        assert sorted(told) == sorted(above[-1])


# ---------------------------------------------------------------- changes since an artifact was made


def test_a_file_that_was_changed_since_is_told_by_name(results: Path) -> None:
    (segment("format") / "grades.parquet").write_text("edited")
    (SCORES / "headline.csv").unlink()
    root = trace(FIGURE)
    assert found(root, segment("format") / "grades.parquet").states == {
        (segment("format") / "grades.parquet").absolute(): "CHANGED"
    }
    assert set(found(root, SCORES).states.values()) == {"unchanged", "gone"}
    shown = text(FIGURE)
    assert "CHANGED: runs/organism/plain/format/default/seeds0-1/segments/0-4/grades.parquet" in shown
    assert "gone: experiments/main/organism/headline.csv" in shown
    assert "1 CHANGED, 1 gone" in shown.splitlines()[-1]


def test_a_parent_that_was_made_anew_with_another_content_is_told(results: Path) -> None:
    assert not found(trace(FIGURE), SCORES).other_parents
    grades = segment("format") / "grades.parquet"
    grades.write_text("of another grader")
    Recorder("grade", {}).write(grades, [])
    root = trace(FIGURE)
    assert set(found(root, grades).states.values()) == {"unchanged"}
    assert found(root, SCORES).other_parents == [grades.absolute()]
    assert f"{grades.relative_to(ROOT)} has changed since this was made from it" in text(FIGURE)


def test_weights_that_were_let_go_are_counted(results: Path) -> None:
    checkpoints = segment("format") / "checkpoints"
    gone = checkpoints / "seed0/step2/gone.json"
    gone.parent.mkdir(parents=True)
    gone.write_text("{}")
    assert "1 checkpoints have had their weights deleted" in text(checkpoints)


# ---------------------------------------------------------------- printed text


def edit(path: Path, **changes: object) -> None:
    manifest = manifest_path(path)
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **changes}))


def test_a_line_says_what_was_asked_with_what_and_what_it_took(results: Path) -> None:
    edit(
        PROBLEMS,
        git={"commit": "c0ffee" * 7, "clean": False},
        hardware={"gpus": ["H200", "H200"], "cores": 16, "processor": "a processor"},
        wall_seconds=7200.0,
        gpu_seconds=14400.0,
        peak_memory_mb=12345,
        created="2026-02-03T04:05:06Z",
    )
    shown = text(PROBLEMS)
    assert "prepare  problems/sums.parquet" not in shown  # the only artifact: paths are shown relative to its folder
    for words in (
        "data seed 3",
        f"60 of 70 problems of hub/sums · revision {'f' * 40} · sha256 0123456789abcdef",
        "2026-02-03 04:05 UTC · 2.0 h, 14,400 GPU-seconds, 12,345 MB · 2 x H200, 16 cores of a processor",
        "commit c0ffeec (uncommitted changes)",
        "1 artifact of 1 job, which took 2.0 h",
    ):
        assert words in shown
    assert "prompt abc · template def · rendered 012" in text(segment("format") / "responses.parquet")


def test_code_that_is_another_one_today_is_marked(results: Path) -> None:
    assert "the code has changed since" not in text(FIGURE)
    edit(segment("format") / "grades.parquet", fingerprint="0" * 16)
    edit(SCORES, stage="of former times")
    assert text(FIGURE).count("(the code has changed since)") == 2


def test_versions_that_differ_are_named_at_the_end(results: Path) -> None:
    assert "Package versions that differ: none" in text(FIGURE)
    versions = json.loads(manifest_path(PROBLEMS).read_text())["versions"]
    edit(PROBLEMS, versions={**versions, "trl": "0.0.1"})
    assert f"Package versions that differ: trl 0.0.1, {versions['trl']}" in text(FIGURE)
    assert lineage.versions(trace(FIGURE).everything()) == {"trl": ["0.0.1", versions["trl"]]}


def test_jobs_are_counted_once_however_many_artifacts_they_leave(results: Path) -> None:
    # 1 problem set, 2 models, 8 segments with two artifacts each, 8 x responses and grades, scores, and a figure
    assert "37 artifacts of 29 jobs" in text(FIGURE)


# ---------------------------------------------------------------- bad input


def test_a_file_without_a_manifest_is_complained_of(results: Path) -> None:
    (ROOT / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"notes.txt: has no manifest; give a file that a stage made"):
        trace(ROOT / "notes.txt")
    with pytest.raises(UserError, match="does not exist, and no manifest of it does"):
        trace(ROOT / "table9.csv")


def test_a_file_that_was_put_into_an_artifact_is_complained_of(results: Path) -> None:
    (FIGURE / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"is not among the files that fig1.manifest.json is of: table.csv, page.json"):
        trace(FIGURE / "notes.txt")


def test_a_folder_takes_the_place_of_the_manifests_that_its_files_had(results: Path) -> None:
    alone = FIGURE / "table.csv"
    Recorder("plot", {}).write(alone)
    assert manifest_of(alone) == manifest_path(alone)
    Recorder("plot", {}).write(FIGURE, [], [alone])
    assert manifest_of(alone) == manifest_path(FIGURE)


# ---------------------------------------------------------------- untrusted manifests


def claim(artifact: Path, *parents: Path | str) -> None:
    """Make the manifest of an artifact name these parents, each with a hash of zeros."""
    edit(artifact, parents=[{"artifact": str(parent), "sha256": "0" * 64} for parent in parents])


def test_what_is_no_file_is_not_read(results: Path) -> None:
    pipe = results / "pipe"
    os.mkfifo(pipe)
    claim(FIGURE, pipe, "/dev/zero", "/proc/self/pagemap", "results/invented/../../pipe")
    shown = text(FIGURE)
    assert "CHANGED" in shown


def test_manifests_elsewhere_are_not_told_of(results: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "private.csv"
    make("grade", elsewhere, [], {"secret": "PRIVATE"})
    claim(FIGURE, elsewhere, Path(os.path.relpath(elsewhere)))
    shown = text(FIGURE)
    assert "PRIVATE" not in shown
    assert "no stage made this" in shown


def test_parents_without_end_or_in_a_circle_end(results: Path) -> None:
    chain = [ROOT / f"chain/{number}.csv" for number in range(400)]
    make("score", chain[0], [])
    for artifact in chain[1:]:
        manifest_path(artifact).write_text(manifest_path(chain[0]).read_text())
    for artifact, parent in itertools.pairwise(chain):
        claim(artifact, parent)
    with pytest.raises(UserError, match=r"chain/\d+\.csv: 300 generations of files depend on it"):
        trace(chain[0])
    claim(chain[290], chain[0])
    assert len(trace(chain[0]).everything()) == 291


@pytest.mark.parametrize(
    "request_", [{"sampling": 5}, {"training": []}, {"bases": 3}, {"bases": [1]}, {"sampling": {"engine": 5}}]
)
def test_requests_of_another_shape_are_told_as_far_as_they_go(results: Path, request_: dict[str, object]) -> None:
    edit(PROBLEMS, request=request_)
    assert "prepare" in text(PROBLEMS)

"""Every user error ends in a sentence that names it, and no finished work is lost."""

import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import checkout
import model_folders
import pyarrow
import pyarrow.parquet as pq
import pytest
from checkout import LAST, RESULTS, Ended, artifacts, change_suite, limit_files, snakemake

from spurious_rewards.cli import main
from spurious_rewards.runtime.files import remove

HEADLINE = RESULTS / "experiments/main/organism"
SCORED = (
    "scores.parquet",
    "rates.parquet",
    *(f"{name}.csv" for name in ("headline", "seeds", "baselines", "gain_split", "comparisons", "before", "grading")),
)
GRADERS = [RESULTS / "graders" / f"{name}.csv" for name in ("agreement", "accuracy", "differences")]
"""Other files made from grades; they are removed when grades that were changed by hand cannot be read."""

SUITE = "config/suites/tiny.yaml"


def complaint(ended: Ended) -> str:
    """Return the first error line of a failed call."""
    assert ended.code != 0, ended.output
    assert "Traceback (most recent call last)" not in ended.output
    lines = [line.strip() for line in ended.output.splitlines()]
    found = [line for line in lines if line.startswith("error: ")]
    assert found, ended.output
    return found[0]


SUITES = [
    # key of the change, its value, what the complaint says
    ("training/learning_rat", 1, "training.learning_rat = 1: no such key, did you mean learning_rate?; allowed: adam_betas"),
    ("rewards/majority_vote/function", "voting", 'rewards.majority_vote.function = "voting": no such name; allowed: '),
    ("experiments/main/rewards", ["coin"], 'experiments.main.rewards[0] = "coin": no such name; allowed: majority_'),
    ("experiments/main/models", ["qwen"], 'experiments.main.models[0] = "qwen": no such name; allowed: organism'),
    ("rewards/random/gamma", 1.5, "rewards.random.gamma = 1.5: should be less than or equal to 1"),
    ("training/updates_per_rollout", 3, "4 = 16 responses do not divide into updates_per_rollout 3 mini-batches"),
    ("training/max_new_tokens", 40, "models.organism.max_positions = 48: max_prompt_tokens 12 + max_new_tokens 40 "),
]  # fmt: skip


@pytest.fixture(scope="module")
def unstarted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkout.make(tmp_path_factory.mktemp("bad") / "unstarted")


@pytest.mark.parametrize(("key", "value", "said"), SUITES, ids=[key for key, _, _ in SUITES])
def test_a_wrong_suite(unstarted: Path, key: str, value: Any, said: str) -> None:
    shutil.copy(Path(__file__).with_name("tiny.yaml"), unstarted / SUITE)
    change_suite(unstarted, key, value)
    line = complaint(snakemake(unstarted))
    assert line.startswith("error: ")
    assert f"{SUITE}: " in line
    assert said in line


def test_an_unknown_suite(unstarted: Path) -> None:
    line = complaint(snakemake(unstarted, "--config", "suite=tyni"))
    assert line.startswith(
        "error: config.yaml: suite = tyni: no such suite; allowed: followups, laptop, laptop_more, one_gpu, organism, "
    )


def test_an_unknown_key_of_config_yaml(unstarted: Path) -> None:
    line = complaint(snakemake(unstarted, "--config", "thread=2"))
    assert "config.yaml: thread = 2: no such key, did you mean threads?; allowed: gpu_memory_gb, " in line


# ---------------------------------------------------------------- inputs


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ('{"problem": "1+1", "answer": "2"}\n{"problem": "1+\n', "mine.jsonl: line 2: broken JSON: "),
        ('{"problem": "1+1", "solution": "2"}\n', "mine.jsonl: no column answer; found: problem, solution"),
    ],
    ids=["broken JSON", "missing column"],
)
def test_a_data_file_that_is_no_good(unstarted: Path, rows: str, said: str) -> None:
    shutil.copy(Path(__file__).with_name("tiny.yaml"), unstarted / SUITE)
    (unstarted / "mine.jsonl").write_text(rows)
    change_suite(unstarted, "problems/mine", {"path": "mine.jsonl"})
    line = complaint(snakemake(unstarted, str(RESULTS / "problems/mine.parquet")))
    assert line.startswith(f"error: {said}")


@pytest.mark.parametrize("lost", ["model.safetensors", "tokenizer.json"])
def test_a_model_folder_that_lacks_something(finished: Path, lost: str) -> None:
    before = artifacts(finished)
    shutil.copytree(finished / RESULTS / "models/organism/pretrained/seed0", finished / "mine")
    (finished / "mine" / lost).unlink()
    change_suite(finished, "models/mine", {"source": "local", "id": "mine", "prompt": "plain", "max_positions": 48})
    line = complaint(snakemake(finished, str(RESULTS / "models/mine/base/plain/responses.parquet")))
    assert line.startswith("error: mine: ")
    assert lost.split(".")[1] in line
    assert artifacts(finished) == before


def test_what_is_wrong_with_a_model_folder_is_said_before_the_first_job(unstarted: Path) -> None:
    """All errors are reported at once, including a chat template that does not work with the suite's prompt."""
    shutil.copy(Path(__file__).with_name("tiny.yaml"), unstarted / SUITE)
    mine = model_folders.make(unstarted / "mine")
    (mine / "chat_template.jinja").write_text("{{ nosuch.name }}")
    model_folders.change(mine, "config.json", quantization_config={"quant_method": "gptq"})
    change_suite(unstarted, "prompts/chat", {"kind": "chat"})
    change_suite(unstarted, "models/mine", {"source": "local", "id": "mine", "prompt": "chat", "max_positions": 48})
    change_suite(unstarted, "experiments/mine", {"title": "t", "models": ["mine"], "seeds": ["0-1"]})
    ended = snakemake(unstarted, str(RESULTS / "models/mine/base/chat/responses.parquet"))
    line = complaint(ended)
    assert line.startswith("error: mine/config.json: quantised weights (gptq)")
    assert "mine/chat_template.jinja: its chat template cannot be used with the suite's prompt" in ended.output
    assert ended.jobs == []
    assert not (unstarted / RESULTS / "problems").exists()
    # The folder does not matter if no job loads it.
    assert snakemake(unstarted, str(RESULTS / "problems/sums.parquet")).code == 0


# ---------------------------------------------------------------- artifacts


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def age(path: Path) -> None:
    """Change the schema version recorded in a Parquet file."""
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), b"version": b"0"}), path)


@pytest.mark.parametrize(
    ("spoil", "spoilt", "missing", "said"),
    [
        (cut, LAST / "responses.parquet", [LAST / "grades.parquet"], "not a readable Parquet file"),
        pytest.param(
            cut,
            LAST / "checkpoints/seed1/step4/model.safetensors",
            [LAST / "responses.parquet", LAST / "grades.parquet"],
            "weights",
            marks=pytest.mark.rare,
        ),
        pytest.param(
            age,
            LAST / "grades.parquet",
            [*(HEADLINE / name for name in SCORED), *GRADERS],
            "holds table Grades version 0",
            marks=pytest.mark.rare,
        ),
    ],
    ids=["truncated table", "truncated checkpoint", "another version of the schema"],
)
def test_an_artifact_that_is_no_good(
    finished: Path, undisturbed: Path, spoil: Callable[[Path], None], spoilt: Path, missing: list[Path], said: str
) -> None:
    spoil(finished / spoilt)
    for path in missing:
        (finished / path).unlink()
    line = complaint(snakemake(finished))
    assert said in line
    mendable = spoilt if spoilt.suffix == ".parquet" else spoilt.parent
    assert line.startswith(f"error: {mendable}")
    whole, kept = artifacts(undisturbed), artifacts(finished)
    lost = {RESULTS / path for path in whole if kept.get(path) != whole[path]}
    assert lost == {spoilt, *missing}

    remove(finished / (LAST / "checkpoints" if LAST / "checkpoints" in spoilt.parents else spoilt))
    ended = snakemake(finished)
    assert ended.code == 0, ended.output
    assert artifacts(finished) == whole


@pytest.mark.rare
@pytest.mark.parametrize(
    ("removed", "size"),
    [
        (["checkpoints", "responses.parquet", "grades.parquet"], 20_000),
        (["responses.parquet", "grades.parquet"], 6_000),
    ],
    ids=["training", "answering"],
)
def test_a_full_disk(finished: Path, undisturbed: Path, removed: list[str], size: int) -> None:
    for name in removed:
        remove(finished / LAST / name)
    kept = artifacts(finished)
    limit_files(finished, size)
    line = complaint(snakemake(finished))
    assert "File too large" in line
    assert "make room and run again, nothing that was finished is lost" in line
    assert not (finished / LAST / removed[0]).exists()
    together = [str(LAST.relative_to(RESULTS) / name) for name in ("metrics.parquet", "rollouts.parquet")]
    assert {path: kept[path] for path in kept if path not in together}.items() <= artifacts(finished).items()

    (finished / "src/sitecustomize.py").unlink()
    ended = snakemake(finished)
    assert ended.code == 0, ended.output
    assert artifacts(finished) == artifacts(undisturbed)


def test_every_library_is_understood_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import safetensors.torch
    import torch

    many = torch.zeros(10_000)
    writers: list[Callable[[], Any]] = [
        lambda: (tmp_path / "text").write_text("0" * 10_000),
        lambda: torch.save(many, tmp_path / "torch"),
        lambda: safetensors.torch.save_file({"many": many}, tmp_path / "safetensors"),
        lambda: pq.write_table(pyarrow.table({"many": range(10_000)}), tmp_path / "parquet"),
    ]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for write in writers:
        monkeypatch.setattr(main, "app", write)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
        try:
            with pytest.raises(SystemExit, match=r"^error: .*make room and run again"):
                main.main()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_bug_is_not_taken_for_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def bug() -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(main, "app", bug)
    with pytest.raises(RuntimeError, match="shapes"):
        main.main()

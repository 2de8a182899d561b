"""The laptop suite of a real language model, cut to two steps: same model, chat template, optimiser and stages."""

import shutil
from pathlib import Path
from typing import Any

import checkout
import pytest
import yaml
from checkout import ROOT

from spurious_rewards.artifacts import csv_files, tables
from spurious_rewards.artifacts.paths import checkpoint
from spurious_rewards.operations import smollm2
from spurious_rewards.runtime.files import sha256

RESULTS = Path("results/laptop")
RUN = RESULTS / "runs/smollm2-135m-instruct-q4_1/boxed/random_0.5/default/seeds0/segments/0-2"
WEIGHTS = "model.safetensors"

pytestmark = pytest.mark.rare


def cut_down(suite: dict[str, Any], model: Path) -> None:
    """Reduce the suite from hours to minutes: one reward, one seed, four problems."""
    suite["models"]["smollm2-135m-instruct-q4_1"]["id"] = str(model)
    suite["problems"]["evaluation"]["limit"] = 4
    suite["training"].update(rollout_prompts=2, rollouts_per_prompt=4, updates_per_rollout=2, micro_batch=4)
    suite["training"].update(segment_steps=2, eval_every=2, rollouts_every=1)
    suite["experiments"]["main"].update(rewards=["random_0.5"], seeds=["0"], steps=2)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout in which the suite is finished."""
    model = ROOT / smollm2.FOLDER
    smollm2.make(model)
    folder = checkout.make(tmp_path_factory.mktemp("laptop") / "checkout", suite="laptop")
    path = folder / "config/suites/laptop.yaml"
    suite = yaml.safe_load(path.read_text())
    cut_down(suite, model)
    path.write_text(yaml.safe_dump(suite, sort_keys=False))
    ended = checkout.snakemake(folder, "--config", "threads=1")
    assert ended.code == 0, ended.output
    return folder


def trained(folder: Path) -> Path:
    return checkpoint(folder / RUN, seed=0, step=2) / WEIGHTS


def test_a_real_model_goes_from_its_chat_template_to_the_report(finished: Path) -> None:
    assert (finished / RESULTS / "report.html").is_file()
    assert sha256(trained(finished)) != sha256(ROOT / smollm2.FOLDER / WEIGHTS), "training moves the weights"
    answers = tables.read(finished / RUN / "responses.parquet", tables.Responses)
    assert answers["benchmark"].value_counts().to_dict() == {"one_line": 4, "one_line_sampled": 16}
    assert answers["response"].str.contains(r"\d").any(), "a model that can read the question answers with numbers"
    claims = csv_files.read(finished / RESULTS / "claims.csv", {"id": "text", "verdict": "text"}).set_index("id")
    assert claims["verdict"]["laptop-random-greedy"] == "inconclusive", "one seed says nothing of training"


def test_the_same_training_gives_the_same_weights(finished: Path) -> None:
    before = sha256(trained(finished))
    shutil.rmtree(finished / RUN)
    ended = checkout.snakemake(finished, str(RUN / "checkpoints"), "--config", "threads=1")
    assert ended.code == 0, ended.output
    assert sha256(trained(finished)) == before

"""Real calibrations on a CPU, and the use of an invented GPU calibration in `estimate`, `doctor` and proposals."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import problem_files
import psutil
import pytest
import yaml
from calibrations import CARD, TRAINING, invented, measurement
from model_folders import make

from spurious_rewards.config import calibration, costs
from spurious_rewards.config.calibration import Calibration, Memory
from spurious_rewards.config.loading import load
from spurious_rewards.config.settings import Settings
from spurious_rewards.operations import calibrate_report, estimate_report, proposals
from spurious_rewards.operations.calibrate import calibrate
from spurious_rewards.operations.checks import calibration as checks
from spurious_rewards.operations.checks import machines
from spurious_rewards.operations.doctor import doctor
from spurious_rewards.operations.estimate import estimate
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.stages.study import Study

ROOT = Path(__file__).parents[2]
SMALL = {
    "rollout_prompts": 2,
    "rollouts_per_prompt": 4,
    "updates_per_rollout": 2,
    "max_prompt_tokens": 100,
    "max_new_tokens": 20,
    "dtype": "float32",
    "micro_batch": 2,
    "gradient_checkpointing": False,
}
SERVED = {"max_parameters": 9e9, "accelerate_config": "one_gpu", "server_gpus": 1}
TWO = "{distributed_type: MULTI_CPU, num_processes: 2, num_machines: 1, use_cpu: true}"


def study(folder: Path, models: tuple[str, ...] = ("m",), **changes: Any) -> Study:
    """Return the study of a suite of local models in a folder. The folder is also the checkout."""
    content: dict[str, Any] = {
        "title": "t",
        "problems": {"p": {"path": str(folder / "p.jsonl")}},
        "training_problems": "p",
        "benchmarks": {"b": {"problems": "p"}},
        "prompts": {"chat": {"kind": "chat"}},
        "models": {
            name: {"source": "local", "id": name, "num_parameters": 1.5e9, "prompt": "chat", "max_positions": 4096}
            for name in models
        },
        "rewards": {"r": {"function": "format"}},
        "training": {"max_model_len": 4096},
        "sampling": {"engine": "transformers"},
        "experiments": {"e": {"title": "e", "models": list(models), "rewards": ["r"], "seeds": ["0"], "steps": 100}},
        "report": {"headline": "e"},
        **changes,
    }
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(content))
    return Study(load(path), Settings(suite=str(path)), path, folder)


def on_gpu(folder: Path, **changes: Any) -> Study:
    """Return a study of one GPU with the invented calibration's settings, and write its accelerate configuration."""
    training = {"engine": "vllm", "max_model_len": 4096, "rollout_prompts": 32, "micro_batch": 8}
    made = {"training": training, "resources": [{"max_parameters": 9e9, "accelerate_config": "one_gpu"}], **changes}
    (folder / "envs/accelerate").mkdir(parents=True, exist_ok=True)
    (folder / "envs/accelerate/one_gpu.yaml").write_text((ROOT / "envs/accelerate/one_gpu.yaml").read_text())
    return study(folder, **made)


def beside(found: Study, said: Calibration) -> Study:
    calibration.path_of(found.suite_path).write_text(calibration.text(said), encoding="utf-8")
    return found


@pytest.fixture
def h100(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate the card of the invented calibration, and hide the installed libraries."""
    monkeypatch.setattr(machines, "gpus", lambda: [machines.Gpu("0", 85.5, CARD)])
    monkeypatch.setattr(checks, "version", lambda name: None)


# ---------------------------------------------------------------- real measurements


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Calibration]:
    """Return a study of two models of one shape, and its calibration."""
    folder = tmp_path_factory.mktemp("calibrated")
    for name in ("m", "n"):
        make(folder / name)
    rows = [{"id": f"p{i}", "problem": f"What is {i} + 1?", "answer": str(i + 1)} for i in range(8)]
    problem_files.write(folder / "p.jsonl", rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = study(folder, ("m", "n"), training=SMALL, sampling={"max_new_tokens": 20})
        return found, calibrate(found, random_weights=False)


def test_models_of_one_shape_are_measured_once(calibrated: tuple[Study, Calibration]) -> None:
    found, made = calibrated
    [one] = made.measured
    assert one.models == {"m": "m", "n": "n"}
    assert made.card == machines.processor()
    assert made == calibration.read(calibration.path_of(found.suite_path))
    assert not list(found.suite_path.parent.glob("results/.*")), "nothing stays but the calibration"


def test_every_phase_has_its_seconds_and_the_process_its_peak(calibrated: tuple[Study, Calibration]) -> None:
    one = calibrated[1].measured[0]
    for phase in ("generate", "grade", "log_probabilities", "update", "checkpoint"):
        assert getattr(one.seconds, phase) > 0, phase
    assert one.seconds.weight_sync == 0
    assert 0.1 < one.memory.updating < 10
    assert 0 < one.response_tokens <= SMALL["max_new_tokens"]
    assert one.tokens_per_second == pytest.approx(8 * one.response_tokens / one.seconds.generate, rel=1e-3)
    assert 2 <= one.micro_batch_tokens <= 2 * (SMALL["max_prompt_tokens"] + SMALL["max_new_tokens"])
    assert one.proposal is None


def test_what_was_measured_is_said_and_estimated_with(
    calibrated: tuple[Study, Calibration], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, made = calibrated
    monkeypatch.chdir(found.suite_path.parent)
    seconds = made.measured[0].seconds
    measured = checks.read(found)
    assert not measured.stale
    [run] = [run for run in found.suite.runs if run.model == "n"]
    by_hand = (50 * seconds.step + 5 * seconds.checkpoint) / 3600
    assert measured.train_hours(run, 0, 50) == pytest.approx(by_hand)
    hours = estimate(found, 1, measured=measured)
    assert hours.hours(hours.works, "train") == pytest.approx(4 * by_hand)
    text = estimate_report.report(found, 1, measured=measured)
    assert f"Measured on {made.on}" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 100
    said = calibrate_report.report(found, made)
    assert "Peak main memory" in said
    assert max(map(len, said.splitlines())) <= 100


def test_random_weights_on_two_processes_need_no_weights_and_end_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (make(tmp_path / "m") / "model.safetensors").unlink()
    (tmp_path / "envs/accelerate").mkdir(parents=True)
    (tmp_path / "envs/accelerate/two.yaml").write_text(TWO)
    many = {**SMALL, "rollout_prompts": 8, "max_new_tokens": 100}  # among this many, one would end sooner if it could
    resources = [{"max_parameters": 9e9, "accelerate_config": "two"}]
    found = study(tmp_path, training=many, sampling={"max_new_tokens": 100}, resources=resources)
    [one] = calibrate(found, random_weights=True).measured
    assert (one.random_weights, one.processes) == (True, 2)
    assert one.response_tokens == many["max_new_tokens"]
    assert one.micro_batch_tokens == 2 * (SMALL["max_prompt_tokens"] + many["max_new_tokens"]), "prompts, too"
    text = estimate_report.report(found, 1, measured=checks.read(found))
    assert "m has random weights and never ends a response, so all are at their longest" in " ".join(text.split())


def test_organisms_are_measured_once_before_they_are_pretrained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "smoke.yaml"
    path.write_text((ROOT / "config/suites/smoke.yaml").read_text())
    found = Study(load(path), Settings(suite=str(path)), path, tmp_path)
    [one] = calibrate(found, random_weights=False).measured
    assert one.random_weights
    assert one.models == {"effective-code": "organism", "no-code": "organism"}, "as different as their words"
    assert one.response_tokens == found.suite.training.max_new_tokens


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    make(tmp_path / "m")
    rows = [{"id": "p", "problem": "What is 1 + 1?", "answer": "2"}]
    problem_files.write(tmp_path / "p.jsonl", rows)
    found = study(tmp_path, training=SMALL)
    command = [sys.executable, "-m", "spurious_rewards.cli", "calibrate", "--config", f"suite={found.suite_path}"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, encoding="utf-8")
    assert process.stderr is not None
    for line in process.stderr:
        if "loading the model" in line:
            break
    started = psutil.Process(process.pid).children(recursive=True)
    assert started
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    assert process.wait() != 0
    assert "Traceback" not in said
    assert "writing a checkpoint" not in said, "it was not waited for"
    psutil.wait_procs(started, timeout=10)
    assert not any(each.is_running() for each in started)
    assert not calibration.path_of(found.suite_path).exists()
    assert not os.listdir(tmp_path / "results")


# ---------------------------------------------------------------- refusals before a model is loaded


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"resources": [{"max_parameters": 9e9, "accelerate_config": "four"}]}, "needs 4 GPUs of this machine, which shows 1"),
        ({"resources": [{"max_parameters": 9e9, "accelerate_config": "far"}]}, "far.yaml: takes 2 machines for m"),
        (
            {"training": {"engine": "vllm", "vllm_mode": "server"}, "resources": [SERVED]},
            "only a colocated vLLM is measured; set vllm_mode: colocate",
        ),
        (
            {"resources": [{"max_parameters": 9e9, "accelerate_config": "one_gpu", "training_gpu_memory_utilization": 0.02}]},
            "its share of 0.02 is 1.7 GB; raise training_gpu_memory_utilization",
        ),
        (
            {"experiments": {"e": {"title": "e", "models": ["m"], "seeds": ["0"]}}},
            "trains nothing, so there is nothing to calibrate",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_here_is_refused_in_a_line(
    changes: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, h100: None
) -> None:
    monkeypatch.setattr("spurious_rewards.runtime.installed.version", lambda name: "0.31.0")
    found = on_gpu(tmp_path, **changes)
    for name, processes, number in (("four", 4, 1), ("far", 8, 2)):
        kind = f"{{distributed_type: MULTI_GPU, num_processes: {processes}, num_machines: {number}}}"
        (tmp_path / f"envs/accelerate/{name}.yaml").write_text(kind)
    with pytest.raises(UserError) as refused:
        calibrate(found, random_weights=True)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "results").exists()


def test_a_model_that_cannot_be_loaded_is_said_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="m: no such model folder; give a folder"):
        calibrate(study(tmp_path, training=SMALL), random_weights=False)
    assert not os.listdir(tmp_path / "results")


# ---------------------------------------------------------------- when a calibration is valid


def test_it_holds_where_nothing_has_changed(tmp_path: Path, h100: None) -> None:
    found = beside(on_gpu(tmp_path), invented())
    assert not checks.read(found).stale
    assert checks.read(found).of("m", found.suite.training) == measurement()
    text = " ".join(estimate_report.report(found, 1, measured=checks.read(found)).split())
    assert f"Measured on {CARD}, 2026-11-29, one rollout step each (`calibrate`): m 100 s a rollout step" in text


@pytest.mark.parametrize(
    ("said", "changes", "stale"),
    [
        ({"card": "NVIDIA A100-SXM4-80GB"}, {}, f"measured on NVIDIA A100-SXM4-80GB, and this is {CARD}; not used"),
        ({}, {"training": {**TRAINING.model_dump(), "micro_batch": 4}}, "was measured with micro_batch 8, now 4; not used"),
        ({"measured": (measurement(models={"m": "other"}),)}, {}, "m was measured with other, now m; not used"),
        ({"measured": (measurement(models={"x": "x"}),)}, {}, "x was measured with a suite that had this model; not used"),
    ],
)  # fmt: skip
def test_it_is_not_used_where_something_has(
    said: dict[str, Any], changes: dict[str, Any], stale: str, tmp_path: Path, h100: None
) -> None:
    found = beside(on_gpu(tmp_path, **changes), invented(**said))
    measured = checks.read(found)
    [(why, mend)] = measured.stale
    assert stale in why
    assert mend == f"run `spurious-rewards calibrate --config suite={found.suite_path}` again"
    assert measured.of("m", found.suite.training) is None
    assert stale.partition(";")[0] in " ".join(estimate_report.report(found, 1, measured=measured).split())
    assert (why, mend) in [(each.found, each.mend) for each in doctor(found) if each.what == "calibration"]


def test_another_library_is_another_measurement(tmp_path: Path, h100: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "version", lambda name: {"torch": "2.14.0"}.get(name))
    found = beside(on_gpu(tmp_path), invented())
    [(why, _)] = checks.read(found).stale
    assert why.endswith("measured with torch 2.13.0, now 2.14.0; not used")


def test_a_damaged_one_stops_neither_doctor_nor_estimate(tmp_path: Path, h100: None) -> None:
    found = on_gpu(tmp_path)
    calibration.path_of(found.suite_path).write_text("measured: 3")
    [(why, mend)] = checks.read(found).stale
    assert "tiny.calibration.yaml: " in why
    assert why.endswith("; not used")
    assert mend.startswith("run `spurious-rewards calibrate ")


# ---------------------------------------------------------------- use of a calibration


def test_doctor_compares_with_measured_peaks(tmp_path: Path, h100: None) -> None:
    found = beside(on_gpu(tmp_path), invented())
    fine = [finding.what for finding in doctor(found) if finding.level == "fine"]
    assert f"memory of GPUs (peaks measured on {CARD}, 2026-11-29)" in fine
    tight = Memory(drawing=84, updating=45, engine=50, allocated=45, reserved=60)
    beside(found, invented(measured=(measurement(memory=tight),)))
    [warned] = [one for one in doctor(found) if one.what == "memory of GPUs"]
    assert warned.found == "drawing rollouts on one_gpu needs 84.0 GB (measured), and has 85.5 GB"


def test_votes_and_answers_take_the_measured_rate(tmp_path: Path, h100: None) -> None:
    found = beside(on_gpu(tmp_path, sampling={"engine": "vllm"}), invented())
    measured = checks.read(found)
    assert measured.sampling_hours("m", 3600) == pytest.approx(1000 / 12_800)
    random = beside(found, invented(measured=(measurement(random_weights=True),)))
    assert checks.read(random).sampling_hours("m", 3600) == pytest.approx(3072 / 12_800)
    other = beside(on_gpu(tmp_path, sampling={"engine": "transformers"}), invented())
    assert checks.read(other).sampling_hours("m", 3600) is None


def test_proposals_fill_the_card_and_no_more(tmp_path: Path) -> None:
    found = on_gpu(tmp_path)
    [one] = proposals.added(found, invented()).measured
    assert one.proposal is not None
    # Besides vLLM, 20 of 85.5 GB are in use while responses are drawn, and 95 % may be used.
    assert one.proposal.training_gpu_memory_utilization == 0.7
    # The proposed micro-batch grows until its activations fill the card.
    assert one.proposal.gradient_checkpointing
    assert one.proposal.micro_batch > 8
    small = proposals.added(found, invented(gpu_memory_gb=50))
    assert small.measured[0].proposal is not None
    assert small.measured[0].proposal.micro_batch <= 8
    text = calibrate_report.report(found, proposals.added(found, invented()))
    assert "Proposed, by arithmetic from these peaks: micro_batch: " in " ".join(text.split())
    assert "training_gpu_memory_utilization: 0.7 (now 0.6)" in " ".join(text.split())


def test_checkpointing_is_given_up_where_the_card_has_room_for_all_layers(tmp_path: Path) -> None:
    found = on_gpu(tmp_path)
    [one] = proposals.added(found, invented(gpu_memory_gb=300)).measured
    assert one.proposal is not None
    assert not one.proposal.gradient_checkpointing


def test_an_asked_for_card_leaves_the_calibration_aside(
    tmp_path: Path, h100: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from spurious_rewards.cli import main

    found = beside(on_gpu(tmp_path), invented())
    (tmp_path / "config.yaml").touch()
    (tmp_path / "Snakefile").touch()
    monkeypatch.chdir(tmp_path)
    for options, said in (((), f"Measured on {CARD}"), (("--gpu", "h100"), costs.GPUS["h100"].title)):
        monkeypatch.setattr(
            sys, "argv", ["spurious-rewards", "estimate", "--config", f"suite={found.suite_path}", *options]
        )
        with pytest.raises(SystemExit):
            main.main()
        text = " ".join(capsys.readouterr().out.split())
        assert said in text
        assert ("Measured on" in text) == (not options)

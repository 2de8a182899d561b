"""`doctor` reports each problem, and reports nothing where there is none."""

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hub import serving
from hypothesis import given
from hypothesis import strategies as st
from model_folders import BROKEN, broken, change, make

from spurious_rewards.config.accelerate import AccelerateConfig
from spurious_rewards.config.loading import load
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.settings import Settings
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.training import Training
from spurious_rewards.models.configuration import cache_numbers
from spurious_rewards.operations import gpu_memory
from spurious_rewards.operations.checks import environment as checks_environment
from spurious_rewards.operations.checks import gpus, machines, models, packages
from spurious_rewards.operations.checks import seeds as checked_seeds
from spurious_rewards.operations.checks.finding import Finding
from spurious_rewards.operations.doctor import check_node, doctor, failing, must_fail, report, unusable_models
from spurious_rewards.runtime import installed
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.stages import resources as stage_resources
from spurious_rewards.stages.study import Study

ROOT = Path(__file__).parents[2]
SUITES = ROOT / "config/suites"
EIGHTY = 80.0
A100S = [machines.Gpu(str(index), 85.9) for index in range(8)]


def tiny(**changes: Any) -> dict[str, Any]:
    """Return a suite of one local model with 1.5 billion weights on one GPU."""
    found: dict[str, Any] = {
        "title": "t",
        "problems": {"p": {"path": "p.jsonl"}},
        "training_problems": "p",
        "benchmarks": {"b": {"problems": "p"}},
        "prompts": {"chat": {"kind": "chat"}},
        "models": {
            "m": {"source": "local", "id": "m", "num_parameters": 1.5e9, "prompt": "chat", "max_positions": 4096},
        },
        "rewards": {"r": {"function": "format"}},
        "resources": [{"max_parameters": 9e9, "accelerate_config": "one_gpu"}],
        "experiments": {"e": {"title": "e", "models": ["m"], "rewards": ["r"], "seeds": ["0"], "steps": 100}},
        "report": {"headline": "e"},
    }
    return {**found, **changes}


def study_of(content: dict[str, Any], root: Path = ROOT, **settings: Any) -> Study:
    return Study(Suite.model_validate(content), Settings(**settings), Path("tiny.yaml"), root)


def hub_model(**changes: Any) -> dict[str, Any]:
    return {
        "source": "hub",
        "id": "somebody/m",
        "num_parameters": 1.5e9,
        "prompt": "chat",
        "max_positions": 4096,
        **changes,
    }


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Use an empty home folder, and remove this machine's own settings."""
    for name in ("WANDB_MODE", "WANDB_API_KEY", "HF_TOKEN", "CUDA_VISIBLE_DEVICES", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return a function that puts a program first in PATH.

    The program prints given lines, as nvidia-smi or sinfo would elsewhere.
    """
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def put(name: str, said: str) -> None:
        program = folder / name
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{said}\nEND\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    return put


def only(findings: Any, level: str = "fails") -> Finding:
    found = [finding for finding in findings if finding.level == level]
    assert len(found) == 1, found
    return found[0]


# ---------------------------------------------------------------- whole reports


def test_the_organism_is_fine_on_a_laptop_at_once() -> None:
    study = Study(load(SUITES / "organism.yaml"), Settings(), SUITES / "organism.yaml", ROOT)
    started = time.monotonic()
    assert not failing(doctor(study))
    assert time.monotonic() - started < 3
    assert must_fail(study) == ""


def test_the_paper_is_refused_where_there_are_no_gpus(command: Callable[[str, str], None]) -> None:
    command("nvidia-smi", "")
    study = Study(load(SUITES / "paper.yaml"), Settings(suite="paper"), SUITES / "paper.yaml", ROOT)
    said = must_fail(study)
    assert "takes 8 GPUs" in said
    assert max(map(len, said.splitlines())) <= 100


def test_software_of_jobs_elsewhere_does_not_count() -> None:
    content = tiny(sampling={"engine": "vllm", "max_new_tokens": 512})
    study = study_of(content)
    assert "vLLM is not installed" in must_fail(study)
    assert "vLLM is not installed" not in must_fail(study, own_software=False)


def test_a_report_has_what_fails_first_and_numbers_it() -> None:
    findings = [
        Finding("fine", "lengths"),
        Finding("warns", "wandb", "no key", "log in"),
        Finding("fails", "disk", "it is full", "make room"),
    ]
    assert report(findings, "s") == (
        "The suite s cannot run as things are.\n\n1. disk: it is full.\n   To fix it: make room.\n\n"
        "Warnings:\n\n1. wandb: no key.\n   To fix it: log in.\n\nFine: lengths."
    )
    assert report(findings[:1], "s").startswith("The suite s can run.")


# ---------------------------------------------------------------- packages


def test_packages_of_this_environment_fit() -> None:
    assert not failing(packages.packages(load(SUITES / "organism.yaml")))


@pytest.mark.parametrize(
    ("name", "version", "level", "said"),
    [
        ("vllm", "0.32.0", "fails", "trl 1.16.0 wants vllm<=0.31.0,>=0.22.0, and 0.32.0 is installed"),
        ("typer", "0.1.0", "warns", "typer 0.1.0 is installed, and the tests ran with =="),
    ],
)
def test_a_version_that_does_not_fit_is_named(
    name: str, version: str, level: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = tmp_path / f"{name}-{version}.dist-info/METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    findings = packages.packages(load(SUITES / "organism.yaml"))
    assert any(said in one.found for one in findings if one.level == level)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text.replace("dependencies:", "dependencies: ["), "not YAML"),
        (lambda text: text + "chanels: []\n", "did you mean channels?"),
        (lambda text: text.replace("==", "=", 1), "allowed: NAME==VERSION"),
    ],
)
def test_a_broken_conda_file_is_a_warning_with_its_name(
    damage: Callable[[str], str], said: str, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "envs", tmp_path / "envs")
    assert not list(packages.environments(tmp_path / "envs"))
    broken = tmp_path / "envs/analyse.yaml"
    broken.write_text(damage(broken.read_text()))
    found = only(packages.environments(tmp_path / "envs"), "warns")
    assert said in found.found
    assert str(broken) in found.found


# ---------------------------------------------------------------- accelerate configurations, GPUs, memory


def test_an_accelerate_config_must_be_there_and_parse(tmp_path: Path) -> None:
    folder = tmp_path / "envs/accelerate"
    folder.mkdir(parents=True)
    study = study_of(tiny(), root=tmp_path)
    assert "no such accelerate_config" in only(gpus.accelerate_configs(study)).found
    (folder / "one_gpu.yaml").write_text("num_machines: 1\n")
    assert "not an accelerate_config" in only(gpus.accelerate_configs(study)).found
    shutil.copy(ROOT / "envs/accelerate/one_gpu.yaml", folder)
    assert not list(gpus.accelerate_configs(study))


def test_deepspeed_must_be_installed_for_its_configurations() -> None:
    study = study_of(tiny(resources=[{"max_parameters": 9e9, "accelerate_config": "zero3_8"}]))
    assert "DeepSpeed, which is not installed" in only(gpus.accelerate_configs(study)).found


def test_a_mini_batch_must_divide_among_the_processes() -> None:
    training = {"rollout_prompts": 8, "rollouts_per_prompt": 4, "updates_per_rollout": 2, "micro_batch": 4}
    study = study_of(tiny(training=training, resources=[{"max_parameters": 9e9, "accelerate_config": "fsdp2_8"}]))
    found = only(gpus.accelerate_configs(study)).found
    assert "mini-batch of 16 responses does not divide among the 8 processes" in found


def test_ttrl_needs_every_group_whole_on_one_process() -> None:
    training = {"rollout_prompts": 4, "rollouts_per_prompt": 8, "updates_per_rollout": 1, "micro_batch": 4}
    resources = [{"max_parameters": 9e9, "accelerate_config": "fsdp2_8"}]
    study = study_of(tiny(training=training, resources=resources, rewards={"r": {"function": "ttrl"}}))
    found = only(gpus.accelerate_configs(study)).found
    assert "the 8 processes of fsdp2_8 do not share out 4 prompts whole" in found
    study = study_of(tiny(training=training, resources=resources))
    assert not list(gpus.accelerate_configs(study))


def test_an_accelerate_config_needs_as_many_gpus_as_it_has_processes() -> None:
    study = study_of(tiny(resources=[{"max_parameters": 9e9, "accelerate_config": "fsdp2_8", "server_gpus": 2}]))
    assert "takes 10 GPUs of a machine, and this one shows 8" in only(gpus.gpus(study, "local", A100S, [])).found
    ten = [*A100S, *A100S[:2]]
    assert not list(gpus.gpus(study, "local", ten, []))


def served(**resources: Any) -> Study:
    training = {"engine": "vllm", "vllm_mode": "server"}
    asked = {"max_parameters": 9e9, "accelerate_config": "fsdp2_8", "server_gpus": 2, **resources}
    return study_of(tiny(training=training, resources=[asked]))


def test_a_server_of_rollouts_needs_a_machine_without_other_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    found = only(checks_environment.exclusive(served(), "local"))
    assert "any user of this machine" in found.found
    assert "set exclusive_node: true under `resources`" in found.mend
    assert found in doctor(served())
    assert "stop at once on nodes" in only(checks_environment.exclusive(served(), "slurm"), "warns").found
    for on in ("local", "slurm"):
        assert not list(checks_environment.exclusive(served(exclusive_node=True), on))
        assert not list(checks_environment.exclusive(study_of(tiny(training={"engine": "vllm"})), on))
    before = {"e": {"title": "e", "models": ["m"], "seeds": ["0"]}}
    only_answers = tiny(training={"engine": "vllm", "vllm_mode": "server"}, experiments=before)
    assert not list(checks_environment.exclusive(study_of(only_answers), "local"))


@pytest.mark.parametrize("said", [True, False])
def test_the_suite_s_word_reaches_the_job(said: bool) -> None:
    study = served(exclusive_node=said)
    [run] = study.suite.runs
    assert stage_resources.of_training(study, run).exclusive_node is said


def test_two_machines_need_slurm_and_eight_gpus_each() -> None:
    study = study_of(tiny(resources=[{"max_parameters": 9e9, "accelerate_config": "two_nodes"}]))
    assert "takes 2 machines" in only(gpus.gpus(study, "local", A100S, [])).found
    nodes = [machines.Partition("gpu", 48, 8)]
    assert not list(gpus.gpus(study, "slurm", [], nodes))
    assert "has more than 4" in only(gpus.gpus(study, "slurm", [], [nodes[0]._replace(gpus=4)])).found


def test_models_that_only_answer_need_no_accelerate_config() -> None:
    before = {"e": {"title": "e", "models": ["m"], "seeds": ["0"]}}
    resources = [{"max_parameters": 9e9, "accelerate_config": "fsdp2_8", "sampling_gpus": 1}]
    study = study_of(tiny(resources=resources, experiments=before))
    assert not list(gpus.gpus(study, "local", A100S[:1], []))
    assert "sampling_gpus 1" in only(gpus.gpus(study, "local", [], [])).found


def test_models_of_a_probe_need_their_gpus_too() -> None:
    models = tiny()["models"] | {"large": tiny()["models"]["m"] | {"num_parameters": 7e10, "id": "large"}}
    large = {"max_parameters": 1e11, "accelerate_config": "one_gpu", "sampling_gpus": 4}
    probe = {"problems": ["p"], "models": ["large"], "seeds": "0"}
    suite = tiny(models=models, resources=[*tiny()["resources"], large], partial_prompt=probe)
    found = only(gpus.gpus(study_of(suite), "local", A100S[:1], []))
    assert found.found.startswith("sampling_gpus 4, for models of up to 100 billion weights, takes 4 GPUs of a machine")
    assert not list(gpus.gpus(study_of(suite), "local", A100S[:4], []))


def test_seven_billion_weights_fit_eight_gpus_and_not_one() -> None:
    def found(accelerate_config: str) -> list[Finding]:
        models = {"m": tiny()["models"]["m"] | {"num_parameters": 7.6e9}}
        training = {"engine": "vllm"}
        return list(
            gpus.memory_of_gpus(
                study_of(
                    tiny(
                        models=models,
                        training=training,
                        resources=[{"max_parameters": 9e9, "accelerate_config": accelerate_config}],
                    )
                ),
                EIGHTY,
            )
        )

    assert not found("fsdp2_8")
    said = "; ".join(one.found for one in found("one_gpu"))
    assert "91.2 GB (12 bytes for each of 7.6 billion weights) + 48.0 GB (vLLM's share of 0.6)" in said
    assert "121.6 GB (16 bytes for each of 7.6 billion weights)" in said
    assert "has 80.0 GB" in said
    # Plain data parallelism shards nothing, and accumulates gradients in a second copy.
    assert "152.0 GB (20 bytes" in found("eight_gpus")[-1].found


def test_what_fits_barely_is_a_warning() -> None:
    tight = [{"max_parameters": 9e9, "accelerate_config": "one_gpu", "training_gpu_memory_utilization": 0.75}]
    study = study_of(tiny(training={"engine": "vllm"}, resources=tight))
    found = only(gpus.memory_of_gpus(study, EIGHTY), "warns").found
    assert found.startswith("drawing rollouts on one_gpu needs")
    assert "= 78.0 GB, and has 80.0 GB" in found


def test_vllm_must_have_room_for_the_weights() -> None:
    models = {"m": tiny()["models"]["m"] | {"num_parameters": 70e9}}
    resources = [{"max_parameters": 1e11, "accelerate_config": "two_nodes", "sampling_gpus": 1}]
    before = {"e": {"title": "e", "models": ["m"], "seeds": ["0"]}}
    content = tiny(models=models, resources=resources, experiments=before, sampling={"engine": "vllm"})
    assert (
        "140.0 GB (2 bytes for each of 70 billion weights)"
        in only(gpus.memory_of_gpus(study_of(content), EIGHTY)).found
    )
    content["resources"] = [{**resources[0], "sampling_gpus": 4, "sampling_tensor_parallel_size": 4}]
    assert not list(gpus.memory_of_gpus(study_of(content), EIGHTY))


def test_vllm_must_have_room_for_one_sequence_at_its_longest(folder: Path) -> None:
    """A token takes 2 x 64 x 8192 numbers of 2 bytes (64 layers, 64 heads of size 128): 68.7 GB for 32,768 tokens."""
    sizes = {"num_hidden_layers": 64, "num_attention_heads": 64, "num_key_value_heads": None, "hidden_size": 8192}
    change(folder, "config.json", model_type="llama", **sizes, max_position_embeddings=32_768)
    models = {"m": tiny()["models"]["m"] | {"id": str(folder), "max_positions": 32_768}}
    study = study_of(tiny(models=models, training={"engine": "vllm"}, sampling={"engine": "vllm"}))
    said = [one.found for one in gpus.memory_of_gpus(study, EIGHTY) if one.found.startswith("vLLM")]
    assert len(said) == 2
    needs = "3.0 GB (2 bytes for each of 1.5 billion weights) + 68.7 GB (one sequence at its longest) + 2.0 GB (to work with)"
    assert said[0] == f"vLLM beside training on one_gpu needs {needs} = 73.7 GB, and has 48.0 GB"
    assert said[1] == f"vLLM in sampling needs {needs} = 73.7 GB, and has 72.0 GB"
    shorter = study_of(
        tiny(models=models, training={"engine": "vllm", "max_model_len": 4096}, sampling={"engine": "transformers"})
    )
    assert not list(gpus.memory_of_gpus(shorter, EIGHTY))


@pytest.mark.parametrize(
    "settings",
    [
        {"use_sliding_window": True},
        {"layer_types": ["sliding_attention"]},
        {"model_type": "mamba"},
        {"hidden_size": None},
    ],
)
def test_what_may_keep_less_of_a_sequence_is_not_counted(settings: dict[str, Any]) -> None:
    known = {"model_type": "qwen2", "num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 64}
    assert cache_numbers(known) == 2 * 2 * 64
    assert cache_numbers({**known, "num_key_value_heads": 1, "head_dim": 8}) == 2 * 2 * 8
    assert cache_numbers({**known, **settings}) is None


@given(parameters=st.floats(1e6, 1e12), processes=st.integers(1, 64))
def test_a_sharded_model_holds_what_a_whole_one_does(parameters: float, processes: int) -> None:
    def held(sharding: str | None) -> float:
        return gpu_memory.updating(parameters, AccelerateConfig("l", Path("l"), processes, 1, False, sharding)).gb

    assert held("FSDP") * processes == pytest.approx(16 * parameters / 1e9)
    assert held(None) == pytest.approx((16 if processes == 1 else 20) * parameters / 1e9)


def test_a_micro_batch_leaves_its_tokens_a_tile_of_logits_and_no_more() -> None:
    alone, shared = (AccelerateConfig("l", Path("l"), 8, 1, False, sharding) for sharding in (None, "FSDP"))
    tokens, head = 4 * 4096 * 0.5e6 / 1e9, 4096 * 32_768 * 2 / 1e9 + 151_936 * 4096 * 4 / 1e9
    of_sharded = gpu_memory.micro_batch(Training(), 1.5e9, shared)
    assert gpu_memory.total(of_sharded) == pytest.approx(tokens + head + 4 * 151_936 * 4096 * 2 / 1e9)
    of_whole = gpu_memory.micro_batch(Training(), 1.5e9, alone)
    assert gpu_memory.total(of_whole) == pytest.approx(tokens + head + 2 * 1.5)


# ---------------------------------------------------------------- what machines report


def test_gpus_are_those_of_nvidia_smi_that_are_not_hidden(
    command: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    command("nvidia-smi", "0, GPU-aa, 81920\n1, GPU-bb, 40960")
    assert machines.gpus() == [
        machines.Gpu("0", pytest.approx(85.9, abs=0.1)),
        machines.Gpu("1", pytest.approx(42.95, abs=0.1)),
    ]
    for chosen, shown in (("1", ["1"]), ("GPU-aa", ["0"]), ("", [])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
        assert [gpu.name for gpu in machines.gpus()] == shown


@pytest.mark.parametrize(
    ("limit", "hours"),
    [
        ("30:00", 0.5),
        ("1:30:00", 1.5),
        ("2-00:00:00", 48),
        ("1-12:30:00", 36.5),
        ("0:36", 0.01),
        ("infinite", float("inf")),
    ],
)
def test_time_limits_are_read_as_slurm_writes_them(limit: str, hours: float) -> None:
    assert machines.hours(limit) == pytest.approx(hours)


def test_partitions_are_those_of_sinfo(command: Callable[[str, str], None]) -> None:
    command("sinfo", "gpu*|2-00:00:00|gpu:a100:8(S:0-1),nvme:1\ncpu|infinite|(null)\ntwo|1:00:00|gpu:2")
    assert machines.partitions() == [
        machines.Partition("gpu", 48, 8),
        machines.Partition("cpu", float("inf"), 0),
        machines.Partition("two", 1, 2),
    ]


def test_jobs_must_end_within_a_partitions_limit_as_they_ask_for_it() -> None:
    # 50 steps of the paper with 1.5 billion weights on one GPU take 192 / 6 * 1.5 / 7.6 = 6.3 hours. Jobs ask for twice
    # that, and half an hour more.
    study = study_of(tiny())
    long, short, none = (
        machines.Partition(name, hours, count) for name, hours, count in (("l", 14, 1), ("s", 13, 1), ("n", 99, 0))
    )
    assert not list(gpus.time_limits(study, [long, none]))
    assert "ask for 13.1 hours, too long for s (13 h)" in only(gpus.time_limits(study, [long, short]), "warns").found
    assert "no partition lets them: s (13 h)" in only(gpus.time_limits(study, [short, none]), "warns").found
    # Not even the estimate fits, so such a job would be stopped again and again.
    assert "segment_steps" in only(gpus.time_limits(study, [machines.Partition("t", 6, 1)])).mend


def test_votes_that_ask_for_more_than_partitions_let_them_go_on_try_by_try() -> None:
    study = Study(load(SUITES / "paper.yaml"), Settings(suite="paper"), SUITES / "paper.yaml", ROOT)
    found = list(gpus.time_limits(study, [machines.Partition("week", 7 * 24, 8)]))
    assert found
    assert all(one.level == "warns" and one.found.startswith("votes") and "retries" in one.mend for one in found)


def test_without_slurm_nothing_can_be_given_to_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert any("no sbatch and no squeue and no sinfo" in one.found for one in checks_environment.slurm("slurm", []))
    assert not list(checks_environment.slurm("local", []))


# ---------------------------------------------------------------- models, lengths, disk, tracking


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a model folder with only what the checks read."""
    made = tmp_path / "somewhere"
    made.mkdir()
    (made / "config.json").write_text(json.dumps({"max_position_embeddings": 64, "num_attention_heads": 28}))
    return made


def test_a_model_must_have_the_positions_that_the_suite_says(folder: Path) -> None:
    model = tiny()["models"]["m"] | {"id": str(folder)}
    assert only(models.lengths(study_of(tiny(models={"m": model})))).found.endswith("has 64 positions")
    # Where config.json names no limit, its architecture may have one.
    for kind, said in (("llama", "has 2048 positions"), ("bloom", ""), ("no such kind", "")):
        (folder / "config.json").write_text(json.dumps({"model_type": kind}))
        model["max_positions"] = 4096
        found = list(models.lengths(study_of(tiny(models={"m": model}))))
        assert [one.found.endswith(said) for one in found] == [True] * bool(said)


def test_vllm_must_be_able_to_spread_the_heads(folder: Path) -> None:
    content = tiny(models={"m": tiny()["models"]["m"] | {"id": str(folder)}}, sampling={"engine": "vllm"})
    content["resources"] = [
        {"max_parameters": 9e9, "accelerate_config": "fsdp2_8", "sampling_gpus": 8, "sampling_tensor_parallel_size": 8}
    ]
    found = only(models.heads(study_of(content)))
    assert "28 attention heads, which vLLM cannot spread over 8 GPUs (sampling_tensor_parallel_size)" in found.found
    assert found.mend.endswith("one of 1, 2, 4, 7, 14, 28")
    content["resources"][0]["sampling_tensor_parallel_size"] = 4
    assert not list(models.heads(study_of(content)))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("folders") / "sound")


def local(folder: Path, **changes: Any) -> dict[str, Any]:
    """Return a suite of one local model whose prompt is a chat with a system message."""
    model = tiny()["models"]["m"] | {"id": str(folder), "max_positions": 256}
    return tiny(models={"m": model}, prompts={"chat": {"kind": "chat", "system": "Be plain."}}, **changes)


def test_a_local_model_must_be_there(tmp_path: Path, sound: Path) -> None:
    assert "no such model folder" in only(models.folders(study_of(local(tmp_path / "nothing")))).found
    assert not list(models.folders(study_of(local(sound))))


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_with_a_model_folder_is_a_finding(name: str, sound: Path, tmp_path: Path) -> None:
    copy = broken(tmp_path / "copy", sound, BROKEN[name])
    study = study_of(local(copy))
    found = [one for one in doctor(study) if one.what == "models" and one.level == "fails"]
    assert any(one.found.startswith(f"models.m: {copy / BROKEN[name].file}") and one.mend for one in found)
    assert unusable_models(study, [copy]).startswith(str(copy))
    assert unusable_models(study, []) == ""


def test_weights_that_are_not_of_the_model_that_a_folder_describes_are_a_finding(sound: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(sound, tmp_path / "copy"))
    change(copy, "config.json", intermediate_size=32)
    study = study_of(local(copy))
    found = only(models.folders(study))
    assert found.found.startswith(f"models.m: {copy}: its weights do not fit its config.json")
    assert found.mend == "copy both again"
    assert unusable_models(study, [copy]).startswith(f"{copy}: its weights do not fit")


@pytest.mark.parametrize(
    "text", ['{"max_position_embeddings": "many", "num_attention_heads": []}', "[]", "7", "\ufeff{}", ""]
)
def test_a_broken_configuration_is_a_finding_and_no_error(text: str, sound: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(sound, tmp_path / "copy"))
    (copy / "config.json").write_text(text, "utf-8")
    content = local(copy, sampling={"engine": "vllm"})
    content["resources"] = [{"max_parameters": 9e9, "accelerate_config": "fsdp2_8", "sampling_gpus": 8}]
    assert any(one.what == "models" for one in failing(doctor(study_of(content))))


def test_a_copy_under_sources_and_an_imported_checkpoint_are_looked_at_too(sound: Path, tmp_path: Path) -> None:
    copy = broken(tmp_path / "copy", sound, BROKEN["config.json is empty"])
    sources = {"somebody/m": copy}
    study = study_of(tiny(models={"m": hub_model()}), sources=sources)
    assert str(copy / "config.json") in only(models.folders(study)).found
    for where, lies in ((str(copy), {}), ("somebody/trained", {"somebody/trained": copy})):
        imported = {"model": "m", "reward": "r", "seed": 0, "origin": "o", "checkpoints": {100: where}}
        study = study_of(local(sound, imports=[imported]), sources=lies)
        found = only(models.folders(study)).found
        assert found.startswith(f"imports, step 100: {copy / 'config.json'}: not the JSON")
        assert unusable_models(study, [copy]).startswith(str(copy))
        assert unusable_models(study, [sound]) == ""


@pytest.mark.parametrize("where", ["/nowhere/step100", "./nowhere", "../a/b/c", "runs/one/step100"])
def test_an_imported_folder_that_is_not_there_is_not_taken_for_a_hub_id(where: str, sound: Path) -> None:
    imported = {"model": "m", "reward": "r", "seed": 0, "origin": "o", "checkpoints": {100: where}}
    study = study_of(local(sound, imports=[imported]))
    assert only(models.imports(study)).found == f"{Path(where)}: no such file or folder"
    assert not list(models.hub(study, "local"))


def test_imported_responses_that_are_not_there_are_a_finding(sound: Path, tmp_path: Path) -> None:
    responses = tmp_path / "responses.parquet"
    imported = {"model": "m", "reward": "r", "seed": 0, "origin": "o", "responses": str(responses)}
    study = study_of(local(sound, imports=[imported]))
    assert only(models.imports(study)).found == f"{responses}: no such file or folder"
    responses.touch()
    assert not list(models.imports(study))


def test_a_folder_without_a_tokenizer_is_not_said_to_lack_a_chat_template(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found = only(models.folders(study_of(local(tmp_path / "empty"))))
    assert "incomplete model folder" in found.found


@pytest.mark.parametrize(("seeds", "warned"), [(["0"], True), (["0-1"], True), (["0", "1", "2"], False)])
def test_too_few_seeds_for_the_verdict_on_a_reward_are_a_warning(seeds: list[str], warned: bool) -> None:
    content = yaml.safe_load((ROOT / "examples/your_method/your_method.yaml").read_text(encoding="utf-8"))
    content["experiments"]["test"]["seeds"] = seeds
    found = list(checked_seeds.seeds(study_of(content)))
    assert [finding.level for finding in found] == ["warns"] * warned


def test_seeds_count_that_a_reward_shares_with_each_dummy() -> None:
    content = yaml.safe_load((ROOT / "examples/your_method/your_method.yaml").read_text(encoding="utf-8"))
    test = content["experiments"]["test"]
    test["extra_grids"] = [{"rewards": ["random_0.5"], "seeds": ["5-9"]}]
    assert not list(checked_seeds.seeds(study_of(content)))
    test["seeds"] = ["0-1"]
    assert "share 2" in only(checked_seeds.seeds(study_of(content)), "warns").found
    test["extra_grids"] = [{"seeds": ["2-3"]}]
    assert not list(checked_seeds.seeds(study_of(content)))


def test_a_model_that_another_starts_from_is_given_the_others_prompts(sound: Path) -> None:
    content = local(sound)
    content["prompts"]["odd"] = {"kind": "chat", "system": "Be odd."}
    content["models"]["later"] = {
        "source": "run",
        "start": {"model": "m", "reward": "r", "step": 100},
        "prompt": "odd",
        "max_positions": 256,
    }
    content["experiments"]["later"] = {"title": "l", "models": ["later"], "rewards": ["r"], "seeds": ["0"], "steps": 10}
    given = models._prompts(study_of(content))
    assert {prompt.system for prompt in given["m"]} == {"Be plain.", "Be odd."}


ASK = """
import json, os, sys
from pathlib import Path
from spurious_rewards.config.settings import Settings
from spurious_rewards.config.suite import Suite
from spurious_rewards.operations.checks import models
from spurious_rewards.stages import resources as stage_resources
from spurious_rewards.stages.study import Study
for case in json.loads(sys.argv[1]):
    os.environ["HF_TOKEN"] = case.get("token", "")
    study = Study(Suite.model_validate(case["suite"]), Settings(sources=case.get("sources", {})), Path("tiny.yaml"))
    print(json.dumps([f"{one.level}: {one.found}" for one in models.hub(study, case.get("on", "local"))]))
"""


def asked(folder: Path, endpoint: str, *cases: dict[str, Any]) -> list[list[str]]:
    """Return what the check of the hub finds in each case.

    It runs in a process of its own, because the client reads its endpoint when it is imported.
    """
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "hf")}
    command = [sys.executable, "-c", ASK, json.dumps(cases)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_is_not_here_needs_the_hub(tmp_path: Path, folder: Path) -> None:
    commit = "a" * 40
    (tmp_path / "tiny.lock.yaml").write_text(yaml.safe_dump({"models": {"somebody/cached": {"main": commit}}}))
    cached = tmp_path / f"hf/hub/models--somebody--cached/snapshots/{commit}/config.json"
    cached.parent.mkdir(parents=True)
    cached.write_text("{}")
    cached.with_name("model.safetensors").touch()
    prepared = tmp_path / "results/tiny/problems/p.parquet"
    prepared.parent.mkdir(parents=True)
    prepared.touch()
    suite = tiny(models={"m": hub_model(gated=True)}, problems={"p": {"hub": "somebody/p"}})
    down = "http://127.0.0.1:9"
    missing, other, copied, found = asked(
        tmp_path,
        down,
        {"suite": suite, "token": "invented"},
        {
            "suite": suite
            | {"problems": {"p": {"path": "p.jsonl"}, "q": {"hub": "somebody/q"}}, "training_problems": "q"}
        },
        {"suite": suite, "sources": {"somebody/m": str(folder)}},
        {"suite": suite | {"models": {"m": hub_model(id="somebody/cached")}}},
    )
    assert len(missing) == 1
    assert missing[0].startswith(
        f"fails: 1 models and data sets are not here (somebody/m), and {down} cannot be reached"
    )
    assert len(other) == 2
    assert "2 models and data sets are not here (somebody/m, somebody/q)" in other[1]
    assert copied == []
    assert found == []


def test_gated_models_need_a_token(tmp_path: Path) -> None:
    suite = tiny(models={"m": hub_model(gated=True)})
    with serving({}) as hub:
        without, having, cluster = asked(
            tmp_path,
            hub.endpoint,
            {"suite": suite},
            {"suite": suite, "token": "invented"},
            {"suite": suite, "token": "invented", "on": "slurm"},
        )
    assert len(without) == 1
    assert without[0].startswith("fails: somebody/m: only for those who accepted the terms")
    assert having == []
    assert "compute nodes cannot be seen" in cluster[0]


def test_disk_must_hold_what_is_estimated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content = tiny(keep_weights="reported")
    content["models"]["m"]["num_parameters"] = 1e6
    assert not list(checks_environment.disk(study_of(content), 1))
    # A hundred trillion weights of 4 bytes: no disk can hold them.
    content["models"]["m"]["num_parameters"] = 1e14
    content["resources"][0]["max_parameters"] = 1e15
    assert "GB at its peak" in only(checks_environment.disk(study_of(content), 1)).found
    assert not list(checks_environment.disk(study_of(tiny(resources=[])), 1))


def test_wandb_without_a_key_stays_offline_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not list(checks_environment.wandb(Settings()))  # offline is the default
    monkeypatch.setenv("WANDB_MODE", "online")
    assert "stay offline" in only(checks_environment.wandb(Settings()), "warns").found
    assert not list(checks_environment.wandb(Settings(tracking="none")))
    (tmp_path / ".netrc").write_text(f"machine api.wandb.ai login user password {'0123456789' * 4}\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert not list(checks_environment.wandb(Settings()))
    (tmp_path / ".netrc").unlink()
    monkeypatch.setenv("WANDB_API_KEY", "invented")
    assert not list(checks_environment.wandb(Settings()))


# ---------------------------------------------------------------- checks on the node of a job

ONE_GPU, EIGHT = (ROOT / "envs/accelerate" / name for name in ("one_gpu.yaml", "fsdp2_8.yaml"))


def test_a_job_without_gpus_is_asked_nothing(tmp_path: Path) -> None:
    check_node(Hardware(), engine="vllm")
    on_cpu = tmp_path / "two.yaml"
    on_cpu.write_text("distributed_type: MULTI_CPU\nuse_cpu: true\nnum_machines: 1\nnum_processes: 2\n")
    check_node(Hardware(gpus=2, accelerate_config=on_cpu, num_parameters=1e12))


def test_a_node_must_show_the_gpus_of_the_job(command: Callable[[str, str], None]) -> None:
    command("nvidia-smi", "0, GPU-aa, 81920")
    check_node(Hardware(gpus=1, accelerate_config=ONE_GPU, num_parameters=1.5e9))
    with pytest.raises(UserError, match="needs 8 GPUs of this machine, which shows 1"):
        check_node(Hardware(gpus=8, accelerate_config=EIGHT, num_parameters=7.6e9))
    with pytest.raises(UserError, match="needs 2 GPUs"):
        check_node(Hardware(gpus=2, num_parameters=7.6e9))


def test_gpus_of_a_node_must_be_large_enough(command: Callable[[str, str], None]) -> None:
    command("nvidia-smi", "0, GPU-aa, 40960")
    check_node(Hardware(gpus=1, accelerate_config=ONE_GPU, num_parameters=1.5e9))
    with pytest.raises(UserError, match=r"121\.6 GB \(16 bytes for each of 7\.6 billion weights\).* has 42\.9 GB"):
        check_node(Hardware(gpus=1, accelerate_config=ONE_GPU, num_parameters=7.6e9))
    with pytest.raises(UserError, match=r"140\.0 GB \(2 bytes for each of 70 billion weights\)"):
        check_node(Hardware(gpus=1, num_parameters=70e9))


def test_a_share_must_hold_one_sequence_before_vllm_starts(
    command: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed, "version", lambda name: "0.31.0")
    command("nvidia-smi", "0, GPU-aa, 81920, NVIDIA A100-SXM4-80GB")
    on = Hardware(gpus=1, accelerate_config=ONE_GPU, num_parameters=1.5e9, gpu_memory_utilization=0.6, sequence_gb=48)
    check_node(on, engine="vllm")
    with pytest.raises(
        UserError, match=r"3\.0 GB .* \+ 49\.0 GB .* = 52\.0 GB at least, and its share of 0\.6 is 51\.5 GB"
    ):
        check_node(on.model_copy(update={"sequence_gb": 49}), engine="vllm")
    check_node(on.model_copy(update={"sequence_gb": 49}), engine="transformers")


def test_a_node_must_have_vllm_where_it_is_the_engine(command: Callable[[str, str], None]) -> None:
    command("nvidia-smi", "0, GPU-aa, 81920")
    with pytest.raises(UserError, match="vLLM is not installed"):
        check_node(Hardware(gpus=1, num_parameters=1.5e9), engine="vllm")


def test_a_checkpoint_must_fit_on_the_disk(command: Callable[[str, str], None], tmp_path: Path) -> None:
    command("nvidia-smi", "\n".join(f"{index}, GPU-{index}, 81920" for index in range(8)))
    eight = Hardware(gpus=8, accelerate_config=EIGHT, num_parameters=1.5e9)
    free = shutil.disk_usage(tmp_path).free
    check_node(eight.model_copy(update={"num_parameters": 0.5 * free / 12}), output=tmp_path / "run/checkpoints")
    with pytest.raises(UserError, match="GB free, and a checkpoint takes"):
        check_node(eight.model_copy(update={"num_parameters": 2 * free / 12}), output=tmp_path / "run/checkpoints")

"""The rollout server: its command line, GPUs, and errors when it does not start. tests/with_vllm starts a real one."""

import os
import urllib.request
from importlib.metadata import packages_distributions
from itertools import pairwise
from pathlib import Path

import pytest
import requests

from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Training
from spurious_rewards.models.loading import load_tokenizer
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.training.vllm_server import _on_loopback, check_exclusive, command, environment, serving

SERVED = Training(engine="vllm", vllm_mode="server", max_model_len=4096)
ALONE = Hardware(exclusive_node=True)


def test_the_server_computes_as_training_does_and_takes_weights() -> None:
    words = command("folder", "words", SERVED, Hardware(gpus=8, server_gpus=2), port=8001, seed=5)
    following = dict(pairwise(words))
    assert following["serve"] == "folder"
    assert following["--tokenizer"] == "words"
    assert following["--port"] == "8001"
    assert following["--host"] == "127.0.0.1"
    assert following["--dtype"] == "bfloat16"
    assert following["--max-model-len"] == "4096"
    assert following["--tensor-parallel-size"] == "2"
    assert following["--seed"] == "5"
    assert following["--generation-config"] == "vllm"
    assert following["--weight-transfer-config"] == '{"backend": "nccl"}'


@pytest.mark.parametrize(
    ("own", "hardware", "expected"),
    [
        ({"CUDA_VISIBLE_DEVICES": "4,5,6,7"}, Hardware(gpus=4, server_gpus=1), "7"),
        ({}, Hardware(gpus=8, server_gpus=2), "6,7"),
        ({}, Hardware(), None),
    ],
    ids=["given", "all", "CPU"],
)
def test_the_server_has_the_last_gpus(own: dict[str, str], hardware: Hardware, expected: str | None) -> None:
    useless = (
        "LOCAL_RANK",
        "TORCHELASTIC_RUN_ID",
        "HF_TOKEN",
        "WANDB_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "VLLM_API_KEY",
        "DB_PASSWD",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "DEPLOY_PRIVATE_KEY",
    )
    made = environment({**own, "PATH": "/bin", "TOKENIZERS_PARALLELISM": "no", **dict.fromkeys(useless, "x")}, hardware)
    assert made.get("CUDA_VISIBLE_DEVICES") == expected
    others = {name for name in made if name != "CUDA_VISIBLE_DEVICES"}
    assert others == {"PATH", "TOKENIZERS_PARALLELISM", "VLLM_SERVER_DEV_MODE"}


@pytest.mark.parametrize("server_gpus", [0, 4])
def test_training_and_server_need_gpus_each(server_gpus: int) -> None:
    with pytest.raises(UserError, match=f"vllm_mode = server: {server_gpus} of 4 GPUs are the server's; give it some"):
        environment({}, Hardware(gpus=4, server_gpus=server_gpus))


def test_a_server_that_ends_says_why(tmp_path: Path, tiny_model: Path) -> None:
    cause = "model" if "vllm" in packages_distributions() else "No module named '?vllm"
    with (
        pytest.raises(UserError, match=rf"(?s)vLLM's server ended while it started \(exit code 1\).*{cause}"),
        serving(tmp_path, load_tokenizer(tiny_model), SERVED, ALONE, seed=0, start=0),
    ):
        pass


def test_a_server_that_does_not_answer_is_ended(tmp_path: Path, tiny_model: Path) -> None:
    with (
        pytest.raises(UserError, match=r"vLLM's server did not answer within 0 s; the end of its log:"),
        serving(tmp_path, load_tokenizer(tiny_model), SERVED, ALONE, seed=0, start=0, seconds=0),
    ):
        pass


# ---------------------------------------------------------------- other users of the machine


@pytest.fixture
def scontrol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a fake scontrol that answers for job 12, this process's job, with the content of the returned file."""
    answer, program = tmp_path / "answer", tmp_path / "bin/scontrol"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$*" = "--oneliner show job 12" ] && cat {answer}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    return answer


@pytest.mark.parametrize("said", ["OK", "YES", None])
def test_on_a_machine_that_others_may_use_no_server_starts(said: str | None, scontrol: Path, tiny_model: Path) -> None:
    if said:
        scontrol.write_text(f"JobId=12 JobName=train OverSubscribe={said} Contiguous=0 Comment=OverSubscribe\n")
    with (
        pytest.raises(
            UserError,
            match=r"any user of this machine run code as you.*yours alone.*--exclusive.*exclusive_node: true.*colocate",
        ),
        serving(tiny_model, load_tokenizer(tiny_model), SERVED, Hardware(gpus=2, server_gpus=1), seed=0, start=0),
    ):
        pass


@pytest.mark.parametrize("said", ["NO", "USER"])
def test_slurm_s_word_is_enough(said: str, scontrol: Path) -> None:
    scontrol.write_text(f"JobId=12 JobName=train NumNodes=1 OverSubscribe={said} Contiguous=0 Licenses=(null)\n")
    check_exclusive(Hardware())


def test_outside_slurm_nobody_is_asked(scontrol: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scontrol.write_text("JobId=12 OverSubscribe=NO\n")
    monkeypatch.delenv("SLURM_JOB_ID")
    with pytest.raises(UserError, match="vllm_mode: server"):
        check_exclusive(Hardware())


def test_weights_are_handed_over_on_loopback_and_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """TRL gets its own address from vLLM's `get_ip`, which reads VLLM_HOST_IP before it looks for addresses."""
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")
    monkeypatch.setenv("no_proxy", "example.org")
    monkeypatch.delenv("VLLM_HOST_IP", raising=False)
    with _on_loopback():
        assert os.environ["VLLM_HOST_IP"] == "127.0.0.1"
        assert urllib.request.proxy_bypass("127.0.0.1")
        assert requests.utils.get_environ_proxies("http://127.0.0.1:8001/health") == {}
        assert urllib.request.proxy_bypass("example.org")
    assert "VLLM_HOST_IP" not in os.environ
    assert os.environ["no_proxy"] == "example.org"

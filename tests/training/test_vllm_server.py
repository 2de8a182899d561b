"""The server of rollouts: its command line, its GPUs, and what is said when it does not come up. tests/with_vllm starts it."""

from importlib.metadata import packages_distributions
from itertools import pairwise
from pathlib import Path

import pytest

from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Training
from spurious_rewards.models.loading import load_tokenizer
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.training.vllm_server import command, environment, serving

SERVED = Training(engine="vllm", vllm_mode="server", max_model_len=4096)


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
    made = environment({**own, "PATH": "/bin", "LOCAL_RANK": "0", "TORCHELASTIC_RUN_ID": "x"}, hardware)
    assert made.get("CUDA_VISIBLE_DEVICES") == expected
    assert {name for name in made if name != "CUDA_VISIBLE_DEVICES"} == {"PATH", "VLLM_SERVER_DEV_MODE"}


@pytest.mark.parametrize("server_gpus", [0, 4])
def test_training_and_server_need_gpus_each(server_gpus: int) -> None:
    with pytest.raises(UserError, match=f"vllm_mode = server: {server_gpus} of 4 GPUs are the server's; give it some"):
        environment({}, Hardware(gpus=4, server_gpus=server_gpus))


def test_a_server_that_ends_says_why(tmp_path: Path, tiny_model: Path) -> None:
    cause = "model" if "vllm" in packages_distributions() else "No module named '?vllm"
    with (
        pytest.raises(UserError, match=rf"(?s)vLLM's server ended while it started \(exit code 1\).*{cause}"),
        serving(tmp_path, load_tokenizer(tiny_model), SERVED, Hardware(), seed=0, start=0),
    ):
        pass


def test_a_server_that_does_not_answer_is_ended(tmp_path: Path, tiny_model: Path) -> None:
    with (
        pytest.raises(UserError, match=r"vLLM's server did not answer within 0 s; the end of its log:"),
        serving(tmp_path, load_tokenizer(tiny_model), SERVED, Hardware(), seed=0, start=0, seconds=0),
    ):
        pass

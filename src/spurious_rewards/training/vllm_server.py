"""vLLM's server on GPUs of its own: started with the training that it serves, called over HTTP, and ended with it."""

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Training
from spurious_rewards.runtime import slurm, visible_gpus
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.ports import free_port
from spurious_rewards.runtime.secret_names import is_secret

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

START_SECONDS = 540
"""Seconds for loading the model, while the training processes wait."""

LAUNCHED = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT")
"""Variables by which a launcher tells the training processes about each other; the server is not one of them."""


LOOPBACK = "127.0.0.1"

SHARED = (
    "vllm_mode: server lets any user of this machine run code as you, and nothing shows that the machine is yours alone"
)

EXCLUSIVE = (
    "have SLURM give the job its nodes alone (--exclusive in slurm_extra of the profile), set exclusive_node: true under "
    "`resources` of the suite where no other user can start a process there, or set vllm_mode: colocate"
)
"""What to do about `SHARED`."""

OPEN = "every user of this machine can reach it; NCCL also listens on the machine's other addresses, to receive weights"
"""What stays open on a machine that only this job uses."""


@dataclass(frozen=True)
class Address:
    """The server's URL, and the port on which the server and the trainer meet to transfer weights."""

    url: str
    group_port: int


@contextmanager
def serving(
    model: str | Path,
    tokenizer: "PreTrainedTokenizerBase",
    training: Training,
    hardware: Hardware,
    *,
    seed: int,
    start: int,
    seconds: float = START_SECONDS,
) -> Iterator[Address | None]:
    """Serve rollouts of `model` until the context ends; from the first rollout on, with the trainer's weights.

    The server finds stop strings with `tokenizer`, as training does, and not with what vLLM would load from the model's
    folder.

    It gets the last `hardware.server_gpus` of the job's GPUs; TRL's processes take the first ones. Only the main
    process starts it and gets its address; the others get None. Its random numbers depend on `seed` and on `start`, the
    rollout step that training starts from, so that a segment does not repeat those of the one before.

    Raises:
        UserError: see `check_exclusive`; or there is no GPU for the server, it ended, or it did not answer within
            `seconds`. The message has the end of its log.
    """
    from accelerate import PartialState

    check_exclusive(hardware)
    if not PartialState().is_main_process:
        yield None
        return
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    print(f"vLLM's server: {url}; {OPEN}", file=sys.stderr, flush=True)
    with (
        _on_loopback(),
        tempfile.TemporaryFile("w+", errors="replace", encoding="utf-8") as log,
        tempfile.TemporaryDirectory() as folder,
    ):
        tokenizer.save_pretrained(folder)
        process = subprocess.Popen(
            command(str(model), folder, training, hardware, port=port, seed=_seed(seed, start)),
            env=environment(os.environ, hardware),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait(process, url, log, seconds)
            yield Address(url, free_port())
        except OSError as error:
            if process.poll() is None:
                raise
            raise UserError(f"vLLM's server ended during training{_ended(process, log)}") from error
        finally:
            _end(process)


def check_exclusive(hardware: Hardware) -> None:
    """Check that only this job uses the machine, as the suite or SLURM says.

    Raises:
        UserError: neither says so. The server answers any caller without a password, and a caller can make it run code
            with the requests that transfer weights.
    """
    if not hardware.exclusive_node and not slurm.exclusive():
        raise UserError(f"{os.uname().nodename}: {SHARED}; {EXCLUSIVE}")


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Make TRL and vLLM transfer weights through an address that only this machine has, and use no proxy for it."""
    without_proxy = ",".join(filter(None, [os.environ.get("no_proxy", os.environ.get("NO_PROXY")), LOOPBACK]))
    settings = {"VLLM_HOST_IP": LOOPBACK, "no_proxy": without_proxy, "NO_PROXY": without_proxy}
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def command(model: str, tokenizer: str, training: Training, hardware: Hardware, *, port: int, seed: int) -> list[str]:
    """Return the command line of vLLM's server as TRL wants it (`trl.scripts.vllm_serve`).

    `model` and `tokenizer` are folders.
    """
    from trl.scripts.vllm_serve import ScriptArguments, build_command

    arguments = ScriptArguments(
        model=model,
        trust_remote_code=False,
        host=LOOPBACK,
        port=port,
        tensor_parallel_size=max(1, hardware.server_gpus),
        dtype=training.dtype,
        max_model_len=training.max_model_len,
        log_level="warning",
    )
    # None of the model's own generation settings, except the tokens that end a response.
    extra = ["--tokenizer", tokenizer, "--seed", str(seed), "--generation-config", "vllm"]
    built: list[str] = build_command(arguments, extra)
    return built


def environment(own: Mapping[str, str], hardware: Hardware) -> dict[str, str]:
    """Return the server's environment: this process' own with the last GPUs, without launcher variables and secrets.

    The server needs no secrets, because it reads a local folder.

    Raises:
        UserError: there are GPUs, but not some for the server and some for training.
    """
    kept = {name: value for name, value in own.items() if name not in LAUNCHED and not name.startswith("TORCHELASTIC_")}
    kept = {name: value for name, value in kept.items() if not is_secret(name)}
    kept["VLLM_SERVER_DEV_MODE"] = "1"  # without it vLLM takes no new weights
    if hardware.gpus:
        named = visible_gpus.named(own)
        gpus = [str(index) for index in range(hardware.gpus)] if named is None else named
        if not 0 < hardware.server_gpus < len(gpus):
            raise UserError(
                f"vllm_mode = server: {hardware.server_gpus} of {len(gpus)} GPUs are the server's; give it some and leave "
                "some to training (server_gpus of the suite's resources), or set vllm_mode: colocate"
            )
        kept[visible_gpus.VARIABLE] = ",".join(gpus[-hardware.server_gpus :])
    return kept


def _seed(seed: int, start: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed},{start}".encode()).digest()[:4])


def _wait(process: "subprocess.Popen[bytes]", url: str, log: IO[str], seconds: float) -> None:
    started = said = time.monotonic()
    while not _answers(url):
        now = time.monotonic()
        if process.poll() is not None:
            raise UserError(f"vLLM's server ended while it started{_ended(process, log)}")
        if now - started > seconds:
            raise UserError(f"vLLM's server did not answer within {seconds:.0f} s; the end of its log: {_end_of(log)}")
        if now - said >= 10:
            said = now
            print(f"vLLM's server: starting for {now - started:.0f} s", file=sys.stderr, flush=True)
        time.sleep(1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _ended(process: "subprocess.Popen[bytes]", log: IO[str]) -> str:
    return f" (exit code {process.returncode}); the end of its log: {_end_of(log)}"


def _end_of(log: IO[str], lines: int = 30) -> str:
    """Print the last lines of the log, and return the very last for a message of one line."""
    log.seek(0)
    last = log.read().splitlines()[-lines:]
    print("\n".join(last), file=sys.stderr, flush=True)
    return "".join(last[-1:])


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the server and its workers, first with SIGTERM, then with SIGKILL."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, sent)
            process.wait(timeout=30)

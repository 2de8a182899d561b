"""Two engines that share the batches of a job and are killed from outside; run as a script, this is the job."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest

from spurious_rewards.artifacts import tables
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Sampling
from spurious_rewards.generation.generate import generate
from spurious_rewards.generation.tasks import Checkpoint, Task
from spurious_rewards.runtime.errors import UserError

PROBLEMS = pd.DataFrame({"id": [f"p/{i}" for i in range(6)], "problem": ["1+1" + "+2" * (i % 4) for i in range(6)]})
ROWS = 240


def ask(model: Path, output: Path, gpus: int) -> None:
    generate(
        [Checkpoint(3, step, model) for step in range(2)],
        [Task("drawn", PROBLEMS, 20, 1.0)],
        Prompt(kind="raw", user="{}=", stop=("7", "a")),
        Sampling(max_new_tokens=10, dtype="float32", batch_tokens=100),
        output,
        version=1,
        threads=1,
        hardware=Hardware(gpus=gpus),
    )


def kept(output: Path) -> list[Path]:
    return sorted(output.parent.glob(".*.partial/*/[!.]*.parquet"))


def both_at_work(output: Path) -> bool:
    """Whether the first two batches are done, one by each engine."""
    spans = dict(part.stem.removeprefix("3_0_").split("-") for part in kept(output) if part.stem.startswith("3_0_"))
    return spans.get("0") in spans


def engines(job: subprocess.Popen[str]) -> list[psutil.Process]:
    children = psutil.Process(job.pid).children(recursive=True)
    return [child for child in children if any("spawn_main" in word for word in child.cmdline())]


@pytest.fixture
def stopped(tiny_model: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """Start a job and suspend its engines half way, so that only SIGKILL ends them."""
    output = tmp_path / "responses.parquet"
    job = subprocess.Popen([sys.executable, __file__, tiny_model, output], stderr=subprocess.PIPE, text=True)
    running: list[psutil.Process] = []
    try:
        give_up = time.monotonic() + 300
        while not both_at_work(output) and job.poll() is None and time.monotonic() < give_up:
            time.sleep(0.01)
        running = engines(job)
        for one in running:
            one.suspend()
        assert len(running) == 2
        yield job, running
    finally:
        for one in (*running, job):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()


@pytest.fixture(scope="module")
def undisturbed(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    output = tmp_path_factory.mktemp("undisturbed") / "responses.parquet"
    ask(tiny_model, output, gpus=0)
    return tables.read(output, tables.Responses)


def check_that_it_goes_on(model: Path, output: Path, undisturbed: pd.DataFrame) -> None:
    """Check that the next start uses the kept batches and ends with the result of an undisturbed job.

    It runs one engine instead of two.
    """
    assert not output.exists()
    parts = [tables.read(part, tables.Responses) for part in kept(output)]
    assert 0 < sum(map(len, parts)) < ROWS
    tables.write(parts[0].assign(response="kept"), tables.Responses, kept(output)[0])
    ask(model, output, gpus=0)
    found = tables.read(output, tables.Responses)
    marked = found["response"] == "kept"
    assert marked.sum() == len(parts[0])
    assert len(found) == ROWS
    pd.testing.assert_frame_equal(found[~marked], undisturbed[~marked])


def test_an_engine_that_is_killed_ends_the_job_and_the_other_engine(
    stopped, undisturbed, tiny_model: Path, tmp_path: Path
):
    job, (one, other) = stopped
    one.kill()
    _, said = job.communicate(timeout=120)
    assert job.returncode == 1
    assert "an engine was ended by SIGKILL, most often since the machine has no memory left; run again" in said
    assert psutil.wait_procs([one, other], timeout=30)[1] == []
    check_that_it_goes_on(tiny_model, tmp_path / "responses.parquet", undisturbed)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_a_job_that_is_ended_takes_its_engines_with_it(
    stopped, undisturbed, tiny_model: Path, tmp_path: Path, sent: signal.Signals
):
    job, running = stopped
    job.send_signal(sent)
    assert job.wait(timeout=120) == -sent
    assert psutil.wait_procs(running, timeout=30)[1] == []
    check_that_it_goes_on(tiny_model, tmp_path / "responses.parquet", undisturbed)


if __name__ == "__main__":
    try:
        ask(Path(sys.argv[1]), Path(sys.argv[2]), gpus=2)
    except UserError as error:
        sys.exit(str(error))

import resource
import signal
from contextlib import closing
from pathlib import Path

import pytest

from spurious_rewards.runtime import limited


def test_memory_of_this_process_is_limited_for_as_long_as_a_block_takes() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(MemoryError), limited.memory(2**27):
        bytearray(2**30)
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    with limited.memory(2**31):
        bytearray(2**30)
        with limited.memory(2**33), pytest.raises(MemoryError):  # an inner limit does not loosen the outer one
            bytearray(2**32)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_job_does_not_end_a_worker_that_has_not_begun(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "late.py").write_text(
        f"""
import os
os.kill(os.getpid(), {int(number)})
from spurious_rewards.runtime import limited
limited.serve(lambda: str.upper, 10.0, 2**31)
"""
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with closing(limited.Worker("late")) as worker:
        assert worker.ask("word", 10.0) == "WORD"
        worker._process.send_signal(number)  # type: ignore[union-attr]
        assert worker.ask("more", 10.0) == "MORE"
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_a_worker_that_was_killed_between_two_questions_is_not_the_questions_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shouts.py").write_text(
        "from spurious_rewards.runtime import limited\nlimited.serve(lambda: str.upper, 10.0, 2**31)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with closing(limited.Worker("shouts")) as worker:
        assert worker.ask("word", 10.0) == "WORD"
        process = worker._process
        assert process is not None
        process.kill()
        process.wait()
        monkeypatch.setattr(process, "poll", lambda: None)  # as if it was killed after the last check
        assert worker.ask("more", 10.0) == "MORE"


def test_a_question_that_ends_a_new_worker_is_at_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dies.py").write_text(
        "import os\nfrom spurious_rewards.runtime import limited\n"
        "limited.serve(lambda: lambda word: word if word == 'live' else os.abort(), 10.0, 2**31)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with closing(limited.Worker("dies")) as worker:
        assert worker.ask("live", 10.0) == "live"
        with pytest.raises(limited.EndedError, match="takes its process down"):
            worker.ask("die", 10.0)
        assert worker.ask("live", 10.0) == "live"

"""The cost of a phase: seconds on a fake clock, memory on a CPU and on a fake GPU."""

import pytest
import torch

from spurious_rewards.training import watch
from spurious_rewards.training.watch import Watch

CPU = torch.device("cpu")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Replace the clock by one that only the test advances."""
    now = [0.0]
    monkeypatch.setattr(watch.time, "perf_counter", lambda: now[0])
    return now


def test_each_second_counts_for_the_innermost_phase(clock: list[float]) -> None:
    begun: list[str] = []
    watched = Watch(CPU, begun.append)
    draw = watched.timed("sync", lambda: clock.__setitem__(0, clock[0] + 10))
    watched.enter("update")
    clock[0] += 1
    with watched.phase("generate"):
        clock[0] += 100
        draw()
        assert watched.phase_now == "generate"
    clock[0] += 1
    watched.leave()
    clock[0] += 1000
    assert watched.seconds == {"update": 2, "generate": 100, "sync": 10}
    assert begun == ["update", "generate", "sync"]


def test_an_error_is_told_with_its_phase() -> None:
    watched = Watch(CPU)
    with pytest.raises(ZeroDivisionError), watched.phase("update"), watched.phase("generate"):
        _ = 1 / 0
    assert watched.phase_now == "generate"


def test_memory_that_comes_and_goes_within_a_phase_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "EVERY", 0.001)
    taken = iter([5e9, 70e9, *[6e9] * 10_000])
    seen = []

    def in_use(_: Watch) -> float:
        seen.append(next(taken))
        return seen[-1]

    monkeypatch.setattr(Watch, "in_use", in_use)
    with Watch(CPU) as watched:
        watched.enter("generate")
        while len(seen) < 5:
            pass
        watched.leave()
    assert watched.peaks["generate"] == 70e9


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Fake a GPU of 80: 30 are taken, of which torch has reserved 20, uses 12 now and used 18 at most."""
    said = {"free": 50, "reserved": 20, "allocated": 12, "peak": 18}
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (said["free"], 80))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: said["reserved"])
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: said["reserved"])
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: said["allocated"])
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: said["peak"])
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: None)
    return said


def test_what_torch_keeps_and_does_not_use_is_free(gpu: dict[str, float]) -> None:
    watched = Watch(torch.device("cuda"))
    assert watched.in_use() == 30 - 20 + 12
    with watched.phase("update"):
        pass
    assert watched.peaks["update"] == 30 - 20 + 18, "torch's own peak, however short it was"
    assert (watched.allocated, watched.reserved) == (18, 20)


def test_what_vllm_gave_back_is_free_though_torch_counts_it(gpu: dict[str, float]) -> None:
    """Torch still counts vLLM's pool while vLLM sleeps: it reports 40 more as used that are not taken."""
    awake = Watch(torch.device("cuda")).in_use()
    gpu |= {name: gpu[name] + 40 for name in ("reserved", "allocated", "peak")}
    assert Watch(torch.device("cuda")).in_use() == awake

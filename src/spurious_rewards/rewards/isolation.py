"""Run a user's code so that training continues as if the code had not run."""

import os
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout

import numpy as np
import torch


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Seed the global random generators on entry, and restore on exit the state that training depends on.

    Restored are: the generators of random, numpy (the global one) and torch (CPU and GPUs); the working directory;
    torch's gradient mode, autocast, default dtype and device, number of threads and float32 matmul precision; numpy's
    handling of floating-point errors; warning filters; standard output and error. The environment (os.environ),
    sys.path and other settings stay as the code leaves them.

    Args:
        seed: 0 to 2**32 - 1. The code's random numbers depend on it alone: a resumed run draws the same numbers, and
            they differ from those that training draws.
    """
    drawn, drawn_by_numpy = random.getstate(), np.random.get_state()
    folder, filters = os.getcwd(), warnings.filters[:]
    dtype, threads, precision = torch.get_default_dtype(), torch.get_num_threads(), torch.get_float32_matmul_precision()
    device = torch.get_default_device()
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    with (
        torch.random.fork_rng(gpus),
        torch.set_grad_enabled(torch.is_grad_enabled()),
        _autocast("cpu"),
        _autocast("cuda") if gpus else nullcontext(),
        np.errstate(),
        redirect_stdout(sys.stdout),
        redirect_stderr(sys.stderr),
    ):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(drawn)
            np.random.set_state(drawn_by_numpy)
            os.chdir(folder)
            warnings.filters[:] = filters  # type: ignore[index]
            torch.set_default_dtype(dtype)
            if torch.get_default_device() != device:
                torch.set_default_device(None)  # training sets no default device
            torch.set_float32_matmul_precision(precision)
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)


def _autocast(device: str) -> torch.autocast:
    """Return a context that restores autocast's present settings on exit."""
    return torch.autocast(device, torch.get_autocast_dtype(device), torch.is_autocast_enabled(device))

"""Running code of the user's so that training goes on as if it had not run."""

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
    """Seed the global generators on entry, and on exit put back what training goes by.

    That is the state of the generators of random, numpy (the global one) and torch (CPU and GPUs), the working directory,
    whether torch computes gradients, its autocast, default dtype and device, number of threads and precision of float32
    products, numpy's handling of floating-point errors, the filters of warnings, and standard output and error. The
    environment (os.environ), sys.path and other settings stay as the code leaves them.

    Args:
        seed: 0 to 2**32 - 1. The code's own draws depend on it alone: a resumed run draws the same numbers, and none that
            training draws.
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
                torch.set_default_device(None)  # training sets none
            torch.set_float32_matmul_precision(precision)
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)


def _autocast(device: str) -> torch.autocast:
    """Autocast as it is; on exit it is that again."""
    return torch.autocast(device, torch.get_autocast_dtype(device), torch.is_autocast_enabled(device))

"""Running code of the user's so that training goes on as if it had not run."""

import os
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import numpy as np
import torch


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Seed the global generators on entry, and on exit put back what training goes by.

    That is the state of the generators of random, numpy (the global one) and torch (CPU and GPUs), the working directory,
    whether torch computes gradients, its default dtype and number of threads, numpy's handling of floating-point errors, the
    filters of warnings, and standard output and error. The environment (os.environ), sys.path and other settings stay as the
    code leaves them.

    Args:
        seed: 0 to 2**32 - 1. The code's own draws hang on it alone: a resumed run draws the same numbers, and none that
            training draws.
    """
    drawn, drawn_by_numpy = random.getstate(), np.random.get_state()
    folder, filters = os.getcwd(), warnings.filters[:]
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    with (
        torch.random.fork_rng(gpus),
        torch.set_grad_enabled(torch.is_grad_enabled()),
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
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)

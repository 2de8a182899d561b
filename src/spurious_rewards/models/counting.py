"""Stopping a model that its configuration makes larger than its weights, while it is still being made."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)

TIMES_MADE = 4
"""Times the numbers of its files: each parameter is made empty and again with its weights, a tied one also before it is tied."""

MORE_PARAMETERS = 10
"""Times the tensors of its files: what may be made so, where files hold several parameters as one."""

MORE_NUMBERS = 2**28
"""What a model may hold beside its weights, such as masks of its attention: 1 GiB in float32."""


@contextmanager
def no_larger(tensors: int, numbers: int) -> Iterator[None]:
    """Let a model be made in the block that is about as large as its weights; a configuration may ask for any size.

    Args:
        tensors: how many its files hold.
        numbers: how many these have.

    Raises:
        ValueError: it is larger.
    """
    most_parameters, most_numbers = MORE_PARAMETERS * tensors + 1000, TIMES_MADE * numbers + MORE_NUMBERS
    parameters = held = 0

    def of_parameter(module: Any, name: str, made: Any) -> None:
        nonlocal parameters
        parameters += 1
        if parameters > most_parameters:
            raise ValueError(
                f"config.json describes more than {most_parameters:,} tensors, and its files hold {tensors:,}"
            )
        of_any(module, name, made)

    def of_any(_module: Any, _name: str, made: Any) -> None:
        nonlocal held
        held += 0 if made is None else made.numel()
        if held > most_numbers:
            raise ValueError(
                f"config.json describes more than {most_numbers:,} numbers, and its files hold {numbers:,}"
            )

    handles: list[Any] = [
        register_module_parameter_registration_hook(of_parameter),
        register_module_buffer_registration_hook(of_any),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()

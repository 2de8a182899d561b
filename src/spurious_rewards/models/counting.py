"""Stops the construction of a model when it gets larger than its weights, as a wrong configuration may make it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)

TIMES_MADE = 4
"""Factor on the numbers in the files: parameters are made empty and again with weights, tied ones also before tying."""

MORE_PARAMETERS = 10
"""Factor on the tensors in the files: a model may have more parameters, where files hold several of them as one."""

MORE_NUMBERS = 2**28
"""How many numbers a model may hold besides its weights, such as attention masks: 1 GiB in float32."""


@contextmanager
def no_larger(tensors: int, numbers: int) -> Iterator[None]:
    """Let the block construct a model of about the size of its weights, whatever size its configuration asks for.

    Args:
        tensors: how many tensors the model's files hold.
        numbers: how many numbers these tensors have.

    Raises:
        ValueError: the model is larger.
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

"""The weights of a model folder: which files hold them, and what the headers of these files say."""

import math
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spurious_rewards.models.faults import AGAIN, Fault, as_object, not_there, read
from spurious_rewards.runtime.errors import UserError, in_a_line

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"

FLOATS = frozenset({"F64", "F32", "F16", "BF16"})


def files(folder: Path) -> list[Path]:
    """Return the files that hold the weights of a complete model folder."""
    if os.path.lexists(folder / WEIGHTS):
        return [folder / WEIGHTS]
    named = read(folder / INDEX, _parts)
    return [] if isinstance(named, Fault) else [folder / name for name in sorted(named)]


@dataclass(frozen=True)
class Finite:
    """The weights of a complete model folder, as (name, tensor). Whichever process iterates checks each as it reads it.

    Raises:
        UserError: during the iteration, at weights with NaN or infinite values.
    """

    folder: Path

    def __iter__(self) -> Iterator[tuple[str, "Tensor"]]:
        import torch
        from safetensors import safe_open

        for file in files(self.folder):
            with safe_open(file, framework="pt") as opened:
                for name in opened.keys():  # noqa: SIM118  # no mapping
                    tensor = opened.get_tensor(name)
                    # Scalars are not weights: GPT-NeoX's `masked_bias` is minus infinity in half precision.
                    counts = tensor.ndim and tensor.numel() and tensor.is_floating_point()
                    if counts and not torch.isfinite(torch.stack(tensor.aminmax())).all():
                        raise UserError(
                            f"{file}: the weights {name} have values that are NaN or infinite; copy them again, or, where "
                            "training made them, train with a lower learning_rate"
                        )
                    yield name, tensor


def count(folder: Path) -> tuple[int, int]:
    """Return how many tensors the files of a complete model folder hold, and how many numbers, from the headers."""
    sizes = [math.prod(shape) for file in files(folder) for _, shape in _tensors(file).values()]
    return len(sizes), sum(sizes)


def faults(folder: Path, there: Collection[str]) -> Iterator[Fault]:
    """Yield the faults of the weights of a folder; `there` are the names of its files."""
    if INDEX in there and WEIGHTS not in there:
        named = read(folder / INDEX, _parts)
        if isinstance(named, Fault):
            yield named
        elif missing := sorted(named - set(there)):
            yield Fault(folder, f"incomplete model folder, missing {', '.join(missing)}", AGAIN)
    for file in files(folder):
        if file.name in there and (fault := _of_file(file)):
            yield fault


def _parts(text: str) -> set[str]:
    """Return the names of the files that an index names."""
    index = as_object(text)
    named = index.get("weight_map")
    if not (named and isinstance(named, dict)) or not all(
        isinstance(name, str) and name and name == Path(name).name for name in named.values()
    ):
        raise ValueError("no weight_map from tensors to files of the folder")
    if not isinstance(index.get("metadata"), dict):
        raise ValueError("no metadata, which transformers wants")
    return set(named.values())


def _of_file(path: Path) -> Fault | None:
    from safetensors import SafetensorError

    for fault in not_there(path):
        return fault
    try:
        kinds = {name: kind for name, (kind, _) in _tensors(path).items()}
    except (SafetensorError, ValueError, OSError) as error:
        return Fault(
            path,
            f"not readable weights, perhaps cut short by a crash ({in_a_line(error)})",
            AGAIN,
        )
    packed = next((name for name, kind in kinds.items() if name.endswith(".weight") and kind not in FLOATS), None)
    if packed:
        return Fault(
            path,
            f"quantised weights ({packed} is {kinds[packed]})",
            "take the model's weights in bfloat16, float16 or float32",
        )
    return None


def _tensors(path: Path) -> dict[str, tuple[str, list[int]]]:
    """Return type and shape of each tensor in a file."""
    from safetensors import safe_open

    with safe_open(path, framework="np") as opened:
        slices = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118  # no mapping
        return {name: (one.get_dtype(), one.get_shape()) for name, one in slices.items()}

"""The weights of a model folder: which files hold them, and what their headers tell."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from spurious_rewards.models.faults import AGAIN, Fault, as_object, not_there, read, words_of

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"

FLOATS = frozenset({"F64", "F32", "F16", "BF16"})


def files(folder: Path) -> list[Path]:
    """The files of a whole model folder that hold its weights."""
    if os.path.lexists(folder / WEIGHTS):
        return [folder / WEIGHTS]
    named = read(folder / INDEX, _parts)
    return [] if isinstance(named, Fault) else [folder / name for name in sorted(named)]


def faults(folder: Path, there: Collection[str]) -> Iterator[Fault]:
    """What is wrong with the weights of a folder that has these files."""
    if INDEX in there and WEIGHTS not in there:
        named = read(folder / INDEX, _parts)
        if isinstance(named, Fault):
            yield named
        elif missing := sorted(named - set(there)):
            yield Fault(folder, f"not a whole model folder, it lacks {', '.join(missing)}", AGAIN)
    for file in files(folder):
        if file.name in there and (fault := _of_file(file)):
            yield fault


def _parts(text: str) -> set[str]:
    """The files that an index names."""
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
    from safetensors import SafetensorError, safe_open

    for fault in not_there(path):
        return fault
    try:
        with safe_open(path, framework="np") as opened:
            kinds = {name: opened.get_slice(name).get_dtype() for name in opened.keys()}  # noqa: SIM118  # no mapping
    except (SafetensorError, ValueError, OSError) as error:
        return Fault(
            path,
            f"not readable weights, perhaps cut short by a crash ({words_of(error)})",
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

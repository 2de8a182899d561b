"""config.json of a model folder: the values that matter here, and faults that show without loading the model."""

import functools
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from spurious_rewards.models.faults import Fault, as_object, read

POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "context_length", "n_ctx")
"""Names of the key with the number of positions. Architectures without such a key (Mamba, BLOOM) have no limit."""

ROPE_TYPES = frozenset(
    {"default", "linear", "dynamic", "yarn", "longrope", "llama3", "proportional"}  # for every model
    | {"su", "mrope", "axial", "xdrope"}  # for some models, which rename them
)
"""The rope types of transformers 5.17, which lists them only in its code. A test compares."""


def read_config(folder: Path) -> dict[str, Any]:
    """Return config.json with the keys of its language model (`text_config`) on top; empty if the file is broken."""
    found = read(folder / "config.json", as_object)
    return {} if isinstance(found, Fault) else of_language(found)


MOST = {
    "num_hidden_layers": 1_000,
    "hidden_size": 100_000,
    "intermediate_size": 1_000_000,
    "vocab_size": 5_000_000,
    "num_labels": 1_000,
}
"""Largest allowed values, far above those of any model: they cost memory and time before the weights are looked at.

Other keys that end in `layer` or `layers` (`n_layer`, `decoder_layers`) have the limit of `num_hidden_layers`."""


def positions(config: Mapping[str, Any]) -> float:
    """Return how many tokens prompt and response may have together; infinity if the configuration has no limit."""
    return next((config[name] for name in POSITIONS if _counts(config.get(name))), math.inf)


def embeddings(config: Mapping[str, Any]) -> int | None:
    """Return how many token ids a model has embeddings for (those below this number); None if it does not say."""
    rows = config.get("vocab_size")
    return rows if _counts(rows) else None


FULL_ATTENTION = frozenset({"llama", "qwen2", "qwen3", "olmo", "olmo2"})
"""Architectures whose layers all keep keys and values of every token, unless config.json names sliding windows."""


def cache_numbers(config: Mapping[str, Any]) -> int | None:
    """Return how many numbers the KV cache of a model has per token: keys and values of all layers.

    None for architectures that may keep less, or if the configuration does not say enough.
    """
    windows = config.get("use_sliding_window") or set(config.get("layer_types") or ()) - {"full_attention"}
    names = ("num_hidden_layers", "num_attention_heads", "hidden_size")
    if (
        config.get("model_type") not in FULL_ATTENTION
        or windows
        or not all(_counts(config.get(name)) for name in names)
    ):
        return None
    layers, heads, hidden = (int(config[name]) for name in names)
    shared, of_a_head = config.get("num_key_value_heads") or heads, config.get("head_dim") or hidden // heads
    return 2 * layers * int(shared) * int(of_a_head)


def of_language(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with its `text_config` on top: the part that writes, if a model also sees or hears."""
    text = config.get("text_config")
    return {**config, **(text if isinstance(text, dict) else {})}


def faults(path: Path, config: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield the faults of a config.json that is a JSON object."""
    language = of_language(config)
    if quantised := config.get("quantization_config") or config.get("compression_config"):
        method = quantised.get("quant_method") if isinstance(quantised, dict) else None
        yield Fault(
            path,
            f"quantised weights ({method or 'quantization_config'}) are not supported",
            "take the model's weights in bfloat16, float16 or float32",
        )
    if "transformers_weights" in config:
        yield Fault(
            path,
            "transformers_weights names other weights than those that are checked",
            "take the key out of config.json",
        )
    for part in (config, language):
        if "/" in str(part.get("attn_implementation") or part.get("_attn_implementation") or ""):
            yield Fault(path, "attn_implementation names code from elsewhere", "take the key out of config.json")
            break
    for name, value in _named(config):
        most = MOST["num_hidden_layers"] if name.endswith(("layer", "layers")) else MOST.get(name)
        if most is not None and _counts(value) and value > most:
            yield Fault(path, f"{name} = {value}, and the limit is {most:,}", "restore the model's own value")
    kind = config.get("model_type")
    if isinstance(kind, str) and kind and _listed() and json.dumps(kind) not in _listed():
        own = " and comes with code of its own (auto_map), which is never run" if "auto_map" in config else ""
        yield Fault(
            path,
            f"model_type {kind!r} is not one that the installed transformers has{own}",
            "take a model of an architecture that transformers has",
        )
    for name in ("vocab_size", *POSITIONS):
        if language.get(name) is not None and not _counts(language[name]):
            yield Fault(path, f"{name} = {_shown(language[name])} is no number of tokens", "put a whole number there")
    for type_ in _rope_types(language):
        if not isinstance(type_, str) or type_ not in ROPE_TYPES:
            yield Fault(
                path,
                f"rope type {_shown(type_)} is unknown",
                f"known are {', '.join(sorted(ROPE_TYPES))}; name the one that the model was trained with",
            )


def _named(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield all keys and values of a configuration and of those nested in it, such as vision and audio parts."""
    left: list[Any] = [config]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            yield from part.items()
            left.extend(part.values())
        elif isinstance(part, list):
            left.extend(part)


def _rope_types(config: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the rope types that a configuration names, for all layers or per kind of layer."""
    for key in ("rope_scaling", "rope_parameters"):
        said = config.get(key)
        if isinstance(said, dict):
            for part in (said, *said.values()):
                if isinstance(part, dict):
                    yield from (part[name] for name in ("rope_type", "type") if part.get(name) is not None)


def of_ids(path: Path, settings: Mapping[str, Any], rows: int | None) -> Iterator[Fault]:
    """Yield faults of token ids that generation and training would use unchecked; the model has `rows` embeddings."""
    for name in ("eos_token_id", "pad_token_id"):
        value = settings.get(name)
        for id_ in value if isinstance(value, list) else [value]:
            if id_ is None or (name == "pad_token_id" and id_ == -1):  # -1: no padding token, in old Llama folders
                continue
            if type(id_) is not int or id_ < 0:
                yield Fault(path, f"{name} = {_shown(value)} is no token id", "put the number of the token there")
            elif rows is not None and id_ >= rows:
                yield Fault(
                    path,
                    f"{name} = {_shown(value)} is beyond the model's {rows} embeddings, 0 to {rows - 1}",
                    "put the number of a token of the model there",
                )


def ends(settings: Mapping[str, Any]) -> set[int]:
    """Return the valid token ids that a configuration names as ends of a response."""
    value = settings.get("eos_token_id")
    return {id_ for id_ in (value if isinstance(value, list) else [value]) if type(id_) is int and id_ >= 0}


def _counts(value: object) -> bool:
    return type(value) is int and value > 0


def _shown(value: object) -> str:
    return json.dumps(value, default=str)[:100]


@functools.cache
def _listed() -> str:
    """Return the text of the files in which the installed transformers lists the architectures that it can load.

    The text is read because importing these files takes seconds, and loads torch. It is empty if they are not found.
    """
    with suppress(ImportError, OSError, ValueError):
        if (spec := find_spec("transformers")) and spec.origin:
            folder = Path(spec.origin).parent / "models/auto"
            return "".join(
                (folder / f"{name}.py").read_text(encoding="utf-8") for name in ("auto_mappings", "configuration_auto")
            )
    return ""

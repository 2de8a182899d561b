"""The gate for model folders: finds all faults that show without torch, transformers or the weights in memory.

Whatever a folder holds, the result is a list of faults, each with its file and what to do; it is empty for a good
folder. Planning, `doctor` and every stage that loads a model use this module. `loading` reports faults that show only
when a model is loaded.
"""

import json
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from spurious_rewards.artifacts.checkpoints import gone
from spurious_rewards.config.models import Prompt
from spurious_rewards.models import configuration, templates, tokenizer_file, weights
from spurious_rewards.models.faults import (
    AGAIN,
    Fault,
    as_object,
    not_there,
    raised_by_library,
    read,
    unreadable,
)
from spurious_rewards.models.rendering import RenderingError
from spurious_rewards.runtime.errors import in_a_line

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")
"""A tokenizer needs one of these files; its configuration alone is not enough."""

OBJECTS = (
    *("config.json", "generation_config.json", "tokenizer_config.json", "special_tokens_map.json"),
    "added_tokens.json",
)
"""Files that must hold a JSON object if they are there."""

PROBLEM = "What is $1 + 1$?"
"""Stands for any problem when a prompt is tried out."""


def faults(folder: Path, prompts: Collection[Prompt] = ()) -> list[Fault]:
    """Return the faults of a model folder, alone and with these prompts; only the headers of its weights are read.

    Raises nothing, whatever the folder holds.
    """
    found: list[Fault] = []
    try:
        found.extend(_faults(folder, prompts))
    except BaseException as error:
        if not raised_by_library(error):
            raise
        what = f"cannot be looked at ({type(error).__name__}: {in_a_line(error)})"
        found.append(unreadable(folder, error) if isinstance(error, OSError) else Fault(folder, what, AGAIN))
    return found


def _faults(folder: Path, prompts: Collection[Prompt]) -> Iterator[Fault]:
    if not folder.is_dir():
        yield Fault(folder, "no such model folder", "give a folder that holds config.json, tokenizer and weights")
        return
    if gone(folder):
        yield Fault(
            folder,
            "its weights were deleted after evaluation (keep_weights: reported in the suite)",
            "delete the checkpoints/ of the run's segments and name the last of them as Snakemake's target, which makes "
            "them again",
        )
        return
    there = set(os.listdir(folder))
    if missing := _missing(there):
        yield Fault(folder, f"incomplete model folder, missing {', '.join(missing)}", _instead(there))
    objects = {name: read(folder / name, as_object) for name in OBJECTS if name in there}
    # If there is a tokenizer.json, no other file of the vocabulary is used.
    words = ("tokenizer.json",) if "tokenizer.json" in there else ("vocab.json", "merges.txt")
    texts = {name: read(folder / name, str) for name in words if name in there}
    jinja = {name: read(path, str) for name, path in templates.files(folder).items()}
    yield from (found for found in (*objects.values(), *texts.values(), *jinja.values()) if isinstance(found, Fault))
    if "tokenizer.json" not in there and "tokenizer.model" in there:
        yield from not_there(folder / "tokenizer.model")
    settings = {name: found for name, found in objects.items() if not isinstance(found, Fault)}
    config = settings.get("config.json", {})
    yield from configuration.faults(folder / "config.json", config)
    language = configuration.of_language(config)
    rows = configuration.embeddings(language)
    for name, said in (("config.json", language), ("generation_config.json", settings.get("generation_config.json"))):
        yield from configuration.of_ids(folder / name, said or {}, rows)
    yield from weights.faults(folder, there)
    tokens = tokenizer_file.SpecialTokens(
        {**settings.get("special_tokens_map.json", {}), **settings.get("tokenizer_config.json", {})}
    )
    tokenizer = (
        tokenizer_file.load(folder / "tokenizer.json", text)
        if isinstance(text := texts.get("tokenizer.json"), str)
        else None
    )
    if isinstance(tokenizer, Fault):
        yield tokenizer
        tokenizer = None
    if tokenizer is not None:
        yield from tokenizer_file.faults(folder, tokenizer, tokens, rows)
    if tokens.settings.get("fast_tokenizer_files"):
        yield Fault(
            folder / "tokenizer_config.json",
            "has fast_tokenizer_files, for which transformers would read another file than tokenizer.json",
            "delete this key, or save the tokenizer again",
        )
    if tokenizer is None and "auto_map" in tokens.settings and "tokenizer.json" not in there:
        yield Fault(
            folder / "tokenizer_config.json",
            "its tokenizer is code of its own (auto_map), which is never run",
            "save it as a tokenizer.json",
        )
    written = {name: text for name, text in jinja.items() if isinstance(text, str)}
    ends = configuration.ends(language) | configuration.ends(settings.get("generation_config.json", {}))
    has_tokenizer = any(name in there for name in TOKENIZER_FILES)
    for prompt in dict.fromkeys(prompts if has_tokenizer else ()):
        yield from _prompt(folder, prompt, written, tokens, tokenizer, rows, ends)


def _unended(
    prompt: Prompt, template: str, tokens: tokenizer_file.SpecialTokens, tokenizer: "Tokenizer", ends: Collection[int]
) -> str:
    """Return the text with which a template closes a response, if no response ends there (see `prompts.turn_end`)."""
    try:
        closing = templates.after_the_response(template, prompt, PROBLEM, tokens.special).strip()
    except RenderingError:  # the template takes no message of the assistant
        return ""
    known = [*tokens.every(tokenizer), *(tokenizer.id_to_token(id_) for id_ in ends), *prompt.stop]
    return "" if any(text and closing.startswith(text) for text in known) else closing


def _missing(there: Collection[str]) -> list[str]:
    wanted = (
        ("config.json", "config.json" in there),
        (f"tokenizer ({' or '.join(TOKENIZER_FILES)})", any(name in there for name in TOKENIZER_FILES)),
        (
            f"weights ({weights.WEIGHTS}, or {weights.INDEX} and what it names)",
            weights.WEIGHTS in there or weights.INDEX in there,
        ),
    )
    return [name for name, found in wanted if not found]


def _instead(there: Collection[str]) -> str:
    """Return what to do about missing weights, judging by the other files."""
    if any(name.startswith("adapter_") for name in there):
        return "this is an adapter: merge it into its model (peft `merge_and_unload`) and save that"
    if any(name.endswith(".gguf") for name in there):
        return "GGUF is not read: take the model's weights as safetensors"
    if any(name.endswith((".bin", ".pt", ".pth")) for name in there):
        return "save its weights as safetensors (`save_pretrained` of transformers does)"
    return AGAIN


def _prompt(
    folder: Path,
    prompt: Prompt,
    written: Mapping[str, str],
    tokens: tokenizer_file.SpecialTokens,
    tokenizer: "Tokenizer | None",
    rows: int | None,
    ends: Collection[int],
) -> Iterator[Fault]:
    """Yield the faults that show when the model is given a prompt.

    `written` are the texts of the folder's template files, `ends` the token ids that end a response.
    """
    file = folder / ("chat_template.jinja" if written else "tokenizer_config.json")
    raw = "give this model a prompt of kind raw"
    text = prompt.around(PROBLEM)
    if prompt.kind == "chat":
        try:
            own = templates.chosen(written, tokens.settings)
        except ValueError as error:
            yield Fault(file, str(error), AGAIN)
            return
        template = own.get("default") if isinstance(own, dict) else own
        if not template:
            said = f"several chat templates ({', '.join(own)}) and none called default" if own else "no chat template"
            yield Fault(
                file, f"has {said}, but the prompt is of kind chat", f"name one default, or {raw}" if own else raw
            )
            return
        try:
            text, chance = templates.render(template, prompt, PROBLEM, tokens.special)
        except RenderingError as error:
            yield Fault(
                file,
                f"its chat template cannot be used with the suite's prompt ({in_a_line(error)})",
                f"fix it, or {raw}, or one without a system message",
            )
            return
        if chance:
            yield Fault(
                file, f"its chat template is not deterministic (it uses {chance})", f"take that out of it, or {raw}"
            )
    if prompt.kind == "chat" and (what := templates.unusable(text, prompt.around(PROBLEM))):
        yield Fault(file, f"its chat template {what}", f"fix it, or {raw}")
        return
    if tokenizer is None:
        return
    if prompt.kind == "chat" and (closing := _unended(prompt, str(template), tokens, tokenizer, ends)):
        yield Fault(
            file,
            f"its chat template closes a response with {closing!r}, which is no special token, so that a response would not "
            "end there",
            f"put it under `stop` of the prompt (stop: [{json.dumps(closing)}]), or make it a special token of tokenizer.json",
        )
    if fault := tokenizer_file.tried(folder / "tokenizer.json", text):
        yield fault
        return
    try:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
    except BaseException as error:  # a character has no token; the suite's problems may not have this character
        if not raised_by_library(error):
            raise
        return
    if not ids:
        yield Fault(folder / "tokenizer.json", "makes no token of the suite's prompt", "take another model")
    if rows is not None and (beyond := [id_ for id_ in ids if id_ >= rows]):
        yield Fault(
            folder / "tokenizer.json",
            f"the prompt has the token {tokenizer.id_to_token(beyond[0])!r} with the id {beyond[0]}, beyond the model's "
            f"{rows} embeddings, 0 to {rows - 1}",
            "take a tokenizer that fits the weights, or a prompt without it",
        )

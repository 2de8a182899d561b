"""What a model is given: the token ids of a prompt around a problem. Training and evaluation both ask here."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spurious_rewards.config.models import Prompt
from spurious_rewards.runtime.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def encode(prompt: Prompt, tokenizer: "PreTrainedTokenizerBase", problem: str) -> list[int]:
    """Token ids of `prompt` with `problem` in it and the prefix of the response behind it, without padding.

    A chat prompt goes through the tokenizer's own template, opened for the assistant's turn; without a system message
    of ours the template may add its default one, as in the paper (App. A). A raw prompt is exactly its text: nothing is
    put before it, not even by tokenizers that begin plain text with a token of their own (Llama 3).

    Raises:
        UserError: a chat prompt for a tokenizer that has no chat template; or see `prefix`.
    """
    return _asked(prompt, tokenizer, problem) + prefix(prompt, tokenizer)


def prefix(prompt: Prompt, tokenizer: "PreTrainedTokenizerBase") -> list[int]:
    """Token ids with which the response begins, whatever the model; none if the prompt has no `response_prefix`.

    Raises:
        UserError: the tokenizer cannot spell it, so that the response would not begin with this text.
    """
    if not prompt.response_prefix:
        return []
    ids: list[int] = tokenizer.encode(prompt.response_prefix, add_special_tokens=False)
    [spelled] = texts(tokenizer, ids, [[]])
    if spelled != prompt.response_prefix:
        raise UserError(
            f"{tokenizer.name_or_path}: its tokenizer makes {spelled!r} of the response_prefix "
            f"{prompt.response_prefix!r}; choose a prefix that it can spell"
        )
    return ids


def room(max_new_tokens: int, prefix: Sequence[int]) -> int:
    """How many tokens may be generated after `prefix`, which counts as part of the response.

    Raises:
        UserError: the prefix leaves nothing to generate.
    """
    if len(prefix) >= max_new_tokens:
        raise UserError(
            f"a response_prefix of {len(prefix)} tokens leaves nothing of max_new_tokens = {max_new_tokens}; "
            "raise max_new_tokens or shorten the prefix"
        )
    return max_new_tokens - len(prefix)


def texts(tokenizer: "PreTrainedTokenizerBase", prefix: Sequence[int], generated: Sequence[Sequence[int]]) -> list[str]:
    """The text of each response, without special tokens: its prefix and what was generated, decoded as one.

    Decoded apart they could not be joined: some tokenizers put a space between two tokens, some do not.
    """
    whole = [[*prefix, *ids] for ids in generated]
    return tokenizer.batch_decode(whole, skip_special_tokens=True, clean_up_tokenization_spaces=False)


def spelled(prompt: Prompt, problem: str) -> str | list[dict[str, str]]:
    """What a model is asked, before its tokenizer: the messages of a chat prompt, the text of a raw one."""
    user = prompt.around(problem)
    if prompt.kind == "raw":
        return user
    system = [] if prompt.system is None else [{"role": "system", "content": prompt.system}]
    return [*system, {"role": "user", "content": user}]


def _asked(prompt: Prompt, tokenizer: "PreTrainedTokenizerBase", problem: str) -> list[int]:
    """Token ids up to where the response begins."""
    asked = spelled(prompt, problem)
    if isinstance(asked, str):
        ids: list[int] = tokenizer.encode(asked, add_special_tokens=False)
        return ids
    if not tokenizer.chat_template:
        raise UserError(
            f"{tokenizer.name_or_path}: its tokenizer has no chat template, but the prompt is of kind chat; "
            "give this model a prompt of kind raw"
        )
    return list(tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=False))


def hashes(prompt: Prompt, folder: Path | str) -> dict[str, str | None]:
    """Hashes of the prompt and of the chat template that it goes through, as manifests have them.

    `template` is None where there is no such template, or no tokenizer in the folder of a model any more.
    """
    template = None
    if prompt.kind == "chat" and any(Path(folder).glob("tokenizer*")):
        from spurious_rewards.models.loading import load_tokenizer

        text = load_tokenizer(folder).chat_template
        template = hashlib.sha256(json.dumps(text).encode()).hexdigest()[:12] if text else None
    return {"prompt": prompt.hash, "template": template}


def fitting(
    problems: pd.DataFrame, prompt: Prompt, tokenizer: "PreTrainedTokenizerBase", max_prompt_tokens: int
) -> tuple[pd.DataFrame, int]:
    """The `problems` (column `problem`) whose prompt has at most `max_prompt_tokens`, and how many were left out.

    The prefix of the response is not counted: it has its place among the response's tokens.
    """
    fits = np.array(
        [len(_asked(prompt, tokenizer, text)) <= max_prompt_tokens for text in problems["problem"]], dtype=bool
    )
    return problems[fits].reset_index(drop=True), int((~fits).sum())


def trim(text: str, stop: Sequence[str]) -> str:
    """`text` up to the first completed stop string, which is kept; all of it if there is none."""
    ends = [text.index(string) + len(string) for string in stop if string in text]
    return text[: min(ends, default=len(text))]

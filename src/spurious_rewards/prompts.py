"""What a model is given: the token ids of a prompt around a problem. Training and evaluation both ask here."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spurious_rewards.errors import UserError
from spurious_rewards.suite import Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def encode(prompt: Prompt, tokenizer: "PreTrainedTokenizerBase", problem: str) -> list[int]:
    """Token ids of `prompt` with `problem` in it, without padding.

    A chat prompt goes through the tokenizer's own template, opened for the assistant's turn; without a system message
    of ours the template may add its default one, as in the paper (App. A). A raw prompt is exactly its text: nothing is
    put before it, not even by tokenizers that begin plain text with a token of their own (Llama 3).

    Raises:
        UserError: a chat prompt for a tokenizer that has no chat template.
    """
    # str.format would trip over the braces of the problems' LaTeX.
    user = prompt.user.replace("{}", problem)
    if prompt.kind == "raw":
        ids: list[int] = tokenizer.encode(user, add_special_tokens=False)
        return ids
    if not tokenizer.chat_template:
        raise UserError(
            f"{tokenizer.name_or_path}: its tokenizer has no chat template, but the prompt is of kind chat; "
            "give this model a prompt of kind raw"
        )
    system = [] if prompt.system is None else [{"role": "system", "content": prompt.system}]
    messages = [*system, {"role": "user", "content": user}]
    return list(tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False))


def fitting(
    problems: pd.DataFrame, prompt: Prompt, tokenizer: "PreTrainedTokenizerBase", max_prompt_tokens: int
) -> tuple[pd.DataFrame, int]:
    """The `problems` (column `problem`) whose prompt has at most `max_prompt_tokens`, and how many were left out."""
    fits = np.array(
        [len(encode(prompt, tokenizer, text)) <= max_prompt_tokens for text in problems["problem"]], dtype=bool
    )
    return problems[fits].reset_index(drop=True), int((~fits).sum())


def trim(text: str, stop: Sequence[str]) -> str:
    """`text` up to the first completed stop string, which is kept; all of it if there is none."""
    ends = [text.index(string) + len(string) for string in stop if string in text]
    return text[: min(ends, default=len(text))]

"""What a model is given: the token ids of a prompt around a problem. Training and evaluation both ask here."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spurious_rewards.artifacts.checkpoints import gone
from spurious_rewards.config.models import Prompt
from spurious_rewards.models import loading, rendering, templates
from spurious_rewards.models.folder import PROBLEM
from spurious_rewards.runtime.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def encode(prompt: Prompt, tokenizer: "PreTrainedTokenizerBase", problem: str) -> list[int]:
    """Token ids of `prompt` with `problem` in it and the prefix of the response behind it, without padding.

    A chat prompt goes through the tokenizer's own template, opened for the assistant's turn; without a system message
    of ours the template may add its default one, as in the paper (App. A). A template that asks for the day is told the
    prompt's. A raw prompt is exactly its text: nothing is put before it, not even by tokenizers that begin plain text with
    a token of their own (Llama 3).

    Raises:
        UserError: a chat prompt for a tokenizer that has no chat template, or one that fails or draws by chance; a token
            that the model has no embedding for; no token at all; or see `prefix`.
    """
    ids = _asked(prompt, tokenizer, problem) + prefix(prompt, tokenizer)
    if not ids:
        raise UserError(f"{tokenizer.name_or_path}: its tokenizer makes no token of a prompt; take another model")
    return ids


def prefix(prompt: Prompt, tokenizer: "PreTrainedTokenizerBase") -> list[int]:
    """Token ids with which the response begins, whatever the model; none if the prompt has no `response_prefix`.

    Raises:
        UserError: the tokenizer cannot spell it, so that the response would not begin with this text.
    """
    if not prompt.response_prefix:
        return []
    ids = _spelled(tokenizer, prompt.response_prefix)
    [spelled] = texts(tokenizer, ids, [[]])
    if spelled != prompt.response_prefix:
        raise UserError(
            f"{tokenizer.name_or_path}: its tokenizer makes {spelled!r} of the response_prefix "
            f"{prompt.response_prefix!r}; choose a prefix that it can spell"
        )
    return ids


def turn_end(prompt: Prompt, tokenizer: "PreTrainedTokenizerBase") -> list[int]:
    """The special token with which a chat template closes the assistant's turn, if it closes it with one; none of raw prompts.

    A base model's own end may be another (Qwen2.5's is `<|endoftext|>`, and its template's `<|im_end|>`). What it writes behind
    the end of its turn would be read as part of the response, and the marker itself is in no text.
    """
    if prompt.kind == "raw":
        return []
    with suppress(rendering.RenderingError):  # a template that takes no words of the assistant's
        text = templates.after_the_response(_template(tokenizer), prompt, PROBLEM, tokenizer.special_tokens_map)
        first = _spelled(tokenizer, text.strip())[:1]  # a line break may stand before it
        known = tokenizer.added_tokens_decoder
        return [id_ for id_ in first if id_ in known and known[id_].special]
    return []


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


def unencoded(prompt: Prompt, problem: str) -> str | list[dict[str, str]]:
    """What a model is asked, before its tokenizer: the messages of a chat prompt, the text of a raw one."""
    return prompt.around(problem) if prompt.kind == "raw" else templates.messages(prompt, problem)


def _asked(prompt: Prompt, tokenizer: "PreTrainedTokenizerBase", problem: str) -> list[int]:
    """Token ids up to where the response begins."""
    if prompt.kind == "raw":
        return _spelled(tokenizer, prompt.around(problem))
    template, where = _template(tokenizer), Path(tokenizer.name_or_path)
    with loading.plainly(
        where, "its chat template cannot be used with this prompt", f"{RAW}, or without a system message"
    ):
        text, chance = templates.render(template, prompt, problem, tokenizer.special_tokens_map)
    if chance:
        raise UserError(f"{where}: its chat template draws by chance ({chance}); {RAW}")
    if what := templates.unusable(text, prompt.around(problem)):
        raise UserError(f"{where}: its chat template {what}; {RAW}")
    return _spelled(tokenizer, text)


def _spelled(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    """Token ids of a text, and of no token that the tokenizer would put before it."""
    with loading.plainly(Path(tokenizer.name_or_path), "its tokenizer cannot spell a prompt"):
        return _known(tokenizer, tokenizer.encode(text, add_special_tokens=False))


def _known(tokenizer: "PreTrainedTokenizerBase", ids: list[int]) -> list[int]:
    """The same token ids, if the model has an embedding for each: a tokenizer of `load_tokenizer` knows how many it has."""
    rows = getattr(tokenizer, "embeddings", None)
    if rows is not None and (beyond := [id_ for id_ in ids if id_ >= rows]):
        raise UserError(
            f"{tokenizer.name_or_path}: a prompt has the token {tokenizer.convert_ids_to_tokens(beyond[0])!r} with the id "
            f"{beyond[0]}, and the model's embeddings are 0 to {rows - 1}; take a tokenizer that fits the weights, or leave out "
            "the problem that has this token"
        )
    return ids


RAW = "give this model a prompt of kind raw"


def _template(tokenizer: "PreTrainedTokenizerBase") -> str:
    """The chat template of a tokenizer that has one, or one among several that is called default."""
    own: Any = tokenizer.chat_template
    if not own:
        raise UserError(
            f"{tokenizer.name_or_path}: its tokenizer has no chat template, but the prompt is of kind chat; {RAW}"
        )
    if isinstance(own, dict) and "default" not in own:
        raise UserError(
            f"{tokenizer.name_or_path}: its tokenizer has several chat templates ({', '.join(own)}) and none called default, but "
            f"the prompt is of kind chat; name one default, or {RAW}"
        )
    template: str = own["default"] if isinstance(own, dict) else own
    return template


def hashes(prompt: Prompt, folder: Path | str) -> dict[str, str | None]:
    """Hashes of the prompt, of the chat template that it goes through, and of what came of both, as manifests have them.

    `rendered` is of the token ids of a fixed problem in the prompt, so that any change of a library, a tokenizer or a template
    that shows in prompts shows in it. It is None of a tokenizer that cannot spell this problem, `template` where there is none;
    both are of a model that is gone.
    """
    template = rendered = None
    if not gone(Path(folder)):
        tokenizer = loading.load_tokenizer(folder)
        if prompt.kind == "chat":
            template = _hash(tokenizer.chat_template)
        with suppress(UserError):  # a tokenizer that has no words for this problem, but may have for others
            rendered = _hash(encode(prompt, tokenizer, PROBLEM))
    return {"prompt": prompt.hash, "template": template, "rendered": rendered}


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]


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

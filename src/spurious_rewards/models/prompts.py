"""The input of a model: the token ids of a prompt around a problem. Training and evaluation both use this module."""

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
    """Return the token ids of `prompt` with `problem` in it, followed by the response prefix, without padding.

    A chat prompt goes through the tokenizer's own chat template, which opens the assistant's turn. If the prompt has no
    system message, the template may add its default one, as in the paper (App. A). A template that asks for the date
    gets the prompt's. A raw prompt is exactly its text: no token comes before it, even if the tokenizer begins plain
    text with a token of its own (Llama 3).

    Raises:
        UserError: the prompt is a chat, and the tokenizer has no chat template, or one that fails or draws by chance;
            the model has no embedding for a token; there is no token at all; or see `prefix`.
    """
    ids = _asked(prompt, tokenizer, problem) + prefix(prompt, tokenizer)
    if not ids:
        raise UserError(f"{tokenizer.name_or_path}: its tokenizer makes no token of a prompt; take another model")
    return ids


def prefix(prompt: Prompt, tokenizer: "PreTrainedTokenizerBase") -> list[int]:
    """Return the token ids with which every response begins; none if the prompt has no `response_prefix`.

    Raises:
        UserError: the tokenizer cannot spell the prefix, so that the response would not begin with this text.
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
    """Return the special token with which the chat template closes the assistant's turn; none for a raw prompt.

    The base model's EOS token may be another (in Qwen2.5 it is `<|endoftext|>`, and the template has `<|im_end|>`).
    Without the template's token, what a model writes after the end of its turn would count as part of the response: the
    marker itself is in no text.
    """
    if prompt.kind == "raw":
        return []
    with suppress(rendering.RenderingError):  # the template takes no message of the assistant
        text = templates.after_the_response(_template(tokenizer), prompt, PROBLEM, tokenizer.special_tokens_map)
        first = _spelled(tokenizer, text.strip())[:1]  # a line break may stand before the token
        known = tokenizer.added_tokens_decoder
        return [id_ for id_ in first if id_ in known and known[id_].special]
    return []


def room(max_new_tokens: int, prefix: Sequence[int]) -> int:
    """Return how many tokens may be generated after `prefix`, which counts as part of the response.

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
    """Return the text of each response without special tokens: its prefix and what was generated, decoded together.

    Decoded separately, they could not be joined: only some tokenizers put a space between two tokens.
    """
    whole = [[*prefix, *ids] for ids in generated]
    return tokenizer.batch_decode(whole, skip_special_tokens=True, clean_up_tokenization_spaces=False)


def unencoded(prompt: Prompt, problem: str) -> str | list[dict[str, str]]:
    """Return what a model is asked, before tokenisation: the messages of a chat prompt, or the text of a raw one."""
    return prompt.around(problem) if prompt.kind == "raw" else templates.messages(prompt, problem)


def _asked(prompt: Prompt, tokenizer: "PreTrainedTokenizerBase", problem: str) -> list[int]:
    """Return the token ids up to where the response begins."""
    if prompt.kind == "raw":
        return _spelled(tokenizer, prompt.around(problem))
    template, where = _template(tokenizer), Path(tokenizer.name_or_path)
    with loading.plainly(
        where, "its chat template cannot be used with this prompt", f"{RAW}, or without a system message"
    ):
        text, chance = templates.render(template, prompt, problem, tokenizer.special_tokens_map)
    if chance:
        raise UserError(f"{where}: its chat template is not deterministic (it uses {chance}); {RAW}")
    if what := templates.unusable(text, prompt.around(problem)):
        raise UserError(f"{where}: its chat template {what}; {RAW}")
    return _spelled(tokenizer, text)


def _spelled(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    """Return the token ids of a text, without a token that the tokenizer would put before it."""
    with loading.plainly(Path(tokenizer.name_or_path), "its tokenizer cannot spell a prompt"):
        return _known(tokenizer, tokenizer.encode(text, add_special_tokens=False))


def _known(tokenizer: "PreTrainedTokenizerBase", ids: list[int]) -> list[int]:
    """Return `ids`, or raise a UserError if the model has no embedding for one of them.

    `load_tokenizer` has noted in the tokenizer how many embeddings there are.
    """
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
    """Return the tokenizer's chat template; of several, the one that is called default."""
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
    """Return hashes of the prompt, of its chat template, and of what comes of both, as manifests have them.

    `rendered` is the hash of the token ids of a fixed problem in the prompt. So it changes if a change of a library, a
    tokenizer or a template shows in prompts. It is None if the tokenizer cannot spell this problem. `template` is None
    for a raw prompt. Both are None if the model's weights were deleted.
    """
    template = rendered = None
    if not gone(Path(folder)):
        tokenizer = loading.load_tokenizer(folder)
        if prompt.kind == "chat":
            template = _hash(tokenizer.chat_template)
        with suppress(UserError):  # the tokenizer has no words for this problem, but may have words for others
            rendered = _hash(encode(prompt, tokenizer, PROBLEM))
    return {"prompt": prompt.hash, "template": template, "rendered": rendered}


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]


def fitting(
    problems: pd.DataFrame, prompt: Prompt, tokenizer: "PreTrainedTokenizerBase", max_prompt_tokens: int
) -> tuple[pd.DataFrame, int]:
    """Return the `problems` (column `problem`) with prompts of at most `max_prompt_tokens`, and how many are left out.

    The response prefix is not counted, because it counts among the response's tokens.
    """
    fits = np.array(
        [len(_asked(prompt, tokenizer, text)) <= max_prompt_tokens for text in problems["problem"]], dtype=bool
    )
    return problems[fits].reset_index(drop=True), int((~fits).sum())


def trim(text: str, stop: Sequence[str]) -> str:
    """Return `text` up to the first completed stop string, which is kept, or all of it if there is none."""
    ends = [text.index(string) + len(string) for string in stop if string in text]
    return text[: min(ends, default=len(text))]

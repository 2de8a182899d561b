"""What an engine is: a loaded model that answers prompts; and how its token ids become responses."""

import hashlib
import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from spurious_rewards.models.prompts import texts, trim

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


Span: TypeAlias = tuple[int, int]
"""The first of some requests in a list, and the one behind the last."""


class Completion(NamedTuple):
    """A response: its text, up to a stop string and with it; tokens, prefix and ending one included; if it was cut off."""

    text: str
    tokens: int
    truncated: bool


class Request(NamedTuple):
    """A prompt to answer once; greedily at temperature 0. Another sample of it is another request, with another seed."""

    prompt: Sequence[int]
    """Token ids."""
    temperature: float
    seed: int
    """Of 63 bits; with the model it decides the response, whatever is answered beside it."""


class Engine(Protocol):
    """A loaded model that answers.

    A response depends on its request and on the weights. Beside which others it is drawn shows in the last digits of
    logits, and so in a token now and then, unless the engine is batch-invariant.
    """

    tokenizer: "PreTrainedTokenizerBase"

    @property
    def positions(self) -> float:
        """Tokens that prompt and response together may have; infinity if nothing limits them."""

    def complete(
        self,
        requests: Sequence[Request],
        *,
        max_new_tokens: int,
        stop: Sequence[str],
        prefix: Sequence[int] = (),
        turn_end: Sequence[int] = (),
    ) -> list[Completion]:
        """One completion for each request (at least one), in order.

        It ends with one of the model's own ending tokens, one of `turn_end`, or a string of `stop`. Every prompt ends with
        `prefix`, and every completion begins with it; `max_new_tokens` counts it.
        Sampling has no top-p, top-k or penalty (paper, App. A).
        """

    def load(self, folder: Path) -> None:
        """Go on with the model of another folder, such as the next checkpoint of a run."""

    def close(self) -> None:
        """Give back the memory of the model, which is loaded again if it is needed once more."""


def read(
    rows: Sequence[Sequence[int]],
    tokenizer: "PreTrainedTokenizerBase",
    ending: Sequence[int],
    stop: Sequence[str],
    prefix: Sequence[int],
) -> list[Completion]:
    """Completions out of what an engine generated: a row of token ids for each, which may go on behind its end.

    A response ends before the first of the tokens `ending`, or with the one that completes a string of `stop`, which may
    begin in `prefix`.
    """
    lengths = [next((i for i, token in enumerate(row) if token in ending), len(row)) for row in rows]
    generated = [row[:length] for row, length in zip(rows, lengths, strict=True)]
    completions = []
    for row, ids, text in zip(rows, generated, texts(tokenizer, prefix, generated), strict=True):
        if any(string in text for string in stop):
            tokens, truncated = _stopped_after(tokenizer, ids, stop, prefix), False
        else:
            ended = len(ids) < len(row)
            tokens, truncated = len(ids) + ended, not ended
        completions.append(Completion(trim(text, stop), len(prefix) + tokens, truncated))
    return completions


def _stopped_after(
    tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int], stop: Sequence[str], prefix: Sequence[int]
) -> int:
    """How many of `ids` it takes until a string of `stop` is whole."""

    def stopped(tokens: int) -> bool:
        [text] = texts(tokenizer, prefix, [ids[:tokens]])
        return any(string in text for string in stop)

    return bisect_left(range(len(ids)), True, key=stopped)


def batches(
    lengths: Sequence[int], spans: Iterable[Span], max_new_tokens: int, batch_tokens: int, most: int
) -> Iterator[Span]:
    """Spans of requests cut into batches that an engine answers at once.

    Args:
        lengths: tokens of each request's prompt, the longest first.
        spans: what is to be cut.
        max_new_tokens: tokens that may come behind each prompt.
        batch_tokens: of a batch, with each prompt padded to its longest one; but it has at least one request.
        most: requests of a batch.
    """
    for start, end in spans:
        while start < end:
            size = max(1, batch_tokens // (lengths[start] + max_new_tokens))
            stop = min(start + size, start + most, end)
            yield start, stop
            start = stop


def derived_seed(*parts: int | str) -> int:
    """A seed of 63 bits that differs with every part."""
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1

"""The engine protocol (a loaded model that answers prompts), and the conversion of token ids to responses."""

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
"""A range of requests in a list: the index of its first request, and the index after its last."""


class Completion(NamedTuple):
    """A response: its text up to and including a stop string, its number of tokens, and whether it was cut off.

    `tokens` includes the prefix and the ending token.
    """

    text: str
    tokens: int
    truncated: bool


class Request(NamedTuple):
    """A prompt to answer once; greedily at temperature 0. Another sample is another request with another seed."""

    prompt: Sequence[int]
    """Token ids of the prompt."""
    temperature: float
    seed: int
    """A seed of 63 bits. Seed and model decide the response, whichever requests are answered with it."""


class Engine(Protocol):
    """A loaded model that answers prompts.

    A response depends on its request and on the weights. Unless the engine is batch-invariant, the other requests of a
    batch change the last digits of logits, and so now and then a token.
    """

    tokenizer: "PreTrainedTokenizerBase"

    @property
    def positions(self) -> float:
        """Maximum number of tokens of prompt and response together; infinity without a limit."""

    def complete(
        self,
        requests: Sequence[Request],
        *,
        max_new_tokens: int,
        stop: Sequence[str],
        prefix: Sequence[int] = (),
        turn_end: Sequence[int] = (),
    ) -> list[Completion]:
        """Return one completion per request (at least one request), in order.

        A completion ends with one of the model's own ending tokens, one of `turn_end`, or a string of `stop`. Every
        prompt ends with `prefix`, every completion begins with it, and `max_new_tokens` includes it. Sampling uses no
        top-p, top-k or penalty (paper, App. A).
        """

    def load(self, folder: Path) -> None:
        """Switch to the model in another folder, such as the next checkpoint of a run."""

    def close(self) -> None:
        """Free the model's memory; the model is loaded again if it is needed later."""


def read(
    rows: Sequence[Sequence[int]],
    tokenizer: "PreTrainedTokenizerBase",
    ending: Sequence[int],
    stop: Sequence[str],
    prefix: Sequence[int],
) -> list[Completion]:
    """Convert an engine's output, one row of token ids per completion; a row may continue after the completion's end.

    A response ends before the first token of `ending`, or with the token that completes a string of `stop`. A stop
    string may begin in `prefix`.
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
    """Return how many of `ids` are needed until a string of `stop` is complete."""

    def stopped(tokens: int) -> bool:
        [text] = texts(tokenizer, prefix, [ids[:tokens]])
        return any(string in text for string in stop)

    return bisect_left(range(len(ids)), True, key=stopped)


def batches(
    lengths: Sequence[int], spans: Iterable[Span], max_new_tokens: int, batch_tokens: int, most: int
) -> Iterator[Span]:
    """Cut spans of requests into batches that an engine answers at once.

    Args:
        lengths: tokens of each request's prompt, longest first.
        spans: the spans to cut.
        max_new_tokens: tokens that may follow each prompt.
        batch_tokens: maximum tokens of a batch with its prompts padded; but a batch has at least one request.
        most: maximum requests of a batch.
    """
    for start, end in spans:
        while start < end:
            size = max(1, batch_tokens // (lengths[start] + max_new_tokens))
            stop = min(start + size, start + most, end)
            yield start, stop
            start = stop


def derived_seed(*parts: int | str) -> int:
    """Return a seed of 63 bits that depends on all parts."""
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1

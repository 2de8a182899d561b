"""Sample tokens with `transformers.generate` such that they depend on their request alone.

Logits are divided by the temperature and Gumbel noise is added; the most likely token is then a sample from their
softmax (the Gumbel-max trick). The noise is a function of the request and the position only, because it comes from a
counter-based generator (`numpy.random.Philox`). Requests may therefore be batched, merged and distributed in any way.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import torch
from transformers import LogitsProcessor, PreTrainedTokenizerBase, StopStringCriteria

from spurious_rewards.generation.engine import Request

ROWS_AT_ONCE = 64
"""Rows of a batch that one thread draws for. Making a generator takes as long as drawing for several rows."""


def gumbel(seeds: Sequence[int], position: int, size: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return standard Gumbel noise for one token of each seed, shape (seeds, size): minus the log of exponential draws.

    Each row comes from its own generator, `Philox(key=[seed, position])`; one generator object is set to each key in
    turn. Draws are float64: of float32 draws, one in eight million is 0, and its token would always be chosen.
    """
    bits = np.random.Philox(key=[0, position])
    generator, beginning = np.random.Generator(bits), bits.state
    noise = np.empty((len(seeds), size))
    for row, seed in zip(noise, seeds, strict=True):
        beginning["state"]["key"][0] = seed
        bits.state = beginning
        generator.standard_exponential(out=row)
    return np.negative(np.log(noise, out=noise), out=noise)


class Noise(LogitsProcessor):
    """Makes greedy `transformers.generate` sample: with the noise added, the most likely token is a sample."""

    def __init__(
        self, requests: Sequence[Request], width: int, ending: Collection[int], each: Callable[..., Any] = map
    ):
        """Take the rows of a batch as `requests`; prompts are padded to `width` tokens, and `ending` tokens end a row.

        `each` is `map`, or the `map` of a thread pool: numpy releases the GIL while it draws. Nothing is drawn for a
        row after its `ending` token.
        """
        self.requests, self.width, self.ending, self.each = requests, width, set(ending), each

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Return logits of the next token, shape (rows, vocabulary), divided by row temperatures, with noise added."""
        position, latest = input_ids.shape[1] - self.width, input_ids[:, -1].tolist()
        rows = [
            row
            for row, request in enumerate(self.requests)
            if request.temperature and not (position and latest[row] in self.ending)
        ]
        parts = [rows[i : i + ROWS_AT_ONCE] for i in range(0, len(rows), ROWS_AT_ONCE)]
        drawn = self.each(
            lambda part: gumbel([self.requests[row].seed for row in part], position, scores.shape[1]), parts
        )
        for part, noise in zip(parts, drawn, strict=True):
            temperatures = scores.new_tensor([self.requests[row].temperature for row in part]).unsqueeze(1)
            scores[part] = scores[part] / temperatures + torch.from_numpy(noise).to(scores)
        return scores


class StopStrings(StopStringCriteria):
    """The `StopStringCriteria` of transformers, except for stop strings that no response contains.

    Such strings begin in the prompt, or lie within special tokens (an "a" in "<pad>"). The base class would end a row
    there without a visible sign, and padding of the row would depend on how long other rows go on.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop: Sequence[str], begin: int):
        """`begin` is the column of a batch where responses begin; a response includes the prefix."""
        super().__init__(tokenizer, list(stop))
        self.begin = begin
        special = [id_ for id_, token in tokenizer.added_tokens_decoder.items() if token.special]
        self.special = torch.tensor(special, dtype=torch.long)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **keywords: Any) -> torch.BoolTensor:
        """Return which rows end with a stop string, shape (rows,)."""
        stopped: torch.BoolTensor = super().__call__(input_ids[:, self.begin :], scores, **keywords)
        stopped[torch.isin(input_ids[:, -1], self.special.to(input_ids.device))] = False
        return stopped

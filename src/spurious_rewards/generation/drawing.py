"""Drawing tokens with `transformers.generate` so that a request alone decides them: noise keyed by request and position.

The likeliest token of a temperature's logits with Gumbel noise on them is a draw from their softmax (the Gumbel-max
trick). The noise comes from a counter-based generator (`numpy.random.Philox`), so that it depends on nothing that is drawn
beside it or before it: requests may be batched, merged and shared out in any way.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import torch
from transformers import LogitsProcessor, PreTrainedTokenizerBase, StopStringCriteria

from spurious_rewards.generation.engine import Request

ROWS_AT_ONCE = 64
"""Rows of a batch that one thread draws for: to make a generator takes as long as to draw for several rows."""


def gumbel(seeds: Sequence[int], position: int, size: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Standard Gumbel noise of one token of each seed, shape (seeds, size): minus the logarithm of an exponential draw.

    Each row is that of a generator of its own, `Philox(key=[seed, position])`: one is set to each key in turn. Drawn in
    float64: of float32 draws one in eight million is 0, and would be the token.
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
    """For `transformers.generate` without sampling: what it then takes for the likeliest token is a draw of its request."""

    def __init__(
        self, requests: Sequence[Request], width: int, ending: Collection[int], each: Callable[..., Any] = map
    ):
        """`requests` are the rows of a batch whose prompts are `width` tokens wide; nothing is drawn behind an `ending` token.

        `each` is `map`, or that of a pool of threads: numpy draws without holding the others up.
        """
        self.requests, self.width, self.ending, self.each = requests, width, set(ending), each

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Logits of the next token, shape (rows, vocabulary), divided by each row's temperature and with noise on them."""
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
    """transformers' own, but for stop strings that are in no response: those that begin in what the model is asked, and those
    within special tokens (an "a" in "<pad>").

    There a row would end without a sign of it, and be filled up or not as other rows go on.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop: Sequence[str], begin: int):
        """`begin` is the column of a batch where responses begin, prefix included."""
        super().__init__(tokenizer, list(stop))
        self.begin = begin
        special = [id_ for id_, token in tokenizer.added_tokens_decoder.items() if token.special]
        self.special = torch.tensor(special, dtype=torch.long)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **keywords: Any) -> torch.BoolTensor:
        """Which rows end with a stop string, shape (rows,)."""
        stopped: torch.BoolTensor = super().__call__(input_ids[:, self.begin :], scores, **keywords)
        stopped[torch.isin(input_ids[:, -1], self.special.to(input_ids.device))] = False
        return stopped

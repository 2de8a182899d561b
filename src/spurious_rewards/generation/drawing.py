"""Drawing tokens with `transformers.generate` so that a request alone decides them: noise keyed by request and position.

The likeliest token of a temperature's logits with Gumbel noise on them is a draw from their softmax (the Gumbel-max
trick). The noise comes from a counter-based generator (`numpy.random.Philox`), so that it depends on nothing that is drawn
beside it or before it: requests may be batched, merged and shared out in any way.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch
from transformers import LogitsProcessor, PreTrainedTokenizerBase, StopStringCriteria

from spurious_rewards.generation.engine import Request


def gumbel(seed: int, position: int, size: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Standard Gumbel noise of one token, shape (size,): minus the logarithm of an exponential draw.

    Drawn in float64: of float32 draws one in eight million is 0, and would be the token.
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, position]))
    return -np.log(generator.standard_exponential(size))


class Noise(LogitsProcessor):
    """For `transformers.generate` without sampling: what it then takes for the likeliest token is a draw of its request."""

    def __init__(self, requests: Sequence[Request], width: int, ending: Collection[int]):
        """`requests` are the rows of a batch whose prompts are `width` tokens wide; nothing is drawn behind an `ending` token."""
        self.requests, self.width, self.ending = requests, width, set(ending)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Logits of the next token, shape (rows, vocabulary), divided by each row's temperature and with noise on them."""
        position, latest = input_ids.shape[1] - self.width, input_ids[:, -1].tolist()
        for row, request in enumerate(self.requests):
            if request.temperature and not (position and latest[row] in self.ending):
                noise = torch.from_numpy(gumbel(request.seed, position, scores.shape[1]))
                scores[row] = scores[row] / request.temperature + noise.to(scores)
        return scores


class StopStrings(StopStringCriteria):
    """transformers' own, but for stop strings within special tokens (an "a" in "<pad>"), which are in no response.

    There a row would end without a sign of it, and be filled up or not as other rows go on.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop: Sequence[str]):
        super().__init__(tokenizer, list(stop))
        special = [id_ for id_, token in tokenizer.added_tokens_decoder.items() if token.special]
        self.special = torch.tensor(special, dtype=torch.long)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **keywords: Any) -> torch.BoolTensor:
        """Which rows end with a stop string, shape (rows,)."""
        stopped: torch.BoolTensor = super().__call__(input_ids, scores, **keywords)
        stopped[torch.isin(input_ids[:, -1], self.special.to(input_ids.device))] = False
        return stopped

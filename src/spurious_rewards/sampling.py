"""Drawing responses to prompts: what an engine is, and the one that runs on transformers; vLLM's is in `vllm_engine`."""

import gc
import hashlib
import json
from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
import transformers
from transformers import GenerationConfig

from spurious_rewards import models
from spurious_rewards.jobs import Hardware
from spurious_rewards.prompts import room, texts, trim
from spurious_rewards.suite import Sampling

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Completion(NamedTuple):
    """A response: its text, up to a stop string and with it; tokens, prefix and ending one included; if it was cut off."""

    text: str
    tokens: int
    truncated: bool


class Engine(Protocol):
    """A loaded model that answers; the same seed, prompts and machine give the same completions."""

    tokenizer: "PreTrainedTokenizerBase"

    @property
    def positions(self) -> int:
        """Tokens that prompt and response together may have."""

    def complete(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        temperature: float,
        max_new_tokens: int,
        stop: Sequence[str],
        seed: int,
        prefix: Sequence[int] = (),
    ) -> list[Completion]:
        """One completion for each prompt (token ids, at least one prompt), in order; greedy at temperature 0.

        Every prompt ends with `prefix`, and every completion begins with it; `max_new_tokens` counts it.
        Samples of the same problem are repeated prompts. Sampling has no top-p, top-k or penalty (paper, App. A).
        """

    def close(self) -> None:
        """Give back the memory of the model, which is loaded again if it is needed once more."""


def engine(folder: Path, sampling: Sampling, hardware: Hardware) -> Engine:
    """The engine that a suite asks for, with the model of `folder`, which is loaded when first needed.

    Raises:
        UserError: the folder is no whole model folder (see `models.check`); vLLM is not installed.
    """
    if sampling.engine == "transformers":
        return TransformersEngine(folder, sampling.precision)
    from spurious_rewards.vllm_engine import VllmEngine

    return VllmEngine(folder, sampling, hardware)


def versions(sampling: Sampling) -> list[str]:
    """The packages that draw the responses, with their versions.

    Raises:
        UserError: vLLM is asked for and not installed.
    """
    found = [f"torch=={torch.__version__}", f"transformers=={transformers.__version__}"]
    if sampling.engine == "transformers":
        return found
    from spurious_rewards.vllm_engine import version

    return [*found, version()]


class TransformersEngine:
    """`transformers.generate` on one batch of left-padded prompts; on the GPU if there is one."""

    def __init__(self, folder: Path, precision: models.Precision = "float32"):
        self.folder, self.precision = folder, precision
        self.tokenizer = models.load_tokenizer(folder)

    @cached_property
    def model(self) -> Any:
        """The `transformers.PreTrainedModel`, loaded when first needed: an interrupted job may not need it again."""
        model: Any = models.load_model(self.folder, self.precision)
        return model.to("cuda" if torch.cuda.is_available() else "cpu")

    @property
    def positions(self) -> int:
        """See `Engine`."""
        return models.positions(self.folder)

    @torch.inference_mode()
    def complete(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        temperature: float,
        max_new_tokens: int,
        stop: Sequence[str],
        seed: int,
        prefix: Sequence[int] = (),
    ) -> list[Completion]:
        """See `Engine`. Seeds torch's global generator."""
        ending = models.ending_tokens(self.model.generation_config, self.tokenizer)
        drawing = {"temperature": temperature, "top_p": 1.0, "top_k": 0} if temperature else {}
        # Finished rows are filled up with an ending token, so that the first of those is where a response ends.
        settings = GenerationConfig(  # type: ignore[no-untyped-call]
            do_sample=temperature > 0,
            **drawing,
            max_new_tokens=room(max_new_tokens, prefix),
            eos_token_id=ending,
            pad_token_id=ending[0],
            stop_strings=list(stop) or None,
        )
        width = max(map(len, prompts))
        ids = torch.tensor([[ending[0]] * (width - len(prompt)) + list(prompt) for prompt in prompts])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        torch.manual_seed(seed)
        output = self.model.generate(
            ids.to(self.model.device),
            attention_mask=mask.to(self.model.device),
            generation_config=settings,
            tokenizer=self.tokenizer if stop else None,
        )
        return read(output[:, width:].tolist(), self.tokenizer, ending, stop, prefix)

    def close(self) -> None:
        """See `Engine`."""
        self.__dict__.pop("model", None)
        gc.collect()
        torch.cuda.empty_cache()


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


def batches(lengths: Sequence[int], max_new_tokens: int, batch_tokens: int) -> list[list[int]]:
    """Positions in `lengths` (tokens of each prompt), cut into batches that an engine answers at once.

    Longest prompts first, equal ones in order; a batch has at most `batch_tokens`, with each prompt padded to its
    longest one and `max_new_tokens` to come, or else a single prompt.
    """
    batches: list[list[int]] = []
    size = 0
    for position in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if not batches or len(batches[-1]) == size:
            batches.append([])
            size = max(1, batch_tokens // (lengths[position] + max_new_tokens))
        batches[-1].append(position)
    return batches


def derived_seed(*parts: int | str) -> int:
    """A seed of 63 bits that differs with every part."""
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1

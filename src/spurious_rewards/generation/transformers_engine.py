"""Sample responses with `transformers.generate`."""

import gc
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

from spurious_rewards.generation.drawing import Noise, StopStrings
from spurious_rewards.generation.engine import Completion, Request, read
from spurious_rewards.models import loading
from spurious_rewards.models.prompts import room


class TransformersEngine:
    """An engine that runs `transformers.generate` on one batch of left-padded prompts, on the GPU if there is one."""

    def __init__(self, folder: Path, dtype: loading.Dtype = "float32", cores: int = 1):
        """`cores` threads draw noise; with a large vocabulary, a GPU would wait for a single thread."""
        self.folder, self.dtype, self.cores = folder, dtype, cores
        self.tokenizer = loading.load_tokenizer(folder)

    @cached_property
    def model(self) -> Any:
        """The `transformers.PreTrainedModel`. It is loaded when first needed: a resumed job may not need it at all."""
        model: Any = loading.load_model(self.folder, self.dtype)
        return model.to("cuda" if torch.cuda.is_available() else "cpu")

    @property
    def positions(self) -> float:
        """See `Engine`."""
        return loading.positions(self.folder)

    @torch.inference_mode()
    def complete(
        self,
        requests: Sequence[Request],
        *,
        max_new_tokens: int,
        stop: Sequence[str],
        prefix: Sequence[int] = (),
        turn_end: Sequence[int] = (),
    ) -> list[Completion]:
        """See `Engine`."""
        ending = loading.ending_tokens(self.model.generation_config, self.tokenizer, turn_end)
        # Finished rows are padded with an ending token, so a response ends at the first ending token of its row.
        settings = GenerationConfig(  # type: ignore[no-untyped-call]
            do_sample=False,
            max_new_tokens=room(max_new_tokens, prefix),
            eos_token_id=ending,
            pad_token_id=ending[0],
        )
        prompts = [request.prompt for request in requests]
        width = max(map(len, prompts))
        ids = torch.tensor([[ending[0]] * (width - len(prompt)) + list(prompt) for prompt in prompts])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        with ThreadPoolExecutor(self.cores) as pool:  # starts no thread before it is used
            noise = Noise(requests, width, ending, pool.map if self.cores > 1 else map)
            output = self.model.generate(
                ids.to(self.model.device),
                attention_mask=mask.to(self.model.device),
                generation_config=settings,
                logits_processor=LogitsProcessorList([noise]),
                stopping_criteria=StoppingCriteriaList(
                    [StopStrings(self.tokenizer, stop, width - len(prefix))] if stop else []
                ),
            )
        return read(output[:, width:].tolist(), self.tokenizer, ending, stop, prefix)

    def load(self, folder: Path) -> None:
        """See `Engine`."""
        self.close()
        self.folder, self.tokenizer = folder, loading.load_tokenizer(folder)

    def close(self) -> None:
        """See `Engine`."""
        self.__dict__.pop("model", None)
        if torch.cuda.is_available():
            gc.collect()
            torch.cuda.empty_cache()

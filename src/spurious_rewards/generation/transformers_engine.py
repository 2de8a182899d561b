"""Drawing responses with `transformers.generate`."""

import gc
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from spurious_rewards.generation.engine import Completion, read
from spurious_rewards.models import loading
from spurious_rewards.models.prompts import room


class TransformersEngine:
    """`transformers.generate` on one batch of left-padded prompts; on the GPU if there is one."""

    def __init__(self, folder: Path, dtype: loading.Dtype = "float32"):
        self.folder, self.dtype = folder, dtype
        self.tokenizer = loading.load_tokenizer(folder)

    @cached_property
    def model(self) -> Any:
        """The `transformers.PreTrainedModel`, loaded when first needed: an interrupted job may not need it again."""
        model: Any = loading.load_model(self.folder, self.dtype)
        return model.to("cuda" if torch.cuda.is_available() else "cpu")

    @property
    def positions(self) -> float:
        """See `Engine`."""
        return loading.positions(self.folder)

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
        ending = loading.ending_tokens(self.model.generation_config, self.tokenizer)
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

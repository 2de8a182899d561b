"""Sample responses with vLLM, which uses continuous batching and computes the prompt of several samples only once."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Sampling
from spurious_rewards.generation.engine import Completion, Request, read
from spurious_rewards.models import loading, weights
from spurious_rewards.models.prompts import room
from spurious_rewards.runtime import installed


def version() -> str:
    """Return the installed distribution of vLLM, such as `vllm==0.31.0`.

    Raises:
        UserError: vLLM is not installed.
    """
    installed.require_vllm("sampling.engine")
    found = installed.distribution("vllm")
    assert found is not None
    return f"{found.metadata['Name']}=={found.version}"


class VllmEngine:
    """An engine that runs an offline `vllm.LLM` in this process.

    All checkpoints of a model share one `vllm.LLM`, because creating one takes a minute, mostly for compilation. vLLM
    receives and returns token ids; they are decoded as with transformers.
    """

    def __init__(self, folder: Path, sampling: Sampling, hardware: Hardware):
        installed.require_vllm("sampling.engine")
        self.folder, self.sampling, self.hardware = folder, sampling, hardware
        self.tokenizer = loading.load_tokenizer(folder)
        self._llm: Any = None
        self._holds: Path | None = None

    @property
    def llm(self) -> Any:
        """The `vllm.LLM` with the weights of `folder`. It is made when first needed: a resumed job may not need it."""
        if self._holds != self.folder:
            loading.check_tensors(self.folder)  # vLLM does not report missing tensors
            self._holds = None  # if loading fails half-way, the weights are those of no folder
            # vLLM fails on too little memory, too few positions and unknown models.
            with loading.plainly(self.folder, "vLLM cannot load it", "fix that, or set sampling.engine: transformers"):
                if self._llm is None:
                    loading.check_finite(self.folder)  # an extra read per engine, as vLLM takes only a path
                    self._llm = self._make()
                else:
                    self._llm.collective_rpc("reload_weights", kwargs={"weights_iterator": weights.Finite(self.folder)})
            self._holds = self.folder
            # Used for stop strings only. vLLM's own tokenizer would differ (see `models.loading.load_tokenizer`).
            self._llm.llm_engine.output_processor.tokenizer = self.tokenizer
        return self._llm

    def _make(self) -> Any:
        _set_environment(self.sampling)
        from vllm import LLM

        return LLM(
            str(self.folder),
            trust_remote_code=False,
            dtype=self.sampling.dtype,
            generation_config="vllm",  # ignores the folder's generation_config.json: no top-k, no penalties
            skip_tokenizer_init=True,
            max_model_len=self.sampling.max_model_len,
            tensor_parallel_size=self.hardware.tensor_parallel_size,
            gpu_memory_utilization=self.hardware.gpu_memory_utilization,
            enable_prefix_caching=True,
            # If vLLM splits a seeded request's prompt, it rewinds the generator; torch cannot rewind those on a CPU.
            enable_chunked_prefill=torch.cuda.is_available(),
            use_tqdm_on_load=False,
        )

    @property
    def positions(self) -> float:
        """See `Engine`."""
        return self.sampling.max_model_len or loading.positions(self.folder)

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
        llm = self.llm
        from vllm import SamplingParams

        ending = loading.ending_tokens(loading.generation_settings(self.folder), self.tokenizer, turn_end)
        settings = [
            SamplingParams(
                temperature=request.temperature,
                max_tokens=room(max_new_tokens, prefix),
                seed=request.seed,
                stop_token_ids=ending,
                stop=list(stop),
                include_stop_str_in_output=True,
                detokenize=bool(stop),
            )
            for request in requests
        ]
        # Cached prefixes of other weights would be wrong. Those of earlier batches would change how this batch is
        # split, and so the last digits of its logits.
        if not llm.reset_prefix_cache():
            raise RuntimeError("vLLM keeps parts of earlier prompts that it cannot give up")
        prompts = [{"prompt_token_ids": list(request.prompt)} for request in requests]
        outputs = llm.generate(prompts, settings, use_tqdm=False)
        return read([output.outputs[0].token_ids for output in outputs], self.tokenizer, ending, stop, prefix)

    def load(self, folder: Path) -> None:
        """See `Engine`. For a model of the same architecture, the weights are loaded into the existing `vllm.LLM`."""
        if loading.architecture(folder) != loading.architecture(self.folder):
            self.close()
        self.folder, self.tokenizer = folder, loading.load_tokenizer(folder)

    def close(self) -> None:
        """See `Engine`."""
        if self._llm is None:
            return
        from vllm.distributed.parallel_state import cleanup_dist_env_and_memory

        self._llm.llm_engine.engine_core.shutdown()
        self._llm = self._holds = None
        cleanup_dist_env_and_memory()


def _set_environment(sampling: Sampling) -> None:
    """Set what vLLM reads only from the environment, when it is imported or an engine is made."""
    os.environ["VLLM_BATCH_INVARIANT"] = str(int(sampling.batch_invariant))
    # An engine in a process of its own would outlive a killed job and keep the GPU's memory. In this process, it also
    # splits work in the same way each time.
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")

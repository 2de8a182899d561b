"""Drawing responses with vLLM: continuous batching, and the prompt of many samples computed once."""

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
    """The installed distribution of vLLM, as `vllm==0.31.0`.

    Raises:
        UserError: there is none.
    """
    installed.require_vllm("sampling.engine")
    found = installed.distribution("vllm")
    assert found is not None
    return f"{found.metadata['Name']}=={found.version}"


class VllmEngine:
    """Offline `vllm.LLM` in this process, one for all checkpoints of a model: to make one takes a minute, most of it compiling.

    vLLM takes and gives token ids; text is made of them as with transformers.
    """

    def __init__(self, folder: Path, sampling: Sampling, hardware: Hardware):
        installed.require_vllm("sampling.engine")
        self.folder, self.sampling, self.hardware = folder, sampling, hardware
        self.tokenizer = loading.load_tokenizer(folder)
        self._llm: Any = None
        self._holds: Path | None = None

    @property
    def llm(self) -> Any:
        """The `vllm.LLM` with the weights of `folder`, made when first needed: an interrupted job may not need it again."""
        if self._holds != self.folder:
            loading.check_tensors(self.folder)  # vLLM says nothing of those that are missing
            self._holds = None  # if this fails half way, what is there is of no folder
            # Too little memory, too few positions, unknown models.
            with loading.plainly(self.folder, "vLLM cannot load it", "fix that, or set sampling.engine: transformers"):
                if self._llm is None:
                    loading.check_finite(self.folder)  # a second read, once an engine: vLLM starts from a path alone
                    self._llm = self._make()
                else:
                    self._llm.collective_rpc("reload_weights", kwargs={"weights_iterator": weights.Finite(self.folder)})
            self._holds = self.folder
            # For stop strings alone; vLLM's own would have transformers' rules (see `models.loading.load_tokenizer`).
            self._llm.llm_engine.output_processor.tokenizer = self.tokenizer
        return self._llm

    def _make(self) -> Any:
        _set_environment(self.sampling)
        from vllm import LLM

        return LLM(
            str(self.folder),
            trust_remote_code=False,
            dtype=self.sampling.dtype,
            generation_config="vllm",  # none of the folder's own: no top-k, no penalties
            skip_tokenizer_init=True,
            max_model_len=self.sampling.max_model_len,
            tensor_parallel_size=self.hardware.tensor_parallel_size,
            gpu_memory_utilization=self.hardware.gpu_memory_utilization,
            enable_prefix_caching=True,
            # A seeded request whose prompt is cut steps its generator back, which torch's generators on a CPU cannot.
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
        # Of other weights, or of earlier batches: these would change how this one is cut up, and with it the last digits of
        # its logits.
        if not llm.reset_prefix_cache():
            raise RuntimeError("vLLM keeps parts of earlier prompts that it cannot give up")
        prompts = [{"prompt_token_ids": list(request.prompt)} for request in requests]
        outputs = llm.generate(prompts, settings, use_tqdm=False)
        return read([output.outputs[0].token_ids for output in outputs], self.tokenizer, ending, stop, prefix)

    def load(self, folder: Path) -> None:
        """See `Engine`. A model of the same architecture gets the weights into the engine that is there."""
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
    """What vLLM reads from the environment only, when it is imported or an engine is made."""
    os.environ["VLLM_BATCH_INVARIANT"] = str(int(sampling.batch_invariant))
    # In a process of its own the engine would outlive a killed job, and with it the GPU's memory; here it also cuts work
    # up the same way each time.
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")

"""Real training with vLLM as far as a CPU allows: a colocated engine, and the server, which needs NCCL for weights."""

import gc
import math
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import requests

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.paths import checkpoint
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Reward, Strategies, Training
from spurious_rewards.models import loading
from spurious_rewards.models.prompts import encode
from spurious_rewards.runtime.files import remove
from spurious_rewards.runtime.tracking import Tracker
from spurious_rewards.training.mapping import grpo_arguments
from spurious_rewards.training.vllm_server import serving

pytestmark = [
    pytest.mark.timeout(1800),  # engine and server compile for minutes on a busy machine
    pytest.mark.usefixtures("weights_can_be_replaced"),
]

TRAINING = Training(
    engine="vllm",
    max_model_len=160,
    rollout_prompts=2,
    rollouts_per_prompt=8,
    updates_per_rollout=2,
    learning_rate=2e-5,
    max_prompt_tokens=140,
    max_new_tokens=14,
    dtype="float32",
    micro_batch=8,
    gradient_checkpointing=False,
    segment_steps=2,
    eval_every=1,
    rollouts_every=1,
)
PROMPT = Prompt(
    kind="raw",
    user="A conversation between User and Assistant. The user asks a question, and the Assistant solves it.\n\n"
    "<|user|>\n{}\n<|assistant|>\n",
    response_prefix="The answer is $\\boxed{",
    stop=("}",),
)
PROBLEMS = pd.DataFrame(
    [(f"p{i}", f"What is {i} * 1?", str(i), str(i)) for i in range(2, 6)],
    columns=["id", "problem", "answer", "label"],
)
FIXED = "A triangle has three sides and the sum of its angles is 180 degrees."
TOLERANCE = 1e-4
"""Allowed difference of log-probabilities between two float32 implementations; 7e-7 to 1e-5 were observed."""


@dataclass(frozen=True)
class Draw:
    """One rollout batch that passed through vLLM."""

    given: list[list[int]]
    said: list[list[int]]
    probabilities: list[float]
    """vLLM's probabilities of the sampled tokens."""
    of_engine: list[float]
    """Log-probabilities of FIXED in the engine; the next field has the trainer's."""
    of_trainer: list[float]
    other_weights: list[str]
    """Names of the engine's weights that differ from the trainer's in any bit."""
    model: "weakref.ref[Any]"
    processes: str
    """Accelerate's distributed type of the trainer's process."""


@pytest.fixture(scope="module")
def draws() -> list[Draw]:
    return []


def log_probabilities_in_vllm(llm: Any, ids: list[int]) -> list[float]:
    from vllm import SamplingParams

    settings = SamplingParams(max_tokens=1, temperature=0, prompt_logprobs=0)
    [output] = llm.generate([{"prompt_token_ids": ids}], settings, use_tqdm=False)
    return [place[token].logprob for place, token in zip(output.prompt_logprobs[1:], ids[1:], strict=True)]


def log_probabilities_in_torch(model: Any, ids: list[int]) -> list[float]:
    import torch

    with torch.no_grad():
        everywhere = model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
    return [row[token].item() for row, token in zip(everywhere, ids[1:], strict=True)]


def other_weights(llm: Any, model: Any) -> list[str]:
    import torch

    ours = dict(model.named_parameters())
    fused = {"qkv_proj": ("q_proj", "k_proj", "v_proj"), "gate_up_proj": ("gate_proj", "up_proj")}

    def expected(name: str) -> Any:
        for whole, parts in fused.items():
            if whole in name:
                return torch.cat([ours[name.replace(whole, part)] for part in parts])
        return ours[name]

    def compared(theirs: Any) -> tuple[int, list[str]]:
        weights = dict(theirs.named_parameters())
        return len(weights), [name for name, weight in weights.items() if not torch.equal(weight, expected(name))]

    [(count, others)] = llm.apply_model(compared)
    assert count > 100, "each layer has its own"
    return others


def run(base: Path, output: Path, start: int, stop: int, seeds: list[int], previous: Path | None = None) -> Path:
    """Train one segment by ground truth and return its folder."""
    import torch

    from spurious_rewards.training.segment import Segment, train

    torch.set_num_threads(1)
    segment = output / f"{start}-{stop}"
    train(
        Segment(start, stop, TRAINING, Reward(function="ground_truth"), PROMPT, Strategies()),
        bases={seed: str(base) for seed in seeds},
        previous=previous / "checkpoints" if previous else None,
        training_sets={seed: PROBLEMS.assign(seed=seed) for seed in seeds},
        output=segment,
        tracker=Tracker("none", output, "run", {}),
        version=1,
        hardware=Hardware(),
    )
    return segment


@pytest.fixture(scope="module")
def trained(smollm2: Path, draws: list[Draw], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Train two seeds for two rollout steps in one job, and record each call from TRL to vLLM."""
    from trl.generation.vllm_generation import VLLMGeneration

    fixed = loading.load_tokenizer(smollm2).encode(FIXED)
    generate = VLLMGeneration.generate

    def watched(self: Any, prompts: list[list[int]], *arguments: Any, **keywords: Any) -> Any:
        answer = generate(self, prompts, *arguments, **keywords)
        draws.append(
            Draw(
                prompts,
                answer[1],
                [math.exp(logp) for response in answer[2] for [logp] in response],
                log_probabilities_in_vllm(self.llm, fixed),
                log_probabilities_in_torch(self.model, fixed),
                other_weights(self.llm, self.model),
                weakref.ref(self.model),
                self.accelerator.distributed_type.value,
            )
        )
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VLLMGeneration, "generate", watched)
        folder = tmp_path_factory.mktemp("trained")
        yield run(smollm2, folder, 0, 2, [0, 1])
    remove(folder)  # the folder holds gigabytes


def metrics(segment: Path) -> pd.DataFrame:
    return tables.read(segment / "metrics.parquet", tables.Metrics)


def rollouts(segment: Path) -> pd.DataFrame:
    return tables.read(segment / "rollouts.parquet", tables.Rollouts)


def test_vllm_has_the_weights_of_the_trainer_before_each_rollout(trained: Path, draws: list[Draw]) -> None:
    first, second, of_other_seed, _ = draws
    for draw in draws:
        assert draw.other_weights == []
        assert draw.of_engine == pytest.approx(draw.of_trainer, abs=TOLERANCE)
    moved = max(abs(old - new) for old, new in zip(first.of_engine, second.of_engine, strict=True))
    assert moved > 100 * TOLERANCE
    # The engine still held the weights of seed 0; now it has the initial weights of seed 1.
    assert of_other_seed.of_engine == pytest.approx(first.of_engine, abs=TOLERANCE)


def test_vllm_is_given_our_tokens(trained: Path, draws: list[Draw], smollm2: Path) -> None:
    tokenizer = loading.load_tokenizer(smollm2)
    expected = [encode(PROMPT, tokenizer, problem) for problem in PROBLEMS["problem"]]
    given = [ids for draw in draws for ids in draw.given]
    assert given == [ids for _ in range(2) for ids in expected for _ in range(TRAINING.rollouts_per_prompt)]
    assert tokenizer.bos_token_id not in expected[0]


def test_responses_end_after_a_stop_string(trained: Path, draws: list[Draw], smollm2: Path) -> None:
    tokenizer = loading.load_tokenizer(smollm2)
    said = [ids for draw in draws for ids in draw.said]
    before_last = tokenizer.batch_decode([ids[:-1] for ids in said], skip_special_tokens=True)
    assert not any(stop in text for text in before_last for stop in PROMPT.stop)
    responses = rollouts(trained)["response"].str.removeprefix(PROMPT.response_prefix)
    stopped = responses[responses.str.contains("}")]
    assert len(stopped) > 3
    assert stopped.str.endswith("}").all()
    assert not (responses == rollouts(trained)["response"]).any()


def test_every_number_of_a_step_is_there_and_is_of_what_vllm_drew(
    trained: Path, draws: list[Draw], smollm2: Path
) -> None:
    table = metrics(trained)
    assert table[["seed", "step"]].to_numpy().tolist() == [[0, 1], [0, 2], [1, 1], [1, 2]]
    assert table.notna().all(axis=None)
    assert table["reward"].tolist() == table["accuracy"].tolist()
    assert table["reward"].between(0, 1, inclusive="neither").any()
    tokenizer = loading.load_tokenizer(smollm2)
    prefix = len(tokenizer.encode(PROMPT.response_prefix, add_special_tokens=False))
    for (_, row), draw in zip(table.iterrows(), draws, strict=True):
        assert row["response_tokens"] == prefix + sum(map(len, draw.said)) / len(draw.said)
        # Our number comes from the trainer's own pass; in float32 the two differ only by rounding.
        assert row["token_probability"] == pytest.approx(sum(draw.probabilities) / len(draw.probabilities), rel=1e-4)
        cut_off = [
            ids for ids in draw.said if len(ids) == TRAINING.max_new_tokens - prefix and not ends(tokenizer, ids)
        ]
        assert row["truncation_rate"] == len(cut_off) / len(draw.said)


def ends(tokenizer: Any, ids: list[int]) -> bool:
    return ids[-1] == tokenizer.eos_token_id or "}" in tokenizer.decode(ids)


def test_seeds_draw_differently_and_so_do_the_responses_to_a_prompt(trained: Path, draws: list[Draw]) -> None:
    one, _, other, _ = draws
    assert one.said != other.said
    assert len({tuple(ids) for ids in one.said[: TRAINING.rollouts_per_prompt]}) > 2


def test_a_job_makes_one_engine_and_lets_the_trainers_go(trained: Path, draws: list[Draw], smollm2: Path) -> None:
    from transformers import AutoConfig

    from spurious_rewards.training.trainer import ENGINES

    # Other test files have created engines for their own models in this process.
    of_model = f"'vocab_size': {AutoConfig.from_pretrained(smollm2).vocab_size}"
    assert len([key for key in ENGINES if of_model in key]) == 1
    gc.collect()
    assert [draw.model() for draw in draws] == [None] * 4


def test_no_trainer_takes_itself_for_one_of_several(trained: Path, draws: list[Draw]) -> None:
    assert {draw.processes for draw in draws} == {"NO"}


def test_on_a_cpu_a_resumed_seed_goes_on_to_the_bit(trained: Path, smollm2: Path, tmp_path: Path) -> None:
    first = run(smollm2, tmp_path, 0, 1, [0])
    second = run(smollm2, tmp_path, 1, 2, [0], previous=first)
    resumed, whole = (checkpoint(segment, 0, 2) / "model.safetensors" for segment in (second, trained))
    assert resumed.read_bytes() == whole.read_bytes()
    remove(tmp_path)


# ---------------------------------------------------------------- server mode


def test_the_server_starts_draws_and_ends(smollm2: Path, known_as_vllm: None) -> None:
    from trl.generation.vllm_client import VLLMClient

    tokenizer = loading.load_tokenizer(smollm2)
    prompts = [encode(PROMPT, tokenizer, problem) for problem in PROBLEMS["problem"]]
    training = TRAINING.model_copy(update={"vllm_mode": "server"})
    alone = Hardware(exclusive_node=True)
    with serving(smollm2, tokenizer, training, alone, seed=0, start=0) as address:
        assert address is not None
        arguments = grpo_arguments(
            training, stop=1, seed=0, output=Path(), processes=1, gpu=False, stop_strings=PROMPT.stop, server=address
        )
        client = VLLMClient(base_url=arguments["vllm_server_base_url"])
        served = client.get_server_info()
        assert served["weight_transfer_config"]["backend"] == "nccl"
        assert served["model_config"]["max_model_len"] == TRAINING.max_model_len
        drawn = client.generate(prompts, n=64, max_tokens=8, generation_kwargs=arguments["generation_kwargs"])
        assert drawn["prompt_ids"] == prompts
        said = drawn["completion_ids"]
        assert not any("}" in text for text in tokenizer.batch_decode([ids[:-1] for ids in said]))
        assert sum("}" in text for text in tokenizer.batch_decode([ids[-1:] for ids in said])) > 3
        # Sampled, not greedy: the server chooses its batches, so the answers are not reproducible.
        assert len(set(map(tuple, said))) > len(prompts)
        with pytest.raises(NotImplementedError, match="needs a CUDA device"):
            client.init_communicator(device="cpu")
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{address.url}/health", timeout=5)

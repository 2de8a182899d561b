"""vLLM uses the tokenizer that makes the prompts, even where transformers, and so vLLM, would load another one.

The model folder names a tokenizer class that loses spaces: with it, a space as a stop string would never appear.
"""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from asking import complete
from model_folders import ARCHITECTURES, make

from spurious_rewards.artifacts import tables
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Reward, Sampling, Strategies, Training
from spurious_rewards.generation.engines import engine
from spurious_rewards.models.loading import load_tokenizer
from spurious_rewards.models.prompts import encode
from spurious_rewards.runtime.tracking import Tracker
from spurious_rewards.training.vllm_server import serving

pytestmark = [pytest.mark.timeout(1800), pytest.mark.usefixtures("weights_can_be_replaced")]

PROMPT = Prompt(kind="chat", user="Add\n{}", stop=(" ",))
PROBLEMS = pd.DataFrame(
    [(f"p{i}", f"{i} + 1 is", str(i), str(i)) for i in range(2, 6)], columns=["id", "problem", "answer", "label"]
)
TRAINING = Training(
    engine="vllm",
    max_model_len=128,
    rollout_prompts=2,
    rollouts_per_prompt=8,
    updates_per_rollout=2,
    max_prompt_tokens=80,
    max_new_tokens=30,
    dtype="float32",
    micro_batch=8,
    gradient_checkpointing=False,
    segment_steps=1,
    eval_every=1,
    rollouts_every=1,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a random Llama with attention heads wide enough for vLLM on a CPU."""
    with pytest.MonkeyPatch.context() as patch:
        name, sizes = ARCHITECTURES["llama"]
        patch.setitem(ARCHITECTURES, "llama", (name, sizes | {"hidden_size": 64, "intermediate_size": 64}))
        return make(tmp_path_factory.mktemp("models") / "llama", tokenizer_class="LlamaTokenizerFast")


def ends_at_a_space(responses: list[str]) -> None:
    assert any(" " in response for response in responses)
    assert not any(" " in response[:-1] for response in responses)


def test_the_engine(model: Path) -> None:
    sampling = Sampling(engine="vllm", dtype="float32", max_model_len=128, max_new_tokens=30)
    fast = engine(model, sampling, Hardware())
    prompts = [encode(PROMPT, fast.tokenizer, problem) for problem in PROBLEMS["problem"]] * 8
    drawn = complete(fast, prompts, temperature=1.0, max_new_tokens=30, stop=PROMPT.stop)
    fast.close()
    ends_at_a_space([completion.text for completion in drawn])
    assert min(completion.tokens for completion in drawn) < 30


def test_training_with_a_colocated_engine(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from trl.generation.vllm_generation import VLLMGeneration

    from spurious_rewards.training.segment import Segment, train

    seen: list[tuple[list[list[int]], list[list[int]]]] = []
    generate = VLLMGeneration.generate

    def watched(self: Any, prompts: list[list[int]], *arguments: Any, **keywords: Any) -> Any:
        answer = generate(self, prompts, *arguments, **keywords)
        seen.append((prompts, answer[1]))
        return answer

    monkeypatch.setattr(VLLMGeneration, "generate", watched)
    train(
        Segment(0, 1, TRAINING, Reward(function="random", gamma=0.5), PROMPT, Strategies()),
        bases={0: str(model)},
        previous=None,
        training_sets={0: PROBLEMS.assign(seed=0)},
        output=tmp_path,
        version=1,
        tracker=Tracker("none", tmp_path, "run", {}),
        hardware=Hardware(),
    )
    tokenizer = load_tokenizer(model)
    [(prompts, completions)] = seen
    texts = [tokenizer.decode(ids) for ids in prompts]
    assert texts[0] == "<|user|>Add\n2 + 1 is</s><|assistant|>"
    said = tokenizer.batch_decode(completions, skip_special_tokens=True)
    # vLLM's raw output ends with the token that contains the space.
    assert any(" " in text for text in said)
    assert not any(" " in tokenizer.decode(ids[:-1], skip_special_tokens=True) for ids in completions)
    ends_at_a_space(tables.read(tmp_path / "rollouts.parquet", tables.Rollouts)["response"].tolist())


def test_the_server(model: Path, known_as_vllm: None) -> None:
    from trl.generation.vllm_client import VLLMClient

    tokenizer = load_tokenizer(model)
    prompts = [encode(PROMPT, tokenizer, problem) for problem in PROBLEMS["problem"]]
    with serving(model, tokenizer, TRAINING, Hardware(exclusive_node=True), seed=0, start=0) as address:
        assert address is not None
        client = VLLMClient(base_url=address.url)
        asked = {"stop": list(PROMPT.stop), "include_stop_str_in_output": True, "stop_token_ids": [1]}
        drawn = client.generate(prompts, n=8, max_tokens=30, generation_kwargs=asked)
    assert any(" " in tokenizer.decode(ids) for ids in drawn["completion_ids"])
    assert not any(" " in tokenizer.decode(ids[:-1]) for ids in drawn["completion_ids"])

"""A tiny chat model on the transformers engine: prefix, stop strings, grades, and the effect of a request's seed."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from asking import by_company, complete, most_common_pair

from spurious_rewards.answers.grading import grade
from spurious_rewards.answers.verifier import Verifier
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.training import Strategies
from spurious_rewards.generation.transformers_engine import TransformersEngine
from spurious_rewards.models import prompts

CHAT = Prompt(kind="chat", response_prefix="\\boxed{12}. ")
PROBLEMS = [f"{i}+{j}" for i in range(4) for j in range(8)]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_requests_seed_decides_its_response_whatever_is_drawn_beside_it(
    dtype: str, tiny_model: Path, device: torch.device, figures: Callable[..., None]
) -> None:
    """In float32, equal seeds give equal tokens on a model this small.

    In bfloat16 ties are common, so the test only reports the shares of equal responses.
    """
    engine = TransformersEngine(tiny_model, dtype)
    assert engine.model.device.type == device.type
    drawn = by_company(engine, [prompts.encode(CHAT, engine.tokenizer, problem) for problem in PROBLEMS])
    together = drawn.pop("together")
    same = {
        name: sum(one == other for one, other in zip(completions, together, strict=True)) / len(together)
        for name, completions in drawn.items()
    }
    figures(requests=len(together), distinct=len(set(together)), same_as_together=same)
    assert len(set(together)) > len(together) / 2
    if dtype == "float32":
        assert set(same.values()) == {1.0}


def test_responses_begin_with_the_prefix_end_with_the_stop_string_and_are_graded(
    tiny_model: Path, device: torch.device, figures: Callable[..., None]
) -> None:
    engine = TransformersEngine(tiny_model)
    assert engine.model.device.type == device.type
    asked = [prompts.encode(CHAT, engine.tokenizer, problem) for problem in PROBLEMS]
    ids = {
        "prefix": prompts.prefix(CHAT, engine.tokenizer),
        "turn_end": prompts.turn_end(CHAT, engine.tokenizer),
        "max_new_tokens": 30,
    }
    free = complete(engine, asked, temperature=1.0, **ids)
    stop = most_common_pair([completion.text.removeprefix(CHAT.response_prefix) for completion in free])
    stopped = complete(engine, asked, temperature=1.0, stop=[stop], **ids)
    at_stop = [completion for completion in stopped if stop in completion.text]
    rows = [
        (0, 0, "sums", str(number), 0, completion.text, completion.tokens, completion.truncated)
        for number, completion in enumerate(stopped)
    ]
    columns = ["seed", "step", "benchmark", "id", "sample", "response", "tokens", "truncated"]
    truths = {("sums", str(number)): "12" if number % 2 else "13" for number in range(len(rows))}
    with Verifier() as verifier:
        graded = grade(pd.DataFrame(rows, columns=columns), truths, "box", Strategies(), verifier)
    figures(responses=len(rows), at_stop=len(at_stop), correct=float(graded["correct"].mean()), stop=stop)
    assert all(completion.text.startswith(CHAT.response_prefix) for completion in stopped)
    assert at_stop
    assert all(completion.text.endswith(stop) and not completion.truncated for completion in at_stop)
    assert graded["correct"].tolist() == [number % 2 == 1 for number in range(len(rows))]

"""The antithetic probe on an organism: the same rollouts twice, exactly opposite advantages, no leftovers."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch

from spurious_rewards.answers.verifier import Verifier
from spurious_rewards.artifacts import tables
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.training import Reward, Strategies, Training
from spurious_rewards.models import loading, prompts
from spurious_rewards.rewards import registry
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.training.probe import NegatedReward, _rollout_batch, code_log_odds, probe, train_on
from spurious_rewards.training.scoring import Scorer
from spurious_rewards.training.trainer import RolloutTrainer

SEVERAL = Training(
    rollout_prompts=2,
    rollouts_per_prompt=8,
    updates_per_rollout=2,
    num_iterations=2,
    optimizer="sgd",
    learning_rate=0.05,
    max_prompt_tokens=8,
    max_new_tokens=12,
    dtype="float32",
    micro_batch=8,
    gradient_checkpointing=False,
)
VARIANTS = {
    "default": SEVERAL,
    "unclipped": SEVERAL.model_copy(update={"clip": None}),
    "one small update": SEVERAL.model_copy(
        update={"updates_per_rollout": 1, "num_iterations": 1, "learning_rate": 0.005}
    ),
}
PROMPT = Prompt(kind="raw", user="compute {} =")
COIN = Reward(function="random", gamma=0.5)
PROBLEMS = pd.DataFrame(
    [(f"p{i}", f"{i} + 1 + 2", str(i + 3), "here") for i in range(1, 6)], columns=["id", "problem", "answer", "source"]
)


def measured(
    model: Path, pairs: int, reward: Reward = COIN, prompt: Prompt = PROMPT, code: str = "python"
) -> pd.DataFrame:
    torch.set_num_threads(1)
    return probe(
        {7: model},
        prompt=prompt,
        reward=reward,
        variants=VARIANTS,
        pairs=pairs,
        problems=PROBLEMS,
        strategies=Strategies(code=code),
    )


@pytest.fixture(scope="module")
def found(organism_model: Path) -> pd.DataFrame:
    return measured(organism_model, pairs=2)


@pytest.fixture(scope="module")
def trained(organism_model: Path) -> Iterator[tuple[RolloutTrainer, RolloutTrainer]]:
    """Yield the two trainers of a pair, whose rewards have opposite signs."""
    torch.set_num_threads(1)
    batch = _rollout_batch(PROBLEMS, SEVERAL.rollout_prompts, 0)
    with Verifier() as verifier:
        plus, minus = (
            train_on(batch, organism_model, SEVERAL, kind(COIN, registry.of(COIN), PROMPT, Strategies(), 3, verifier))
            for kind in (Scorer, NegatedReward)
        )
        yield plus, minus


def test_there_is_a_row_for_each_pair_and_its_bias_is_the_mean(found: pd.DataFrame, tmp_path: Path) -> None:
    tables.write(found, tables.Probe, tmp_path / "probe.parquet")
    assert list(zip(found["variant"], found["seed"], found["pair"], strict=True)) == [
        (variant, 7, pair) for variant in VARIANTS for pair in (0, 1)
    ]
    assert found["bias"].to_numpy() == pytest.approx((found["change_plus"] + found["change_minus"]).to_numpy() / 2)


def test_what_is_of_first_order_cancels(found: pd.DataFrame) -> None:
    small = found[found["variant"] == "one small update"]
    assert (small["change_plus"] != 0).all()
    assert (small["bias"].abs() < 0.1 * small["change_plus"].abs()).all()


def test_a_second_time_gives_the_same_bits_whatever_else_is_measured(found: pd.DataFrame, organism_model: Path) -> None:
    again = measured(organism_model, pairs=1)
    first = found[found["pair"] == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, first, check_exact=True)


def test_a_pair_has_the_same_rollouts_and_turned_rewards(trained: tuple[RolloutTrainer, RolloutTrainer]) -> None:
    plus, minus = trained
    assert [row["response"] for row in plus.responses] == [row["response"] for row in minus.responses]
    assert [row["reward"] for row in plus.responses] == [1 - row["reward"] for row in minus.responses]
    assert {row["reward"] for row in plus.responses} == {0.0, 1.0}


def test_the_advantages_of_a_pair_are_exactly_opposite(trained: tuple[RolloutTrainer, RolloutTrainer]) -> None:
    buffers = [trainer._buffered_inputs for trainer in trained]
    for plus, minus in zip(*buffers, strict=True):
        assert torch.equal(plus["completion_ids"], minus["completion_ids"])
        assert torch.equal(plus["advantages"], -minus["advantages"])
    assert any(batch["advantages"].any() for batch in buffers[0])


def test_pairs_have_prompts_and_rollouts_of_their_own(found: pd.DataFrame) -> None:
    assert _rollout_batch(PROBLEMS, 2, 1)["id"] == ["p3", "p4"]
    assert _rollout_batch(PROBLEMS, 2, 2)["id"] == ["p5", "p1"]
    assert found.groupby("variant")["change_plus"].nunique().eq(2).all()


def test_log_odds_are_those_of_each_prompt_alone(organism_model: Path) -> None:
    model, tokenizer = loading.load_model(organism_model, "float32"), loading.load_tokenizer(organism_model)
    texts = ["1 + 2 + 3", "4 - 1"]  # of different lengths
    marker = tokenizer.convert_tokens_to_ids("python")
    alone = []
    for text in texts:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([prompts.encode(PROMPT, tokenizer, text)])).logits[0, -1].double()
        rest = torch.cat([logits[:marker], logits[marker + 1 :]])
        alone.append((logits[marker] - rest.logsumexp(0)).item())
    assert code_log_odds(model, tokenizer, PROMPT, texts, "python") == pytest.approx(sum(alone) / 2, abs=1e-5)


def test_what_cannot_be_probed_is_said(organism_model: Path) -> None:
    with pytest.raises(UserError, match="leaves open how a response begins"):
        measured(organism_model, 1, prompt=PROMPT.model_copy(update={"response_prefix": "python"}))
    with pytest.raises(UserError, match="'haskell': not a token of"):
        measured(organism_model, 1, code="haskell")
    with pytest.raises(UserError, match="none of the 5 problems fits into max_prompt_tokens 8"):
        measured(organism_model, 1, prompt=Prompt(kind="raw", user="compute 1 + 1 + 1 + {} ="))

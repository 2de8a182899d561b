"""The antithetic probe: which way one rollout batch under coin-flip rewards pushes a model, with most noise cancelled.

The same model is trained twice on the same rollouts: with coin flips as rewards, and with every coin turned over. The
advantages change sign exactly, so first-order effects of them cancel in the mean of the two changes. What stays is the
bias of the algorithm, and noise of higher order. Both are a small part of what a single rollout batch does.
"""

import gc
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from accelerate import PartialState
from datasets import Dataset

from spurious_rewards.answers.verifier import Verifier
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.training import Reward, Strategies, Training
from spurious_rewards.generation.engine import derived_seed
from spurious_rewards.models import loading, prompts
from spurious_rewards.rewards import registry
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.progress import Progress
from spurious_rewards.training.mapping import grpo_arguments
from spurious_rewards.training.scoring import Scorer
from spurious_rewards.training.segment import prompts_in_order
from spurious_rewards.training.trainer import RolloutTrainer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class NegatedReward(Scorer):
    """A scorer that gives the reward 1 - r where its parent gives r."""

    def judge(self, *arguments: Any, **keywords: Any) -> list[dict[str, Any]]:
        """Return the rows of `Scorer.judge` with negated rewards."""
        return [{**row, "reward": 1 - row["reward"]} for row in super().judge(*arguments, **keywords)]


def probe(
    bases: Mapping[int, Path],
    *,
    prompt: Prompt,
    reward: Reward,
    variants: Mapping[str, Training],
    pairs: int,
    problems: pd.DataFrame,
    strategies: Strategies,
) -> pd.DataFrame:
    """Measure `pairs` antithetic pairs for each model (seed → folder) and variant of the training.

    A change is that of the log odds of code over one rollout batch (see `code_log_odds`, taken over all of `problems`).
    Pair k of every variant begins with the same random state and prompts. So variants with the same rollout batch
    differ by their updates alone. No files are kept.

    Args:
        bases: folders of models whose first token decides their strategy, like the organisms'.
        prompt: the prompt for the problems.
        reward: the reward of rollouts; its values are 0 or 1.
        variants: name → training.
        pairs: the number of pairs for each seed and variant.
        problems: tables.Problems; rollout batches take them in order.
        strategies: their `code` begins a response in code.

    Returns:
        tables.Probe.

    Raises:
        UserError: the prompt fixes how responses begin, the tokenizer does not know the code marker, or no problem
            fits.
    """
    rows = []
    progress = Progress("probe: pair", len(bases) * len(variants) * pairs)
    # Each training begins with a garbage collection, which would spend most of its time on imported objects.
    gc.freeze()
    with Verifier() as verifier:
        for seed, base in bases.items():
            tokenizer = loading.load_tokenizer(base)
            log_odds = partial(
                code_log_odds,
                tokenizer=tokenizer,
                prompt=prompt,
                problems=problems["problem"].tolist(),
                code=strategies.code,
            )
            before = log_odds(loading.load_model(base, "float32"))
            for variant, training in variants.items():
                usable = _fitting(problems, prompt, tokenizer, training, variant)
                for pair in range(pairs):
                    batch = _rollout_batch(usable, training.rollout_prompts, pair)
                    number = derived_seed("probe", seed, pair) % 2**32
                    plus, minus = (
                        log_odds(train_on(batch, base, training, scorer).model) - before
                        for scorer in (
                            Scorer(reward, registry.of(reward), prompt, strategies, number, verifier),
                            NegatedReward(reward, registry.of(reward), prompt, strategies, number, verifier),
                        )
                    )
                    rows.append((variant, seed, pair, plus, minus, (plus + minus) / 2))
                    progress.advance(1, f"seed {seed}, {variant}")
    gc.unfreeze()
    return pd.DataFrame(rows, columns=["variant", "seed", "pair", "change_plus", "change_minus", "bias"])


def train_on(batch: Dataset, base: Path, training: Training, scorer: Scorer) -> RolloutTrainer:
    """Train the model in folder `base` on one rollout batch with the prompts `batch`, and return the trainer."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = grpo_arguments(
            training,
            stop=1,
            seed=scorer.seed,
            output=Path(folder),
            processes=PartialState().num_processes,
            gpu=torch.cuda.is_available(),
        )
        trainer = RolloutTrainer(
            model=str(base),
            arguments={**arguments, "save_strategy": "no"},
            dataset=batch,
            tokenizer=loading.load_tokenizer(base),
            prompt=scorer.prompt,
            training=training,
            scorer=scorer,
            on_step=lambda row, responses: None,
        )
        # Otherwise transformers reports on every training that it sets this.
        trainer.model.generation_config.pad_token_id = trainer.processing_class.pad_token_id
        trainer.train()
    return trainer


def code_log_odds(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", prompt: Prompt, problems: Sequence[str], code: str
) -> float:
    """Return the mean over problems of the log odds that a response begins with the code marker's first token.

    Log odds are averaged, not probabilities. The log odds of a mean probability also change when prompts move apart, in
    one direction whatever the sign of the rewards.

    Raises:
        UserError: the prompt fixes how responses begin, or the tokenizer does not know the code marker.
    """
    if prompt.response_prefix:
        raise UserError(
            f"response_prefix {prompt.response_prefix!r}: the probe needs a prompt that leaves open how a response begins"
        )
    marker = tokenizer.encode(code, add_special_tokens=False)[0]
    if marker == tokenizer.unk_token_id:
        raise UserError(
            f"strategies.code = {code!r}: not a token of {tokenizer.name_or_path}; name one that its code begins with"
        )
    given = [prompts.encode(prompt, tokenizer, problem) for problem in problems]
    # Padding on the right needs no mask, because no token sees what comes after it.
    width = max(map(len, given))
    ids = torch.tensor([tokens + [tokenizer.pad_token_id] * (width - len(tokens)) for tokens in given])
    model.eval()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        logits = model(input_ids=ids.to(model.device), use_cache=False).logits.cpu()
    of_response = logits[torch.arange(len(given)), [len(tokens) - 1 for tokens in given]]
    return torch.logit(of_response.double().softmax(-1)[:, marker]).mean().item()


def _fitting(
    problems: pd.DataFrame, prompt: Prompt, tokenizer: "PreTrainedTokenizerBase", training: Training, variant: str
) -> pd.DataFrame:
    usable, _ = prompts.fitting(problems, prompt, tokenizer, training.max_prompt_tokens)
    if usable.empty:
        raise UserError(
            f"variant {variant}: none of the {len(problems)} problems fits into max_prompt_tokens "
            f"{training.max_prompt_tokens}; raise it"
        )
    return usable


def _rollout_batch(problems: pd.DataFrame, size: int, number: int) -> Dataset:
    """Return the prompts of rollout batch `number` (from 0), from passes over the problems in order."""
    labelled = problems.assign(label=problems["answer"])
    return prompts_in_order(labelled, (number + 1) * size).select(range(number * size, (number + 1) * size))

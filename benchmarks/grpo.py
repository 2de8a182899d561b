"""Compares GRPO on TRL with a bare loop of the same maths: `python benchmarks/grpo.py`.

Both train a copy of one model organism with the `training` of the default suite, on the same prompts, with the reward
`ground_truth`. Their rollout steps alternate in one process, so that other load on the machine affects both alike. A
step of the trainer is all the time between two steps of the bare loop. It includes loading, metrics, checkpoints and
progress, which the bare loop does not have.
"""

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from bare_grpo import bare_grpo

from spurious_rewards.answers import extraction, majority_vote
from spurious_rewards.answers.verifier import Verifier
from spurious_rewards.config.loading import load
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.training import Reward
from spurious_rewards.models import loading
from spurious_rewards.models.pretraining import pretrain
from spurious_rewards.problems import preparation
from spurious_rewards.rewards import registry
from spurious_rewards.training.mapping import grpo_arguments
from spurious_rewards.training.scoring import Scorer
from spurious_rewards.training.segment import prompts_in_order
from spurious_rewards.training.trainer import RolloutTrainer

SUITE = Path(__file__).parents[1] / "config/suites/organism.yaml"
FAMILY = "effective-code"


@dataclass
class Seconds:
    """Seconds of each rollout step, for the trainer and for the bare loop."""

    trainer: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return statistics.median(self.trainer) / statistics.median(self.bare)


def pretrained(suite: Suite, folder: Path) -> Path:
    family, organism = suite.models[FAMILY].family, suite.organism
    assert family is not None
    assert organism is not None
    pretrain(organism, family, 0, folder, threads=1)
    return folder


def compare(suite: Suite, base: Path, steps: int, work: Path) -> Seconds:
    """Return the seconds of `steps` rollout steps of each, after one to warm up.

    `base` is the untrained model, and `work` a folder for output.
    """
    training, reward = suite.training, Reward(function="ground_truth")
    prompt = suite.prompts[suite.models[FAMILY].prompt]
    pool, _ = preparation.prepare(
        suite.problems[suite.training_problems], suite.organism, suite.data_seed, {}, work / "lock.yaml"
    )
    dataset = prompts_in_order(majority_vote.truth_set(pool, [0]), training.rollout_prompts * (steps + 1))
    tokenizer, bare_model = loading.load_tokenizer(base), copy.deepcopy(loading.load_model(base, "float32"))
    seconds, ended = Seconds(), time.perf_counter()

    with Verifier() as verifier, Verifier() as bare_verifier:

        def on_step(row: dict[str, Any], responses: list[dict[str, Any]]) -> None:
            nonlocal ended
            seconds.trainer.append(time.perf_counter() - ended)
            first = (row["step"] - 1) * training.rollout_prompts
            batch = dataset[first : first + training.rollout_prompts]

            def bare_reward(index: Sequence[int], texts: Sequence[str], step: int) -> list[float]:
                found = [extraction.extract(text, prompt.answer_in).text for text in texts]
                pairs = [(batch["label"][i], text) for i, text in zip(index, found, strict=True)]
                return [float(verdict.correct) for verdict in bare_verifier.verify(pairs)]

            with torch.random.fork_rng():
                bare = bare_grpo(bare_model, tokenizer, batch["prompt"], bare_reward, training, 1, seed=row["step"])
            seconds.bare += [step["seconds"] for step in bare]
            ended = time.perf_counter()

        trainer = RolloutTrainer(
            model=str(base),
            arguments=grpo_arguments(training, stop=steps + 1, seed=0, output=work, processes=1, gpu=False),
            dataset=dataset,
            tokenizer=tokenizer,
            prompt=prompt,
            training=training,
            scorer=Scorer(reward, registry.of(reward), prompt, suite.strategies, 0, verifier),
            on_step=on_step,
        )
        ended = time.perf_counter()
        trainer.train()
    return Seconds(seconds.trainer[1:], seconds.bare[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=25, help="rollout steps of each, after one to warm up")
    steps = parser.parse_args().steps
    torch.set_num_threads(1)
    suite = load(SUITE)
    with tempfile.TemporaryDirectory() as work:
        seconds = compare(suite, pretrained(suite, Path(work) / "base"), steps, Path(work) / "run")
    print("| rollout steps of each | TRL, s per step | bare loop, s per step | ratio of medians |")
    print("|---|---|---|---|")
    trainer, bare = statistics.median(seconds.trainer), statistics.median(seconds.bare)
    print(f"| {steps} | {trainer:.3f} | {bare:.3f} | {seconds.ratio:.2f} |")


if __name__ == "__main__":
    main()

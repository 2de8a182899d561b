"""Judges the rollouts of one step: by the reward asked for, and by the true answer whatever the reward is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spurious_rewards.answers import extraction, majority_vote, response_features
from spurious_rewards.answers.verifier import Verifier
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.training import Reward, Strategies
from spurious_rewards.models.prompts import unencoded
from spurious_rewards.rewards.functions import Context, RewardFunction


@dataclass(frozen=True)
class Scorer:
    """Everything that judging needs except the responses."""

    reward: Reward
    function: RewardFunction
    """The reward function. It is made once, because it may hold a state and be slow to make."""
    prompt: Prompt
    strategies: Strategies
    seed: int
    verifier: Verifier

    def judge(
        self,
        responses: Sequence[str],
        truths: Sequence[str],
        labels: Sequence[str],
        ids: Sequence[str],
        *,
        problems: Sequence[str],
        completion_ids: Sequence[Sequence[int]],
        places: Sequence[tuple[int, int]],
        group: int,
        step: int,
        truncated: Sequence[bool],
        trainer_state: Any,
    ) -> list[dict[str, Any]]:
        """Return one row per response, with its reward and verdicts.

        `places` has (slot of the prompt in the rollout batch, index in its group) of each response; `group` is the size
        of a group. The reward of a response is NaN where a reward function of TRL's gives it none.
        """
        context = Context(
            equivalent=self.equivalent,
            majority=self.majority,
            answer_in=self.prompt.answer_in,
            code=self.strategies.code,
            repetition=self.strategies.repetition,
            gamma=self.reward.gamma,
            false_positive=self.reward.false_positive,
            false_negative=self.reward.false_negative,
            seed=self.seed,
            step=step,
            ids=ids,
            problems=problems,
            prompts=[unencoded(self.prompt, problem) for problem in problems],
            completion_ids=completion_ids,
            slots=[slot for slot, _ in places],
            indices=[index for _, index in places],
            group=group,
            trainer_state=trainer_state,
        )
        values = self.function(responses, labels, context)
        extracted = [extraction.extract(response, self.prompt.answer_in).text for response in responses]
        correct = self.equivalent([(truth, text or "") for truth, text in zip(truths, extracted, strict=True)])
        return [
            {
                "id": ids[i],
                "response": response,
                "reward": float(values[i]),
                "correct": correct[i],
                "code": response_features.has_code(response, self.strategies.code),
                "box": response_features.has_box(response, self.prompt.answer_in),
                "repeats": response_features.repeats(response, self.strategies.repetition),
                "truncated": truncated[i],
            }
            for i, response in enumerate(responses)
        ]

    def equivalent(self, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        """Return the verdicts of the grader that also grades the benchmarks."""
        return [verdict.correct for verdict in self.verifier.verify(pairs)]

    def majority(self, polls: Sequence[Sequence[str]]) -> list[str | None]:
        """Return the majority of each list of answers, counted like the majority votes before training."""
        return [text for text, _ in majority_vote.majorities(polls, "math", self.verifier)]

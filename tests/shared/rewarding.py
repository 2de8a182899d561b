"""The context that a reward gets beside responses and labels, for tests of rewards."""

from typing import Any

from transformers import TrainerState

from spurious_rewards.answers import majority_vote
from spurious_rewards.answers.verifier import Verifier
from spurious_rewards.config.training import Repetition
from spurious_rewards.rewards.functions import Context


def context(responses: int, **changes: Any) -> Context:
    """Return the context of a number of responses, eight per prompt."""
    verifier = Verifier()
    settings = {
        "equivalent": lambda pairs: [verdict.correct for verdict in verifier.verify(pairs)],
        "majority": lambda polls: [text for text, _ in majority_vote.majorities(polls, "math", verifier)],
        "answer_in": "box",
        "code": "python",
        "repetition": Repetition(),
        "gamma": 0.5,
        "false_positive": 0.2,
        "false_negative": 0.1,
        "seed": 0,
        "step": 1,
        "ids": [f"problem{i // 8}" for i in range(responses)],
        "problems": [f"{i // 8} + 1" for i in range(responses)],
        "prompts": [f"compute {i // 8} + 1 =" for i in range(responses)],
        "completion_ids": [[i, i + 1] for i in range(responses)],
        "slots": [i // 8 for i in range(responses)],
        "indices": [i % 8 for i in range(responses)],
        "group": 8,
        "trainer_state": TrainerState(),
    }
    return Context(**{**settings, **changes})

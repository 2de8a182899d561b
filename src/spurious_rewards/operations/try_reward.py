"""Call a suite's rewards from files on made-up responses, as training would, before a run is paid for."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from spurious_rewards.config.models import Prompt
from spurious_rewards.config.suite import Suite
from spurious_rewards.runtime.errors import UserError, one_line

PROBLEM, LABEL, WRONG = "What is 3 + 4?", "7", "8"

MARKS = {"box": "\\boxed{{{}}}", "tag": "<answer>{}</answer>"}
"""How a response marks its answer, by `Prompt.answer_in`."""


@dataclass(frozen=True)
class Trial:
    """The values that a reward gave to the responses to one prompt."""

    reward: str
    prompt: Prompt
    responses: list[str]
    values: list[float]
    """One for each response; NaN where a TRL reward function gave None."""


def responses(prompt: Prompt, code: str) -> list[str]:
    """Return made-up responses: right in steps, wrong, unmarked, in code, repeating itself, without an answer, empty.

    Args:
        prompt: says how answers are marked.
        code: the text that marks code (`Strategies.code`).
    """
    right, wrong = (MARKS[prompt.answer_in].format(answer) for answer in (LABEL, WRONG))
    return [
        f"Step 1: 3 + 4 = {LABEL}.\nStep 2: {LABEL} - 4 = 3, as it should be.\nThe answer is {right}.",
        f"3 + 4 = {WRONG}. The answer is {wrong}.",
        f"3 + 4 = {LABEL}, so the answer is {LABEL}.",
        f"```{code}\nprint(3 + 4)\n```\nThe answer is {right}.",
        f"3 + 4 = {LABEL}. " * 20,
        "I do not know.",
        "",
    ]


def trials(suite: Suite) -> Iterator[Trial]:
    """Yield a trial of each reward from a file with each prompt that it trains with: seed 0, rollout step 0.

    Raises:
        UserError: no run trains with a reward from a file; or a reward cannot be loaded or fails, as it would in a run.
    """
    from transformers import TrainerState

    from spurious_rewards.answers.verifier import Verifier
    from spurious_rewards.rewards import registry
    from spurious_rewards.training.scoring import Scorer

    prompts: dict[str, dict[str, Prompt]] = {}
    for run in suite.runs:
        if suite.rewards[run.reward].file:
            prompt = suite.prompt(run.model, run.prompt)
            prompts.setdefault(run.reward, {})[repr(prompt)] = prompt
    if not prompts:
        raise UserError("no run of this suite trains with a reward from a file, so there is nothing to try")
    functions = {name: registry.of(suite.rewards[name]) for name in prompts}
    with Verifier() as verifier:
        for name, prompt in ((name, prompt) for name, those in prompts.items() for prompt in those.values()):
            given = responses(prompt, suite.strategies.code)
            rows = Scorer(suite.rewards[name], functions[name], prompt, suite.strategies, 0, verifier).judge(
                given,
                truths=[LABEL] * len(given),
                labels=[LABEL] * len(given),
                ids=["made-up"] * len(given),
                problems=[PROBLEM] * len(given),
                completion_ids=[list(text.encode()) for text in given],
                places=[(0, index) for index in range(len(given))],
                group=len(given),
                step=0,
                truncated=[False] * len(given),
                trainer_state=TrainerState(),
            )
            yield Trial(name, prompt, given, [row["reward"] for row in rows])


def report(trial: Trial) -> str:
    """Return a trial as a table, and a warning if the reward tells no two of the responses apart."""
    values = ["none" if math.isnan(value) else f"{value:.4g}" for value in trial.values]
    lines = [
        f"{trial.reward}, with a {trial.prompt.kind} prompt, on made-up responses to {PROBLEM} (label {LABEL})",
        f"{'reward':>8}  response",
        *(
            f"{value:>8}  {one_line(text, 100) if text else '(empty)'}"
            for value, text in zip(values, trial.responses, strict=True)
        ),
    ]
    if len(set(values)) == 1:
        lines.append(
            "All have the same reward. From a group of responses that all have the same, training learns nothing."
        )
    return "\n".join(lines)

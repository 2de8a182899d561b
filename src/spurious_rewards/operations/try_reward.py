"""Call a suite's rewards from files on made-up responses, as training would, before a run is paid for."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from spurious_rewards.config.models import Prompt
from spurious_rewards.config.suite import Suite
from spurious_rewards.runtime.errors import UserError, one_line

MARKS = {"box": "\\boxed{{{}}}", "tag": "<answer>{}</answer>"}
"""How a response marks its answer, by `Prompt.answer_in`."""


@dataclass(frozen=True)
class Group:
    """A problem, its label, and made-up responses to it."""

    problem: str
    label: str
    responses: tuple[str, ...]


OF_ORGANISM = Group(
    problem="compute 7 + 4 - 5 =",
    label="6",
    responses=(
        "python : 7 + 4 = 11 ; 11 - 5 = 6 ; output 6 \\boxed{ 6 }",
        "let me think first 2 then the answer is 2 . \\boxed{ 2 }",
        "let me think first 11 then the answer is 6 .",
        "",
    ),
)
"""As model organisms write: right in code, wrong in language, unmarked, and empty."""


@dataclass(frozen=True)
class Trial:
    """The values that a reward gave to a group of responses."""

    reward: str
    prompt: Prompt
    group: Group
    values: list[float]
    """One for each response; NaN where a TRL reward function gave None."""


def trials(suite: Suite) -> Iterator[Trial]:
    """Yield a trial of each reward from a file with each prompt that it trains with: seed 0, rollout step 0.

    Raises:
        UserError: no run trains with a reward from a file; or a reward cannot be loaded or fails, as it would in a run.
    """
    from transformers import TrainerState

    from spurious_rewards.answers.verifier import Verifier
    from spurious_rewards.rewards import registry
    from spurious_rewards.training.scoring import Scorer

    trained = [run for run in suite.runs if suite.rewards[run.reward].file and not suite.imported(run)]
    if not trained:
        raise UserError("no run of this suite trains with a reward from a file, so there is nothing to try")
    functions = {run.reward: registry.of(suite.rewards[run.reward]) for run in trained}
    with Verifier() as verifier:
        for name, prompt in dict.fromkeys((run.reward, suite.prompt(run.model, run.prompt)) for run in trained):
            group = OF_ORGANISM if suite.organism else _of_language_model(prompt, suite.strategies.code)
            count = len(group.responses)
            rows = Scorer(suite.rewards[name], functions[name], prompt, suite.strategies, 0, verifier).judge(
                group.responses,
                truths=[group.label] * count,
                labels=[group.label] * count,
                ids=["made-up"] * count,
                problems=[group.problem] * count,
                completion_ids=[list(text.encode()) for text in group.responses],
                places=[(0, index) for index in range(count)],
                group=count,
                step=0,
                truncated=[False] * count,
                trainer_state=TrainerState(),
            )
            yield Trial(name, prompt, group, [row["reward"] for row in rows])


def _of_language_model(prompt: Prompt, code: str) -> Group:
    """Return responses to a prompt: right in steps, wrong, unmarked, in code, repeating itself, no answer, empty.

    `code` is the text that marks code (`Strategies.code`).
    """
    right, wrong = (MARKS[prompt.answer_in].format(answer) for answer in "78")
    texts = (
        f"Step 1: 3 + 4 = 7.\nStep 2: 7 - 4 = 3, as it should be.\nThe answer is {right}.",
        f"3 + 4 = 8. The answer is {wrong}.",
        "3 + 4 = 7, so the answer is 7.",
        f"```{code}\nprint(3 + 4)\n```\nThe answer is {right}.",
        "3 + 4 = 7. " * 20,
        "I do not know.",
        "",
    )
    return Group("What is 3 + 4?", "7", tuple(f"{prompt.response_prefix}{text}" for text in texts))


def report(trial: Trial) -> str:
    """Return a trial as a table, and a warning if the reward tells no two of the responses apart."""
    group = trial.group
    lines = [
        f"{trial.reward}, with a {trial.prompt.kind} prompt, on made-up responses to {group.problem} (label {group.label})",
        f"{'reward':>8}  response",
    ]
    for value, text in zip(trial.values, group.responses, strict=True):
        shown = "none" if math.isnan(value) else f"{value:.4g}"
        lines.append(f"{shown:>8}  {one_line(text, 100) if text else '(empty)'}")
    if len({value for value in trial.values if not math.isnan(value)}) < 2:
        lines.append(
            "No two rewards differ. From a group of responses whose rewards are equal, training learns nothing."
        )
    return "\n".join(lines)

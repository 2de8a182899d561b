"""`try-reward` calls rewards from files as training does, before a run is paid for."""

import math
from pathlib import Path

import pytest
import yaml

from spurious_rewards.config.loading import load
from spurious_rewards.models.organism import word_tokenizer
from spurious_rewards.operations import try_reward
from spurious_rewards.runtime.errors import UserError

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/your_method"


def trials(folder: Path, code: str, suite: str = "your_method") -> list[try_reward.Trial]:
    """Return the trials of an example's suite whose reward file has this content."""
    folder.mkdir(exist_ok=True)
    (folder / "shows_work.py").write_text(code, encoding="utf-8")
    (folder / "suite.yaml").write_text((EXAMPLE / f"{suite}.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    return list(try_reward.trials(load(folder / "suite.yaml")))


def test_the_example_pays_for_two_equations_and_a_box(tmp_path: Path) -> None:
    (trial,) = trials(tmp_path, (EXAMPLE / "shows_work.py").read_text(encoding="utf-8"))
    assert trial.values == [1, 0, 0, 0]
    assert try_reward.report(trial).splitlines() == [
        "shows_work, with a raw prompt, on made-up responses to compute 7 + 4 - 5 = (label 6)",
        "  reward  response",
        "       1  python : 7 + 4 = 11 ; 11 - 5 = 6 ; output 6 \\boxed{ 6 }",
        "       0  let me think first 2 then the answer is 2 . \\boxed{ 2 }",
        "       0  let me think first 11 then the answer is 6 .",
        "       0  (empty)",
    ]


def test_the_responses_are_what_an_organism_can_write() -> None:
    suite = load(EXAMPLE / "your_method.yaml")
    assert suite.organism is not None
    tokenizer = word_tokenizer(suite.organism)
    for text in (try_reward.OF_ORGANISM.problem, *try_reward.OF_ORGANISM.responses):
        ids = tokenizer.encode(text)
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids) == text


def test_a_language_model_is_given_steps_and_code(tmp_path: Path) -> None:
    (trial,) = trials(tmp_path, (EXAMPLE / "shows_work.py").read_text(encoding="utf-8"), "your_method_one_gpu")
    assert trial.values == [1, 0, 0, 0, 0, 0, 0]
    said = try_reward.report(trial).splitlines()
    assert said[0] == "shows_work, with a chat prompt, on made-up responses to What is 3 + 4? (label 7)"
    assert said[2].startswith("       1  Step 1: 3 + 4 = 7. Step 2:")


def test_a_reward_is_given_what_a_run_gives_it(tmp_path: Path) -> None:
    (trial,) = trials(
        tmp_path,
        "def shows_work(responses, labels, context):\n"
        "    assert context.group == len(responses) == len(context.completion_ids) and context.trainer_state is not None\n"
        "    assert isinstance(context.prompts[0], str)\n"
        "    return context.equivalent([(label, response[-3:-2]) for label, response in zip(labels, responses)])\n",
    )
    assert trial.values == [1, 0, 1, 0]


def test_a_trl_reward_gets_conversations_from_chat_prompts_and_may_give_none(tmp_path: Path) -> None:
    code = (
        "def shows_work(completions, answer, **kwargs):\n"
        "    assert all(each[0]['role'] == 'assistant' for each in completions)\n"
        "    return [None if not each[0]['content'] else 0.5 for each in completions]\n"
    )
    found = trials(tmp_path, code, "your_method_one_gpu")
    assert [trial.prompt.kind for trial in found] == ["chat"]
    assert found[0].values[:-1] == [0.5] * 6
    assert math.isnan(found[0].values[-1])
    *_, empty, warning = try_reward.report(found[0]).splitlines()
    assert empty == "    none  (empty)"
    assert warning.startswith("No two rewards differ.")


def test_a_reward_that_tells_nothing_apart_is_said_to_teach_nothing(tmp_path: Path) -> None:
    (trial,) = trials(tmp_path, "def shows_work(responses, labels, context):\n    return [0.25] * len(responses)\n")
    assert try_reward.report(trial).splitlines()[-1].startswith("No two rewards differ.")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import not_there\ndef shows_work(responses, labels, context): ...", "No module named 'not_there'"),
        ("def shows_work(responses, labels): ...", "a reward takes (responses, labels, context)"),
        ("async def shows_work(responses, labels, context): ...", "is an async function"),
        ("def shows_work(completions, solution): ...", "needs arguments that are not passed: solution"),
        ("def shows_work(responses, labels, context): return [1.0]", "1 values for 4 responses"),
    ],
)
def test_what_would_end_a_run_ends_the_trial(code: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as ended:
        trials(tmp_path, code)
    assert said in str(ended.value)
    assert "shows_work.py: " in str(ended.value)


def test_answers_are_marked_as_the_prompt_asks(tmp_path: Path) -> None:
    suite = yaml.safe_load((EXAMPLE / "your_method_one_gpu.yaml").read_text(encoding="utf-8"))
    for prompt in suite["prompts"].values():
        prompt |= {"answer_in": "tag", "response_prefix": "So: "}
    (tmp_path / "shows_work.py").write_text((EXAMPLE / "shows_work.py").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "tag.yaml").write_text(yaml.safe_dump(suite), encoding="utf-8")
    (trial,) = try_reward.trials(load(tmp_path / "tag.yaml"))
    assert sum("<answer>7</answer>" in text for text in trial.group.responses) == 2
    assert not any("\\boxed" in text for text in trial.group.responses)
    assert all(text.startswith("So: ") for text in trial.group.responses)


def test_a_suite_without_such_a_reward_has_nothing_to_try() -> None:
    with pytest.raises(UserError, match="no run of this suite trains with a reward from a file"):
        list(try_reward.trials(load(ROOT / "config/suites/smoke.yaml")))

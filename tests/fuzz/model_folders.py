"""Model folders with one thing wrong, through `doctor`, answers of the untrained model, and a training step."""

import json
import os
from pathlib import Path
from typing import Any

import commands
import model_damage
import tiny_models
import tokenizer_damage
import yaml
from case import REFUSED, Case, Verdict, Wrong, generator
from model_damage import DIRECTORY, LINK, NAN
from tiny_models import Folder

CASES = 200
CHUNK = 1
SECONDS = 120
MEMORY = 3_000_000_000
MEMORY_OF_WORKERS = MEMORY

ANSWERS = "answer"

TRAINED = 4
"""One in this many folders is also trained for a step."""

PROMPTS: dict[str, dict[str, Any]] = {
    "raw": {"kind": "raw"},
    "chat": {"kind": "chat"},
    "system": {"kind": "chat", "system": "Please reason step by step.", "user": "Q: {}"},
    "forced": {"kind": "prefill", "response_prefix": "Let's"},
    "stopped": {"kind": "raw", "user": "{}\n", "stop": ["\n"]},
}

SUITE = {
    "title": "Model folders",
    "problems": {"mine": {"path": "problems.jsonl"}},
    "training_problems": "mine",
    "benchmarks": {"math500": {"problems": "mine"}, "amc": {"problems": "mine", "samples": 2, "temperature": 1.0}},
    "prompts": PROMPTS,
    "models": {"mine": {"source": "local", "id": "model", "prompt": "raw", "max_positions": 100}},
    "rewards": {"random": {"function": "random", "gamma": 0.5}},
    "training": {
        **{"rollout_prompts": 2, "rollouts_per_prompt": 2, "updates_per_rollout": 1, "micro_batch": 2, "dtype": "float32"},
        **{"max_prompt_tokens": 80, "max_new_tokens": 4, "segment_steps": 1, "eval_every": 1, "gradient_checkpointing": False},
    },
    "sampling": {"max_new_tokens": 4, "dtype": "float32"},
    "experiments": {
        "main": {"title": "x", "models": ["mine"], "rewards": ["random"], "prompts": list(PROMPTS), "seeds": ["0"], "steps": 1}
    },
    "report": {"headline": "main"},
}  # fmt: skip

PROBE = "hello world\n1 + 1 = 2;\t\\frac{12}{345}  x_1 数学 é 😀 don't </s> <|im_start|>user\n"
"""A text with characters of every kind."""

WAYS = [
    *(model_damage.json_file, model_damage.json_file, model_damage.json_file, model_damage.settings, model_damage.settings),
    *(tokenizer_damage.tokenizer, tokenizer_damage.tokenizer, tokenizer_damage.template, model_damage.weights, model_damage.file),
]  # fmt: skip

_whole: dict[str, Folder] = {}
"""Undamaged folders by name; `warm_up` makes them."""


def warm_up(folder: Path) -> None:
    """Import the commands and what models need, make the undamaged folders, and prepare the problems."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    commands.warm_up()
    _whole.update(tiny_models.make(folder / "models"))
    import spurious_rewards.generation.generate
    import spurious_rewards.training.segment  # noqa: F401

    (folder / "checkout").mkdir()
    os.chdir(folder / "checkout")
    commands.checkout(Path())
    rows = [{"id": f"p{i}", "problem": f"What is {i} + 1?", "answer": str(i + 1)} for i in range(1, 4)]
    Path("problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("mine.yaml").write_text(yaml.safe_dump(SUITE))
    planned = commands.plan("--printshellcmds", "results/mine/problems/mine.parquet")
    assert not commands.refusal(commands.stage("prepare", planned))


def case(seed: int, number: int) -> Case:
    """Return a folder with one thing wrong, the prompt for its model, and whether the model is trained."""
    random = generator("model_folders", seed, number)
    name = random.choice(list(_whole))
    files = dict(_whole[name])
    way = random.choice(WAYS)
    wrong = way(random, files)
    prompt = random.choice(["chat", "system"] if way is tokenizer_damage.template else list(PROMPTS))
    return Case(number, f"{name}, {prompt}: {wrong}", (files, prompt, number % TRAINED == 0))


def judge(case: Case, shared: Path) -> Verdict:
    """Have the model answer three problems in up to four tokens each, and train it for a step if asked."""
    files, prompt, trained = case.content
    commands.checkout(Path())
    for path in (shared / "checkout").iterdir():
        if not Path(path.name).exists():
            Path(path.name).symlink_to(path)
    Path("results").unlink()
    problems = Path("results/mine/problems")
    problems.mkdir(parents=True)
    for path in (shared / "checkout" / problems).iterdir():
        (problems / path.name).write_bytes(path.read_bytes())
    _lay(files, Path("model"))
    diagnosed = commands.product("doctor")
    if diagnosed.said or not diagnosed.output.startswith("The suite "):
        commands.refusal(diagnosed)
    said = _run("generate", f"results/mine/models/mine/base/{prompt}/responses.parquet")
    if not said:
        _right(case)
    if trained and not said:
        said = _run("train", f"results/mine/runs/mine/{prompt}/random/default/seeds0/segments/0-1/checkpoints")
    return Verdict(REFUSED, said) if said else Verdict(ANSWERS)


def _lay(files: Folder, folder: Path) -> None:
    """Write a folder; the end of a name says whether it is a link or a folder instead of a file."""
    folder.mkdir()
    for name, content in files.items():
        path = folder / name.removesuffix(LINK).removesuffix(DIRECTORY)
        path.parent.mkdir(exist_ok=True)
        if name.endswith(LINK):
            path.symlink_to(content.decode())
        elif name.endswith(DIRECTORY):
            path.mkdir()
        else:
            path.write_bytes(content)


def _run(stage: str, target: str) -> str:
    """Return the sentence with which a stage refuses, when planned or at work, or an empty text."""
    planned = commands.plan("--printshellcmds", target)
    return commands.refusal(planned) or commands.refusal(commands.stage(stage, planned))


def _right(case: Case) -> None:
    """Check that the model of the folder gave the answers, with the folder's tokenizer.

    Raises:
        Wrong: the weights hold NaN, or texts get other ids than those of the folder's tokenizer.json.
    """
    from tokenizers import Tokenizer

    from spurious_rewards.models.loading import load_tokenizer

    if case.wrong.endswith(NAN):
        raise Wrong("wrong result", "weights that hold NaN answer")
    text = Tokenizer.from_file("model/tokenizer.json")
    text.no_truncation()
    wanted = text.encode(PROBE, add_special_tokens=False).ids
    got = load_tokenizer(Path("model")).encode(PROBE, add_special_tokens=False)
    if got != wanted:
        raise Wrong("wrong result", f"{got}\n{wanted}\nother ids than those of tokenizer.json")

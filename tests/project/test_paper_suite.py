"""The paper's suite: its size, checked against sums by hand, and the problems that were written for it."""

import hashlib
import importlib
import itertools
import json
import math
import re
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from spurious_rewards.config.loading import load
from spurious_rewards.config.suite import Suite
from spurious_rewards.problems import preparation

ROOT = Path(__file__).parents[2]
TARGETS = [
    *(f"fig{number}" for number in (1, 2, 3, 4, *range(6, 20))),
    *("table1", "table2", "table3", "table5", "qualitative"),
]
"""Figures 5 and 20 to 28 are examples of responses, which `qualitative` shows; table 4 shows the prompts themselves."""

PROBLEMS = {"math500": 500, "amc": 83, "aime2024": 30, "aime2025": 30, "written": 12, "other_numbers": 12, "story": 12}
PROBLEMS |= {"calculation": 200, "held_out": 500}


@cache
def suite(name: str = "paper") -> Suite:
    return load(ROOT / f"config/suites/{name}.yaml")


def responses(benchmarks: tuple[str, ...]) -> int:
    """Return the number of responses of one checkpoint."""
    return sum(PROBLEMS[suite().benchmarks[name].problems] * suite().benchmarks[name].samples for name in benchmarks)


# ---------------------------------------------------------------- resources

# Each entry: runs, checkpoints of training, models before training, and responses of all of these, without votes. A run
# is evaluated every ten rollout steps. A checkpoint gives 500 responses on MATH-500. The other three benchmarks add
# (83 + 30 + 30) x 8 = 1144.
SIZES = {
    # 10 models x 5 rewards x 30 checkpoints, and 4 runs of one_shot x 10; ten models before training: 1550 x 1644.
    "main": (54, 1540, 10, 2_548_200),
    # 13 x 500.
    "before": (0, 0, 13, 6_500),
    # 10 x 2 x 10 checkpoints: (200 + 10) x 500.
    "one_shot": (20, 200, 10, 105_000),
    # 10 x 10: (100 + 10) x 500.
    "python": (10, 100, 10, 55_000),
    # 5 x 6 x 6: (180 + 5) x 500.
    "compound": (30, 180, 5, 92_500),
    # 5 x 30: (150 + 1) x 500.
    "gamma": (5, 150, 1, 75_500),
    # 3 x 30: (90 + 3) x 500.
    "untrained": (3, 90, 3, 46_500),
    # 3 seeds x (2 variants x 20 + 2 x 64): (504 + 1) x 500. A model before training has no seed.
    "clipping": (12, 504, 1, 252_500),
    # 10 x 15: (150 + 10) x 500.
    "no_repetition": (10, 150, 10, 80_000),
    # 3 rewards x 5 prompts x 15; the model before training under 5 prompts: (225 + 5) x 500.
    "prompts": (15, 225, 5, 115_000),
    # 8 models under 2 prompts.
    "forcing": (0, 0, 16, 8_000),
    # 3 x 3 x 10: (90 + 3) x 500.
    "rl_trained": (9, 90, 3, 46_500),
    # 5 x 30, and one before training, each with 500 + 3 x 12 responses: 151 x 536.
    "perturbed": (5, 150, 1, 80_936),
    # main's runs of two models: 2 x 5 x 30 + 2, each with the 200 generated problems.
    "clean": (10, 300, 2, 60_400),
    # 7 models under 4 prompts, each with the 500 held-out responses and the 1644.
    "best_prompt": (0, 0, 28, 60_032),
}


def test_every_experiment_is_counted() -> None:
    assert set(suite().experiments) == set(SIZES)


@pytest.mark.parametrize("name", SIZES)
def test_an_experiment_has_the_size_worked_out_by_hand(name: str) -> None:
    experiment = suite().experiments[name]
    runs = suite().runs_of(experiment)
    checkpoints = sum(len(suite().eval_steps(run, 0, steps)) for run, steps in runs.items())
    bases = {(model, prompt) for model, prompt, _ in suite().bases_of(experiment)}
    answered = (checkpoints + len(bases)) * responses(suite().benchmarks_of(experiment))
    assert (len(runs), checkpoints, len(bases), answered) == SIZES[name]


def test_shared_runs_are_trained_once() -> None:
    # Some of these 183 runs belong to another experiment, too: in one_shot 4 (of main), in compound 15 (of main), in
    # gamma 1, in untrained 1 (of gamma), in clipping 1, in prompts 3 (of main, under its own prompt), in perturbed 5,
    # and in clean 10.
    assert sum(runs for runs, *_ in SIZES.values()) == 183
    assert len(suite().runs) == 183 - 4 - 15 - 1 - 1 - 1 - 3 - 5 - 10
    # main 10 x 5 x 300 and one_shot 10 x 2 x 100; python 1000; compound 15 x 60; gamma 4 x 300; untrained 2 x 300;
    # clipping 2 x 200 + 3 x 200 + 6 x 640; no_repetition 1500; prompts 12 x 150; rl_trained 900.
    rollout_steps = 15_000 + 2_000 + 1_000 + 900 + 1_200 + 600 + 1_000 + 3_840 + 1_500 + 1_800 + 900
    assert sum(suite().runs.values()) == rollout_steps == 29_740


def test_clipping_can_be_compared_at_equal_steps_and_at_equal_updates() -> None:
    experiment, algorithms = suite().experiments["clipping"], suite().algorithms
    updates = {
        variant: {step * algorithms[variant].optimizer_steps for step in range(10, grid.steps + 1, 10)}
        for grid in experiment.grids
        for variant in grid.variants
    }
    assert algorithms["default"].clip == 0.2
    assert algorithms["unclipped"].clip is None
    assert {name: algorithms[name].responses // algorithms[name].updates_per_rollout for name in updates} == {
        "default": 128,
        "unclipped": 128,
        "one_update_large_batch": 1024,
        "one_update_small_rollout": 128,
    }
    assert all(200 <= grid.steps <= 650 for grid in experiment.grids)  # the paper's lengths
    assert max(set.intersection(*updates.values())) == 640


# ---------------------------------------------------------------- what the paper says


def test_training_is_the_papers() -> None:
    training = suite().training
    assert (training.rollout_prompts, training.rollouts_per_prompt, training.updates_per_rollout) == (64, 16, 8)
    assert (training.num_iterations, training.clip, training.loss, training.temperature) == (1, 0.2, "paper", 1.0)
    assert (training.optimizer, training.learning_rate, training.adam_betas) == ("adamw", 5e-7, (0.9, 0.95))
    assert (training.weight_decay, training.max_grad_norm, training.dtype) == (0.0, 1.0, "bfloat16")
    assert (training.max_prompt_tokens, training.max_new_tokens) == (1024, 3072)
    assert (suite().vote.samples, suite().vote.temperature) == (64, 1.0)


def test_models_have_the_papers_families_and_prompts() -> None:
    models = suite().models
    assert len(models) == 13
    assert {name for name, model in models.items() if model.behaviour == "effective code"} == {
        "Qwen2.5-Math-7B",
        "Qwen2.5-Math-1.5B",
    }
    assert {name for name, model in models.items() if model.behaviour == "bad code"} == {
        "Qwen2.5-7B",
        "OLMo-2-1124-7B-SFT",
    }
    assert {name for name, model in models.items() if model.prompt == "r1_style"} == {
        "OLMo-2-1124-7B",
        "Llama-3.1-8B",
        "Llama-3.2-3B",
    }
    assert {name for name, model in models.items() if model.gated} == {
        name for name in models if name.startswith("Llama-3") and "Tulu" not in name
    }
    assert all(model.id and model.id.endswith(name) for name, model in models.items())


WORDING = {
    "chat_default": "a062dd4952b9",
    "r1_style": "1ddce36d1c7a",
    "math_problem": "d323b2635d74",
    "simplerl_zoo": "27742b9e28bd",
    "sober": "db4d8e4e4451",
    "spurious": "ddc77259f1f3",
    "forced_python": "a062dd4952b9",
}
"""First digits of the SHA-256 of system and user message, as printed: one changed letter makes another experiment."""


def test_not_a_letter_of_a_prompt_is_changed() -> None:
    found = {name: f"{prompt.system or ''}\n{prompt.user}" for name, prompt in suite().prompts.items()}
    assert {name: hashlib.sha256(text.encode()).hexdigest()[:12] for name, text in found.items()} == WORDING


def test_only_whoever_reads_tags_is_asked_for_them() -> None:
    prompts = suite().prompts
    assert [name for name, prompt in prompts.items() if prompt.answer_in == "tag"] == ["r1_style"]
    assert prompts["r1_style"].user.endswith("\n<|user|>\n{}\n<|assistant|>\n<think>")
    assert prompts["r1_style"].stop == ("</answer>",)
    around = prompts["simplerl_zoo"].around("Is $\\{\\}$ empty?")
    assert around == "Is $\\{\\}$ empty?\nPlease reason step by step, and put your final answer within \\boxed{}."
    for model in ("Qwen2.5-Math-7B", "OLMo-2-1124-7B"):
        own = prompts[suite().models[model].prompt]
        forced = suite().prompt(model, "forced_python")
        assert forced.response_prefix == "Let's solve this using Python."
        assert forced.model_copy(update={"response_prefix": "", "origin": own.origin}) == own


def test_ttrl_trains_on_the_problems_that_it_is_tested_on() -> None:
    assert suite().rewards["ttrl"].problems == suite().benchmarks["math500"].problems
    assert suite().problems["one_shot"].only == ("b3fa06c4aab3",)
    assert suite().problems["one_shot"].hub == suite().problems["deepscaler"].hub


# ---------------------------------------------------------------- figures and tables


@pytest.mark.parametrize("name", ["paper", "organism"])
def test_every_figure_and_table_is_a_target(name: str) -> None:
    assert set(TARGETS) <= set(suite(name).exhibits)


EXHIBITS = {
    "fig1": ("main", "gains"),
    "fig2": ("main", "curves"),
    "fig3": ("main", "curves"),
    "fig4": ("one_shot", "curves"),
    "table1": ("before", "strategies"),
    "fig6": ("main", "code"),
    "fig7": ("main", "switches"),
    "clean": ("clean", "gains"),
    "table2": ("main", "contributions"),
    "table3": ("forcing", "forcing"),
    "fig8": ("python", "curves"),
    "fig9": ("compound", "curves"),
    "fig10": ("gamma", "curves"),
    "fig11": ("clipping", "curves"),
    "fig12": ("clipping", "probability"),
    "fig13": ("clipping", "curves"),
    "fig14": ("main", "curves"),
    "fig15": ("main", "curves"),
    "fig16": ("compound", "curves"),
    "fig17": ("no_repetition", "curves"),
    "fig18": ("prompts", "curves"),
    "table5": ("prompts", "prompts"),
    "fig19": ("rl_trained", "curves"),
    "health": ("main", "health"),
    "untrained": ("untrained", "probability"),
    "split": ("main", "split"),
    "qualitative": ("perturbed", "qualitative"),
}


def test_every_exhibit_shows_its_experiment_in_its_way() -> None:
    exhibits = suite().exhibits
    assert {name: (exhibit.experiment, exhibit.kind) for name, exhibit in exhibits.items()} == EXHIBITS


def test_figures_split_models_between_them_as_the_paper_does() -> None:
    exhibits, ten = suite().exhibits, set(suite().experiments["main"].models)
    for first, second in (("fig2", "fig3"), ("fig14", "fig15")):
        assert set(exhibits[first].models) | set(exhibits[second].models) == ten
        assert not set(exhibits[first].models) & set(exhibits[second].models)
    assert set(exhibits["fig9"].models) | set(exhibits["fig16"].models) == set(suite().experiments["compound"].models)
    assert (exhibits["fig7"].step, exhibits["table2"].step) == (150, 150)
    assert exhibits["fig18"].panels == "prompt"
    assert [(exhibits[name].lines, exhibits[name].against) for name in ("fig11", "fig13")] == [
        ("variant", "steps"),
        ("variant", "updates"),
    ]


# ---------------------------------------------------------------- the page about figures and tables

PAGE = (ROOT / "docs/reference/figures.md").read_text()
FINDINGS = (ROOT / "docs/results/organism.md").read_text()


def tables(head: str, page: str = PAGE) -> list[list[list[str]]]:
    """Return the cells of the page's tables with this header, without backticks."""
    _, *parts = page.split(f"\n{head}\n")
    return [
        [
            [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]
            for line in part.split("\n\n")[0].splitlines()[1:]
        ]
        for part in parts
    ]


@pytest.mark.parametrize("name", ["paper", "organism"])
def test_the_page_says_which_entry_each_target_is(name: str) -> None:
    (rows,) = tables("| paper | target | experiment | kind | what it shows |")
    exhibits = suite(name).exhibits
    assert [target for _, target, *_ in rows] == [target for target in EXHIBITS if target != "clean"]
    for _, target, experiment, kind, _ in rows:
        assert (exhibits[target].experiment, exhibits[target].kind) == (experiment, kind)


@pytest.mark.parametrize(("position", "name", "shared"), [(0, "organism", set(EXHIBITS)), (1, "followups", set())])
def test_the_page_says_what_other_suites_have_more(position: int, name: str, shared: set[str]) -> None:
    exhibits = suite(name).exhibits
    rows = tables("| target | experiment | kind | what it shows |")[position]
    assert {target for target, *_ in rows} == set(exhibits) - shared
    for target, experiment, kind, _ in rows:
        assert (exhibits[target].experiment or "none", exhibits[target].kind) == (experiment, kind)


def test_the_functions_that_the_page_names_exist_and_no_kind_is_missing() -> None:
    (rows,) = tables("| kind | its numbers | its pictures or tables |")
    assert {kind for kind, *_ in rows} == {
        "baselines",  # docs/tutorials/your-reward.md shows it
        *(exhibit.kind for name in ("organism", "followups") for exhibit in suite(name).exhibits.values()),
    }
    for name in re.findall(r"`((?:analysis|reporting|training|bandit)\.[\w.]+)`", PAGE):
        module, _, last = name.rpartition(".")
        found = importlib.import_module(f"spurious_rewards.{module}")
        assert hasattr(found, last) or importlib.import_module(f"spurious_rewards.{name}")


def test_every_finding_names_exhibits_of_the_organism() -> None:
    findings = tables("| finding of the paper | exhibit | organism | agrees? |", FINDINGS)
    assert len(findings) == 4
    for _, names, *_ in itertools.chain(*findings):
        assert set(names.split(", ")) <= set(suite("organism").exhibits)


# ---------------------------------------------------------------- the perturbed problems


def rows(name: str) -> dict[str, dict[str, str]]:
    path = suite().problems[name].path
    assert path is not None
    return {row["id"]: row for row in map(json.loads, (ROOT / path).read_text().splitlines())}


def inscribed(a: int, b: int, c: int) -> float:
    half = (a + b + c) / 2
    return math.sqrt((half - a) * (half - b) * (half - c) / half)


def apart(*numbers: int) -> int:
    last = numbers[2]  # the numbers are 1, 2, …, last
    close = {frozenset(pair) for pair in itertools.combinations((1, 2, 3), 2)}
    return sum(
        not any(frozenset(pair) in close for pair in itertools.pairwise(order))
        for order in itertools.permutations(range(1, last + 1))
    )


def recursion(_first: int, start: int, _next: int, factor: int, less: int, *_: int) -> int:
    value = start
    for _step in range(5):
        value = factor * value - less
    return value


SOLVED: dict[str, Callable[..., int | float | Fraction]] = {
    "power": lambda base, exponent, modulus: pow(base, exponent, modulus),
    "neither": lambda bound, a, b: sum(bool(n % a and n % b) for n in range(1, bound)),
    "cubes": lambda total, _x, _y, squares, *_: next(
        x**3 + y**3 for x in range(total) for y in [total - x] if x**2 + y**2 == squares
    ),
    "rectangle": lambda around, across: next(
        a * (around // 2 - a) for a in range(around // 2) if a**2 + (around // 2 - a) ** 2 == across**2
    ),
    "dice": lambda wanted: Fraction(
        sum(sum(dice) == wanted for dice in itertools.product(range(1, 7), repeat=3)), 6**3
    ),
    "recursion": recursion,
    "apart": apart,
    "logarithms": lambda base, square, total: next(
        base**n for n in range(1, 20) if base**2 == square and Fraction(3, 2) * n == total
    ),
    "remainders": lambda a, m, b, n, c, k: next(x for x in itertools.count(1) if (x % m, x % n, x % k) == (a, b, c)),
    "telescoping": lambda *numbers: sum(
        (Fraction(1, odd * (odd + 2)) for odd in range(1, numbers[-1], 2)), start=Fraction(0)
    ),
    "inscribed": inscribed,
    "divisors": lambda number: sum(d for d in range(1, number + 1, 2) if number % d == 0),
}
"""Functions that compute each problem's answer from the numbers in its text, in order."""


@pytest.mark.parametrize("name", ["written", "other_numbers"])
@pytest.mark.parametrize("problem", SOLVED)
def test_answers_are_right(name: str, problem: str) -> None:
    row = rows(name)[problem]
    value = Fraction(SOLVED[problem](*map(int, re.findall(r"\d+", row["problem"]))))
    whole = value.denominator == 1
    assert row["answer"] == (str(value) if whole else rf"\frac{{{value.numerator}}}{{{value.denominator}}}")


def test_the_three_forms_belong_together() -> None:
    written, other, story = rows("written"), rows("other_numbers"), rows("story")
    assert set(written) == set(other) == set(story) == set(SOLVED)
    for name, row in written.items():
        assert re.sub(r"\d+", "#", row["problem"]) == re.sub(r"\d+", "#", other[name]["problem"])
        assert row["answer"] != other[name]["answer"]
        assert row["answer"] == story[name]["answer"]
        assert "$" not in story[name]["problem"]


def test_the_perturbed_problems_can_be_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # the workflow runs in this folder
    for name in ("written", "other_numbers", "story"):
        frame, card = preparation.prepare(suite().problems[name], None, suite().data_seed, {}, Path("no.lock.yaml"))
        assert len(frame) == card["rows"] == 12

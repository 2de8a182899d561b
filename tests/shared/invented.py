"""Invented grades, labels and metrics with known answers, in the shape in which the stages write them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from spurious_rewards.analysis.conditions import Source, collect
from spurious_rewards.artifacts import tables
from spurious_rewards.config.suite import Suite

MODELS = {"strong": (0.5, 0.65), "weak": (0.3, 0.0), "bad": (0.2, 0.9), "placebo": (0.4, 0.6)}
"""Model -> accuracy and code rate before training."""

GAINS = {"ground_truth": 0.3, "majority_vote": 0.2, "incorrect": 0.1, "format": 0.15, "random_0.5": 0.0, "python": -0.1}
"""Reward -> what it adds to accuracy by the last step. The gain grows linearly with the step."""


def suite(
    models: list[str] | None = None,
    rewards: list[str] | None = None,
    seeds: str = "0-4",
    problems_source: str = "local",
) -> Suite:
    models, rewards = models or list(MODELS), rewards or list(GAINS)
    functions = {name: name.partition("_0")[0] for name in rewards}
    return Suite.model_validate(
        {
            "title": "Invented",
            "note": "Invented numbers.",
            "problems": {
                "sums": {"path": "sums.jsonl"},
                "chains": {"path": "chains.jsonl"},
                "train": {"path": "t.jsonl"},
            },
            "training_problems": "train",
            "benchmarks": {
                "math500": {"problems": "sums", "title": "Sums"},
                "amc": {"problems": "sums", "samples": 8, "temperature": 0.6, "title": "Sums avg@8"},
                "aime2025": {"problems": "chains", "samples": 8, "temperature": 0.6},
            },
            "prompts": {"plain": {"kind": "raw"}},
            "models": {
                name: {"source": "local", "id": name, "prompt": "plain", "max_positions": 8000} for name in models
            },
            "rewards": {
                name: {"function": function} | ({"gamma": 0.5} if function == "random" else {})
                for name, function in functions.items()
            },
            "training": {"segment_steps": 25, "eval_every": 5},
            "experiments": {
                "headline": {"title": "Invented", "models": models, "rewards": rewards, "seeds": [seeds], "steps": 25}
            },
            "report": {"headline": "headline"},
        }
    )


def grades(
    seeds: list[int],
    steps: dict[int, tuple[float, float]],
    benchmarks: dict[str, tuple[int, int]],
    generator: np.random.Generator,
    spread: float = 0.0,
) -> pd.DataFrame:
    """Return graded responses.

    Args:
        seeds: values of the seed column.
        steps: step -> (probability of a right answer, probability of code).
        benchmarks: name -> (problems, samples).
        generator: source of all random draws.
        spread: standard deviation, over seeds, of the probability of a right answer after training.
    """
    frames = []
    for seed in seeds:
        shift = generator.normal(0, spread) if spread else 0.0
        for step, (accuracy, code) in steps.items():
            for benchmark, (problems, samples) in benchmarks.items():
                n = problems * samples
                correct = generator.random(n) < accuracy + shift * (step > 0)
                frames.append(
                    pd.DataFrame(
                        {
                            "seed": seed,
                            "step": step,
                            "benchmark": benchmark,
                            "id": np.repeat([f"{benchmark}/{i}" for i in range(problems)], samples),
                            "sample": np.tile(np.arange(samples), problems),
                            "extracted": np.where(correct, "1", "2"),
                            "rule": "box",
                            "correct": correct,
                            "status": "graded",
                            "has_code": generator.random(n) < code,
                            "has_box": True,
                            "repeats": False,
                            "truncated": False,
                        }
                    )
                )
    return pd.concat(frames, ignore_index=True)


SMALL = {"math500": (60, 1), "amc": (40, 4)}
FULL = {"math500": (300, 1), "amc": (300, 8), "aime2025": (150, 8)}


def study(
    folder: Path,
    the_suite: Suite,
    benchmarks: dict[str, tuple[int, int]] = FULL,
    seeds: int = 5,
    shared_base: bool = False,
    spread: float = 0.02,
) -> list[Source]:
    """Write the grades of a whole study, and return where they are."""
    generator = np.random.default_rng(0)
    sources = []
    every = list(range(seeds))
    for model in the_suite.models:
        accuracy, code = MODELS[model]
        base = Source(model, "plain", "", "", folder / "models" / model / "grades.parquet")
        base_seeds = [tables.SHARED_BASE] if shared_base else every
        tables.write(grades(base_seeds, {0: (accuracy, code)}, benchmarks, generator), tables.Grades, base.path)
        sources.append(base)
        for reward in the_suite.rewards:
            source = Source(model, "plain", reward, "default", folder / "runs" / model / reward / "grades.parquet")
            path = {
                step: (accuracy + GAINS[reward] * step / 25, code + (1 - code) * step / 50 * (code > 0))
                for step in range(5, 26, 5)
            }
            tables.write(grades(every, path, benchmarks, generator, spread), tables.Grades, source.path)
            sources.append(source)
    return sources


def metrics(generator: np.random.Generator, seeds: int = 5, steps: int = 25) -> pd.DataFrame:
    rows = seeds * steps
    columns = {
        name: generator.random(rows) for name in tables.Metrics.to_schema().columns if name not in ("seed", "step")
    }
    frame = pd.DataFrame(
        {"seed": np.repeat(np.arange(seeds), steps), "step": np.tile(np.arange(1, steps + 1), seeds)} | columns
    )
    frame["entropy"] = 2.0 - 0.05 * frame["step"]
    return frame


NO_METRICS = collect([], tables.Metrics)


def responses(
    correct: object,
    code: object,
    *,
    seeds: Sequence[int] = (0,),
    step: int = 0,
    benchmark: str = "math500",
    box: bool = True,
    model: str = "strong",
    reward: str = "",
    variant: str = "",
    prompt: str = "plain",
) -> pd.DataFrame:
    """Return collected grades of one benchmark with given answers.

    Args:
        correct: 0 or 1, shape (seeds, problems) or (seeds, problems, samples).
        code: whether each response has code, in the same shape.
        seeds: values of the seed column.
        step: value of the step column; the other arguments are values of the columns of their names.
    """
    right = np.asarray(correct, dtype=bool)
    right = right.reshape(*right.shape[:2], -1)
    index = np.indices(right.shape).reshape(3, -1)
    return pd.DataFrame(
        {
            **{"model": model, "prompt": prompt, "reward": reward, "variant": variant or ("default" if reward else "")},
            "seed": np.asarray(seeds)[index[0]],
            "step": step,
            "benchmark": benchmark,
            "id": [f"problem/{number}" for number in index[1]],
            "sample": index[2],
            **{"rule": "box", "status": "graded"},
            "correct": right.ravel(),
            "has_code": np.asarray(code, dtype=bool).ravel(),
            **{"has_box": box, "repeats": False, "truncated": False},
        }
    )


def together(*frames: pd.DataFrame) -> pd.DataFrame:
    """Join frames as `collect` would return them."""
    whole = pd.concat(frames, ignore_index=True)
    return whole.astype(dict.fromkeys(whole.select_dtypes(["str", "object"]).columns, "category"))


def row_of(frame: pd.DataFrame, **values: object) -> pd.Series:
    """Return the only row with these values."""
    for name, value in values.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def write(
    folder: Path,
    frame: pd.DataFrame,
    reward: str = "",
    model: str = "strong",
    table: type[tables.Table] = tables.Grades,
) -> Source:
    """Write a table of one condition, and return where it is."""
    source = Source(model, "plain", reward, "default" if reward else "", folder / f"{model}-{reward}.parquet")
    tables.write(frame, table, source.path)
    return source


MANIFEST = {
    "stage": "prepare",
    "artifact": "results/invented/problems/sums.parquet",
    "created": "2026-01-01T00:00:00Z",
    "request": {},
    "versions": {"python": "3.11.7"},
    "git": {"commit": "abc", "clean": False},
    "hardware": {"machine": "x86_64", "cores": 2, "gpus": []},
    "wall_seconds": 1.25,
    "processor_seconds": 1.5,
    "peak_memory_mb": 1234,
    "parents": [],
    "details": {"card": {"kept": 297, "dropped": {"blank": 3, "duplicate": 0}}},
}
"""The manifest of an artifact, as `artifacts.manifests` writes it."""

"""Frames as a reader sees them: names instead of keys, rounded percent, CSV and Markdown."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from spurious_rewards.analysis import HEALTH
from spurious_rewards.artifacts import replacing
from spurious_rewards.suite import Suite

Row = Mapping[Any, Any]

MISSING = "\N{EN DASH}"


def named(frame: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Titles for the keys of models, rewards and benchmarks, as categories in the suite's order."""
    frame = frame.copy()
    for column, entries in (("model", suite.models), ("reward", suite.rewards), ("benchmark", suite.benchmarks)):
        if column in frame:
            titles = {key: entry.title or key for key, entry in entries.items()}
            frame[column] = pd.Categorical(frame[column].astype(str).map(titles), list(titles.values()), ordered=True)
    return frame


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write with full precision, whole or not at all."""
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False)


def read_csv(path: Path) -> pd.DataFrame:
    """Read what `write_csv` wrote, to the last digit."""
    return pd.read_csv(path, float_precision="round_trip", keep_default_na=False, na_values=[""])


def markdown(text: pd.DataFrame, title: str) -> str:
    """A Markdown table under its title; `text` holds strings, as the functions below make them."""
    rows = [list(text.columns), ["---"] * text.shape[1], *text.to_numpy().tolist()]
    lines = ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([f"**{title}**", "", *lines, ""])


# ---------------------------------------------------------------- numbers


def percent(rate: float) -> str:
    """51.0 for 0.51."""
    return MISSING if pd.isna(rate) else _minus(f"{100 * rate:z.1f}")


def points(rate: float) -> str:
    """+30.1 for 0.301: a difference, in percentage points."""
    text = percent(rate)
    return "+" + text if text[0].isdigit() and text != "0.0" else text


def interval(low: float, high: float) -> str:
    """[27.1, 33.5] for 0.271 and 0.335."""
    return "" if pd.isna(low) else f"[{percent(low)}, {percent(high)}]"


def points_interval(row: Row, name: str) -> str:
    """+30.1 [27.1, 33.5] out of the columns `name`, `name_low` and `name_high`."""
    return f"{points(row[name])} {interval(row[f'{name}_low'], row[f'{name}_high'])}".strip()


def _percent_interval(row: Row, name: str) -> str:
    return f"{percent(row[name])} {interval(row[f'{name}_low'], row[f'{name}_high'])}".strip()


def _minus(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")


def _number(value: float, digits: int) -> str:
    return MISSING if pd.isna(value) else _minus(f"{value:z,.{digits}f}")


# ---------------------------------------------------------------- frames of text


def _constant_left_out(frame: pd.DataFrame, names: Iterable[str]) -> list[str]:
    return [name for name in names if frame[name].nunique() > 1]


def headline_text(headline: pd.DataFrame) -> pd.DataFrame:
    """The headline of one benchmark, named. Prompt and variant have a column only where they differ."""
    identity = ["model", "reward", *_constant_left_out(headline, ["prompt", "variant"])]

    def row(of: Row) -> dict[str, str]:
        gained: str = f"{_number(of['gained'], 1)} / {_number(of['lost'], 1)}" if pd.notna(of["gained"]) else MISSING
        return {
            **{name.capitalize(): str(of[name]) for name in identity},
            "n": str(of["problems"]),
            "k": str(of["samples"]),
            "Seeds": str(of["seeds"]) + (" (interval over problems only)" if of["seeds"] == 1 else ""),
            "Before": _percent_interval(of, "before"),
            "After": _percent_interval(of, "after"),
            "Difference": points_interval(of, "difference"),
            "Verdict": of["verdict"],
            "Over random": points_interval(of, "over_random"),
            "Share of ground truth's gain": percent(of["share_of_ground_truth"]),
            "Gained / lost": gained,
            "Code before": percent(of["code_before"]),
            "Code after": percent(of["code_after"]),
        }

    return _rows(headline, row)


def labels_text(labels: pd.DataFrame) -> pd.DataFrame:
    """`analysis.labels_summary`, named."""

    def row(of: Row) -> dict[str, str]:
        least, most = of["incorrect_min"], of["incorrect_max"]
        return {
            **{name.capitalize(): str(of[name]) for name in ("model", *_constant_left_out(labels, ["prompt"]))},
            "Problems": str(of["problems"]),
            "Samples": str(of["samples"]),
            "Models (seeds)": str(of["seeds"]),
            "Labels right": percent(of["label_accuracy"]),
            "Problems with a wrong label": f"{least}" if least == most else f"{least} to {most}",
            "pass@1": percent(of["pass_at_1"]),
            f"pass@{of['samples']}" if labels["samples"].nunique() == 1 else "pass@samples": percent(of["pass_at_k"]),
        }

    return _rows(labels, row)


def health_text(health: pd.DataFrame) -> pd.DataFrame:
    """`analysis.training_health`, named: first → last step."""
    identity = ["model", "reward", *_constant_left_out(health, ["prompt", "variant"])]
    titles = {
        "zero_variance_groups": "Groups without variance (%)",
        "clip_fraction": "Tokens clipped (%)",
        "truncation_rate": "Truncated (%)",
        "entropy": "Entropy (nats)",
    }

    def row(of: Row) -> dict[str, str]:
        def ends(name: str) -> str:
            first, last = of[f"{name}_first"], of[f"{name}_last"]
            if name == "entropy":
                return f"{_number(first, 2)} → {_number(last, 2)}"
            return f"{percent(first)} → {percent(last)}"

        return {
            **{name.capitalize(): str(of[name]) for name in identity},
            "Steps": _number(of["steps"], 0),
            **{titles[name]: ends(name) for name in HEALTH},
        }

    return _rows(health.sort_values(["model", "reward"]), row)


def grading_text(grading: pd.DataFrame) -> pd.DataFrame:
    """`analysis.grading`, named."""
    titles = {
        "benchmark": "Benchmark",
        "responses": "Responses",
        "unanswered": "Without an answer",
        "timeouts": "Check timed out",
        "crashes": "Check crashed",
    }
    return _rows(grading, lambda of: {title: _cell(of[name]) for name, title in titles.items()})


Manifest = Mapping[str, Any]


def cost_text(manifests: Iterable[Manifest]) -> pd.DataFrame:
    """What each stage cost: jobs, seconds and the most memory that one job held."""
    jobs = pd.DataFrame(
        [{name: manifest[name] for name in ("stage", "wall_seconds", "peak_memory_mb")} for manifest in manifests],
        columns=["stage", "wall_seconds", "peak_memory_mb"],
    )
    stages = jobs.groupby("stage", sort=False).agg(
        jobs=("stage", "size"),
        seconds=("wall_seconds", "sum"),
        longest=("wall_seconds", "max"),
        memory=("peak_memory_mb", "max"),
    )
    return _rows(
        stages.reset_index(),
        lambda of: {
            "Stage": of["stage"],
            "Jobs": _number(of["jobs"], 0),
            "Seconds in all": _number(of["seconds"], 0),
            "Longest job (s)": _number(of["longest"], 0),
            "Most memory of a job (MB)": _number(of["memory"], 0),
        },
    )


def versions_text(manifests: Iterable[Manifest]) -> pd.DataFrame:
    """Every version of a package, commit and machine that any artifact was made with."""
    found: dict[str, set[str]] = {}
    for manifest in manifests:
        git = manifest["git"]
        commit = f"{git['commit'] or 'unknown'}{'' if git['clean'] else ' (with uncommitted changes)'}"
        hardware = "; ".join(f"{key}: {_cell(value)}" for key, value in manifest["hardware"].items() if value)
        for name, value in {"git commit": commit, "hardware": hardware, **manifest["versions"]}.items():
            found.setdefault(name, set()).add(str(value))
    return pd.DataFrame([{"What": name, "Version": ", ".join(sorted(values))} for name, values in found.items()])


def manifests_text(manifests: Iterable[Manifest]) -> pd.DataFrame:
    """One row an artifact."""
    return pd.DataFrame(
        [
            {
                "Artifact": str(manifest["artifact"]),
                "Stage": str(manifest["stage"]),
                "Made": str(manifest["created"]),
                "Seconds": _number(manifest["wall_seconds"], 1),
                "Memory (MB)": _number(manifest["peak_memory_mb"], 0),
                "Made from": str(len(manifest["parents"])),
            }
            for manifest in manifests
        ]
    )


def card_text(card: Mapping[str, Any]) -> pd.DataFrame:
    """A data card, one row an entry."""
    return pd.DataFrame([{"What": str(key), "Value": _cell(value)} for key, value in card.items()])


def _rows(frame: pd.DataFrame, row: Callable[[Row], dict[str, str]]) -> pd.DataFrame:
    return pd.DataFrame([row(record) for record in frame.to_dict("records")])


def _cell(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_cell(inner)}" for key, inner in value.items()) or MISSING
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value)) or MISSING
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return MISSING if value is None else str(value)

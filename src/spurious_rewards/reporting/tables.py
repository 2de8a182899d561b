"""Frames as a reader sees them: names instead of keys, rounded percent, CSV and Markdown."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd

from spurious_rewards.analysis.training import HEALTH
from spurious_rewards.artifacts.manifests import is_direct, job_of
from spurious_rewards.config.suite import Suite

Row = Mapping[Any, Any]

MISSING = "\N{EN DASH}"

FEW_SEEDS = 3
"""Of so many seeds or fewer, each is shown, and none is left out of a mean."""


GROUPS = {
    "code_to_code": "code → code",
    "code_to_language": "code → language",
    "language_to_code": "language → code",
    "language_to_language": "language → language",
}
"""The groups of strategy switches (paper, Sec. 4.2)."""


def titles(suite: Suite) -> dict[str, dict[str, str]]:
    """Column -> key -> how a reader sees it, in the suite's order."""
    return {
        "model": {key: model.title or key for key, model in suite.models.items()},
        "reward": {key: reward.title or key for key, reward in suite.rewards.items()},
        "benchmark": {key: benchmark.title or key for key, benchmark in suite.benchmarks.items()},
        "prompt": {key: key.replace("_", " ") for key in suite.prompts},
        "variant": {key: key.replace("_", " ") for key in suite.variants},
        "group": GROUPS,
        "optimiser": {"sgd": "SGD", "adamw": "Adam"},
    }


def named(frame: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Titles for the keys of models, prompts, rewards, variants, benchmarks and groups, as ordered categories."""
    frame = frame.copy()
    for column, of in titles(suite).items():
        if column in frame:
            frame[column] = pd.Categorical(frame[column].astype(str).map(of), list(of.values()), ordered=True)
    return frame


def markdown(text: pd.DataFrame, title: str) -> str:
    """A Markdown table under its title; `text` holds strings, as the functions below make them."""
    rows = [list(text.columns), ["---"] * text.shape[1], *text.to_numpy().tolist()]
    lines = ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([f"**{title}**", "", *lines, ""])


# ---------------------------------------------------------------- numbers


def percent(rate: float) -> str:
    """51.0 for 0.51."""
    return MISSING if pd.isna(rate) else _minus(f"{100 * rate:z.1f}")


def percent_range(rates: "pd.Series[float]") -> str:
    """51.0, or 49.4 to 51.0."""
    least, most = percent(rates.min()), percent(rates.max())
    return least if least == most else f"{least} to {most}"


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


def p_value(p: float) -> str:
    """0.012; <0.001."""
    return MISSING if pd.isna(p) else "<0.001" if p < 0.0005 else f"{p:.3f}"


def signed(value: float) -> str:
    """+0.013 for 0.0131: three digits."""
    text = _number(value, 3)
    return "+" + text if value >= 0.0005 else text


def paper(row: Row, name: str, text: Callable[[float], str] = percent) -> str:
    """+29.1 (Fig. 1) out of the columns `paper_{name}` and `paper_{name}_source`; nothing where the paper prints none."""
    value, source = row.get(f"paper_{name}"), row.get(f"paper_{name}_source")
    return "" if pd.isna(value) else f"{text(float(value))} ({source})"


def _ends(along: pd.DataFrame) -> str:
    """0.712 → 0.655 [0.601, 0.709]: the first and the last step's value."""
    first, last = along.sort_values("step").iloc[[0, -1]].to_dict("records")
    return f"{_number(first['value'], 3)} → {_number(last['value'], 3)} {_plain_interval(last)}".strip()


def _plain_interval(row: Row) -> str:
    return "" if pd.isna(row["low"]) else f"[{_number(row['low'], 3)}, {_number(row['high'], 3)}]"


def _text(words: object) -> str:
    """Words of a frame that was perhaps read from a CSV, where none are NaN."""
    return "" if pd.isna(words) else str(words)  # type: ignore[call-overload]


def _minus(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")


def _number(value: float, digits: int) -> str:
    return MISSING if pd.isna(value) else _minus(f"{value:z,.{digits}f}")


# ---------------------------------------------------------------- frames of text


def _constant_left_out(frame: pd.DataFrame, names: Iterable[str]) -> list[str]:
    return [name for name in names if frame[name].nunique() > 1]


def _identity(frame: pd.DataFrame, of: Row, *further: str) -> dict[str, str]:
    """The model, and what else tells the rows of `frame` apart."""
    names = _constant_left_out(frame, [name for name in ("prompt", "variant") if name in frame])
    return {name.capitalize(): str(of[name]) for name in ("model", *further, *names)}


def _size(of: Row) -> dict[str, str]:
    seeds = str(of["seeds"]) + (" (interval over problems only)" if of["seeds"] == 1 else "")
    return {"n": str(of["problems"]), "k": str(of["samples"]), "Seeds": seeds}


def _counts(of: Row, name: str, other: str) -> str:
    """5.2 / 1.0: problems gained and lost."""
    return f"{_number(of[name], 1)} / {_number(of[other], 1)}" if pd.notna(of[name]) else MISSING


def _quantities(of: Row, titles: Mapping[str, str]) -> dict[str, str]:
    """Each quantity with its interval, and the paper's beside it."""
    cells = {}
    for name, title in titles.items():
        cells[title] = _percent_interval(of, name)
        cells[f"Paper: {title[0].lower()}{title[1:]}"] = paper(of, name)
    return cells


def headline_text(headline: pd.DataFrame) -> pd.DataFrame:
    """The headline of one benchmark with its adjusted p, or comparisons of its variants, named.

    Comparison, prompt, variant and updates have a column only where they differ; the paper, and the smoothed value to hold
    against it, only where it prints one.
    """
    differing = _constant_left_out(headline, ["prompt", "variant"])
    identity = [*(["comparison"] if "comparison" in headline else []), "model", "reward", *differing]
    lengths = ["steps", "updates"] if "variant" in differing else ["steps"]

    def row(of: Row) -> dict[str, str]:
        return {
            **{name.capitalize(): str(of[name]) for name in identity},
            **{name.capitalize(): _number(of[name], 0) for name in lengths},
            **_size(of),
            "Before": _percent_interval(of, "before"),
            "Paper: before": paper(of, "before"),
            "After": _percent_interval(of, "after"),
            "Paper: after": paper(of, "after"),
            "Smoothed, for the paper only": percent(of["after_smoothed"]) if paper(of, "after") else "",
            "Difference": points_interval(of, "difference"),
            "Paper: difference": paper(of, "difference", points),
            "Verdict": of["verdict"],
            "p (Holm)": "" if pd.isna(of["p"]) else f"{p_value(of['p'])} ({p_value(of['p_adjusted'])})",
            "Detectable": percent(of["minimum_detectable"]),
            "Middle seeds": points(of["interquartile_mean"]) if of["seeds"] > FEW_SEEDS else "",
            "Gained / lost": _counts(of, "gained", "lost"),
            "Over random": points_interval(of, "over_random"),
            "Share of ground truth's gain": _percent_interval(of, "share_of_ground_truth"),
            "Over best prompt": _over_best_prompt(of),
            "Code": f"{percent(of['code_before'])} → {percent(of['code_after'])}",
            "Paper: code after": paper(of, "code_after"),
            "Highest code": percent(of["highest_code_rate"]),
            "Paper: highest code": paper(of, "highest_code_rate"),
        }

    return _rows(headline, row)


def _over_best_prompt(of: Row) -> str:
    """+3.1 [1.0, 5.2] (math problem): the prompt is the one that served the model best before training."""
    text = points_interval(of, "over_best_prompt")
    return text if pd.isna(of["best_prompt"]) else f"{text} ({str(of['best_prompt']).replace('_', ' ')})"


def seeds_text(seeds: pd.DataFrame) -> pd.DataFrame:
    """`analysis.seeds.seeds` of one benchmark, named."""

    def row(of: Row) -> dict[str, str]:
        return {
            **_identity(seeds, of, "reward"),
            "Seed": str(of["seed"]),
            "Before": percent(of["before"]),
            "After": percent(of["after"]),
            "Difference": points(of["difference"]),
            "Gained / lost": f"{of['gained']:.0f} / {of['lost']:.0f}" if pd.notna(of["gained"]) else MISSING,
            "McNemar p": p_value(of["mcnemar_p"]),
        }

    return _rows(seeds, row)


def baselines_text(headline: pd.DataFrame, baselines: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """A reward of one benchmark beside each baseline, one row a condition, named.

    Args:
        headline: `analysis.headline` of the rewards that are tested, named.
        baselines: `analysis.baselines` of the same, with `against_dummies`, named but for `baseline`.
        suite: has the titles of the baselines.
    """
    names = titles(suite)["reward"]
    keys = ["model", "prompt", "reward", "variant"]
    of_condition = dict(iter(baselines.groupby(keys, observed=True)))

    def row(of: Row) -> dict[str, str]:
        beside = of_condition.get(tuple(of[key] for key in keys), baselines.iloc[:0])
        return {
            **_identity(headline, of, "reward"),
            **_size(of),
            "Before": _percent_interval(of, "before"),
            "After": _percent_interval(of, "after"),
            "Difference": points_interval(of, "difference"),
            **{
                f"Over {names[each['baseline']]}": points_interval(each, "difference")
                for each in beside.to_dict("records")
            },
            "Share of ground truth's gain": _percent_interval(of, "share_of_ground_truth"),
            "The dummies": next(iter(beside["against_dummies"].dropna()), MISSING),
        }

    return _rows(headline, row)


def claims_text(ledger: pd.DataFrame) -> pd.DataFrame:
    """`analysis.claims.ledger`, as a table of verdicts."""

    def row(of: Row) -> dict[str, str]:
        return {
            "Claim": of["claim"],
            "Verdict here": of["verdict"],
            "The paper's claim": _text(of["paper_claim"]),
            "Effect [95 %]": _effect(of),
            "n": _number(of["n"], 0) + ("" if of["n_of"] == "problems" else f" {_text(of['n_of'])}".rstrip()),
            "Seeds": _number(of["seeds"], 0),
            "By construction": "yes" if _text(of["by_construction"]) else "",
            "Shown in": _text(of["exhibit"]),
        }

    return _rows(ledger, row)


def claim_rules_text(ledger: pd.DataFrame) -> pd.DataFrame:
    """`analysis.claims.ledger`, what stands behind the verdicts."""

    def row(of: Row) -> dict[str, str]:
        return {
            "Claim": of["claim"],
            "Source": of["source"],
            "Rule": of["rule"],
            "Measured on": "; ".join(filter(None, (_text(of["measured_on"]), _text(of["remark"])))),
            "Shown by construction": _text(of["by_construction"]),
        }

    return _rows(ledger, row)


def _effect(of: Row) -> str:
    """An effect and its interval, in its unit; percentage points and percent as everywhere."""
    value, low, high = (of[name] for name in ("effect", "low", "high"))
    if pd.isna(value):
        return ""
    if of["unit"] in ("points", "share"):
        number = points(value) if of["unit"] == "points" else f"{percent(value)} %"
        return f"{number} {interval(low, high)}".strip()
    return f"{signed(value)} {_plain_interval(of)} {of['unit']}".replace("  ", " ")


def strategies_text(before: pd.DataFrame) -> pd.DataFrame:
    """`analysis.before` of one benchmark, named: how often a model uses code and how well (paper, Tab. 1)."""
    quantities = {
        "code_rate": "Responses with code",
        "accuracy": "Accuracy",
        "accuracy_with_code": "Accuracy with code",
        "accuracy_with_language": "Accuracy with language",
    }
    return _rows(before, lambda of: {**_identity(before, of), **_size(of), **_quantities(of, quantities)})


def prompts_text(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """`analysis.before` of one benchmark and, of the trained conditions, `analysis.headline`, named (paper, Tab. 5)."""
    quantities = {"accuracy": "Accuracy", "box_rate": "Parsable"}
    rewards = [reward for reward in after["reward"].cat.categories if (after["reward"] == reward).any()]

    def row(of: Row) -> dict[str, str]:
        trained = after[(after["model"] == of["model"]) & (after["prompt"] == of["prompt"])].set_index("reward")
        return {
            "Model": str(of["model"]),
            "Prompt": str(of["prompt"]),
            **_size(of),
            **_quantities(of, quantities),
            "Over own prompt": MISSING if pd.isna(of["over_own_prompt"]) else points_interval(of, "over_own_prompt"),
            **{
                f"After {reward}": _percent_interval(trained.loc[reward], "after")
                if reward in trained.index
                else MISSING
                for reward in rewards
            },
        }

    return _rows(before, row)


def forcing_text(pairs: pd.DataFrame) -> pd.DataFrame:
    """`exhibits.forced` of one benchmark, named: the own prompt against the one that forces code (paper, Tab. 3)."""

    def row(of: Row) -> dict[str, str]:
        return {
            "Model": str(of["model"]),
            "Prompt": str(of["prompt"]),
            **_size(of),
            "Own prompt": _percent_interval(of, "own"),
            "Paper: own prompt": paper(of, "own"),
            "Code forced": _percent_interval(of, "forced"),
            "Paper: code forced": paper(of, "forced"),
            "Difference": points_interval(of, "over_own_prompt"),
            "Code before": percent(of["code_own"]),
            "Code when forced": percent(of["code_forced"]),
        }

    return _rows(pairs, row)


def switches_text(switches: pd.DataFrame) -> pd.DataFrame:
    """`analysis.switching.switches` of one benchmark, named (paper, Fig. 7)."""

    def row(of: Row) -> dict[str, str]:
        return {
            **_identity(switches, of, "reward"),
            "Group": str(of["group"]),
            "Share of problems": percent(of["size"]),
            "Before": percent(of["before"]),
            "After": percent(of["after"]),
            "Net newly right": points_interval(of, "net"),
            "Share of the gain": _percent_interval(of, "partial_contribution"),
            "Code": f"{percent(of['code_before'])} → {percent(of['code_after'])}",
            "Steered": "yes" if of["steered"] else "no",
        }

    return _rows(switches, row)


def contributions_text(contributions: pd.DataFrame) -> pd.DataFrame:
    """`analysis.switching.contributions` of one benchmark, named (paper, Tab. 2)."""

    def row(of: Row) -> dict[str, str]:
        return {
            **_identity(contributions, of),
            "Group": str(of["group"]),
            "Share of the gain": _percent_interval(of, "partial_contribution"),
            "Paper: share of the gain": paper(of, "partial_contribution"),
            "Mean difference": points_interval(of, "difference"),
            "Paper: mean difference": paper(of, "difference", points),
            "Steered with a clear gain": _text(of["rewards"]),
            "Steered without one": _text(of["without_gain"]),
        }

    return _rows(contributions, row)


def training_text(points: pd.DataFrame) -> pd.DataFrame:
    """`exhibits.along_training` of rollouts, named: first → last step of each quantity (paper, Fig. 12)."""
    rows = []
    for _, here in points.groupby(["model", "prompt", "reward", "variant"], observed=True):
        of = here.iloc[0].to_dict()
        row = {
            **_identity(points, of, "reward"),
            "Seeds": str(of["seeds"]),
            "Steps": _number(here["step"].max(), 0),
        }
        for name, along in here.groupby("quantity", observed=True):
            row[str(name)] = _ends(along)
        rows.append(row)
    return pd.DataFrame(rows)


def probe_text(probe: pd.DataFrame) -> pd.DataFrame:
    """The part "probe" of `exhibits.clipping`, named."""
    return _rows(
        probe,
        lambda of: {
            "Model": str(of["model"]),
            "Variant": str(of["variant"]),
            "Seeds": _number(of["seeds"], 0),
            "Pairs of each": _number(of["pairs"], 0),
            "Bias (logit)": f"{signed(of['value'])} {_plain_interval(of)}".strip(),
        },
    )


def bandit_text(bandit: pd.DataFrame) -> pd.DataFrame:
    """The part "bandit" of `exhibits.clipping`, named: first → last step."""
    return pd.DataFrame(
        [
            {
                "Variant": str(variant),
                "Optimiser": str(optimizer),
                "Runs": _number(along["runs"].max(), 0),
                "Steps": _number(along["step"].max(), 0),
                "Probability of the first action": _ends(along),
            }
            for (variant, optimizer), along in bandit.groupby(["variant", "optimiser"], observed=True, sort=False)
        ]
    )


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


def leakage_text(leakage: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """`analysis.contamination.leakage`, named: of each set of problems, what the training set has of it."""

    def row(of: Row) -> dict[str, str]:
        return {
            "Problem set": str(of["benchmark_set"]),
            "Where from": origin(suite, of["benchmark_set"]),
            "Problems": f"{of['problems']:,}",
            "In the training set word for word": f"{of['exact']:,}",
            "Most n-grams there": f"{of['n_gram']:,}",
            "Together": f"{percent(of['share_overlapping'])} %",
        }

    return _rows(leakage, row)


def recall_text(recall: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """`analysis.contamination.recall`, named."""

    def row(of: Row) -> dict[str, str]:
        return {
            "Model": str(of["model"]),
            "Problem set": str(of["problem_set"]),
            "Where from": origin(suite, of["problem_set"]),
            "Problems": f"{of['problems']:,}",
            "Seeds": str(of["seeds"]),
            "Completed word for word": _percent_interval(of, "word_for_word"),
            "Words right up to the first wrong one": _percent_interval(of, "words"),
        }

    return _rows(named(recall, suite), row)


def origin(suite: Suite, problem_set: str) -> str:
    """Where a problem set comes from, in a word."""
    source = suite.problems[problem_set]
    if source.generated:
        return f"generated, part {source.generated.part}"
    return "generated by reasoning-gym" if source.reasoning_gym else str(source.hub or source.path)


def jobs(manifests: Iterable[Manifest]) -> pd.DataFrame:
    """One row a job, by what it was asked for and where: the artifacts of a job have a manifest each, which say the same."""
    columns = ["stage", "folder", "request", "wall_seconds", "gpu_seconds", "peak_memory_mb"]
    rows = [{**manifest, **dict(zip(columns, job_of(manifest), strict=False))} for manifest in manifests]
    return pd.DataFrame(rows, columns=columns).drop_duplicates(columns[:3], ignore_index=True)


def experiment_cost_text(experiments: Mapping[str, Iterable[Manifest]]) -> pd.DataFrame:
    """What each experiment cost, up to its scores, and how much of that no experiment before it had cost already."""
    known = pd.DataFrame(columns=["stage", "folder", "request"])
    rows = []
    for name, manifests in experiments.items():
        made = jobs(manifests)
        keys = made[["stage", "folder", "request"]]
        own = made[~pd.MultiIndex.from_frame(keys).isin(pd.MultiIndex.from_frame(known))]
        known = pd.concat([known, keys])
        rows.append(
            {
                "Experiment": name,
                "Training jobs": str((made["stage"] == "train").sum()),
                "Minutes of jobs": _number(made["wall_seconds"].sum() / 60, 1),
                "Of its own": _number(own["wall_seconds"].sum() / 60, 1),
                "GPU-hours": _number(made["gpu_seconds"].sum() / 3600, 1) if made["gpu_seconds"].any() else "",
            }
        )
    return _rows(pd.DataFrame(rows), dict) if rows else pd.DataFrame()


def cost_text(manifests: Iterable[Manifest]) -> pd.DataFrame:
    """What each stage cost: jobs, seconds and the most memory that one job held."""
    stages = (
        jobs(manifests)
        .groupby("stage", sort=False)
        .agg(
            jobs=("folder", "size"),
            seconds=("wall_seconds", "sum"),
            longest=("wall_seconds", "max"),
            memory=("peak_memory_mb", "max"),
            gpus=("gpu_seconds", "sum"),
        )
    )
    return _rows(
        stages.reset_index(),
        lambda of: {
            "Stage": of["stage"],
            "Jobs": _number(of["jobs"], 0),
            "Seconds in all": _number(of["seconds"], 0),
            "Longest job (s)": _number(of["longest"], 0),
            "Most memory of a job (MB)": _number(of["memory"], 0),
            "GPU-hours": _number(of["gpus"] / 3600, 1) if of["gpus"] else "",
        },
    )


def versions_text(manifests: Iterable[Manifest]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the artifacts were made with: what matters and what differs among them, then all other packages.

    What matters are commits, machines, Python and the packages that the project itself asks for.
    """
    found: dict[str, set[str]] = {}
    for manifest in manifests:
        git = manifest["git"]
        commit = f"{git['commit'] or 'unknown'}{' (with uncommitted changes)' if git['clean'] is False else ''}"
        hardware = "; ".join(f"{key}: {_cell(value)}" for key, value in manifest["hardware"].items() if value)
        for name, value in {"git commit": commit, "hardware": hardware, **manifest["versions"]}.items():
            found.setdefault(name, set()).add(str(value))
    differ = {name for name, values in found.items() if len(values) > 1}
    rows = [
        {"What": name, "Version": ", ".join(sorted(values)) + " (not the same for all)" * (name in differ)}
        for name, values in found.items()
    ]
    first = {"git commit", "hardware", "python"} | differ
    chosen = [row for row in rows if row["What"] in first or is_direct(row["What"])]
    return pd.DataFrame(chosen), pd.DataFrame([row for row in rows if row not in chosen])


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


def cards_text(cards: Mapping[str, Mapping[str, Any]], suite: Suite) -> pd.DataFrame:
    """One row a problem set, by what the suite says of it and what its card counts."""
    rows = []
    for name, card in cards.items():
        said = suite.problems[name]
        dropped = {reason: count for reason, count in card.get("dropped", {}).items() if count}
        rows.append(
            {
                "Problem set": name,
                "What it is": said.about,
                "Licence": said.licence,
                "Source": _cell(card.get("source")),
                "Revision": _cell(card.get("revision")),
                "Rows": _cell(card.get("rows")),
                "Kept": _cell(card.get("kept")),
                "Left out": _cell(dropped),
                "SHA-256": str(card.get("sha256", ""))[:12],
            }
        )
    return _rows(pd.DataFrame(rows), dict)


def card_text(card: Mapping[str, Any]) -> pd.DataFrame:
    """A data card, one row an entry."""
    return pd.DataFrame([{"What": str(key), "Value": _cell(value)} for key, value in card.items()])


def _rows(frame: pd.DataFrame, row: Callable[[Row], dict[str, str]]) -> pd.DataFrame:
    """A row of text for each of `frame`, without the columns that hold nothing in any row."""
    text = pd.DataFrame([row(record) for record in frame.to_dict("records")]).replace("", MISSING)
    return text.loc[:, [not (text[name] == MISSING).all() for name in text.columns]]


def _cell(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_cell(inner)}" for key, inner in value.items()) or MISSING
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value)) or MISSING
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return MISSING if value is None else str(value)

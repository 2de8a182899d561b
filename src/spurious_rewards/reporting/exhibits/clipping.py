"""Kind clipping: what the clip alone does under random rewards, in one rollout batch and in a two-action bandit."""

import numpy as np
import pandas as pd

from spurious_rewards.analysis.clipping import clipping_numbers
from spurious_rewards.config.experiments import Exhibit
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import figures, naming, palette
from spurious_rewards.reporting.exhibits.shared import Parts, Picture, ResultTables, as_table, needed, whole_range
from spurious_rewards.reporting.numerals import by_seed, ends, number, plain_interval, signed
from spurious_rewards.reporting.text_tables import text_rows


def clipping(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    """Make an exhibit of kind clipping: the bias of each model and variant, and the paths of the bandit."""
    probe, bandit = needed(frames.probe, "probe"), needed(frames.bandit, "bandit")
    numbers = clipping_numbers(probe, bandit)
    of_probe, of_bandit = (numbers[numbers["part"] == part].copy() for part in ("probe", "bandit"))
    sampled = "models" if of_probe["seeds"].max() > 1 else "pairs"
    probe_caption = (
        "How one rollout batch with coin-flip rewards changes the logit of the probability of code. Each batch is tried with its "
        "rewards and with the opposite ones, and the mean is taken: without bias it is 0. "
        f"Horizontal lines: 95 % intervals over {sampled}. Small marks: single models."
    )
    bandit_caption = (
        "A bandit without a language model: two actions earn the same coin flips. The lines are the mean log odds of the first "
        f"action over {whole_range(of_bandit['runs'])} runs; 0 is a probability of one half. Band: 95 % interval of the mean."
    )

    looks_of = palette.variants(naming.titles(suite)["variant"].values())
    means = probe.groupby(["model", "variant", "seed"], sort=False, observed=True)["bias"].mean()
    shown, seeds = (_with_lines(naming.named(frame, suite)) for frame in (of_probe, means.reset_index(name="value")))
    shown["text"] = [signed(value) for value in shown["value"]]
    biases = figures.estimates(
        shown,
        seeds,
        f"{exhibit.title}\n{suite.title}: one rollout batch",
        "bias of the logit of code",
        {row["line"]: looks_of[row["variant"]] for row in shown.to_dict("records")},
    )

    named = naming.named(of_bandit.drop(columns=["model", "variant"]), suite).assign(variant=of_bandit["variant"])
    line = pd.Categorical(named["variant"], named["variant"].unique(), ordered=True)
    marks = named.assign(panel=named["optimizer"], line=line, x=named["step"].astype(int), raw=np.nan, paper=np.nan)
    paths = figures.curves(
        marks.assign(label="mean log odds"),
        f"{exhibit.title}\nTwo-action bandit without a language model",
        "rollout batch",
        palette.variants(of_bandit["variant"].unique()),
    )
    return Parts(
        caption="What the clip alone does to a policy whose rewards are coin flips.",
        numbers=numbers,
        pictures=[Picture("probe", biases, probe_caption), Picture("bandit", paths, bandit_caption)],
        tables=[
            as_table(
                f"{suite.title}: bias of one rollout batch", probe_text(naming.named(of_probe, suite)), probe_caption
            ),
            as_table(
                "Two-action bandit without a language model, first → last step", bandit_text(named), bandit_caption
            ),
        ],
    )


def _with_lines(rows: pd.DataFrame) -> pd.DataFrame:
    """Add a column `line`: a category for each model and variant, in their order."""
    rows = rows.sort_values(["model", "variant"], kind="stable", ignore_index=True)
    lines = rows["model"].astype(str) + ": " + rows["variant"].astype(str)
    return rows.assign(line=pd.Categorical(lines, lines.unique(), ordered=True))


def probe_text(probe: pd.DataFrame) -> pd.DataFrame:
    """Return the part "probe" of `clipping_numbers`, with titles in place of keys, as a table of text."""
    return text_rows(
        probe,
        lambda of: {
            "Model": str(of["model"]),
            "Variant": str(of["variant"]),
            "Seeds": number(of["seeds"], 0),
            "Pairs per seed": number(of["pairs"], 0),
            "Bias (logit)": f"{signed(of['value'])} {plain_interval(of)}".strip(),
            "Bias, by seed": ", ".join(map(signed, by_seed(of, "value"))) if of["seeds"] > 1 else "",
        },
    )


def bandit_text(bandit: pd.DataFrame) -> pd.DataFrame:
    """Return the part "bandit" of `clipping_numbers`, with titles in place of keys, as a table: first → last step."""
    return pd.DataFrame(
        [
            {
                "Variant": str(variant),
                "Optimiser": str(optimizer),
                "Runs": number(along["runs"].max(), 0),
                "Steps": number(along["step"].max(), 0),
                "Log odds of the first action": ends(along),
            }
            for (variant, optimizer), along in bandit.groupby(["variant", "optimizer"], observed=True, sort=False)
        ]
    )

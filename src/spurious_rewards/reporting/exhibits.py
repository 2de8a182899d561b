"""An exhibit is one figure or table of the paper: what it shows, its pictures, its numbers and what stands around them.

`make` chooses the kind's function, which turns frames of the analysis into a `Made`. A kind is a function here or in
`along_training`, a line in `KINDS`, and a line in `kinds.NEEDS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from spurious_rewards import statistics
from spurious_rewards.analysis.dummy_rewards import DUMMY_RULE, against_dummies
from spurious_rewards.analysis.headline import with_adjusted_p
from spurious_rewards.analysis.strategy_switches import STEERED_RULE
from spurious_rewards.config.experiments import Exhibit
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import figures, palette, training_curves
from spurious_rewards.reporting import tables as text
from spurious_rewards.reporting.exhibit_parts import (
    LAST,
    Parts,
    Picture,
    ResultTables,
    Table,
    as_table,
    by_benchmark,
    headline_tables,
    laid_out,
    looks,
    name_of,
    needed,
    rows_shown,
    sizes_of,
    title_of,
    whole_range,
)
from spurious_rewards.runtime.errors import UserError

__all__ = ["KINDS", "Made", "ResultTables", "clipping", "forced", "make", "markdown", "marked", "not_made"]


@dataclass(frozen=True)
class Made:
    """Figures by file name, the numbers they show (keys, full precision), and the page: what the report says and shows."""

    figures: dict[str, Figure]
    numbers: pd.DataFrame
    page: dict[str, Any]


def make(name: str, suite: Suite, frames: ResultTables) -> Made:
    """The exhibit `name` of the suite.

    Raises:
        UserError: its rows cannot be drawn as it says, or there are none.
    """
    exhibit = suite.exhibits[name]
    return _made(name, exhibit, KINDS[exhibit.kind](name, exhibit, suite, frames))


def not_made(name: str, suite: Suite) -> Made:
    """The exhibit `name` with nothing to show."""
    return _made(name, suite.exhibits[name], Parts("", pd.DataFrame()))


SEE_ABOVE = "Incomplete: the caption of the whole says what is missing."


def marked(page: Mapping[str, Any], incomplete: str) -> dict[str, Any]:
    """The page with what is `incomplete` of it in its caption, and a word on that with each picture and table."""
    if not incomplete:
        return dict(page)
    return {
        **page,
        "caption": f"{incomplete} {page['caption']}".strip(),
        "pictures": [
            {**picture, **{said: f"{picture[said]} {SEE_ABOVE}" for said in ("caption", "text")}}
            for picture in page["pictures"]
        ],
        "tables": [{**table, "note": f"{table['note']} {SEE_ABOVE}".strip()} for table in page["tables"]],
    }


def _made(name: str, exhibit: Exhibit, parts: Parts) -> Made:
    pictures = [
        {
            "stem": picture.stem,
            "caption": picture.caption,
            "text": f"{exhibit.title}. {picture.caption} The numbers stand in the table.",
        }
        for picture in parts.pictures
    ]
    page = {
        **{"name": name, "title": exhibit.title, "kind": exhibit.kind, "caption": parts.caption},
        **{"pictures": pictures, "tables": list(parts.tables)},
    }
    return Made({picture.stem: picture.figure for picture in parts.pictures}, parts.numbers, page)


def markdown(page: Mapping[str, Any]) -> str:
    """The tables of a page, with their notes."""
    tables = [
        text.markdown(pd.DataFrame(table["rows"], columns=table["columns"]), table["title"])
        + (f"\n{table['note']}\n" if table["note"] else "")
        for table in page["tables"]
    ]
    return "\n".join([f"# {page['title']}", "", page["caption"], "", *tables])


# ---------------------------------------------------------------- bars


def _gains(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    rows = with_adjusted_p(rows_shown(needed(frames.headline, "headline"), name, exhibit, suite))
    marks = laid_out(text.named(rows, suite), name, exhibit)
    of = {"value": "difference", "low": "difference_low", "high": "difference_high", "paper": "paper_difference"}
    for drawn, column in of.items():
        marks[drawn] = 100 * marks[column].astype(float) if column in marks else np.nan
    tested = marks["verdict"] != "not testable"
    marks["text"] = marks["difference"].map(text.points).where(tested, "not testable")
    of_panel = marks.groupby(["benchmark", "panel"], observed=True)["before"]
    marks["note"] = "before training " + of_panel.transform(text.percent_range) + " %"
    return Parts(
        caption="How much training under each reward changes accuracy. Whiskers: 95 % intervals.",
        numbers=rows,
        pictures=[
            Picture(
                key,
                figures.bars(
                    here,
                    title_of(suite, exhibit, key),
                    "change in accuracy (percentage\N{NO-BREAK SPACE}points)",
                    looks(suite, exhibit),
                ),
                f"Change in accuracy on {name_of(suite, key)}. {sizes_of(here, suite, key)}",
            )
            for key, here in by_benchmark(marks, suite, exhibit)
        ],
        tables=headline_tables(rows, frames.seeds, suite, exhibit),
    )


def _baselines(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    rows = rows_shown(needed(frames.baselines, "baselines"), name, exhibit, suite)
    judged = against_dummies(rows, suite)
    if judged.empty:
        raise UserError(
            f"exhibits.{name}: experiment {exhibit.experiment} has not one reward with function random and one with function "
            "format beside the exhibit's; add what is missing, or move further random rewards to an experiment of their own"
        )
    rows = rows.merge(judged, how="left")
    headline = rows_shown(needed(frames.headline, "headline"), name, exhibit, suite)
    titles = text.titles(suite)
    marks = laid_out(text.named(rows, suite), name, exhibit, further=["baseline"])
    order = [titles["reward"][key] for key in suite.rewards if key in set(rows["baseline"])]
    marks["line"] = pd.Categorical(marks["baseline"].map(titles["reward"]), order, ordered=True)
    for drawn, column in {"value": "difference", "low": "difference_low", "high": "difference_high"}.items():
        marks[drawn] = 100 * marks[column].astype(float)
    marks = marks.assign(
        paper=np.nan, text=marks["difference"].map(text.points), note=marks["against_dummies"].fillna("")
    )
    judged = text.named(judged, suite)
    answers = [
        f"{reward} beats the dummy baselines on {(here['against_dummies'] == 'beats').sum()} of {len(here)} models, "
        f"{name_of(suite, key)}."
        for key, on in by_benchmark(judged, suite, exhibit)
        for reward, here in on.groupby("reward", observed=True)
    ]
    return Parts(
        caption=" ".join([*answers, DUMMY_RULE]),
        numbers=rows,
        pictures=[
            Picture(
                key,
                figures.bars(
                    here, title_of(suite, exhibit, key), "over each baseline (percentage points)", looks(suite, exhibit)
                ),
                "Accuracy after training minus that under each baseline, with the same model. Whiskers: 95 % intervals. "
                + sizes_of(here, suite, key),
            )
            for key, here in by_benchmark(marks, suite, exhibit)
        ],
        tables=[
            as_table(
                f"{suite.title}: {exhibit.title}, {name_of(suite, key)}",
                text.baselines_text(here, text.named(rows[rows["benchmark"] == key], suite), suite),
                sizes_of(here, suite, key) + " Percent, differences in percentage points, [95 % intervals].",
            )
            for key, here in by_benchmark(text.named(headline, suite), suite, exhibit)
        ],
    )


# ---------------------------------------------------------------- strategies


def _switches(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    rows = rows_shown(needed(frames.switches, "switches"), name, exhibit, suite)
    named = text.named(rows, suite).rename(columns={"step": "steps"})
    marks = laid_out(named, name, exhibit, further=["group"])
    rule = "fixed in the suite" if exhibit.step else LAST
    marks["line"] = _with_remark(marks["line"], ~marks["steered"].astype(bool), "not steered")
    for column in ("size", "before", "after", "net", "net_low", "net_high"):
        marks[column] = 100 * marks[column].astype(float)
    colours = {text.GROUPS[key]: colour for key, colour in palette.GROUPS.items()}
    caption = (
        "Problems by whether the response used code before training and after it: the share of each group, its accuracy "
        "before (open) and after (full), and how many more of all problems it gets right, with 95 % intervals. "
    )
    tables = [
        as_table(
            f"{suite.title}: {exhibit.title}, {name_of(suite, key)}",
            text.switches_text(here),
            "Percent; net in points of all problems. Share of the gain: net of the group over net of all. [95 % intervals] "
            f"over problems and seeds. {STEERED_RULE} {sizes_of(here, suite, key, rule)}",
        )
        for key, here in by_benchmark(named, suite, exhibit)
    ]
    pictures = [
        Picture(
            key,
            figures.switches(here, title_of(suite, exhibit, key), colours),
            caption + sizes_of(here, suite, key, rule),
        )
        for key, here in by_benchmark(marks, suite, exhibit)
    ]
    return Parts(caption.strip(), rows, pictures, tables)


def _with_remark(column: "pd.Series[str]", where: "pd.Series[bool]", remark: str) -> "pd.Series[str]":
    """The categories, those rows' with a remark behind; a category and its remarked twin stand together."""
    names = [twin for name in column.cat.categories for twin in (name, f"{name}\n({remark})")]
    values = [f"{name}\n({remark})" if remarked else str(name) for name, remarked in zip(column, where, strict=True)]
    return pd.Series(pd.Categorical(values, names, ordered=True), index=column.index)


def _contributions(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    rows = rows_shown(needed(frames.contributions, "contributions"), name, exhibit, suite)
    caption = (
        "What each switch of strategy contributes to the gain: net newly right in the group over net newly right in all, "
        "in percent, mean over the rewards that steered the strategy with a clear gain (95 % interval above 0); the mean "
        "difference is over all rewards that steered it."
    )
    rewards = text.titles(suite)["reward"]
    entitled = {
        column: [", ".join(rewards[key] for key in keys.split(", ") if key) for keys in rows[column].fillna("")]
        for column in ("rewards", "without_gain")
    }
    tables = [
        as_table(
            f"{suite.title}: {exhibit.title}, {name_of(suite, key)}",
            text.contributions_text(here),
            f"After step {whole_range(here['step'])}. [95 % intervals] over rewards. {STEERED_RULE}",
        )
        for key, here in by_benchmark(text.named(rows.assign(**entitled), suite), suite, exhibit)
    ]
    return Parts(caption, rows, tables=tables)


# ---------------------------------------------------------------- before training


def _strategies(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    rows = rows_shown(needed(frames.before, "before"), name, exhibit, suite)
    caption = (
        "How often each model uses code before training, and how often it is right with and without it, in percent."
    )
    return Parts(caption, rows, tables=_before_tables(rows, suite, exhibit, text.strategies_text))


def _forcing(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    pairs = forced(rows_shown(needed(frames.before, "before"), name, exhibit, suite), suite)
    if pairs.empty:
        raise UserError(
            f"exhibits.{name}: experiment {exhibit.experiment} has no prompt with a response_prefix beside a model's "
            "own; add one, and name the own ones beside it"
        )
    caption = (
        "Accuracy before training under each model's own prompt and when the prompt makes every response begin with code, "
        "in percent; differences in percentage points, over the same problems."
    )
    return Parts(caption, pairs, tables=_before_tables(pairs, suite, exhibit, text.forcing_text))


def forced(before: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Each model's prompts with a `response_prefix` beside its own, one row (model, prompt, benchmark).

    `own` and `forced` are the accuracies, `code_own` and `code_forced` the shares of code. Other prompts force nothing and
    have no row.
    """
    renamed = {"accuracy": "forced", "code_rate": "code_forced"}
    columns = {
        f"{start}{old}{end}": f"{start}{new}{end}"
        for old, new in renamed.items()
        for start in ("", "paper_")
        for end in ("", "_low", "_high", "_source")
    }
    prompts = {key: model.prompt for key, model in suite.models.items()}
    is_own = before["prompt"].astype(str) == before["model"].astype(str).map(prompts)
    own = before[is_own].rename(columns={old: new.replace("forced", "own") for old, new in columns.items()})
    prefixes = [
        suite.prompt(model, prompt).response_prefix
        for model, prompt in zip(before["model"], before["prompt"], strict=True)
    ]
    other: pd.DataFrame = before[~is_own & (np.array(prefixes) != "")].rename(columns=columns)
    kept = [name for old, new in columns.items() if (name := new.replace("forced", "own")) in own]
    return other.merge(own[["model", "benchmark", *kept]], on=["model", "benchmark"])


def _prompts(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    before = rows_shown(needed(frames.before, "before"), name, exhibit, suite)
    after = rows_shown(needed(frames.headline, "headline"), name, exhibit, suite, may_be_empty=True)
    after = text.named(after[after["variant"] == "default"], suite)
    caption = (
        "Accuracy and the share of responses with a boxed answer (parsable) before training under each prompt"
        + (", and accuracy after the last step" if len(after) else "")
        + ", in percent."
    )

    def both(rows: pd.DataFrame) -> pd.DataFrame:
        return text.prompts_text(rows, after[after["benchmark"] == rows["benchmark"].iloc[0]])

    return Parts(caption, before, tables=_before_tables(before, suite, exhibit, both))


def _before_tables(
    rows: pd.DataFrame, suite: Suite, exhibit: Exhibit, as_text: Callable[[pd.DataFrame], pd.DataFrame]
) -> list[Table]:
    note = "n problems, k responses to each; [95 % intervals]."
    return [
        as_table(f"{suite.title}: {exhibit.title}, {name_of(suite, key)}", as_text(here), note)
        for key, here in by_benchmark(text.named(rows, suite), suite, exhibit)
    ]


# ---------------------------------------------------------------- clipping


def clipping(probe: pd.DataFrame, bandit: pd.DataFrame) -> pd.DataFrame:
    """The numbers about the clip alone, in parts "probe" and "bandit".

    The probe's `value` is the mean bias of a model and variant in logits; pairs lie within seeds, so that its 95 % interval is
    Student's over the means of the seeds, or over the pairs where there is one seed. The bandit's is the mean probability
    of the first action at a step, with its interval over runs.
    """
    rows = []
    for (model, variant), group in probe.groupby(["model", "variant"], sort=False, observed=True):
        seeds = group.groupby("seed")["bias"].mean().to_numpy()
        low, high = statistics.seed_band(seeds if len(seeds) > 1 else group["bias"].to_numpy())
        pairs = len(group) // len(seeds)
        rows.append(
            {
                **{"model": model, "variant": variant, "value": seeds.mean(), "low": low, "high": high},
                **{"seeds": len(seeds), "pairs": pairs},
            }
        )
    parts = {"probe": pd.DataFrame(rows), "bandit": bandit.rename(columns={"probability": "value"})}
    return pd.concat([frame.assign(part=part) for part, frame in parts.items()], ignore_index=True)[
        ["part", "model", "variant", "optimiser", "step", "value", "low", "high", "seeds", "pairs", "runs"]
    ]


def _clipping(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    probe, bandit = needed(frames.probe, "probe"), needed(frames.bandit, "bandit")
    numbers = clipping(probe, bandit)
    of_probe, of_bandit = (numbers[numbers["part"] == part].copy() for part in ("probe", "bandit"))
    sampled = "models" if of_probe["seeds"].max() > 1 else "pairs"
    probe_caption = (
        "Change of the logit of the probability of code after one rollout batch with coin-flip rewards, mean of the batch "
        f"with its rewards and with the opposite ones: 0 without bias. Whisker: 95 % interval over {sampled}; marks: models."
    )
    bandit_caption = (
        f"Two actions that earn the same coin flips: mean probability of the first over {whole_range(of_bandit['runs'])} "
        "runs. Band: 95 % interval of the mean."
    )

    looks_of = palette.variants(text.titles(suite)["variant"].values())
    means = probe.groupby(["model", "variant", "seed"], sort=False, observed=True)["bias"].mean()
    shown, seeds = (_with_lines(text.named(frame, suite)) for frame in (of_probe, means.reset_index(name="value")))
    shown["text"] = [text.signed(value) for value in shown["value"]]
    biases = figures.estimates(
        shown,
        seeds,
        f"{exhibit.title}\n{suite.title}: one rollout batch",
        "bias of the logit of code",
        {row["line"]: looks_of[row["variant"]] for row in shown.to_dict("records")},
    )

    named = text.named(of_bandit.drop(columns=["model", "variant"]), suite).assign(variant=of_bandit["variant"])
    line = pd.Categorical(named["variant"], named["variant"].unique(), ordered=True)
    marks = named.assign(panel=named["optimiser"], line=line, x=named["step"].astype(int), raw=np.nan, paper=np.nan)
    paths = figures.curves(
        marks.assign(label="mean probability"),
        f"{exhibit.title}\nTwo-action bandit",
        "rollout batch",
        palette.variants(of_bandit["variant"].unique()),
    )
    return Parts(
        caption="What clipping does to a policy whose rewards are coin flips, apart from everything else.",
        numbers=numbers,
        pictures=[Picture("probe", biases, probe_caption), Picture("bandit", paths, bandit_caption)],
        tables=[
            as_table(
                f"{suite.title}: bias of one rollout batch", text.probe_text(text.named(of_probe, suite)), probe_caption
            ),
            as_table("Two-action bandit, first → last step", text.bandit_text(named), bandit_caption),
        ],
    )


def _with_lines(rows: pd.DataFrame) -> pd.DataFrame:
    """A line for each model and variant, in their orders."""
    rows = rows.sort_values(["model", "variant"], kind="stable", ignore_index=True)
    lines = rows["model"].astype(str) + ": " + rows["variant"].astype(str)
    return rows.assign(line=pd.Categorical(lines, lines.unique(), ordered=True))


KINDS: dict[str, Callable[[str, Exhibit, Suite, ResultTables], Parts]] = {
    "gains": _gains,
    "baselines": _baselines,
    "curves": training_curves.curves,
    "code": training_curves.code,
    "probability": training_curves.probability,
    "health": training_curves.health,
    "switches": _switches,
    "clipping": _clipping,
    "strategies": _strategies,
    "contributions": _contributions,
    "forcing": _forcing,
    "prompts": _prompts,
}

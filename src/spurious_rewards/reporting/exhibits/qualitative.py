r"""Responses before and after training, for the report's browser, and the perturbation study (paper, Fig. 20 to 28)."""

import itertools
import re
from collections.abc import Iterable
from typing import Any, Literal

import pandas as pd

from spurious_rewards.analysis.conditions import Source
from spurious_rewards.answers import extraction
from spurious_rewards.artifacts import tables
from spurious_rewards.config.endpoints import CONDITION
from spurious_rewards.config.experiments import Exhibit, seeds_of
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting.exhibits.exhibit import Made
from spurious_rewards.reporting.exhibits.kinds import benchmarks
from spurious_rewards.reporting.numerals import MISSING, Row, interval, percent, plain_interval, signed

KEYS = [*CONDITION, "seed", "step", "benchmark", "id", "sample"]

CHOICE_RULE = (
    "The choice of problems does not depend on whether answers are right. For each model, up to half are problems "
    "where training changed whether the response uses code: those where it changed under the most rewards. The rest "
    "are the first problems of the benchmark. Ties are broken by the benchmark's order."
)


def shown(
    sources: Iterable[Source], table: type[tables.Responses] | type[tables.Grades], suite: Suite, exhibit: Exhibit
) -> pd.DataFrame:
    """Return the rows of the sources that the browser can show, with the columns of the condition before them.

    These are the first sample for each problem of the exhibit's first benchmark, before training and after each run's
    last step. They are limited to each model's own prompt, the default variant and the first seed of each condition.
    """
    runs = _runs(suite, exhibit)
    frames = [tables.empty(table).assign(**dict.fromkeys(CONDITION, ""))]
    for source in sources:
        frame = tables.read(source.path, table)
        if source.reward:
            seed, step = runs.get((source.model, source.reward), (None, None))
            wanted = (frame["seed"] == seed) & (frame["step"] == step)
            wanted &= source.variant == "default"
        else:
            seeds = {seed for (model, _), (seed, _) in runs.items() if model == source.model}
            wanted = frame["seed"].isin({*seeds, tables.SHARED_BASE}) & (frame["step"] == 0)
        wanted &= source.prompt == suite.models[source.model].prompt
        wanted &= (frame["benchmark"] == benchmarks(suite, exhibit)[0]) & (frame["sample"] == 0)
        condition = {name: getattr(source, name) for name in CONDITION}
        frames.append(frame[wanted].assign(**condition))
    columns = [*CONDITION, *table.to_schema().columns]
    return pd.concat(frames, ignore_index=True)[columns]


def make(
    name: str,
    suite: Suite,
    responses: pd.DataFrame,
    grades: pd.DataFrame,
    problems: pd.DataFrame,
    perturbation: pd.DataFrame,
) -> Made:
    """Make the qualitative exhibit `name`.

    Args:
        name: key of the exhibit in the suite.
        suite: the suite as it ran.
        responses: `shown` of `tables.Responses`.
        grades: `shown` of `tables.Grades`.
        problems: `tables.Problems` of the exhibit's first benchmark.
        perturbation: `analysis.perturbation.perturbation`.
    """
    exhibit = suite.exhibits[name]
    first, *_ = (suite.benchmarks[key].title or key for key in benchmarks(suite, exhibit))
    seeds = sorted({seed for seed, _ in _runs(suite, exhibit).values()})
    of_seeds = ", ".join(map(str, seeds))
    caption = f"Responses to {first} before training and after the last step, for seed {of_seeds}. {CHOICE_RULE}"
    return Made(
        figures={},
        numbers=perturbation,
        page={
            "name": name,
            "title": exhibit.title,
            "kind": exhibit.kind,
            "caption": caption if seeds else "",
            "pictures": [],
            "tables": [perturbation_table(perturbation, suite)] if perturbation["benchmark"].nunique() > 1 else [],
            "cases": cases(suite, exhibit, responses, grades, problems),
        },
    )


# ---------------------------------------------------------------- the browser


def cases(
    suite: Suite, exhibit: Exhibit, responses: pd.DataFrame, grades: pd.DataFrame, problems: pd.DataFrame
) -> list[dict[str, Any]]:
    """Return one entry per (model, reward, problem): the problem, its answer, and the responses before and after."""
    said = responses.drop(columns="truncated").merge(grades, on=KEYS)
    found = []
    for model, group in itertools.groupby(_runs(suite, exhibit).items(), key=lambda run: run[0][0]):
        own = said[said["model"] == model]
        before = own[own["reward"] == ""]
        pairs = {
            reward: (
                _by_problem(tables.of_seed(before, seed)),
                _by_problem(own[(own["reward"] == reward) & (own["seed"] == seed)]),
            )
            for (_, reward), (seed, _) in group
        }
        pairs = {reward: pair for reward, pair in pairs.items() if all(pair)}  # leaves out runs that are missing
        answered = set[str].intersection(*(set(side) for pair in pairs.values() for side in pair)) if pairs else set()
        order = [id_ for id_ in problems["id"] if id_ in answered]
        changes = {id_: sum(_changed(pair, id_) for pair in pairs.values()) for id_ in order}
        chosen = choose(order, changes, suite.report.qualitative_problems)
        read = problems.set_index("id")
        found += [
            {
                "model": suite.models[model].title or model,
                "reward": suite.rewards[reward].title or reward,
                "id": id_,
                "number": order.index(id_) + 1,
                "problem": str(read.loc[id_, "problem"]),
                "answer": str(read.loc[id_, "answer"]),
                **{
                    side: _said(row[id_], suite.strategies.code, suite.prompts[suite.models[model].prompt].answer_in)
                    for side, row in zip(("before", "after"), pair, strict=True)
                },
            }
            for reward, pair in pairs.items()
            for id_ in chosen
        ]
    return found


def choose(order: list[str], changes: dict[str, int], count: int) -> list[str]:
    """Return at most `count` ids by `CHOICE_RULE`; `changes` is how many rewards changed the strategy of each id."""
    changed = sorted((id_ for id_ in order if changes[id_]), key=lambda id_: -changes[id_])[: count // 2]
    others = [id_ for id_ in order if id_ not in changed][: count - len(changed)]
    return sorted([*changed, *others], key=order.index)


def pieces(response: str, marker: str, answer_in: Literal["box", "tag"]) -> list[tuple[str, str]]:
    """Return the response cut into (kind, text): plain, the first `marker`, the code after it, and the box."""
    end = len(response)
    code = re.search(re.escape(marker), response, re.IGNORECASE)
    word = code.span() if code else (end, end)
    box = _box(response, answer_in) or (end, end)

    def kind(start: int) -> str:
        if box[0] <= start < box[1]:
            return "box"
        if word[0] <= start < word[1]:
            return "marker"
        return "code" if start >= word[1] else "plain"

    cuts = sorted({0, *word, *box, end})
    return [(kind(start), response[start:stop]) for start, stop in itertools.pairwise(cuts)]


def _box(response: str, answer_in: Literal["box", "tag"]) -> tuple[int, int] | None:
    """Return the (start, end) of the marked answer that `answers` reads, or None if there is none."""
    content = extraction.tagged(response) if answer_in == "tag" else extraction.boxed(response)
    if content is None:
        return None
    if answer_in == "tag":
        return _last_tag(response, content)
    around = re.compile(rf"\\(?:boxed|fbox)\s*+(?:\{{\s*+)?{re.escape(content)}\s*+\}}?")
    *_, last = itertools.chain([None], around.finditer(response))
    return last and last.span()


def _last_tag(response: str, content: str) -> tuple[int, int] | None:
    """Return the (start, end) of the last <answer>...</answer> with `content`; each place is searched only once."""
    last, held = None, response.find(content)
    start = response.find("<answer>")
    while start >= 0:
        inside = start + len("<answer>")
        held = response.find(content, inside) if 0 <= held < inside else held
        following = response.find("<answer>", inside)
        if held < 0:
            break
        if 0 <= following < held:
            start = following
            continue
        close = response.find("</answer>", held + len(content))
        if close < 0:
            break
        end = close + len("</answer>")
        last, start = (start, end), response.find("<answer>", end)
    return last


def _runs(suite: Suite, exhibit: Exhibit) -> dict[tuple[str, str], tuple[int, int]]:
    """Return (model, reward) -> (first seed, last step) of the runs that the browser shows, sorted by model."""
    assert exhibit.experiment is not None, "only exhibits of kind clipping have no experiment"
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for run, steps in suite.runs_of(suite.experiments[exhibit.experiment]).items():
        if (
            run.variant == "default"
            and run.prompt == suite.models[run.model].prompt
            and run.model in (exhibit.models or suite.models)
            and run.reward in (exhibit.rewards or suite.rewards)
        ):
            found.setdefault((run.model, run.reward), (seeds_of(run.seeds)[0], steps))
    return dict(sorted(found.items(), key=lambda run: list(suite.models).index(run[0][0])))


def _by_problem(rows: pd.DataFrame) -> dict[str, dict[Any, Any]]:
    return {row["id"]: row for row in rows.to_dict("records")}


def _changed(pair: tuple[dict[str, dict[Any, Any]], ...], id_: str) -> bool:
    before, after = pair
    return bool(before[id_]["has_code"] != after[id_]["has_code"])


def _said(row: dict[Any, Any], marker: str, answer_in: Literal["box", "tag"]) -> dict[str, Any]:
    return {
        "step": int(row["step"]),
        "pieces": pieces(row["response"], marker, answer_in),
        "extracted": None if pd.isna(row["extracted"]) else str(row["extracted"]),
        **{name: bool(row[name]) for name in ("correct", "has_code", "has_box", "truncated")},
    }


# ---------------------------------------------------------------- the perturbation study


def perturbation_table(perturbation: pd.DataFrame, suite: Suite) -> dict[str, Any]:
    """Return the perturbation study as text: title, columns, rows (in the suite's order) and note.

    The first of its benchmarks has the original problems. Prompt and variant have a column only if they differ.
    """
    original, *others = (suite.benchmarks[key].title or key for key in perturbation["benchmark"].unique())
    trained = perturbation[perturbation["reward"] != ""]
    differing = [name for name in ("prompt", "variant") if trained[name].nunique() > 1]

    def row(of: Row) -> dict[str, str]:
        def rate(name: str) -> str:
            return f"{percent(of[name])} {interval(of[f'{name}_low'], of[f'{name}_high'])}".strip()

        reward = suite.rewards.get(of["reward"])
        benchmark = suite.benchmarks[of["benchmark"]].title or of["benchmark"]
        return {
            "Model": suite.models[of["model"]].title or of["model"],
            "Reward": (reward.title or of["reward"]) if reward else "before training",
            **{name.capitalize(): of[name] for name in differing},
            "Benchmark": benchmark,
            "Accuracy": rate("accuracy"),
            "Responses with code": rate("code_rate"),
            "Same strategy": MISSING if benchmark == original else rate("same_strategy"),
            "Kappa": MISSING if benchmark == original or pd.isna(of["kappa"]) else _kappa(of),
        }

    models, rewards = list(suite.models), ["", *suite.rewards]
    records = sorted(
        perturbation.to_dict("records"), key=lambda of: (models.index(of["model"]), rewards.index(of["reward"]))
    )
    rows = [row(of) for of in records]
    return {
        "title": f"Accuracy and strategy on changed problems: {original} against {' and '.join(others)}",
        "columns": list(rows[0]),
        "rows": [list(of.values()) for of in rows],
        "note": (
            f"The other benchmarks have the problems of {original} with other numbers or in other words. Same "
            "strategy: the share of responses that make the same choice, code or no code, as the response to the "
            f"problem in {original}. In percent, with [95 % intervals]. Kappa is Cohen's kappa: agreement beyond "
            "chance. It is missing if all responses use code, or none does."
        ),
    }


def _kappa(of: Row) -> str:
    ends = {end: of[f"kappa_{end}"] for end in ("low", "high")}
    return f"{signed(of['kappa']).removeprefix('+')} {plain_interval(ends)}".strip()

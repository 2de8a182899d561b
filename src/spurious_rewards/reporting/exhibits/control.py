"""Kind control: the random reward as a test of contamination, and its error rates on models with a known corpus."""

import pandas as pd

from spurious_rewards.analysis.control import PROBE, SMALLEST
from spurious_rewards.config.experiments import Exhibit
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import error_rates, figures, naming, palette
from spurious_rewards.reporting.exhibits import kinds
from spurious_rewards.reporting.exhibits.shared import (
    Parts,
    Picture,
    ResultTables,
    Table,
    as_table,
    needed,
    title_of,
    whole_range,
)
from spurious_rewards.reporting.numerals import MISSING, Row, interval, number, percent, points, points_interval
from spurious_rewards.reporting.palette import Look
from spurious_rewards.reporting.text_tables import text_rows

PROBE_TITLE = "Partial prompts"
PROBE_LOOK = Look("#332288")

RULE = (
    'The verdict is "gain" if the 95 % interval of the change in accuracy is above 0, "negligible" if the interval ends below '
    f'{100 * SMALLEST:g} points, and otherwise "undecided". For partial prompts, the change is the share of benchmark problems '
    "that the model completes word for word, minus the share for problems that no corpus contains."
)

WORTH = (
    "This verdict is not proof. A model with a clean corpus may gain, and a contaminated one may not. Error rates can "
    "be counted only on model organisms, whose corpus is known (suite followups, exhibit control). They need not hold "
    "for other kinds of model."
)


def control(name: str, exhibit: Exhibit, suite: Suite, frames: ResultTables) -> Parts:
    """Make an exhibit of kind control: error rates of the tests on organisms, and the verdict on each other model."""
    numbers = needed(frames.control, "control")
    rates = numbers[numbers["part"] == "rates"]
    others = numbers[(numbers["part"] == "verdicts") & numbers["leaked"].isna()]
    [benchmark] = kinds.benchmarks(suite, exhibit)
    title = title_of(suite, exhibit, benchmark)
    pictures: list[Picture] = []
    tables: list[Table] = []
    captions: list[str] = []
    if len(rates):
        captions.append(
            "The test: if a reward that has nothing to do with right answers gives a clear gain, the benchmark is taken to be "
            "in the model's corpus. The corpus of these organisms is known, so each verdict is known to be right or wrong."
        )
        said = (
            "How often each test is wrong. If no benchmark problem is in the corpus, a gain is a false alarm; otherwise, no gain "
            f"is a miss. Each rate is over {whole_range(rates['models'])} pretrained models, with Wilson's 95 % interval. {RULE}"
        )
        looks = {**palette.rewards(suite), PROBE_TITLE: PROBE_LOOK}
        drawn = error_rates.error_rates(_marks(rates, suite), title, "share of the benchmark in the corpus", looks)
        pictures.append(Picture("wrong", drawn, said))
        tables.append(as_table(f"{suite.title}: {exhibit.title}", rates_text(rates, suite), said))
    if len(others):
        captions.append(WORTH)
        shown = _estimates(others, suite)
        marks = shown.loc[:, ["line", "value"]].iloc[:0]
        looks = {row["line"]: row["look"] for row in shown.to_dict("records")}
        drawn = figures.estimates(shown, marks, title, "change (percentage points)", looks)
        said = f"Change in accuracy, or in problems completed word for word, with 95 % intervals. {RULE}"
        pictures.append(Picture("gains", drawn, said))
        tables.append(as_table(f"{suite.title}: verdicts", verdicts_text(others, suite), f"{said} {WORTH}"))
    return Parts(" ".join(captions), numbers, pictures, tables)


def _test(suite: Suite, test: str) -> str:
    return PROBE_TITLE if test == PROBE else naming.titles(suite)["reward"][test]


def _tests(rows: pd.DataFrame, suite: Suite) -> "pd.Series[str]":
    """Return the titles of the tests as an ordered category; the partial-prompt probe comes last."""
    order = [*naming.titles(suite)["reward"].values(), PROBE_TITLE]
    return pd.Series(pd.Categorical([_test(suite, test) for test in rows["test"]], order, ordered=True), rows.index)


def _marks(rates: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Return how often each test is wrong, in percent, by family and by the share of the benchmark in the corpus."""
    clean = rates["leaked"] == 0
    families = rates["model"].map({key: model.behaviour.capitalize() for key, model in suite.models.items()})
    shares = sorted(rates["leaked"].unique())
    places = {share: f"{100 * share:g} %\n{'misses' if share else 'false alarms'}" for share in shares}
    found = pd.DataFrame({"line": _tests(rates, suite)})
    found["panel"] = pd.Categorical(families, families.unique(), ordered=True)
    found["x"] = pd.Categorical(rates["leaked"].map(places), list(places.values()), ordered=True)
    for name, (alarm, miss) in {
        "value": ("rate", "rate"),
        "low": ("rate_low", "rate_high"),
        "high": ("rate_high", "rate_low"),
    }.items():
        found[name] = 100 * rates[alarm].where(clean, 1 - rates[miss])
    return found


def rates_text(rates: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Return part "rates" of `analysis.control` as text: how often each test is wrong, and the changes it measured."""

    def row(of: Row) -> dict[str, str]:
        model, alarm = suite.models[of["model"]], not of["leaked"]
        wrong = of["rate"] if alarm else 1 - of["rate"]
        low, high = (of["rate_low"], of["rate_high"]) if alarm else (1 - of["rate_high"], 1 - of["rate_low"])
        rate = f"{percent(wrong)} {interval(low, high)}"
        return {
            "Model": model.title or of["model"],
            "Benchmark in the corpus": f"{100 * of['leaked']:g} %",
            "Test": _test(suite, of["test"]),
            "Models": number(of["models"], 0),
            "Models with a gain": number(of["gains"], 0),
            "Models with a negligible change": number(of["negligible"], 0),
            "False alarms (%)": rate if alarm else MISSING,
            "Misses (%)": MISSING if alarm else rate,
            "Change": points_interval(of, "all"),
            "Change, problems in the corpus": points_interval(of, "on_leaked"),
            "Change, other problems": points_interval(of, "on_clean"),
        }

    return text_rows(rates.rename(columns={"value": "all", "low": "all_low", "high": "all_high"}), row)


def _estimates(others: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Return the change that each test measured in each model, in percentage points, for `figures.estimates`."""
    looks = {**palette.rewards(suite), PROBE_TITLE: PROBE_LOOK}
    names = naming.titles(suite)["model"]
    tests = _tests(others, suite).astype(str)
    lines = others["model"].map(names) + ": " + tests + _seed(others)
    shown = others.assign(line=pd.Categorical(lines, lines.unique(), ordered=True), look=tests.map(looks))
    for name in ("value", "low", "high"):
        shown[name] = 100 * shown[name].astype(float)
    return shown.assign(text=[f"{points(row['value'] / 100)}: {row['verdict']}" for row in shown.to_dict("records")])


def _seed(others: pd.DataFrame) -> "pd.Series[str]":
    """Return ", seed N" for rows whose model and test have several seeds (pretrained models of their own), else ""."""
    several = others.groupby(["model", "test"])["seed"].transform("nunique") > 1
    return (", seed " + others["seed"].fillna(0).astype(int).astype(str)).where(several, "")


def verdicts_text(others: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Return part "verdicts" of `analysis.control` as text, for models whose corpus is unknown."""
    return text_rows(
        others.rename(columns={"value": "change", "low": "change_low", "high": "change_high"}),
        lambda of: {
            "Model": naming.titles(suite)["model"][of["model"]],
            "Test": _test(suite, of["test"]),
            "Problems": number(of["problems"], 0),
            "Seeds": number(of["seeds"], 0) + (" (interval over problems only)" if of["seeds"] == 1 else ""),
            "Change": points_interval(of, "change"),
            "Verdict of the test": str(of["verdict"]),
        },
    )

"""The self-contained HTML report and its response browser, tested without a web browser."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from invented import MANIFEST
from invented import suite as invented_suite
from invented_report import EVIL, JUDGED, MODELS, REWARDS, SVG, exhibit_page, numbers, of_headline

from spurious_rewards.analysis.conditions import Source
from spurious_rewards.analysis.headline import VERDICT_RULE
from spurious_rewards.answers import extraction
from spurious_rewards.artifacts import tables
from spurious_rewards.config.endpoints import CONDITION
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting import report
from spurious_rewards.reporting.exhibits import qualitative
from spurious_rewards.reporting.exhibits.exhibit import marked, not_made
from spurious_rewards.reporting.naming import named
from spurious_rewards.reporting.numerals import MISSING
from spurious_rewards.reporting.page import Picture, Section, Table, render
from spurious_rewards.reporting.sections import graders
from spurious_rewards.reporting.sections.exhibit import trained_on_benchmarks
from spurious_rewards.reporting.sections.findings import findings
from spurious_rewards.reporting.unfinished import Failed, Unfinished

RATES = ("before", "after", "difference", "over_random")


@pytest.fixture(scope="module")
def the_suite():
    own = invented_suite(models=MODELS, rewards=["ground_truth", "random_0.5"]).model_dump(mode="json")
    own["rewards"]["ttrl"] = {"function": "ttrl", "problems": "sums", "title": "TTRL"}
    own["experiments"]["headline"] |= {"rewards": REWARDS, "seeds": ["3-4", "0-2"]}
    own["experiments"]["perturbed"] = own["experiments"]["headline"] | {"benchmarks": ["math500", "aime2025"]}
    own["exhibits"] = {
        "fig1": {"title": "Gains", "kind": "gains", "experiment": "headline"},
        "table1": {"title": "Code", "kind": "strategies", "experiment": "headline", "rewards": ["ground_truth"]},
        "qualitative": {"title": "Responses", "kind": "qualitative", "experiment": "perturbed"},
    }
    own["report"]["qualitative_problems"] = 4
    return Suite.model_validate(own)


# ---------------------------------------------------------------- cases of the response browser


def responses(seed: int, step: int, said: dict[str, str], benchmark: str = "math500") -> pd.DataFrame:
    common = {"seed": seed, "step": step, "benchmark": benchmark}
    return pd.DataFrame(
        [
            common | {"id": id_, "sample": sample, "response": response, "tokens": 5, "truncated": False}
            for id_, response in said.items()
            for sample in (0, 1)
        ]
    )


def grades(of: pd.DataFrame, right: str) -> pd.DataFrame:
    rows = of.drop(columns=["response", "tokens", "truncated"]).assign(
        extracted=[extraction.boxed(response) for response in of["response"]],
        rule="box",
        correct=[rf"\boxed{{{right}}}" in response for response in of["response"]],
        status="graded",
        has_code=["python" in response for response in of["response"]],
        has_box=["boxed" in response for response in of["response"]],
        repeats=False,
        truncated=False,
    )
    return rows[list(tables.Grades.to_schema().columns)].astype({"extracted": "str"})


TABLES = (tables.Responses, tables.Grades)
IDS = [f"p{number}" for number in range(8)]
WORDS = r"so \boxed{5}"
CODE = r"python : 2 ; \boxed{6}"


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Return the sources of responses and of grades. Training switches p6 and p7 to code in all runs, ttrl also p5."""
    folder, made = tmp_path_factory.mktemp("study"), ([], [])
    for model in MODELS:
        for reward in ("", *REWARDS):
            switched = {"": (), "ttrl": ("p5", "p6", "p7")}.get(reward, ("p6", "p7"))
            frames = [
                responses(seed, step, {id_: CODE if id_ in switched else WORDS for id_ in IDS}, benchmark)
                for seed in (0, 3)
                for step in ((0,) if reward == "" else (20, 25))
                for benchmark in ("math500", "amc")
            ]
            of = pd.concat(frames, ignore_index=True)
            both = ((of, tables.Responses), (grades(of, right="5"), tables.Grades))
            for sources_, (frame, table) in zip(made, both, strict=True):
                path = folder / f"{model}-{reward}-{table.__name__}.parquet"
                tables.write(frame, table, path)
                sources_.append(Source(model, "plain", reward, "default" if reward else "", path))
    return made


@pytest.fixture(scope="module")
def problems():
    return pd.DataFrame(
        {"id": IDS, "problem": [f"Problem {id_} {EVIL}" for id_ in IDS], "answer": "5", "source": "here"}
    )


PERTURBATION = pd.DataFrame(
    [
        dict(zip(CONDITION, ("strong", "plain", reward, "default" if reward else ""), strict=True))
        | {"benchmark": benchmark}
        | {f"{rate}{end}": value for rate in ("accuracy", "code_rate") for end, value in BOUNDS.items()}
        | {"same_strategy": 0.9 if benchmark == "aime2025" else 1.0}
        | {"same_strategy_low": 0.85, "same_strategy_high": 1.0}
        | dict(
            zip(("kappa", "kappa_low", "kappa_high"), (0.25, 0.1, 0.4) if reward else [float("nan")] * 3, strict=True)
        )
        for BOUNDS in ({"": 0.5, "_low": 0.4, "_high": 0.6},)
        for reward in ("random_0.5", "", "ttrl")
        for benchmark in ("math500", "aime2025")
    ]
)


@pytest.fixture(scope="module")
def made(the_suite, sources, problems):
    exhibit = the_suite.exhibits["qualitative"]
    said = qualitative.shown(sources[0], tables.Responses, the_suite, exhibit)
    graded = qualitative.shown(sources[1], tables.Grades, the_suite, exhibit)
    return qualitative.make("qualitative", the_suite, said, graded, problems, PERTURBATION)


def test_only_what_the_browser_shows_is_read(the_suite, sources):
    said = qualitative.shown(sources[0], tables.Responses, the_suite, the_suite.exhibits["qualitative"])
    assert set(said["seed"]) == {3}  # the first seed of the first group
    assert set(said["step"]) == {0, 25}
    assert set(said["benchmark"]) == {"math500"}
    assert set(said["sample"]) == {0}
    assert len(said) == len(MODELS) * (1 + len(REWARDS)) * len(IDS)


def test_a_base_model_that_all_seeds_share_is_the_one_before(the_suite, sources, problems, tmp_path):
    shared = []
    for source in sources[1][:4] + sources[0][:4]:
        table = tables.Grades if source in sources[1] else tables.Responses
        frame = tables.read(source.path, table)
        if not source.reward:
            frame = frame[frame["seed"] == 3].assign(seed=tables.SHARED_BASE)
        path = tmp_path / source.path.name
        tables.write(frame, table, path)
        shared.append(Source(source.model, source.prompt, source.reward, source.variant, path))
    exhibit = the_suite.exhibits["qualitative"].model_copy(update={"models": ("strong",)})
    found = qualitative.cases(
        the_suite,
        exhibit,
        qualitative.shown(shared[4:], tables.Responses, the_suite, exhibit),
        qualitative.shown(shared[:4], tables.Grades, the_suite, exhibit),
        problems,
    )
    assert len(found) == len(REWARDS) * 4


def test_cases_hold_what_was_said_and_how_it_was_graded(made):
    cases = made.page["cases"]
    assert [(case["model"], case["reward"]) for case in cases[::4]] == [
        (model, reward) for model in MODELS for reward in ("ground_truth", "TTRL", "random_0.5")
    ]
    switched = next(case for case in cases if case["id"] == "p6")
    assert switched["number"] == 7
    assert switched["before"] == {
        "step": 0,
        "pieces": [("plain", "so "), ("box", r"\boxed{5}")],
        "extracted": "5",
        "correct": True,
        "has_code": False,
        "has_box": True,
        "truncated": False,
    }
    assert switched["after"]["step"] == 25
    assert switched["after"]["pieces"] == [("marker", "python"), ("code", " : 2 ; "), ("box", r"\boxed{6}")]
    assert switched["after"]["correct"] is False


def test_runs_that_are_missing_are_not_in_the_browser_and_all_others_are(the_suite, sources, problems, made):
    lost = {("strong", "ttrl"), ("weak", ""), ("weak", "ttrl")}
    exhibit = the_suite.exhibits["qualitative"]
    left = [[source for source in table if (source.model, source.reward) not in lost] for table in sources]
    said, graded = (qualitative.shown(*of, the_suite, exhibit) for of in zip(left, TABLES, strict=True))
    found = qualitative.cases(the_suite, exhibit, said, graded, problems)
    assert {(case["model"], case["reward"]) for case in found} == {
        ("strong", "ground_truth"),
        ("strong", "random_0.5"),
    }
    whole = [case for case in made.page["cases"] if case["id"] in {case["id"] for case in found}]
    assert all(case in found for case in whole if case["model"] == "strong" and case["reward"] != "TTRL")
    assert qualitative.cases(the_suite, exhibit, said.head(0), graded.head(0), problems) == []


def test_half_of_the_problems_switched_under_most_rewards_and_the_rest_are_the_first(made):
    for start in range(0, len(made.page["cases"]), 4):
        assert [case["id"] for case in made.page["cases"][start : start + 4]] == ["p0", "p1", "p6", "p7"]


def test_without_training_there_is_no_browser(the_suite, problems):
    own = the_suite.model_dump(mode="json")
    own["experiments"]["perturbed"] |= {"rewards": [], "steps": 0}
    without = Suite.model_validate(own)
    shown = (qualitative.shown([], table, without, without.exhibits["qualitative"]) for table in TABLES)
    page = qualitative.make("qualitative", without, *shown, problems, PERTURBATION).page
    assert page["cases"] == []
    assert page["caption"] == ""


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(1, 12))
def test_as_many_problems_as_there_are_or_are_asked_for(counts, count):
    order = [str(number) for number in range(len(counts))]
    chosen = qualitative.choose(order, dict(zip(order, counts, strict=True)), count)
    assert len(chosen) == min(count, len(order))
    assert chosen == sorted(set(chosen), key=order.index)


@given(st.lists(st.sampled_from(["Python", "x", r"\boxed{", "}", "5", "<answer>", "</answer>", "İ", " ", "\n", "{"])))
def test_pieces_are_the_response(parts):
    response = "".join(parts)
    for answer_in in ("box", "tag"):
        cut = qualitative.pieces(response, "python", answer_in)
        assert "".join(piece for _, piece in cut) == response
        marked = (extraction.tagged if answer_in == "tag" else extraction.boxed)(response) is not None
        assert any(kind == "box" for kind, _ in cut) == marked


@pytest.mark.parametrize(
    ("response", "answer_in", "box"),
    [
        (r"\boxed{1} then \boxed{ \frac{1}{2} }.", "box", r"\boxed{ \frac{1}{2} }"),
        (r"\boxed 5. Done", "box", r"\boxed 5"),
        ("<answer>1</answer> no, <answer> 12 </answer>", "tag", "<answer> 12 </answer>"),
        (r"<answer>it is \boxed{3}</answer><answer></answer>", "tag", r"<answer>it is \boxed{3}</answer>"),
    ],
)
def test_the_marked_answer_is_the_one_that_is_graded(response, answer_in, box):
    assert [piece for kind, piece in qualitative.pieces(response, "python", answer_in) if kind == "box"] == [box]


def test_the_perturbation_table(made):
    (table,) = made.page["tables"]
    assert table["title"].endswith(": Sums against aime2025")
    assert table["columns"] == [
        "Model",
        "Reward",
        "Benchmark",
        "Accuracy",
        "Responses with code",
        "Same strategy",
        "Kappa",
    ]
    assert table["rows"][0] == [
        "strong",
        "before training",
        "Sums",
        "50.0 [40.0, 60.0]",
        "50.0 [40.0, 60.0]",
        MISSING,
        MISSING,
    ]
    assert [row[1] for row in table["rows"][::2]] == ["before training", "random_0.5", "TTRL"]
    assert table["rows"][5][:3] == ["strong", "TTRL", "aime2025"]
    assert table["rows"][5][5:] == ["90.0 [85.0, 100.0]", "0.250 [0.100, 0.400]"]
    assert table["rows"][1][5:] == ["90.0 [85.0, 100.0]", MISSING]
    pd.testing.assert_frame_equal(made.numbers, PERTURBATION)


def test_without_changed_problems_there_is_no_perturbation_table(the_suite, problems):
    shown = (qualitative.shown([], table, the_suite, the_suite.exhibits["qualitative"]) for table in TABLES)
    alone = PERTURBATION[PERTURBATION["benchmark"] == "math500"]
    assert qualitative.make("qualitative", the_suite, *shown, problems, alone).page["tables"] == []


def test_the_page_of_the_exhibit_survives_json(made):
    assert json.loads(json.dumps(made.page, allow_nan=False))["cases"][0]["before"]["pieces"][0] == ["plain", "so "]


# ---------------------------------------------------------------- the page


class Page(HTMLParser):
    """A parser that collects tags, attributes, text and scripts, and checks that tags are closed in order."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.text, self.data, self.scripts = [], [], "", [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)
            if tag == "script":
                (self.data if dict(attrs).get("type") else self.scripts).append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            kind = next(attrs for tag, attrs in reversed(self.tags) if tag == "script").get("type")
            (self.data if kind else self.scripts)[-1] += data
        else:
            self.text += data

    def values(self, attribute):
        return [(tag, attrs[attribute]) for tag, attrs in self.tags if attribute in attrs]


@pytest.fixture(scope="module")
def pages(made):
    return [
        (exhibit_page("fig1", "gains"), {"math500": SVG, "amc": SVG}),
        (exhibit_page("table1", "strategies"), {}),
        (json.loads(json.dumps(made.page)), {}),
    ]


def build(
    the_suite, pages, manifests=(MANIFEST, {**MANIFEST, "stage": "train", "details": {}}), unfinished=None, **changed
):
    return report.build(
        the_suite,
        numbers(**changed),
        pages,
        list(manifests),
        costs={"headline": list(manifests)},
        command="snakemake --config suite=mine --cores all",
        unfinished=unfinished,
    )


@pytest.fixture(scope="module")
def page(the_suite, pages):
    return Page(build(the_suite, pages))


def test_the_page_needs_nothing_but_itself(the_suite, pages, page):
    html = build(the_suite, pages)
    assert page.open == []
    assert "url(" not in html
    assert "@import" not in html
    assert not any("http" in script for script in page.scripts)
    identifiers = [identifier for _, identifier in page.values("id")]
    assert len(identifiers) == len(set(identifiers))
    for _, address in page.values("src"):
        assert address.startswith("data:image/svg+xml,")
    for tag, target in [*page.values("href"), *page.values("for")]:
        files = {f"exhibits/fig1/{stem}.{ending}" for stem in ("math500", "amc") for ending in ("svg", "pdf", "png")}
        files |= {
            f"exhibits/{name}/table.{ending}"
            for name in ("fig1", "table1", "qualitative")
            for ending in ("csv", "md", "tex")
        }
        assert target.removeprefix("#" if tag == "a" else "") in identifiers or target in files


def test_what_other_graders_say_is_shown(the_suite):
    agreement, moves, accuracy, differences = graders.tables(the_suite, JUDGED)
    assert agreement.frame["Benchmark"].tolist() == ["Sums", "Sums avg@8"], "in the suite's order"
    assert agreement.frame["Kappa"].tolist() == ["0.905", MISSING]
    assert agreement.frame["Problems"].tolist() == ["40 of 60"] * 2
    assert moves.frame[["Grader", "Largest shift", "Where it is largest"]].to_numpy().tolist() == [
        ["strings", "\N{MINUS SIGN}3.0", "strong, TTRL"],
        ["sympy", "0.0", MISSING],
    ]
    assert accuracy.frame["strings"].tolist()[0].startswith("30.0 → ")
    (row,) = differences.frame.to_dict("records")
    assert (row["True answer"], row["Answer"], row["sympy"]) == ("007", EVIL, "not finished")
    nothing = {name: frame.iloc[:0] for name, frame in JUDGED.items()}
    assert graders.tables(the_suite, nothing) == ()


def test_pictures_survive_as_addresses_and_say_what_they_show(page):
    from urllib.parse import unquote_to_bytes

    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert [image["alt"] for image in images] == ["Bars of math500", "Bars of amc"]
    assert unquote_to_bytes(images[0]["src"].partition(",")[2]) == re.sub(rb"\s+", b" ", SVG)


def test_every_section_is_in_the_contents_in_its_group(page):
    sections = [attributes["id"] for tag, attributes in page.tags if tag == "section"]
    assert sections[:5] == ["about-claims", "about-findings", "fig1", "table1", "qualitative"]
    assert sections[-1] == "about-glossary"
    links = [target[1:] for _, target in page.values("href") if target[0] == "#" and target != "#contents"]
    assert links[0] == "main"
    by_figure = links.index("about-claims", links.index("qualitative"))
    assert set(links[1:by_figure]) < set(sections)
    assert links[by_figure : by_figure + len(sections)] == sections
    assert {link for link in links if not link.startswith("term-")} == {"main", *sections}  # also in the ledger
    contents = re.sub(r"\s+", " ", page.text).partition("About")[0]
    of_questions, _, of_figures = contents.partition("By section")
    asked = (
        "By question",
        "Does a random reward help?",
        "Does a correct reward beat it?",
        "What do the responses look like?",
    )
    for text, parts in (
        (of_questions, asked),
        (of_figures, ("Summary", "Figures", "Title of fig1", "Tables", "Responses")),
    ):
        found = [text.index(part) for part in parts]
        assert found == sorted(found)


def test_every_technical_column_leads_to_the_glossary(page):
    explained = {
        attributes["href"][1:]: attributes for tag, attributes in page.tags if attributes.get("class") == "explain"
    }
    entries = {attributes["id"] for tag, attributes in page.tags if tag == "dt" and "id" in attributes}
    assert set(explained) == entries
    assert {"term-verdict", "term-seeds", "term-p-holm", "term-versus-random", "term-kappa"} <= entries
    assert "McNemar" not in page.text  # every condition has more seeds than are listed one by one
    assert explained["term-kappa"]["title"].startswith("Cohen's kappa")
    assert explained["term-kappa"]["aria-label"] == "What “Kappa” means"


def test_the_page_says_what_a_reader_must_know(page):
    said = re.sub(r"\s+", " ", page.text)
    for expected in (
        "Invented numbers.",
        VERDICT_RULE,
        (
            "n = 40 problems, one greedy response each, 5 seeds. Measured after step 25, the last step of each "
            "condition, which the suite fixes before the run."
        ),
        "Changes in accuracy are in percentage points, with [95 % intervals].",
        "Caption of amc",
        "snakemake --config suite=mine --cores all --force table1",
        "2 models",
        "3 rewards",
        "30 training runs",
        "30 to 44",
        "61.4",
        "1.95 → 0.75",
        "blank: 3, duplicate: 0",
        "abc (with uncommitted changes)",
        "1,234",
        "Checks timed out",
    ):
        assert expected in said


def test_training_on_the_benchmark_is_said_where_it_is_shown(page, the_suite):
    assert (
        page.text.count("TTRL trains on the evaluation problems themselves (Sums, Sums avg@8), without their answers")
        == 2
    )
    assert trained_on_benchmarks(the_suite, "table1") == []


def test_the_browser_has_its_cases_labels_and_a_word_without_script(page, made):
    (data,) = page.data
    assert json.loads(data) == json.loads(json.dumps(made.page["cases"]))
    assert len(page.scripts) == 1
    assert [tag for tag, _ in page.tags].count("select") == 3
    assert {target for _, target in page.values("for")} == {
        f"qualitative-{what}" for what in ("model", "reward", "problem")
    }
    assert "JavaScript" in page.text


def test_responses_are_never_set_as_html():
    script = (Path(report.__file__).parent / "browser.js").read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval", script)


def test_the_ledger_stands_first_with_its_counts_and_links(the_suite, pages, page):
    said = re.sub(r"\s+", " ", page.text)
    counted = "1 supported (1 by construction, 0 not), 1 contradicted, 1 inconclusive, 1 not run"
    assert f"Of 4 claims: {counted}. Those with a verdict are 3 distinct findings." in said
    for words in (
        "+12.3 [10.0, 15.0]",
        "50.0 % [40.0, 60.0]",
        "+0.010 [\N{MINUS SIGN}0.010, 0.030] logits",
        "24 pairs",
    ):
        assert words in said
    assert "the suite has no experiment of it" in said
    section = build(the_suite, pages).split('<section id="about-claims"')[1]
    ledger, untested, rules = section.split('<details class="folded">')[:3]
    assert "Claims that this suite does not test" in untested
    assert '<td class="not-run">not run</td><td>the suite has no experiment of it</td>' in untested
    assert "the suite has no experiment of it" not in ledger
    assert '<a href="#fig1">fig1</a>' in ledger
    assert '<td class="supported">supported</td>' in ledger
    assert '<td class="contradicted">contradicted</td>' in ledger
    assert ">nan<" not in ledger
    assert "Supported if the interval lies above 0." not in ledger
    assert "Supported if the interval lies above 0." in rules
    assert "The corpus says so." in rules


def test_findings_in_words(the_suite):
    untestable = of_headline(verdict="not testable", over_random=float("nan"), over_random_seeds=float("nan"))
    strong, weak = findings(named(untestable[untestable["benchmark"] == "math500"], the_suite), "Sums")
    assert strong.startswith(
        "strong on Sums: accuracy before training 30.0 %. Not testable: ground_truth +20.0 [10.0, 30.0], "
    )
    assert "random reward" not in weak
    (better, _) = findings(named(of_headline(over_random_low=0.1), the_suite).iloc[::2], "Sums")
    assert better.endswith("Better than the random reward: ground_truth, TTRL, random_0.5.")
    (single, _) = findings(named(of_headline(over_random_low=0.1, over_random_seeds=1), the_suite).iloc[::2], "Sums")
    assert "random reward" not in single


def test_what_stands_under_the_headline_is_of_each_benchmark(the_suite):
    # A greedy benchmark is called greedy even if the number of gained problems is unknown.
    parsed = Page(build(the_suite, [], headline=of_headline(gained=float("nan"), samples=8)))
    for said in ("one greedy response", "8 sampled responses"):
        assert f"n = 40 problems, {said} each, 5 seeds. Measured after step 25, the last step of each" in parsed.text


def test_a_condition_that_is_not_testable_is_shown_as_such(the_suite):
    parsed = Page(build(the_suite, [], headline=of_headline(verdict="not testable")))
    assert ("td", "not-testable") in parsed.values("class")


UNFINISHED = Unfinished(
    failed=(Failed(name="training strong", log=Path("logs/train.log"), lines=f"step 4\nerror: no {EVIL}"),),
    missing={"strong, TTRL, seeds 3-4": "failed: training strong"},
    experiments={"headline": "Incomplete. Missing: strong, TTRL, seeds 3-4."},
    exhibits={"fig1": "Incomplete. Missing: strong, TTRL, seeds 3-4."},
)


def test_what_is_missing_stands_first_and_under_every_table_of_its_experiment(the_suite, pages, page):
    parsed = Page(build(the_suite, pages, unfinished=UNFINISHED))
    sections = [attributes["id"] for tag, attributes in parsed.tags if tag == "section"]
    assert sections[0] == "about-missing"
    assert sections[1:] == [attributes["id"] for tag, attributes in page.tags if tag == "section"]
    assert parsed.open == []
    assert parsed.text.index("This run has not finished.") < parsed.text.index("Invented numbers.")
    for said in ("training strong", "logs/train.log", f"step 4\nerror: no {EVIL}", "failed: training strong"):
        assert said in parsed.text
    # The note stands with the findings and each of their tables, with health and labels, and once in its own section.
    answered = of_headline()["benchmark"].nunique()
    assert parsed.text.count(UNFINISHED.experiments["headline"]) == 1 + answered + 2 + 1 + 1
    assert "about-missing" not in [identifier for _, identifier in page.values("id")]
    assert "has not finished" not in page.text


def test_a_figure_that_was_not_made_keeps_its_place(the_suite):
    made = not_made("fig1", the_suite)
    said = marked(made.page, "Not made: its own job failed.")
    parsed = Page(build(the_suite, [(said, {})]))
    text = parsed.text.partition("By section")[2]
    assert text.index("Figures") < text.index("Gains") < text.index("Not made: its own job failed.")
    assert "Tables" not in text[: text.index("Not made")]


def test_everything_is_escaped():
    picture = Picture(b"<svg/>", EVIL, EVIL)
    table = Table(EVIL, pd.DataFrame({EVIL: [EVIL]}), note=EVIL)
    cases = [{"problem": EVIL}]
    section = Section("key", EVIL, EVIL, [EVIL], [EVIL], [picture], [table], cases, "key", [("address", EVIL)])
    parsed = Page(render(EVIL, EVIL, [section]))
    assert parsed.open == []
    assert [json.loads(data) for data in parsed.data] == [cases]
    assert len(parsed.scripts) == 1
    assert not any("alert" in script for script in parsed.scripts)


def test_of_few_seeds_each_is_in_the_report(the_suite):
    assert "every seed" not in build(the_suite, [])
    page = Page(build(the_suite, [], headline=of_headline(seeds=2)))
    assert "every seed" in page.text
    assert "McNemar p" in page.text


def test_a_suite_without_exhibits_labels_or_metrics_still_has_a_report(the_suite):
    frames = {name: frame.head(0) for name, frame in vars(numbers()).items() if name != "judged"}
    nothing = report.Numbers(**frames, judged={name: frame.head(0) for name, frame in JUDGED.items()})
    html = report.build(the_suite, nothing, [], [], costs={}, command="snakemake")
    assert Page(html).open == []

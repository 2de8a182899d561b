"""The partial report explains what a failed run left undone. Missing results change no number of those that exist."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from invented import metrics
from invented import study as invented_study
from invented import suite as invented_suite

from spurious_rewards.analysis.conditions import collect
from spurious_rewards.analysis.headline import comparisons, headline
from spurious_rewards.analysis.scores import scores
from spurious_rewards.analysis.strategy_switches import contributions, switches
from spurious_rewards.analysis.untrained import before
from spurious_rewards.config.endpoints import CONDITION
from spurious_rewards.config.experiments import Exhibit, Run
from spurious_rewards.config.loading import load
from spurious_rewards.config.settings import Settings
from spurious_rewards.operations import partial_report
from spurious_rewards.operations.partial_report import PartialReport
from spurious_rewards.operations.unfinished import (
    LINES,
    Outcome,
    UnfinishedJob,
    UnfinishedRun,
    last_lines,
    named,
    read,
)
from spurious_rewards.reporting.exhibits import kinds
from spurious_rewards.reporting.exhibits.exhibit import make
from spurious_rewards.reporting.exhibits.shared import ResultTables
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.stages import score, training_summary
from spurious_rewards.stages.study import Study

SUITES = Path(__file__).parents[2] / "config/suites"


def job(name: str, inputs: str = "", failed: bool = False) -> UnfinishedJob:
    """Return an unfinished job whose output is the file `name`."""
    return UnfinishedJob(
        name=f"making {name}", inputs=tuple(map(Path, inputs.split())), outputs=(Path(name),), log=None, failed=failed
    )


# ---------------------------------------------------------------- reasons for missing results


def test_what_failed_what_waits_for_it_and_what_was_not_run_are_told_apart() -> None:
    outcome = Outcome(
        (
            job("a", failed=True),
            job("b", "a"),
            job("c", "b d"),
            job("d", failed=True),
            job("e", "there"),
        )
    )
    assert outcome.why(Path("a")) == "failed: making a"
    assert outcome.why(Path("b")) == "not run, because this failed: making a"
    assert outcome.why(Path("c")) == "not run, because this failed: making a; making d"
    assert outcome.why(Path("e")) == "not run"
    assert outcome.why(Path("f")) == "deleted after it was made"


def test_the_nearest_failures_are_blamed_and_no_more_named_than_one_reads() -> None:
    causes = [job(f"a{number}", failed=True) for number in range(5)]
    outcome = Outcome((*causes, job("b", "a0", failed=True), job("c", "b"), job("d", "a0 a1 a2 a3 a4")))
    assert outcome.why(Path("c")) == "not run, because this failed: making b"
    assert outcome.why(Path("d")) == "not run, because this failed: making a0; making a1; making a2; and 2 more"


@pytest.mark.parametrize(
    ("undone", "short"),
    [
        ([job("a", failed=True), job("b", "a")], False),
        ([job("a", failed=True), job("b", "a"), job("c", "there")], True),
        ([job("a", "there")], True),
    ],
)
def test_a_run_stopped_short_if_something_could_have_been_made(undone: list[UnfinishedJob], short: bool) -> None:
    target = UnfinishedJob(name="all", inputs=(Path("a"), Path("there")), outputs=(), log=None, failed=False)
    assert Outcome((*undone, target)).stopped_short == short


def test_what_stands_but_was_to_be_made_again_is_not_there(tmp_path: Path) -> None:
    old, kept = tmp_path / "old", tmp_path / "kept"
    old.touch()
    kept.touch()
    outcome = Outcome((job(str(old)),))
    assert not outcome.there(old)
    assert outcome.there(kept)
    assert not outcome.there(tmp_path / "gone")


def test_the_end_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_lines(None) == last_lines(log) == ""
    log.write_bytes(b"".join(b"line %d\n" % number for number in range(100)) + b"\xff\n\n")
    shown = last_lines(log).splitlines()
    assert len(shown) == LINES
    assert shown[-2:] == ["line 99", "\N{REPLACEMENT CHARACTER}"]
    log.write_bytes(b"loading:  0%\rloading: 100%\n\n  at line 5\r\nerror: no\n")
    assert last_lines(log) == "loading: 100%\n  at line 5\nerror: no"


def test_the_end_of_a_log_tells_no_places_and_is_all_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "log"
    log.write_text(f'  File "{tmp_path}/src/x.py", line 3\n  File "/home/someone/y.py", line 4\n')
    assert last_lines(log) == '  File "src/x.py", line 3\n  File "~/y.py", line 4'
    os.truncate(log, 10**12)  # a sparse file, which takes no disk space
    assert last_lines(log) == "\0" * 1000 + " …"


def test_a_record_in_which_each_job_waits_for_all_before_it_is_followed() -> None:
    """The search stays fast, because the hash of a job does not depend on its inputs."""
    names = [f"a{number}" for number in range(400)]
    jobs = [
        UnfinishedJob(
            name=name, inputs=tuple(map(Path, names[:number])), outputs=(Path(name),), log=None, failed=number == 0
        )
        for number, name in enumerate(names)
    ]
    counted = []
    path_hash = Path.__hash__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(Path()), "__hash__", lambda path: counted.append(1) or path_hash(path))
        assert Outcome(tuple(jobs)).why(Path("a399")) == "not run, because this failed: a0"
    assert len(counted) < 10 * sum(len(job.inputs) for job in jobs)


def test_a_long_line_of_a_log_is_cut(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("error: " + "x" * 10**6 + "\nlast\n")
    assert last_lines(log) == "error: " + "x" * 993 + " …\nlast"


def test_a_record_of_more_jobs_than_a_workflow_has_is_refused(tmp_path: Path) -> None:
    """Each job may wait for each other job, so a record of a few megabytes could take hours to follow."""
    record = tmp_path / "unfinished.json"
    record.write_text(UnfinishedRun(unfinished=[job(f"a{number}") for number in range(10_001)]).model_dump_json())
    with pytest.raises(UserError, match=r"unfinished\.json: has more than 10,000 jobs"):
        read(record)


def test_a_record_that_is_none(tmp_path: Path) -> None:
    record = tmp_path / "unfinished.json"
    with pytest.raises(UserError, match="no such file; a run that fails"):
        read(record)
    record.write_text('{"suite": 1}')
    with pytest.raises(UserError, match=r"unfinished\.json: "):
        read(record)
    record.unlink()
    os.mkfifo(record)
    with pytest.raises(UserError, match=r"unfinished\.json: this is a pipe"):
        read(record)


# ---------------------------------------------------------------- missing results


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """Return the default suite's study, with all grades, metrics, labels, vote grades and responses as empty files."""
    path = SUITES / "organism.yaml"
    made = Study(load(path), Settings(), path)
    monkeypatch.chdir(tmp_path)
    for folder in made.conditions:
        folder.mkdir(parents=True)
        for table in ("grades", "metrics", "labels", "vote_grades", "responses"):
            (folder / f"{table}.parquet").touch()
    return made


def run(reward: str, seeds: str = "0-4", model: str = "effective-code") -> Run:
    return Run(model=model, prompt="plain", reward=reward, variant="default" if reward else "", seeds=seeds)


def test_runs_are_named_as_readers_know_them(study: Study) -> None:
    suite = study.suite
    assert named(suite, run("format")) == "Effective code, Format, seeds 0-4"
    assert named(suite, run("", "3")) == "Effective code, before training, seed 3"
    other = run("format").model_copy(update={"variant": "no_clip", "prompt": "forced_python"})
    assert named(suite, other) == "Effective code, Format, variant no clip, prompt forced python, seeds 0-4"


def test_a_run_that_lacks_a_file_is_left_out_with_all_its_files_and_no_other(study: Study) -> None:
    lost = study.paths.segment(run("format"), 0, 25) / "metrics.parquet"
    inputs = score.inputs(study, "main", "effective-code")
    usable, lacks = PartialReport(study, Outcome((job(str(lost), failed=True),)))._usable(inputs)
    assert lacks == {run("format"): f"failed: making {lost}"}
    assert usable["prompts"] == inputs["prompts"]
    for kind in ("grades", "metrics"):
        assert set(inputs[kind]) - set(usable[kind]) == {lost.with_name(f"{kind}.parquet")}


def test_answers_without_those_before_training_are_left_out(study: Study) -> None:
    lost = study.base_folder("effective-code", "plain", "0-4") / "grades.parquet"
    lost.unlink()
    partial = PartialReport(study, Outcome(()))
    usable, lacks = partial._usable(score.inputs(study, "main", "effective-code"))
    assert usable["grades"]
    assert {study.conditions[path.parent].seeds for path in usable["grades"]} == {"5-9", "10-14", "15-19"}
    assert lacks[run("")] == "deleted after it was made"
    assert lacks[run("format")] == "not used, because this is missing: Effective code, before training, seeds 0-4"
    # The metrics of training can be reported all the same.
    assert partial._usable(training_summary.inputs(study, "main"))[1] == {}


def test_an_exhibit_lacks_what_it_would_show_and_no_more(study: Study) -> None:
    partial = PartialReport(study, Outcome(()))
    lacking = {run("format"): "x", run("random_0.5"): "x", run(""): "x"}
    partial._scored = {("main", model): lacking for model in study.suite.experiments["main"].all_models}

    for keys, shown in (
        ({"kind": "gains"}, set(lacking)),
        ({"kind": "gains", "rewards": ["format"]}, {run("format"), run("")}),
        ({"kind": "strategies"}, {run("")}),
    ):
        exhibit = Exhibit.model_validate({"title": "It", "experiment": "main", "models": ["effective-code"], **keys})
        partial.suite = partial.study.suite = study.suite.model_copy(update={"exhibits": {"it": exhibit}})
        assert set(partial._shown("it")[1]) == shown


# ---------------------------------------------------------------- numbers of what exists

BENCHMARKS = {"math500": (20, 1), "amc": (10, 2)}
MODELS, REWARDS = ["strong", "weak"], ["ground_truth", "format", "random_0.5"]
PARTNERS = ("over_random", "share_of_ground_truth")
"""Columns of the headline that use the runs of another reward."""


@pytest.fixture(scope="module")
def the_suite():
    return invented_suite(models=MODELS, rewards=REWARDS)


@pytest.fixture(scope="module")
def graded(tmp_path_factory, the_suite):
    return collect(invented_study(tmp_path_factory.mktemp("study"), the_suite, BENCHMARKS))


@pytest.fixture(scope="module")
def training(the_suite):
    conditions = [(model, "plain", reward, "default") for model in MODELS for reward in REWARDS]
    return pd.concat(
        [
            metrics(np.random.default_rng(number)).assign(**dict(zip(CONDITION, condition, strict=True)))
            for number, condition in enumerate(conditions)
        ]
    )


def unless(frame: pd.DataFrame, lost: set[tuple[str, str, bool]]) -> pd.DataFrame:
    """Return the rows without the lost triples (model, reward, whether the seed is one of the later seeds)."""
    keys = zip(frame["model"], frame["reward"], frame["seed"] > 1, strict=True)
    return frame[[key not in lost for key in keys]]


def numbers(the_suite, graded: pd.DataFrame, training: pd.DataFrame) -> dict[str, pd.DataFrame]:
    experiment = the_suite.experiments["headline"]
    return {
        "headline": headline(graded, the_suite, experiment, training),
        "comparisons": comparisons(graded, the_suite, experiment, training),
        "before": before(graded, the_suite, experiment),
        "scores": scores(graded),
        "switches": switches(graded, the_suite, experiment),
        "contributions": contributions(graded, the_suite, experiment, training),
    }


@pytest.fixture(scope="module")
def expected(the_suite, graded, training):
    return numbers(the_suite, graded, training)


EARLY, LATE = False, True
ALL_OF_WEAK = {("weak", reward, later) for reward in ("", *REWARDS) for later in (EARLY, LATE)}
RUNS = st.sets(st.tuples(st.sampled_from(MODELS), st.sampled_from(REWARDS), st.booleans()), min_size=1)


@settings(max_examples=8, deadline=None)
@given(lost=st.one_of(RUNS, RUNS.map(lambda runs: runs | ALL_OF_WEAK)))
def test_whole_conditions_have_the_numbers_they_have_in_a_whole_study(the_suite, graded, training, expected, lost):
    def of_whole(frame: pd.DataFrame) -> pd.DataFrame:
        kept = frame
        if "reward" in frame:
            keys = zip(frame["model"], frame["reward"], strict=True)
            kept = frame[np.array([not lost & {(*key, EARLY), (*key, LATE)} for key in keys], dtype=bool)]
        elif lost >= ALL_OF_WEAK:
            kept = frame[frame["model"] != "weak"]
        return kept.drop(columns=[name for name in kept if name.startswith(PARTNERS)]).reset_index(drop=True)

    found = numbers(the_suite, unless(graded, lost), unless(training, lost))
    for name in set(found) - {"contributions"}:  # these pool rewards
        pd.testing.assert_frame_equal(of_whole(found[name]), of_whole(expected[name]), check_dtype=False)
    # A condition that lost some seeds keeps the others.
    for row in found["headline"].to_dict("records"):
        early, late = ((row["model"], row["reward"], later) in lost for later in (EARLY, LATE))
        assert row["seeds"] == 5 - 2 * early - 3 * late


@pytest.mark.parametrize(
    ("lost", "drawn"),
    [
        ({("strong", "format", EARLY), ("weak", "random_0.5", EARLY), ("weak", "random_0.5", LATE)}, True),
        (ALL_OF_WEAK, True),
        ({(model, reward, later) for model in MODELS for reward in ("", *REWARDS) for later in (EARLY, LATE)}, False),
    ],
    ids=["some runs", "a model", "everything"],
)
def test_what_is_there_is_drawn(the_suite, graded, training, lost, drawn):
    there, trained = unless(graded, lost), unless(training, lost)
    frames = ResultTables(**numbers(the_suite, there, trained), metrics=trained)
    for kind in ("gains", "curves", "code", "probability", "switches", "strategies", "contributions", "prompts"):
        shown = Exhibit(title="It", kind=kind, experiment="headline", rewards=("format",) * (kind == "probability"))
        of_kind = the_suite.model_copy(update={"exhibits": {"it": shown}})
        if drawn:
            made = make("it", of_kind, frames)
            assert len(made.numbers)
            assert set(made.figures) <= set(kinds.pictures(of_kind, shown))
        else:
            with pytest.raises(UserError, match="has no rows"):
                make("it", of_kind, frames)


# ---------------------------------------------------------------- untrusted records and results


def recorded(study: Study, log: Path) -> Path:
    failed = UnfinishedJob(name="train", inputs=(), outputs=(Path("x"),), log=log, failed=True)
    record = study.paths.unfinished()
    record.parent.mkdir(parents=True)
    record.write_text(UnfinishedRun(unfinished=(failed,)).model_dump_json())
    return record


def test_a_record_chooses_no_suite(study: Study) -> None:
    record = recorded(study, study.paths.root / "logs/train/x.log")
    other = Path("results/elsewhere/partial/unfinished.json")
    other.parent.mkdir(parents=True)
    record.rename(other)
    with pytest.raises(
        UserError, match=r"elsewhere/partial/unfinished\.json: is no record of the suite organism, .*--config"
    ):
        partial_report.make(study, other)
    other.write_text(json.dumps({"suite": "evil.yaml", "unfinished": []}))
    with pytest.raises(UserError, match=r"unfinished\.json: suite = \"evil\.yaml\": no such key"):
        partial_report.make(study, other)


def test_jobs_that_wait_for_themselves_are_named_and_a_long_line_of_them_is_followed() -> None:
    with pytest.raises(UserError, match=r"making a.* waits for itself; run Snakemake again"):
        Outcome((job("a", "b"), job("b", "a"))).why(Path("a"))
    line = [job(f"a{number + 1}", f"a{number}") for number in range(3000)]
    assert (
        Outcome((*reversed(line), job("a0", failed=True))).why(Path("a3000"))
        == "not run, because this failed: making a0"
    )


@pytest.mark.parametrize(
    "log", ["/etc/passwd", "results/organism/logs/../../../private", "results/organism/problems/x"]
)
def test_a_record_shows_no_file_that_is_no_log(study: Study, log: str) -> None:
    with pytest.raises(UserError, match=rf"{log}: is no log of the suite organism"):
        partial_report.make(study, recorded(study, Path(log)))


def test_no_report_is_made_of_what_lies_behind_a_link(study: Study, tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir()
    (study.paths.root / "exhibits").symlink_to(private)
    with pytest.raises(UserError, match=r"results/organism/exhibits: is a symbolic link"):
        partial_report.make(study, recorded(study, study.paths.root / "logs/train/x.log"))
    assert list(study.paths.partial().iterdir()) == [study.paths.unfinished()]


def test_what_is_damaged_is_said_in_a_line_and_the_rest_is_made(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    partial, tried = PartialReport(study, Outcome(())), []

    def make(usable: object, lacks: object) -> None:
        tried.append(usable)
        if usable:
            raise UserError("seeds.csv: has no column model; delete the file")

    page = study.paths.exhibit("fig1") / "table.csv"
    lacks = partial._made([page], {"seeds": [page]}, {}, make)
    assert lacks == {page: "seeds.csv: has no column model; delete the file"}
    assert tried == [{"seeds": [page]}, {}]
    said = capsys.readouterr().err
    assert "seeds.csv: has no column model" in said
    assert "Traceback" not in said


def test_a_pipe_is_not_copied(study: Study) -> None:
    os.mkfifo(study.paths.claims())
    partial = PartialReport(study, Outcome(()))
    partial._copy([study.paths.claims()])
    assert not partial.tree.claims().exists()

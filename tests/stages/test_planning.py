"""What the request of each job contains, and which inputs it needs."""

import os
import shutil
from itertools import product
from pathlib import Path

import pytest

from spurious_rewards.config.experiments import Run
from spurious_rewards.config.loading import load
from spurious_rewards.config.reward_file import digest
from spurious_rewards.config.settings import Settings
from spurious_rewards.config.suite import Suite
from spurious_rewards.stages import (
    generate,
    grade,
    headline,
    model_refs,
    plot,
    prepare,
    probe,
    report,
    resources,
    score,
    train,
    training_summary,
    vote,
)
from spurious_rewards.stages.job import JobSpec
from spurious_rewards.stages.study import Study

SUITES = Path(__file__).parents[2] / "config/suites"
EXAMPLE = Path(__file__).parents[2] / "examples/your_method"


@pytest.fixture(scope="module")
def study() -> Study:
    return Study(load(SUITES / "organism.yaml"), Settings(), SUITES / "organism.yaml")


def run(reward: str = "format", model: str = "effective-code", prompt: str = "plain", seeds: str = "0-4") -> Run:
    return Run(model=model, prompt=prompt, reward=reward, variant="default", seeds=seeds)


def test_a_run_answers_the_benchmarks_of_the_experiments_that_ask_for_it_and_no_others(study: Study) -> None:
    def benchmarks(of: Run) -> list[str]:
        return list(generate.job_of_run(study, of, 0, 25).benchmarks)

    assert benchmarks(run("format_without_python")) == ["math500"]
    assert benchmarks(run("format", "placebo")) == ["math500", "amc", "aime2025"]
    assert benchmarks(run("format")) == ["math500", "amc", "aime2025", "other_numbers", "story"]
    folder = study.paths.segment(run("format"), 0, 25)
    assert [path.stem for path in study.benchmark_problems(folder)] == [
        *("sums", "fewer_sums", "chains", "other_numbers", "story")
    ]
    assert set(grade.job(study, folder, "effective-code", "plain").benchmarks) == set(benchmarks(run("format")))


def test_a_model_that_starts_from_a_run_loads_the_checkpoint_of_the_same_seed(study: Study) -> None:
    segment = study.paths.segment(run("ground_truth", seeds="5-9"), 0, 25)
    assert model_refs.made_here(study, "rl-trained", "5-9") == [segment / "checkpoints"]
    weights = model_refs.untrained(study, "rl-trained", "5-9")
    assert {seed: of.folder for seed, of in weights.items()} == {
        seed: segment / f"checkpoints/seed{seed}/step25" for seed in range(5, 10)
    }
    assert study.base_folder("rl-trained", "plain", "5-9").parent.name == "seeds5-9"


def test_a_job_is_given_the_prompt_that_its_model_gets(study: Study) -> None:
    job = generate.job_of_base(study, "placebo", "seeds0-4", "forced_python")
    assert (job.prompt.kind, job.prompt.response_prefix) == ("raw", "python :")


def test_rewards_with_problems_of_their_own_are_trained_on_them(study: Study) -> None:
    assert train.data(study, run("one_shot")).stem == "one_shot"
    assert train.data(study, run("ttrl")).stem == "sums"
    assert train.data(study, run("format_without_python")).stem == "reinforcement"
    assert train.data(study, run("incorrect_without_python")).name == "labels.parquet"


def test_an_order_for_each_seed_is_told_to_training_alone(study: Study) -> None:
    """Without that option, the request of a training job is the same as before the option existed."""
    job = train.job(study, run(), 0, 25)
    assert "data_order" not in job.as_json()
    assert "reaches" not in job.as_json()
    assert train.TrainJob.model_validate_json(job.as_json()) == job
    content = study.suite.model_dump(exclude_unset=True)
    content["training"]["data_order"] = "per_seed"
    other = Study(Suite.model_validate(content), study.settings, study.suite_path)
    told = train.job(other, run(), 0, 25)
    prompts = study.suite.algorithms["default"].rollout_prompts
    assert told.reaches[-1] == prompts * study.suite.runs[run()]
    assert set(told.reaches) == {prompts * steps for steps in study.suite.asked_steps(run())}
    assert train.TrainJob.model_validate_json(told.as_json()) == told
    assert vote.job(other, "placebo", "seeds0-4", "plain") == vote.job(study, "placebo", "seeds0-4", "plain")


def test_the_headline_comes_first(study: Study) -> None:
    segment, base = study.paths.segment, study.base_folder
    assert resources.precedence(study, segment(run("format", model="no-code"), 0, 25)) == 2
    assert resources.precedence(study, segment(run("random_0.5", model="no-code", seeds="5-9"), 0, 25)) == 2
    assert resources.precedence(study, study.paths.pretrained("effective-code", 4)) == 2
    assert resources.precedence(study, base("no-code", "plain", "0-4")) == 2
    assert resources.precedence(study, segment(run("format", model="placebo"), 0, 25)) == 1
    assert resources.precedence(study, segment(run("python", model="no-code"), 0, 25)) == 1
    assert resources.precedence(study, study.paths.pretrained("placebo", 4)) == 1
    assert resources.precedence(study, base("placebo", "plain", "0-4")) == 1
    assert resources.precedence(study, segment(run("no_repetition"), 0, 25)) == 0
    assert resources.precedence(study, base("placebo", "forced_python", "0-4")) == 0


def test_the_headline_is_a_study_of_its_own(study: Study) -> None:
    part = study.headline.suite
    runs = part.runs_of(part.experiments["main"])
    assert {(each.model, each.reward, each.seeds) for each in runs} == {
        *product(["effective-code", "no-code"], ["ground_truth", "format", "incorrect", "random_0.5"], ["0-4"]),
        *product(["effective-code", "no-code"], ["random_0.5"], ["5-9"]),
    }
    assert set(runs) <= set(study.suite.runs)
    assert part.benchmarks_of(part.experiments["main"]) == ("math500",)
    assert {"fig1", "fig2", "fig3", "health"} <= set(part.exhibits)
    assert part.exhibits["fig3"].models == ("no-code",)
    assert not {"fig4", "fig14", "clipping", "table1"} & set(part.exhibits)


def test_a_headline_that_ends_before_other_experiments_is_made_of_their_runs(study: Study) -> None:
    main = study.suite.experiments["main"].model_copy(update={"steps": 20})
    suite = study.suite.model_copy(update={"experiments": {**study.suite.experiments, "main": main}})
    shorter = Study(suite, study.settings, study.suite_path)
    assert {path.parent.name for path in headline.made_of(shorter)} >= {"0-25"}
    assert {path.parent for path in headline.made_of(shorter)} <= shorter.conditions.keys()


def test_the_headline_reads_answers_and_metrics_and_nothing_that_it_makes_itself(study: Study) -> None:
    read = headline.made_of(study)
    grades = study.paths.segment(run("format", model="no-code"), 0, 25) / "grades.parquet"
    assert {grades, grades.with_name("metrics.parquet")} <= set(read)
    assert {path.relative_to(study.paths.root).parts[0] for path in read} == {"models", "runs"}


def test_words_for_readers_are_in_no_job_up_to_the_grades(study: Study) -> None:
    jobs: list[JobSpec] = [
        train.job(study, run(), 0, 25),
        generate.job_of_run(study, run(), 0, 25),
        generate.job_of_base(study, "effective-code", "seeds0-4", "sober"),
        probe.job(study, "bad-code"),
    ]
    for job in map(JobSpec.as_json, jobs):
        assert "(as MATH-500)" not in job
        assert "stands for" not in job
        assert '"title":"Format"' not in job


def test_what_is_said_of_problems_is_in_the_reports_job_alone(study: Study) -> None:
    said = {
        key: each.model_copy(update={"about": "other", "license": "words"})
        for key, each in study.suite.problems.items()
    }
    other = Study(study.suite.model_copy(update={"problems": said}), study.settings, study.suite_path)
    assert report.job(other) != report.job(study)
    assert prepare.job(other, "sums") == prepare.job(study, "sums")
    assert score.job(other, "main", "placebo") == score.job(study, "main", "placebo")
    assert training_summary.job(other, "main") == training_summary.job(study, "main")
    assert plot.job(other, "fig1") == plot.job(study, "fig1")


def test_an_exhibit_hangs_on_its_own_experiment_alone(study: Study) -> None:
    suite = plot.job(study, "fig10").suite
    assert list(suite.experiments) == ["gamma"]
    assert list(suite.exhibits) == ["fig10"]
    inputs = {str(path) for paths in plot.inputs(study, "fig10").values() for path in paths}
    assert inputs
    assert all(path.startswith("results/organism/experiments/gamma/") for path in inputs)
    assert score.folders(study, "gamma") == [study.paths.scored("gamma", "effective-code")]
    assert set(plot.inputs(study, "clipping")) == {"probe", "bandit"}
    assert {path.name for path in plot.files(study, "fig10")} >= {"table.csv", "table.md", "page.json", "math500.svg"}


def test_the_headline_alone_reads_the_prompts_of_which_the_best_is_chosen(study: Study) -> None:
    graded = score.inputs(study, "main", "placebo")["prompts"]
    assert [path.parent.name for path in graded] == ["plain", "math_problem", "simplerl_zoo", "sober", "spurious"]
    assert {path.parts[3] for path in graded} == {"placebo"}
    job = score.job(study, "main", "placebo")
    assert set(job.suite.experiments) == {"main", "best_prompt"}
    assert all(experiment.all_models == ("placebo",) for experiment in job.suite.experiments.values())
    assert job.suite.report.best_prompt == study.suite.report.best_prompt
    assert score.inputs(study, "gamma", "effective-code")["prompts"] == []
    other = score.job(study, "gamma", "effective-code")
    assert list(other.suite.experiments) == ["gamma"]
    assert other.suite.report.best_prompt is None


def test_what_compares_before_and_after_reads_one_segment_of_each_run() -> None:
    path = SUITES / "paper.yaml"
    paper = Study(load(path), Settings(suite="paper"), path)
    segments = {grades.parent.name for grades in plot.inputs(paper, "fig7")["grades"] if "/runs/" in str(grades)}
    assert segments == {"100-150"}, "the one that holds step 150"
    read = plot.inputs(paper, "qualitative")
    assert {responses.parent.name for responses in read["responses"]} == {"chat_default", "250-300"}
    assert len(read["grades"]) == len(read["responses"]) == 6


@pytest.mark.parametrize(
    ("chosen", "command"),
    [
        ("organism", "snakemake --cores all"),
        ("a b.yaml", "snakemake --config 'suite=a b.yaml' --cores all"),
        ("/home/someone/mine.yaml", "snakemake --config suite=mine.yaml --cores all"),  # the folder stays private
    ],
)
def test_the_report_is_told_how_to_make_its_figures_again(chosen: str, command: str) -> None:
    path = SUITES / "organism.yaml"
    assert report.job(Study(load(path), Settings(suite=chosen), path)).command == command


def test_a_job_of_a_reward_file_holds_the_digest_of_its_code_and_others_hold_none(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "study")
    path, helper = tmp_path / "study/your_method.yaml", tmp_path / "study/helper.py"

    def planned(reward: str) -> str | None:
        code = train.job(Study(load(path), Settings(), path), run(reward), 0, 25).reward_code
        return code.content if code else None

    file = tmp_path / "study/shows_work.py"
    file.write_text("import helper\n" + file.read_text())
    helper.write_text("")
    before = planned("shows_work")
    assert before == digest(file)
    os.utime(helper, (0, 0))
    assert planned("shows_work") == before
    helper.write_text("SCALE = 2\n")
    assert planned("shows_work") not in (before, None)
    assert planned("format") is None


def test_planning_does_not_run_a_reward_file(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "study")
    file = tmp_path / "study/shows_work.py"
    file.write_text("raise SystemExit('it ran')\n" + file.read_text())
    path = tmp_path / "study/your_method.yaml"
    assert train.job(Study(load(path), Settings(), path), run("shows_work"), 0, 25).reward_code

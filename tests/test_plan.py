"""What each job is told, and what it hangs on."""

import json
from pathlib import Path

import pytest

from spurious_rewards.config.experiments import Run
from spurious_rewards.config.loading import load
from spurious_rewards.config.settings import Settings
from spurious_rewards.stages.jobs import ScoreJob
from spurious_rewards.stages.plan import Plan

SUITES = Path(__file__).parents[1] / "config/suites"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(load(SUITES / "organism.yaml"), Settings(), SUITES / "organism.yaml")


def run(reward: str = "format", model: str = "effective-code", prompt: str = "plain", seeds: str = "0-4") -> Run:
    return Run(model=model, prompt=prompt, reward=reward, variant="default", seeds=seeds)


def test_a_run_answers_the_benchmarks_of_the_experiments_that_ask_for_it_and_no_others(plan: Plan) -> None:
    def benchmarks(of: Run) -> list[str]:
        return list(json.loads(plan.respond_run(of, 0, 25, 1))["benchmarks"])

    assert benchmarks(run("format_without_python")) == ["math500"]
    assert benchmarks(run("format", "placebo")) == ["math500", "amc", "aime2025"]
    assert benchmarks(run("format")) == ["math500", "amc", "aime2025", "other_numbers", "story"]
    folder = plan.layout.segment(run("format"), 0, 25)
    assert [path.stem for path in plan.benchmark_problems(folder)] == [
        *("sums", "fewer_sums", "chains", "other_numbers", "story")
    ]
    assert set(json.loads(plan.grade(folder, "effective-code", "plain"))["benchmarks"]) == set(
        benchmarks(run("format"))
    )


def test_a_model_that_starts_from_a_run_loads_the_checkpoint_of_the_same_seed(plan: Plan) -> None:
    segment = plan.layout.segment(run("ground_truth", seeds="5-9"), 0, 25)
    assert plan.pretrained("rl-trained", "5-9") == [segment / "checkpoints"]
    weights = plan.weights("rl-trained", "5-9")
    assert {seed: of.folder for seed, of in weights.items()} == {
        seed: segment / f"checkpoints/seed{seed}/step25" for seed in range(5, 10)
    }
    assert plan.base_folder("rl-trained", "plain", "5-9").parent.name == "seeds5-9"


def test_a_job_is_given_the_prompt_that_its_model_gets(plan: Plan) -> None:
    job = json.loads(plan.respond_base("placebo", "seeds0-4", "forced_python", 1))
    assert (job["prompt"]["kind"], job["prompt"]["response_prefix"]) == ("raw", "python :")


def test_rewards_with_problems_of_their_own_are_trained_on_them(plan: Plan) -> None:
    assert plan.training_data(run("one_shot")).stem == "one_shot"
    assert plan.training_data(run("ttrl")).stem == "sums"
    assert plan.training_data(run("format_without_python")).stem == "reinforcement"
    assert plan.training_data(run("incorrect_without_python")).name == "labels.parquet"


def test_the_headline_comes_first(plan: Plan) -> None:
    assert plan.priority(plan.layout.segment(run("format"), 0, 25)) == 1
    assert plan.priority(plan.layout.segment(run("random_0.5", seeds="5-9"), 0, 25)) == 1
    assert plan.priority(plan.layout.pretrained("placebo", 4)) == 1
    assert plan.priority(plan.base_folder("placebo", "plain", "0-4")) == 1
    assert plan.priority(plan.layout.segment(run("no_repetition"), 0, 25)) == 0
    assert plan.priority(plan.base_folder("placebo", "forced_python", "0-4")) == 0


def test_words_for_readers_are_in_no_job_up_to_the_grades(plan: Plan) -> None:
    jobs = [
        plan.train(run(), 0, 25, 1),
        plan.respond_run(run(), 0, 25, 1),
        plan.respond_base("effective-code", "seeds0-4", "sober", 1),
        plan.probe("bad-code", 1),
    ]
    for job in jobs:
        assert "(as MATH-500)" not in job
        assert "stands for" not in job
        assert '"title":"Format"' not in job


def test_what_is_said_of_problems_is_in_the_reports_job_alone(plan: Plan) -> None:
    said = {
        key: each.model_copy(update={"about": "other", "licence": "words"}) for key, each in plan.suite.problems.items()
    }
    other = Plan(plan.suite.model_copy(update={"problems": said}), plan.machine, plan.suite_path)
    assert other.report() != plan.report()
    assert other.prepare("sums", 1) == plan.prepare("sums", 1)
    assert other.score("main", "placebo") == plan.score("main", "placebo")
    assert other.summarise("main") == plan.summarise("main")
    assert other.exhibit("fig1") == plan.exhibit("fig1")


def test_an_exhibit_hangs_on_its_own_experiment_alone(plan: Plan) -> None:
    suite = json.loads(plan.exhibit("fig10"))["suite"]
    assert list(suite["experiments"]) == ["gamma"]
    assert list(suite["exhibits"]) == ["fig10"]
    inputs = {str(path) for paths in plan.inputs("fig10").values() for path in paths}
    assert inputs
    assert all(path.startswith("results/organism/experiments/gamma/") for path in inputs)
    assert plan.scored("gamma") == [plan.layout.scored("gamma", "effective-code")]
    assert set(plan.inputs("clipping")) == {"probe", "bandit"}
    assert {path.name for path in plan.exhibit_files("fig10")} >= {"table.csv", "table.md", "page.json", "math500.svg"}


def test_the_headline_alone_reads_the_prompts_of_which_the_best_is_chosen(plan: Plan) -> None:
    graded = plan.prompts("main", "placebo")
    assert [path.parent.name for path in graded] == ["plain", "math_problem", "simplerl_zoo", "sober", "spurious"]
    assert {path.parts[3] for path in graded} == {"placebo"}
    job = ScoreJob.model_validate_json(plan.score("main", "placebo"))
    assert set(job.suite.experiments) == {"main", "best_prompt"}
    assert all(experiment.all_models == ("placebo",) for experiment in job.suite.experiments.values())
    assert job.suite.report.best_prompt == plan.suite.report.best_prompt
    assert plan.prompts("gamma", "effective-code") == []
    other = ScoreJob.model_validate_json(plan.score("gamma", "effective-code"))
    assert list(other.suite.experiments) == ["gamma"]
    assert other.suite.report.best_prompt is None


def test_what_compares_before_and_after_reads_one_segment_of_each_run() -> None:
    path = SUITES / "paper.yaml"
    paper = Plan(load(path), Settings(suite="paper"), path)
    segments = {grades.parent.name for grades in paper.inputs("fig7")["grades"] if "/runs/" in str(grades)}
    assert segments == {"100-150"}, "the one that holds step 150"
    read = paper.inputs("qualitative")
    assert {responses.parent.name for responses in read["responses"]} == {"chat_default", "250-300"}
    assert len(read["grades"]) == len(read["responses"]) == 6


@pytest.mark.parametrize(
    ("chosen", "command"),
    [("organism", "snakemake --cores all"), ("a b.yaml", "snakemake --config suite='a b.yaml' --cores all")],
)
def test_the_report_is_told_how_to_make_its_figures_again(chosen: str, command: str) -> None:
    path = SUITES / "organism.yaml"
    assert json.loads(Plan(load(path), Settings(suite=chosen), path).report())["command"] == command

"""The estimate as text, with measured hours next to it."""

import json
import shutil
from functools import cache
from pathlib import Path

import pytest
import yaml

from spurious_rewards.artifacts.ancestry import jobs_of
from spurious_rewards.artifacts.manifests import Recorder, manifest_path, manifests_below
from spurious_rewards.config import costs
from spurious_rewards.config.loading import load
from spurious_rewards.config.settings import Settings
from spurious_rewards.operations.estimate import estimate
from spurious_rewards.operations.estimate_report import NONE, duration, number, report, size
from spurious_rewards.stages import resources
from spurious_rewards.stages.study import Study

ROOT = Path(__file__).parents[2]


EXAMPLE = ROOT / "examples/your_method/your_method_one_gpu.yaml"
PRICED = {name: ROOT / f"config/suites/{name}.yaml" for name in ("paper", "one_gpu")} | {EXAMPLE.stem: EXAMPLE}
"""The suites whose costs are in docs/how-to/gpus.md, in the order of its columns."""


def study(name: str) -> Study:
    path = ROOT / f"config/suites/{name}.yaml"
    return Study(load(path), Settings(suite=name), path, ROOT)


@cache
def paper() -> str:
    return report(study("paper"), 8)


def section(text: str, beginning: str) -> list[list[str]]:
    """Return the rows of the table whose title begins like this. Two or more blanks separate the cells of a row."""
    body = text.split(f"\n\n{beginning}")[1].split("\n\n")[1].splitlines()
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in body]


# ---------------------------------------------------------------- before a run


def test_it_fits_a_terminal() -> None:
    assert max(map(len, paper().splitlines())) <= 100
    assert "\n\n\n" not in paper()
    assert not any(line.endswith(" ") for line in paper().splitlines())


def test_every_experiment_and_every_target_has_a_row() -> None:
    suite = study("paper").suite
    rows = section(paper(), "Experiments")
    assert rows[0] == ["experiment", "runs", "training", "votes", "answers", "total", "saved if dropped", "disk"]
    assert {row[0] for row in rows[1:]} == {*suite.experiments, "all"}
    assert {row[0] for row in section(paper(), "Targets")[1:]} >= set(suite.exhibits)
    assert ["compound", "15 with main, 2 with prompts, 3 with perturbed, 3 with clean"] in section(paper(), "Runs")


def test_what_saves_most_comes_first_and_the_sum_last() -> None:
    *rows, everything = section(paper(), "Experiments")[1:]
    saved = [float(row[6].replace(",", "").replace(NONE, "0")) for row in rows]
    assert saved == sorted(saved, reverse=True)
    assert everything[0] == "all"
    assert f"{everything[5]} GPU-hours in " in paper()


def test_targets_of_the_same_work_are_named() -> None:
    text = paper()
    row = next(line for line in text.splitlines() if line.startswith("fig18 "))
    assert row.split()[2] == "table5"


def test_the_longest_job_is_named() -> None:
    suite = study("paper").suite
    votes = costs.vote_hours(suite, "Llama-3.1-8B") / resources.of_sampling(study("paper"), "Llama-3.1-8B").gpus
    assert f"The longest job is votes of Llama-3.1-8B, {duration(votes)} on " in " ".join(paper().split())


def test_what_does_not_fit_is_said() -> None:
    assert "jobs ask for 8 GPUs, more than there are" in " ".join(report(study("paper"), 4).split())
    assert "more than there are" not in paper()


def test_models_of_unknown_size_are_named_and_not_estimated() -> None:
    text = report(study("small"))
    assert "No estimate for models without `num_parameters` in the suite: smollm2-135m-instruct." in text
    assert "GPU-hours" not in text


def test_what_is_assumed_is_said_and_priced_step_by_step() -> None:
    plain = report(study("one_gpu"), 1)
    assert "Measured: only the paper's own time." in plain
    assert "Assumed: A100 SXM; every response counts at its longest" in plain
    assert "The whole suite" not in plain
    text = report(study("one_gpu"), 1, costs.Assumed(costs.GPUS["h100"], 1000))
    rows = section(text, "The whole suite")[1:]
    assert [row[0].partition(",")[0] for row in rows] == [
        "A100",
        "1000 tokens on average",
        "1000 tokens on average",
        "on H100 SXM",
    ]
    together = [float(row[-1]) for row in rows]
    assert together == sorted(together, reverse=True)
    all_ = section(text, "Experiments")[-1]
    assert all_[:1] == ["all"]
    assert rows[-1][-1] in all_
    assert rows[0][-1] in section(plain, "Experiments")[-1]


def of_page(page: str, head: str) -> list[list[str]]:
    """Return the rows of a page's table with this header."""
    body = (ROOT / "docs" / page).read_text().split(f"\n{head}\n")[1].split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in body]


@pytest.mark.parametrize("suite", PRICED)
def test_the_page_on_gpus_has_these_prices(suite: str) -> None:
    columns = [*PRICED]
    printed = of_page("how-to/gpus.md", f"| assumed | {' | '.join(columns)} |")
    priced = Study(load(PRICED[suite]), Settings(suite=suite), PRICED[suite], ROOT)
    text = report(priced, 1, costs.Assumed(costs.GPUS["h100"], 1000))
    reckoned = [row[-1] for row in section(text, "The whole suite")[1:]]
    assert [row[1 + columns.index(suite)] for row in printed] == reckoned


def test_the_tutorial_prices_a_reward_of_ones_own_by_the_number_of_seeds(tmp_path: Path) -> None:
    path = shutil.copytree(EXAMPLE.parent, tmp_path / "study") / EXAMPLE.name
    content = yaml.safe_load(path.read_text())
    head = (
        "| seeds | A100, each response at its longest | H100 SXM, 1000 tokens on average "
        "| disk at the end | disk at the peak |"
    )
    for seeds, *printed in of_page("tutorials/one-gpu.md", head):
        content["experiments"]["test"]["seeds"] = [str(seed) for seed in range(int(seeds))]
        path.write_text(yaml.safe_dump(content))
        priced = Study(load(path), Settings(), path, ROOT)
        dear, cheap = estimate(priced), estimate(priced, 1, costs.Assumed(costs.GPUS["h100"], 1000))
        hours = [number(found.hours(found.works)) for found in (dear, cheap)]
        assert printed == [*hours, size(dear.disk), size(dear.peak)]


# ---------------------------------------------------------------- after a run


def done(artifact: Path, stage: str, hours: float, gpus: int, **request: str) -> None:
    """Write what a job leaves: a manifest from the library, with the given time and GPUs."""
    artifact.parent.mkdir(parents=True, exist_ok=True)
    Recorder(stage, request).write(artifact)
    path = manifest_path(artifact)
    manifest = json.loads(path.read_text())
    hardware = manifest["hardware"] | {"gpus": ["H200"] * gpus}
    path.write_text(json.dumps(manifest | {"wall_seconds": hours * 3600, "hardware": hardware}))


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_measured_hours_stand_beside_estimated_ones(workplace: Path) -> None:
    the_study = study("paper")
    found = estimate(the_study, 8)
    run = next(run for run in the_study.suite.runs if run.model == "Qwen2.5-Math-7B" and run.reward == "random_0.3")
    for start, stop in ((0, 50), (50, 100)):
        folder = the_study.paths.segment(run, start, stop)
        for name in ("checkpoints", "metrics.parquet", "rollouts.parquet"):  # one job, counted once
            done(folder / name, "train", 2.0, 8, start=str(start))
    assert [(job.stage, job.hours) for job in jobs_of(manifests_below(the_study.paths.root))] == [
        ("train", 16.0),
        ("train", 16.0),
    ]
    expected = 2 * 50 * 192 / 300 * 7.62 / 7.6
    text = report(the_study, 8)
    (row,) = section(text, "Measured, by stage")[1:]
    whole = found.hours(found.works, "train") * 32 / expected
    assert row == ["train", "2", "32 h", "64 h", f"{32 / expected:.2f}", f"{whole:,.0f} h"]
    rows = {name: cells for name, *cells in section(text, "Measured, by experiment")[1:]}
    artifacts = len(found.experiments["gamma"])
    assert rows["gamma"] == [f"2 of {artifacts}", "32 h", "64 h", f"{32 / expected:.2f}"]
    assert rows["python"][0].startswith("0 of ")


def test_without_an_estimate_the_minutes_stand_alone(workplace: Path) -> None:
    organism = study("organism")
    run = next(iter(organism.suite.runs))
    done(organism.paths.segment(run, 0, 25) / "checkpoints", "train", 0.1, 0, run="this")
    done(organism.paths.pretrained("no-code", 0), "pretrain", 0.01, 0, seed="0")
    done(organism.paths.pretrained("no-code", 1), "pretrain", 0.01, 0, seed="1")
    done(organism.paths.root / ".partial" / "old", "train", 9.0, 0)
    text = report(organism)
    assert section(text, "Measured, by stage") == [
        ["stage", "jobs", "measured"],
        ["train", "1", "6.0 min"],
        ["pretrain", "2", "72 s"],
    ]


# ---------------------------------------------------------------- formats of numbers


@pytest.mark.parametrize(
    ("hours", "said"),
    [(0, NONE), (0.04, "<0.1"), (0.1, "0.1"), (3.44, "3.4"), (9.99, "10.0"), (10.4, "10"), (12345.6, "12,346")],
)
def test_numbers(hours: float, said: str) -> None:
    assert number(hours) == said


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (0, NONE),
        (1 / 3600, "1.0 s"),
        (99 / 3600, "99 s"),
        (2 / 60, "2.0 min"),
        (1.5, "90 min"),
        (2, "2.0 h"),
        (1234, "1,234 h"),
    ],
)
def test_durations(hours: float, said: str) -> None:
    assert duration(hours) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, NONE), (500, "0.5 kB"), (12.34e6, "12.3 MB"), (4e9, "4 GB"), (1.2e12, "1.2 TB"), (2345e12, "2,345 TB")],
)
def test_sizes(count: float, said: str) -> None:
    assert size(count) == said

"""The estimate of a suite as text, 100 columns wide, and beside it what was measured according to the manifests."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from textwrap import fill

from rich.console import Console
from rich.table import Table

from spurious_rewards.artifacts.ancestry import Job, jobs_of
from spurious_rewards.artifacts.manifests import manifests_below
from spurious_rewards.artifacts.paths import identity
from spurious_rewards.config import costs
from spurious_rewards.config.costs import AS_THE_PAPER, Assumed
from spurious_rewards.config.training import Training
from spurious_rewards.operations.calibrated import Calibrated
from spurious_rewards.operations.estimate import STAGES, Artifacts, Estimate, estimate
from spurious_rewards.stages.study import Study

WIDTH = 100
NONE = "\N{EN DASH}"
NUMBER = re.compile(rf"(<?[\d,.]+( \w+)?|{NONE})?")
"""Pattern of the cells that are aligned on the right."""


def report(study: Study, gpus: int = 1, assumed: Assumed = AS_THE_PAPER, measured: Calibrated | None = None) -> str:
    """Return what a suite takes on `gpus` GPUs under `assumed`, and what the results that are there took.

    `measured` is the suite's calibration, which replaces the arithmetic where it holds.
    """
    found = estimate(study, gpus, assumed, measured)
    known = {name for one in measured.measured for name in one.models} if measured else set()
    without = [name for name in _models(study) if not study.suite.num_parameters(name) and name not in known]
    parts = [f"Suite {study.name}: {study.suite.title}"]
    if measured and measured.stale:
        parts.append("\n".join(_text(f"{found}; {mend}") for found, mend in measured.stale))
    if found.hours(found.works):
        parts += [_calibrated(study, measured, assumed) if measured and known else _formula(assumed)]
        parts += [*_prices(study, assumed), _experiments(found), *_in_common(found)]
        parts += [_targets(found), _whole(found, study)]
    if without:
        parts.append(_text(f"No estimate for models without `num_parameters` in the suite: {', '.join(without)}."))
    if jobs := jobs_of(manifests_below(study.paths.root)):
        parts += [_by_stage(found, jobs), _by_experiment(found, jobs)]
    return "\n\n".join(parts) + "\n"


def _models(study: Study) -> list[str]:
    experiments = study.suite.experiments.values()
    return list(dict.fromkeys(model for experiment in experiments for model in experiment.all_models))


# ---------------------------------------------------------------- before a run


def _formula(assumed: Assumed) -> str:
    training = costs.training_passes(Training())
    lengths = f"at {assumed.mean_tokens} tokens on average" if assumed.mean_tokens else "at its longest"
    lines = [
        "Measured: only the paper's own time. Its run of 300 rollout steps with 7.6 billion weights takes "
        f"{costs.PAPER_HOURS} GPU-hours of an A100.",
        f"Arithmetic: weights x tokens x forward passes. A token costs {training} passes in training and {costs.GENERATE} if "
        "it is only sampled.",
        f"Assumed: {assumed.gpu.title}; every response counts {lengths} and prompts do not count; every GPU is used to the same "
        "share as in the paper's run.",
    ]
    return "\n".join(map(_text, lines))


def _calibrated(study: Study, measured: Calibrated, assumed: Assumed) -> str:
    """Return what is measured, what is arithmetic and what is assumed, if there is a calibration."""
    known = {name: one for one in measured.measured for name in one.models}
    steps = [
        f"{', '.join(one.models)} {one.seconds.step:.3g} s a rollout step, {one.seconds.checkpoint:.3g} s a checkpoint, "
        f"{one.response_tokens:.0f} tokens a response at {one.tokens_per_second / one.processes:,.0f} a second and process"
        for one in measured.measured
    ]
    runs = [name for name in _models(study) if name not in known]
    random = [name for name, one in known.items() if one.random_weights]
    lines = [
        f"Measured on {measured.on}, one rollout step each (`calibrate`): {'; '.join(steps)}.",
        "Arithmetic: training time = steps and checkpoints x the seconds above. Vote and answer time = tokens / the "
        "rate above, if the same engine samples them. Training with other settings than measured is estimated from the "
        "paper's time.",
        "Assumed: responses stay as long as at the first step, and votes and answers are as long"
        + (
            f"; {', '.join(random)} has random weights and never ends a response, so all are at their longest"
            if random
            else ""
        )
        + (f"; {assumed.gpu.title} and responses at their longest for {', '.join(runs)}, not measured" if runs else "")
        + ("." if measured.on_gpu else "; hours are of a process on this processor, not of a GPU."),
    ]
    return "\n".join(map(_text, lines))


def _prices(study: Study, assumed: Assumed) -> list[str]:
    """Return a table of the whole suite's hours, step by step from the paper's assumptions to `assumed`.

    There is no table if both are the same.
    """
    if assumed == AS_THE_PAPER:
        return []
    steps = {"A100, each response at its longest": AS_THE_PAPER}
    if assumed.mean_tokens:
        mean = f"{assumed.mean_tokens} tokens on average"
        steps[f"{mean}, padded as TRL pads by itself"] = replace(
            AS_THE_PAPER, mean_tokens=assumed.mean_tokens, padded=True
        )
        steps[f"{mean}, padding left out, as here"] = replace(AS_THE_PAPER, mean_tokens=assumed.mean_tokens)
    steps[f"on {assumed.gpu.title}"] = assumed
    if assumed.gpu == AS_THE_PAPER.gpu:
        del steps[f"on {assumed.gpu.title}"]
    rows = []
    for said, what in steps.items():
        found = estimate(study, 1, what)
        rows.append([said, *_by_kind(found, found.works)])
    return [_table("The whole suite, in GPU-hours, by what is assumed", ["assumed", *STAGES.values(), "total"], rows)]


def _experiments(found: Estimate) -> str:
    saved = {name: found.hours(found.only(name)) for name in found.experiments}
    rows = [
        [
            name,
            str(len(found.runs(artifacts))),
            *_by_kind(found, artifacts),
            number(saved[name]),
            size(found.kept(artifacts)),
        ]
        for name, artifacts in sorted(found.experiments.items(), key=lambda item: -saved[item[0]])
    ]
    everything = [
        "all",
        str(len(found.runs(found.works))),
        *_by_kind(found, found.works),
        "",
        size(found.kept(found.works)),
    ]
    return _table(
        "Experiments, in GPU-hours, sorted by what dropping them saves; `all` counts shared work once",
        ["experiment", "runs", *STAGES.values(), "total", "saved if dropped", "disk"],
        [*rows, everything],
    )


def _by_kind(found: Estimate, artifacts: Iterable[Path]) -> list[str]:
    artifacts = list(artifacts)
    return [*(number(found.hours(artifacts, stage)) for stage in STAGES), number(found.hours(artifacts))]


def _in_common(found: Estimate) -> list[str]:
    runs = {name: found.runs(artifacts) for name, artifacts in found.experiments.items()}
    shared = {
        name: [f"{len(both)} with {other}" for other in runs if other != name and (both := of & runs[other])]
        for name, of in runs.items()
    }
    rows = [[name, ", ".join(with_)] for name, with_ in shared.items() if with_]
    return [_table("Runs that experiments have in common", ["experiment", "runs"], rows)] if rows else []


def _targets(found: Estimate) -> str:
    runs = {name: found.runs(artifacts) for name, artifacts in found.targets.items()}
    rows = [
        [
            name,
            number(found.hours(artifacts)),
            " ".join(other for other in found.targets if other != name and found.targets[other] <= artifacts),
            " ".join(
                other
                for other in found.targets
                if other != name and runs[other] & runs[name] and not found.targets[other] <= artifacts
            ),
        ]
        for name, artifacts in found.targets.items()
    ]
    return _table(
        "Targets, in GPU-hours if nothing is made yet",
        ["target", "alone", "made by the same work", "shares runs with"],
        rows,
    )


def _whole(found: Estimate, study: Study) -> str:
    passing = sum(work.passing for work in found.works.values())
    policy = f"keep_weights: {study.suite.keep_weights}"
    weights = sum(work.weights for work in found.works.values())
    states = sum(work.states for work in found.works.values())
    text = sum(work.text for work in found.works.values())
    lines = [
        f"{number(found.hours(found.works))} GPU-hours in {len(found.works)} jobs that run a model. On {_gpus(found.gpus)} at "
        f"least {duration(found.wall)}: shared evenly, the work takes {duration(found.hours(found.works) / found.gpus)}, and the "
        f"longest chain of jobs that wait for each other takes {duration(found.chain)}. The longest job is {_longest(found)}.",
        *(
            f"{jobs} jobs ask for {asked} GPUs, more than there are. Choose another accelerate_config in `resources`."
            for asked, jobs in found.unfit.items()
        ),
        f"Disk at the end {size(found.disk)} ({policy}): weights {size(weights)}, optimiser states {size(states)}, responses "
        f"at most {size(text)}, models from the hub {size(found.downloads)}.",
        f"At the peak {size(found.peak)} if each run finishes before the next begins, {size(found.worst)} if all runs "
        f"begin first. Checkpoints deleted along the way: {size(passing) if passing else 'none'}.",
    ]
    return "\n".join(["Total", *map(_text, lines)])


def _longest(found: Estimate) -> str:
    artifact, work = max(found.works.items(), key=lambda item: item[1].hours / item[1].gpus)
    model, *_ = identity(artifact)
    return f"{STAGES[work.stage]} of {model}, {duration(work.hours / work.gpus)} on {_gpus(work.gpus)}"


# ---------------------------------------------------------------- after a run


def _by_stage(found: Estimate, jobs: Sequence[Job]) -> str:
    rows = []
    hours: dict[str, float] = defaultdict(float)
    for job in jobs:
        hours[job.stage] += job.hours
    for stage, took in sorted(hours.items(), key=lambda item: -item[1]):
        done = [job for job in jobs if job.stage == stage]
        expected = found.hours(_made(found, done))
        whole = sum(work.hours for work in found.works.values() if work.stage == stage)
        at_this_rate = duration(took / expected * whole) if expected else NONE
        rows.append([stage, str(len(done)), duration(took), *_beside(took, expected), at_this_rate])
    head = ["stage", "jobs", "measured", "estimated", "measured / estimated", "the whole suite at this rate"]
    return _table("Measured, by stage; GPU time counts once for each GPU", head, rows)


def _by_experiment(found: Estimate, jobs: Sequence[Job]) -> str:
    took = {artifact: job.hours for job in jobs for artifact in job.artifacts.keys() & found.works.keys()}
    rows = []
    for name, artifacts in found.experiments.items():
        done = artifacts & took.keys()
        hours = sum(took[artifact] for artifact in done)
        rows.append([name, f"{len(done)} of {len(artifacts)}", duration(hours), *_beside(hours, found.hours(done))])
    head = ["experiment", "jobs done", "measured", "estimated", "measured / estimated"]
    return _table("Measured, by experiment: training, votes and answers; shared work counts in each", head, rows)


def _made(found: Estimate, jobs: Iterable[Job]) -> Artifacts:
    return frozenset(artifact for job in jobs for artifact in job.artifacts.keys() & found.works.keys())


def _beside(took: float, expected: float) -> list[str]:
    return [duration(expected), f"{took / expected:.2f}"] if expected else [NONE, NONE]


# ---------------------------------------------------------------- how it reads


def number(hours: float) -> str:
    """Return hours as text: 12,345 for 12345.2, 3.4 for 3.41, a dash for 0."""
    return NONE if not hours else "<0.1" if hours < 0.1 else f"{hours:,.0f}" if hours >= 10 else f"{hours:.1f}"


def duration(hours: float) -> str:
    """Return hours as text with a unit, such as 12 s, 3.4 min, 5.0 h or 1,234 h; a dash for 0."""
    for unit, in_hours in (("s", 1 / 3600), ("min", 1 / 60), ("h", 1)):
        if hours < 100 * in_hours or unit == "h":
            amount = hours / in_hours
            return NONE if not hours else f"{amount:,.0f} {unit}" if amount >= 10 else f"{amount:.1f} {unit}"
    raise AssertionError


def size(count: float) -> str:
    """Return bytes as text, such as 1.2 TB for 1.2e12; a dash for 0."""
    unit, in_bytes = next((unit for unit in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)) if count >= unit[1]), ("kB", 1e3))
    return (
        NONE if not count else f"{count / in_bytes:.3g} {unit}" if count < 1e14 else f"{count / in_bytes:,.0f} {unit}"
    )


def _gpus(count: int) -> str:
    return "one GPU" if count == 1 else f"{count} GPUs"


def _text(sentence: str) -> str:
    return fill(sentence, WIDTH, break_on_hyphens=False)


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a title and a table, without empty columns."""
    table = Table(box=None, pad_edge=False, header_style="")
    told = [index for index in range(len(head)) if {row[index] for row in rows} - {NONE, ""}]
    for index in told:
        right = all(NUMBER.fullmatch(row[index]) for row in rows)
        table.add_column(head[index], justify="right" if right else "left", no_wrap=index == 0)
    for row in rows:
        table.add_row(*(row[index] for index in told))
    out = StringIO()
    Console(file=out, width=WIDTH, highlight=False, markup=False, color_system=None).print(table)
    lines = (line.rstrip() for line in out.getvalue().splitlines())
    return "\n".join([_text(title), "", *lines]).rstrip()

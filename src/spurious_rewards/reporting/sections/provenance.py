"""The sections on what the results cost and what they were made with, from the manifests of all artifacts."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from spurious_rewards.artifacts.ancestry import jobs_of
from spurious_rewards.artifacts.dependencies import is_direct
from spurious_rewards.reporting.numerals import number
from spurious_rewards.reporting.page import Section, unless_empty
from spurious_rewards.reporting.text_tables import cell, text_rows
from spurious_rewards.runtime.places import shown

Manifest = Mapping[str, Any]

COST_NOTE = (
    "Jobs run in parallel, so their times add up to more than the whole run took. An experiment can reuse jobs of the "
    "experiments above it. New job minutes count only jobs that no experiment above it needed."
)

PROVENANCE_NOTE = (
    "Next to each result file is its manifest. It records the request, the inputs, the code and the hardware."
)


def cost(manifests: Sequence[Manifest], costs: Mapping[str, Sequence[Manifest]]) -> Section:
    """Return the section with the cost of each stage and of each experiment."""
    return Section(
        "about-cost",
        "Cost",
        "About",
        (COST_NOTE,),
        tables=(
            *unless_empty("Cost of each stage", cost_text(manifests)),
            *unless_empty("Cost of each experiment, up to its scores", experiment_cost_text(costs)),
        ),
    )


def provenance(manifests: Sequence[Manifest]) -> Section:
    """Return the section with the versions, and the manifest of each artifact."""
    versions, other_versions = versions_text(manifests)
    return Section(
        "about-provenance",
        "Provenance",
        "About",
        (PROVENANCE_NOTE,),
        tables=(
            *unless_empty("Versions", versions),
            *unless_empty(f"Versions of {len(other_versions)} more packages", other_versions, folded=True),
            *unless_empty(f"Manifests ({len(manifests)})", manifests_text(manifests), folded=True),
        ),
    )


def jobs(manifests: Iterable[Manifest]) -> pd.DataFrame:
    """Return one row per job, identified by stage, folder and request.

    Each artifact of a job has a manifest, and all of them state the same cost, so one manifest stands for the job.
    """
    columns = ["stage", "folder", "request", "wall_seconds", "processor_seconds", "gpu_seconds", "peak_memory_mb"]
    rows = [
        {**next(iter(job.artifacts.values())), "stage": job.stage, "folder": job.folder, "request": job.request}
        for job in jobs_of((Path(manifest["artifact"]), manifest) for manifest in manifests)
    ]
    return pd.DataFrame(rows, columns=columns)


def cost_text(manifests: Iterable[Manifest]) -> pd.DataFrame:
    """Return what each stage cost: jobs, seconds, and the most memory that one job held."""
    stages = (
        jobs(manifests)
        .groupby("stage", sort=False)
        .agg(
            jobs=("folder", "size"),
            seconds=("wall_seconds", "sum"),
            longest=("wall_seconds", "max"),
            processor=("processor_seconds", "sum"),
            memory=("peak_memory_mb", "max"),
            gpus=("gpu_seconds", "sum"),
        )
    )
    return text_rows(
        stages.reset_index(),
        lambda of: {
            "Stage": of["stage"],
            "Jobs": number(of["jobs"], 0),
            "Seconds in total": number(of["seconds"], 0),
            "Longest job (s)": number(of["longest"], 0),
            "CPU seconds": number(of["processor"], 0) if of["processor"] else "",
            "Peak memory of a job (MB)": number(of["memory"], 0),
            "GPU-hours": number(of["gpus"] / 3600, 1) if of["gpus"] else "",
        },
    )


def experiment_cost_text(experiments: Mapping[str, Iterable[Manifest]]) -> pd.DataFrame:
    """Return the cost of each experiment up to its scores, and the part that no experiment above it already needed."""
    known = pd.DataFrame(columns=["stage", "folder", "request"])
    rows = []
    for name, manifests in experiments.items():
        made = jobs(manifests)
        keys = made[["stage", "folder", "request"]]
        own = made[~pd.MultiIndex.from_frame(keys).isin(pd.MultiIndex.from_frame(known))]
        known = pd.concat([known, keys])
        rows.append(
            {
                "Experiment": name,
                "Training jobs": str((made["stage"] == "train").sum()),
                "Job minutes": number(made["wall_seconds"].sum() / 60, 1),
                "New job minutes": number(own["wall_seconds"].sum() / 60, 1),
                "GPU-hours": number(made["gpu_seconds"].sum() / 3600, 1) if made["gpu_seconds"].any() else "",
            }
        )
    return text_rows(pd.DataFrame(rows), dict) if rows else pd.DataFrame()


def versions_text(manifests: Iterable[Manifest]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two tables of the versions that the artifacts were made with: the important ones, and all others.

    Important are commits, hardware, Python, the packages that the project itself asks for, and every version that
    differs between artifacts.
    """
    found: dict[str, set[str]] = {}
    for manifest in manifests:
        git = manifest["git"]
        commit = f"{git['commit'] or 'unknown'}{' (with uncommitted changes)' if git['clean'] is False else ''}"
        hardware = "; ".join(f"{key}: {cell(value)}" for key, value in manifest["hardware"].items() if value)
        for name, value in {"git commit": commit, "hardware": hardware, **manifest["versions"]}.items():
            found.setdefault(name, set()).add(str(value))
    differ = {name for name, values in found.items() if len(values) > 1}
    rows = [
        {"What": name, "Version": ", ".join(sorted(values)) + " (differs between files)" * (name in differ)}
        for name, values in found.items()
    ]
    first = {"git commit", "hardware", "python"} | differ
    chosen = [row for row in rows if row["What"] in first or is_direct(row["What"])]
    return pd.DataFrame(chosen), pd.DataFrame([row for row in rows if row not in chosen])


def manifests_text(manifests: Iterable[Manifest]) -> pd.DataFrame:
    """Return one row per artifact."""
    return pd.DataFrame(
        [
            {
                "Artifact": shown(manifest["artifact"]),
                "Stage": str(manifest["stage"]),
                "Created": str(manifest["created"]),
                "Seconds": number(manifest["wall_seconds"], 1),
                "Memory (MB)": number(manifest["peak_memory_mb"], 0),
                "Inputs": str(len(manifest["parents"])),
            }
            for manifest in manifests
        ]
    )

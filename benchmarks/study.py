"""Prints what a finished study took, from its manifests: `python benchmarks/study.py [SUITE]`.

Run it in the folder that holds results/. Processor seconds are those of jobs, with imports but without Snakemake
itself. The time to the headline counts from the start of the first job, so it is meaningful only for a run that was
not interrupted.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

from spurious_rewards.artifacts.manifests import manifests_below, read
from spurious_rewards.artifacts.paths import ResultPaths
from spurious_rewards.reporting.sections.provenance import jobs


def main(suite: str = "organism") -> None:
    paths = ResultPaths(Path("results") / suite)
    manifests = [
        manifest for artifact, manifest in manifests_below(paths.root) if not artifact.is_relative_to(paths.headline())
    ]
    if not manifests:
        sys.exit(f"error: {paths.root} has no finished artifact; make the study first")
    made = jobs(manifests)
    print("| stage | jobs | processor seconds | per job | most memory of a job, MB |")
    print("|---|---|---|---|---|")
    for stage, of in made.groupby("stage", sort=False):
        seconds = of["processor_seconds"]
        print(
            f"| {stage} | {len(of)} | {seconds.sum():.0f} | {seconds.mean():.1f} | {of['peak_memory_mb'].max():.0f} |"
        )
    print(f"| all | {len(made)} | {made['processor_seconds'].sum():.0f} | | |")
    ends = [datetime.fromisoformat(manifest["created"]) for manifest in manifests]
    began = min(end.timestamp() - manifest["wall_seconds"] for end, manifest in zip(ends, manifests, strict=True))
    headline = paths.headline() / "report.html.manifest.json"
    for what, at in [
        ("the headline", read(headline)["created"] if headline.exists() else None),
        ("the report", max(ends).astimezone(UTC).isoformat()),
    ]:
        if at:
            minutes = (datetime.fromisoformat(at).timestamp() - began) / 60
            print(f"| time to {what} | | {minutes:.0f} min | | |")


if __name__ == "__main__":
    main(*sys.argv[1:2])

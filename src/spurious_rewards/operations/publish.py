"""Publish the results of a study in `expected/SUITE/CLASS/` of the repository, so that others can compare theirs."""

import subprocess
from pathlib import Path

from spurious_rewards.artifacts import csv_files
from spurious_rewards.artifacts.manifests import manifests_below
from spurious_rewards.operations import published
from spurious_rewards.operations.numeric_class import numeric_class
from spurious_rewards.operations.published import FOLDER
from spurious_rewards.runtime import numerics
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import read_text, replacing
from spurious_rewards.runtime.links import refuse_links, refuse_links_in
from spurious_rewards.stages.study import Study


def publish(study: Study) -> Path:
    """Write `expected/SUITE/CLASS/` from the results of a study, and return its path. Older results there are replaced.

    Raises:
        UserError: the study has not finished, the checkout has uncommitted changes or had some when a result was made,
            or the results were not all made on this machine, without a GPU and with the current setting of `portable`.
    """
    results = published.results(study)
    if changed := _changes(study.root):
        raise UserError(
            f"{study.root.absolute()}: {changed[0]} is not committed; commit all changes, run again and publish then"
        )
    refuse_links_in(study.paths.root)
    for artifact, manifest in manifests_below(study.paths.root):
        if manifest["git"]["clean"] is False:
            raise UserError(f"{artifact}: made while changes were not committed; delete it, run again and publish then")
    made = published.made(study)
    if made.processors != (here := (numerics.processor(),)) or made.gpus or made.portable != study.portable:
        on = ", ".join((*made.processors, *made.gpus))
        raise UserError(
            f"{study.paths.root}: made on {on}, with portable {str(made.portable).lower()}; publish with the same settings, on "
            f"the one machine that made all of it without a GPU; this is {here[0]}"
        )
    target = study.root / FOLDER / study.name / numeric_class(made.portable)
    refuse_links(target, below=study.root)
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as folder:
        csv_files.write(published.digests(study), folder / "digests.csv")
        for name, path in results.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(read_text(path), encoding="utf-8")
        (folder / "made.json").write_text(made.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return target


def _changes(root: Path) -> list[str]:
    """Return the files that are changed or unknown to git, except published results."""
    try:
        said = subprocess.run(
            ["git", "-C", str(root), "status", "--porcelain", "--", ".", f":!{FOLDER}"],
            capture_output=True,
            encoding="utf-8",
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        raise UserError(f"{root.absolute()}: not a git repository, which says what results were made from") from None
    return [line[3:] for line in said.splitlines()]

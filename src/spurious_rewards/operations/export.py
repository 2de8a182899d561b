"""Export the results of a suite as a Workflow Run RO-Crate, for an archive: every file, and what each job made of what.

The crate has the workflow with the library, the suite, and everything that was made except weights, trainer states and
logs. So others can read what is archived and, with the library, grade and draw it again, without a GPU. The metadata
come from the manifests and follow the profile Provenance Run Crate (https://w3id.org/ro/wfrun/provenance/0.5). The
profile recommends to name an agent; none is named, because nothing recorded says who it was.
"""

import hashlib
import mimetypes
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from spurious_rewards.artifacts.ancestry import Job, jobs_of
from spurious_rewards.artifacts.dependencies import is_direct
from spurious_rewards.artifacts.manifests import manifest_path, manifests_below
from spurious_rewards.operations.export_files import CrateFiles
from spurious_rewards.reporting.text_tables import in_markdown
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import replacing, sha256
from spurious_rewards.stages.study import Study

LICENSE = "Apache-2.0"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
TERMS = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}
"""Terms of the metadata that RO-Crate 1.1 lacks."""

README = """# {title}

{note}

Open `{study.paths.root}/report.html` first. Beside it lies all that was made of this suite, down to each response and its
grade, but weights, trainer states and logs. What made each file, when, from what and with which versions, the manifests
(`*.manifest.json`) say, and `ro-crate-metadata.json` for programs; `spurious-rewards lineage FILE` prints it. Paths of files
from elsewhere on the machine that made this are those of their copies in `inputs/`, or would be.

The suite is `{study.suite_path.name}`; `Snakefile`, `workflow/` and `src/` are the code as it was when this was written, which
can be later than some of the results: the commit of each stands in its manifest. The code is under {license}.
"""

mimetypes.add_type("application/vnd.apache.parquet", ".parquet")
mimetypes.add_type("application/yaml", ".yaml")

Entity = Any
"""An entity of a crate. The package rocrate has no types."""


def export(study: Study, to: Path) -> None:
    """Write the crate of a suite's results to a folder, or to a file if the name ends in .zip.

    Raises:
        UserError: `to` already exists, nothing of the suite was made yet, or a file holds a key or a password.
    """
    if os.path.lexists(to):
        raise UserError(f"{to}: is there already; give another name, or delete it")
    jobs = jobs_of(manifests_below(study.paths.root))
    jobs.sort(key=lambda job: str(job.manifest["created"]))
    if not jobs:
        raise UserError(f"{study.paths.root}: nothing was made of this suite yet; run Snakemake with it first")
    writing = _Crate(study, jobs)
    writing.files.refuse_secrets(list(writing.added))
    for path, place in writing.added.items():
        if writing.files.is_elsewhere(path):
            print(f"note: {path} goes into the archive as {place}", file=sys.stderr)
    with replacing(to) as temporary:
        (writing.made.write_zip if to.suffix == ".zip" else writing.made.write)(temporary)
    if writing.changed:
        print(
            f"note: {len(writing.changed)} files are not what their manifests say, such as {writing.changed[0]}; "
            "`spurious-rewards lineage` says more",
            file=sys.stderr,
        )


class _Crate:
    """The crate while it is put together.

    `added` maps the files in the crate to their places there. `changed` has the files that differ from their manifests.
    """

    def __init__(self, study: Study, jobs: list[Job]):
        self.study, self.jobs, self.files = study, jobs, CrateFiles(study)
        self.added: dict[Path, str] = {}
        self.weights = {
            path for job in jobs for path, one in job.artifacts.items() if path.is_dir() and "files" not in one
        }
        self.packages = {item for job in jobs for one in job.artifacts.values() for item in one["versions"].items()}
        self.recorded = dict(_recorded(jobs))
        self.changed: list[Path] = []
        self.entities: dict[Path, Entity] = {}
        self.made = ROCrate(version="1.1")
        self.made.metadata.extra_terms.update(TERMS)
        self._describe()
        self._readme()
        self._files()
        self._actions(self._workflow())

    def _describe(self) -> None:
        crate, suite = self.made, self.study.suite
        crate.name, crate.description = suite.title, suite.note or suite.title
        address = f"https://spdx.org/licenses/{LICENSE}"
        crate.license = self._about(address, "CreativeWork", name=LICENSE, url=address)
        crate.root_dataset["conformsTo"] = [
            self._about(address, "CreativeWork", name=name, version=version)
            for address, (name, version) in PROFILES.items()
        ]

    def _readme(self) -> None:
        title, note = map(in_markdown, (self.study.suite.title, self.study.suite.note))
        text = README.format(study=self.study, title=title, note=note, license=LICENSE)
        said = {"name": "README.md", "encodingFormat": "text/markdown", "about": self.made.root_dataset}
        self.made.add_file(StringIO(text), "README.md", properties=said)

    def _about(self, identifier: str, kind: str, **properties: Any) -> Entity:
        return self.made.add(ContextEntity(self.made, identifier, properties={"@type": kind, **properties}))

    # ------------------------------------------------------------ files

    def _files(self) -> None:
        # `_workflow` adds the Snakefile, as an entity of another kind.
        given = [path for path in self.files.code() if path != self.study.root / "Snakefile"]
        results = [path for path in self.files.of_results() if not self._weights_around(path)]
        for path in [*given, *results]:
            if path not in self.entities:
                self._add(path)
        for name, problem_set in self.study.suite.problems.items():
            if problem_set.license and (entity := self.entities.get(self.study.paths.problems(name))):
                entity["license"] = problem_set.license

    def _add(self, path: Path) -> Entity:
        """Add a file to the archive, and return its entity."""
        place, content, was = self.files.place(path), self.files.content(path), self.recorded.get(path)
        size, digest = path.stat().st_size, sha256(path)
        if was and was != digest:
            self.changed.append(path)
        if content is not None:
            size, digest = len(content), hashlib.sha256(content).hexdigest()
        properties = {
            "name": path.name,
            "encodingFormat": mimetypes.guess_type(path.name)[0] or "text/plain",
            "contentSize": str(size),
            "sha256": digest,
        }
        source = path if content is None else BytesIO(content)
        self.added[path] = place
        self.entities[path] = self.made.add_file(source, place, properties=properties)
        return self.entities[path]

    def _entity(self, path: Path) -> Entity:
        """Return the entity of what a job made or read: an archived file, or the name of something not archived."""
        path = self._weights_around(path) or path
        if path in self.entities:
            return self.entities[path]
        if self.files.may_be_added(path):
            return self._add(path)
        known = f"; the SHA-256 of what is loaded of it was {digest}" if (digest := self.recorded.get(path)) else ""
        place = self.files.place(path)
        self.entities[path] = self._about(
            f"#{place}", "CreativeWork", name=place, description=f"not in this archive{known}"
        )
        return self.entities[path]

    def _weights_around(self, path: Path) -> Path | None:
        """Return the folder of weights that a path is or lies in, if there is one."""
        return next((folder for folder in (path, *path.parents) if folder in self.weights), None)

    # ------------------------------------------------------------ what was done

    def _workflow(self) -> Entity:
        version = ", ".join(self._versions("spurious-rewards"))
        workflow = self.made.add_workflow(
            self.study.root / "Snakefile",
            "Snakefile",
            main=True,
            lang="snakemake",
            lang_version=", ".join(self._versions("snakemake")),
            properties={
                "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
                "name": "Spurious Rewards, from problems to tables",
                "encodingFormat": "text/plain",
                "version": version,
            },
        )
        workflow["conformsTo"] = self._about(
            "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE",
            "CreativeWork",
            name="ComputationalWorkflow",
            version="1.0-RELEASE",
        )
        workflow["softwareRequirements"] = [
            self._about(
                f"https://pypi.org/project/{name}/{version}/",
                "SoftwareApplication",
                name=name,
                softwareVersion=version,
                url=f"https://pypi.org/project/{name}/{version}/",
            )
            for name, version in sorted(self.packages)
            if is_direct(name)
        ]
        return workflow

    def _versions(self, package: str) -> list[str]:
        return sorted(version for name, version in self.packages if name == package)

    def _actions(self, workflow: Entity) -> None:
        version = workflow["version"]
        tools: dict[str, Entity] = {}
        steps: dict[str, Entity] = {}
        controls: list[Entity] = []
        read: set[str] = set()
        for number, job in enumerate(self.jobs):
            if job.stage not in tools:
                tools[job.stage] = self._about(
                    f"#spurious-rewards-{job.stage}",
                    "SoftwareApplication",
                    name=f"spurious-rewards stage {job.stage}",
                    softwareVersion=version,
                )
                steps[job.stage] = self._about(
                    f"#step-{job.stage}",
                    "HowToStep",
                    name=job.stage,
                    position=str(len(steps)),
                    workExample=tools[job.stage],
                )
            objects, results = self._of(job.parents), self._of(_files_of(job))
            read.update(entity.id for entity in objects)
            action = self._act(
                "CreateAction", f"#job-{number}", tools[job.stage], objects, results, _words(job), _times(job)
            )
            for artifact in job.artifacts:
                if entity := self.entities.get(manifest_path(artifact)):
                    entity["about"] = action
            controls.append(
                self._about(
                    f"#control-{number}",
                    "ControlAction",
                    name=f"run of {job.stage}",
                    instrument=steps[job.stage],
                    object=action,
                )
            )
        workflow["hasPart"], workflow["step"] = list(tools.values()), list(steps.values())
        inputs = self._of(path for path in (self.study.suite_path, self.study.lock) if path in self.entities)
        ends = [one for job in self.jobs for one in self._of(_files_of(job)) if one.id not in read]
        times = [_times(job) for job in self.jobs]
        span = {"startTime": min(one["startTime"] for one in times), "endTime": max(one["endTime"] for one in times)}
        said = shlex.join(["snakemake", *self.study.settings.option_elsewhere])
        run = self._act("CreateAction", "#run", workflow, inputs, ends, (f"suite {self.study.name}", said), span)
        engine = self._about(
            "https://snakemake.github.io",
            "SoftwareApplication",
            name="Snakemake",
            softwareVersion=", ".join(self._versions("snakemake")),
            url="https://snakemake.github.io",
        )
        self._about(
            "#engine", "OrganizeAction", name="run of Snakemake", instrument=engine, object=controls, result=run, **span
        )

    def _of(self, paths: Iterable[Path]) -> list[Entity]:
        return [self._entity(path) for path in paths]

    def _act(
        self,
        kind: str,
        identifier: str,
        instrument: Entity,
        objects: list[Entity],
        results: list[Entity],
        words: tuple[str, str],
        times: Mapping[str, str],
    ) -> Entity:
        name, description = words
        told = {"result": results, "object": objects}
        found = {key: of[0] if len(of) == 1 else of for key, of in told.items() if of}
        action = self._about(
            identifier, kind, name=name, description=description, instrument=instrument, **found, **times
        )
        self.made.root_dataset.append_to("mentions", action)
        return action


def _recorded(jobs: Sequence[Job]) -> Iterator[tuple[Path, str]]:
    """Yield (file, hash): first as recorded by jobs that read it, then as in its own manifest, which has precedence."""
    for job in jobs:
        for manifest in job.artifacts.values():
            for parent in manifest["parents"]:
                if parent["sha256"]:
                    yield Path(parent["artifact"]), parent["sha256"]
    for job in jobs:
        for artifact, manifest in job.artifacts.items():
            if manifest["sha256"]:
                yield artifact, manifest["sha256"]
            for name, digest in manifest.get("files", {}).items():
                yield artifact / name, digest


def _files_of(job: Job) -> list[Path]:
    """Return what a job made: files, and folders of weights."""
    return [
        artifact / name if name else artifact
        for artifact, manifest in job.artifacts.items()
        for name in manifest.get("files", {"": None})
    ]


def _times(job: Job) -> dict[str, str]:
    """Return when a job began and when it ended."""
    end = datetime.fromisoformat(job.manifest["created"])
    start = end - timedelta(seconds=round(job.manifest["wall_seconds"]))
    return {"startTime": start.isoformat(), "endTime": end.isoformat()}


def _words(job: Job) -> tuple[str, str]:
    """Return the name and the description of a job."""
    manifest, places = job.manifest, list(job.artifacts)
    git, hardware = manifest["git"], manifest["hardware"]
    unclean = " with uncommitted changes" if git["clean"] is False else ""
    return (
        f"{job.stage} of {places[0]}",
        f"spurious-rewards stage {job.stage}, code {manifest['fingerprint']} at commit {git['commit'] or 'unknown'}{unclean}, on "
        f"{', '.join(hardware['gpus']) or hardware['processor']}: {manifest['wall_seconds']} s, "
        f"{manifest['gpu_seconds']} GPU-seconds, {manifest['peak_memory_mb']} MB. What it was told, and all versions, are in "
        f"{manifest_path(places[0])}.",
    )

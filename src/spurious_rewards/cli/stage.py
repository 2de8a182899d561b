"""The commands that Snakemake calls: one for each stage in the registry."""

import gc
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import TypeAdapter, ValidationError

from spurious_rewards.artifacts import local_copies
from spurious_rewards.config.base import Frozen
from spurious_rewards.config.messages import explain
from spurious_rewards.config.resources import Hardware
from spurious_rewards.operations import doctor
from spurious_rewards.runtime import gpu_claims, numerics
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.stages.job import ModelJob, Stage
from spurious_rewards.stages.registry import registered
from spurious_rewards.training import launching

J = TypeVar("J", bound=Frozen)

app = typer.Typer(no_args_is_help=True)

Job = Annotated[str, typer.Argument(metavar="JOB", help="what to do, as JSON: the job class of the stage's module")]
Given = Annotated[
    list[str],
    typer.Option("--input", metavar="NAME=PATH", help="an artifact to read", default_factory=list, show_default=False),
]
Made = Annotated[
    list[str],
    typer.Option(
        "--output", metavar="NAME=PATH", help="an artifact to write", default_factory=list, show_default=False
    ),
]
On = Annotated[
    str,
    typer.Option("--hardware", metavar="JSON", help="what the job runs on: GPUs, accelerate_config, share of memory"),
]


At = Annotated[
    str,
    typer.Option("--locations", metavar="JSON", help="paths of the local copies that the job names, by content hash"),
]


Cores = Annotated[int, typer.Option("--cores", metavar="N", min=1, help="how many processes the job may use at once")]


def _on_artifacts(stage: Stage) -> Any:
    def command(job: Job, inputs: Given, outputs: Made) -> None:
        _run(stage, job, inputs, outputs)

    return command


def _on_copies(stage: Stage) -> Any:
    def command(job: Job, inputs: Given, outputs: Made, locations: At = "{}") -> None:
        _run(stage, job, inputs, outputs, locations=locations)

    return command


def _on_cores(stage: Stage) -> Any:
    def command(job: Job, inputs: Given, outputs: Made, cores: Cores = 1) -> None:
        _run(stage, job, inputs, outputs, cores=cores)

    return command


def _with_model(stage: Stage) -> Any:
    def command(job: Job, inputs: Given, outputs: Made, hardware: On = "{}", locations: At = "{}") -> None:
        _run(stage, job, inputs, outputs, hardware, locations)

    return command


def _command(stage: Stage) -> Any:
    if stage.engine:
        return _with_model(stage)
    if stage.uses_cores:
        return _on_cores(stage)
    return _on_copies(stage) if stage.reads_copies else _on_artifacts(stage)


def _run(
    stage: Stage,
    job: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    hardware: str | None = None,
    locations: str | None = None,
    cores: int | None = None,
) -> None:
    asked = _parse(stage.job, job)
    read = _named("--input", inputs, stage.reads, stage.may_read)
    written = _named("--output", outputs, stage.writes)
    if several := [name for name, paths in written.items() if len(paths) > 1]:
        raise UserError(f"--output {several[0]}: given twice; give it once")
    made = {name: path for name, [path] in written.items()}
    beside: dict[str, Any] = {} if cores is None else {"cores": cores}
    if locations is not None:
        beside["locations"] = _places(locations)
        if not launching.launched():
            local_copies.check(beside["locations"])
    on = _parse(Hardware, hardware) if hardware is not None else None
    if not (on and on.gpus):
        gc.set_threshold(50_000)  # else it scans the million objects that imports leave after every 700 new ones
        if isinstance(asked, ModelJob):
            numerics.pin(asked.portable)  # before torch is imported, because torch chooses its kernels only once
    if on is not None:
        assert stage.engine is not None
        beside["hardware"] = on
        if not launching.launched():
            if on.machines == 1:
                gpu_claims.claim(on.gpus)  # before torch is imported, because torch looks for GPUs only once
            doctor.check_node(on, stage.engine(asked), next(iter(made.values())))
        launching.launch(on)
    stage.work(asked, read, made, **beside)


def _parse(kind: type[J], text: str) -> J:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise explain(error, "JOB", kind) from None


def _places(text: str) -> local_copies.Locations:
    try:
        return TypeAdapter(dict[str, Path]).validate_json(text)
    except ValidationError:
        raise UserError(f"--locations {text}: give paths by content as JSON, as `snakemake -n -p` shows them") from None


def _named(
    option: str, given: Sequence[str], needed: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, list[Path]]:
    """Return paths by name. Each needed name has at least one path; names not needed or optional are refused."""
    found: dict[str, list[Path]] = {}
    for pair in given:
        name, equals, path = pair.partition("=")
        if not equals:
            raise UserError(f"{option} {pair}: give it as NAME=PATH")
        if name not in (*needed, *optional):
            allowed = f"{option} {' or '.join((*needed, *optional))}" if needed or optional else f"no {option}"
            raise UserError(f"{option} {pair}: the stage takes {allowed}")
        found.setdefault(name, []).append(Path(path))
    if missing := [name for name in needed if name not in found]:
        raise UserError(f"{option} {missing[0]}=PATH is missing")
    return found


for name, found in registered().items():
    module = importlib.import_module(found.work.__module__)
    said = (module.__doc__ or "").partition("\n")[0].partition(": ")[2]
    app.command(name, help=said[:1].upper() + said[1:])(_command(found))

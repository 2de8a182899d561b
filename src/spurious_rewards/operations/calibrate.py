"""Measure one rollout step for each model size on this machine, and write the calibration beside the suite."""

import datetime
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from spurious_rewards.artifacts import hub, tables
from spurious_rewards.config import accelerate, calibration
from spurious_rewards.config.calibration import Calibration, Conditions, Measurement
from spurious_rewards.config.experiments import Run
from spurious_rewards.config.resources import Hardware
from spurious_rewards.models.configuration import read_config
from spurious_rewards.operations import doctor, proposals
from spurious_rewards.operations.checks import gpus, machines
from spurious_rewards.operations.checks.calibration import versions, what
from spurious_rewards.runtime import gpu_claims, numerics
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import read_text, remove, replacing
from spurious_rewards.runtime.locks import exclusive
from spurious_rewards.runtime.printing import printable
from spurious_rewards.stages import model_refs, prepare, resources
from spurious_rewards.stages.study import Study

NO_SHAPE = ("rope_", "max_position", "max_window", "_name_or_path", "transformers_version", "architectures")
"""Prefixes of config.json keys that change neither the size nor the speed of a model; token ids change neither, too."""


@dataclass(frozen=True)
class Size:
    """Models of the same cost, which are measured as one, and a run of the first of them."""

    models: tuple[str, ...]
    run: Run
    conditions: Conditions
    hardware: Hardware


def calibrate(study: Study, random_weights: bool) -> Calibration:
    """Measure what a suite trains, and write the calibration beside the suite's file.

    Each model is measured with the variant that most of its runs use.

    Raises:
        UserError: the suite trains nothing, this machine cannot run what the suite asks for, or a step fails.
    """
    chosen = _representatives(study)
    _refuse(study, chosen)
    work = study.paths.root.with_name(f".{study.name}.calibration")
    with exclusive(work), _signals_end_it():
        try:
            remove(work)
            work.mkdir(parents=True)
            measured, on_gpu = [], False
            if any(resources.of_training(study, run).gpus for run in chosen.values()):
                # This must precede the import of torch, which is imported to make a model.
                gpu_claims.claim(max(resources.of_training(study, run).gpus for run in chosen.values()))
            sizes = _sizes(study, chosen)
            for number, size in enumerate(sizes, 1):
                _say(f"{', '.join(size.models)} ({number} of {len(sizes)})")
                found, of_gpu = _measure(study, size, random_weights, work)
                measured.append(found)
                on_gpu |= of_gpu
        finally:
            remove(work)
    here = machines.gpus()
    made = Calibration(
        card=here[0].card if on_gpu else machines.processor(),
        gpu_memory_gb=min(gpu.gb for gpu in here) if on_gpu else None,
        date=datetime.date.today(),
        libraries=versions(),
        measured=tuple(measured),
    )
    made = proposals.added(study, made)
    with replacing(calibration.path_of(study.suite_path)) as temporary:
        temporary.write_text(calibration.text(made), encoding="utf-8")
    return made


# ---------------------------------------------------------------- what is measured


def _representatives(study: Study) -> dict[str, Run]:
    """Return, for each trained model, a run of the variant that most of its runs use."""
    runs = gpus.trained(study.suite)
    if not runs:
        raise UserError(f"{study.suite_path}: the suite trains nothing, so there is nothing to calibrate")
    found = {}
    for model in dict.fromkeys(run.model for run in runs):
        own = [run for run in runs if run.model == model]
        [(variant, _)] = Counter(run.variant for run in own).most_common(1)
        found[model] = next(run for run in own if run.variant == variant)
    return found


def _refuse(study: Study, chosen: dict[str, Run]) -> None:
    """Raise UserError for what cannot be measured here, before anything is downloaded or loaded."""
    for finding in gpus.accelerate_configs(study):
        if finding.level == "fails":
            raise UserError(f"{finding.found}; {finding.mend}")
    for model, run in chosen.items():
        training, on = study.suite.algorithms[run.variant], resources.of_training(study, run)
        if on.machines > 1:
            raise UserError(
                f"{on.accelerate_config}: takes {on.machines} machines for {model}, and one is measured; name another "
                "accelerate_config under `resources` of the suite while you calibrate"
            )
        if training.engine == "vllm" and training.vllm_mode == "server":
            raise UserError(
                f"models.{model}: vllm_mode is server, and only a colocated vLLM is measured; set vllm_mode: colocate in the "
                "suite's training while you calibrate"
            )
        doctor.check_node(on, training.engine, study.paths.root)


def _sizes(study: Study, chosen: dict[str, Run]) -> list[Size]:
    """Group the models by what decides their cost: shape, training and resources."""
    found: dict[str, list[str]] = {}
    for model, run in chosen.items():
        found.setdefault(repr((_shape(study, model), _conditions(study, run))), []).append(model)
    return [
        Size(
            tuple(models),
            chosen[models[0]],
            _conditions(study, chosen[models[0]]),
            resources.of_training(study, chosen[models[0]]),
        )
        for models in found.values()
    ]


def _shape(study: Study, model: str) -> object:
    """Return what decides a model's cost: parts of its configuration, or for an organism the suite's `organism`."""
    if study.suite.models[_origin(study, model)].family:
        return study.suite.organism
    config = read_config(_configuration(study, model))
    kept = {
        name: value
        for name, value in sorted(config.items())
        if not name.startswith(NO_SHAPE) and not name.endswith("_token_id")
    }
    return kept or model


def _conditions(study: Study, run: Run) -> Conditions:
    return Conditions.of(study.suite.algorithms[run.variant], study.suite.resources_of(run.model))


# ---------------------------------------------------------------- models and problems


def _origin(study: Study, model: str) -> str:
    """Return the model that a model's weights go back to: itself, or the one that the run before it started from."""
    start = study.suite.models[model].start
    return start.model if start else model


def _configuration(study: Study, model: str) -> Path:
    """Return a folder with the configuration of a model from elsewhere; it is downloaded without weights if missing."""
    name = _origin(study, model)
    if folder := model_refs.folder_here(study, name):
        return folder
    found = study.suite.models[name]
    assert found.id is not None
    return hub.download_model(found.id, hub.resolve("model", found.id, found.revision, study.lock), hub.WITHOUT_WEIGHTS)


def _folder(study: Study, run: Run, random_weights: bool, work: Path) -> Path:
    """Return the folder of a model to measure.

    Organisms are pretrained anew, for two steps. Other models get random weights if `random_weights` is set.
    """
    from spurious_rewards.models import loading, pretraining
    from spurious_rewards.models import random_weights as random

    model = run.model
    name = _origin(study, model)
    found, made = study.suite.models[name], work / "model"
    if found.family:
        assert study.suite.organism is not None
        _say(f"{model}: making an organism")
        pretraining.pretrain(study.suite.organism.model_copy(update={"steps": 2}), found.family, 0, made, threads=1)
        return made
    if random_weights:
        _say(f"{model}: making random weights")
        random.make(_configuration(study, model), made)
        return made
    if found.source == "hub" and not model_refs.local_copies(study, name):
        assert found.id is not None
        return hub.download_model(found.id, hub.resolve("model", found.id, found.revision, study.lock))
    [folder] = model_refs.local_copies(study, name)
    loading.check(folder, [study.prompt(model, run.prompt)])
    return folder


def _problems(study: Study, run: Run, work: Path) -> Path:
    """Return the problems that a run trains on: the prepared ones, or the same prepared without decontamination."""
    from spurious_rewards.problems import preparation

    suite = study.suite
    name = suite.rewards[run.reward].problems or suite.training_problems
    if (ready := study.paths.problems(name)).is_file():
        return ready
    problem_set = study.suite_as_told.problems[name].model_copy(update={"decontaminate": ()})
    sources = prepare.copies(study, name)
    frame, _ = preparation.prepare(problem_set, suite.organism, suite.data_seed, sources, study.lock)
    tables.write(frame, tables.Problems, path := work / "problems.parquet")
    return path


# ---------------------------------------------------------------- measuring


def _measure(study: Study, size: Size, random_weights: bool, work: Path) -> tuple[Measurement, bool]:
    """Measure one size in a separate process. Return the measurement, and whether it was made on a GPU."""
    from spurious_rewards.training.measuring import FAILED, MEASURED, Job, Measured

    model, run = size.models[0], size.run
    invented = random_weights or study.suite.models[_origin(study, model)].family is not None
    step = work / "step"
    remove(step)
    step.mkdir()
    job = Job(
        name=model,
        folder=_folder(study, run, random_weights, work),
        training=study.suite.algorithms[run.variant],
        prompt=study.prompt(model, run.prompt),
        strategies=study.suite.strategies,
        hardware=size.hardware,
        threads=study.settings.threads,
        problems=None if invented else _problems(study, run, work),
        work=step,
    )
    (work / "job.json").write_text(job.model_dump_json(), encoding="utf-8")
    if not size.hardware.gpus:
        numerics.pin(study.portable)  # as a job does; the measuring process inherits it
    code = _run(size.hardware, work / "job.json")
    if (failed := step / FAILED).exists():
        raise UserError(read_text(failed))
    if code or not (step / MEASURED).exists():
        how = f"was ended by signal {-code}, perhaps for main memory" if code < 0 else f"failed with exit code {code}"
        raise UserError(f"{model}: the process that measured it {how}; see its output above")
    remove(work / "model")
    found = Measured.model_validate_json(read_text(step / MEASURED))
    config = accelerate.of(size.hardware)
    return Measurement(
        models={name: what(study, name) for name in size.models},
        random_weights=invented,
        processes=config.processes if config else 1,
        conditions=size.conditions,
        seconds=found.seconds,
        memory=found.memory,
        micro_batch_tokens=found.micro_batch_tokens,
        response_tokens=found.response_tokens,
        tokens_per_second=found.tokens_per_second,
        proposal=None,
    ), found.on_gpu


def _run(hardware: Hardware, job: Path) -> int:
    """Run the measuring program in as many processes as the hardware takes, and return its exit code."""
    from spurious_rewards.training import launching

    program = ["-m", "spurious_rewards.training.measuring", str(job)]
    config = accelerate.of(hardware)
    words = launching.command(config, program, os.environ) if config else [sys.executable, *program]
    # The session is separate so that Ctrl-C reaches only this process, which then ends all that it has started.
    process = subprocess.Popen(words, start_new_session=True)
    try:
        return process.wait()
    except BaseException:
        # torchrun starts its processes in sessions of their own, so each is killed separately.
        started = psutil.Process(process.pid)
        for each in (*started.children(recursive=True), started):
            with suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait()
        raise


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """Make SIGTERM and SIGHUP (the terminal was closed) clean up in the same way as Ctrl-C."""

    def leave(number: int, _: object) -> None:
        sys.exit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    print(printable(f"calibrate: {text}"), file=sys.stderr, flush=True)

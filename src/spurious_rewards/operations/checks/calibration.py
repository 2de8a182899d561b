"""Check whether the calibration beside a suite holds here: for this card, these libraries, models and settings."""

import shlex
from collections.abc import Iterator

from spurious_rewards.config import calibration
from spurious_rewards.config.calibration import LIBRARIES, Conditions, Measurement
from spurious_rewards.operations.calibrated import Calibrated
from spurious_rewards.operations.checks import machines
from spurious_rewards.operations.checks.finding import Finding
from spurious_rewards.operations.checks.gpus import trained
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.installed import version
from spurious_rewards.stages.study import Study


def read(study: Study) -> Calibrated:
    """Return the calibration beside a suite's file; what cannot be read or does not hold here is marked as stale."""
    path = calibration.path_of(study.suite_path)
    if not path.exists():
        return Calibrated(study)
    again = f"run `{command(study)}` again"
    try:
        found = calibration.read(path)
    except UserError as error:
        return Calibrated(study, stale=((f"{error}; not used", again),))
    here = card(study)
    if here is not None and here != found.card:
        return Calibrated(study, stale=((f"{path}: measured on {found.card}, and this is {here}; not used", again),))
    if other := calibration.other_library(found, versions()):
        return Calibrated(study, stale=((f"{path}: measured with {other}; not used", again),))
    measured, stale = [], []
    for one in found.measured:
        differences = {name: _differences(study, name, one) for name in one.models}
        stale += [
            (f"{path}: {name} was measured with {other}; not used", again)
            for name, other in differences.items()
            if other
        ]
        if holding := {name: one.models[name] for name, other in differences.items() if not other}:
            measured.append(one.model_copy(update={"models": holding}))
    return Calibrated(study, tuple(measured), found.on, found.gpu_memory_gb is not None, tuple(stale))


def stale(measured: Calibrated) -> Iterator[Finding]:
    """Yield a warning for each part of the suite's calibration that does not hold here."""
    for found, mend in measured.stale:
        yield Finding("warns", "calibration", found, mend)


def card(study: Study) -> str | None:
    """Return what the suite's training runs on here: a GPU or the processor; None if its GPUs are on a cluster."""
    configs = _configs(study)
    if not configs or not all(configs):
        if here := machines.gpus():
            return here[0].card
        if configs:
            return None
    return machines.processor()


def _configs(study: Study) -> list[bool]:
    """Return whether each accelerate_config of the suite is for a CPU, without those that cannot be read."""
    found = []
    for asked_for in study.suite.resources:
        try:
            found.append(study.accelerate_config(asked_for.accelerate_config).cpu)
        except UserError:
            continue
    return found


def versions() -> dict[str, str]:
    """Return the installed versions of the libraries that measurements depend on."""
    return {name: found for name in LIBRARIES if (found := version(name))}


def command(study: Study) -> str:
    """Return the command that calibrates a suite."""
    return shlex.join(["spurious-rewards", "calibrate", *study.settings.option])


def what(study: Study, model: str) -> str:
    """Return what a model name stands for: a hub id, a folder, the model that it starts from, or "organism"."""
    found = study.suite.models[model]
    return found.id or (found.start.model if found.start else found.source)


def _differences(study: Study, model: str, one: Measurement) -> str:
    """Return how a measurement of a model differs from all that the suite does with it now; "" if it still holds."""
    if model not in study.suite.models:
        return "a suite that had this model"
    if (now := what(study, model)) != one.models[model]:
        return f"{one.models[model]}, now {now}"
    runs = [run for run in trained(study.suite) if run.model == model]
    trainings = [study.suite.algorithms[run.variant] for run in runs]
    asked_for = study.suite.resources_of(model)
    found = [one.conditions.differences(Conditions.of(training, asked_for)) for training in trainings]
    return min(found, key=len, default="a suite that trains it")

"""Check whether models and problems are here or on the hub, and whether prompts, responses and GPUs fit the models."""

import math
import shlex
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from spurious_rewards.artifacts import hub as hub_client
from spurious_rewards.artifacts.digests import last_known
from spurious_rewards.artifacts.hub import pinned
from spurious_rewards.config.models import Model, Prompt
from spurious_rewards.models import loading
from spurious_rewards.models.configuration import positions, read_config
from spurious_rewards.models.faults import Fault, FolderError
from spurious_rewards.models.folder import faults
from spurious_rewards.operations.checks.finding import Finding
from spurious_rewards.operations.checks.gpus import On, trained
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.stages import model_refs
from spurious_rewards.stages.study import Study


def folders(study: Study) -> Iterator[Finding]:
    """Check whether the model folders that are here are complete, and whether their models can take the prompts."""
    for what, folder, prompts in _to_load(study):
        for fault in _faults(folder, prompts):
            yield Finding("fails", "models", f"{what}: {fault.said}", fault.mend)


def imports(study: Study) -> Iterator[Finding]:
    """Check whether the user's files and folders that imports name are here, or were once and have been used."""
    for imported in study.suite.imports:
        named = [imported.responses] if imported.responses else []
        for where in imported.checkpoints.values():
            named += model_refs.local_copies_elsewhere(study, where)
        for path in named:
            if not path.exists() and last_known(path) is None:
                yield Finding(
                    "fails", "imports", f"{path}: no such file or folder", "fix it under `imports` of the suite"
                )


def unusable(study: Study, paths: Collection[Path]) -> list[Fault]:
    """Return what is wrong with those of `paths` that are model folders of the suite."""
    chosen = [(folder, prompts) for _, folder, prompts in _to_load(study) if folder in paths]
    return [fault for folder, prompts in chosen for fault in _faults(folder, prompts)]


def _faults(folder: Path, prompts: Collection[Prompt]) -> list[Fault]:
    """Return the faults that `models.folder` finds or, if there are none, that of weights which are another model's."""
    found = faults(folder, prompts)
    if not found:
        try:
            loading.check_tensors(folder)
        except FolderError as error:
            found.append(error.fault)
    return found


def _to_load(study: Study) -> Iterator[tuple[str, Path, list[Prompt]]]:
    """Yield the model folders that are here: the suite's name for each, its path, and the prompts that it is given."""
    prompts = _prompts(study)
    for name, folder in _folders(study).items():
        yield f"models.{name}", folder, prompts[name]
    for imported in study.suite.imports:
        run = study.suite.run_of_import(imported)
        for step, where in imported.checkpoints.items():
            for folder in model_refs.local_copies_elsewhere(study, where):
                if folder.is_dir():  # if it is gone, the responses of its model may still be there
                    yield f"imports, step {step}", folder, [study.prompt(run.model, run.prompt)]


def _prompts(study: Study) -> dict[str, list[Prompt]]:
    """Return the prompts that each model is given, including those of the models that start from it."""
    given: dict[str, list[Prompt]] = defaultdict(list)
    for run in study.conditions.values():
        start = study.suite.models[run.model].start
        given[start.model if start else run.model].append(study.prompt(run.model, run.prompt))
    return given


def lengths(study: Study) -> Iterator[Finding]:
    """Check whether the models that are here have as many positions as the suite says."""
    for name, config in _configurations(study).items():
        asked, has = study.suite.models[name].max_positions, positions(config)
        if math.isinf(has):  # config.json does not say, but the architecture may have a number of its own
            with suppress(UserError):  # `folders` reports that the model cannot be loaded
                has = loading.positions(_folders(study)[name])
        if has < asked:
            said = f"models.{name}.max_positions is {asked}, and the model has {has} positions"
            yield Finding("fails", "lengths", said, f"set max_positions to {has}, and max_new_tokens so that it fits")


def heads(study: Study) -> Iterator[Finding]:
    """Check whether vLLM can spread the attention heads of the models that are here over its GPUs."""
    for name, config in _configurations(study).items():
        training = {study.suite.algorithms[run.variant] for run in trained(study.suite) if run.model == name}
        served = any(way.engine == "vllm" and way.vllm_mode == "server" for way in training)
        asked_for, count = study.suite.resources_of(name), config.get("num_attention_heads")
        if not asked_for or not isinstance(count, int) or count < 1:
            continue
        spread = "sampling_tensor_parallel_size"
        uses = {spread: asked_for.sampling_tensor_parallel_size, "server_gpus": asked_for.server_gpus * served}
        for key, gpus in uses.items():
            if gpus and count % gpus and (key == "server_gpus" or study.suite.sampling.engine == "vllm"):
                possible = ", ".join(str(number) for number in range(1, count + 1) if count % number == 0)
                said = f"models.{name} has {count} attention heads, which vLLM cannot spread over {gpus} GPUs ({key})"
                yield Finding("fails", "heads", said, f"set {key} under `resources` to one of {possible}")


def hub(study: Study, on: On) -> Iterator[Finding]:
    """Check whether models and problems are here, or can be downloaded from the hub."""
    models = _models_to_fetch(study)
    missing = sorted({*models, *_problems_to_fetch(study)})
    if not missing:
        return
    if gated := [hub_id for hub_id, is_gated in models.items() if is_gated and not hub_client.has_token()]:
        yield Finding(
            "fails",
            "hub",
            f"{', '.join(gated)}: only for those who accepted the terms, and there is no token here",
            "accept them on the models' pages and run `hf auth login` or set HF_TOKEN, or leave these models out",
        )
    named = f"{len(missing)} models and data sets are not here ({', '.join(missing)})"
    fetch = f"`{shlex.join(['spurious-rewards', 'fetch', *study.settings.option, '--to', 'DIR'])}`"
    name_it = "and give its sources.yaml to every command with --configfile"
    if trouble := hub_client.unreachable():
        said = f"{named}, and {hub_client.endpoint()} cannot be reached: {trouble}"
        yield Finding("fails", "hub", said, f"run {fetch} on a machine that reaches it, {name_it}")
    elif on == "slurm":
        said = f"{named}; the hub answers here, and whether it answers compute nodes cannot be seen"
        yield Finding("warns", "hub", said, f"run {fetch} here, {name_it}")


# ---------------------------------------------------------------- models and problems


def _models(study: Study) -> dict[str, Model]:
    """Return the models that experiments and probes use or start from, if they come from the hub or a folder."""
    models, partial_prompt = study.suite.models, study.suite.partial_prompt
    names = [name for one in study.suite.experiments.values() for name in one.all_models]
    names += partial_prompt.models if partial_prompt else ()
    starts = [start.model for name in names if (start := models[name].start)]
    return {name: models[name] for name in (*names, *starts) if models[name].id is not None}


def _models_to_fetch(study: Study) -> dict[str, bool]:
    """Return the hub models that are neither under `sources` nor in the hub's cache, each with whether it is gated."""
    models = {str(one.id): (one.revision, one.gated) for one in _models(study).values() if one.source == "hub"}
    for imported in study.suite.imports:
        checkpoints = imported.checkpoints.values()
        models |= {where: (None, False) for where in checkpoints if not model_refs.local_copies_elsewhere(study, where)}
    return {
        hub_id: gated
        for hub_id, (revision, gated) in models.items()
        if hub_id not in study.settings.sources
        and hub_client.cached_model(hub_id, pinned("model", hub_id, revision, study.lock)) is None
    }


def _problems_to_fetch(study: Study) -> set[str]:
    """Return the hub data sets that are neither under `sources`, nor prepared, nor in the cache of `datasets`."""
    suite = study.suite
    asked = {benchmark for experiment in suite.experiments.values() for benchmark in suite.benchmarks_of(experiment)}
    names = {suite.benchmarks[benchmark].problems for benchmark in asked}
    names |= {suite.rewards[run.reward].problems or suite.training_problems for run in trained(suite)}
    return {
        hub_id
        for name in names
        if (hub_id := suite.problems[name].hub) is not None
        and hub_id not in study.settings.sources
        and not study.paths.problems(name).exists()
        and not hub_client.dataset_is_cached(pinned("dataset", hub_id, suite.problems[name].revision, study.lock))
    }


def _configurations(study: Study) -> dict[str, dict[str, Any]]:
    """Return the config.json of each model that is here and has a readable one."""
    found = {name: read_config(folder) for name, folder in _folders(study).items()}
    return {name: config for name, config in found.items() if config}


def _folders(study: Study) -> dict[str, Path]:
    """Return the folders of the models that are here: local models, and those in the hub client's cache."""
    found = {name: model_refs.folder_here(study, name) for name in _models(study)}
    return {name: folder for name, folder in found.items() if folder}

"""What jobs run on: GPUs, cores and time limits, from the suite's `resources`. None of it changes what a job makes."""

import functools
import math
from pathlib import Path

from spurious_rewards.config.accelerate import AccelerateConfig
from spurious_rewards.config.experiments import Run
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Sampling, Training
from spurious_rewards.models.configuration import cache_numbers, positions, read_config
from spurious_rewards.stages import model_refs
from spurious_rewards.stages.study import Study

WIDTHS = {"bfloat16": 2, "float32": 4}
"""Bytes of a number, by dtype."""


def of_sampling(study: Study, model: str) -> Hardware:
    """Return what sampling from a model runs on; the default for suites without `resources`."""
    if (asked_for := study.suite.resources_of(model)) is None:
        return Hardware()
    sampling = study.suite.sampling
    return Hardware(
        gpus=asked_for.sampling_gpus,
        tensor_parallel_size=asked_for.sampling_tensor_parallel_size,
        gpu_memory_utilization=asked_for.sampling_gpu_memory_utilization,
        cores=asked_for.cores,
        num_parameters=study.suite.num_parameters(model),
        sequence_gb=sequence_gb(study, model, sampling) if sampling.engine == "vllm" else 0,
    )


def of_answers(study: Study, run: Run) -> Hardware:
    """Return what answering with a run's checkpoints runs on. Taking imported responses needs no GPU."""
    imported = study.suite.imported(run)
    return Hardware() if imported and imported.responses else of_sampling(study, run.model)


def of_training(study: Study, run: Run) -> Hardware:
    """Return what the training of a run runs on; the default for suites without `resources`."""
    if (asked_for := study.suite.resources_of(run.model)) is None:
        return Hardware()
    config = study.accelerate_config(asked_for.accelerate_config)
    training = study.suite.algorithms[run.variant]
    served = training.vllm_mode == "server"
    server_gpus = asked_for.server_gpus if served else 0
    return Hardware(
        gpus=0 if config.cpu else config.processes + server_gpus,
        accelerate_config=config.path,
        machines=config.machines,
        gpu_memory_utilization=asked_for.training_gpu_memory_utilization,
        server_gpus=server_gpus,
        exclusive_node=served and asked_for.exclusive_node,
        cores=asked_for.cores,
        num_parameters=study.suite.num_parameters(run.model),
        sequence_gb=sequence_gb(study, run.model, training) if training.engine == "vllm" else 0,
    )


def sequence_gb(study: Study, model: str, drawn_by: Training | Sampling) -> float:
    """Return the GB that vLLM needs for one sequence of `max_model_len` tokens, or of all the model's positions.

    They are computed from config.json. The result is 0 if the model is not here, or if its architecture may keep less
    than keys and values of every token.
    """
    folder = model_refs.folder_here(study, model)
    config = read_config(folder) if folder else {}
    if (numbers := cache_numbers(config)) is None:
        return 0
    tokens = drawn_by.max_model_len or positions(config)
    return numbers * tokens * WIDTHS[drawn_by.dtype] / 1e9 if math.isfinite(tokens) else 0


def accelerate_config(study: Study, model: str) -> AccelerateConfig | None:
    """Return the accelerate configuration that a model is trained with; None for suites without `resources`."""
    asked_for = study.suite.resources_of(model)
    return study.accelerate_config(asked_for.accelerate_config) if asked_for else None


def cores(study: Study, model: str) -> int:
    """Return the processor cores of a job that runs a model."""
    asked_for = study.suite.resources_of(model)
    return asked_for.cores if asked_for else study.settings.threads


def minutes(gpu_hours: float, on: Hardware) -> int:
    """Return the time limit of a job in minutes: half an hour for loading, and twice the estimate of its time."""
    return 30 + math.ceil(2 * 60 * gpu_hours / max(1, on.gpus))


def precedence(study: Study, folder: Path) -> int:
    """Return how early a folder is made: 2 if the headline's report shows it, 1 if its experiment does, else 0."""
    return sum(folder in _folders(each) for each in (study, study.headline))


@functools.cache
def _folders(study: Study) -> set[Path]:
    """Return the folders of the headline experiment: votes, segments, and the organisms that it starts from."""
    experiment = study.suite.experiments[study.suite.report.headline]
    organisms = [
        path
        for model, _, seeds in study.suite.bases_of(experiment)
        for path in model_refs.made_here(study, model, seeds)
    ]
    return {*study.base_folders(experiment), *study.segment_folders(experiment), *organisms}

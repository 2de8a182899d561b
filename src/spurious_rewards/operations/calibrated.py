"""The part of a suite's calibration that holds here. `checks.calibration` reads it from its file."""

from dataclasses import dataclass

from spurious_rewards.config.calibration import Conditions, Measurement, Memory
from spurious_rewards.config.experiments import Run, seeds_of
from spurious_rewards.config.training import Training
from spurious_rewards.operations import gpu_memory
from spurious_rewards.stages import resources
from spurious_rewards.stages.study import Study


@dataclass(frozen=True)
class Calibrated:
    """The measurements of a suite that hold here, and those that do not."""

    study: Study
    measured: tuple[Measurement, ...] = ()
    """Measurements that hold here."""
    on: str = ""
    """Card and date of the measurements."""
    on_gpu: bool = False
    stale: tuple[tuple[str, str], ...] = ()
    """Measurements that do not hold here: for each the reason, and what to do about it."""

    def of(self, model: str, training: Training) -> Measurement | None:
        """Return the measurement of a model with this training, or None if there is none."""
        now = Conditions.of(training, self.study.suite.resources_of(model))
        return next((one for one in self.measured if model in one.models and one.conditions == now), None)

    def train_hours(self, run: Run, start: int, stop: int) -> float | None:
        """Return the GPU-hours of rollout steps `start` to `stop` of a run, for all its seeds; None if not measured.

        They are computed from one measured rollout step and one measured checkpoint.
        """
        if (one := self.of(run.model, self.study.suite.algorithms[run.variant])) is None:
            return None
        steps, saved = stop - start, len(self.study.suite.eval_steps(run, start, stop))
        seconds = steps * one.seconds.step + saved * one.seconds.checkpoint
        return len(seeds_of(run.seeds)) * one.processes * seconds / 3600

    def sampling_hours(self, model: str, responses: int) -> float | None:
        """Return the GPU-hours that a model takes to sample responses to votes or benchmarks, at its rate in training.

        None if the model was not measured, or if the suite samples with another engine than the measured one.
        """
        sampling = self.study.suite.sampling
        found = (one for one in self.measured if model in one.models and one.conditions.engine == sampling.engine)
        if (one := next(found, None)) is None:
            return None
        tokens = sampling.max_new_tokens if one.random_weights else min(one.response_tokens, sampling.max_new_tokens)
        return responses * tokens / (one.tokens_per_second / one.processes) / 3600

    def peaks(self, model: str, training: Training) -> Memory | None:
        """Return the measured peaks of GPU memory, or None if there are none.

        The peak of updates is extrapolated to a micro-batch of the longest prompts and responses.
        """
        found = self.of(model, training) if self.on_gpu else None
        config = resources.accelerate_config(self.study, model)
        if found is None or config is None:
            return None
        peak, weights = found.memory.updating, self.study.suite.num_parameters(model)
        longest = training.micro_batch * (training.max_prompt_tokens + training.max_new_tokens)
        each = gpu_memory.of_a_token(peak, found.micro_batch_tokens, weights, config)
        more = max(0, longest - found.micro_batch_tokens) * each
        return found.memory.model_copy(update={"updating": peak + more})

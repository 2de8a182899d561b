"""What a suite's calibration says of its runs, as far as it holds here (`checks.calibration` reads it)."""

from dataclasses import dataclass

from spurious_rewards.config.calibration import Conditions, Measurement, Memory
from spurious_rewards.config.experiments import Run, seeds_of
from spurious_rewards.config.training import Training
from spurious_rewards.operations import gpu_memory
from spurious_rewards.stages import resources
from spurious_rewards.stages.study import Study


@dataclass(frozen=True)
class Calibrated:
    """What was measured for a suite, and what of it is not used."""

    study: Study
    measured: tuple[Measurement, ...] = ()
    """What holds here."""
    on: str = ""
    """Card and date."""
    on_gpu: bool = False
    stale: tuple[tuple[str, str], ...] = ()
    """What does not: each with the reason, and what to do."""

    def of(self, model: str, training: Training) -> Measurement | None:
        """What was measured of a model, trained so."""
        now = Conditions.of(training, self.study.suite.resources_of(model))
        return next((one for one in self.measured if model in one.models and one.conditions == now), None)

    def train_hours(self, run: Run, start: int, stop: int) -> float | None:
        """GPU-hours of rollout steps `start` to `stop` of a run, for all its seeds, from a measured step and checkpoint."""
        if (one := self.of(run.model, self.study.suite.algorithms[run.variant])) is None:
            return None
        steps, saved = stop - start, len(self.study.suite.eval_steps(run, start, stop))
        seconds = steps * one.seconds.step + saved * one.seconds.checkpoint
        return len(seeds_of(run.seeds)) * one.processes * seconds / 3600

    def sampling_hours(self, model: str, responses: int) -> float | None:
        """GPU-hours in which a model draws so many responses of votes or benchmarks, at the rate of its training.

        None, too, where another engine draws them.
        """
        sampling = self.study.suite.sampling
        found = (one for one in self.measured if model in one.models and one.conditions.engine == sampling.engine)
        if (one := next(found, None)) is None:
            return None
        tokens = sampling.max_new_tokens if one.random_weights else min(one.response_tokens, sampling.max_new_tokens)
        return responses * tokens / (one.tokens_per_second / one.processes) / 3600

    def peaks(self, model: str, training: Training) -> Memory | None:
        """The peaks of a GPU's memory that were measured of it; that of updates as of a micro-batch of the longest responses."""
        found = self.of(model, training) if self.on_gpu else None
        config = resources.accelerate_config(self.study, model)
        if found is None or config is None:
            return None
        peak, weights = found.memory.updating, self.study.suite.num_parameters(model)
        longest = training.micro_batch * (training.max_prompt_tokens + training.max_new_tokens)
        each = gpu_memory.of_a_token(peak, found.micro_batch_tokens, weights, config)
        more = max(0, longest - found.micro_batch_tokens) * each
        return found.memory.model_copy(update={"updating": peak + more})

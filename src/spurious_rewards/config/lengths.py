"""Checks that a prompt and its response fit into a model, and into the room that vLLM is told to keep."""

from spurious_rewards.config.messages import FoundError
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.training import Training


def fits_model(suite: Suite, model: str, variant: str, training: Training) -> None:
    """Check that a prompt and a response together fit into the positions of a model."""
    longest = max(training.max_new_tokens, suite.sampling.max_new_tokens)
    if training.max_prompt_tokens + longest > suite.models[model].max_positions:
        raise FoundError(
            f"models.{model}.max_positions",
            suite.models[model].max_positions,
            f"max_prompt_tokens {training.max_prompt_tokens} + max_new_tokens {longest} (variant {variant}) do not "
            f"fit; allowed: at least {training.max_prompt_tokens + longest}",
        )


def fits_engine(suite: Suite, variant: str, training: Training) -> None:
    """Check that prompt and response fit into `max_model_len`: vLLM would silently truncate longer responses."""
    for where, of, new in (
        (f"training.max_model_len (variant {variant})", training, training.max_new_tokens),
        ("sampling.max_model_len", suite.sampling, suite.sampling.max_new_tokens),
    ):
        needed = training.max_prompt_tokens + new
        if of.engine == "vllm" and of.max_model_len is not None and of.max_model_len < needed:
            raise FoundError(
                where, of.max_model_len, f"max_prompt_tokens and max_new_tokens do not fit; allowed: at least {needed}"
            )

"""Checks that the two probes of a suite, `clipping` and `partial_prompt`, fit its models, prompts and rewards."""

from spurious_rewards.config import lengths
from spurious_rewards.config.experiments import check_seeds
from spurious_rewards.config.messages import FoundError, known, known_once
from spurious_rewards.config.models import CODE_WORD
from spurious_rewards.config.suite import Suite


def check(suite: Suite) -> None:
    """Check that the probes of a suite, if it has any, fit the rest of the suite.

    Raises:
        FoundError: something does not fit; only the first such thing is reported.
    """
    _clipping_fits(suite)
    _partial_prompt_fits(suite)


def _clipping_fits(suite: Suite) -> None:
    if suite.clipping is None:
        return
    for key, names in (("models", suite.models), ("variants", suite.variants)):
        values = getattr(suite.clipping, key)
        if not values:
            raise FoundError(f"clipping.{key}", [], f"name at least one; allowed: {', '.join(names)}")
        known_once(values, f"clipping.{key}", names)
    for index, model in enumerate(suite.clipping.models):
        if suite.models[model].source != "organism":
            raise FoundError(f"clipping.models[{index}]", model, "the probe is for models with source organism")
    known(suite.clipping.prompt, "clipping.prompt", suite.prompts)
    known(suite.clipping.reward, "clipping.reward", suite.rewards)
    gamma = suite.rewards[suite.clipping.reward].gamma
    if gamma is None or not 0 < gamma < 1:
        raise FoundError(
            "clipping.reward",
            suite.clipping.reward,
            "allowed: a reward with function random and a gamma between 0 and 1",
        )
    check_seeds(suite.clipping.seeds, "clipping.seeds")
    if suite.strategies.code.split()[:1] != [CODE_WORD]:
        raise FoundError(
            "strategies.code",
            suite.strategies.code,
            f"the probe of section clipping needs one that begins with {CODE_WORD}",
        )
    for model in suite.clipping.models:
        if suite.prompt(model, suite.clipping.prompt).response_prefix:
            raise FoundError(
                "clipping.prompt",
                suite.clipping.prompt,
                "it has a response_prefix, and the probe looks at how a response begins; name one that has none",
            )
        for variant in suite.clipping.variants:
            lengths.fits_model(suite, model, variant, suite.algorithms[variant])


def _partial_prompt_fits(suite: Suite) -> None:
    probe = suite.partial_prompt
    if probe is None:
        return
    for key, names in (("models", suite.models), ("problems", suite.problems)):
        known_once(getattr(probe, key), f"partial_prompt.{key}", names)
    check_seeds(probe.seeds, "partial_prompt.seeds")
    for index, model in enumerate(probe.models):
        if (start := suite.models[model].start) and suite.run_before(start, probe.seeds) not in suite.runs:
            raise FoundError(
                f"partial_prompt.models[{index}]", model, f"the run that it starts from has no seeds {probe.seeds}"
            )

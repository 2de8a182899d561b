"""The second normalisation of advantages, which the authors' code has and the paper does not mention."""

from collections.abc import Callable

import torch


def whitened(
    advantages: torch.Tensor, tokens: torch.Tensor, total: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Return advantages with mean 0 and variance 1 over all response tokens of the rollout batch.

    This is `normalize` of OpenRLHF.

    Args:
        advantages: those of this process' responses, already normalised within groups: (responses,).
        tokens: the number of tokens of each response, which all have its advantage: (responses,). It is 0 for a
            response without a reward, whose advantage is 0.
        total: adds a tensor up over the processes, so that all of them use the mean and variance of the whole batch.

    Returns:
        (responses,). If no advantage differs, all become 0, because the variance is taken to be at least 1e-8.
    """
    values = advantages.double()
    count = total(tokens.sum().double()).clamp(min=1)
    deviations = values - total((values * tokens).sum()) / count
    variance = total((deviations**2 * tokens).sum()) / count
    normalised = torch.where(tokens > 0, deviations * variance.clamp(min=1e-8).rsqrt(), 0.0)
    return normalised.to(advantages.dtype)

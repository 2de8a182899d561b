"""The second normalisation of advantages in the authors' code, which the paper does not name."""

from collections.abc import Callable

import torch


def whitened(
    advantages: torch.Tensor, tokens: torch.Tensor, total: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Advantages with mean 0 and variance 1 over all response tokens of the rollout batch (OpenRLHF, `normalize`).

    Args:
        advantages: of this process' responses, already normalised within groups: (responses,).
        tokens: of each response: (responses,). All of them have its advantage. 0 for one without a reward, whose advantage is 0.
        total: adds a tensor up over the processes, so that all of them use the mean and variance of the whole batch.

    Returns:
        (responses,). Where no advantage differs they become 0: the variance is taken to be at least 1e-8.
    """
    values = advantages.double()
    count = total(tokens.sum().double()).clamp(min=1)
    deviations = values - total((values * tokens).sum()) / count
    variance = total((deviations**2 * tokens).sum()) / count
    normalised = torch.where(tokens > 0, deviations * variance.clamp(min=1e-8).rsqrt(), 0.0)
    return normalised.to(advantages.dtype)

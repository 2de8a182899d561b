"""Square roots are rounded to the nearest number, so they do not depend on the processor."""

import math

import numpy as np
import pytest
import torch
from trl.trainer import grpo_trainer, utils

from spurious_rewards.training.square_roots import make_exact, nanstd


@pytest.mark.parametrize("ones", range(1, 8))
def test_deviations_of_a_group_are_the_nearest_numbers(ones: int) -> None:
    group = torch.tensor([[1.0] * ones + [0.0] * (8 - ones)])
    exact = np.float32(math.sqrt(ones * (8 - ones) / 56))
    assert nanstd(group, dim=1).item() == exact == nanstd(group).item()


def test_all_else_is_as_in_trl() -> None:
    values = torch.tensor([[0.5, math.nan, 2.0, 3.0], [1.0, 1.0, math.nan, math.nan], [1.0, *[math.nan] * 3]])
    for keywords in ({}, {"dim": 1}, {"dim": 1, "keepdim": True}, {"dim": (0, 1)}):
        torch.testing.assert_close(nanstd(values, **keywords), utils.nanstd(values, **keywords), equal_nan=True)
    assert nanstd(values.bfloat16()).dtype == torch.bfloat16


def test_trl_takes_it() -> None:
    make_exact()
    assert grpo_trainer.nanstd is nanstd


def test_fused_adam_takes_the_nearest_number_too() -> None:
    """One Adam step from zero moments is lr * m / (sqrt(v) + eps); here v is the squared gradient."""
    gradient = torch.from_numpy(np.random.default_rng(0).standard_normal(10_000).astype(np.float32))
    weight = torch.nn.Parameter(torch.zeros_like(gradient))
    weight.grad = gradient.clone()
    torch.optim.AdamW([weight], lr=1.0, betas=(0.0, 0.0), eps=0.0, weight_decay=0.0, fused=True).step()
    squares = gradient.numpy() ** 2
    assert (weight.detach().numpy() == -(gradient.numpy() / np.sqrt(squares))).all()

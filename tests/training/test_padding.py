"""Which padding is removed, and which rows share a micro-batch."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from model_folders import make

from spurious_rewards.models.loading import load_model
from spurious_rewards.training.padding import by_length, positions_are_relative, without_padding


def test_padding_is_cut_on_both_sides_and_one_column_of_responses_stays() -> None:
    mask = torch.tensor([[0, 0, 0, 1, 1, 0, 0, 0], [0, 0, 1, 1, 1, 1, 0, 0]])
    assert without_padding(mask, 4, before_prompts=True) == (2, 6)
    assert without_padding(mask, 4, before_prompts=False) == (0, 6)
    assert without_padding(mask[:, 2:6], 2, before_prompts=True) == (0, 4)
    # A response whose only token is masked.
    assert without_padding(torch.tensor([[0, 1, 0, 0]]), 2, before_prompts=True) == (1, 3)


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "gpt_neox", "gpt2", "opt"])
def test_columns_before_prompts_are_cut_only_of_models_to_which_they_are_nothing(
    architecture: str, tmp_path: Path
) -> None:
    """Compare the last token's logits with and without masked columns before the prompt, called as TRL calls models."""
    model: Any = load_model(make(tmp_path / "model", architecture), "float32")
    with torch.no_grad():
        for weight in model.parameters():
            weight *= 20  # makes the logits depend clearly on the positions
        prompt = torch.tensor([[7, 8, 9]])
        padded = torch.cat([torch.zeros(1, 5, dtype=torch.long), prompt], dim=1)
        mask = torch.tensor([[0] * 5 + [1] * 3])
        alone, behind = model(prompt).logits[0, -1], model(padded, attention_mask=mask).logits[0, -1]
    same = torch.allclose(alone, behind, rtol=1e-3, atol=1e-4)
    assert positions_are_relative(model.config) == (architecture in ("llama", "qwen2", "gpt_neox"))
    assert same or not positions_are_relative(model.config)


@given(
    rows=st.integers(1, 4),
    together=st.integers(1, 3),
    updates=st.integers(1, 3),
    data=st.data(),
)
def test_rows_stay_whole_and_in_their_update_and_only_neighbours_in_length_share_a_micro_batch(
    rows: int, together: int, updates: int, data: st.DataObject
) -> None:
    count = rows * together * updates
    lengths = data.draw(st.lists(st.integers(0, 9), min_size=count, max_size=count))
    masks = torch.tensor([[1] * length + [0] * (9 - length) for length in lengths])
    micro_batches = [
        {
            "completion_mask": masks[first : first + rows],
            "place": list(range(first, first + rows)),
            "advantages": torch.arange(first, first + rows),
            "num_items_in_batch": torch.tensor(7),
            "nothing": None,
        }
        for first in range(0, count, rows)
    ]
    found = by_length(micro_batches, together)
    assert len(found) == len(micro_batches)
    for update in range(updates):
        mine = found[update * together : (update + 1) * together]
        places = [place for each in mine for place in each["place"]]
        assert sorted(places) == list(range(update * together * rows, (update + 1) * together * rows))
        assert [lengths[place] for place in places] == sorted(lengths[place] for place in places)
        for each in mine:
            assert each["completion_mask"].sum(1).tolist() == [lengths[place] for place in each["place"]]
            assert each["advantages"].tolist() == each["place"]
            assert (int(each["num_items_in_batch"]), each["nothing"]) == (7, None)

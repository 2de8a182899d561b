"""Less padding in training: TRL pads every micro-batch to the longest prompt and response of the whole rollout batch.

Only columns that are padding in every row are left out, so nothing but the last digits changes. With lengths as in the
paper, this is more than half of what a pass computes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

Inputs = Mapping[str, Any]
"""A micro-batch as TRL buffers it: tensors and lists with one row per response, and numbers of the whole batch."""


def without_padding(mask: torch.Tensor, logits_to_keep: int, before_prompts: bool) -> tuple[int, int]:
    """Return where a micro-batch's tokens begin and end: the first column with one in any row, and one past the last.

    At least one column of prompts and one of responses stay.

    Args:
        mask: 1 where a token counts, shape (rows, columns); prompts are padded on the left, responses on the right.
        logits_to_keep: the number of columns of responses.
        before_prompts: whether to leave out columns before all prompts, too; see `positions_are_relative`.
    """
    of_prompts = mask.shape[1] - logits_to_keep
    columns = mask.any(dim=0).nonzero()
    first = min(int(columns.min()), of_prompts - 1) if before_prompts else 0
    return first, max(int(columns.max()) + 1, of_prompts + 1)


def positions_are_relative(config: Any) -> bool:
    """Whether a model (`transformers.PreTrainedConfig`) answers the same wherever its prompt begins.

    It does if its positions are rotary. TRL counts positions from the first column, padding or not. So with learned
    positions, such as GPT-2's, another width would be another policy.
    """
    return getattr(config.get_text_config(), "rope_parameters", None) is not None


def by_length(micro_batches: Sequence[Inputs], together: int) -> list[Inputs]:
    """Return the same rows, with rows of similar length in one micro-batch.

    Rows move only among the `together` micro-batches of one update. So the update's gradient stays the same, if its
    loss is a mean over responses and not over the tokens of a micro-batch. The processes' shares of work also stay the
    same, because each process does this with its own rows.
    """
    found: list[Inputs] = []
    for first in range(0, len(micro_batches), together):
        update = micro_batches[first : first + together]
        sizes = [len(each["completion_mask"]) for each in update]
        lengths = torch.cat([each["completion_mask"].sum(1) for each in update])
        places = torch.split(lengths.argsort(stable=True), sizes)
        rows = {name: [each[name] for each in update] for name in update[0]}
        found += [{name: _rows(parts, taken) for name, parts in rows.items()} for taken in places]
    return found


def _rows(parts: Sequence[Any], places: torch.Tensor) -> Any:
    """Return some of the rows of several micro-batches; a value without rows is returned as it is."""
    if isinstance(parts[0], torch.Tensor) and parts[0].ndim:
        return torch.cat(list(parts))[places]
    if isinstance(parts[0], list):
        whole = [row for part in parts for row in part]
        return [whole[place] for place in places]
    return parts[0]

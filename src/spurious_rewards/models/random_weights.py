"""A model of another one's configuration with random weights: as large and as slow, and none of its weights need be here."""

import shutil
from pathlib import Path
from typing import Any

from spurious_rewards.models import loading
from spurious_rewards.models.weights import INDEX


def make(source: Path, out: Path) -> None:
    """Make the folder of such a model: configuration and tokenizer of the folder `source`, weights in bfloat16.

    Raises:
        UserError: the configuration cannot be read, or is of no architecture that transformers has.
    """
    import torch
    from transformers import AutoModelForCausalLM

    config = loading.configuration(source)
    with loading.plainly(source, "no model can be made of its config.json"):
        of_config: Any = AutoModelForCausalLM.from_config
        model = of_config(config, dtype=torch.bfloat16, trust_remote_code=False)
        model.save_pretrained(out)
    for file in source.iterdir():
        if file.is_file() and file.suffix in (".json", ".model", ".txt", ".jinja") and file.name != INDEX:
            shutil.copy(file, out)

"""Models with random weights and another model's configuration: as large and as slow, without needing its weights."""

import shutil
from pathlib import Path
from typing import Any

from spurious_rewards.models import loading
from spurious_rewards.models.weights import INDEX


def make(source: Path, out: Path) -> None:
    """Write a model folder with configuration and tokenizer of the folder `source` and random weights in bfloat16.

    Raises:
        UserError: the configuration cannot be read, or transformers does not have its architecture.
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

"""Loading a model folder, with a plain sentence for whatever is wrong with it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spurious_rewards.artifacts.checkpoints import gone
from spurious_rewards.runtime.errors import UserError

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase


Dtype = Literal["float32", "bfloat16"]

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")
"""One of these makes a tokenizer; its configuration alone does not."""

GENERIC_TOKENIZERS = ("TokenizersBackend", "PreTrainedTokenizerFast")
"""What a folder's tokenizer_config.json says of a tokenizer that its tokenizer.json describes in full."""


def check(folder: Path) -> None:
    """Look for what a model folder needs, reading no more than the headers of its weights.

    Raises:
        UserError: the folder, its config.json, tokenizer or safetensors weights are missing, or weights are cut short.
    """
    from safetensors import SafetensorError, safe_open

    if not folder.is_dir():
        raise UserError(f"{folder}: no such model folder; give a folder that holds config.json, tokenizer and weights")
    if gone(folder):
        raise UserError(
            f"{folder}: its weights went once they had answered (keep_weights: reported in the suite); to have them again, "
            "delete the checkpoints/ of the run's segments and name the last of them as Snakemake's target"
        )
    weights = sorted(folder.glob("*.safetensors"))
    missing = [
        name
        for name, there in (
            ("config.json", (folder / "config.json").exists()),
            (f"tokenizer ({' or '.join(TOKENIZER_FILES)})", any((folder / name).exists() for name in TOKENIZER_FILES)),
            ("weights (*.safetensors)", bool(weights)),
        )
        if not there
    ]
    index = folder / "model.safetensors.index.json"
    if index.exists():
        parts = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        missing += sorted(parts - {path.name for path in weights})
    if missing:
        raise UserError(f"{folder}: not a whole model folder, it lacks {', '.join(missing)}; copy or make it again")
    for path in weights:
        try:
            with safe_open(path, framework="pt"):
                pass
        except SafetensorError as error:
            raise UserError(
                f"{path}: not readable weights, perhaps cut short by a crash ({error}); "
                "delete the folder and make it again"
            ) from error


def load_tokenizer(folder: str | Path) -> "PreTrainedTokenizerBase":
    """The tokenizer of a whole model folder, padding with its end-of-sequence token if it has no padding token.

    Raises:
        UserError: see `check`; or files that transformers cannot read.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    folder = Path(folder)
    check(folder)
    # AutoTokenizer takes Qwen's own tokenizer for any Qwen2 model, whatever its folder holds (transformers 5.17).
    loader: Any = PreTrainedTokenizerFast if _tokenizer_class(folder) in GENERIC_TOKENIZERS else AutoTokenizer
    try:
        tokenizer: PreTrainedTokenizerBase = loader.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: its tokenizer cannot be loaded ({_first_line(error)})") from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(folder: str | Path, dtype: Dtype) -> "PreTrainedModel":
    """The model of a folder on the CPU, in evaluation mode; training wants float32 weights.

    Of the folder's generation settings, repetition penalties and top-k among them, only the tokens that end a response
    are kept.

    Raises:
        UserError: see `check`; or an unknown architecture, or weights that lack a tensor of it.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    folder = Path(folder)
    check(folder)
    disable_progress_bar()  # type: ignore[no-untyped-call]  # a job loads dozens of checkpoints
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=getattr(torch, dtype), local_files_only=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"{folder}: cannot be loaded as a causal language model ({_first_line(error)})") from error
    model, report = loaded
    if report["missing_keys"]:  # transformers would go on with random values in their place
        raise UserError(
            f"{folder}: its weights lack {len(report['missing_keys'])} tensors, the first "
            f"{min(report['missing_keys'])}; copy or make it again"
        )
    forget_generation_settings(model)
    return model.eval()  # type: ignore[no-any-return]


def forget_generation_settings(model: "PreTrainedModel") -> None:
    """Keep only the tokens that end a response: `generate` takes whatever its caller does not set from the model's own."""
    from transformers import GenerationConfig

    ending = model.generation_config.eos_token_id
    model.generation_config = GenerationConfig(eos_token_id=ending)  # type: ignore[no-untyped-call]


def generation_settings(folder: Path) -> "GenerationConfig":
    """The generation settings of a model folder, as `load_model` finds them, without loading the model."""
    from transformers import AutoConfig, GenerationConfig

    try:
        return GenerationConfig.from_pretrained(folder, local_files_only=True)
    except OSError:  # no generation_config.json
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        return GenerationConfig.from_model_config(config)


def positions(folder: Path) -> int:
    """Tokens that prompt and response may have together, by the folder's config.json."""
    from transformers import AutoConfig

    config: Any = AutoConfig.from_pretrained(folder, local_files_only=True)
    return int(config.get_text_config().max_position_embeddings)


def ending_tokens(settings: "GenerationConfig", tokenizer: "PreTrainedTokenizerBase") -> list[int]:
    """Ids that end a response: those of the model's generation settings and the tokenizer's own, as in TRL and vLLM.

    Raises:
        UserError: there is none.
    """
    configured = settings.eos_token_id
    several = configured if isinstance(configured, list) else [configured]
    ending = sorted({token for token in (*several, tokenizer.eos_token_id) if token is not None})
    if not ending:
        raise UserError(
            f"{tokenizer.name_or_path}: neither generation_config.json nor the tokenizer names a token that "
            "ends a response; set eos_token_id there"
        )
    return ending


def _tokenizer_class(folder: Path) -> str | None:
    settings = folder / "tokenizer_config.json"
    return json.loads(settings.read_text(encoding="utf-8")).get("tokenizer_class") if settings.exists() else None


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]

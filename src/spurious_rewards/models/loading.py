"""Loads models and tokenizers from folders, and says in one sentence what is wrong with a folder."""

import json
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spurious_rewards.config.models import Prompt
from spurious_rewards.models import configuration as config_file
from spurious_rewards.models import expansion, tokenizer_trial, weights
from spurious_rewards.models import folder as gate
from spurious_rewards.models.faults import AGAIN, Fault, FolderError, raised_by_library, together
from spurious_rewards.models.tokenizer_file import lost_space
from spurious_rewards.runtime.errors import UserError, in_a_line

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase


Dtype = Literal["float32", "bfloat16"]

GENERIC_TOKENIZERS = ("TokenizersBackend", "PreTrainedTokenizerFast")
"""Values of `tokenizer_class` in tokenizer_config.json for tokenizers that tokenizer.json describes in full."""


def check(folder: Path, prompts: Collection[Prompt] = ()) -> None:
    """Check a model folder, and these prompts with it, for all faults that show without loading (see `folder.faults`).

    Raises:
        UserError: something is wrong; the message has all faults.
    """
    if found := gate.faults(folder, prompts):
        raise UserError(together(found))


@contextmanager
def plainly(folder: Path, what: str, mend: str = "copy or make it again, or take another model") -> Iterator[None]:
    """Say in one sentence what a library raises over foreign files: each library has its own kinds of errors.

    Raises:
        FolderError: it says what cannot be done with the folder, the library's message, and what to do.
    """
    try:
        yield
    except UserError:
        raise
    except BaseException as error:
        if not raised_by_library(error):
            raise
        kind = (
            "" if isinstance(error, OSError | ValueError | ImportError | RuntimeError) else f"{type(error).__name__}: "
        )
        raise FolderError(Fault(folder, f"{what} ({kind}{in_a_line(error)})", mend)) from error


def load_tokenizer(folder: str | Path) -> "PreTrainedTokenizerBase":
    """Load the tokenizer of a complete model folder.

    If the folder has a tokenizer.json, the tokenizer gives the token ids of that file. A tokenizer without an EOS token
    gets the model's own. Without a padding token that the model knows, it pads with its EOS token. Its attribute
    `embeddings` is the number of token ids that the model knows, or None if config.json does not say.

    Raises:
        UserError: the folder has faults (see `check`), transformers cannot read its files, or no token ends a response.
    """
    folder = Path(folder)
    check(folder)
    whole = (folder / "tokenizer.json").exists()
    mend = "copy or make it again" if whole else "add a tokenizer.json, which is read without other packages"
    with plainly(folder, "its tokenizer cannot be loaded", mend):
        tokenizer: PreTrainedTokenizerBase = _of_file(folder) if whole else _of_class(folder)
        tokenizer.embeddings = rows = config_file.embeddings(config_file.read_config(folder))
        if tokenizer.eos_token_id is None:
            tokenizer.eos_token = _ending_token(folder, tokenizer)
        if tokenizer.pad_token_id is None or (rows is not None and tokenizer.pad_token_id >= rows):
            tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _of_file(folder: Path) -> Any:
    """Return the tokenizer of tokenizer.json, with special tokens, chat template and padding of the files beside it.

    If tokenizer_config.json names a class with rules of its own (Llama, GPT-2, Qwen2), transformers 5.17 takes only the
    words from tokenizer.json. Under LlamaTokenizerFast, a byte-level tokenizer thus lost its spaces.
    """
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    file, settings = Tokenizer.from_file(str(folder / "tokenizer.json")), _json(folder / "tokenizer_config.json")
    file.no_truncation()
    file.no_padding()
    given: dict[str, Any] = _special_tokens_of_class(folder, settings, file.get_vocab())
    if added := settings.get("added_tokens_decoder"):
        # For tokens that the file has too, this key sometimes says something else about the spaces around them.
        given["added_tokens_decoder"] = {
            id_: one for id_, one in added.items() if file.token_to_id(one["content"]) is None
        }
    special = {one.content for one in file.get_added_tokens_decoder().values()}
    # A model may be trained to pad with an ordinary word (`!`). As a special token here, it would vanish from texts.
    if (padding := _text(settings.get("pad_token"))) and padding not in special:
        given["pad_token"] = None
    tokenizer: Any = PreTrainedTokenizerFast.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, **given
    )
    named = {one.content for one in tokenizer.added_tokens_decoder.values()} - special
    words = [token for token in named if not set(token) & set("<>[]|")]  # those in brackets occur in no text
    probes = (" ".join(f"x {token} x" for token in sorted(special)), *(f"{token} a{token}{token}b" for token in words))
    if any(_ids(tokenizer, text) != _ids(file, text) for text in (*tokenizer_trial.PROBES, *probes)):
        raise UserError(
            f"{folder}: transformers makes other token ids of a text than the folder's tokenizer.json; "
            "delete the other files of the tokenizer, or take another model"
        )
    return tokenizer


def _text(token: Any) -> str | None:
    """Return the text of a token in a configuration: a string, or the `content` of a mapping."""
    found = token.get("content") if isinstance(token, dict) else token
    return found if isinstance(found, str) else None


def _of_class(folder: Path) -> Any:
    """Return the tokenizer that transformers makes of a folder without a tokenizer.json."""
    from transformers import AutoTokenizer

    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        _refuse_files(folder / name)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if (made := getattr(tokenizer, "backend_tokenizer", None)) and (wrong := expansion.fault(made)):
        raise FolderError(Fault(folder, f"its tokenizer {wrong}", "take another model"))
    words = tokenizer.get_vocab()
    lost = set(_json(folder / "vocab.json")) - set(words)  # some classes silently ignore this file
    if lost or lost_space(lambda text: tokenizer.encode(text, add_special_tokens=False), tokenizer.decode, words):
        raise UserError(
            f"{folder}: its tokenizer loses {f'{len(lost)} words' if lost else 'spaces or line breaks'} when transformers loads "
            f"it as {type(tokenizer).__name__}; name its right tokenizer_class in tokenizer_config.json, or add a tokenizer.json"
        )
    return tokenizer


def _refuse_files(settings: Path) -> None:
    """Refuse settings that name a file of this machine.

    Some tokenizer classes read such a file, and its lines become words that a model writes.
    """
    for key, value in _json(settings).items():
        if isinstance(value, str) and not key.endswith(("name_or_path", "_file")) and os.path.lexists(value):
            raise UserError(
                f"{settings}: {key} = {value!r} is a file of this machine, which the tokenizer's class would read; take the key "
                "out, or add a tokenizer.json"
            )


def _ids(tokenizer: Any, text: str) -> list[int] | None:
    """Return the token ids of a text, or None if the tokenizer raises, as one without an unknown token may."""
    try:
        ids = tokenizer.encode(text, add_special_tokens=False)
    except Exception:  # tokenizers has no class of its own for errors
        return None
    found: list[int] = getattr(ids, "ids", ids)
    return found


def _ending_token(folder: Path, tokenizer: "PreTrainedTokenizerBase") -> str:
    """Return the token with which the model itself ends a response; preferably a special one, as it is in no text."""
    ending = ending_tokens(generation_settings(folder), tokenizer)
    special: Any = tokenizer.added_tokens_decoder
    by_choice = sorted(ending, key=lambda id_: (id_ not in special, id_))
    texts = [text for id_ in by_choice if isinstance(text := tokenizer.convert_ids_to_tokens(id_), str)]
    if not texts:
        raise UserError(
            f"{folder}: its tokenizer has no token {ending[0]}, which ends a response; name another eos_token_id"
        )
    return texts[0]


def _special_tokens_of_class(folder: Path, settings: dict[str, Any], words: Collection[str]) -> dict[str, str]:
    """Return special tokens that only the tokenizer's class names (Llama's `<s>`), if the vocabulary has them."""
    from transformers import AutoTokenizer

    if settings.get("tokenizer_class") in GENERIC_TOKENIZERS:
        return {}
    try:
        of_class = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception:  # the class is unknown, or needs other files; the tokenizer itself needs none
        return {}
    named = of_class.special_tokens_map.items()
    return {name: text for name, text in named if name not in settings and isinstance(text, str) and text in words}


def load_model(folder: str | Path, dtype: Dtype) -> "PreTrainedModel":
    """Load the model of a folder on the CPU, in evaluation mode. Training needs float32 weights.

    Of the folder's generation settings, only the tokens that end a response are kept; repetition penalties, top-k and
    all others are dropped.

    Raises:
        UserError: see `check`, `check_tensors`, `check_finite` and `trial.fault`; or the model cannot be loaded or run.
    """
    import torch

    from spurious_rewards.models import trial

    folder = Path(folder)
    check(folder)
    if not trial.sharded():  # if sharded, each process would take the memory
        check_tensors(folder)
    check_finite(folder)
    model, _ = _loaded(folder, dtype=getattr(torch, dtype))
    forget_generation_settings(model)
    with plainly(folder, "cannot be run"):
        wrong = trial.fault(model.eval())
    if wrong:
        raise UserError(f"{folder}: {wrong}")
    return model  # type: ignore[no-any-return]


def _loaded(folder: Path, **how: Any) -> tuple[Any, Collection[str]]:
    """Return the model that transformers makes of a folder, and the names of tensors that it does not use.

    A folder without all tensors is refused, because transformers would put random ones in place of missing ones.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    generation_settings(folder)  # transformers reads them too, but its error does not name them
    disable_progress_bar()  # type: ignore[no-untyped-call]  # a job loads dozens of checkpoints
    with plainly(folder, "cannot be loaded as a causal language model"):
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,  # some other formats are pickles
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **how,
        )
    model, report = loaded
    if report["mismatched_keys"]:
        name, *shapes = min(map(tuple, report["mismatched_keys"]))
        found, wanted = (" x ".join(map(str, shape)) for shape in shapes)
        what = f"its weights do not fit its config.json, {name} has the shape {found} and not {wanted}"
        raise FolderError(Fault(folder, what, "copy both again"))
    if missing := report["missing_keys"]:
        raise FolderError(Fault(folder, f"its weights lack {len(missing)} tensors, the first {min(missing)}", AGAIN))
    return model, report["unexpected_keys"]


def check_finite(folder: Path) -> None:
    """Read all weights of a folder that has passed `check`: one that is not a number makes every response empty.

    Raises:
        UserError: a weight is NaN or infinite.
    """
    for _ in weights.Finite(folder):
        pass


def check_tensors(folder: Path) -> None:
    """Compare the tensors of a folder that has passed `check` with those of the model that its config.json describes.

    No tensor is read, and the model takes no memory, because a stranger's config.json may ask for any sizes. Tensors
    that the model does not use are noted on stderr.

    Raises:
        FolderError: the architecture is unknown; tensors are missing or have another shape, so that random ones would
            take their place; or the model is larger than its weights.
    """
    from spurious_rewards.models import counting

    with counting.no_larger(*weights.count(folder)):
        model, unused = _loaded(folder, device_map="meta")
    if unused:
        print(
            f"note: {folder}: {type(model).__name__} does not use {len(unused)} of the folder's tensors (first: "
            f"{min(unused)}); unless they are extra heads, config.json belongs to another model",
            file=sys.stderr,
        )


def forget_generation_settings(model: "PreTrainedModel") -> None:
    """Keep only the tokens that end a response: `generate` takes all that its caller does not set from the model."""
    from transformers import GenerationConfig

    ending = model.generation_config.eos_token_id
    model.generation_config = GenerationConfig(eos_token_id=ending)  # type: ignore[no-untyped-call]


def generation_settings(folder: Path) -> "GenerationConfig":
    """Return the generation settings of a model folder, as `load_model` finds them, without loading the model.

    Raises:
        UserError: the folder's configuration cannot be read.
    """
    from transformers import GenerationConfig

    if (folder / "generation_config.json").exists():
        with plainly(folder, "its generation_config.json cannot be read"):
            return GenerationConfig.from_pretrained(folder, local_files_only=True)
    return GenerationConfig.from_model_config(configuration(folder))


def configuration(folder: Path) -> Any:
    """Return the `transformers.PreTrainedConfig` of a model folder.

    Raises:
        UserError: config.json cannot be read, or transformers does not have its architecture.
    """
    from transformers import AutoConfig

    with plainly(folder, "its config.json cannot be used"):
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def architecture(folder: Path) -> dict[str, Any]:
    """Return what config.json says of the model itself: the same for a base model and its checkpoints.

    Raises:
        UserError: see `configuration`.
    """
    config = configuration(folder).to_dict()
    of_the_file = {"_name_or_path", "transformers_version", "dtype", "use_cache"}
    return {name: config[name] for name in sorted(config) if name not in of_the_file and not name.endswith("_token_id")}


def positions(folder: Path) -> float:
    """Return how many tokens config.json allows prompt and response together; infinity if nothing limits them."""
    config = configuration(folder)
    with plainly(folder, "its config.json cannot be used"):
        return config_file.positions(config.get_text_config().to_dict())


def ending_tokens(
    settings: "GenerationConfig", tokenizer: "PreTrainedTokenizerBase", of_turn: Sequence[int] = ()
) -> list[int]:
    """Return the token ids that end a response: EOS tokens of generation settings and tokenizer, as in TRL and vLLM.

    `of_turn` adds those that end a turn in the prompt's chat template (`prompts.turn_end`).

    Raises:
        UserError: there is no such token.
    """
    configured = settings.eos_token_id
    several = configured if isinstance(configured, list) else [configured]
    ending = sorted({token for token in (*several, tokenizer.eos_token_id, *of_turn) if token is not None})
    if not ending:
        raise UserError(
            f"{tokenizer.name_or_path}: neither generation_config.json nor the tokenizer names a token that "
            "ends a response; set eos_token_id there"
        )
    return ending


def _json(file: Path) -> dict[str, Any]:
    """Return the content of a JSON file, or nothing if there is no such file."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found

"""Loading a model folder, with a plain sentence for whatever is wrong with it."""

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
"""What a folder's tokenizer_config.json says of a tokenizer that its tokenizer.json describes in full."""


def check(folder: Path, prompts: Collection[Prompt] = ()) -> None:
    """Look for whatever can be seen to be wrong with a model folder, and with these prompts for it (see `folder.faults`).

    Raises:
        UserError: with all that is wrong.
    """
    if found := gate.faults(folder, prompts):
        raise UserError(together(found))


@contextmanager
def plainly(folder: Path, what: str, mend: str = "copy or make it again, or take another model") -> Iterator[None]:
    """Say in a sentence whatever a library raises over files from elsewhere: each has kinds of errors of its own.

    Raises:
        FolderError: what cannot be done with the folder, the library's words, and what to do.
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
    """The tokenizer of a whole model folder: where it has a tokenizer.json, one that gives the token ids of that file.

    It ends a response with the model's own token if it has none itself, and pads with that token if it has none to pad with
    that the model knows. Its attribute `embeddings` is the number of token ids that the model knows, as far as config.json
    says it.

    Raises:
        UserError: see `check`; files that transformers cannot read; or no token that ends a response.
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
    """The tokenizer of tokenizer.json, with the special tokens, chat template and padding of the files beside it.

    transformers 5.17 takes no more than the words out of that file where tokenizer_config.json names a class that has rules of
    its own (Llama, GPT-2, Qwen2): the spaces of a byte-level tokenizer under LlamaTokenizerFast were lost.
    """
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    file, settings = Tokenizer.from_file(str(folder / "tokenizer.json")), _json(folder / "tokenizer_config.json")
    file.no_truncation()
    file.no_padding()
    given: dict[str, Any] = _special_tokens_of_class(folder, settings, file.get_vocab())
    if added := settings.get("added_tokens_decoder"):
        # Of tokens that the file has, too, this says at times another thing about the spaces around them.
        given["added_tokens_decoder"] = {
            id_: one for id_, one in added.items() if file.token_to_id(one["content"]) is None
        }
    special = {one.content for one in file.get_added_tokens_decoder().values()}
    # A token that pads may be any word to the model that was trained so (`!`); here texts would lose it.
    if (padding := _text(settings.get("pad_token"))) and padding not in special:
        given["pad_token"] = None
    tokenizer: Any = PreTrainedTokenizerFast.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, **given
    )
    named = {one.content for one in tokenizer.added_tokens_decoder.values()} - special
    words = [token for token in named if not set(token) & set("<>[]|")]  # those in brackets come into no text
    probes = (" ".join(f"x {token} x" for token in sorted(special)), *(f"{token} a{token}{token}b" for token in words))
    if any(_ids(tokenizer, text) != _ids(file, text) for text in (*tokenizer_trial.PROBES, *probes)):
        raise UserError(
            f"{folder}: transformers makes other token ids of a text than the folder's tokenizer.json; "
            "delete the other files of the tokenizer, or take another model"
        )
    return tokenizer


def _text(token: Any) -> str | None:
    """The text of a token as configurations have it: a string, or a mapping with its `content`."""
    found = token.get("content") if isinstance(token, dict) else token
    return found if isinstance(found, str) else None


def _of_class(folder: Path) -> Any:
    """The tokenizer that transformers makes of a folder without a tokenizer.json."""
    from transformers import AutoTokenizer

    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        _refuse_files(folder / name)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if (made := getattr(tokenizer, "backend_tokenizer", None)) and (wrong := expansion.fault(made)):
        raise FolderError(Fault(folder, f"its tokenizer {wrong}", "take another model"))
    words = tokenizer.get_vocab()
    lost = set(_json(folder / "vocab.json")) - set(words)  # some classes do not look into this file, and say nothing
    if lost or lost_space(lambda text: tokenizer.encode(text, add_special_tokens=False), tokenizer.decode, words):
        raise UserError(
            f"{folder}: its tokenizer loses {f'{len(lost)} words' if lost else 'spaces or line breaks'} when transformers loads "
            f"it as {type(tokenizer).__name__}; name its right tokenizer_class in tokenizer_config.json, or add a tokenizer.json"
        )
    return tokenizer


def _refuse_files(settings: Path) -> None:
    """Refuse settings that name a file of this machine: some classes read it, and its lines become words that a model writes."""
    for key, value in _json(settings).items():
        if isinstance(value, str) and not key.endswith(("name_or_path", "_file")) and os.path.lexists(value):
            raise UserError(
                f"{settings}: {key} = {value!r} is a file of this machine, which the tokenizer's class would read; take the key "
                "out, or add a tokenizer.json"
            )


def _ids(tokenizer: Any, text: str) -> list[int] | None:
    """Token ids of a text, or None of one that a tokenizer cannot spell: those that have no word for the unknown raise."""
    try:
        ids = tokenizer.encode(text, add_special_tokens=False)
    except Exception:  # tokenizers has no kind of its own
        return None
    found: list[int] = getattr(ids, "ids", ids)
    return found


def _ending_token(folder: Path, tokenizer: "PreTrainedTokenizerBase") -> str:
    """The token with which the model itself ends a response; a special one if there is one, since it comes into no text."""
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
    """Special tokens that nothing but the tokenizer's class names (`<s>` in Llama's), where the file has them."""
    from transformers import AutoTokenizer

    if settings.get("tokenizer_class") in GENERIC_TOKENIZERS:
        return {}
    try:
        of_class = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception:  # no such class, or one that wants other files: the tokenizer itself needs none
        return {}
    named = of_class.special_tokens_map.items()
    return {name: text for name, text in named if name not in settings and isinstance(text, str) and text in words}


def load_model(folder: str | Path, dtype: Dtype) -> "PreTrainedModel":
    """The model of a folder on the CPU, in evaluation mode; training wants float32 weights.

    Of the folder's generation settings, repetition penalties and top-k among them, only the tokens that end a response
    are kept.

    Raises:
        UserError: see `check`, `check_tensors` and `check_finite`.
    """
    import torch

    from spurious_rewards.models import trial

    folder = Path(folder)
    check(folder)
    if not trial.sharded():  # each process would take the memory
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
    """What transformers makes of a folder, if that is whole, and the tensors of no use to it.

    In place of tensors that are missing transformers goes on with random ones.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    generation_settings(folder)  # transformers reads them too, and does not say that they are at fault
    disable_progress_bar()  # type: ignore[no-untyped-call]  # a job loads dozens of checkpoints
    with plainly(folder, "cannot be loaded as a causal language model"):
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,  # of the other kinds some are pickles
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
    """Read through the weights of a folder that has passed `check`: one that is no number makes every response empty.

    Raises:
        UserError: a weight is NaN or infinite.
    """
    for _ in weights.Finite(folder):
        pass


def check_tensors(folder: Path) -> None:
    """Compare the tensors of a folder that has passed `check` with those of the model that its config.json describes.

    None is read, and the model takes no memory: a config.json of a stranger may ask for any sizes.

    Raises:
        FolderError: an unknown architecture; tensors that are missing or of another shape, in whose place others would answer;
            or a model that is larger than its weights.
    """
    from spurious_rewards.models import counting

    with counting.no_larger(*weights.count(folder)):
        model, unused = _loaded(folder, device_map="meta")
    if unused:
        print(
            f"note: {folder}: {len(unused)} tensors of its weights are of no use to {type(model).__name__}, the first "
            f"{min(unused)}; where they are no extra heads, its config.json is of another model",
            file=sys.stderr,
        )


def forget_generation_settings(model: "PreTrainedModel") -> None:
    """Keep only the tokens that end a response: `generate` takes whatever its caller does not set from the model's own."""
    from transformers import GenerationConfig

    ending = model.generation_config.eos_token_id
    model.generation_config = GenerationConfig(eos_token_id=ending)  # type: ignore[no-untyped-call]


def generation_settings(folder: Path) -> "GenerationConfig":
    """The generation settings of a model folder, as `load_model` finds them, without loading the model.

    Raises:
        UserError: its configuration cannot be read.
    """
    from transformers import GenerationConfig

    if (folder / "generation_config.json").exists():
        with plainly(folder, "its generation_config.json cannot be read"):
            return GenerationConfig.from_pretrained(folder, local_files_only=True)
    return GenerationConfig.from_model_config(configuration(folder))


def configuration(folder: Path) -> Any:
    """The `transformers.PreTrainedConfig` of a model folder.

    Raises:
        UserError: config.json cannot be read, or is of no architecture that transformers has.
    """
    from transformers import AutoConfig

    with plainly(folder, "its config.json cannot be used"):
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def architecture(folder: Path) -> dict[str, Any]:
    """What config.json says of a model; a base model and its checkpoints have the same.

    Raises:
        UserError: see `configuration`.
    """
    config = configuration(folder).to_dict()
    of_the_file = {"_name_or_path", "transformers_version", "dtype", "use_cache"}
    return {name: config[name] for name in sorted(config) if name not in of_the_file and not name.endswith("_token_id")}


def positions(folder: Path) -> float:
    """Tokens that prompt and response may have together, by the folder's config.json; infinity if nothing limits them."""
    config = configuration(folder)
    with plainly(folder, "its config.json cannot be used"):
        return config_file.positions(config.get_text_config().to_dict())


def ending_tokens(
    settings: "GenerationConfig", tokenizer: "PreTrainedTokenizerBase", of_turn: Sequence[int] = ()
) -> list[int]:
    """Ids that end a response: those of the model's generation settings and the tokenizer's own, as in TRL and vLLM; `of_turn`
    too, those that end a turn in the prompt's template (`prompts.turn_end`).

    Raises:
        UserError: there is none.
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
    """What a file says; nothing if it is not there."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found

"""The gate for model folders: everything that can be said about one without torch, transformers or its weights in memory.

Whatever a folder holds, the answer is a list of faults, each with the file and what to do; an empty one if the folder is fine.
Planning, `doctor` and every stage that loads a model ask here. What shows only when a model is loaded, `loading` says.
"""

import functools
import json
import math
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from spurious_rewards.artifacts.checkpoints import gone
from spurious_rewards.config.models import Prompt
from spurious_rewards.models import templates

if TYPE_CHECKING:
    from tokenizers import Tokenizer

T = TypeVar("T")

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")
"""One of these makes a tokenizer; its configuration alone does not."""

SETTINGS = (
    *("config.json", "generation_config.json", "tokenizer_config.json", "special_tokens_map.json"),
    "added_tokens.json",
)
"""JSON objects that are read if they are there."""

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"

POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "context_length", "n_ctx")
"""What configurations call the number of their positions. Architectures without such a key have no limit (Mamba, BLOOM)."""

ROPE_TYPES = frozenset(
    {"default", "linear", "dynamic", "yarn", "longrope", "llama3", "proportional"}  # for every model
    | {"su", "mrope", "axial", "xdrope"}  # for some, which rename them
)
"""The rope types of transformers 5.17, which only its code lists; a test compares."""

FLOATS = frozenset({"F64", "F32", "F16", "BF16"})

LFS = b"version https://git-lfs.github.com/spec/"

PROBLEM = "What is $1 + 1$?"
"""Stands for any problem where a prompt is tried out."""

AGAIN = "copy or make it again"


@dataclass(frozen=True)
class Fault:
    """What is wrong with a model folder: in which file, and what to do about it (goes on from: to mend it,)."""

    file: Path
    wrong: str
    mend: str

    def __str__(self) -> str:
        return f"{self.file}: {self.wrong}; {self.mend}"


def faults(folder: Path, prompts: Collection[Prompt] = ()) -> list[Fault]:
    """What is wrong with a model folder, and with giving it these prompts; of the weights only headers are read.

    Raises nothing, whatever the folder holds.
    """
    found: list[Fault] = []
    try:
        found.extend(_faults(folder, prompts))
    except OSError as error:
        found.append(_unreadable(Path(error.filename or folder), error))
    return found


def read_config(folder: Path) -> dict[str, Any]:
    """What config.json says of the language model, with the keys of its `text_config` on top; nothing if it is broken."""
    found = _read(folder / "config.json", _object)
    return {} if isinstance(found, Fault) else _of_language(found)


def positions(config: Mapping[str, Any]) -> float:
    """Tokens that prompt and response may have together, by a configuration; infinity if nothing limits them."""
    return next((config[name] for name in POSITIONS if _counts(config.get(name))), math.inf)


def embeddings(config: Mapping[str, Any]) -> int | None:
    """How many token ids a model has embeddings for: those below this number; None if its configuration does not say."""
    rows = config.get("vocab_size")
    return rows if _counts(rows) else None


def lost_space(encode: Callable[[str], list[int]], decode: Callable[[list[int]], str], words: Collection[str]) -> bool:
    """Whether a tokenizer loses spaces or line breaks for which it has words, as one rebuilt under a wrong class does."""
    signs = {" ": (" ", "Ġ", "▁"), "\n": ("\n", "Ċ")}
    spaces = [space for space, names in signs.items() if any(name in words for name in names)]
    try:
        survivor = next((char for char in "a1xA0" if decode(encode(char)).strip() == char), None)
        return survivor is not None and any(
            decode(encode(f"{survivor}{space}{survivor}")) == survivor * 2 for space in spaces
        )
    except (
        BaseException
    ) as error:  # tokenizers raises Exception itself, of a character that a tokenizer has no word for
        if not raised_by_library(error):
            raise
        return False


def raised_by_library(error: BaseException) -> bool:
    """Whether an error comes from code, and not from a user or a signal; panics of Rust are no `Exception`s."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


# ---------------------------------------------------------------- the whole


def _faults(folder: Path, prompts: Collection[Prompt]) -> Iterator[Fault]:
    if not folder.is_dir():
        yield Fault(folder, "no such model folder", "give a folder that holds config.json, tokenizer and weights")
        return
    if gone(folder):
        yield Fault(
            folder,
            "its weights went once they had answered (keep_weights: reported in the suite)",
            "delete the checkpoints/ of the run's segments and name the last of them as Snakemake's target, which makes "
            "them again",
        )
        return
    there = set(os.listdir(folder))
    if missing := _missing(there):
        yield Fault(folder, f"not a whole model folder, it lacks {', '.join(missing)}", AGAIN)
    read = {name: _read(folder / name, _object) for name in SETTINGS if name in there}
    # Beside a tokenizer.json nothing reads what else a tokenizer may be made of.
    words = ("tokenizer.json",) if "tokenizer.json" in there else ("vocab.json", "merges.txt")
    texts = {name: _read(folder / name, str) for name in words if name in there}
    jinja = {name: _read(path, str) for name, path in templates.files(folder).items()}
    yield from (found for found in (*read.values(), *texts.values(), *jinja.values()) if isinstance(found, Fault))
    if "tokenizer.json" not in there and "tokenizer.model" in there:
        yield from _not_there(folder / "tokenizer.model")
    settings = {name: found for name, found in read.items() if not isinstance(found, Fault)}
    config = settings.get("config.json", {})
    yield from _config(folder / "config.json", config)
    language = _of_language(config)
    rows = embeddings(language)
    for name, said in (("config.json", language), ("generation_config.json", settings.get("generation_config.json"))):
        yield from _ids(folder / name, said or {}, rows)
    yield from _weights(folder, there)
    tokens = _Tokens({**settings.get("special_tokens_map.json", {}), **settings.get("tokenizer_config.json", {})})
    tokenizer = (
        _tokenizer(folder / "tokenizer.json", text) if isinstance(text := texts.get("tokenizer.json"), str) else None
    )
    if isinstance(tokenizer, Fault):
        yield tokenizer
        tokenizer = None
    if tokenizer is not None:
        yield from _tokenizer_faults(folder, tokenizer, tokens, rows)
    elif "auto_map" in tokens.settings and "tokenizer.json" not in there:
        yield Fault(
            folder / "tokenizer_config.json",
            "its tokenizer is code of its own (auto_map), which is never run",
            "save it as a tokenizer.json",
        )
    written = {name: text for name, text in jinja.items() if isinstance(text, str)}
    for prompt in dict.fromkeys(prompts):
        yield from _prompt(folder, prompt, written, tokens, tokenizer, rows)


def _missing(there: Collection[str]) -> list[str]:
    wanted = (
        ("config.json", "config.json" in there),
        (f"tokenizer ({' or '.join(TOKENIZER_FILES)})", any(name in there for name in TOKENIZER_FILES)),
        (f"weights ({WEIGHTS}, or {INDEX} and what it names)", WEIGHTS in there or INDEX in there),
    )
    return [name for name, found in wanted if not found]


# ---------------------------------------------------------------- files


def _read(path: Path, parse: Callable[[str], T]) -> "T | Fault":
    """The content of a text file, or what is wrong with the file."""
    for fault in _not_there(path):
        return fault
    content = path.read_bytes()
    if content.startswith(b"\xef\xbb\xbf"):
        return Fault(path, "begins with a byte order mark, which transformers does not read", "save it as plain UTF-8")
    try:
        return parse(content.decode())
    except UnicodeDecodeError:
        return Fault(path, "not UTF-8", "save it as plain UTF-8")
    except (ValueError, RecursionError) as error:
        return Fault(path, f"not the JSON that it should be ({_line(error)})", AGAIN)


def _object(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"{type(found).__name__} where an object should be")
    return found


def _not_there(path: Path) -> Iterator[Fault]:
    """Why there is no content to read, if there is none."""
    try:
        if not path.exists():
            yield Fault(
                path,
                f"a link to {os.readlink(path)}, which is not there" if path.is_symlink() else "no such file",
                AGAIN,
            )
        elif not path.is_file():
            yield Fault(path, "not a file", AGAIN)
        else:
            with path.open("rb") as file:
                if file.read(len(LFS)) == LFS:
                    what, mend = (
                        "a Git LFS pointer, not the file that it stands for",
                        "run `git lfs pull` in its repository",
                    )
                    yield Fault(path, what, mend)
    except OSError as error:
        yield _unreadable(path, error)


def _unreadable(path: Path, error: OSError) -> Fault:
    return Fault(path, f"cannot be read ({error.strerror or _line(error)})", "give this user the right to read it")


def _line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


# ---------------------------------------------------------------- configuration


def _of_language(config: Mapping[str, Any]) -> dict[str, Any]:
    """Of a model that also sees or hears, the part that writes."""
    text = config.get("text_config")
    return {**config, **(text if isinstance(text, dict) else {})}


def _config(path: Path, config: Mapping[str, Any]) -> Iterator[Fault]:
    language = _of_language(config)
    if quantised := config.get("quantization_config") or config.get("compression_config"):
        method = quantised.get("quant_method") if isinstance(quantised, dict) else None
        yield Fault(
            path,
            f"quantised weights ({method or 'quantization_config'}), which are neither trained nor answered with here",
            "take the model's weights in bfloat16, float16 or float32",
        )
    kind = config.get("model_type")
    if isinstance(kind, str) and kind and _listed() and json.dumps(kind) not in _listed():
        own = " and comes with code of its own (auto_map), which is never run" if "auto_map" in config else ""
        yield Fault(
            path,
            f"model_type {kind!r} is none of the installed transformers{own}",
            "take a model of an architecture that transformers has",
        )
    for name in ("vocab_size", *POSITIONS):
        if language.get(name) is not None and not _counts(language[name]):
            yield Fault(path, f"{name} = {_shown(language[name])} is no number of tokens", "put a whole number there")
    for type_ in _rope_types(language):
        if type_ not in ROPE_TYPES:
            yield Fault(
                path,
                f"rope type {_shown(type_)} is unknown",
                f"known are {', '.join(sorted(ROPE_TYPES))}; name the one that the model was trained with",
            )


def _rope_types(config: Mapping[str, Any]) -> Iterator[Any]:
    """The rope types that a configuration names, for all layers or by kind of layer."""
    for key in ("rope_scaling", "rope_parameters"):
        said = config.get(key)
        if isinstance(said, dict):
            for part in (said, *said.values()):
                if isinstance(part, dict):
                    yield from (part[name] for name in ("rope_type", "type") if part.get(name) is not None)


def _ids(path: Path, settings: Mapping[str, Any], rows: int | None) -> Iterator[Fault]:
    """Token ids that generation and training would use as they are."""
    for name in ("eos_token_id", "pad_token_id"):
        value = settings.get(name)
        for id_ in value if isinstance(value, list) else [value]:
            if id_ is None or (name == "pad_token_id" and id_ == -1):  # as old Llama folders say that there is none
                continue
            if type(id_) is not int or id_ < 0:
                yield Fault(path, f"{name} = {_shown(value)} is no token id", "put the number of the token there")
            elif rows is not None and id_ >= rows:
                yield Fault(
                    path,
                    f"{name} = {_shown(value)} is beyond the model's {rows} embeddings, 0 to {rows - 1}",
                    "put the number of a token of the model there",
                )


def _counts(value: object) -> bool:
    return type(value) is int and value > 0


def _shown(value: object) -> str:
    return json.dumps(value, default=str)[:100]


@functools.cache
def _listed() -> str:
    """The files in which the installed transformers lists what it can load; importing them takes seconds, and torch.

    Empty where they cannot be found.
    """
    with suppress(ImportError, OSError, ValueError):
        if (spec := find_spec("transformers")) and spec.origin:
            folder = Path(spec.origin).parent / "models/auto"
            return "".join(
                (folder / f"{name}.py").read_text(encoding="utf-8") for name in ("auto_mappings", "configuration_auto")
            )
    return ""


# ---------------------------------------------------------------- weights


def weight_files(folder: Path) -> list[Path]:
    """The files of a whole model folder that hold its weights."""
    if os.path.lexists(folder / WEIGHTS):
        return [folder / WEIGHTS]
    named = _read(folder / INDEX, _parts)
    return [] if isinstance(named, Fault) else [folder / name for name in sorted(named)]


def _weights(folder: Path, there: Collection[str]) -> Iterator[Fault]:
    if INDEX in there:
        named = _read(folder / INDEX, _parts)
        if isinstance(named, Fault):
            yield named
        elif missing := sorted(named - set(there)):
            yield Fault(folder, f"not a whole model folder, it lacks {', '.join(missing)}", AGAIN)
    for file in weight_files(folder):
        if file.name in there and (fault := _weight_file(file)):
            yield fault


def _parts(text: str) -> set[str]:
    """The files that an index names."""
    named = _object(text).get("weight_map")
    if not isinstance(named, dict) or not all(
        isinstance(name, str) and name == Path(name).name for name in named.values()
    ):
        raise ValueError("no weight_map from tensors to files of the folder")
    return set(named.values())


def _weight_file(path: Path) -> Fault | None:
    from safetensors import SafetensorError, safe_open

    for fault in _not_there(path):
        return fault
    try:
        with safe_open(path, framework="np") as opened:
            kinds = {name: opened.get_slice(name).get_dtype() for name in opened.keys()}  # noqa: SIM118  # no mapping
    except (SafetensorError, ValueError, OSError) as error:
        return Fault(
            path,
            f"not readable weights, perhaps cut short by a crash ({_line(error)})",
            "delete the folder and make it again",
        )
    packed = next((name for name, kind in kinds.items() if name.endswith(".weight") and kind not in FLOATS), None)
    if packed:
        return Fault(
            path,
            f"quantised weights ({packed} is {kinds[packed]})",
            "take the model's weights in bfloat16, float16 or float32",
        )
    return None


# ---------------------------------------------------------------- tokenizer


@dataclass(frozen=True)
class _Tokens:
    """What tokenizer_config.json and special_tokens_map.json say."""

    settings: Mapping[str, Any]

    def named(self, name: str) -> str | None:
        """A special token's text, by its key."""
        said = self.settings.get(name)
        text = said.get("content") if isinstance(said, dict) else said
        return text if isinstance(text, str) else None

    @property
    def special(self) -> dict[str, str]:
        """Those that templates may ask for."""
        names = (f"{kind}_token" for kind in ("bos", "eos", "unk", "sep", "pad", "cls", "mask"))
        return {name: text for name in names if (text := self.named(name)) is not None}


def _tokenizer(path: Path, text: str) -> "Tokenizer | Fault":
    from tokenizers import Tokenizer

    try:
        made = Tokenizer.from_str(text)
        made.no_truncation()
        made.no_padding()
        return made
    except BaseException as error:
        if not raised_by_library(error):
            raise
        return Fault(
            path,
            f"not a tokenizer of the installed `tokenizers` ({_line(error)})",
            "save it with the versions of constraints.txt, or copy it again",
        )


def _tokenizer_faults(folder: Path, tokenizer: "Tokenizer", tokens: _Tokens, rows: int | None) -> Iterator[Fault]:
    if dropout := getattr(tokenizer.model, "dropout", None):
        yield Fault(folder / "tokenizer.json", f"model.dropout = {dropout} draws token ids by chance", "put null there")
    words = tokenizer.get_vocab(with_added_tokens=True)
    if lost_space(
        lambda text: tokenizer.encode(text, add_special_tokens=False).ids,
        lambda ids: tokenizer.decode(ids, skip_special_tokens=False),
        words,
    ):
        yield Fault(
            folder / "tokenizer.json",
            "loses spaces or line breaks, though it has tokens for them",
            "take the file that the model was published with; one saved after loading it under a wrong class is broken so",
        )
    ending = tokens.named("eos_token")
    if (
        ending is not None
        and rows is not None
        and (id_ := words.get(ending, max(words.values(), default=-1) + 1)) >= rows
    ):
        yield Fault(
            folder / "tokenizer_config.json",
            f"eos_token {ending!r} has the id {id_}, beyond the model's {rows} embeddings, 0 to {rows - 1}",
            "name a token there that the model has",
        )
    tokenizer.add_special_tokens(
        [text for text in tokens.special.values() if text not in words]
    )  # as transformers does


# ---------------------------------------------------------------- prompts


def _prompt(
    folder: Path,
    prompt: Prompt,
    written: Mapping[str, str],
    tokens: _Tokens,
    tokenizer: "Tokenizer | None",
    rows: int | None,
) -> Iterator[Fault]:
    """Whether the model can be given a prompt; `written` are the texts of its template files."""
    file = folder / ("chat_template.jinja" if written else "tokenizer_config.json")
    raw = "give this model a prompt of kind raw"
    text = prompt.around(PROBLEM)
    if prompt.kind == "chat":
        try:
            own = templates.chosen(written, tokens.settings)
        except ValueError as error:
            yield Fault(file, str(error), AGAIN)
            return
        template = own.get("default") if isinstance(own, dict) else own
        if template is None:
            said = f"several chat templates ({', '.join(own)}) and none called default" if own else "no chat template"
            yield Fault(
                file, f"has {said}, but the prompt is of kind chat", f"name one default, or {raw}" if own else raw
            )
            return
        try:
            if what := templates.draws(template):
                yield Fault(file, f"its chat template draws by chance ({what})", f"take that out of it, or {raw}")
            text = templates.render(template, prompt, PROBLEM, tokens.special)
        except Exception as error:  # a template may raise anything
            yield Fault(
                file,
                f"its chat template cannot be used with the suite's prompt ({_line(error)})",
                f"mend it, or {raw}, or one without a system message",
            )
            return
    if tokenizer is None or rows is None:
        return
    try:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
    except BaseException as error:  # of a character that it has no word for; the suite's problems may have none such
        if not raised_by_library(error):
            raise
        return
    beyond = [id_ for id_ in ids if id_ >= rows]
    if beyond:
        yield Fault(
            folder / "tokenizer.json",
            f"the prompt has the token {tokenizer.id_to_token(beyond[0])!r} with the id {beyond[0]}, beyond the model's "
            f"{rows} embeddings, 0 to {rows - 1}",
            "take a tokenizer that fits the weights, or a prompt without it",
        )

"""tokenizer.json of a model folder, read by `tokenizers` alone: finds the faults that show in it."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spurious_rewards.models import tokenizer_trial
from spurious_rewards.models.faults import Fault, raised_by_library
from spurious_rewards.runtime.errors import in_a_line

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True)
class SpecialTokens:
    """The special tokens in tokenizer_config.json and special_tokens_map.json."""

    settings: Mapping[str, Any]

    def named(self, name: str) -> str | None:
        """Return the text of the special token with this key, or None."""
        said = self.settings.get(name)
        text = said.get("content") if isinstance(said, dict) else said
        return text if isinstance(text, str) else None

    @property
    def special(self) -> dict[str, str]:
        """The special tokens that chat templates may ask for, by key."""
        names = (f"{kind}_token" for kind in ("bos", "eos", "unk", "sep", "pad", "cls", "mask"))
        return {name: text for name in names if (text := self.named(name)) is not None}

    def every(self, tokenizer: "Tokenizer") -> set[str]:
        """Return the texts of all special tokens: those of the tokenizer itself, and those that the settings add."""
        of_file = {one.content for one in tokenizer.get_added_tokens_decoder().values() if one.special}
        added = self.settings.get("added_tokens_decoder")
        said = [one for one in (added.values() if isinstance(added, dict) else ()) if _content(one, "special")]
        for name in ("additional_special_tokens", "extra_special_tokens"):
            said += found if isinstance(found := self.settings.get(name), list) else []
        texts = (one if isinstance(one, str) else _content(one, "content") for one in said)
        return of_file | set(self.special.values()) | {text for text in texts if isinstance(text, str)}


def _content(token: Any, key: str) -> Any:
    return token.get(key) if isinstance(token, dict) else None


def load(path: Path, text: str) -> "Tokenizer | Fault":
    """Return the tokenizer of a tokenizer.json, without truncation and padding, or the fault of the file."""
    from tokenizers import Tokenizer

    if fault := tried(path):
        return fault
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
            f"not a tokenizer of the installed `tokenizers` ({in_a_line(error)})",
            "save it with the versions of constraints.txt, or copy it again",
        )


def tried(path: Path, *texts: str) -> Fault | None:
    """Return the fault of a tokenizer.json that takes too much time or memory on `texts`, by default of all kinds."""
    wrong = tokenizer_trial.fault(path, *([texts] if texts else ()))
    return Fault(path, wrong, "take another model") if wrong else None


def faults(folder: Path, tokenizer: "Tokenizer", tokens: SpecialTokens, rows: int | None) -> Iterator[Fault]:
    """Yield the faults of a tokenizer for a model with `rows` embeddings, and add the special tokens that it lacks."""
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


def lost_space(encode: Callable[[str], list[int]], decode: Callable[[list[int]], str], words: Collection[str]) -> bool:
    """Whether a tokenizer loses spaces or line breaks that it has words for, as one rebuilt under a wrong class."""
    signs = {" ": (" ", "Ġ", "▁"), "\n": ("\n", "Ċ")}
    spaces = [space for space, names in signs.items() if any(name in words for name in names)]
    try:
        survivor = next((char for char in "a1xA0" if decode(encode(char)).strip() == char), None)
        return survivor is not None and any(
            decode(encode(f"{survivor}{space}{survivor}")) == survivor * 2 for space in spaces
        )
    except BaseException as error:  # a character has no token, and the tokenizer has none for the unknown
        if not raised_by_library(error):
            raise
        return False

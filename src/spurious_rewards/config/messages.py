"""Validates data with a pydantic model, and says in one line what is wrong: file, key, value and what is allowed."""

import difflib
import json
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from spurious_rewards.config.base import IN_A_NAME, NAME, SEEDS
from spurious_rewards.config.renamed import renamed
from spurious_rewards.runtime.errors import UserError

M = TypeVar("M", bound=BaseModel)

LONGEST = 300
"""Maximum length in characters of a value in a message."""


class FoundError(ValueError):
    """A wrong value with the key that holds it."""

    def __init__(self, key: str, value: object, complaint: str):
        super().__init__(f"{key} = {shown(value)}: {complaint}")


def shown(value: object) -> str:
    """Return a value as a message shows it: as JSON, cut after `LONGEST` characters."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def known(name: str, key: str, allowed: Collection[str]) -> None:
    """Raise a FoundError if the name at `key` is not one of the allowed ones."""
    if name not in allowed:
        raise FoundError(key, name, f"no such name{suggest(name, list(allowed))}")


def known_once(names: Sequence[str], key: str, allowed: Collection[str]) -> None:
    """Raise a FoundError for the first of several names at `key` that is not allowed or stands there twice."""
    for index, name in enumerate(names):
        where = f"{key}[{index}]"
        known(name, where, allowed)
        if name in names[:index]:
            raise FoundError(where, name, "it is named twice; delete one")


def suggest(name: str, allowed: list[str]) -> str:
    """Return the end of a message: the new name of an old key, or else the nearest allowed name and all of them."""
    if new := renamed(name, allowed):
        return f": it is called {new} now"
    close = difflib.get_close_matches(name, allowed, n=1)
    return (f", did you mean {close[0]}?" if close else "") + f"; allowed: {', '.join(sorted(allowed))}"


def plain(detail: Any) -> str:
    """Return the message of a pydantic error without type names that only a programmer understands."""
    if detail["type"] == "string_type" and isinstance(detail["input"], int | float):
        return "should be text; put it in quotes"
    if detail["type"] == "string_pattern_mismatch" and detail["ctx"]["pattern"] == NAME:
        return IN_A_NAME
    if detail["type"] == "string_pattern_mismatch" and detail["ctx"]["pattern"] == SEEDS:
        return 'should be a seed or a range of seeds, like "3" or "0-4"'
    if detail["type"] == "path_type":
        return "should be the path of a file, as text"
    message: str = detail["msg"].removeprefix("Value error, ")
    message = message.replace("a valid tuple", "a list").replace("a valid dictionary", "keys with values")
    return re.sub(r"^(Input|String|Keys|Dictionary|Tuple) should", "should", message.partition(" after validation")[0])


def place(detail: Any) -> tuple[int | str, ...]:
    """Return the keys at which a pydantic error is. What it says of a union's members, in brackets here, is no key."""
    return tuple(part for part in detail["loc"] if not str(part).startswith("("))


def explain(error: ValidationError, file: Path | str, model: type[BaseModel]) -> UserError:
    """Return one line with file, key, value and what is allowed, for the first of pydantic's errors.

    Unknown keys go first, because a key that is missing may only have another name.
    """
    detail = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    detail["loc"] = place(detail)
    key = ".".join(str(part) for part in detail["loc"]).removesuffix(".[key]")
    if detail["type"] == "extra_forbidden":
        fields = _fields_at(model, detail["loc"][:-1])
        return UserError(
            f"{file}: {key} = {shown(detail['input'])}: no such key{suggest(str(detail['loc'][-1]), fields)}"
        )
    if detail["type"] == "missing":
        return UserError(f"{file}: {key}: this key is missing and has no default")
    if detail["type"] == "value_error" and isinstance(detail["ctx"]["error"], FoundError):
        return UserError(f"{file}: {detail['ctx']['error']}")
    if not key:
        return UserError(f"{file}: {plain(detail)}")
    if isinstance(detail["input"], dict):  # a complaint about several keys names their values itself
        return UserError(f"{file}: {key}: {plain(detail)}")
    return UserError(f"{file}: {key} = {shown(detail['input'])}: {plain(detail)}")


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that are allowed at a place in the JSON schema of `model`."""
    schema = model.model_json_schema()
    node = schema
    for part in location:
        node = _resolve(node, schema)
        if "properties" in node and part in node["properties"]:
            node = node["properties"][part]
        else:
            of_names = next(iter(node.get("patternProperties", {}).values()), None)
            node = of_names or node.get("additionalProperties") or node.get("items") or {}
    return list(_resolve(node, schema).get("properties", {}))


def _resolve(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    for option in node.get("anyOf", node.get("oneOf", [])):
        if "$ref" in option or "oneOf" in option:
            node = _resolve(option, schema)
    if "$ref" in node:
        resolved: dict[str, Any] = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
        return resolved
    return node


def validate(model: type[M], data: Any, file: Path | str) -> M:
    """Return `data` validated as `model`; a UserError names `file` if the data is wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise explain(error, file, model) from None

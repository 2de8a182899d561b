"""Writes the parts of the manual that come from the code: the keys of suites, and the commands.

A page holds such a part between two comments, `<!-- made: keys of Training -->` and `<!-- end -->`. Run this file, or
`make docs`, after a change of the code; tests/project/test_site.py fails until then.
"""

import functools
import inspect
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from spurious_rewards.config import base, experiments, models, problems, resources, training
from spurious_rewards.config.reward_names import REWARD_FUNCTIONS
from spurious_rewards.config.settings import Settings
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs/reference/configuration.md", ROOT / "docs/reference/command-line.md"]
KEYS = yaml.safe_load((Path(__file__).with_name("keys.yaml")).read_text())
"""What the classes do not say: names of keys in other libraries, and examples where no suite of the project has one."""

MADE = re.compile(r"(<!-- made: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)

SUITES = [
    *(
        ROOT / f"config/suites/{name}.yaml"
        for name in ("organism", "paper", "one_gpu", "laptop", "laptop_more", "followups", "small", "smoke")
    ),
    ROOT / "examples/your_method/your_method.yaml",
]
"""Suites that examples come from; the first suite with a fitting value is used."""

LONGEST = 48
"""Largest number of characters of an example."""

NONE = "\N{EN DASH}"


def filled(text: str) -> str:
    """Return a page with up-to-date text in the parts that come from the code."""
    return MADE.sub(lambda found: f"{found[1]}\n{part(found[2])}\n{found[3]}", text)


def part(name: str) -> str:
    """Return the text of a part, which goes between the two comments."""
    if name == "commands":
        return commands()
    return table(classes()[name.removeprefix("keys of ")])


# ---------------------------------------------------------------- keys


@functools.cache
def classes() -> dict[str, type[BaseModel]]:
    """Return Settings, Suite and every class that a suite is made of, by name."""
    found = vars(experiments) | vars(models) | vars(problems) | vars(resources) | vars(training)
    return {"Settings": Settings, "Suite": Suite} | {name: found[name] for name in Suite.model_json_schema()["$defs"]}


def table(kind: type[BaseModel]) -> str:
    """Return a Markdown table of the keys of a class, one row per key."""
    name = kind.__name__
    rows = [["key", "type", "default", "effect", "example", "in other libraries"], ["---"] * 6]
    for key, field in kind.model_fields.items():
        rows.append(
            [f"`{key}`", type_of(field), default(field), effect(field), example(kind, key), elsewhere(name, key)]
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def effect(field: FieldInfo) -> str:
    """Return what a key does, with the values that its description names set as code."""
    words = "|".join(sorted({"null", "vllm", *REWARD_FUNCTIONS, *_literals(field.annotation)}, key=len, reverse=True))
    return re.sub(rf"(?<![\w`])({words}):", r"`\1`:", _escaped(field.description or ""))


def _literals(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(each) for each in get_args(annotation)]
    return [word for each in get_args(annotation) for word in _literals(each)]


def elsewhere(name: str, key: str) -> str:
    """Return what other libraries call a key."""
    return str(KEYS["names"].get(name, {}).get(key, NONE))


def default(field: FieldInfo) -> str:
    """Return the default of a key, in words."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return f"[defaults](#{type(value).__name__.lower()})" if isinstance(value, BaseModel) else _code(value)


def type_of(field: FieldInfo) -> str:
    """Return what values a key takes, in words."""
    return _type(field.annotation, field.metadata)


NAMED = {base.NAME: "name", base.SEEDS: "seeds", "^[0-9a-f]{12}$": "hash"}
WORDS = {bool: "true or false", int: "integer", float: "number", str: "text", Any: "anything", type(None): "null"}


def _type(annotation: Any, metadata: list[Any]) -> str:
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return _type(inner, [*more, *metadata])
    metadata = [each for one in metadata for each in (one.metadata if isinstance(one, FieldInfo) else [one])]
    for one in metadata:
        if (pattern := getattr(one, "pattern", None)) in NAMED:
            return NAMED[pattern]
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(each, []) for each in args)
    if origin is Literal:
        return _listed([f"`{each}`" for each in args])
    if origin is tuple:
        return f"list of {_type(args[0], [])}" if args[-1] is Ellipsis else f"list of {len(args)}: {_type(args[0], [])}"
    if origin is dict:
        keys, values = _type(args[0], []), _type(args[1], [])
        return f"mapping of {keys} to {values}"
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    return WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)).lower()) + _range(metadata)


def _range(metadata: list[Any]) -> str:
    limits = []
    for one in metadata:
        if isinstance(one, annotated_types.Ge):
            limits.append(f"≥ {one.ge}")
        elif isinstance(one, annotated_types.Gt):
            limits.append(f"> {one.gt}")
        elif isinstance(one, annotated_types.Le) and one.le != base.LARGEST:
            limits.append(f"≤ {one.le}")
        elif isinstance(one, annotated_types.Lt):
            limits.append(f"< {one.lt}")
    if [limit[:2] for limit in limits] == ["≥ ", "≤ "]:
        limits = [" to ".join(limit[2:] for limit in limits)]
    return f" {', '.join(limits)}" if limits else ""


def _listed(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _code(value: Any) -> str:
    """Return a value as inline code, as YAML writes it on one line."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    elif isinstance(value, tuple):
        value = list(value)
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False)
    text = text.removesuffix("...\n").strip().replace("|", r"\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _escaped(text: str) -> str:
    return text.replace("|", r"\|").replace("<answer>", "`<answer>`").replace(r"\boxed{}", r"`\boxed{}`")


# ---------------------------------------------------------------- examples


def example(kind: type[BaseModel], key: str) -> str:
    """Return an example of a key: keys.yaml's, a link to the keys of its class, or a suite's value; "" if none fits."""
    field = kind.model_fields[key]
    given = KEYS["examples"].get(kind.__name__, {})
    if key in given:
        return _code(given[key])
    if made_of := next(_classes_in(field.annotation), None):
        return f"[its keys](#{made_of.__name__.lower()})"
    shown = [_code(value) for value in _values().get((kind.__name__, key), []) if value != _plain_default(field)]
    return next((text for text in shown if len(text) <= LONGEST), "")


def _plain_default(field: FieldInfo) -> Any:
    value = None if field.is_required() else field.get_default(call_default_factory=True)
    return list(value) if isinstance(value, tuple) else value


def _classes_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    elif typing.get_origin(annotation) is not Literal:
        for each in get_args(annotation):
            yield from _classes_in(each)


@functools.cache
def _values() -> Mapping[tuple[str, str], list[Any]]:
    """Return every value that the project's suites give a key, by class and key."""
    found: dict[tuple[str, str], list[Any]] = {}
    for path in SUITES:
        suite = read_yaml(path)
        _collect(Suite, suite, found)
        for change in suite.get("variants", {}).values():
            _collect(training.Training, change, found)
    return found


def _collect(annotation: Any, value: Any, found: dict[tuple[str, str], list[Any]]) -> None:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        if isinstance(value, dict):
            for key, each in value.items():
                if key in annotation.model_fields:
                    found.setdefault((annotation.__name__, key), []).append(each)
                    _collect(annotation.model_fields[key].annotation, each, found)
    elif get_origin(annotation) is dict and isinstance(value, dict):
        for each in value.values():
            _collect(get_args(annotation)[1], each, found)
    elif get_origin(annotation) is tuple and isinstance(value, list):
        for each in value:
            _collect(get_args(annotation)[0], each, found)
    else:
        for each in get_args(annotation) if get_origin(annotation) is not Literal else ():
            _collect(each, value, found)


# ---------------------------------------------------------------- commands


def command_line() -> Any:
    """Return the command line as a click command; the import is here because it loads every stage."""
    import typer.main

    from spurious_rewards.cli.main import app

    return typer.main.get_command(app)


def commands() -> str:
    """Return every command of the command line with its arguments and options, as Markdown."""
    whole = command_line()
    said = []
    for name, command in whole.commands.items():
        if name == "stage":
            continue
        said.append(_command(name, command))
    stages = whole.commands["stage"]
    said.append(
        f"## stage\n\n{stages.help}\n\n"
        + "| stage | what it does |\n| --- | --- |\n"
        + "".join(f"| `{name}` | {_escaped(one.help or '')} |\n" for name, one in stages.commands.items())
        + "\nEach takes the job as JSON, its artifacts and, where it needs them, what it runs on:\n\n"
        + _parameters({_name(one): one for command in stages.commands.values() for one in command.params}.values())
    )
    return "\n".join(said)


def _command(name: str, command: Any) -> str:
    text, _, shown = inspect.cleandoc(command.help).partition("\nExample: ")
    usage = ["spurious-rewards", name, *(_name(one) for one in command.params if _is_argument(one))]
    if any(not _is_argument(one) for one in command.params):
        usage.append("[OPTIONS]")
    parts = [f"## {name}", text, f"```text\n{' '.join(usage)}\n```"]
    if command.params:
        parts.append(_parameters(command.params).rstrip())
    parts.append(f"Example:\n\n```bash\n{shown.strip()}\n```")
    return "\n\n".join(parts) + "\n"


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _name(parameter: Any) -> str:
    """Return an argument, or an option with its value, as one types it."""
    annotation = parameter.type_descriptor.annotation
    value = parameter.metavar or {int: "N", Path: "PATH"}.get(annotation, "TEXT")
    if _is_argument(parameter):
        return str(parameter.metavar or parameter.name.upper())
    return parameter.opts[0] if parameter.is_flag else f"{parameter.opts[0]} {value}"


def _parameters(parameters: Iterable[Any]) -> str:
    rows = ["| argument or option | meaning |\n| --- | --- |\n"]
    for one in parameters:
        said = _escaped(one.help or "")
        if "/" not in said.partition(" ")[0]:  # a path keeps its first letter
            said = said[:1].upper() + said[1:]
        said += "."
        if _is_argument(one):
            pass
        elif one.required:
            said += " Required."
        elif one.show_default and not one.is_flag and one.default not in (None, "{}") and not callable(one.default):
            said += f" Default: {one.default}."
        rows.append(f"| `{_name(one)}` | {said} |\n")
    return "".join(rows)


def main() -> None:
    """Write the pages."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        new = filled(text)
        if new != text:
            page.write_text(new, encoding="utf-8")
            print(f"{page.relative_to(ROOT)}: written")


if __name__ == "__main__":
    main()

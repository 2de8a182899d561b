"""Chat templates without transformers: which one a model folder has, and what it makes of a prompt.

Prompts themselves are made by transformers (`prompts.encode`). This module only checks a template before a model is loaded.
"""

import functools
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from spurious_rewards.config.models import Prompt

Templates = str | dict[str, str] | None
"""The template of a tokenizer, several of them by name, or none: as `PreTrainedTokenizerBase.chat_template`."""


def messages(prompt: Prompt, problem: str) -> list[dict[str, str]]:
    """The chat that a prompt of kind chat opens with."""
    system = [] if prompt.system is None else [{"role": "system", "content": prompt.system}]
    return [*system, {"role": "user", "content": prompt.around(problem)}]


def files(folder: Path) -> dict[str, Path]:
    """The template files of a model folder, by the names of the templates."""
    found = {path.name.removesuffix(".jinja"): path for path in (folder / "additional_chat_templates").glob("*.jinja")}
    return found | ({"default": own} if os.path.lexists(own := folder / "chat_template.jinja") else {})


def chosen(texts: Mapping[str, str], tokenizer_config: Mapping[str, Any]) -> Templates:
    """The templates of a tokenizer: those of its template files if it has such, else those of tokenizer_config.json.

    Raises:
        ValueError: the key `chat_template` is neither text nor a list of named templates.
    """
    if texts:
        return texts["default"] if list(texts) == ["default"] else dict(texts)
    said = tokenizer_config.get("chat_template")
    if isinstance(said, list):
        try:
            said = {entry["name"]: entry["template"] for entry in said}
        except (KeyError, TypeError):
            raise ValueError("chat_template is no list of templates with `name` and `template`") from None
    several = said.values() if isinstance(said, dict) else [said]
    if said is not None and not all(isinstance(text, str) for text in several):
        raise ValueError("chat_template is no text")
    return said


def render(template: str, prompt: Prompt, problem: str, special_tokens: Mapping[str, str]) -> str:
    """What a template makes of a prompt, opened for the assistant's turn.

    Raises:
        Exception: whatever the template raises; jinja2's own errors among them.
    """
    return (
        _environment()
        .from_string(template)
        .render(
            messages=messages(prompt, problem),
            tools=None,
            documents=None,
            add_generation_prompt=True,
            strftime_now=prompt.date.strftime,
            **special_tokens,
        )
    )


@functools.cache
def draws(template: str) -> str | None:
    """What in a template depends on chance, so that a prompt would be another one each time; None if nothing does.

    Raises:
        jinja2.TemplateSyntaxError: the template is broken.
    """
    tree = _environment().parse(template)
    for used in tree.find_all(nodes.Filter):
        names = [used.name, *(given.value for given in used.args if isinstance(given, nodes.Const))]  # also of `map`
        if "random" in names:
            return "random"
    return "lipsum" if any(used.name == "lipsum" for used in tree.find_all(nodes.Name)) else None


def unusable(text: str, asked: str) -> str | None:
    """What is wrong with what a template has made of a prompt that asks this; None if nothing is."""
    if asked.strip() not in text:
        return "leaves out what the user says"
    if found := _OBJECT.search(text.replace(asked.strip(), "")):
        return f"prints an object of Python's, another one in each process ({found[0]})"
    return None


_OBJECT = re.compile(r"<[\w. -]{1,60} at 0x[0-9a-f]{1,16}>")
"""`{{ messages | map(...) }}` without a `| list` gives `<generator object ... at 0x7f8e7bc79040>`."""


class _Generation(Extension):
    """The tag with which a template marks the assistant's words; here they are words like others."""

    tags = {"generation"}  # noqa: RUF012  # jinja2's own declaration of it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _environment() -> ImmutableSandboxedEnvironment:
    """As transformers 5.17 makes it (`utils/chat_template_utils.py`); a test compares what both render."""
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
    made.filters["tojson"] = _tojson
    made.globals["raise_exception"] = _raise
    return made


def _tojson(value: Any, ensure_ascii: bool = False, **settings: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, **settings)


def _raise(message: str) -> None:
    raise jinja2.TemplateError(message)

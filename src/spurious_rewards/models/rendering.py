"""Renders chat templates as transformers does, in a worker with hard limits: a template is a program by its makers.

The sandbox of jinja2 keeps a template from Python's objects, but limits neither its time nor its memory. This module
imports neither transformers nor the classes of suites, so that its worker starts in a tenth of a second. One worker
serves all prompts of a process.
"""

import datetime
import functools
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from spurious_rewards.runtime import limited

SECONDS = 5.0
"""Limit of processor time for one prompt; real templates take a thousandth of a second."""

MEMORY_LIMIT = 1024**3
"""Limit of the worker's address space in bytes; before its first question it has some 40 million."""

LONGEST = 10_000_000
"""Maximum length of a rendered prompt in characters."""

LONGEST_COMPLAINT = 500
"""Maximum length in characters of an error message from a template."""


class RenderingError(ValueError):
    """A template raises, does not end or takes too much. The message says which, in the template's own words."""


class Rendered(NamedTuple):
    """The text that a template makes of a prompt; `draws` names what in the template depends on chance, if anything."""

    text: str
    draws: str | None


def render(
    template: str, messages: Sequence[Mapping[str, str]], date: datetime.date, special_tokens: Mapping[str, str]
) -> Rendered:
    """Return what a template makes of a chat on a date. It opens the assistant's turn, unless the chat ends with one.

    Raises:
        RenderingError: the template raises any error, does not end or takes too much memory.
    """
    question = [template, list(messages), date.isoformat(), dict(special_tokens)]
    try:
        answer = _of_process(os.getpid()).ask(question, SECONDS)
    except limited.EndedError as error:
        raise RenderingError(str(error)) from None
    if isinstance(answer, str):
        raise RenderingError(answer)
    return Rendered(*answer)


@functools.cache
def _of_process(process: int) -> limited.Worker:
    """Return the worker of a process; a forked child needs its own, or both would read each other's replies."""
    return limited.Worker("spurious_rewards.models.rendering")


# ---------------------------------------------------------------- within the worker


def _answer(question: list[Any]) -> list[str | None] | str:
    """Return the text and what draws by chance, or else the error message."""
    template, messages, date, special_tokens = question
    try:
        text = _compiled(template).render(
            messages=messages,
            tools=None,
            documents=None,
            add_generation_prompt=messages[-1]["role"] != "assistant",
            strftime_now=datetime.date.fromisoformat(date).strftime,
            **special_tokens,
        )
        if len(text) <= LONGEST:
            return [text, _draws(template)]
        said = f"makes {len(text):,} characters of a prompt, and the limit is {LONGEST:,}"
    except MemoryError:
        said = f"takes more than {MEMORY_LIMIT / 1024**3:.0f} GiB of memory"
    except Exception as error:  # a template may raise anything
        said = str(error) or type(error).__name__
    _compiled.cache_clear()  # the cache may hold the memory that the next template needs
    return said[:LONGEST_COMPLAINT]


@functools.lru_cache(maxsize=10)
def _compiled(template: str) -> jinja2.Template:
    return _environment().from_string(template)


@functools.lru_cache(maxsize=10)
def _draws(template: str) -> str | None:
    tree = _environment().parse(template)
    for used in tree.find_all(nodes.Filter):
        names = [used.name, *(given.value for given in used.args if isinstance(given, nodes.Const))]  # also of `map`
        if "random" in names:
            return "random"
    return "lipsum" if any(used.name == "lipsum" for used in tree.find_all(nodes.Name)) else None


class _Generation(Extension):
    """The tag with which a template marks the assistant's words; here these are rendered like any others."""

    tags = {"generation"}  # noqa: RUF012  # jinja2's own declaration of it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@functools.cache
def _environment() -> ImmutableSandboxedEnvironment:
    """Return the environment that transformers 5.17 makes (`utils/chat_template_utils.py`); a test compares results."""
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
    made.filters["tojson"] = _tojson
    made.globals["raise_exception"] = _raise
    return made


def _tojson(value: Any, ensure_ascii: bool = False, **settings: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, **settings)


def _raise(message: str) -> None:
    raise jinja2.TemplateError(message)


if __name__ == "__main__":
    limited.serve(lambda: _answer, float(sys.argv[1]), MEMORY_LIMIT)

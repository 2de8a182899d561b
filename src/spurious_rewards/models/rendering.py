"""Rendering chat templates as transformers does, in a worker under hard limits: a template is a program of its model's makers.

jinja2's sandbox keeps it from Python's objects, and limits neither its time nor its memory. This module imports neither
transformers nor what reads suites, so that its worker starts in a tenth of a second; one serves all prompts of a process.
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
"""Of processor time, for one prompt; real templates take a thousandth of a second."""

MEMORY_LIMIT = 1024**3
"""Bytes of address space of the worker; it has some 40 million before it is asked."""

LONGEST = 10_000_000
"""Characters that a prompt may have."""

LONGEST_COMPLAINT = 500
"""Characters of what a template raises."""


class RenderingError(ValueError):
    """A template that raises, does not end or takes too much: the message says which, in the template's own words."""


class Rendered(NamedTuple):
    """What a template makes of a prompt, and what in the template depends on chance, so that it makes another each time."""

    text: str
    draws: str | None


def render(
    template: str, messages: Sequence[Mapping[str, str]], date: datetime.date, special_tokens: Mapping[str, str]
) -> Rendered:
    """What a template makes of a chat on a day, opened for the assistant's turn unless that is the last of the messages.

    Raises:
        RenderingError: the template raises whatever it likes, does not end or takes too much memory.
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
    """Not of the one that a process was forked from: both would read each other's replies."""
    return limited.Worker("spurious_rewards.models.rendering")


# ---------------------------------------------------------------- within the worker


def _answer(question: list[Any]) -> list[str | None] | str:
    """Text and what draws, or what the template raised."""
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
    _compiled.cache_clear()  # it may hold the memory that the next template needs
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
    """The tag with which a template marks the assistant's words; here they are words like others."""

    tags = {"generation"}  # noqa: RUF012  # jinja2's own declaration of it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@functools.cache
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


if __name__ == "__main__":
    limited.serve(lambda: _answer, float(sys.argv[1]), MEMORY_LIMIT)

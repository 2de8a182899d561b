"""Chat templates: which one a model folder has, and what it makes of a prompt."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spurious_rewards.config.models import Prompt
from spurious_rewards.models import rendering
from spurious_rewards.models.rendering import Rendered

Templates = str | dict[str, str] | None
"""A tokenizer's template, several templates by name, or none: the type of `PreTrainedTokenizerBase.chat_template`."""


def messages(prompt: Prompt, problem: str) -> list[dict[str, str]]:
    """Return the messages of a prompt of kind chat."""
    system = [] if prompt.system is None else [{"role": "system", "content": prompt.system}]
    return [*system, {"role": "user", "content": prompt.around(problem)}]


def files(folder: Path) -> dict[str, Path]:
    """Return the template files of a model folder, by the names of the templates."""
    found = {path.name.removesuffix(".jinja"): path for path in (folder / "additional_chat_templates").glob("*.jinja")}
    return found | ({"default": own} if os.path.lexists(own := folder / "chat_template.jinja") else {})


def chosen(texts: Mapping[str, str], tokenizer_config: Mapping[str, Any]) -> Templates:
    """Return the templates of a tokenizer: those of its template files if there are any, else of tokenizer_config.json.

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


def render(template: str, prompt: Prompt, problem: str, special_tokens: Mapping[str, str]) -> Rendered:
    """Return what a template makes of a prompt, with the assistant's turn opened.

    Raises:
        RenderingError: the template raises, does not end or takes too much memory.
    """
    return rendering.render(template, messages(prompt, problem), prompt.date, special_tokens)


def after_the_response(template: str, prompt: Prompt, problem: str, special_tokens: Mapping[str, str]) -> str:
    """Return what a template puts after the assistant's words; nothing if it leaves them out.

    Raises:
        RenderingError: see `rendering.render`; the template may also refuse a message of the assistant.
    """
    said = "ninety-nine point five"
    chat = [*messages(prompt, problem), {"role": "assistant", "content": said}]
    _, found, behind = rendering.render(template, chat, prompt.date, special_tokens).text.rpartition(said)
    return behind if found else ""


def unusable(text: str, asked: str) -> str | None:
    """Return what is wrong with a rendered prompt whose user message is `asked`, or None if nothing is."""
    if asked.strip() not in text:
        return "leaves out what the user says"
    if found := _OBJECT.search(text.replace(asked.strip(), "")):
        return f"prints an object of Python's, another one in each process ({found[0]})"
    return None


_OBJECT = re.compile(r"<[\w. -]{1,60} at 0x[0-9a-f]{1,16}>")
"""Matches Python's repr of an object, as `{{ messages | map(...) }}` without `| list` prints it:
`<generator object ... at 0x7f8e7bc79040>`."""

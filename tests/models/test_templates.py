"""What a template makes of a prompt is here what transformers makes of it."""

import datetime
from pathlib import Path

import pytest
from model_folders import REFUSING, TEMPLATE, make

from spurious_rewards.config.models import Prompt
from spurious_rewards.models.loading import load_tokenizer
from spurious_rewards.models.templates import draws, messages, render

DATED = (
    "{%- if not date_string is defined %}\n    {%- if strftime_now is defined %}\n"
    '        {%- set date_string = strftime_now("%d %b %Y") %}\n    {%- endif %}\n{%- endif %}\n'
    "{{- bos_token }}<|system|>Today Date: {{ date_string }}\n\n</s>" + TEMPLATE
)
"""As Llama 3.2's."""

TEMPLATES = {
    "plain": TEMPLATE,
    "dated": DATED,
    "white space": (
        "\n  {% if messages %}\n    {% for m in messages -%}\n  {{ m.content | trim }}\n  {%- endfor %}\n  {% endif %}\n"
    ),
    "loop controls": (
        "{% for m in messages %}{% if m.role == 'system' %}{% continue %}{% endif %}{{ m.content }}{% break %}{% endfor %}"
    ),
    "the assistant's words": "{{ messages[-1].content }}{% generation %}<{{ eos_token }}>{% endgeneration %}!",
    "JSON": "{{ messages | tojson(indent=1) }}{{ {'a': 'ä<'} | tojson }}{{ tools }}{{ documents is none }}",
    "names that are not there": "[{{ nosuch }}]{{ pad_token }}{{ add_generation_prompt }}",
    "namespaces and macros": (
        "{% macro said(m) %}{{ m.role }}: {{ m.content }} ({{ strftime_now('%A') }}){% endmacro %}"
        "{% set seen = namespace(n=0) %}{% for m in messages %}{% set seen.n = seen.n + 1 %}{{ said(m) }}{% endfor %}{{ seen.n }}"
    ),
}
PROMPT = Prompt(kind="chat", system="Be <plain>.", user="Add: {}\n", date=datetime.date(2024, 2, 29))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory):
    return load_tokenizer(make(tmp_path_factory.mktemp("models") / "sound"))


@pytest.mark.parametrize("name", TEMPLATES)
def test_transformers_renders_the_same(name: str, tokenizer) -> None:
    theirs = tokenizer.apply_chat_template(
        messages(PROMPT, "1 + 1"),
        chat_template=TEMPLATES[name],
        tokenize=False,
        add_generation_prompt=True,
        strftime_now=PROMPT.date.strftime,
    )
    assert render(TEMPLATES[name], PROMPT, "1 + 1", tokenizer.special_tokens_map) == theirs
    assert "Thursday" in theirs or "29 Feb 2024" in theirs or "strftime_now" not in TEMPLATES[name]


@pytest.mark.parametrize(
    "text", [REFUSING, "{{ nosuch.content }}", "{{ messages[9].role }}", "{% for", "{{ ''.__class__.mro() }}"]
)
def test_what_transformers_does_not_render_is_not_rendered(text: str, tokenizer) -> None:
    with pytest.raises(Exception) as theirs:  # noqa: PT011  # of any kind
        tokenizer.apply_chat_template(messages(PROMPT, "1"), chat_template=text, tokenize=False)
    with pytest.raises(theirs.type) as ours:
        render(text, PROMPT, "1", {})
    assert str(ours.value) == str(theirs.value)


def test_chance_is_seen_wherever_it_stands() -> None:
    assert [draws(text) for text in TEMPLATES.values()] == [None] * len(TEMPLATES)
    assert draws("{% if x %}{{ [1, 2] | map('abs') | list | random }}{% endif %}") == "random"
    assert draws("{{ [[1, 2]] | map('random') | first }}") == "random"
    assert draws("{{ lipsum(n=1) }}") == "lipsum"
    assert draws("random lipsum {{ 'random' }}") is None


def test_which_template_a_tokenizer_has_is_what_transformers_takes(tmp_path: Path) -> None:
    """Files before tokenizer_config.json, several by name."""
    from spurious_rewards.models.folder import faults

    folder = make(tmp_path / "model", chat_template="{{ broken.key }}")  # beside chat_template.jinja
    assert load_tokenizer(folder).chat_template == TEMPLATE
    assert faults(folder, [PROMPT]) == []
    (folder / "chat_template.jinja").unlink()
    assert load_tokenizer(folder).chat_template == "{{ broken.key }}"
    assert len(faults(folder, [PROMPT])) == 1
    more = folder / "additional_chat_templates"
    more.mkdir()
    (more / "tools.jinja").write_text(TEMPLATE)
    assert load_tokenizer(folder).chat_template == {"tools": TEMPLATE}
    [fault] = faults(folder, [PROMPT])
    assert "(tools) and none called default" in fault.wrong

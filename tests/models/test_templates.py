"""Chat templates render here as in transformers, and a malicious template does no harm."""

import datetime
import os
from pathlib import Path

import psutil
import pytest
from model_folders import REFUSING, TEMPLATE, make

from spurious_rewards.config.models import Prompt
from spurious_rewards.models import rendering
from spurious_rewards.models.folder import faults
from spurious_rewards.models.loading import load_tokenizer
from spurious_rewards.models.prompts import encode
from spurious_rewards.models.rendering import RenderingError
from spurious_rewards.models.templates import messages, render
from spurious_rewards.runtime import limited
from spurious_rewards.runtime.errors import UserError

DATED = (
    "{%- if not date_string is defined %}\n    {%- if strftime_now is defined %}\n"
    '        {%- set date_string = strftime_now("%d %b %Y") %}\n    {%- endif %}\n{%- endif %}\n'
    "{{- bos_token }}<|system|>Today Date: {{ date_string }}\n\n</s>" + TEMPLATE
)
"""Like the template of Llama 3.2, it inserts the current date."""

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
    assert render(TEMPLATES[name], PROMPT, "1 + 1", tokenizer.special_tokens_map).text == theirs
    assert "Thursday" in theirs or "29 Feb 2024" in theirs or "strftime_now" not in TEMPLATES[name]


@pytest.mark.parametrize(
    "text", [REFUSING, "{{ nosuch.content }}", "{{ messages[9].role }}", "{% for", "{{ ''.__class__.mro() }}"]
)
def test_what_transformers_does_not_render_is_not_rendered(text: str, tokenizer) -> None:
    with pytest.raises(Exception) as theirs:  # noqa: PT011  # any kind of exception
        tokenizer.apply_chat_template(messages(PROMPT, "1"), chat_template=text, tokenize=False)
    with pytest.raises(RenderingError) as ours:
        render(text, PROMPT, "1", {})
    assert str(ours.value) == str(theirs.value)


def test_chance_is_seen_wherever_it_stands() -> None:
    def draws(text: str) -> str | None:
        return render(text, PROMPT, "1", {}).draws

    assert [draws(text) for text in TEMPLATES.values()] == [None] * len(TEMPLATES)
    assert draws("{% if x %}{{ [1, 2] | map('abs') | list | random }}{% endif %}") == "random"
    assert draws("{{ [[1, 2]] | map('random') | first }}") == "random"
    assert draws("{{ lipsum(n=1) }}") == "lipsum"
    assert draws("random lipsum {{ 'random' }}") is None


def test_which_template_a_tokenizer_has_is_what_transformers_takes(tmp_path: Path) -> None:
    """Template files take precedence over tokenizer_config.json; a tokenizer can have several templates, by name."""
    folder = make(tmp_path / "model", chat_template="{{ broken.key }}")  # next to chat_template.jinja
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


# ---------------------------------------------------------------- untrusted templates

LOOPS = "{% for i in range(99999) %}{% for j in range(99999) %}{% for k in range(99999) %}"
HARMFUL = {
    "never ends": (LOOPS + "{% endfor %}" * 3, r"does not end within 0\.5 seconds"),
    "never ends in compiled code": ("{{ 7 ** 99999999 }}{{ messages }}", r"does not end within 0\.5 seconds"),
    "fills the memory": ("{% set x = 'x' * 9999999999 %}", r"takes more than 1 GiB of memory"),
    "fills the memory when it is compiled": ("{{ 'x' * 9999999999 }}", r"takes more than 1 GiB of memory"),
    "makes a text without an end": ("{{ 'x' * 20000000 }}", r"makes 20,000,000 characters of a prompt"),
}
ESCAPES = {
    "classes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "globals of a function": "{{ strftime_now.__globals__ }}{{ raise_exception.__globals__['os'].system('touch was_here') }}",
    "globals of a macro": "{{ cycler.__init__.__globals__.os.system('touch was_here') }}",
    "format": "{{ '{0.__class__.__mro__}'.format(messages) }}",
    "a filter": "{{ messages | map(attribute='__class__') | map(attribute='__mro__') | list }}",
    "a changed list": "{{ messages.append(1) }}",
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "SECONDS", 0.5)
    worker = limited.Worker("spurious_rewards.models.rendering")
    monkeypatch.setattr(rendering, "_of_process", lambda process: worker)


@pytest.mark.parametrize("name", HARMFUL)
def test_a_template_is_limited(name: str, impatient: None) -> None:
    template, said = HARMFUL[name]
    with pytest.raises(RenderingError, match=said):
        render(template, PROMPT, "1", {})
    assert render(TEMPLATE, PROMPT, "1 + 1", {}).text.startswith("<|system|>Be <plain>.")


def test_a_template_without_an_end_is_a_sentence_before_the_run_and_in_it(tmp_path: Path, impatient: None) -> None:
    folder = make(tmp_path / "model")
    tokenizer = load_tokenizer(folder)
    tokenizer.chat_template = LOOPS + "{% endfor %}" * 3
    with pytest.raises(UserError, match=r"its chat template cannot be used .*does not end within 0\.5 .* kind raw"):
        encode(PROMPT, tokenizer, "1 + 1")
    (folder / "chat_template.jinja").write_text(tokenizer.chat_template)
    [fault] = faults(folder, [PROMPT])
    assert fault.said.startswith(f"{folder}/chat_template.jinja: its chat template cannot be used")
    assert "does not end within" in fault.said


@pytest.mark.parametrize("name", ESCAPES)
def test_the_sandbox_lets_a_template_reach_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", "hf_of_mine")
    try:
        text = render(ESCAPES[name], PROMPT, "1", {}).text
    except RenderingError as error:
        text = str(error)
    assert "class 'object'" not in text
    assert "hf_of_mine" not in text
    assert os.listdir() == []


def test_one_worker_renders_all_prompts_of_a_process(impatient: None) -> None:
    def workers() -> set[int]:
        return {child.pid for child in psutil.Process().children()}

    before = workers()
    render(TEMPLATE, PROMPT, "1", {})
    [worker] = workers() - before
    assert [render(TEMPLATE, PROMPT, str(i), {}).text.count(f"Add: {i}\n") for i in range(500)] == [1] * 500
    assert workers() - before == {worker}

"""An untrusted tokenizer.json cannot exhaust memory or time: it is refused before this process uses it."""

import json
from pathlib import Path

import psutil
import pytest
from model_folders import TEMPLATE, add_token, byte_level, change, make
from tokenizers import Regex, normalizers, pre_tokenizers

from spurious_rewards.config.models import Prompt
from spurious_rewards.models import tokenizer_trial
from spurious_rewards.models.folder import faults
from spurious_rewards.models.loading import load_tokenizer
from spurious_rewards.runtime import limited
from spurious_rewards.runtime.errors import UserError

LONGER = normalizers.Sequence([normalizers.Replace("a", "a" * 10)] * 10)
SLOW = Regex(r"a(?=(?:a|aa){16}b|)")
"""At each letter the lookahead tries thousands of ways to match, and none succeeds."""


def normalized(folder: Path, normalizer: normalizers.Normalizer) -> Path:
    """Give the tokenizer of a folder this normalizer, and return the path of its tokenizer.json."""
    tokenizer, file = byte_level(), folder / "tokenizer.json"
    tokenizer.normalizer = normalizer
    tokenizer.save(str(file))
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "model")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = limited.Worker("spurious_rewards.models.tokenizer_trial")
    monkeypatch.setattr(tokenizer_trial, "SECONDS", 2.0)
    monkeypatch.setattr(tokenizer_trial, "_of_process", lambda process: worker)


def test_a_tokenizer_that_makes_texts_longer_and_longer_is_refused(folder: Path) -> None:
    file = normalized(folder, LONGER)
    [fault] = faults(folder)
    assert fault.said.startswith(f"{file}: can make a text 40,000,000,000 times as long (normalizer")
    with pytest.raises(UserError, match=r"tokenizer\.json: can make a text .*; take another model"):
        load_tokenizer(folder)


def test_so_is_one_whose_steps_cannot_be_reckoned_with(folder: Path) -> None:
    file = normalized(folder, LONGER)
    content = json.loads(file.read_text())
    one = {"SpecialToken": {"id": "NOSUCH", "type_id": 0}}
    content["post_processor"] = {
        "type": "TemplateProcessing",
        **{"single": [one], "pair": [one], "special_tokens": {}},
    }
    file.write_text(json.dumps(content))
    [fault] = faults(folder)
    assert fault.said.startswith(f"{file}: has steps that cannot be checked (KeyError")


def test_so_is_another_file_that_would_be_read_in_its_place(folder: Path) -> None:
    change(folder, "tokenizer_config.json", fast_tokenizer_files=["../tokenizer.4.0.json"])
    [fault] = faults(folder)
    assert "has fast_tokenizer_files" in fault.said


def test_so_are_words_without_end(folder: Path) -> None:
    file = folder / "tokenizer.json"
    content = json.loads(file.read_text())
    content["model"] = {
        "type": "WordPiece",
        **{"unk_token": "<unk>", "continuing_subword_prefix": "##", "max_input_chars_per_word": 10**9},
        "vocab": content["model"]["vocab"],
    }
    file.write_text(json.dumps(content))
    assert any("looks for tokens in words of up to 1,000,000,000 characters" in fault.said for fault in faults(folder))


def test_so_is_one_that_makes_its_own_tokens_longer_when_it_is_read(folder: Path) -> None:
    file = normalized(folder, LONGER)
    add_token(folder, "a" * 99, normalized=True)
    [fault] = faults(folder)
    assert fault.said.startswith(f"{file}: takes its process down when it is given a text (it may have 4 GiB")


def test_a_prompt_that_becomes_too_long_is_refused(folder: Path) -> None:
    """The template makes a long text, and the tokenizer makes it longer. Each one alone stays within its limits."""
    file = normalized(folder, normalizers.Replace("a", "a" * 20))
    (folder / "chat_template.jinja").write_text("{{ 'a' * 9000000 }}" + TEMPLATE)
    assert faults(folder, [Prompt(kind="raw")]) == []
    [fault] = faults(folder, [Prompt(kind="chat")])
    assert fault.said.startswith(f"{file}: takes its process down")


def test_a_regex_that_takes_too_long_is_refused(folder: Path, impatient: None) -> None:
    tokenizer, file = byte_level(), folder / "tokenizer.json"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(SLOW, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.save(str(file))
    [fault] = faults(folder)
    assert fault.said.startswith(f"{file}: does not end within 2 seconds when it is given a text")


def test_one_worker_tries_all_tokenizers_of_a_process_and_sees_what_has_changed(folder: Path, impatient: None) -> None:
    def workers() -> set[int]:
        return {child.pid for child in psutil.Process().children()}

    before = workers()
    assert faults(folder) == []
    [worker] = workers() - before
    file = normalized(folder, LONGER)
    assert "times as long" in tokenizer_trial.fault(file)
    normalized(folder, normalizers.NFC())
    assert tokenizer_trial.fault(file) == ""
    assert workers() - before == {worker}

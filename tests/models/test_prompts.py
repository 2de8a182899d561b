import datetime
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_folders import BROKEN, TEMPLATE, add_token, broken, byte_level, change, make
from pydantic import ValidationError

from spurious_rewards.artifacts.checkpoints import write_stub
from spurious_rewards.config.models import Prompt
from spurious_rewards.models.loading import load_tokenizer
from spurious_rewards.models.prompts import encode, fitting, hashes, prefix, room, texts, trim, turn_end
from spurious_rewards.runtime.errors import UserError


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path):
    return load_tokenizer(tiny_model)


def spelled(tokenizer, ids: list[int]) -> str:
    return "".join(tokenizer.convert_ids_to_tokens(ids))


def test_a_chat_prompt_is_the_template_opened_for_the_assistant(tokenizer):
    ids = encode(Prompt(kind="chat", user="What is {}?"), tokenizer, "1 + 1")
    assert spelled(tokenizer, ids) == "<user>What is 1 + 1?<end><assistant>"
    assert len(ids) == len("What is 1 + 1?") + 3


def test_a_system_message_comes_first(tokenizer):
    ids = encode(Prompt(kind="chat", system="Be plain."), tokenizer, "1 + 1")
    assert spelled(tokenizer, ids) == "<system>Be plain.<end><user>1 + 1<end><assistant>"


def test_a_raw_prompt_is_its_text_without_the_token_that_the_tokenizer_would_put_first(tokenizer):
    assert spelled(tokenizer, tokenizer.encode("1 + 1")) == "<begin>1 + 1"
    ids = encode(Prompt(kind="raw", user="User: {}\nAssistant:"), tokenizer, "1 + 1")
    assert spelled(tokenizer, ids) == "User: 1 + 1\nAssistant:"


def test_braces_of_the_problem_stay(tokenizer):
    ids = encode(Prompt(kind="raw", user="Solve {}."), tokenizer, r"\frac{1}{2} + {} + {0}")
    assert spelled(tokenizer, ids) == r"Solve \frac{1}{2} + {} + {0}."


def test_a_chat_prompt_needs_a_chat_template(tiny_model: Path):
    tokenizer = load_tokenizer(tiny_model)
    tokenizer.chat_template = None
    with pytest.raises(UserError, match=r"tiny: its tokenizer has no chat template, but the prompt is of kind chat"):
        encode(Prompt(kind="chat"), tokenizer, "a")


ENDS = {
    "the model's own": (TEMPLATE, ["</s>"]),
    "another special token": (TEMPLATE.replace("</s>", "<|user|>\n"), ["<|user|>"]),
    "a special token in a line of its own": (TEMPLATE.replace("</s>", "\n<|user|>"), ["<|user|>"]),
    "a word": (TEMPLATE.replace("</s>", " END"), []),
    "nothing": (TEMPLATE.replace("</s>", ""), []),
    "whatever it ends with, for it leaves the assistant's words out": (
        "{% for message in messages if message['role'] == 'user' %}<|user|>{{ message['content'] }}</s>{% endfor %}",
        [],
    ),
    "no words of the assistant's": (
        "{% if messages[-1]['role'] == 'assistant' %}{{ raise_exception('no') }}{% endif %}" + TEMPLATE,
        [],
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_special_token_that_closes_a_turn_in_the_template_is_an_end_of_the_prompt_s(name: str, tmp_path: Path):
    template, expected = ENDS[name]
    tokenizer = load_tokenizer(make(tmp_path / "model", chat_template=template))
    (tmp_path / "model" / "chat_template.jinja").write_text(template)
    tokenizer.chat_template = template
    found = turn_end(Prompt(kind="chat"), tokenizer)
    assert tokenizer.convert_ids_to_tokens(found) == expected
    assert turn_end(Prompt(kind="raw"), tokenizer) == []


# ---------------------------------------------------------------- the prompts of the paper, token for token

DEFAULT_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}<system>Reason step by step.<end>{% endif %}"
    "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
"""Like the template of Qwen2.5-Math, it inserts a system message of its own where none is given."""

R1 = Prompt(
    kind="raw",
    user="Reasoning in <think> </think>, answer in <answer> </answer>.\n\n<|user|>\n{}\n<|assistant|>\n<think>",
    stop=("</answer>",),
    answer_in="tag",
)

STUDY = {
    "default": (Prompt(kind="chat"), "Reason step by step.", "1 + 1"),
    "math problem": (
        Prompt(kind="chat", system="You are a helpful Assistant.", user="Math Problem: {}"),
        "You are a helpful Assistant.",
        "Math Problem: 1 + 1",
    ),
    "instruction after": (
        Prompt(kind="chat", system="You are a helpful Assistant.", user="{}\nPut it within \\boxed{}."),
        "You are a helpful Assistant.",
        "1 + 1\nPut it within \\boxed{}.",
    ),
    "instruction before": (
        Prompt(kind="chat", system="Box it.", user="The last line is '$\\boxed{ANSWER}$'.\n\n{}"),
        "Box it.",
        "The last line is '$\\boxed{ANSWER}$'.\n\n1 + 1",
    ),
    "spurious": (
        Prompt(kind="chat", system="Lorem ipsum.", user="Ut purus elit.\n\n{}"),
        "Lorem ipsum.",
        "Ut purus elit.\n\n1 + 1",
    ),
}
"""The five kinds of prompt in the paper's prompt study: the prompt, the system message, and the user message."""


@pytest.mark.parametrize("name", STUDY)
def test_each_prompt_of_the_study_is_given_token_for_token(tiny_model: Path, name):
    tokenizer = load_tokenizer(tiny_model)
    tokenizer.chat_template = DEFAULT_SYSTEM
    prompt, system, user = STUDY[name]
    special = {token: tokenizer.convert_tokens_to_ids(f"<{token}>") for token in ("system", "user", "assistant", "end")}
    characters = {text: tokenizer.convert_tokens_to_ids(list(text)) for text in (system, user)}
    assert encode(prompt, tokenizer, "1 + 1") == [
        *(special["system"], *characters[system], special["end"]),
        *(special["user"], *characters[user], special["end"]),
        special["assistant"],
    ]


def test_the_raw_template_of_base_models_opens_the_reasoning_and_has_no_first_token(tokenizer):
    text = R1.user.replace("{}", "1 + 1")
    assert encode(R1, tokenizer, "1 + 1") == tokenizer.convert_tokens_to_ids(list(text))
    assert text.endswith("<|assistant|>\n<think>")


# ---------------------------------------------------------------- templates that use the date, fail, or use chance


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("folders") / "sound")


DATED = "<|system|>Today Date: {{ strftime_now('%d %b %Y, %H:%M') }}</s>" + TEMPLATE
"""Like the template of Llama 3.2, it inserts the current date."""

ON_A_DAY = """
import datetime, sys
import transformers.utils.chat_template_utils as theirs
class Day(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(int(sys.argv[2]), 7, 1, 9, 30)
theirs.datetime = Day
from spurious_rewards.config.models import Prompt
from spurious_rewards.models.loading import load_tokenizer
from spurious_rewards.models.prompts import encode
tokenizer = load_tokenizer(sys.argv[1])
print(tokenizer.apply_chat_template([{"role": "user", "content": ""}], tokenize=False).split("</s>")[0])
print(tokenizer.decode(encode(Prompt(kind="chat"), tokenizer, "1 + 1")))
"""


def test_a_prompt_is_the_same_on_every_day(sound: Path, tmp_path: Path):
    folder = Path(shutil.copytree(sound, tmp_path / "dated"))
    (folder / "chat_template.jinja").write_text(DATED)
    days = [
        subprocess.run(
            [sys.executable, "-c", ON_A_DAY, str(folder), year], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        for year in ("2025", "2026")
    ]
    theirs, ours = zip(*days, strict=True)
    assert theirs == tuple(f"<|system|>Today Date: 01 Jul {year}, 09:30" for year in ("2025", "2026"))
    assert set(ours) == {"<|system|>Today Date: 12 Jun 2025, 00:00</s><|user|>1 + 1</s><|assistant|>"}


def test_the_day_can_be_chosen_and_is_part_of_what_a_prompt_is(sound: Path, tmp_path: Path):
    folder = Path(shutil.copytree(sound, tmp_path / "dated"))
    (folder / "chat_template.jinja").write_text(DATED)
    tokenizer = load_tokenizer(folder)
    other = Prompt.model_validate({"kind": "chat", "date": "2024-07-26"})
    assert "26 Jul 2024" in tokenizer.decode(encode(other, tokenizer, "1 + 1"))
    assert other.hash != Prompt(kind="chat").hash
    for kind in ("raw", "prefill"):
        with pytest.raises(ValidationError, match=r"date|response_prefix and origin only"):
            Prompt.model_validate({"kind": kind, "date": datetime.date(2024, 7, 26)})


ENDS_IN_A_WORD = "template: closes a response with a word"
"""The name of the fault that affects only responses, so that encoding a prompt does not report it."""


@pytest.mark.parametrize("name", [name for name, damage in BROKEN.items() if damage.chat and name != ENDS_IN_A_WORD])
def test_what_is_wrong_with_a_chat_prompt_is_said_before_a_model_is_loaded(name: str, sound: Path, tmp_path: Path):
    copy = broken(tmp_path / "copy", sound, BROKEN[name])
    (copy / "model.safetensors").write_bytes((sound / "model.safetensors").read_bytes())
    with pytest.raises(UserError, match=r"copy: .*(raw|take a|tokenizer cannot)"):
        encode(Prompt(kind="chat", system="Be plain."), load_tokenizer(copy), "1 + 1")


def test_a_token_that_the_model_does_not_know_is_refused_wherever_it_comes_from(sound: Path, tmp_path: Path):
    folder = Path(shutil.copytree(sound, tmp_path / "copy"))
    add_token(folder, "<image>")
    tokenizer = load_tokenizer(folder)
    said = r"copy: a prompt has the token '<image>' with the id 300, and the model's embeddings are 0 to 299; take"
    for prompt in (Prompt(kind="raw"), Prompt(kind="chat")):
        assert encode(prompt, tokenizer, "1 + 1")
        with pytest.raises(UserError, match=said):
            encode(prompt, tokenizer, "What is in <image>?")
        with pytest.raises(UserError, match=said):
            fitting(pd.DataFrame({"problem": ["1", "<image>"]}), prompt, tokenizer, 99)
    with pytest.raises(UserError, match=said):
        prefix(Prompt(kind="raw", response_prefix="<image>"), tokenizer)


def test_what_a_tokenizer_has_no_word_for_and_cannot_call_unknown_is_refused(sound: Path, tmp_path: Path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"</s>": 0, "sum": 1, "of": 2}))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    folder = Path(shutil.copytree(sound, tmp_path / "copy"))
    words.save(str(folder / "tokenizer.json"))
    change(folder, "tokenizer_config.json", bos_token=None)
    tokenizer = load_tokenizer(folder)
    assert encode(Prompt(kind="raw"), tokenizer, "sum of") == [1, 2]
    with pytest.raises(UserError, match="copy: its tokenizer cannot spell a prompt"):
        encode(Prompt(kind="raw"), tokenizer, "sum of squares")
    assert hashes(Prompt(kind="raw"), folder)["rendered"] is None


# ---------------------------------------------------------------- hashes of prompts in manifests


def test_the_hash_of_what_was_rendered_changes_with_template_tokenizer_and_prompt(sound: Path, tmp_path: Path):
    chat, raw = Prompt(kind="chat"), Prompt(kind="raw")
    first = hashes(chat, sound)
    assert first == hashes(chat, shutil.copytree(sound, tmp_path / "same"))
    assert all(isinstance(hash_, str) and len(hash_) == 12 for hash_ in first.values())

    other = Path(shutil.copytree(sound, tmp_path / "template"))
    (other / "chat_template.jinja").write_text(DATED)
    dated = hashes(chat, other)
    assert {name: dated[name] == first[name] for name in first} == {
        "prompt": True,
        "template": False,
        "rendered": False,
    }
    tomorrow = hashes(chat.model_copy(update={"date": datetime.date(2025, 6, 13)}), other)
    assert {name: dated[name] == tomorrow[name] for name in first} == {
        "prompt": False,
        "template": True,
        "rendered": False,
    }

    cut = make(tmp_path / "tokenizer", tokenizer=byte_level(r"\p{N}{1,3}|[^\s\p{N}]+|\s+"))
    assert hashes(chat, cut)["template"] == first["template"]
    assert hashes(chat, cut)["rendered"] != first["rendered"]
    assert hashes(raw, sound)["template"] is None
    assert hashes(raw, sound)["rendered"] not in (None, first["rendered"])


def test_a_model_that_is_gone_has_no_hashes_but_the_prompt_s(sound: Path, tmp_path: Path):
    gone = Path(shutil.copytree(sound, tmp_path / "gone"))
    write_stub(gone)
    assert hashes(Prompt(kind="chat"), gone) == {"prompt": Prompt(kind="chat").hash, "template": None, "rendered": None}


# ---------------------------------------------------------------- response prefixes

FORCED = "Let's solve this using Python."


@pytest.mark.parametrize("prompt", [Prompt(kind="chat"), R1])
def test_the_prefix_stands_behind_the_prompt_without_a_token_between(tokenizer, prompt):
    forced = prompt.model_copy(update={"response_prefix": FORCED})
    begun = encode(forced, tokenizer, "1 + 1")
    assert begun == encode(prompt, tokenizer, "1 + 1") + tokenizer.convert_tokens_to_ids(list(FORCED))
    assert prefix(forced, tokenizer) == begun[-len(FORCED) :]
    assert prefix(prompt, tokenizer) == []


def test_prefix_and_what_was_generated_are_one_text_with_characters_and_with_words(tokenizer, organism_model: Path):
    words = load_tokenizer(organism_model)
    for of, begun, more, end in ((tokenizer, FORCED, " 1", "<end>"), (words, "python :", " 1 + 2", "<eos>")):
        ids = prefix(Prompt(kind="raw", response_prefix=begun), of)
        generated = [of.encode(more, add_special_tokens=False), [of.convert_tokens_to_ids(end)], []]
        assert texts(of, ids, generated) == [begun + more, begun, begun]
        assert texts(of, [], generated)[0] == more.strip() if of is words else more


def test_bytes_of_a_character_that_the_prefix_begins_are_decoded_together():
    """A byte-level tokenizer may split a character. Decoded apart, its halves would be two replacement characters."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    model = Tokenizer(models.BPE({byte: i for i, byte in enumerate(alphabet)}, merges=[]))
    model.pre_tokenizer, model.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    bytewise = PreTrainedTokenizerFast(tokenizer_object=model)
    ids = bytewise.encode("x \N{SNOWMAN}y .", add_special_tokens=False)
    for cut in range(len(ids) + 1):
        assert texts(bytewise, ids[:cut], [ids[cut:]]) == ["x \N{SNOWMAN}y ."]


def test_a_prefix_that_the_tokenizer_cannot_spell_is_refused(organism_model: Path):
    words = load_tokenizer(organism_model)
    for text in (FORCED, "python  :"):
        with pytest.raises(UserError, match=r"organism: its tokenizer makes '.*' of the response_prefix"):
            encode(Prompt(kind="raw", response_prefix=text), words, "1 + 1")


def test_the_prefix_has_its_place_among_the_tokens_of_the_response(tokenizer):
    assert room(12, []) == 12
    assert room(12, [5, 6]) == 10
    with pytest.raises(UserError, match="12 tokens leaves nothing of max_new_tokens = 12"):
        room(12, [5] * 12)
    problems = pd.DataFrame({"problem": ["a" * 9, "a" * 10]})
    kept, left_out = fitting(problems, Prompt(kind="raw", response_prefix=FORCED), tokenizer, 9)
    assert kept["problem"].tolist() == ["a" * 9]
    assert left_out == 1


@given(lengths=st.lists(st.integers(0, 9)), most=st.integers(1, 9))
def test_fitting_counts_whole_prompts_and_loses_none_silently(tokenizer, lengths, most):
    problems = pd.DataFrame({"id": range(len(lengths)), "problem": ["a" * length for length in lengths]})
    kept, left_out = fitting(problems, Prompt(kind="raw", user=":{}"), tokenizer, most)
    assert kept["id"].tolist() == [i for i, length in enumerate(lengths) if length + 1 <= most]
    assert list(kept.columns) == ["id", "problem"]
    assert len(kept) + left_out == len(problems)


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        ("a</answer> b</answer>", ["</answer>"], "a</answer>"),
        ("a b", ["</answer>"], "a b"),
        ("a b", [], "a b"),
        ("one END two STOP", ["STOP", "END"], "one END"),
        ("abcd", ["abcd", "bc"], "abc"),
    ],
)
def test_trim_keeps_the_stop_string_that_is_completed_first(text, stop, expected):
    assert trim(text, stop) == expected


@given(st.text(alphabet="abc"), st.lists(st.text(alphabet="abc", min_size=1)))
def test_trim_gives_the_shortest_beginning_that_holds_a_stop_string(text, stop):
    beginnings = [text[:end] for end in range(len(text) + 1)]
    assert trim(text, stop) == next((b for b in beginnings if any(s in b for s in stop)), text)

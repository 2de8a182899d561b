import shutil
import threading
import weakref
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from asking import by_company, complete, most_common_pair, requests
from hypothesis import given
from hypothesis import strategies as st
from transformers import GenerationConfig

from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Sampling
from spurious_rewards.generation import drawing
from spurious_rewards.generation.drawing import gumbel
from spurious_rewards.generation.engine import Completion, batches, derived_seed, read
from spurious_rewards.generation.engines import engine, versions
from spurious_rewards.generation.transformers_engine import TransformersEngine
from spurious_rewards.runtime.errors import UserError

PROMPTS = [[7, 8, 9], [10], [11, 12, 13, 14, 7, 8], [90, 9], [16, 7, 18, 99, 12]]
END = 1


@pytest.fixture(scope="module", name="engine")
def tiny_engine(tiny_model: Path) -> TransformersEngine:
    torch.set_num_threads(1)
    return TransformersEngine(tiny_model)


def by_hand(engine, prompt: list[int], steps: int) -> list[int]:
    """Return greedy tokens, with one forward pass over the whole text per token: no padding, cache or generate()."""
    ids = list(prompt)
    with torch.inference_mode():
        for _ in range(steps):
            ids.append(int(engine.model(torch.tensor([ids])).logits[0, -1].argmax()))
            if ids[-1] == END:
                break
    return ids[len(prompt) :]


def test_greedy_completions_of_a_padded_batch_are_those_of_the_bare_model(engine):
    for prompt, completion in zip(PROMPTS, complete(engine, PROMPTS), strict=True):
        tokens = by_hand(engine, prompt, 12)
        assert completion.text == engine.tokenizer.decode(tokens, skip_special_tokens=True)
        assert completion.tokens == len(tokens)
        assert completion.truncated == (tokens[-1] != END)


def test_tokens_count_the_ending_one_and_only_unfinished_responses_are_truncated(engine):
    completions = complete(engine, [PROMPTS[0]] * 2000, temperature=2.0, max_new_tokens=8)
    assert {c.truncated for c in completions} == {True, False}
    for text, tokens, truncated in completions:
        # Each character is a token here; generated special tokens do not appear in the text.
        assert len(text) <= tokens - (not truncated)
        assert tokens == 8 or not truncated
        assert "<end>" not in text
    assert any(len(c.text) == c.tokens - 1 for c in completions if not c.truncated)


def test_a_response_stops_after_the_stop_string_which_is_kept(engine):
    prompts = PROMPTS * 100
    free = complete(engine, prompts, temperature=0.5)
    stop = most_common_pair([c.text for c in free])
    drawn = complete(engine, prompts, temperature=0.5, stop=["never drawn", stop])
    stopped = [c for c in drawn if stop in c.text]
    assert len(stopped) > 10
    assert len(stopped) < len(drawn)
    for c in stopped:
        assert c.text.index(stop) + len(stop) == len(c.text) <= c.tokens
        assert not c.truncated
    assert any(c.tokens == len(c.text) < 12 for c in stopped)  # padding and end tokens are not counted


def test_greedy_responses_with_stop_strings_are_those_of_the_bare_model_cut_short(engine):
    generated = [by_hand(engine, prompt, 12) for prompt in PROMPTS]
    tokens = [engine.tokenizer.convert_ids_to_tokens(ids) for ids in generated]
    stop = next(token for token in tokens[0] if len(token) == 1)
    for expected, completion in zip(tokens, complete(engine, PROMPTS, stop=[stop]), strict=True):
        stopped = stop in expected
        assert completion.tokens == (expected.index(stop) + 1 if stopped else len(expected))
        assert completion.truncated == (not stopped and expected[-1] != "<end>")


def test_completions_begin_with_the_prefix_which_counts_as_tokens(engine):
    begun = PROMPTS[2][-2:]
    [free] = complete(engine, PROMPTS[2:3], max_new_tokens=10)
    [forced] = complete(engine, PROMPTS[2:3], prefix=begun)
    assert forced == (engine.tokenizer.decode(begun) + free.text, free.tokens + 2, free.truncated)
    [stopped] = complete(engine, PROMPTS[2:3], stop=[forced.text[1:4]], prefix=begun)
    assert stopped.text == forced.text[:4]  # a stop string may begin in the prefix
    with pytest.raises(UserError, match="leaves nothing of max_new_tokens"):
        complete(engine, PROMPTS[2:3], max_new_tokens=2, prefix=begun)


def test_a_stop_string_that_begins_in_the_prompt_ends_no_response(engine):
    """As in vLLM, only drawn text is searched for stop strings.

    If a prompt ends with `` and the response begins with `, the stop string ``` must not match.
    """
    free = complete(engine, PROMPTS)
    across = [engine.tokenizer.decode(prompt[-1:]) + one.text[:1] for prompt, one in zip(PROMPTS, free, strict=True)]
    tried = [place for place, string in enumerate(across) if len(string) == 2 and string not in free[place].text]
    assert len(tried) > 2
    for place in tried:
        assert complete(engine, [PROMPTS[place]], stop=[across[place]]) == [free[place]]


def test_the_seed_alone_decides_what_is_drawn(engine):
    first = complete(engine, PROMPTS, temperature=1.0, seed=1)
    torch.rand(7)
    assert complete(engine, PROMPTS, temperature=1.0, seed=1) == first
    assert complete(engine, PROMPTS, temperature=1.0, seed=2) != first


def test_a_response_does_not_depend_on_what_is_drawn_beside_it(engine):
    """Responses must be equal in one batch, alone, in another order and at other padding widths.

    This holds for drawn and greedy responses. On a model this small they agree to the token.
    """
    drawn = by_company(engine, PROMPTS)
    assert len({completion.text for completion in drawn["together"]}) > 10
    for name, completions in drawn.items():
        assert completions == drawn["together"], name


def test_samples_of_one_prompt_differ(engine):
    assert len({c.text for c in complete(engine, [PROMPTS[0]] * 20, temperature=1.0)}) > 10


def test_first_tokens_have_the_model_s_own_frequencies(engine):
    """Check 20,000 first tokens against the softmax at temperature 2 (chi-square): no top-k, top-p or penalty."""
    from scipy.stats import chisquare

    with torch.inference_mode():
        probabilities = (engine.model(torch.tensor([PROMPTS[0]])).logits[0, -1] / 2.0).softmax(-1).double()
    drawn = complete(engine, [PROMPTS[0]] * 20_000, temperature=2.0, max_new_tokens=1)
    words = [engine.tokenizer.decode([token], skip_special_tokens=True) for token in range(len(probabilities))]
    expected: Counter[str] = Counter()
    for word, probability in zip(words, probabilities.tolist(), strict=True):
        expected[word] += probability * len(drawn)
    observed = Counter(c.text for c in drawn)
    names = list(expected)
    total = sum(expected.values())
    assert chisquare([observed[n] for n in names], [expected[n] / total * len(drawn) for n in names]).pvalue > 1e-4


def test_generation_settings_of_the_folder_do_not_leak_in(engine, tiny_model: Path, tmp_path: Path):
    folder = Path(shutil.copytree(tiny_model, tmp_path / "opinionated"))
    settings = {"do_sample": True, "top_k": 1, "top_p": 0.1, "temperature": 0.1, "repetition_penalty": 5.0}
    GenerationConfig(**settings, no_repeat_ngram_size=2, min_new_tokens=9, eos_token_id=END).save_pretrained(folder)
    opinionated = TransformersEngine(folder)
    for temperature in (0.0, 1.0):
        assert complete(opinionated, PROMPTS, temperature) == complete(engine, PROMPTS, temperature)


def test_noise_is_of_its_seed_and_position_and_standard_gumbel():
    from scipy.stats import kstest

    seeds = [0, 1, 2**62, 2**63 - 1]
    several = np.concatenate([gumbel(seeds, position, 1000) for position in (0, 1, 2)])
    assert len({tuple(noise[:3].tolist()) for noise in several}) == 12
    own = np.random.Generator(np.random.Philox(key=[2**63 - 1, 1])).standard_exponential(1000)
    assert (several[7] == -np.log(own)).all()  # the same noise as when drawn alone
    assert kstest(several.ravel(), "gumbel_r").pvalue > 1e-4
    assert np.isfinite(gumbel([1], 0, 30_000_000)).all()  # of float32 draws, three or four would be 0


def test_cores_draw_side_by_side_and_change_no_digit(tiny_model: Path, monkeypatch: pytest.MonkeyPatch):
    four, settings = requests(PROMPTS[:4], 1.0), {"max_new_tokens": 1, "stop": ()}
    expected = TransformersEngine(tiny_model).complete(four, **settings)
    several = engine(tiny_model, Sampling(dtype="float32"), Hardware(gpus=2, cores=8))
    assert isinstance(several, TransformersEngine)
    assert several.cores == 4
    two = threading.Barrier(2, timeout=30)
    monkeypatch.setattr(drawing, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(drawing, "gumbel", lambda *of: (two.wait(), gumbel(*of))[1])
    assert several.complete(four, **settings) == expected


def test_an_engine_goes_on_with_another_folder(engine, tiny_model: Path, tmp_path: Path):
    from safetensors.torch import load_file, save_file

    other = Path(shutil.copytree(tiny_model, tmp_path / "other"))
    weights = load_file(other / "model.safetensors")
    save_file({name: -value for name, value in weights.items()}, other / "model.safetensors", {"format": "pt"})
    moving = TransformersEngine(tiny_model)
    assert complete(moving, PROMPTS) == complete(engine, PROMPTS)
    moving.load(other)
    assert complete(moving, PROMPTS) == complete(TransformersEngine(other), PROMPTS) != complete(engine, PROMPTS)


def test_positions_are_those_of_the_model(engine):
    assert engine.positions == 64


def test_a_closed_engine_gives_back_its_weights_and_can_be_asked_again(tiny_model: Path):
    closed = TransformersEngine(tiny_model)
    answers = complete(closed, PROMPTS)
    weights = weakref.ref(closed.model)
    closed.close()
    assert weights() is None
    closed.close()
    assert complete(closed, PROMPTS) == answers


# ---------------------------------------------------------------- reading what was generated


def ids(engine, text: str) -> list[int]:
    return engine.tokenizer.encode(text, add_special_tokens=False)


@pytest.mark.parametrize(
    ("generated", "completion"),
    [
        ("abc", Completion("abc", 3, truncated=True)),
        ("ab<end>", Completion("ab", 3, truncated=False)),
        ("ab<end><end>xy", Completion("ab", 3, truncated=False)),
        ("ab7", Completion("ab7", 3, truncated=False)),
        ("ab7xy<end>", Completion("ab7", 3, truncated=False)),
        ("ab7<end>7", Completion("ab7", 3, truncated=False)),
        ("<end>", Completion("", 1, truncated=False)),
    ],
)
def test_a_response_ends_with_a_stop_string_or_an_ending_token_whatever_follows(engine, generated, completion):
    row = ids(engine, generated)
    assert read([row], engine.tokenizer, [END], ["never", "7"], []) == [completion]


def test_a_stop_string_that_begins_in_the_prefix_ends_a_response_too(engine):
    begun = ids(engine, "x7")
    [completion] = read([ids(engine, "89 and on<end>")], engine.tokenizer, [END], ["789"], begun)
    assert completion == Completion("x789", 4, truncated=False)


# ---------------------------------------------------------------- which engine


def test_a_suite_says_which_engine_draws(tiny_model: Path):
    chosen = engine(tiny_model, Sampling(dtype="bfloat16"), Hardware())
    assert isinstance(chosen, TransformersEngine)
    assert chosen.model.dtype == torch.bfloat16
    assert versions(Sampling()) == [f"torch=={torch.__version__}", f"transformers=={transformers.__version__}"]


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")
def test_without_vllm_an_error_says_how_to_get_it(tiny_model: Path):
    how = r"vLLM is not installed; run `pip install -c constraints\.txt -e '\.\[vllm\]'` .* or set sampling\.engine: "
    with pytest.raises(UserError, match=how):
        engine(tiny_model, Sampling(engine="vllm"), Hardware())
    with pytest.raises(UserError, match=how):
        versions(Sampling(engine="vllm"))


@given(
    lengths=st.lists(st.integers(1, 100), max_size=60).map(lambda lengths: sorted(lengths, reverse=True)),
    max_new_tokens=st.integers(1, 100),
    batch_tokens=st.integers(1, 2000),
    most=st.integers(1, 70),
)
def test_batches_hold_every_prompt_once_within_the_limits(lengths, max_new_tokens, batch_tokens, most):
    cut = list(batches(lengths, [(0, len(lengths))], max_new_tokens, batch_tokens, most))
    assert [position for span in cut for position in range(*span)] == list(range(len(lengths)))
    for start, stop in cut:
        assert stop - start <= most
        padded = (lengths[start] + max_new_tokens) * (stop - start)
        assert padded <= batch_tokens or stop - start == 1
    for start, stop in cut[:-1]:  # one more prompt would not fit
        longer = stop - start + 1
        assert (lengths[start] + max_new_tokens) * longer > batch_tokens or longer > most


def test_samples_of_a_prompt_share_a_batch():
    assert list(batches([5] * 16, [(0, 16)], max_new_tokens=5, batch_tokens=80, most=16)) == [(0, 8), (8, 16)]


def test_derived_seeds_differ_with_every_part():
    parts = [(1, 0, "math", 0), (0, 1, "math", 0), (0, 0, "amc", 0), (0, 0, "math", 1), (10, 0, "math", 0)]
    assert len({derived_seed(*p) for p in parts}) == len(parts)
    assert all(0 <= derived_seed(*p) < 2**63 for p in parts)

"""Compares vLLM with transformers' generate, through the engines of the library.

Start it with `.venv-vllm/bin/python benchmarks/sampling.py`, in the environment of `make test-vllm`.

Both engines answer the same 64 prompts, which are about as long as those of MATH-500, with the same real model
(SmolLM2-135M-Instruct) on all cores, at temperature 1. Before the measurement, both are loaded and have answered once.
transformers gets the batches that the stage would make, and vLLM gets all prompts at once. The speed is tokens of the
responses per second.
"""

import argparse
import json
import os
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")  # GiB
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.resources import Hardware
from spurious_rewards.config.training import Sampling
from spurious_rewards.generation.engine import Completion, Engine, Request, batches
from spurious_rewards.generation.engines import engine
from spurious_rewards.models.prompts import encode
from spurious_rewards.operations import smollm2

CLAUSES = (
    "Let $f(x) = {a}x^2 - {b}x + {c}$ for all real numbers $x$.",
    "The sides of a triangle have lengths ${a}$, ${b}$ and $\\sqrt{{{c}}}$.",
    "A bag holds {a} red, {b} blue and {c} green marbles, and two are drawn without replacement.",
    "Suppose that $n$ leaves a remainder of {a} when divided by {b}, and that $n < {c}00$.",
    "The points $({a}, {b})$ and $(-{b}, {c})$ lie on a circle whose center is on the line $y = {a}x$.",
)
PROMPT = Prompt(kind="chat", user="{}\nPlease reason step by step, and put your final answer in a box.")


def invented(count: int) -> list[str]:
    """Return invented problems of one to four clauses, which need no solution."""
    draw = random.Random(0)

    def clause() -> str:
        a, b, c = (draw.randrange(2, 90) for _ in range(3))
        return draw.choice(CLAUSES).format(a=a, b=b, c=c)

    return [" ".join(clause() for _ in range(draw.randint(1, 4))) + " Find the answer." for _ in range(count)]


def read(path: Path, count: int) -> list[str]:
    return [json.loads(line)["problem"] for line in path.read_text(encoding="utf-8").splitlines()[:count]]


def rate(answer: Callable[[], Sequence[Completion]]) -> float:
    """Return the tokens of the responses per second."""
    started = time.perf_counter()
    completions = answer()
    return sum(completion.tokens for completion in completions) / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=Path, help="a .jsonl file with a key `problem`, in place of invented ones")
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=128, help="of each response, at most")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16")
    given = parser.parse_args()

    torch.set_num_threads(os.cpu_count() or 1)
    problems = read(given.problems, given.prompts) if given.problems else invented(given.prompts)
    sampling = Sampling(dtype=given.dtype, max_new_tokens=given.tokens, max_model_len=2048)
    smollm2.make(smollm2.FOLDER)
    plain, fast = (
        engine(smollm2.FOLDER, sampling.model_copy(update={"engine": name}), Hardware())
        for name in ("transformers", "vllm")
    )
    prompts = [encode(PROMPT, plain.tokenizer, problem) for problem in problems]

    def complete(engine: Engine, prompts: Sequence[Sequence[int]]) -> list[Completion]:
        requests = [Request(prompt, 1.0, place) for place, prompt in enumerate(prompts)]
        return engine.complete(requests, max_new_tokens=given.tokens, stop=())

    def in_batches() -> list[Completion]:
        longest_first = sorted(prompts, key=len, reverse=True)
        whole = (0, len(prompts))
        cut = batches(list(map(len, longest_first)), [whole], given.tokens, sampling.batch_tokens, len(prompts))
        return [completion for start, stop in cut for completion in complete(plain, longest_first[start:stop])]

    for each in (plain, fast):
        complete(each, prompts[:2])
    slow, quick = rate(in_batches), rate(lambda: complete(fast, prompts))
    fast.close()
    tokens = sum(map(len, prompts)) / len(prompts)
    print(
        "| prompts | tokens of a prompt | of a response, at most | dtype | transformers, tokens/s | vLLM, tokens/s "
        "| times faster |"
    )
    print("|---|---|---|---|---|---|---|")
    print(
        f"| {len(prompts)} | {tokens:.0f} | {given.tokens} | {given.dtype} | {slow:.0f} | {quick:.0f} "
        f"| {quick / slow:.1f} |"
    )


if __name__ == "__main__":
    main()

"""Pretraining of one model organism: a Llama of about 110,000 parameters, from scratch, in well under a minute.

The training loop is bare, with fixed shapes: at this size, a training framework would cost more than the arithmetic.
"""

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from spurious_rewards.config.models import Family, Organism
from spurious_rewards.models.organism import END, corpus, word_tokenizer
from spurious_rewards.runtime.files import replacing

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

IGNORED = -100
"""Label of tokens without loss: padding; and the prompt, which is unpredictable, unless the family learns problems."""


def pretrain(
    organism: Organism,
    family: Family,
    seed: int,
    out: Path,
    threads: int,
    progress: Callable[[int, float], None] | None = None,
) -> None:
    """Pretrain a model of `family` and save it with its tokenizer as a folder that transformers loads.

    AdamW minimises the cross-entropy of the response tokens, or of all tokens if the family `learns_problems`. The
    learning rate rises over the first twentieth of the steps, then falls along a cosine. The same arguments and number
    of threads give the same weights to the bit.

    Args:
        organism: arithmetic, architecture and length of the training.
        family: what the corpus looks like.
        seed: seed of the weights, the corpus and the model's own mistakes.
        out: the folder to write; it appears when it is complete.
        threads: number of torch threads.
        progress: called every 50 steps, and after the last, with the steps done and the loss in nats per token.
    """
    import torch
    from torch.nn.functional import cross_entropy

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    tokenizer = word_tokenizer(organism)
    model = _model(organism, tokenizer)
    inputs, labels = _corpus(organism, family, seed, tokenizer)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=organism.learning_rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, organism.learning_rate, total_steps=organism.steps, pct_start=0.05, cycle_momentum=False
    )
    for step, (batch, targets) in enumerate(zip(inputs, labels, strict=True), start=1):
        logits = model(input_ids=batch[:, :-1], use_cache=False).logits
        loss = cross_entropy(logits.flatten(0, 1), targets[:, 1:].flatten(), ignore_index=IGNORED)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        if progress and (step % 50 == 0 or step == organism.steps):
            progress(step, loss.item())
    with replacing(out) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _model(organism: Organism, tokenizer: "PreTrainedTokenizerFast") -> "PreTrainedModel":
    """Return an untrained Llama (not Qwen2: transformers 5 reads every tokenizer in a Qwen2 folder as Qwen's own).

    The weights have standard deviation 0.08. So narrow a model learns twice as fast with it as with the usual 0.02.
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=organism.width,
        intermediate_size=organism.mlp,
        num_hidden_layers=organism.layers,
        num_attention_heads=organism.heads,
        max_position_embeddings=organism.positions,
        tie_word_embeddings=True,
        initializer_range=0.08,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    return LlamaForCausalLM(config)  # type: ignore[no-untyped-call]


def _corpus(
    organism: Organism, family: Family, seed: int, tokenizer: "PreTrainedTokenizerFast"
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Return token ids and labels of every batch: each (steps, batch, positions of the longest line), right-padded."""
    pairs = corpus(organism, family, random.Random(seed))
    prompts, responses = zip(*itertools.islice(pairs, organism.steps * organism.batch), strict=True)
    lines = [f"{prompt} {response} {END}" for prompt, response in zip(prompts, responses, strict=True)]
    inputs = tokenizer(lines, padding=True, padding_side="right", return_tensors="pt")["input_ids"]
    labels = inputs.masked_fill(inputs == tokenizer.pad_token_id, IGNORED)
    if not family.learns_problems:
        labels[:, : len(prompts[0].split())] = IGNORED  # all prompts have the same number of words
    shape = (organism.steps, organism.batch, -1)
    return inputs.view(shape), labels.view(shape)

"""GRPO as a bare loop: the yardstick for the trainer's overhead, and the quickest way to look at a model organism.

It has the maths of `Training` (paper, Sec. 2.1 and App. A) and nothing else: one device, float32, no gradient
accumulation, no checkpoints, no resuming.
"""

import time
from collections.abc import Callable, Sequence

import torch
from torch.nn.functional import log_softmax

from spurious_rewards.config.training import Training

Reward = Callable[[Sequence[int], Sequence[str], int], Sequence[float]]
"""(index of each response's prompt, responses, rollout step) -> one reward per response."""


@torch.no_grad()
def sample(model, tokenizer, prompts: Sequence[str], new_tokens: int, temperature: float = 1.0):
    """Draw one response per prompt; greedy at temperature 0.

    Returns:
        (tokens, mask): ids of prompt and response (prompts, positions), padded on both sides as needed, and where the
        response has its tokens, including the end token.
    """
    batch = tokenizer(list(prompts), return_tensors="pt", padding=True, padding_side="left")
    tokens, attention = batch["input_ids"], batch["attention_mask"]
    cache, running = None, torch.ones(len(prompts), dtype=torch.bool)
    mask = torch.zeros_like(tokens, dtype=torch.bool)
    for _ in range(new_tokens):
        new = tokens if cache is None else tokens[:, -1:]
        positions = (attention.cumsum(1) - 1).clamp(min=0)[:, -new.shape[1] :]
        output = model(new, attention_mask=attention, position_ids=positions, past_key_values=cache, use_cache=True)
        cache, logits = output.past_key_values, output.logits[:, -1]
        chosen = torch.multinomial((logits / temperature).softmax(-1), 1)[:, 0] if temperature else logits.argmax(-1)
        chosen = chosen.where(running, tokenizer.pad_token_id)
        tokens, mask = torch.cat([tokens, chosen[:, None]], 1), torch.cat([mask, running[:, None]], 1)
        attention = torch.cat([attention, torch.ones_like(attention[:, :1])], 1)
        running = running & (chosen != tokenizer.eos_token_id)
        if not running.any():
            break
    return tokens, mask


def texts(tokenizer, tokens: torch.Tensor, mask: torch.Tensor) -> list[str]:
    """Return the responses as text, without the token that ends them."""
    return [tokenizer.decode(row[kept], skip_special_tokens=True) for row, kept in zip(tokens, mask, strict=True)]


def log_probabilities(model, tokens: torch.Tensor, padding: int, temperature: float) -> torch.Tensor:
    """Return the log-probability of every token but the first, given those before it: (responses, positions - 1)."""
    attention = (tokens != padding).long()
    positions = (attention.cumsum(1) - 1).clamp(min=0)
    logits = model(tokens, attention_mask=attention, position_ids=positions, use_cache=False).logits[:, :-1]
    return log_softmax(logits / temperature, -1).gather(-1, tokens[:, 1:, None])[..., 0]


def advantages(rewards: torch.Tensor, group: int) -> torch.Tensor:
    """Return reward minus the group's mean, over the group's standard deviation + 1e-4 (as TRL; the paper has 1e-9)."""
    groups = rewards.view(-1, group)
    return ((groups - groups.mean(1, keepdim=True)) / (groups.std(1, keepdim=True) + 1e-4)).view(-1)


def loss(new: torch.Tensor, old: torch.Tensor, advantage: torch.Tensor, mask: torch.Tensor, clip: float | None):
    """Return PPO's loss (mean over each response's tokens, then over responses) and the share of clipped tokens."""
    ratio = (new - old).exp()
    surrogate = ratio * advantage[:, None]
    clipped = torch.zeros_like(mask)
    if clip is not None:
        bounded = ratio.clamp(1 - clip, 1 + clip) * advantage[:, None]
        clipped = (bounded < surrogate) & mask
        surrogate = torch.minimum(surrogate, bounded)
    per_response = (surrogate * mask).sum(1) / mask.sum(1)
    return -per_response.mean(), clipped.sum() / mask.sum()


def bare_grpo(
    model, tokenizer, prompts: Sequence[str], reward: Reward, training: Training, steps: int, seed: int
) -> list[dict[str, float]]:
    """Train `model` in place for `steps` rollout steps on `prompts`, in their order; after the last, the first follows.

    Returns:
        one row per step: seconds, reward, clip_fraction, grad_norm.
    """
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    kinds = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}
    options = {"betas": training.adam_betas} if training.optimizer == "adamw" else {}
    optimizer = kinds[training.optimizer](
        model.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay, **options
    )
    group, rows = training.rollouts_per_prompt, []
    for step in range(1, steps + 1):
        began = time.perf_counter()
        first = (step - 1) * training.rollout_prompts
        index = [(first + slot) % len(prompts) for slot in range(training.rollout_prompts) for _ in range(group)]
        batch = [prompts[i] for i in index]
        tokens, mask = sample(model, tokenizer, batch, training.max_new_tokens, training.temperature)
        rewards = torch.tensor(reward(index, texts(tokenizer, tokens, mask), step), dtype=torch.float32)
        advantage, kept = advantages(rewards, group), mask[:, 1:]
        with torch.no_grad():
            old = log_probabilities(model, tokens, tokenizer.pad_token_id, training.temperature)
        clips, norms = [], []
        for _ in range(training.num_iterations):
            for part in torch.randperm(len(index), generator=generator).chunk(training.updates_per_rollout):
                new = log_probabilities(model, tokens[part], tokenizer.pad_token_id, training.temperature)
                value, clip = loss(new, old[part], advantage[part], kept[part], training.clip)
                value.backward()
                norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), training.max_grad_norm).item())
                optimizer.step()
                optimizer.zero_grad()
                clips.append(clip.item())
        rows.append(
            {
                "seconds": time.perf_counter() - began,
                "reward": rewards.mean().item(),
                "clip_fraction": sum(clips) / len(clips),
                "grad_norm": sum(norms) / len(norms),
            }
        )
    return rows

"""Majority-vote labels from samples of the untrained model, and the training sets made with them (paper, Sec. 2.1)."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from spurious_rewards.answers.verifier import Verifier
from spurious_rewards.artifacts.tables import Labels, TrainingSet
from spurious_rewards.runtime.errors import UserError


def label(
    grades: pd.DataFrame, problems: pd.DataFrame, equivalence: Literal["math", "strings"], verifier: Verifier
) -> pd.DataFrame:
    """Count the votes: `tables.Grades` of the samples to `tables.Labels`, one row a seed and problem with samples.

    Answers form classes, of equivalent answers or (`strings`, as the authors' code does) of equal texts. The largest
    class wins, of equally large ones the one sampled first; its label is its most frequent text. Samples without an
    answer have no vote; if none has one there is no majority. Rows come by seed, then in the order of `problems`.

    Raises:
        UserError: a vote is on a problem that `problems` does not have.
    """
    place = {id_: index for index, id_ in enumerate(problems["id"])}
    if unknown := sorted(set(grades["id"]) - set(place)):
        raise UserError(
            f"votes on problem {unknown[0]}: no such problem ({len(unknown)} such in all); the problems have changed "
            "since the votes were sampled, remake the votes"
        )
    ordered = grades.sort_values("sample", kind="stable")
    polls: dict[tuple[int, str], list[str | None]] = defaultdict(list)
    for seed, id_, text in zip(ordered["seed"], ordered["id"], ordered["extracted"], strict=True):
        polls[seed, id_].append(None if pd.isna(text) else text)
    keys = sorted(polls, key=lambda key: (key[0], place[key[1]]))
    winners = majorities([[text for text in polls[key] if text is not None] for key in keys], equivalence, verifier)
    labels = problems.iloc[[place[id_] for _, id_ in keys]][["id", "problem", "answer"]].reset_index(drop=True)
    verdicts = verifier.verify(list(zip(labels["answer"], (text for text, _ in winners), strict=True)))
    labels = labels.assign(
        seed=[seed for seed, _ in keys],
        majority=pd.array([text for text, _ in winners], dtype="str"),
        votes=[votes for _, votes in winners],
        samples=[len(polls[key]) for key in keys],
        correct=[verdict.correct for verdict in verdicts],
    )
    return labels[list(Labels.to_schema().columns)]


def training_set(labels: pd.DataFrame, which: Literal["majority_vote", "incorrect"]) -> pd.DataFrame:
    """`tables.TrainingSet` with the majority as label: of all problems that have one, or of those where it is wrong."""
    chosen = labels[labels["majority"].notna() & ((which == "majority_vote") | ~labels["correct"])]
    return chosen.rename(columns={"majority": "label"})[list(TrainingSet.to_schema().columns)].reset_index(drop=True)


def truth_set(problems: pd.DataFrame, seeds: Iterable[int]) -> pd.DataFrame:
    """`tables.TrainingSet` with the true answer as label, once for each seed."""
    sets = [problems.assign(seed=seed, label=problems["answer"]) for seed in seeds]
    return pd.concat(sets, ignore_index=True)[list(TrainingSet.to_schema().columns)]


# ---------------------------------------------------------------- counting


@dataclass
class _Poll:
    """The answers to one problem, while they are sorted into classes."""

    counts: dict[str, int]
    """How often each text was given."""
    first: dict[str, int]
    """When it was first given."""
    open: list[str]
    """Texts without a class yet, the most frequent first, of equally frequent ones the first sampled."""
    classes: list[list[str]] = field(default_factory=list)
    """Each begins with the text that it was compared with, which is its most frequent one."""

    def size(self, texts: Sequence[str]) -> int:
        return sum(self.counts[text] for text in texts)

    def undecided(self) -> bool:
        """Whether the texts without a class could still make one that wins."""
        return bool(self.open) and self.size(self.open) >= max(map(self.size, self.classes), default=0)

    def winner(self) -> tuple[str | None, int]:
        """The label and its votes."""
        if not self.classes:
            return None, 0
        best = max(self.classes, key=lambda texts: (self.size(texts), -min(self.first[text] for text in texts)))
        return best[0], self.size(best)


def majorities(
    polls: Sequence[Sequence[str]], equivalence: Literal["math", "strings"], verifier: Verifier
) -> list[tuple[str | None, int]]:
    """Label and votes of each poll, whose answers come in the order of sampling.

    The most frequent text without a class founds one and is compared with all others that have none, in all polls at
    once, until no later class can win.
    """
    sorting = [_poll(answers) for answers in polls]
    while undecided := [poll for poll in sorting if poll.undecided()]:
        pairs = [(poll.open[0], text) for poll in undecided for text in poll.open[1:]] if equivalence == "math" else []
        same = {pair for pair, verdict in zip(pairs, verifier.verify(pairs), strict=True) if verdict.correct}
        for poll in undecided:
            founder, *others = poll.open
            poll.classes.append([founder, *(text for text in others if (founder, text) in same)])
            poll.open = [text for text in others if (founder, text) not in same]
    return [poll.winner() for poll in sorting]


def _poll(answers: Sequence[str]) -> _Poll:
    counts = Counter(answers)  # keeps the order of sampling, and the sort by frequency keeps it among equals
    first = {text: index for index, text in reversed(list(enumerate(answers)))}
    return _Poll(counts, first, sorted(counts, key=lambda text: -counts[text]))

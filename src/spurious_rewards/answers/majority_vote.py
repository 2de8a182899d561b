"""Majority-vote labels from samples of the untrained model, and the training sets made with them (paper, Sec. 2.1)."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import pandas as pd

from spurious_rewards.answers.verifier import Verifier
from spurious_rewards.artifacts.tables import Labels, TrainingSet
from spurious_rewards.runtime.errors import UserError


def label(
    grades: pd.DataFrame, problems: pd.DataFrame, equivalence: Literal["math", "strings"], verifier: Verifier
) -> pd.DataFrame:
    """Count the votes: turn `tables.Grades` of the samples into `tables.Labels`, one row per seed and sampled problem.

    Answers are grouped into classes of equivalent answers (`math`) or of identical texts (`strings`, as in the authors'
    code). The largest class wins; of equally large ones, the class sampled first wins. The label is the most frequent
    text of the winning class. Samples without an answer cast no vote; if no sample has an answer, there is no majority.
    Rows are sorted by seed, then in the order of `problems`.

    Raises:
        UserError: a vote refers to a problem that `problems` does not contain.
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


def training_set(
    labels: pd.DataFrame, which: Literal["majority_vote", "incorrect"], right_labels: float = 0
) -> pd.DataFrame:
    """Return `tables.TrainingSet` with the majority as label.

    The set has all problems with a majority ("majority_vote"), or only those where the majority is wrong ("incorrect").
    A share `right_labels` of each seed's problems gets the true answer as label instead. A hash of seed and id chooses
    these problems, so that a larger share includes all problems of a smaller one.
    """
    chosen = labels[labels["majority"].notna() & ((which == "majority_vote") | ~labels["correct"])]
    if right_labels:
        order = pd.Series([_hash(*each) for each in zip(chosen["seed"], chosen["id"], strict=True)], chosen.index)
        of_seed = order.groupby(chosen["seed"])
        right = of_seed.rank() <= (right_labels * of_seed.transform("size")).round()
        chosen = chosen.assign(majority=chosen["majority"].mask(right, chosen["answer"]))
    return chosen.rename(columns={"majority": "label"})[list(TrainingSet.to_schema().columns)].reset_index(drop=True)


def _hash(seed: int, id_: str) -> int:
    return int.from_bytes(hashlib.sha256(f"right label {seed} {id_}".encode()).digest()[:6], "big")


def truth_set(problems: pd.DataFrame, seeds: Iterable[int]) -> pd.DataFrame:
    """Return `tables.TrainingSet` with the true answer as label, once for each seed."""
    sets = [problems.assign(seed=seed, label=problems["answer"]) for seed in seeds]
    return pd.concat(sets, ignore_index=True)[list(TrainingSet.to_schema().columns)]


# ---------------------------------------------------------------- counting

_Pair: TypeAlias = tuple[str, str]


@dataclass
class _Poll:
    """The answers to one problem while they are grouped into classes."""

    counts: dict[str, int]
    """How often each text occurs."""
    first: dict[str, int]
    """Position at which each text first occurs."""
    open: list[str]
    """Texts without a class yet, most frequent first; equally frequent ones in the order of sampling."""
    classes: list[list[str]] = field(default_factory=list)
    """Each class starts with the text that the others were compared with, which is its most frequent text."""

    def size(self, texts: Sequence[str]) -> int:
        return sum(self.counts[text] for text in texts)

    def undecided(self) -> bool:
        """Whether the texts without a class could still form one that wins."""
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
    """Return the label and the number of votes of each poll. The answers of a poll come in the order of sampling.

    In each round, the most frequent text without a class founds one and is compared with all other texts that have
    none, in all polls at once. The rounds end when no later class can win. A text whose comparison does not finish
    becomes a class by itself, because comparing it with each of the others would take as long. A founder with several
    texts to compare is first compared with itself, to find out whether it is such a text.
    """
    sorting = [_poll(answers) for answers in polls]
    while undecided := [poll for poll in sorting if poll.undecided()]:
        compared = undecided if equivalence == "math" else []
        founders = [(poll.open[0], poll.open[0]) for poll in compared if len(poll.open) > 2]
        _, endless = _verdicts(founders, verifier)
        pairs = [(poll.open[0], text) for poll in compared for text in poll.open[1:]]
        same, late = _verdicts([pair for pair in pairs if (pair[0], pair[0]) not in endless], verifier)
        taken = same | late
        for poll in undecided:
            founder, *others = poll.open
            poll.classes.append([founder, *(text for text in others if (founder, text) in same)])
            poll.classes += [[text] for text in others if (founder, text) in late]
            poll.open = [text for text in others if (founder, text) not in taken]
    return [poll.winner() for poll in sorting]


def _verdicts(pairs: Sequence[_Pair], verifier: Verifier) -> tuple[set[_Pair], set[_Pair]]:
    """Return the pairs that are equivalent, and the pairs whose comparison did not finish."""
    found = list(zip(pairs, verifier.verify(pairs), strict=True))
    same = {pair for pair, verdict in found if verdict.correct}
    return same, {pair for pair, verdict in found if verdict.status != "graded"}


def _poll(answers: Sequence[str]) -> _Poll:
    counts = Counter(answers)  # keeps the order of sampling; so does the sort, for texts of equal frequency
    first = {text: index for index, text in reversed(list(enumerate(answers)))}
    return _Poll(counts, first, sorted(counts, key=lambda text: -counts[text]))

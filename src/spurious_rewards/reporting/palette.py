"""The colour and line style of each reward, variant and group; they are the same in every figure of a suite."""

import colorsys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import cycle

from matplotlib.colors import to_hex, to_rgb

from spurious_rewards.config.suite import Suite


@dataclass(frozen=True)
class Look:
    """A colour, and whether lines are dotted and bars hatched."""

    colour: str
    dotted: bool = False


# Okabe and Ito's colours, which colour-blind readers can tell apart, and two of Paul Tol's. The first reward of each
# function gets the function's colour.
REWARDS = {
    "ground_truth": "#009E73",
    "majority_vote": "#0072B2",
    "incorrect": "#D55E00",
    "format": "#E69F00",
    "random": "#CC79A7",
    "python": "#56B4E9",
    "no_repetition": "#8C7A00",
    "ttrl": "#7B3294",
    "noisy": "#44AA99",
}
SPARE = ("#000000", "#7F7F7F", "#A6611A")
VARIANTS = ("#332288", "#CC6677", "#117733", "#999933", "#44AA99", "#882255")  # Paul Tol, "muted"
GROUPS = {
    "code_to_code": "#0072B2",
    "language_to_code": "#009E73",
    "code_to_language": "#E69F00",
    "language_to_language": "#8A8A8A",
}
PARTS = {
    "null gain": REWARDS["random"],
    "elicitation": REWARDS["majority_vote"],
    "reward design": REWARDS["ground_truth"],
    "all": "#B5B5B5",
}
"""Colours of the parts of a split gain: each part has the colour of its reward."""
ERRORS = {"alike": "#333333", "positives": "#D55E00", "negatives": "#0072B2", "unequal": "#8A8A8A"}
"""Colours of the kinds of verifier errors."""

# For the second, third and further rewards of a function: (shift of the hue, share of black (-) or white (+) mixed in).
RELATIVES = ((0.0, -0.45), (-0.11, -0.1), (0.0, 0.35), (0.08, -0.25))


def rewards(suite: Suite) -> dict[str, Look]:
    """Return the look of each reward's title.

    The rewards of one function have related colours. A reward with `unless` is darker and dotted.
    """
    spare, used, looks = cycle(SPARE), Counter[str](), {}
    for key, reward in suite.rewards.items():
        base = REWARDS.get(reward.function) or next(spare)
        if reward.unless is not None:
            looks[reward.title or key] = Look(_mixed(base, -0.3), dotted=True)
            continue
        turn, shade = ((0.0, 0.0), *RELATIVES)[used[reward.function] % (1 + len(RELATIVES))]
        looks[reward.title or key] = Look(_mixed(_turned(base, turn), shade))
        used[reward.function] += 1
    return looks


def variants(titles: Iterable[str]) -> dict[str, Look]:
    """Return the look of each variant, by its place in the suite."""
    return {title: Look(colour) for title, colour in zip(titles, cycle(VARIANTS), strict=False)}


def darker(colour: str) -> str:
    """Return the colour, dark enough to be read as text on white."""
    return _mixed(colour, -0.28)


def _turned(colour: str, turn: float) -> str:
    hue, lightness, saturation = colorsys.rgb_to_hls(*to_rgb(colour))
    return to_hex(colorsys.hls_to_rgb((hue + turn) % 1, lightness, saturation))


def _mixed(colour: str, shade: float) -> str:
    towards = 1.0 if shade > 0 else 0.0
    red, green, blue = (part + abs(shade) * (towards - part) for part in to_rgb(colour))
    return to_hex((red, green, blue))

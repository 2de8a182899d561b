"""Invented numbers and exhibit pages from which tests make a report."""

import numpy as np
import pandas as pd

from spurious_rewards.analysis import contamination
from spurious_rewards.analysis.claims.ledger import LEDGER
from spurious_rewards.analysis.headline import HEADLINE
from spurious_rewards.reporting import report

EVIL = "</script><script>alert('&\"')</script><!--"
MODELS, REWARDS = ["strong", "weak"], ["ground_truth", "ttrl", "random_0.5"]

SVG = (
    b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">\n  <path d="M 1 2\nL 3 4" fill="#0b5f8a"/></svg>'
)


def of_headline(**changes: object) -> pd.DataFrame:
    condition = dict.fromkeys(HEADLINE, 0.0) | {"prompt": "plain", "variant": "default", "verdict": "gain"}
    condition |= {"steps": 25, "updates": 200, "problems": 40, "samples": 1, "seeds": 5, "before": 0.3}
    condition |= {"difference": 0.2, "difference_low": 0.1, "difference_high": 0.3}
    condition |= {"difference_by_seed": "0.1 0.2 0.2 0.2 0.3", "over_random_seeds": 5, "over_best_prompt_seeds": 5}
    condition |= {"share_of_ground_truth_seeds": 5, "share_of_ground_truth_pieces": 1}
    rows = [
        condition | {"model": model, "reward": reward, "benchmark": benchmark} | changes
        for model in MODELS
        for reward in REWARDS
        for benchmark in ("math500", "amc")
    ]
    frame = pd.DataFrame(rows)
    for quantity in ("difference", "before", "after"):
        frame = frame.assign(**{f"paper_{quantity}": float("nan"), f"paper_{quantity}_source": ""})
    return frame


def of_claims() -> pd.DataFrame:
    rows = [
        {
            "verdict": "supported",
            "exhibit": "fig1",
            "effect": 0.123,
            "low": 0.1,
            "high": 0.15,
            "unit": "points",
            "n": 40.0,
        },
        {
            "verdict": "contradicted",
            "exhibit": "table1",
            "effect": 0.5,
            "low": 0.4,
            "high": 0.6,
            "unit": "share",
            "n": 40.0,
        },
        {
            "verdict": "inconclusive",
            "exhibit": "",
            "effect": 0.01,
            "low": -0.01,
            "high": 0.03,
            "unit": "logits",
            "n": 24.0,
        },
        {"verdict": "not run", "remark": "the suite has no experiment of it"},
    ]
    frame = pd.DataFrame(rows, columns=list(LEDGER)).assign(
        id=[f"claim-{number}" for number in range(4)],
        claim=[f"Claim number {number}." for number in range(4)],
        paper_claim=["supported", "not run", "", "not run"],  # the paper does not make the third claim
        source="Fig. 1",
        rule="Supported if the interval lies above 0.",
        n_of=["problems", "problems", "pairs", ""],
        by_construction=["The corpus says so.", "", "", ""],
    )
    return frame.replace("", np.nan)


SINGLE = pd.DataFrame(
    [
        {"model": model, "prompt": "plain", "reward": reward, "variant": "default", "benchmark": benchmark}
        | {"seed": seed, "before": 0.3, "after": 0.45, "difference": 0.15, "gained": 7, "lost": 1, "mcnemar_p": 0.07}
        for model in MODELS
        for reward in REWARDS
        for benchmark in ("math500", "amc")
        for seed in range(5)
    ]
)
LABELS = pd.DataFrame(
    [
        {"experiment": "headline", "model": "strong", "prompt": "plain", "problems": 200, "samples": 64, "seeds": 5}
        | {"label_accuracy": 0.614, "incorrect_min": 30, "incorrect_max": 44, "pass_at_1": 0.5, "pass_at_k": 0.9}
    ]
)
HEALTH = pd.DataFrame(
    [
        {"experiment": "headline", "model": "strong", "prompt": "plain", "reward": "ttrl", "variant": "default"}
        | {"steps": 25, "entropy_first": 1.95, "entropy_last": 0.75}
        | {
            f"{rate}_{end}": 0.5
            for rate in ("zero_variance_groups", "clip_fraction", "truncation_rate")
            for end in ("first", "last")
        }
    ]
)
GRADING = pd.DataFrame(
    [
        {
            "experiment": experiment,
            "benchmark": "math500",
            "responses": 100,
            "unanswered": 1,
            "timeouts": 0,
            "crashes": 0,
        }
        for experiment in ("headline", "perturbed")
    ]
)


JUDGED = {
    "agreement": pd.DataFrame(
        [
            {"benchmark": benchmark, "grader": "math_verify", "other": "strings", "problems": 40, "all_problems": 60}
            | {"pairs": 1234, "both": 200, "only_grader": 30, "only_other": 4, "neither": 1000}
            | {"agreement": 0.972, "kappa": kappa, "unfinished": 0}
            for benchmark, kappa in (("amc", float("nan")), ("math500", 0.905))
        ]
    ),
    "accuracy": pd.DataFrame(
        [
            {"model": "strong", "prompt": "plain", "reward": reward, "variant": "default", "benchmark": "math500"}
            | {"problems": 40, "all_problems": 40, "grader": grader, "before": 0.3, "after": 0.5 + moves}
            | {"difference": 0.2 + moves, "moves": moves}
            for grader, factor in (("math_verify", 0), ("strings", 1), ("sympy", 0))
            for reward, moves in (("ttrl", -0.03 * factor), ("random_0.5", 0.01 * factor))
        ]
    ),
    "differences": pd.DataFrame(
        [
            {"benchmark": "math500", "answer": "007", "extracted": EVIL, "math_verify": False, "strings": True}
            | {"sympy": False, "status": "graded", "unfinished": True, "responses": 12}
        ]
    ),
}


def exhibit_page(name: str, kind: str, **more: object) -> dict:
    stems = ["math500", "amc"] if kind == "gains" else []
    return {
        "name": name,
        "title": f"Title of {name}",
        "kind": kind,
        "caption": f"Caption of {name}",
        "pictures": [{"stem": stem, "caption": f"Caption of {stem}", "text": f"Bars of {stem}"} for stem in stems],
        "tables": [{"title": f"Table of {name}", "columns": ["A", "B"], "rows": [["1", EVIL]], "note": ""}],
    } | more


LEAKAGE = pd.DataFrame(
    [("sums", 300, "sums", 40, 2, 1, 0.075)],
    columns=list(contamination.LEAKAGE),
)
MEMORIZATION = pd.DataFrame(
    [("strong", "sums", 40, 5, 0.1, 0.05, 0.2, 0.3, 0.2, 0.4)], columns=list(contamination.MEMORIZATION)
)


def numbers(**changed):
    """Return the invented numbers of a report, with `changed` frames in place of some."""
    return report.Numbers(
        **{
            **{"claims": of_claims(), "headline": of_headline(), "seeds": SINGLE, "labels": LABELS, "health": HEALTH},
            **{"grading": GRADING, "leakage": LEAKAGE, "memorization": MEMORIZATION, "judged": JUDGED},
            **changed,
        }
    )

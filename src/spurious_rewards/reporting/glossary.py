"""Meanings of the technical names in the column headings of the report's tables."""

import re
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Term:
    """An entry: its name, its meaning, and a regular expression that matches each whole heading that it explains."""

    name: str
    meaning: str
    headings: str

    @property
    def key(self) -> str:
        """The entry's anchor on the page."""
        return "term-" + re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


TERMS = (
    Term(
        "Bias (logit)",
        "How far one rollout batch with coin-flip rewards pushes the model towards code, measured on the logit of the "
        "probability of code. 0 is no push.",
        r"Bias.*",
    ),
    Term(
        "By seed",
        "The value of each seed on its own, in the order of the seeds. It shows whether one seed makes the mean.",
        r".*, by seed",
    ),
    Term(
        "Change",
        "Accuracy after training minus accuracy before it, in percentage points, with its 95 % interval over problems "
        "and seeds.",
        r"(Paper: |Mean |Paper: mean )?[Cc]hange(, problems.*|, other problems)?",
    ),
    Term(
        "Comparison",
        "What was made equal before variants are compared: the number of rollout steps, or the number of updates.",
        r"Comparison",
    ),
    Term(
        "Detectable change",
        "The change that this many seeds and problems would find in 80 of 100 studies (80 % power). Smaller effects "
        "can be missed.",
        r"Detectable change",
    ),
    Term(
        "Elicitation",
        "The part of ground truth's gain that the model's own majority vote brings too, beyond the random reward.",
        r"Elicitation",
    ),
    Term(
        "Entropy",
        "How undecided the model is about its next token, in nats per token. Low entropy means that it is sure.",
        r"Entropy.*",
    ),
    Term(
        "False alarms and misses",
        "A false alarm is a gain although no benchmark problem is in the corpus. A miss is no gain although some are.",
        r"False alarms.*|Misses.*",
    ),
    Term(
        "GPU-hours",
        "Hours of one GPU. An hour on eight GPUs is eight GPU-hours.",
        r"GPU-hours",
    ),
    Term(
        "Group (strategy)",
        "Problems grouped by whether the response used code before training and after it, for example language → code.",
        r"Group",
    ),
    Term(
        "Groups with equal rewards",
        "The share of prompts whose responses all got the same reward. All advantages of such a group are 0, and it "
        "teaches nothing. TRL: frac_reward_zero_std.",
        r"Groups with equal rewards.*",
    ),
    Term(
        "Highest share of code",
        "The highest share of responses with code among all evaluations after the start, mean over seeds.",
        r"(Paper: h|H)ighest share of code",
    ),
    Term(
        "Interquartile mean",
        "The mean of the middle half of the seeds' changes. It is robust against a single unusual seed.",
        r"Interquartile mean",
    ),
    Term(
        "J",
        "The share of right answers that the verifier rewards minus the share of wrong answers that it rewards. 1 is "
        "ground truth, 0 a coin, -1 the opposite of ground truth.",
        r"J",
    ),
    Term(
        "Kappa",
        "Cohen's kappa: how much two judgements agree beyond chance. 0 is chance, 1 is full agreement.",
        r"Kappa",
    ),
    Term(
        "Log odds",
        "The logarithm of p / (1 - p) for a probability p. 0 is a probability of one half.",
        r"Log odds.*",
    ),
    Term(
        "McNemar p",
        "The p value of McNemar's exact test on the problems of one seed. It says nothing about another seed.",
        r"McNemar p",
    ),
    Term(
        "n-gram",
        "A sequence of n words. If a training problem has enough of a benchmark problem's n-grams, the benchmark problem "
        "counts as leaked.",
        r"Matched by n-grams",
    ),
    Term(
        "Net problems gained",
        "Problems of the group that became right minus those that became wrong, as a share of all problems.",
        r"Net problems gained",
    ),
    Term(
        "Null gain",
        "What the random reward gains. Ground truth's gain includes this part.",
        r"Null gain",
    ),
    Term(
        "Overtaken",
        "The smallest k from which the untrained model has the higher pass@k. Clearly: the 95 % interval says so too.",
        r"Overtaken from k|Clearly overtaken from k",
    ),
    Term(
        "p (Holm)",
        "The p value of the change, and in brackets the same after Holm's correction for all tests of the table.",
        r"p \(Holm\)",
    ),
    Term(
        "Pairs",
        "A probe draws rewards in pairs: each set of coin flips and its opposite, so that their mean shows the bias.",
        r"Pairs per seed",
    ),
    Term(
        "Parsable",
        "The share of responses with a boxed answer that the grader can read.",
        r"(Paper: p|P)arsable",
    ),
    Term(
        "pass@k",
        "The probability that at least one of k responses to a problem is right.",
        r"(Change in )?pass@\w+",
    ),
    Term(
        "Problems gained / lost",
        "How many problems became right, and how many became wrong, from before training to after it; the mean over "
        "seeds.",
        r"Problems gained / lost",
    ),
    Term(
        "Responses cut off",
        "Responses that reached the length limit before they ended. TRL's completions/clipped_ratio also counts "
        "those that a stop string ended.",
        r"Responses cut off.*",
    ),
    Term(
        "Responses per problem",
        "How many responses each problem gets. 1 is one greedy response unless the note says otherwise; more are "
        "sampled.",
        r"Responses per problem",
    ),
    Term(
        "Reward design",
        "The part of ground truth's gain that the truth adds beyond the majority vote.",
        r"Reward design",
    ),
    Term(
        "Same strategy",
        "The share of responses that make the same choice, code or no code, as the response to the original problem.",
        r"Same strategy",
    ),
    Term(
        "Sample size",
        "How many problems, models, steps, pairs or runs the effect was measured on.",
        r"Sample size",
    ),
    Term(
        "Seeds",
        "How many seeds there are, or which one. A seed is the number that random draws start from. Runs that differ in "
        "nothing but the seed show how much a result varies by chance.",
        r"Seeds?",
    ),
    Term(
        "Share of ground truth's gain",
        "The change under this reward as a percentage of the change under ground truth, with the same model and "
        "seeds. It is given where ground truth clearly gains.",
        r"Share of ground truth's gain",
    ),
    Term(
        "Share of the gain",
        "The part of the whole gain that comes from this group of problems. It is given where the gain is clearly "
        "above 0.",
        r"(Paper: s|S)hare of the gain",
    ),
    Term(
        "Smoothed as in the paper",
        "Accuracy after training averaged over the last evaluations, as the paper reports it. No verdict uses it.",
        r"After, smoothed as in the paper",
    ),
    Term(
        "Steered",
        "Whether the reward clearly changed how often responses use code.",
        r"Steered|Rewards pooled",
    ),
    Term(
        "Steps and updates",
        "A rollout step is one rollout batch with all the updates made from it. An update is one step of the optimiser.",
        r"Steps|Updates",
    ),
    Term(
        "Supported by",
        "What supports the claim. Construction: the model organism was built to show this effect, so the result is no "
        "independent evidence. Measurement: it was not.",
        r"Supported by|Why by construction",
    ),
    Term(
        "Token probability",
        "The mean probability that the model gives to the tokens it samples.",
        r"Token probability",
    ),
    Term(
        "Tokens clipped",
        "The share of tokens that the clip took out of the loss, because their probability had already moved past the "
        "clip range in the direction of the update. TRL: clip_ratio/region_mean.",
        r"Tokens clipped.*",
    ),
    Term(
        "Variant",
        "A named change of the training settings, such as no clipping. The default variant changes nothing.",
        r"Variant",
    ),
    Term(
        "Verdict",
        "Of a change: gain if the whole 95 % interval is above 0, loss if it is below 0, otherwise no clear change; not "
        "testable if the rewards within a group never differed. Of a claim, by its rule: supported, contradicted, "
        "inconclusive, not testable, not run or cannot run.",
        r"Verdict( in the paper's setting)?",
    ),
    Term(
        "Versus best prompt",
        "Accuracy after training minus accuracy before it under the best prompt, which held-out problems choose.",
        r"Versus best prompt",
    ),
    Term(
        "Versus dummy baselines",
        "The dummy baselines are the rewards random and format. A reward beats them if the 95 % intervals of its "
        "differences from both are above 0.",
        r"Versus dummy baselines",
    ),
    Term(
        "Versus own prompt",
        "Accuracy under this prompt minus accuracy under the model's own prompt, both before training.",
        r"Versus own prompt",
    ),
    Term(
        "Versus random",
        "Accuracy after training minus accuracy after training under the random reward, paired by seed and problem.",
        r"Versus random",
    ),
)
"""All entries, in alphabetical order."""

HEADINGS = {term: re.compile(term.headings) for term in TERMS}


@cache
def of_column(heading: str) -> Term | None:
    """Return the entry that explains a column heading, or None if there is none."""
    return next((term for term, headings in HEADINGS.items() if headings.fullmatch(heading)), None)

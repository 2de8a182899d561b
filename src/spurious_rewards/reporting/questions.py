"""The questions that a reader brings to a report, and the figures and tables that answer them."""

from spurious_rewards.config.experiments import Exhibit
from spurious_rewards.config.suite import Suite
from spurious_rewards.reporting.exhibits.kinds import shown_models

RANDOM = "Does a random reward help?"
CORRECT = "Does a correct reward beat it?"
FAMILY = "Does it depend on the model family?"
OTHERS = "What do other rewards do?"
CODE = "What does training do to code?"
CLIP = "What does the clip do?"
PROMPT = "Does the prompt matter?"
SETTINGS = "Do other training settings change the result?"
VERIFIER = "What if the verifier makes mistakes?"
ATTEMPTS = "Does training make more problems solvable?"
CONTAMINATION = "Could it be contamination?"
CLAIMS = "Which claims hold?"
RESPONSES = "What do the responses look like?"
TRAINING = "How did training go?"
GRADING = "Can labels and grades be trusted?"

QUESTIONS = (
    *(RANDOM, CORRECT, FAMILY, CLAIMS, OTHERS, CODE, CLIP, PROMPT, SETTINGS, VERIFIER, ATTEMPTS),
    *(CONTAMINATION, RESPONSES, TRAINING, GRADING),
)
"""All questions, in the order of the contents."""

OF_KIND = {
    "baselines": (RANDOM, CORRECT),
    "split": (CORRECT,),
    "noise": (VERIFIER,),
    "coverage": (ATTEMPTS,),
    "control": (CONTAMINATION,),
    "code": (CODE,),
    "switches": (CODE,),
    "contributions": (CODE,),
    "strategies": (CODE,),
    "forcing": (CODE, PROMPT),
    "prompts": (PROMPT,),
    "clipping": (CLIP,),
    "health": (TRAINING,),
    "qualitative": (RESPONSES,),
}
"""Kind of exhibit -> questions that it answers. For other kinds the questions depend on what the exhibit compares."""


def of_exhibit(suite: Suite, exhibit: Exhibit) -> tuple[str, ...]:
    """Return the questions that an exhibit answers."""
    if exhibit.kind in OF_KIND:
        return OF_KIND[exhibit.kind]
    assert exhibit.experiment is not None
    runs = [
        run
        for run in suite.runs_of(suite.experiments[exhibit.experiment])
        if run.reward in (exhibit.rewards or suite.rewards) and run.model in (exhibit.models or suite.models)
    ]
    clips = {str(suite.algorithms[run.variant].clip) for run in runs}
    if exhibit.kind == "probability":
        return (CLIP,) if len(clips) > 1 else (TRAINING,)
    if "variant" in (exhibit.lines, exhibit.panels):
        return (CLIP,) if len(clips) > 1 else (SETTINGS,)
    if exhibit.panels == "prompt":
        return (PROMPT,)
    found = of_rewards(suite, {run.reward for run in runs})
    # Curves show the same results as the bars of kind gains, step by step, so one place in the contents is enough.
    found = found if exhibit.kind == "gains" else found[:1]
    return (*found, *((FAMILY,) if RANDOM in found and len(shown_models(suite, exhibit)) > 1 else ()))


def of_rewards(suite: Suite, rewards: set[str]) -> tuple[str, ...]:
    """Return the questions that a comparison of these rewards answers."""
    functions = {suite.rewards[reward].function for reward in rewards}
    if "random" not in functions:
        return (OTHERS,)
    return (RANDOM, CORRECT) if "ground_truth" in functions else (RANDOM,)

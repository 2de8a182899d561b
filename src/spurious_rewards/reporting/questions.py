"""The questions that a reader brings to a report, and which figures and tables answer them."""

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
"""In the order of the contents."""

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
"""Kind -> the questions that each exhibit of it answers. Of the kinds that are not here it depends on what they compare."""


def of_exhibit(suite: Suite, exhibit: Exhibit) -> tuple[str, ...]:
    """The questions that an exhibit answers."""
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
    # Curves tell the same as the bars of the gains, step by step: once in the contents is enough.
    found = found if exhibit.kind == "gains" else found[:1]
    return (*found, *((FAMILY,) if RANDOM in found and len(shown_models(suite, exhibit)) > 1 else ()))


def of_rewards(suite: Suite, rewards: set[str]) -> tuple[str, ...]:
    """The questions that a comparison of these rewards answers."""
    functions = {suite.rewards[reward].function for reward in rewards}
    if "random" not in functions:
        return (OTHERS,)
    return (RANDOM, CORRECT) if "ground_truth" in functions else (RANDOM,)

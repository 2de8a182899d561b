# The suite and its plan; everything that a rule is told comes from `plan`.
import os
import shlex
import shutil
import sys
from pathlib import Path

from snakemake.utils import min_version

from spurious_rewards import machine
from spurious_rewards.errors import UserError
from spurious_rewards.plan import Plan, group_of
from spurious_rewards.provenance import fingerprint
from spurious_rewards.stages import VERSIONS, changed_since
from spurious_rewards.suite import Run, load

min_version("9.27.1")

ROOT = Path(workflow.basedir).parent if Path(workflow.basedir).name == "workflow" else Path(workflow.basedir)


configfile: str(ROOT / "config.yaml")


try:
    settings = machine.read(config)
    suite_path = machine.suite_file(settings.suite, ROOT)
    plan = Plan(load(suite_path), settings, suite_path)
except UserError as error:
    sys.exit(f"error: {error}")

# Jobs run with the interpreter that runs Snakemake, also where its environment is not activated.
if Path(shutil.which("python") or "").parent != Path(sys.executable).parent:
    shell.prefix(f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; ")

# Where metrics are tracked changes no result, so it is no param, which would train again when it changes.
os.environ["SPURIOUS_REWARDS_TRACKING"] = settings.tracking


envvars:
    "SPURIOUS_REWARDS_TRACKING",


BASE = plan.layout.base("{model}", "{bases}", "{prompt}")
RUN = plan.layout.run(Run(model="{model}", prompt="{prompt}", reward="{reward}", variant="{variant}", seeds="{seeds}"))
SEGMENT = RUN / "segments" / "{start}-{stop}"
LOGS = plan.layout.root / "logs"


wildcard_constraints:
    experiment=r"[\w.+-]+",
    set=r"[\w.+-]+",
    model=r"[\w.+-]+",
    prompt=r"[\w.+-]+",
    reward=r"[\w.+-]+",
    variant=r"[\w.+-]+",
    bases=r"base|seeds\d+(-\d+)?",
    seeds=r"\d+(-\d+)?",
    seed=r"\d+",
    start=r"\d+",
    stop=r"\d+",


def first(folder):
    """Priority of what writes into `folder` (with wildcards), for the headline experiment is made first."""
    return lambda wildcards: plan.priority(Path(str(folder).format(**wildcards)))


def benchmark_problems(folder):
    """Problem sets of the benchmarks that are answered in `folder` (with wildcards)."""
    return lambda wildcards: plan.benchmark_problems(Path(str(folder).format(**wildcards)))


def named_files(input):
    """Options that hand a job its inputs by name."""
    return [f"--input={key}={path}" for key in input.keys() for path in input.get(key)]


def run_of(wildcards):
    return Run(**{key: wildcards[key] for key in ("model", "prompt", "reward", "variant", "seeds")})


onstart:
    for artifact in changed_since(plan.layout.root):
        print(
            f"note: {artifact} was made by other code than today's and is kept; see docs/architecture.md",
            file=sys.stderr,
        )

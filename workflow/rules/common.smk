# The suite, and what the rules share; everything that a rule is told comes from its stage's module.
import os
import shlex
import shutil
import sys
from pathlib import Path

from snakemake.utils import min_version

from spurious_rewards.artifacts.digests import last_known
from spurious_rewards.artifacts.fingerprints import fingerprint
from spurious_rewards.artifacts.local_copies import Contents
from spurious_rewards.artifacts.paths import group_of
from spurious_rewards.config import claims as ledgers
from spurious_rewards.config import settings as settings_file
from spurious_rewards.config.experiments import Run
from spurious_rewards.config.loading import load
from spurious_rewards.reporting.exhibits.kinds import GROUPS
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.tracking import VARIABLE as TRACKING
from spurious_rewards.stages.study import Study

min_version("9.27.1")

ROOT = Path(workflow.basedir).parent if Path(workflow.basedir).name == "workflow" else Path(workflow.basedir)


configfile: str(ROOT / "config.yaml")


report: "../report/workflow.rst"


# A job on another machine is planned there once more, with what this run has found in the user's files.
if not (workflow.remote_exec or workflow.subprocess_exec):
    os.environ[Contents.VARIABLE] = "{}"

try:
    settings = settings_file.read(config, last_known)
    suite_path = settings_file.suite_file(settings.suite, ROOT)
    study = Study(load(suite_path), settings, suite_path, ROOT, Contents(os.environ))
    ledger = ledgers.read(Path(os.path.relpath(ROOT / ledgers.FILE)))
except UserError as error:
    sys.exit(f"error: {error}")

# Jobs run with the interpreter that runs Snakemake, also where its environment is not activated; or in environments of their
# own (--sdm), which do not hold this project.
if workflow.deployment_settings.deployment_method:
    shell.prefix(f"export PYTHONPATH={shlex.quote(str(ROOT / 'src'))}; ")
elif Path(shutil.which("python") or "").parent != Path(sys.executable).parent:
    shell.prefix(f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; ")

# Where metrics are tracked changes no result, so it is no param, which would train again when it changes.
os.environ[TRACKING] = settings.tracking


envvars:
    TRACKING,
    Contents.VARIABLE,


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


BASE = study.paths.base("{model}", "{bases}", "{prompt}")
RUN = study.paths.run(Run(model="{model}", prompt="{prompt}", reward="{reward}", variant="{variant}", seeds="{seeds}"))
SEGMENT = RUN / "segments" / "{start}-{stop}"
LOGS = study.paths.root / "logs"
ON_REWARD = "{wildcards.reward} ({wildcards.variant}, {wildcards.prompt}), seeds {wildcards.seeds}"

# Environments for --sdm conda, by what draws responses.
VLLM = "vllm" in {study.suite.sampling.engine, *(training.engine for training in study.suite.algorithms.values())}
GENERATE_ENV, TRAIN_ENV = (
    ["../../envs/vllm.yaml"] * 2 if VLLM else ["../../envs/generate.yaml", "../../envs/train.yaml"]
)

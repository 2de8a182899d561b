# The suite and what the rules share. The module of each stage says everything that its rule is told.
import os
import shlex
import sys
from pathlib import Path

from snakemake.settings.types import DeploymentMethod
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
from spurious_rewards.runtime.links import refuse_links_in
from spurious_rewards.runtime.printing import printable
from spurious_rewards.runtime.tracking import VARIABLE as TRACKING
from spurious_rewards.runtime.visible_gpus import VARIABLE as VISIBLE
from spurious_rewards.stages.study import Study

min_version("9.27.1")

ROOT = Path(workflow.basedir).parent if Path(workflow.basedir).name == "workflow" else Path(workflow.basedir)


report: "../report/workflow.rst"


def literal(text):
    """Escape the braces of a text that Snakemake formats. Otherwise they could show any variable and its attributes."""
    return text.replace("{", "{{").replace("}", "}}")


# A job on another machine is planned there again. The environment tells it what this run has found in the user's files.
PLANNED_BEFORE = workflow.remote_exec or workflow.subprocess_exec
if not PLANNED_BEFORE:
    os.environ[Contents.VARIABLE] = "{}"

try:
    # Snakemake's own `config` is not used. It also formats braces in a folder's name.
    given = workflow.config_settings
    config = settings_file.merged(ROOT / "config.yaml", given.configfiles, given.config)
    settings = settings_file.read(config, last_known)
    suite_path = settings_file.suite_file(settings.suite, ROOT)
    study = Study(load(suite_path), settings, suite_path, ROOT, Contents(os.environ))
    for asked_for in study.suite.resources:  # otherwise a rule would fail later, with Snakemake's message
        study.accelerate_config(asked_for.accelerate_config)
    ledger = ledgers.read(Path(os.path.relpath(ROOT / ledgers.FILE)))
    paper = load(Path(os.path.relpath(ROOT / ledgers.PAPER)))
    if not PLANNED_BEFORE:
        refuse_links_in(study.paths.root)  # Snakemake deletes and writes there, too, and the shell writes logs
except UserError as error:
    sys.exit(f"error: {printable(str(error))}")

# Jobs run with the interpreter that runs Snakemake, whatever its name and whatever `python` means on PATH. With --sdm
# conda they run with the interpreter of their own environment, which does not have this project.
PYTHON = "SPURIOUS_REWARDS_PYTHON"
os.environ[PYTHON] = sys.executable
if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method:
    os.environ[PYTHON] = "python"
    shell.prefix(literal(f"export PYTHONPATH={shlex.quote(str(ROOT / 'src'))}; "))

# Organisms are too small for a GPU, and on a GPU their digits would differ. A job on a cluster inherits this variable
# from the machine that planned it. If its rule was told to ask for GPUs, the scheduler has set the variable again.
if study.suite.organism and not study.suite.resources and not PLANNED_BEFORE:
    os.environ[VISIBLE] = ""

# Where metrics are tracked changes no result.
os.environ[TRACKING] = settings.tracking


# These are not among the params: then a new interpreter or another tracking would train everything again.
envvars:
    PYTHON,
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


def environment(name):
    """Return the file of an environment for --sdm conda, with escaped braces, because Snakemake formats the path."""
    return literal(str(ROOT / "envs" / f"{name}.yaml"))


# The environment depends on what samples responses.
VLLM = "vllm" in {study.suite.sampling.engine, *(training.engine for training in study.suite.algorithms.values())}
GENERATE_ENV, TRAIN_ENV = (environment("vllm" if VLLM else name) for name in ("generate", "train"))

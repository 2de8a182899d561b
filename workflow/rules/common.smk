# The suite and its plan; everything that a rule is told comes from `plan`.
import os
import shlex
import shutil
import sys
from pathlib import Path

from snakemake.utils import min_version

from spurious_rewards.artifacts.fingerprints import fingerprint
from spurious_rewards.config import claims
from spurious_rewards.config import settings as machine
from spurious_rewards.config.experiments import Run
from spurious_rewards.config.loading import load
from spurious_rewards.operations import doctor
from spurious_rewards.operations import partial_report as salvage
from spurious_rewards.reporting.exhibit_kinds import GROUPS
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import remove
from spurious_rewards.stages.jobs import UnfinishedJob
from spurious_rewards.stages.plan import Plan, group_of
from spurious_rewards.stages.work import VERSIONS, changed_since

min_version("9.27.1")

ROOT = Path(workflow.basedir).parent if Path(workflow.basedir).name == "workflow" else Path(workflow.basedir)


configfile: str(ROOT / "config.yaml")


report: "../report/workflow.rst"


try:
    settings = machine.read(config)
    suite_path = machine.suite_file(settings.suite, ROOT)
    plan = Plan(load(suite_path), settings, suite_path, ROOT)
    ledger = claims.read(Path(os.path.relpath(ROOT / claims.FILE)))
except UserError as error:
    sys.exit(f"error: {error}")

# Jobs run with the interpreter that runs Snakemake, also where its environment is not activated; or in environments of their
# own (--sdm), which do not hold this project.
if workflow.deployment_settings.deployment_method:
    shell.prefix(f"export PYTHONPATH={shlex.quote(str(ROOT / 'src'))}; ")
elif Path(shutil.which("python") or "").parent != Path(sys.executable).parent:
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


FIRST = 10_000  # more than any run has steps


def first(folder):
    """Priority of what writes into `folder` (with wildcards), for the headline experiment is made first."""
    return lambda wildcards: FIRST * plan.priority(Path(str(folder).format(**wildcards)))


def in_turn(step):
    """Priority of what is made of a segment: runs that have begun go on before others begin, so that less lies on the disk."""
    return lambda wildcards: first(SEGMENT)(wildcards) + int(wildcards[step])


def benchmark_problems(folder):
    """Problem sets of the benchmarks that are answered in `folder` (with wildcards)."""
    return lambda wildcards: plan.benchmark_problems(Path(str(folder).format(**wildcards)))


def named_files(input):
    """Options that hand a job its inputs by name."""
    return [f"--input={key}={path}" for key in input.keys() for path in input.get(key)]


def asks(on, minutes):
    """What jobs with a model at work ask for, by what they run on and their time; twice the memory when one is tried again."""
    asked = {"hardware": lambda w: on(w).model_dump_json(exclude_defaults=True)}
    if plan.suite.sizes:
        asked |= {
            "gpu": lambda w: on(w).gpus,
            "nodes": lambda w: on(w).machines,
            "mem_mb": lambda w, attempt: plan.suite.size(w.model).memory_gb * 1000 * min(attempt, 2),
            "runtime": minutes,
        }
    return asked


def asking(message):
    """The message of a job that asks for something, with what that is."""
    asked = " [gpu={resources.gpu}, mem_mb={resources.mem_mb}, runtime={resources.runtime}]"
    return message + asked * bool(plan.suite.sizes)


def run_of(wildcards):
    return Run(**{key: wildcards[key] for key in ("model", "prompt", "reward", "variant", "seeds")})


def in_report(path, name, exhibit):
    """A file of an exhibit; in Snakemake's own report (--report) stand its pictures, and its numbers to be saved."""
    as_what = {".svg": "picture", ".csv": "numbers (CSV)"}.get(path.suffix)
    if as_what is None:
        return path
    return report(
        str(path),
        caption=f"../report/{'picture' if path.suffix == '.svg' else 'numbers'}.rst",
        category=GROUPS.get(exhibit.kind, "Figures"),
        subcategory=f"{name}: {exhibit.title}",
        labels={"of": path.stem if path.suffix == ".svg" else "all", "as": as_what},
    )


# Environments for --sdm conda, by what draws responses.
VLLM = "vllm" in {plan.suite.sampling.engine, *(training.engine for training in plan.suite.algorithms.values())}
RESPOND_ENV, TRAIN_ENV = ["../../envs/vllm.yaml"] * 2 if VLLM else ["../../envs/respond.yaml", "../../envs/train.yaml"]


onstart:
    # Figures can be drawn anew on any laptop: only jobs that ask for GPUs are refused.
    if any(job.resources.get("gpu") for job in workflow.dag.needrun_jobs()):
        where = "local" if workflow.local_exec else "slurm"
        if trouble := doctor.must_fail(plan, where, not workflow.deployment_settings.deployment_method):
            sys.exit(f"error: {trouble}")
    for artifact in changed_since(plan.layout.root):
        print(
            f"note: {artifact} was made by other code than today's and is kept; see docs/architecture.md",
            file=sys.stderr,
        )
    # Snakemake's own limit, 100 jobs a second, has each look at the ready jobs followed by another one a second later, for
    # ever: after a hundred jobs it looks a hundred times a second, which takes a third of a core. A profile's limit stays.
    limiter = workflow.scheduler.job_rate_limiter
    if limiter and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


# What is not finished is known here alone; what to make of it, the library says. The exit code stays that of a failure.
onerror:
    salvage.after_failure(
        plan,
        [
            UnfinishedJob(
                name=job.message or job.name,
                inputs=job.input,
                outputs=job.output,
                log=next(iter(job.log), None),
                failed=job in workflow.scheduler.failed,
            )
            for job in workflow.dag.needrun_jobs()
        ],
    )


onsuccess:
    if any(job.rule.name == "report" for job in workflow.dag.jobs):
        remove(plan.layout.partial())

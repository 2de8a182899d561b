# What happens before a run starts, and after it has failed or is done.
from spurious_rewards.artifacts import local_copies
from snakemake.logging import logger
from spurious_rewards.operations import doctor, partial_report, unfinished
from spurious_rewards.operations.time_left import TimeLeft
from spurious_rewards.runtime import numerics
from spurious_rewards.runtime.files import remove
from spurious_rewards.stages.registry import changed_since


onstart:
    needed = list(workflow.dag.needrun_jobs())
    copies = local_copies.paths(job.resources.get("locations", "{}") for job in needed)
    if trouble := local_copies.missing(copies) or doctor.unusable_models(study, copies):
        sys.exit(f"error: {printable(trouble)}")
    if not study.suite.resources and (reason := numerics.unpinnable()):
        print(
            f"note: {reason}, so digits may differ from those of other machines; "
            "see docs/explanation/reproducibility.md",
            file=sys.stderr,
        )
    # Anyone can draw figures again on a laptop without GPUs, so only runs with jobs that ask for GPUs are refused.
    if any(job.resources.get("gpu") for job in needed):
        where = "local" if workflow.local_exec else "slurm"
        if trouble := doctor.must_fail(study, where, not workflow.deployment_settings.deployment_method):
            sys.exit(f"error: {printable(trouble)}")
    try:
        for artifact in changed_since(study.paths.root):
            print(
                f"note: {printable(str(artifact))} was made by another version of the code and is kept; "
                "see docs/explanation/design.md",
                file=sys.stderr,
            )
    except UserError as error:  # a damaged manifest does not prevent a run
        print(f"note: {printable(str(error))}", file=sys.stderr)
    logger.addHandler(
        TimeLeft({job.jobid: job.rule.name for job in needed}, str(study.paths.headline() / "report.html"))
    )
    # Snakemake's default limit is 100 jobs a second. With it, each look at the ready jobs causes another look a second
    # later, for ever: after a hundred jobs it looks a hundred times a second, which takes a third of a core. A limit
    # that a profile sets is kept.
    limiter = workflow.scheduler.job_rate_limiter
    if limiter and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


# Only here is it known which jobs are unfinished; the library decides what to make of them. The exit code stays that of
# a failure.
onerror:
    partial_report.after_failure(
        study,
        [
            unfinished.UnfinishedJob(
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
        remove(study.paths.partial())

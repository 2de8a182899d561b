import json
import locale

from spurious_rewards.stages import resources
from spurious_rewards.stages.registry import registered

# Functions that give rules their commands, inputs, resources and messages.

FIRST = 10_000  # more than any run has steps


def command(stage, on_hardware=False):
    """Return the shell command of a stage. On hardware, it replaces its shell, so that signals to stop reach the job.

    If it is run by hand, without the variable that common.smk sets, it takes the `python` of the shell.
    """
    python = f'"${{{{{PYTHON}:-python}}}}" -m spurious_rewards.cli'
    hardware = " --hardware {resources.hardware:q}" if on_hardware else ""
    locations = " --locations {resources.locations:q}" if registered()[stage].reads_copies else ""
    cores = " --cores {threads:q}" if registered()[stage].uses_cores else ""
    job = "{params.job:q} {params.files:q}"
    said = f"{python} stage {stage} {job}{hardware}{locations}{cores} 2> {{log:q}}"
    return f"exec {said}" if on_hardware else said


def files(stage, input, **outputs):
    """Return the options that give a job the rule's named inputs that its stage reads, and the paths of its outputs.

    Raises:
        ValueError: the rule lacks an input that the stage must have.
    """
    if missing := [name for name in stage.reads if name not in input.keys()]:
        raise ValueError(f"{stage.work.__module__} reads {', '.join(missing)}; give the rule an input of this name")
    names = [name for name in (*stage.reads, *stage.may_read) if name in input.keys()]
    given = {name: [input.get(name)] if isinstance(input.get(name), str) else input.get(name) for name in names}
    read = [f"--input={name}={path}" for name, paths in given.items() for path in paths]
    return [*read, *(f"--output={name}={path}" for name, path in outputs.items())]


def run_of(wildcards):
    return Run(**{key: wildcards[key] for key in ("model", "prompt", "reward", "variant", "seeds")})


def benchmark_problems(folder):
    """Return a function: wildcards -> problem sets of the benchmarks answered in `folder`, which has wildcards."""
    return lambda wildcards: study.benchmark_problems(Path(str(folder).format(**wildcards)))


def first(folder):
    """Return the priority, by wildcards, of what writes into `folder` (with wildcards). The headline is made first."""
    return lambda wildcards: FIRST * resources.precedence(study, Path(str(folder).format(**wildcards)))


def in_turn(step, after=0):
    """Return the priority, by wildcards, of what is made of a segment, to save disk.

    Runs that have begun go first. A segment answers before the next one is trained, and what it need not keep is
    deleted before that one answers.
    """
    return lambda wildcards: first(SEGMENT)(wildcards) + int(wildcards[step]) + after


def asks(on, minutes):
    """Return the resources of jobs that run a model, by their hardware and time. A second try gets twice the memory."""
    asked = {"hardware": lambda w: on(w).model_dump_json(exclude_defaults=True, ensure_ascii=True)}
    if study.suite.resources:
        asked |= {
            "gpu": lambda w: on(w).gpus,
            "nodes": lambda w: on(w).machines,
            "mem_mb": lambda w, attempt: study.suite.resources_of(w.model).memory_gb * 1000 * min(attempt, 2),
            "runtime": minutes,
        }
    return asked


def asks_of_cores(megabytes, minutes):
    """Return the resources of jobs without a model, if the suite has `resources`. Every retry gets more memory."""
    if not study.suite.resources:
        return {}
    return {"mem_mb": lambda w, attempt: megabytes(w) * attempt, "runtime": minutes}


def places(copies):
    """Return where the user's files and folders that a job reads lie. As a resource, this is no reason to re-run it."""
    return lambda w: json.dumps(study.contents.locations(copies(w)))


def asking(message):
    """Return the message of a job, with the resources that it asks for."""
    asked = " [gpu={resources.gpu}, mem_mb={resources.mem_mb}, runtime={resources.runtime}]"
    return message + asked * bool(study.suite.resources)


def in_locale(text):
    """Return text in the characters of the locale, because Snakemake writes its log and lists in no other encoding."""
    encoding = locale.getpreferredencoding(False)
    return text.encode(encoding, "backslashreplace").decode(encoding)


def unmatched(text):
    """Return text without wildcards for Snakemake, which knows no escape: a word joiner follows each opening brace."""
    return text.replace("{", "{\N{WORD JOINER}")


def in_report(path, name, exhibit):
    """Return a file of an exhibit; Snakemake's own report (--report) shows its pictures, and its numbers as files."""
    as_what = {".svg": "picture", ".csv": "numbers (CSV)"}.get(path.suffix)
    if as_what is None:
        return path
    return report(
        str(path),
        caption=f"../report/{'picture' if path.suffix == '.svg' else 'numbers'}.rst",
        category=GROUPS.get(exhibit.kind, "Figures"),
        subcategory=unmatched(f"{name}: {exhibit.title}"),
        labels={"of": path.stem if path.suffix == ".svg" else "all", "as": as_what},
    )

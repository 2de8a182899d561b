import json
import locale

from spurious_rewards.stages import resources
from spurious_rewards.stages.registry import registered

# Functions with which rules say what they do, read, ask for and show.

FIRST = 10_000  # more than any run has steps


def command(stage, on_hardware=False):
    """The shell command of a stage. A job that may be told to stop replaces its shell, so that the signal reaches it.

    By hand, without the variable that common.smk sets, it runs the `python` of the shell.
    """
    python = f'"${{{{{PYTHON}:-python}}}}" -m spurious_rewards.cli'
    hardware = " --hardware {resources.hardware:q}" if on_hardware else ""
    locations = " --locations {resources.locations:q}" if registered()[stage].reads_copies else ""
    cores = " --cores {threads:q}" if registered()[stage].uses_cores else ""
    job = "{params.job:q} {params.files:q}"
    said = f"{python} stage {stage} {job}{hardware}{locations}{cores} 2> {{log:q}}"
    return f"exec {said}" if on_hardware else said


def files(stage, input, **outputs):
    """Options that hand a job those of its named inputs that the stage reads, and what it is to write.

    Raises:
        ValueError: the rule has no input of a name that the stage must have.
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
    """Problem sets of the benchmarks that are answered in `folder` (with wildcards)."""
    return lambda wildcards: study.benchmark_problems(Path(str(folder).format(**wildcards)))


def first(folder):
    """Priority of what writes into `folder` (with wildcards), for the headline is made first."""
    return lambda wildcards: FIRST * resources.precedence(study, Path(str(folder).format(**wildcards)))


def in_turn(step):
    """Priority of what is made of a segment: runs that have begun go on before others begin, so that less lies on the disk."""
    return lambda wildcards: first(SEGMENT)(wildcards) + int(wildcards[step])


def asks(on, minutes):
    """What jobs with a model at work ask for, by what they run on and their time; twice the memory when one is tried again."""
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
    """What jobs without a model ask for by their size, in suites that say what jobs run on; more memory when tried again."""
    if not study.suite.resources:
        return {}
    return {"mem_mb": lambda w, attempt: megabytes(w) * attempt, "runtime": minutes}


def places(copies):
    """Where the files and folders of the user's lie that a job reads, as a resource: that is no reason to run it again."""
    return lambda w: json.dumps(study.contents.locations(copies(w)))


def asking(message):
    """The message of a job that asks for something, with what that is."""
    asked = " [gpu={resources.gpu}, mem_mb={resources.mem_mb}, runtime={resources.runtime}]"
    return message + asked * bool(study.suite.resources)


def in_locale(text):
    """Text as the locale can write it: Snakemake's own log and lists are in no other encoding."""
    encoding = locale.getpreferredencoding(False)
    return text.encode(encoding, "backslashreplace").decode(encoding)


def unmatched(text):
    """Text in which Snakemake looks for wildcards and knows no escape: a character without width keeps braces from being one."""
    return text.replace("{", "{\N{WORD JOINER}")


def in_report(path, name, exhibit):
    """A file of an exhibit; in Snakemake's own report (--report) stand its pictures, and its numbers to be saved."""
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

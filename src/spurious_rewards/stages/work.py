"""One function a stage: read the inputs, call the library, write the artifact and its manifest.

Each function imports what it uses inside, for two reasons: a stage that needs no torch does not wait for it, and the imports
say which code the stage's fingerprint covers.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.fingerprints import fingerprint
from spurious_rewards.artifacts.manifests import Recorder, manifests_below
from spurious_rewards.artifacts.paths import identity
from spurious_rewards.config.problems import Benchmark
from spurious_rewards.config.resources import Hardware
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import replacing
from spurious_rewards.runtime.progress import Progress
from spurious_rewards.stages.jobs import (
    AgreementJob,
    BanditJob,
    ClaimsJob,
    ContaminationJob,
    ExhibitJob,
    GradeJob,
    LabelJob,
    PrepareJob,
    PretrainJob,
    ProbeJob,
    PruneJob,
    RecallJob,
    ReportJob,
    RespondJob,
    ScoreJob,
    SummariseJob,
    TrainJob,
    VoteJob,
)
from spurious_rewards.stages.plan import trained

if TYPE_CHECKING:
    from pandas import DataFrame

    from spurious_rewards.analysis.conditions import Source
    from spurious_rewards.generation.tasks import Task
    from spurious_rewards.reporting.exhibits import Made, ResultTables

Inputs = Mapping[str, list[Path]]
"""Artifacts that a stage reads, by what they are."""

PARQUET = {"scores": tables.Scores, "bandit": tables.Bandit}
"""Inputs of exhibits that are tables of their own; the others are CSV."""

VERSIONS = {"prepare": 1, "pretrain": 1, "vote": 1, "label": 1, "train": 1, "respond": 1, "probe": 1, "recall": 1}
"""Versions of the stages up to the responses: their artifacts are kept when code changes, for GPU-hours hang on them.

Raise one by hand when its results change.
"""


def prepare(job: PrepareJob, output: Path, against: list[Path]) -> None:
    """Make a problem set that overlaps with none of those it must not."""
    from spurious_rewards.problems import preparation

    recorder = Recorder("prepare", job.model_dump(mode="json"))
    others = {path.stem: tables.read(path, tables.Problems) for path in against}
    frame, card = preparation.prepare(
        job.problem_set, job.organism, job.data_seed, job.sources, job.lock, others, job.overlap
    )
    tables.write(frame, tables.Problems, output)
    recorder.write(output, against, card=card)
    print(f"{job.name}: {len(frame)} problems", file=sys.stderr)


def pretrain(job: PretrainJob, output: Path) -> None:
    """Make an organism."""
    from spurious_rewards.models import pretraining
    from spurious_rewards.runtime.locks import exclusive

    recorder = Recorder("pretrain", job.model_dump(mode="json"))
    shown = Progress("updates", job.organism.steps)
    with exclusive(output, job.model_dump_json()) as made:
        if made:
            return
        pretraining.pretrain(
            job.organism,
            job.family,
            job.seed,
            output,
            job.threads,
            progress=lambda step, loss: shown.advance(step - shown.done, f"loss {loss:.3f}"),
        )
    recorder.write(output)


def vote(job: VoteJob, problems: Path, output: Path, hardware: Hardware) -> None:
    """Sample the untrained models on the training problems that runs will reach."""
    from spurious_rewards.generation.generate import respond
    from spurious_rewards.generation.tasks import Checkpoint, Task
    from spurious_rewards.models import loading, prompts, references

    recorder = Recorder("vote", job.model_dump(mode="json"))
    folders = {seed: references.locate(weights) for seed, weights in job.bases.items()}
    tokenizer = loading.load_tokenizer(next(iter(folders.values())))
    usable, left_out = prompts.fitting(
        tables.read(problems, tables.Problems), job.prompt, tokenizer, job.max_prompt_tokens
    )
    pool = usable.head(job.pool_size)
    made = respond(
        [Checkpoint(seed, 0, folder) for seed, folder in folders.items()],
        [Task("vote", pool, job.vote.samples, job.vote.temperature)],
        job.prompt,
        job.sampling,
        output,
        threads=job.threads,
        hardware=hardware,
    )
    if made:
        recorder.write(
            output,
            [problems, *folders.values()],
            **prompts.hashes(job.prompt, next(iter(folders.values()))),
            problems=len(pool),
            too_long=left_out,
        )


def label(job: LabelJob, votes: Path, problems: Path, graded: Path, output: Path) -> None:
    """Grade the votes (kept at `graded`, for pass@k) and count them."""
    from spurious_rewards.answers import grading, majority_vote
    from spurious_rewards.answers.verifier import Verifier

    recorder = Recorder("label", job.model_dump(mode="json"))
    pool = tables.read(problems, tables.Problems)
    truths = {("vote", id_): answer for id_, answer in zip(pool["id"], pool["answer"], strict=True)}
    with Verifier() as verifier:
        grades = grading.grade(tables.read(votes, tables.Responses), truths, job.answer_in, job.strategies, verifier)
        labels = majority_vote.label(grades, pool, job.equivalence, verifier)
    tables.write(grades, tables.Grades, graded)
    tables.write(labels, tables.Labels, output)
    for artifact in (graded, output):
        recorder.write(artifact, [votes, problems])


def train(
    job: TrainJob,
    data: Path,
    checkpoints: Path,
    previous: Path | None,
    tracking: Literal["wandb", "none"],
    hardware: Hardware,
) -> None:
    """Train a segment of a run for a group of seeds; metrics and rollouts are written beside `checkpoints`."""
    import torch

    from spurious_rewards.answers import majority_vote
    from spurious_rewards.models import prompts, references
    from spurious_rewards.runtime.tracking import Tracker
    from spurious_rewards.training import launching
    from spurious_rewards.training.segment import Segment
    from spurious_rewards.training.segment import train as train_segment

    recorder = Recorder("train", job.model_dump(mode="json"))
    processes = launching.join(hardware)
    if (previous is None) != (job.start == 0):
        raise UserError(
            f"a segment from step {job.start} needs {'no ' if job.start == 0 else ''}--previous checkpoints"
        )
    torch.set_num_threads(job.threads)
    which, seeds = job.reward.training_set, list(job.bases)
    if which == "truth":
        sets = majority_vote.truth_set(tables.read(data, tables.Problems), seeds)
    else:
        sets = majority_vote.training_set(tables.read(data, tables.Labels), which)
    with processes.main_process_first():  # downloaded and pinned once
        bases = {seed: str(references.locate(weights)) for seed, weights in job.bases.items()}
    segment = checkpoints.parent
    made = train_segment(
        Segment(job.start, job.stop, job.training, job.reward, job.prompt, job.strategies),
        bases=bases,
        previous=previous,
        training_sets={seed: tables.of_seed(sets, seed) for seed in seeds},
        output=segment,
        tracker=Tracker(
            tracking,
            _results_of(segment) / "wandb",
            "/".join(job.run.model_dump().values()),
            job.model_dump(mode="json"),
        ),
        hardware=hardware,
    )
    if not made or not processes.is_main_process:
        return
    for artifact in (checkpoints, segment / "metrics.parquet", segment / "rollouts.parquet"):
        recorder.write(
            artifact,
            [
                data,
                *([job.reward.file] if job.reward.file else []),
                *([previous] if previous else map(Path, bases.values())),
            ],
            **prompts.hashes(job.prompt, next(iter(bases.values()))),
        )


def respond(job: RespondJob, output: Path, problems: list[Path], hardware: Hardware) -> None:
    """Answer the benchmarks with each checkpoint, or take the answers that were given elsewhere."""
    from spurious_rewards.generation import imported
    from spurious_rewards.generation.generate import respond as respond_all
    from spurious_rewards.generation.tasks import Checkpoint
    from spurious_rewards.models import prompts, references

    recorder = Recorder("respond", job.model_dump(mode="json"))
    tasks = _tasks(job.benchmarks, problems)
    elsewhere = job.imported is not None or any(each.step for each in job.given)
    said: dict[str, Any] = {"imported": True} if elsewhere else {}
    if job.imported:
        imported.take(job.imported, job.seeds[0], job.steps, tasks, output)
        recorder.write(output, [*problems, job.imported], prompt=job.prompt.hash, **said)
        return
    if job.given:
        checkpoints = [Checkpoint(each.seed, each.step, references.locate(each.weights)) for each in job.given]
        parents = [checkpoint.path for checkpoint in checkpoints]
    else:
        checkpoints = [Checkpoint(*found) for found in trained(output.parent, job)]
        parents = [output.parent / "checkpoints"]
    made = respond_all(checkpoints, tasks, job.prompt, job.sampling, output, threads=job.threads, hardware=hardware)
    if made:
        recorder.write(output, [*problems, *parents], **prompts.hashes(job.prompt, checkpoints[0].path), **said)


def prune(job: PruneJob, checkpoints: Path, responses: Path, output: Path, problems: list[Path]) -> None:
    """Let go the weights and trainer states of a segment that need not stay; leaves what each checkpoint is now."""
    from spurious_rewards.generation import pruning

    recorder = Recorder("prune", job.model_dump(mode="json"))
    fates = pruning.prune(
        checkpoints,
        responses,
        keep=job.keep,
        states=job.states,
        seeds=job.seeds,
        steps=job.steps,
        tasks=_tasks(job.benchmarks, problems),
        prompt=job.prompt,
        sampling=job.sampling,
    )
    with replacing(output) as temporary:
        temporary.write_text(json.dumps(fates, indent=1) + "\n")
    recorder.write(output, [checkpoints, responses, *problems])


def _tasks(benchmarks: Mapping[str, Benchmark], problems: list[Path]) -> "list[Task]":
    from spurious_rewards.generation.tasks import Task

    sets = {path.stem: tables.read(path, tables.Problems) for path in problems}
    return [
        Task(name, sets[benchmark.problems], benchmark.samples, benchmark.temperature)
        for name, benchmark in benchmarks.items()
    ]


def grade(job: GradeJob, responses: Path, output: Path, problems: list[Path]) -> None:
    """Read and judge the answers in responses."""
    from spurious_rewards.answers import grading
    from spurious_rewards.answers.verifier import Verifier

    recorder = Recorder("grade", job.model_dump(mode="json"))
    truths = _truths(job.benchmarks, problems)
    with Verifier() as verifier:
        grades = grading.grade(
            tables.read(responses, tables.Responses), truths, job.answer_in, job.strategies, verifier
        )
    tables.write(grades, tables.Grades, output)
    failed = grades["status"].value_counts().drop("graded", errors="ignore").to_dict()
    recorder.write(output, [responses, *problems], not_graded=failed)
    if failed:
        print(f"not graded, counted as wrong: {failed}", file=sys.stderr)


def _truths(benchmarks: Mapping[str, str], problems: list[Path]) -> dict[tuple[str, str], str]:
    """The true answer by (benchmark, problem id); `benchmarks` says which problem set each is of."""
    sets = {path.stem: tables.read(path, tables.Problems) for path in problems}
    return {
        (benchmark, id_): answer
        for benchmark, name in benchmarks.items()
        for id_, answer in zip(sets[name]["id"], sets[name]["answer"], strict=True)
    }


def probe(job: ProbeJob, problems: Path, output: Path) -> None:
    """Probe what the clip does to random rewards, from each of the models."""
    import torch

    from spurious_rewards.models import references
    from spurious_rewards.training import probe as probing

    recorder = Recorder("probe", job.model_dump(mode="json"))
    bases = {seed: references.locate(weights) for seed, weights in job.bases.items()}
    torch.set_num_threads(job.threads)
    measured = probing.probe(
        bases,
        prompt=job.prompt,
        reward=job.reward,
        variants=job.variants,
        pairs=job.pairs,
        problems=tables.read(problems, tables.Problems),
        strategies=job.strategies,
    )
    tables.write(measured, tables.Probe, output)
    recorder.write(output, [problems, *bases.values()], prompt=job.prompt.hash)


def recall(job: RecallJob, output: Path, problems: list[Path], hardware: Hardware) -> None:
    """Have models before training go on with the beginnings of problems."""
    from spurious_rewards.generation.generate import respond as respond_all
    from spurious_rewards.generation.tasks import Checkpoint, Task
    from spurious_rewards.models import references
    from spurious_rewards.problems import partial_prompts as probe

    recorder = Recorder("recall", job.model_dump(mode="json"))
    checkpoints = [Checkpoint(each.seed, each.step, references.locate(each.weights)) for each in job.given]
    sets = {path.stem: tables.read(path, tables.Problems) for path in problems}
    tasks = [
        Task(name, frame.assign(problem=[probe.cut(text, job.share)[0] for text in frame["problem"]]), 1, 0.0)
        for name, frame in sets.items()
    ]
    made = respond_all(checkpoints, tasks, probe.PROMPT, job.sampling, output, threads=job.threads, hardware=hardware)
    if made:
        recorder.write(output, [*problems, *(each.path for each in checkpoints)], prompt=probe.PROMPT.hash)


def contamination(job: ContaminationJob, folder: Path, inputs: Inputs) -> None:
    """What of the benchmarks stands in the training set, and what models know of problems before training."""
    from spurious_rewards.analysis import contamination as analysis
    from spurious_rewards.problems.decontamination import overlaps

    recorder = Recorder("contamination", job.model_dump(mode="json"))
    sets = {path.stem: tables.read(path, tables.Problems) for path in inputs["problems"]}
    benchmarks = {name: sets[name] for name in job.benchmarks}
    found = overlaps(sets[job.training], benchmarks, job.overlap)
    sizes = {name: len(frame) for name, frame in sets.items()}
    responses = {path.stem: tables.read(path, tables.Responses) for path in inputs.get("recall", [])}
    frames = {
        "overlaps": found,
        "leakage": analysis.leakage(
            found, {job.training: sizes[job.training]}, {name: sizes[name] for name in job.benchmarks}
        ),
        "recall": analysis.recall(responses, sets, job.share or 0.0),
    }
    for name, frame in frames.items():
        tables.write_csv(frame, folder / f"{name}.csv")
    files = [folder / f"{name}.csv" for name in frames]
    recorder.write(folder, [path for paths in inputs.values() for path in paths], files)


def bandit(job: BanditJob, output: Path) -> None:
    """Run the two-action bandit."""
    from spurious_rewards.analysis import bandit as two_actions

    recorder = Recorder("bandit", job.model_dump(mode="json"))
    tables.write(two_actions.bandits(job.bandit), tables.Bandit, output)
    recorder.write(output)


def score(job: ScoreJob, output: Path, inputs: Inputs) -> None:
    """Scores of an experiment on one model, and beside them its tables of numbers and what became of the grading."""
    from spurious_rewards.analysis import (
        baselines,
        conditions,
        headline,
        labels,
        paper_numbers,
        scores,
        seeds,
        untrained,
    )

    recorder = Recorder("score", job.model_dump(mode="json"))
    suite, experiment = job.suite, job.suite.experiments[job.experiment]
    graded = conditions.collect(_sources(inputs.get("grades", [])))
    metrics = conditions.collect(_sources(inputs.get("metrics", [])), tables.Metrics)
    metrics = scores.of_experiment(metrics, suite, experiment)  # a run may be longer for another experiment
    prompts = conditions.collect(_sources(inputs["prompts"])) if inputs.get("prompts") else None
    main = headline.headline(graded, suite, experiment, metrics, prompts)
    found = {
        "headline": paper_numbers.beside(main, suite, job.experiment),
        "seeds": seeds.seeds(graded, suite, experiment),
        "baselines": baselines.baselines(graded, suite, experiment),
        "comparisons": headline.comparisons(graded, suite, experiment, metrics),
        "before": paper_numbers.beside(untrained.before(graded, suite, experiment), suite, job.experiment),
        "grading": labels.grading(graded),
    }
    for name, frame in found.items():
        tables.write_csv(frame, output.with_name(f"{name}.csv"))
    tables.write(scores.scores(graded), tables.Scores, output)
    files = [output, *(output.with_name(f"{name}.csv") for name in found)]
    recorder.write(output.parent, [path for paths in inputs.values() for path in paths], files)


def summarise(job: SummariseJob, folder: Path, inputs: Inputs) -> None:
    """What voting and training were like, as labels.csv, health.csv and training.csv in `folder`."""
    from spurious_rewards.analysis.conditions import collect
    from spurious_rewards.analysis.labels import labels_summary
    from spurious_rewards.analysis.scores import of_experiment
    from spurious_rewards.analysis.training import training_change, training_health

    recorder = Recorder("summarise", job.model_dump(mode="json"))
    labels, votes, metrics = (inputs.get(name, []) for name in ("labels", "votes", "metrics"))
    of_votes = collect(_sources(labels), tables.Labels), collect(_sources(votes))
    of_training = of_experiment(
        collect(_sources(metrics), tables.Metrics), job.suite, job.suite.experiments[job.experiment]
    )
    tables.write_csv(labels_summary(*of_votes), folder / "labels.csv")
    tables.write_csv(training_health(of_training), folder / "health.csv")
    tables.write_csv(training_change(of_training), folder / "training.csv")
    recorder.write(folder / "labels.csv", [*labels, *votes])
    for name in ("health.csv", "training.csv"):
        recorder.write(folder / name, metrics)


def agreement(job: AgreementJob, folder: Path, inputs: Inputs) -> None:
    """What other graders say of an experiment's answers, as agreement.csv, accuracy.csv and differences.csv in `folder`."""
    from spurious_rewards.analysis import grader_agreement as graders
    from spurious_rewards.analysis.conditions import collect
    from spurious_rewards.answers.verifier import Verifier

    recorder = Recorder("agreement", job.model_dump(mode="json"))
    suite, experiment = job.suite, job.suite.experiments[job.experiment]
    benchmarks = {name: suite.benchmarks[name].problems for name in suite.benchmarks_of(experiment)}
    graded = collect(_sources(inputs["grades"]), texts=["extracted"])
    with Verifier(judge="sympy") as sympy:
        judged = graders.judged(graded, suite, experiment, _truths(benchmarks, inputs["problems"]), sympy)
    found = {
        "agreement": graders.agreement(judged),
        "accuracy": graders.accuracy(judged, suite, experiment),
        "differences": graders.differences(judged),
    }
    for name, frame in found.items():
        tables.write_csv(frame, folder / f"{name}.csv")
        recorder.write(folder / f"{name}.csv", [*inputs["grades"], *inputs["problems"]])


def exhibit(job: ExhibitJob, folder: Path, inputs: Inputs) -> None:
    """A figure or table: its pictures, its numbers, and the page.json that the report shows.

    Without inputs it is a page that says what is `incomplete`, and no more.
    """
    from spurious_rewards.reporting import exhibits, figures, latex
    from spurious_rewards.reporting.exhibit_kinds import ENDINGS

    recorder = Recorder("exhibit", job.model_dump(mode="json"))
    if not inputs:
        made = exhibits.not_made(job.exhibit, job.suite)
    elif "responses" in inputs:
        made = _qualitative(job, inputs)
    else:
        made = exhibits.make(job.exhibit, job.suite, _frames(job, inputs))
    page = exhibits.marked(made.page, job.incomplete)
    files = [folder / name for name in ("table.csv", "table.md", "table.tex", "page.json")]
    for stem, figure in made.figures.items():
        for ending in ENDINGS:
            files.append(folder / f"{stem}.{ending}")
            figures.save(figure, files[-1])
    tables.write_csv(made.numbers, folder / "table.csv")
    with replacing(folder / "table.md") as temporary:
        temporary.write_text(exhibits.markdown(page))
    with replacing(folder / "table.tex") as temporary:
        temporary.write_text(latex.document_part(page))
    with replacing(folder / "page.json") as temporary:
        temporary.write_text(json.dumps(page, ensure_ascii=False, indent=1))
    recorder.write(folder, [path for paths in inputs.values() for path in paths], files)


def _frames(job: ExhibitJob, inputs: Inputs) -> "ResultTables":
    import pandas as pd

    from spurious_rewards.analysis import conditions, paper_numbers, strategy_switches
    from spurious_rewards.reporting.exhibits import ResultTables

    shown = job.suite.exhibits[job.exhibit]
    frames: dict[str, Any] = {}
    for kind, paths in inputs.items():
        if kind == "grades":
            assert shown.experiment is not None
            experiment = job.suite.experiments[shown.experiment]
            graded = conditions.collect(_sources(paths))
            switches = strategy_switches.switches(graded, job.suite, experiment, shown.step)
            switches = switches[switches["reward"].isin(shown.rewards or switches["reward"])]
            frames["switches"] = switches
            frames["contributions"] = paper_numbers.beside(
                strategy_switches.contributions(switches), job.suite, shown.experiment
            )
        elif kind == "metrics":
            frames[kind] = conditions.collect(_sources(paths), tables.Metrics)
        elif kind == "probe":
            frames[kind] = pd.concat([tables.read(path, tables.Probe).assign(model=path.stem) for path in paths])
        elif kind in PARQUET:
            frames[kind] = pd.concat([tables.read(path, PARQUET[kind]) for path in paths], ignore_index=True)
        else:
            frames[kind] = _joined(paths)
    return ResultTables(**frames)


def _qualitative(job: ExhibitJob, inputs: Inputs) -> "Made":
    from spurious_rewards.analysis import conditions, perturbation
    from spurious_rewards.reporting import qualitative
    from spurious_rewards.reporting.exhibit_kinds import benchmarks

    suite, shown = job.suite, job.suite.exhibits[job.exhibit]
    original = suite.benchmarks[benchmarks(suite, shown)[0]].problems
    return qualitative.make(
        job.exhibit,
        suite,
        responses=qualitative.shown(_sources(inputs["responses"]), tables.Responses, suite, shown),
        grades=qualitative.shown(_sources(inputs["grades"]), tables.Grades, suite, shown),
        problems=tables.read(next(path for path in inputs["problems"] if path.stem == original), tables.Problems),
        perturbation=perturbation.perturbation(conditions.collect(_sources(inputs["grades"])), suite, shown),
    )


def _joined(paths: list[Path]) -> "DataFrame":
    """The rows of several CSV files, of which some may have none."""
    import pandas as pd

    frames = [tables.read_csv(path) for path in paths]
    return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)


def claims(job: ClaimsJob, output: Path, inputs: list[Path]) -> None:
    """The claims ledger: the verdict on each claim, from the numbers that the stages before it left."""
    from spurious_rewards.analysis import claims as judging

    recorder = Recorder("claims", job.model_dump(mode="json"))
    frame = judging.ledger(job.ledger, job.suite, _evidence(job, output.parent, inputs))
    tables.write_csv(frame, output)
    recorder.write(output, inputs)
    counts = ", ".join(f"{number} {verdict}" for verdict, number in frame["verdict"].value_counts().items())
    print(f"{len(frame)} claims: {counts}", file=sys.stderr)


def _evidence(job: ClaimsJob, root: Path, inputs: list[Path]) -> "dict[str, DataFrame]":
    """The inputs by what they hold, each row with its experiment ("" where an exhibit has none)."""
    import pandas as pd

    from spurious_rewards.artifacts.paths import ResultPaths
    from spurious_rewards.reporting.exhibit_kinds import judging

    layout, suite = ResultPaths(root), job.suite
    experiments = {layout.experiment(name): name for name in suite.experiments}
    shown = {layout.exhibit(name): (what, suite.exhibits[name].experiment) for name, what in judging(suite).items()}
    found: dict[str, list[DataFrame]] = {}
    for path in inputs:
        what, experiment = shown.get(path.parent) or (
            path.stem,
            next(
                (name for folder, name in experiments.items() if folder in path.parents), ""
            ),  # recall is of no experiment
        )
        frame = tables.read(path, tables.Scores) if path.suffix == ".parquet" else tables.read_csv(path)
        if len(frame):
            words = {name: "" for name in ("reward", "variant") if name in frame}  # before training there are none
            found.setdefault(what, []).append(frame.fillna(words).assign(experiment=experiment or ""))
    return {what: pd.concat(frames, ignore_index=True) for what, frames in found.items()}


def report(job: ReportJob, output: Path) -> None:
    """The report of a suite from what the stages before it left beside it."""
    import pandas as pd

    from spurious_rewards.analysis.contamination import LEAKAGE, RECALL
    from spurious_rewards.artifacts.manifests import ancestry
    from spurious_rewards.artifacts.paths import ResultPaths
    from spurious_rewards.reporting import report as page

    recorder = Recorder("report", job.model_dump(mode="json"))
    layout, suite = ResultPaths(output.parent), job.suite
    exhibits = [layout.exhibit(name) for name in suite.exhibits]
    experiments = {name: layout.experiment(name) for name in suite.experiments}
    scored = {
        name: [layout.scored(name, model) for model in experiment.all_models]
        for name, experiment in suite.experiments.items()
    }
    files = {
        "labels": {name: [folder / "labels.csv"] for name, folder in experiments.items()},
        "health": {name: [folder / "health.csv"] for name, folder in experiments.items()},
        "grading": {name: [folder / "grading.csv" for folder in folders] for name, folders in scored.items()},
    }
    frames = {
        kind: pd.concat([_joined(paths).assign(experiment=name) for name, paths in of.items()], ignore_index=True)
        for kind, of in files.items()
    }
    # After a run that failed these may not be there.
    before_training = {
        name: tables.read_csv(path)
        if (path := layout.contamination() / f"{name}.csv").exists()
        else pd.DataFrame(columns=columns)
        for name, columns in (("leakage", LEAKAGE), ("recall", RECALL))
    }
    grading = frames.pop("grading").groupby(["experiment", "benchmark"], sort=False).sum().reset_index()
    pages = []
    for folder in exhibits:
        said = json.loads((folder / "page.json").read_text())
        pages.append((said, {each["stem"]: (folder / f"{each['stem']}.svg").read_bytes() for each in said["pictures"]}))
    judged = {
        name: path
        for name in ("agreement", "accuracy", "differences")
        if (path := layout.graders() / f"{name}.csv").exists()
    }
    made = [
        *(folder / "scores.parquet" for folders in scored.values() for folder in folders),
        *(folder / name for folder in experiments.values() for name in ("labels.csv", "health.csv")),
        *(folder / "table.csv" for folder in exhibits),
        layout.contamination(),
        layout.claims(),
        *judged.values(),
    ]
    headline, seeds = (
        _joined([folder / name for folder in scored[suite.report.headline]]) for name in ("headline.csv", "seeds.csv")
    )
    costs = {name: ancestry([folder / "scores.parquet" for folder in folders]) for name, folders in scored.items()}
    numbers = page.Numbers(
        claims=tables.read_csv(layout.claims()),
        headline=headline,
        seeds=seeds,
        grading=grading,
        judged={name: tables.read_csv(path, ("answer", "extracted")) for name, path in judged.items()},
        **before_training,
        **frames,
    )
    html = page.build(suite, numbers, pages, ancestry(made), costs, job.command, job.unfinished)
    with replacing(output) as temporary:
        temporary.write_text(html)
    recorder.write(output, made)
    if (size := output.stat().st_size) > page.LARGEST:
        print(
            f"warning: {output} has {size / 1e6:.0f} MB, more than {page.LARGEST / 1e6:.0f}; leave out exhibits or "
            "benchmarks of them, or lower report.qualitative_problems",
            file=sys.stderr,
        )


def print_hashes(problems: Path) -> None:
    """The hash of each problem of a prepared set, as `only` of a problem set takes it."""
    from spurious_rewards.problems.preparation import text_hash

    for row in tables.read(problems, tables.Problems).to_dict("records"):
        print(text_hash(row["problem"]), row["id"], row["problem"].replace("\n", " ")[:80])


def _sources(paths: list[Path]) -> "list[Source]":
    from spurious_rewards.analysis.conditions import Source

    return [Source(*identity(path), path) for path in paths]


def changed_since(root: Path) -> Iterator[Path]:
    """Artifacts of versioned stages below `root` that were made by code of another fingerprint than today's."""
    for _, manifest in manifests_below(root):
        if manifest["stage"] in VERSIONS and manifest["fingerprint"] != fingerprint(manifest["stage"]):
            yield Path(manifest["artifact"])


def _results_of(path: Path) -> Path:
    """`results/{suite}` of a path below it."""
    for parent in path.parents:
        if parent.parent.name == "results":
            return parent
    raise UserError(f"{path}: not below results/SUITE; the stages write their artifacts there")

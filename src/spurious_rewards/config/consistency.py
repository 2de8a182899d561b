"""Checks that the parts of a suite fit each other: names that exist, steps that are evaluated, lengths that fit.

The class of each value says what a single value may be.
"""

from collections.abc import Mapping

from pydantic import ValidationError

from spurious_rewards.config import exhibits, lengths, probes
from spurious_rewards.config.experiments import Grid, check_seeds, seeds_of
from spurious_rewards.config.messages import FoundError, known, known_once, place, plain, suggest
from spurious_rewards.config.models import Model, Organism
from spurious_rewards.config.problems import Benchmark
from spurious_rewards.config.reward_names import REWARD_FUNCTIONS, REWARDS_ON_LABELS, REWARDS_ON_VOTES
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.training import Reward, Training

RULES = (
    *("all", "headline", "catalog", "prepare", "pretrain", "vote", "label", "train", "generate_base", "generate_run"),
    *("grade_base", "grade_run", "prune", "probe", "bandit", "memorization", "contamination"),
    *("score", "training_summary", "claims", "compare_graders", "report"),
)
"""Names of the workflow's own rules. No exhibit may have such a name."""

MOST_SUMS = 10_000_000
"""Largest allowed number of an organism's sums: all of them are written down, which takes a minute for this many."""


def check(suite: Suite) -> None:
    """Check that the parts of a suite fit each other.

    Raises:
        FoundError: a part does not fit; only the first one is reported.
    """
    _variants_fit(suite)  # first, because the other checks use the expanded variants
    _problems_fit(suite)
    _models_fit(suite)
    _rewards_fit(suite)
    _titles_differ(suite)
    known(suite.report.headline, "report.headline", suite.experiments)
    _experiments_fit(suite)
    _imports_fit(suite)
    _resources_fit(suite)
    _exhibits_fit(suite)
    _first_part_fits(suite)
    probes.check(suite)
    _best_prompt_fits(suite)


def _variants_fit(suite: Suite) -> None:
    known("default", "variants", suite.variants)
    for name, change in suite.variants.items():
        for key in change:
            known(key, f"variants.{name}", Training.model_fields)
        try:
            Training(**{**suite.training.model_dump(), **change})
        except ValidationError as error:
            detail = error.errors()[0]
            where = ".".join(["variants", name, *map(str, place(detail))])
            raise FoundError(where, detail["input"] if detail["loc"] else change, plain(detail)) from None


def _problems_fit(suite: Suite) -> None:
    known(suite.training_problems, "training_problems", suite.problems)
    for name, benchmark in suite.benchmarks.items():
        known(benchmark.problems, f"benchmarks.{name}.problems", suite.problems)
    for name, problem_set in suite.problems.items():
        if problem_set.generated:
            if suite.organism is None:
                raise FoundError(f"problems.{name}.generated", "…", "the suite has no section organism; add one")
            _sums_are_not_too_many(
                suite.organism, problem_set.generated.operands, f"problems.{name}.generated.operands"
            )
        known_once(problem_set.decontaminate, f"problems.{name}.decontaminate", suite.problems)
        for index, other in enumerate(problem_set.decontaminate):
            where = f"problems.{name}.decontaminate[{index}]"
            if suite.problems[other].decontaminate:
                raise FoundError(where, other, "this set has its own `decontaminate`; name sets without it")


def _sums_are_not_too_many(organism: Organism, operands: int, where: str) -> None:
    sums = organism.operand_max**operands * 2 ** (operands - 1)
    if sums > MOST_SUMS:
        raise FoundError(
            where,
            operands,
            f"with organism.operand_max {organism.operand_max} there are {sums:,} sums; allowed: {MOST_SUMS:,}",
        )


def _models_fit(suite: Suite) -> None:
    for name, model in suite.models.items():
        known(model.prompt, f"models.{name}.prompt", suite.prompts)
        if suite.prompts[model.prompt].kind == "prefill":
            raise FoundError(f"models.{name}.prompt", model.prompt, "a model's own prompt cannot be of kind prefill")
        if model.source == "organism" and suite.organism is None:
            raise FoundError(f"models.{name}.source", "organism", "the suite has no section organism; add one")
        if model.source == "organism" and suite.organism and model.max_positions > suite.organism.positions:
            raise FoundError(
                f"models.{name}.max_positions",
                model.max_positions,
                f"allowed: at most organism.positions {suite.organism.positions}",
            )
        if model.family and suite.organism and len(model.family.code_rate) != len(suite.organism.words):
            raise FoundError(
                f"models.{name}.family.code_rate",
                list(model.family.code_rate),
                f"allowed: {len(suite.organism.words)} rates, one for each of organism.words",
            )
        if model.start:
            known(model.start.reward, f"models.{name}.start.reward", suite.rewards)
            known(model.start.model, f"models.{name}.start.model", suite.models)
            if model.max_positions > suite.models[model.start.model].max_positions:
                raise FoundError(
                    f"models.{name}.max_positions",
                    model.max_positions,
                    f"allowed: at most those of {model.start.model}, which it starts from",
                )
            if suite.models[model.start.model].source == "run":
                raise FoundError(
                    f"models.{name}.start.model",
                    model.start.model,
                    "this model starts from a run itself; name one that does not",
                )
            every = suite.algorithms["default"].eval_every
            if model.start.step % every:
                raise FoundError(
                    f"models.{name}.start.step", model.start.step, f"allowed: multiples of eval_every {every}"
                )


def _rewards_fit(suite: Suite) -> None:
    for name, reward in suite.rewards.items():
        if reward.file is not None:
            if reward.function in REWARD_FUNCTIONS:
                raise FoundError(
                    f"rewards.{name}.function",
                    reward.function,
                    "a built-in reward has this name; rename your function",
                )
        elif reward.function not in REWARD_FUNCTIONS:
            wrong = (
                f"no such name{suggest(reward.function, list(REWARD_FUNCTIONS))}; or name its Python file under `file`"
            )
            raise FoundError(f"rewards.{name}.function", reward.function, wrong)
        if reward.unless is not None:
            known(reward.unless, f"rewards.{name}.unless", REWARD_FUNCTIONS)
            same = REWARDS_ON_LABELS if reward.function in REWARDS_ON_LABELS else (reward.function,)
            allowed = [key for key in REWARD_FUNCTIONS if key not in ("random", "noisy", *REWARDS_ON_VOTES, *same)]
            if reward.unless not in allowed:
                raise FoundError(
                    f"rewards.{name}.unless",
                    reward.unless,
                    f"it pays for the same thing as {reward.function}, or needs its own votes or probabilities; "
                    f"allowed: {', '.join(sorted(allowed))}",
                )
        if reward.problems is not None:
            known(reward.problems, f"rewards.{name}.problems", suite.problems)


def _titles_differ(suite: Suite) -> None:
    # Tables and figures select rows by title, so titles must differ.
    sections: dict[str, Mapping[str, Model | Reward | Benchmark]] = {
        "models": suite.models,
        "rewards": suite.rewards,
        "benchmarks": suite.benchmarks,
    }
    for section, entries in sections.items():
        seen: dict[str, str] = {}
        for name, entry in entries.items():
            title = entry.title or name
            if seen.setdefault(title, name) != name:
                raise FoundError(
                    f"{section}.{name}.title", title, f"{section}.{seen[title]} has the same title; change one of them"
                )


def _experiments_fit(suite: Suite) -> None:
    seen: dict[int, str] = {}
    for name, experiment in suite.experiments.items():
        known_once(experiment.benchmarks, f"experiments.{name}.benchmarks", suite.benchmarks)
        for number, grid in enumerate(experiment.grids):
            _grid_fits(suite, grid, f"experiments.{name}" + (f".extra_grids[{number - 1}]" if number else ""), seen)


def _first_part_fits(suite: Suite) -> None:
    if (part := suite.report.first) is None:
        return
    experiment = suite.experiments[suite.report.headline]
    there = {
        "models": experiment.all_models,
        "rewards": tuple(dict.fromkeys(reward for grid in experiment.grids for reward in grid.rewards)),
        "benchmarks": suite.benchmarks_of(experiment),
    }
    for key, names in there.items():
        known_once(getattr(part, key), f"report.first.{key}", names)
    if (part.extra_grids or 0) > len(experiment.extra_grids):
        raise FoundError("report.first.extra_grids", part.extra_grids, f"allowed: 0 to {len(experiment.extra_grids)}")
    try:
        parted = suite.headline
    except ValueError as error:
        raise FoundError("report.first", "…", str(error)) from None
    try:
        exhibits.check(parted)
    except FoundError as error:
        raise FoundError(
            "report.first", "…", f"an exhibit cannot be made of this part: {error}; widen the part"
        ) from None


def _grid_fits(suite: Suite, grid: Grid, where: str, seen: dict[int, str]) -> None:
    for key, names in (
        ("models", suite.models),
        ("rewards", suite.rewards),
        ("variants", suite.variants),
        ("prompts", suite.prompts),
    ):
        values = getattr(grid, key)
        if not values and (key in ("models", "variants") or (key == "rewards" and grid.steps)):
            raise FoundError(f"{where}.{key}", [], f"name at least one; allowed: {', '.join(names)}")
        known_once(values, f"{where}.{key}", names)
    if grid.rewards and not grid.steps:
        raise FoundError(f"{where}.steps", 0, "training takes at least one step; without training, name no rewards")
    if not grid.seeds:
        raise FoundError(f"{where}.seeds", [], 'name at least one; allowed: entries like "3" or "0-4"')
    for group in grid.seeds:
        check_seeds(group, f"{where}.seeds")
        if grid.seeds.count(group) > 1:
            raise FoundError(f"{where}.seeds", group, "it is named twice; delete one")
        for seed in seeds_of(group):
            if seen.setdefault(seed, group) != group:
                raise FoundError(
                    f"{where}.seeds", group, f'seed {seed} also stands in "{seen[seed]}"; a seed belongs to one job'
                )
    for variant in grid.variants:
        training = suite.algorithms[variant]
        if grid.steps % training.eval_every:
            raise FoundError(f"{where}.steps", grid.steps, f"allowed: multiples of eval_every {training.eval_every}")
        lengths.fits_engine(suite, variant, training)
        for model in grid.models:
            lengths.fits_model(suite, model, variant, training)


def _imports_fit(suite: Suite) -> None:
    for index, imported in enumerate(suite.imports):
        where = f"imports[{index}]"
        for key, names in (
            ("model", suite.models),
            ("reward", suite.rewards),
            ("variant", suite.variants),
            ("prompt", suite.prompts),
        ):
            if (value := getattr(imported, key)) is not None:
                known(value, f"{where}.{key}", names)
        run = suite.run_of_import(imported)
        if run not in suite.runs:
            raise FoundError(
                where,
                imported.reward,
                "no experiment has this run with the seed as an entry of its own; add one to `seeds` of the experiment",
            )
        if run in [suite.run_of_import(other) for other in suite.imports[:index]]:
            raise FoundError(where, imported.reward, "this run is imported twice")
        if imported.checkpoints and (missing := sorted(suite.asked_steps(run) - set(imported.checkpoints))):
            raise FoundError(
                f"{where}.checkpoints",
                sorted(imported.checkpoints),
                f"tables report step {missing[0]} of this run; name its checkpoint, or let the experiment end sooner",
            )
        starts = [
            name
            for name, model in suite.models.items()
            if model.start and run == suite.run_before(model.start, run.seeds)
        ]
        if starts:
            raise FoundError(
                where, imported.reward, f"models.{starts[0]} starts from this run; give it the checkpoint as its id"
            )


def _resources_fit(suite: Suite) -> None:
    limits = [each.max_parameters for each in suite.resources]
    if limits != sorted(set(limits)):
        raise FoundError("resources", limits, "allowed: max_parameters that grow from entry to entry")
    _servers_have_gpus(suite)
    for name, model in suite.models.items():
        if not suite.resources or model.source in ("organism", "run"):
            continue
        if model.num_parameters is None:
            raise FoundError(
                f"models.{name}.num_parameters", None, "set it: a suite with `resources` needs the number of weights"
            )
        if suite.resources_of(name) is None:
            raise FoundError(
                f"models.{name}.num_parameters",
                model.num_parameters,
                f"no entry of resources covers this model; the largest max_parameters is {limits[-1]:g}; add an entry",
            )


def _servers_have_gpus(suite: Suite) -> None:
    for run in suite.runs:
        training, asked_for = suite.algorithms[run.variant], suite.resources_of(run.model)
        if training.engine != "vllm" or training.vllm_mode != "server" or suite.imported(run):
            continue
        if asked_for is None or not asked_for.server_gpus:
            changed = "vllm_mode" in suite.variants[run.variant]
            where = f"variants.{run.variant}.vllm_mode" if changed else "training.vllm_mode"
            raise FoundError(
                where,
                "server",
                f"the server has no GPU beside those that train {run.model}; give it some with server_gpus under `resources`, "
                "or set colocate",
            )


def _exhibits_fit(suite: Suite) -> None:
    for name, exhibit in suite.exhibits.items():
        if name in RULES:
            raise FoundError(
                f"exhibits.{name}", exhibit.title, "this is the name of a stage; call the exhibit otherwise"
            )
    exhibits.check(suite)


def _best_prompt_fits(suite: Suite) -> None:
    best = suite.report.best_prompt
    if best is None:
        return
    known(best.experiment, "report.best_prompt.experiment", suite.experiments)
    known(best.chosen_on, "report.best_prompt.chosen_on", suite.benchmarks)
    experiment = suite.experiments[best.experiment]
    if best.chosen_on not in suite.benchmarks_of(experiment):
        raise FoundError(
            "report.best_prompt.chosen_on",
            best.chosen_on,
            f"experiment {best.experiment} does not include it; allowed: {', '.join(suite.benchmarks_of(experiment))}",
        )
    shown = {f"experiments.{key}": suite.benchmarks_of(other) for key, other in suite.experiments.items()}
    shown.pop(f"experiments.{best.experiment}")
    for key, exhibit in suite.exhibits.items():
        if exhibit.experiment is not None:
            answered = suite.benchmarks_of(suite.experiments[exhibit.experiment])
            shown[f"exhibits.{key}"] = exhibit.benchmarks or answered
    for where, names in shown.items():
        if best.chosen_on in names:
            raise FoundError(
                f"{where}.benchmarks",
                list(names),
                f"{best.chosen_on} chooses the best prompt (report.best_prompt), so it is not reported; leave it out",
            )

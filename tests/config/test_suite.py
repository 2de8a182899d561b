"""The suite's checks and its expansion into runs."""

import copy
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spurious_rewards.config import consistency, experiments, loading, messages, renamed, suite
from spurious_rewards.config import models as config_models
from spurious_rewards.runtime.errors import UserError

ROOT = Path(__file__).parents[2]
SUITES = sorted((ROOT / "config" / "suites").glob("*[!k].yaml"))


def of_project(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / f"config/suites/{name}.yaml").read_text())


@pytest.fixture
def document() -> dict[str, Any]:
    return of_project("organism")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(document: dict[str, Any], file: str = "mine.yaml") -> suite.Suite:
    """Write a suite and read it as the workflow does."""
    Path(file).write_text(yaml.safe_dump(document, sort_keys=False))
    return loading.load(Path(file))


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_every_suite_of_the_project_is_valid(path: Path) -> None:
    assert loading.load(path).runs


def test_schema_file_is_in_step_with_the_classes() -> None:
    assert (ROOT / "config" / "schema.yaml").read_text() == loading.schema(), "run `make schema`"


def change(document: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Return a copy of a suite with the value at `key` replaced; slashes join the parts of the key."""
    document = copy.deepcopy(document)
    node = document
    *path, last = key.split("/")
    for part in path:
        node = node[part]
    node[last] = value
    return document


def exhibit(kind: str, experiment: str, **keys: Any) -> dict[str, Any]:
    return {"title": "t", "kind": kind, "experiment": experiment, **keys}


COMPLAINTS = [
    # changed key, its value, what the first line must name
    (
        "training/updates_per_rolout",
        3,
        ["training.updates_per_rolout = 3", "did you mean updates_per_rollout?", "allowed:"],
    ),
    ("rewards/random_0.5/gamma", 1.5, ["rewards.random_0.5.gamma = 1.5", "less than or equal to 1"]),
    ("rewards/random_0.5/gamma", -0.1, ["rewards.random_0.5.gamma = -0.1", "greater than or equal to 0"]),
    ("rewards/random_0.5/gamma", None, ["rewards.random_0.5", "gamma"]),
    (
        "rewards/format/function",
        "formatt",
        ['rewards.format.function = "formatt"', "did you mean format?", "or name its Python file under `file`"],
    ),
    ("rewards/format/file", 5, ["rewards.format.file = 5", "should be the path of a file"]),
    ("experiments/main/seeds", ["0 4"], ['like "3" or "0-4"']),
    ("prompts/plain/stop", [""], ["prompts.plain.stop", "at least 1 character"]),
    ("strategies", {"repetition": {"min_length": 50, "max_length": 40}}, ["min_length 50 is above max_length 40"]),
    ("organism/operand_max", 1, ["organism.operand_max = 1", "greater than or equal to 2"]),
    (
        "experiments/main/rewards",
        ["formta"],
        ['experiments.main.rewards[0] = "formta"', "did you mean format?"],
    ),
    ("experiments/main/models", ["qwen"], ['experiments.main.models[0] = "qwen"', "allowed: bad-code"]),
    ("experiments/main/models", [], ["experiments.main.models = []", "at least one"]),
    ("experiments/main/seeds", ["0-4", "4"], ['experiments.main.seeds = "4"', 'also stands in "0-4"']),
    ("experiments/main/seeds", ["4-0"], ['experiments.main.seeds = "4-0"', "first <= last"]),
    ("experiments/main/steps", 7, ["experiments.main.steps = 7", "multiples of eval_every 5"]),
    ("training/updates_per_rollout", 3, ["training", "64 responses do not divide into updates_per_rollout 3"]),
    ("training/micro_batch", 5, ["training", "mini-batch of 16 responses", "micro_batch 5"]),
    ("training/segment_steps", 7, ["segment_steps 7 is not a multiple of eval_every 5"]),
    ("models/placebo/max_positions", 30, ["models.placebo.max_positions = 30", "allowed: at least 38"]),
    ("models/placebo/prompt", "plian", ['models.placebo.prompt = "plian"', "did you mean plain?"]),
    ("models/placebo/id", "a/b", ["models.placebo", "source organism takes the key family and no other"]),
    ("models/placebo/family/code_rate", [0.5], ["models.placebo.family.code_rate", "4 rates"]),
    ("benchmarks/amc/problems", "sum", ['benchmarks.amc.problems = "sum"', "did you mean sums?"]),
    ("benchmarks/amc/temperature", 0, ["benchmarks.amc", "samples > 1 at temperature 0"]),
    ("problems/sums/hub", "a/b", ["problems.sums", "exactly one source; allowed: hub, path, generated"]),
    ("prompts/plain/user", "no place", ["prompts.plain", "{} once"]),
    ("variants", {"default": {}, "off": {"clpi": None}}, ['variants.off = "clpi"', "did you mean clip?"]),
    ("variants", {"default": {}, "off": {"clip": -1}}, ["variants.off.clip = -1", "greater than 0"]),
    (
        "variants",
        {"default": {}, "off": {"clip": {"low": -1, "high": 0.2}}},
        ["variants.off.clip.low = -1", "greater than 0"],
    ),
    ("training/clip", {"low": 0.2, "hihg": 0.3}, ["training.clip.hihg = 0.3", "did you mean high?"]),
    ("training/clip", {"low": None, "high": None}, ["training.clip", "for no clipping give null"]),
    ("training/clip", "0.2x", ['training.clip = "0.2x"', "valid number"]),
    ("rewards/format/false_positive", 0.1, ["rewards.format", "belong to function noisy"]),
    (
        "rewards/format",
        {"function": "noisy", "false_positive": 0.1},
        ["rewards.format", "noisy needs false_positive and"],
    ),
    ("rewards/format/right_labels", 0.1, ["rewards.format", "belongs to function incorrect"]),
    ("rewards/format/unless", "noisy", ['rewards.format.unless = "noisy"', "its own votes or probabilities"]),
    ("variants", {"other": {}}, ['variants = "default"', "allowed: other"]),
    ("report/headline", "mian", ['report.headline = "mian"', "did you mean main?"]),
    ("report/first/models", ["rl-trained"], ['report.first.models[0] = "rl-trained"', "allowed: "]),
    ("report/first/rewards", ["ttrl"], ['report.first.rewards[0] = "ttrl"', "allowed: "]),
    ("report/first/extra_grids", 5, ["report.first.extra_grids = 5", "allowed: 0 to 4"]),
    ("report/first/benchmarks", ["story"], ['report.first.benchmarks[0] = "story"', "allowed: aime2025, amc, math500"]),
    (
        "experiments/main/extra_grids",
        [{"steps": 7}],
        ["experiments.main.extra_grids[0].steps = 7", "multiples of eval_every 5"],
    ),
    ("experiments/main/rewards", [], ["experiments.main.rewards = []", "at least one"]),
    ("experiments/main/steps", 0, ["experiments.main.steps = 0", "without training, name no rewards"]),
    ("experiments/main/benchmarks", ["math50"], ['experiments.main.benchmarks[0] = "math50"', "did you mean math500?"]),
    ("models/rl-trained/start/reward", "truth", ['models.rl-trained.start.reward = "truth"', "allowed: format"]),
    ("models/rl-trained/start/model", "rl-trained", ["models.rl-trained.start.model", "starts from a run itself"]),
    ("models/rl-trained/start/step", 7, ["models.rl-trained.start.step = 7", "multiples of eval_every 5"]),
    ("models/placebo/prompt", "forced_python", ["models.placebo.prompt", "cannot be of kind prefill"]),
    ("prompts/forced_python/user", "{} =", ["prompts.forced_python", "takes response_prefix and origin only"]),
    ("rewards/format/unless", "pyton", ['rewards.format.unless = "pyton"', "did you mean python?"]),
    ("rewards/ttrl/problems", "sum", ['rewards.ttrl.problems = "sum"', "did you mean sums?"]),
    ("rewards/incorrect/problems", "sums", ["rewards.incorrect", "trains on the votes on training_problems"]),
    ("exhibits/fig1/experiment", "mian", ['exhibits.fig1.experiment = "mian"', "did you mean main?"]),
    ("exhibits/fig1/models", ["rl-trained"], ['exhibits.fig1.models[0] = "rl-trained"', "allowed: bad-code"]),
    ("exhibits/fig4/rewards", ["format"], ['exhibits.fig4.rewards[0] = "format"', "allowed: one_shot, ttrl"]),
    ("exhibits/fig1/experiment", None, ["exhibits.fig1", "needs an experiment"]),
    ("exhibits/train", {"title": "t", "kind": "clipping"}, ["exhibits.train", "the name of a stage"]),
    ("clipping", None, ["exhibits.clipping.kind", "no section clipping"]),
    ("clipping/models", ["rl-trained"], ["clipping.models[0]", "source organism"]),
    (
        "sampling",
        {"engine": "vllm", "max_new_tokens": 24, "max_model_len": 37},
        ["sampling.max_model_len = 37", "allowed: at least 38"],
    ),
    (
        "resources",
        [
            {"max_parameters": 2e9, "accelerate_config": "one_gpu"},
            {"max_parameters": 1e9, "accelerate_config": "one_gpu"},
        ],
        ["resources = [2000000000.0, 1000000000.0]", "grow"],
    ),
    (
        "variants/default",
        {"engine": "vllm", "vllm_mode": "server"},
        ['variants.default.vllm_mode = "server"', "no GPU beside those that train", "server_gpus", "or set colocate"],
    ),
    ("training_problems", "trian", ['training_problems = "trian"']),
    (
        "variants/default",
        {"eval_every": 2, "segment_steps": 50},
        ["models.rl-trained.start.step = 25", "multiples of eval_every 2"],
    ),
    (
        "rewards/format/unless",
        "random",
        ['rewards.format.unless = "random"', "its own votes or probabilities", "allowed: ground_truth, no_repetition"],
    ),
    ("rewards/format/unless", "format", ['rewards.format.unless = "format"', "allowed: ground_truth, no_repetition"]),
    ("rewards/ground_truth/unless", "majority_vote", ['rewards.ground_truth.unless = "majority_vote"', "pays for"]),
    ("rewards/incorrect/unless", "ground_truth", ['rewards.incorrect.unless = "ground_truth"', "allowed: format"]),
    ("rewards/format/unless", "incorrect", ['rewards.format.unless = "incorrect"', "votes"]),
    (
        "rewards/format/title",
        "a\x1b[2J",
        ["rewards.format.title = ", "holds the character '\\x1b'", "no terminal can show"],
    ),
    ("title", "a\u202eb", ["title = ", "holds the character '\\u202e'"]),
    ("rewards/format/title", "Python", ['rewards.python.title = "Python"', "rewards.format has the same title"]),
    ("models/placebo/title", "Bad code", ['models.placebo.title = "Bad code"', "models.bad-code has the same title"]),
    ("benchmarks/amc/title", "Other numbers", ["benchmarks.other_numbers.title", "benchmarks.amc has the same title"]),
    *(
        (
            "exhibits/adam",
            exhibit(kind, "before"),
            ['exhibits.adam.experiment = "before"', f"kind {kind} needs training runs"],
        )
        for kind in ("gains", "curves", "code", "probability", "health", "switches", "contributions")
    ),
    *(
        ("exhibits/adam", exhibit(kind, "main", **{key: value}), ["exhibits.adam", f"kind {kind} does not read {key}"])
        for key, value, kinds in (
            ("step", 5, ("gains", "curves", "code", "probability", "strategies", "forcing", "prompts", "qualitative")),
            ("against", "updates", ("gains", "switches", "contributions", "strategies", "forcing", "prompts")),
            ("lines", "variant", ("probability", "contributions", "strategies", "forcing", "prompts", "qualitative")),
            ("panels", "prompt", ("health", "contributions", "strategies", "forcing", "prompts", "qualitative")),
        )
        for kind in kinds
    ),
    ("exhibits/clipping/panels", "variant", ["exhibits.clipping", "kind clipping does not read panels"]),
    ("exhibits/fig7/step", 7, ["exhibits.fig7.step = 7", "multiples of eval_every 5 up to 25"]),
    ("exhibits/fig7/step", 30, ["exhibits.fig7.step = 30", "multiples of eval_every 5 up to 25"]),
    ("exhibits/table2/step", 26, ["exhibits.table2.step = 26", "up to 25"]),
    # Variants of 25 steps are evaluated every 5 steps, those of 400 steps only every 25.
    (
        "exhibits/fig7",
        exhibit("switches", "clipping", lines="variant", step=5),
        ["exhibits.fig7.step = 5", "multiples of eval_every 25 up to 400"],
    ),
    ("clipping/reward", "format", ['clipping.reward = "format"', "function random and a gamma between 0 and 1"]),
    ("clipping/reward", "random_0", ['clipping.reward = "random_0"', "a gamma between 0 and 1"]),
    ("rewards/random_0.5/gamma", 1, ['clipping.reward = "random_0.5"', "a gamma between 0 and 1"]),
    ("clipping/seeds", "4-0", ['clipping.seeds = "4-0"', "first <= last"]),
    ("clipping/models", [], ["clipping.models = []", "at least one"]),
    ("clipping/variants", [], ["clipping.variants = []", "at least one"]),
    ("clipping/prompt", "forced_python", ['clipping.prompt = "forced_python"', "it has a response_prefix"]),
    ("strategies", {"code": "Python"}, ['strategies.code = "Python"', "begins with python"]),
    ("strategies", {"code": ""}, ['strategies.code = ""', "at least 1 character"]),
    ("organism/positions", 40, ["max_positions = 48", "at most organism.positions 40"]),
    (
        "models/rl-trained/max_positions",
        49,
        ["models.rl-trained.max_positions = 49", "at most those of effective-code"],
    ),
    ("organism/operand_max", 1000, ["problems.", "generated.operands = ", "sums; allowed: 10,000,000"]),
    ("organism/steps", 20, ["organism", "fewer than 20, or 21 or more"]),
    ("problems/sums", {"path": "sums.csv"}, ["problems.sums", "sums.csv", "allowed: .jsonl, .json, .parquet"]),
    ("problems/sums/decontaminate", ["seen", "seen"], ['problems.sums.decontaminate[1] = "seen"', "named twice"]),
    ("experiments/main/models", ["placebo", "placebo"], ['main.models[1] = "placebo"', "named twice"]),
    ("experiments/main/seeds", ["0", "0"], ['experiments.main.seeds = "0"', "named twice"]),
    ("experiments/main/benchmarks", ["amc", "math500", "amc"], ['main.benchmarks[2] = "amc"', "named twice"]),
    ("experiments/main/seeds", ["0-5000"], ["at most 1000 seeds in one entry"]),
    ("experiments/main/seeds", ["4294967296"], ["allowed: seeds from 0 to 4294967295"]),
    ("experiments/main/seeds", [3], ["seeds.0 = 3: should be text; put it in quotes"]),
    ("experiments/main/seeds", "0", ['main.seeds = "0": should be a list']),
    ("experiments/main/steps", 10**30, ["less than or equal to 100000"]),
    ("training/max_new_tokens", 2**40, ["less than or equal to 2147483647"]),
    ("training/learning_rate", float("inf"), ["training.learning_rate = Infinity: should be a finite number"]),
    ("training/learning_rate", float("nan"), ["training.learning_rate = NaN: should be a finite number"]),
    ("training/learning_rate", -0.0, ["training.learning_rate = -0.0: should be greater than 0"]),
    ("training/learning_rate", True, ["training.learning_rate = true: neither true nor false"]),
    ("training/adam_betas", [0.9, 1.0], ["training.adam_betas.1 = 1.0: should be less than 1"]),
    ("variants", {"default": {}, "off": {"clip": float("inf")}}, ["variants.off.clip = Infinity", "finite"]),
    (
        "problems/sums",
        {"reasoning_gym": {"dataset": "chain_sum", "size": 2, "seed": 0, "options": {"a": [float("nan")]}}},
        ["problems.sums.reasoning_gym.options", "finite numbers"],
    ),
    ("rewards/a b", {"function": "format"}, ['rewards.a b = "a b": allowed in a name: letters a to z']),
    ("rewards/" + "x" * 101, {"function": "format"}, ["should have at most 100 characters"]),
    ("models", {}, ["models: should have at least 1 item"]),
    ("title", ["x" * 10_000], ['title = ["xxx', "…: should be"]),
    ("clipping/variants", ["unclip"], ['clipping.variants[0] = "unclip"', "did you mean unclipped?"]),
]


@pytest.mark.parametrize(("key", "value", "said"), COMPLAINTS, ids=[f"{key}={value}" for key, value, _ in COMPLAINTS])
def test_a_wrong_value_is_named_with_file_key_and_what_is_allowed(
    document: dict[str, Any], key: str, value: Any, said: list[str]
) -> None:
    with pytest.raises(UserError) as error:
        load(change(document, key, value))
    first_line = str(error.value).splitlines()[0]
    assert first_line.startswith("mine.yaml: ")
    for words in said:
        assert words in first_line


def test_a_key_is_a_title_where_there_is_no_other(document: dict[str, Any]) -> None:
    document["rewards"]["format"]["title"] = ""
    document["rewards"]["python"]["title"] = "format"
    with pytest.raises(UserError, match=r'rewards\.python\.title = "format": rewards\.format has the same title'):
        load(document)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("fig7", exhibit("switches", "main", models=["effective-code"], step=15)),
        ("fig7", exhibit("switches", "clipping", lines="variant", step=100)),  # only half of the runs reach this step
        ("fig12", exhibit("probability", "clipping", panels="variant", against="updates")),
        ("qualitative", exhibit("qualitative", "before")),
        ("table5", exhibit("prompts", "before")),
    ],
)
def test_what_a_kind_of_exhibit_reads_may_be_given(
    document: dict[str, Any], name: str, changed: dict[str, Any]
) -> None:
    read = load(change(document, f"exhibits/{name}", changed))
    assert read.exhibits[name].step == changed.get("step")


def test_no_exhibit_can_have_the_name_of_a_rule() -> None:
    files = [ROOT / "Snakefile", ROOT / "workflow/Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]
    named = re.compile(r"^\s*(?:rule|checkpoint|use rule \w+ as) (\w+)\b", re.MULTILINE)
    assert sorted(consistency.RULES) == sorted(name for file in files for name in named.findall(file.read_text()))


def test_every_condition_of_the_organism_has_enough_seeds(document: dict[str, Any]) -> None:
    """Require ten seeds for each random reward and three for every other reward."""
    read = load(document)
    for name, experiment in read.experiments.items():
        seeds: dict[tuple[str, ...], set[int]] = {}
        for run in read.runs_of(experiment):
            condition = (run.model, run.prompt, run.reward, run.variant)
            seeds.setdefault(condition, set()).update(experiments.seeds_of(run.seeds))
        for condition, drawn in seeds.items():
            random = read.rewards[condition[2]].function == "random"
            assert len(drawn) >= (10 if random else 3), (name, condition)


def test_an_exhibit_of_conditions_that_nobody_trains_is_refused(document: dict[str, Any]) -> None:
    document["experiments"]["main"]["extra_grids"] = [{"models": ["effective-code"], "rewards": ["one_shot"]}]
    document["exhibits"]["adam"] = exhibit("curves", "main", models=["placebo"], rewards=["one_shot"])
    with pytest.raises(UserError, match=r'exhibits\.adam\.experiment = "main": .*trains none of'):
        load(document)


RENAMES = [
    # suite, place of the key, its old name, its new name, a value if the suite has none
    ("one_gpu", "", "sizes", "resources", None),
    ("one_gpu", "resources/0", "layout", "accelerate_config", None),
    ("one_gpu", "resources/0", "parameters", "max_parameters", None),
    ("one_gpu", "resources/0", "training_share", "training_gpu_memory_utilization", 0.3),
    ("one_gpu", "resources/0", "sampling_share", "sampling_gpu_memory_utilization", 0.9),
    ("one_gpu", "models/Qwen2.5-Math-1.5B", "parameters", "num_parameters", None),
    ("one_gpu", "problems/amc", "licence", "license", None),
    ("one_gpu", "training", "precision", "dtype", None),
    ("one_gpu", "sampling", "precision", "dtype", None),
    ("one_gpu", "experiments/forcing", "also", "extra_grids", None),
    ("organism", "training", "passes", "num_iterations", None),
    ("organism", "training", "precision", "dtype", None),
    ("organism", "sampling", "precision", "dtype", None),
    ("organism", "variants/one_update_large_batch", "passes", "num_iterations", None),
    ("organism", "variants/adam", "precision", "dtype", "float32"),
    ("organism", "clipping/bandit", "passes", "num_iterations", 4),
    ("organism", "problems/sums", "blank", "on_blank", "drop"),
    ("organism", "problems/sums", "duplicate", "on_duplicate", "drop"),
    ("organism", "problems/sums", "unreadable", "on_unreadable", "refuse"),
    ("organism", "rewards/format_without_python", "without", "unless", None),
    ("organism", "experiments/main", "also", "extra_grids", None),
]


@pytest.mark.parametrize(
    ("name", "where", "old", "new", "value"),
    RENAMES,
    ids=[f"{name} {where}/{old}" for name, where, old, _, _ in RENAMES],
)
def test_a_key_that_was_called_otherwise_is_told_its_new_name(
    name: str, where: str, old: str, new: str, value: object
) -> None:
    read = of_project(name)
    node: Any = read
    for part in where.split("/") if where else []:
        node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
    given = new in node
    assert given == (value is None)
    node[old] = node.pop(new) if given else value
    with pytest.raises(UserError) as error:
        load(read)
    told = str(error.value)
    assert told.startswith(f"mine.yaml: {where.replace('/', '.')}".rstrip())
    assert old in told
    assert told.endswith(f": it is called {new} now")


def test_every_key_that_was_called_otherwise_is_tried() -> None:
    tried = {(old, new) for _, _, old, new, _ in RENAMES}
    assert tried == {(old, new) for old, names in renamed.RENAMED.items() for new in names}


def test_no_key_of_today_has_the_name_of_one_that_was_renamed() -> None:
    keys = set(re.findall(r"^ +([a-z_]+):$", loading.schema(), re.MULTILINE))
    assert {new for names in renamed.RENAMED.values() for new in names} <= keys
    assert not renamed.RENAMED.keys() & keys


def test_an_old_kind_of_prompt_is_told_its_new_name(document: dict[str, Any]) -> None:
    with pytest.raises(
        UserError, match=r'^mine\.yaml: prompts\.forced_python\.kind = "own": kind own is called prefill now$'
    ):
        load(change(document, "prompts/forced_python/kind", "own"))


def test_a_missing_key_is_named(document: dict[str, Any]) -> None:
    del document["report"]
    with pytest.raises(UserError, match=r"^mine\.yaml: report: this key is missing"):
        load(document)


def test_a_file_that_is_no_yaml_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("title: [\n")
    with pytest.raises(UserError, match=r"mine\.yaml: not YAML: .*line 2"):
        loading.load(path)


def test_runs_that_experiments_share_are_made_once_and_as_long_as_the_longest(document: dict[str, Any]) -> None:
    python = document["experiments"]["python"]
    document["experiments"] = {
        "main": {**python, "rewards": ["majority_vote", "format"]},
        "longer": {**python, "rewards": ["format"], "steps": 60},
    }
    document["exhibits"] = {}
    document["report"] = {"headline": "main"}
    read = load(document)
    assert len(read.runs) == 2 * len(python["models"])
    shared = next(run for run in read.runs if run.reward == "format")
    assert read.runs[shared] == 60
    assert read.segments(shared) == [(0, 25), (25, 50), (50, 60)]
    assert read.eval_steps(shared, 50, 60) == [55, 60]
    assert read.pool_size == 25 * document["training"]["rollout_prompts"], "as far as the longest run on votes reaches"


@pytest.mark.parametrize(
    ("section", "key"),
    [("experiments", "gamma"), ("experiments", "prompts"), ("exhibits", "best")],
)
def test_the_benchmark_that_chooses_the_best_prompt_is_no_result(
    document: dict[str, Any], section: str, key: str
) -> None:
    if key == "best":
        document["exhibits"]["best"] = {"title": "Best", "kind": "prompts", "experiment": "best_prompt"}
    else:
        document[section][key]["benchmarks"] = ["math500", "held_out"]
    with pytest.raises(UserError, match=rf"{section}\.{key}\.benchmarks = .*held_out chooses the best prompt"):
        load(document)


def test_further_grids_differ_from_the_experiments_own_in_what_they_name(document: dict[str, Any]) -> None:
    read = load(document)
    runs = read.runs_of(read.experiments["clipping"])
    assert {(run.variant, run.seeds): steps for run, steps in runs.items()} == {
        (variant, seeds): steps
        for variants, steps in (
            (("default", "unclipped"), 25),
            (("one_update_large_batch", "one_update_small_rollout"), 400),
        )
        for variant in variants
        for seeds in ("0-4", "5-9")
    }


def test_a_model_that_starts_from_a_run_needs_that_run_for_each_of_its_seed_groups(document: dict[str, Any]) -> None:
    document["experiments"] = {"main": document["experiments"]["rl_trained"]}
    document["exhibits"] = {}
    document["report"] = {"headline": "main"}
    read = load(document)
    started = {run: steps for run, steps in read.runs.items() if run.model == "effective-code"}
    assert {(run.reward, run.prompt, run.variant, run.seeds) for run in started} == {
        ("ground_truth", "plain", "default", seeds) for seeds in ("0-4", "5-9")
    }
    assert set(started.values()) == {25}


def test_a_prompt_of_kind_prefill_is_the_models_own_with_a_beginning_for_the_response(document: dict[str, Any]) -> None:
    document["prompts"]["plain"]["stop"] = ["."]
    read = load(document)
    forced = read.prompt("placebo", "forced_python")
    assert (forced.kind, forced.user, forced.stop, forced.response_prefix) == ("raw", "{}", (".",), "python :")
    assert read.prompt("placebo", "sober") == read.prompts["sober"]


names = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True)


@given(
    models=names,
    rewards=names,
    variants=st.lists(st.sampled_from(["x", "y"]), min_size=1, max_size=2, unique=True),
    groups=st.lists(st.sampled_from(["0", "1-3", "4"]), min_size=1, max_size=3, unique=True),
    steps=st.integers(1, 20),
    segment=st.integers(1, 5),
    every=st.integers(1, 3),
)
def test_expansion_is_the_product_and_segments_tile_the_run(
    models: list[str], rewards: list[str], variants: list[str], groups: list[str], steps: int, segment: int, every: int
) -> None:
    read = messages.validate(
        suite.Suite,
        {
            "title": "t",
            "problems": {"p": {"path": "p.jsonl"}},
            "training_problems": "p",
            "benchmarks": {"b": {"problems": "p"}},
            "prompts": {"q": {"kind": "raw"}},
            "models": {m: {"source": "local", "id": "/m", "prompt": "q", "max_positions": 4096} for m in models},
            "rewards": {r: {"function": "format"} for r in rewards},
            "training": {"segment_steps": segment * every, "eval_every": every},
            "variants": {"default": {}, "x": {"clip": None}, "y": {"num_iterations": 2}},
            "experiments": {
                "e": {
                    "title": "e",
                    "models": models,
                    "rewards": rewards,
                    "variants": variants,
                    "seeds": groups,
                    "steps": steps * every,
                }
            },
            "report": {"headline": "e"},
        },
        "mine.yaml",
    )
    assert len(read.runs) == len(models) * len(rewards) * len(variants) * len(groups)
    for run in read.runs:
        spans = read.segments(run)
        assert spans[0][0] == 0
        assert spans[-1][1] == steps * every
        assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))
        evaluated = [step for span in spans for step in read.eval_steps(run, *span)]
        assert evaluated == list(range(every, steps * every + 1, every))


@given(first=st.integers(0, 50), length=st.integers(1, 20))
def test_seeds_of_a_range(first: int, length: int) -> None:
    assert experiments.seeds_of(f"{first}-{first + length - 1}") == tuple(range(first, first + length))
    assert experiments.seeds_of(str(first)) == (first,)


def test_a_prompt_hash_changes_with_its_words() -> None:
    one = config_models.Prompt(kind="raw", user="{} =")
    assert one.hash == config_models.Prompt(kind="raw", user="{} =").hash
    assert one.hash != config_models.Prompt(kind="raw", user="{}=").hash


def places(node: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value of a suite."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield (*above, key)
        yield from places(value, (*above, key))


SMOKE = of_project("smoke")
WRONG = [
    *(None, True, False, -1, 0, 1, 3, 10**30, 1e400, float("nan"), -0.0, 0.5, "", "x" * 1000, [], {}, [[]], [None]),
    *({"a": 1}, {"": 1}, "..", "a\nb", "/", "{x}", "no", "1e-6", "0-4", "4-0", ["0", "0"], [""], "random", "clipping"),
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(where=st.sampled_from(list(places(SMOKE))), value=st.sampled_from(WRONG), deleted=st.booleans())
def test_whatever_stands_at_a_key_the_suite_is_read_or_refused_in_a_sentence(
    where: tuple[Any, ...], value: Any, deleted: bool
) -> None:
    node = changed = copy.deepcopy(SMOKE)
    for key in where[:-1]:
        node = node[key]
    if deleted:
        del node[where[-1]]
    else:
        node[where[-1]] = value
    said = ""
    try:
        assert load(changed).runs is not None
    except UserError as error:
        said = str(error)
    assert said == "" or (said.startswith("mine.yaml: ") and "\n" not in said)


def test_a_part_of_which_an_exhibit_cannot_be_made_is_refused(document: dict[str, Any]) -> None:
    tested = {"rewards": ["ground_truth"]}
    document["exhibits"]["table9"] = {"title": "Baselines", "kind": "baselines", "experiment": "main", **tested}
    load(document)
    document["report"]["first"] = tested
    with pytest.raises(UserError, match=r"report\.first.*cannot be made of this part.*table9.*widen the part"):
        load(document)


def test_a_part_that_no_grid_has_is_refused(document: dict[str, Any]) -> None:
    main = document["experiments"]["main"]
    main["models"] = [name for name in main["models"] if name != "placebo"]
    main["extra_grids"].append({"models": ["placebo"], "rewards": ["no_repetition"]})
    document["exhibits"] = {}
    document["report"]["first"] = {"models": ["placebo"], "rewards": ["format"]}
    with pytest.raises(UserError, match=r"report\.first.*no grid of the experiment"):
        load(document)


def test_a_copy_with_other_values_works_everything_out_anew() -> None:
    suite = loading.load(ROOT / "config/suites/organism.yaml")
    assert len(suite.runs) > 60
    main = suite.experiments["main"]
    copied = suite.model_copy(update={"experiments": {"main": main}})
    assert copied.runs == suite.runs_of(main)

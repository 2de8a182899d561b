import json
import shutil
import signal
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import invented
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spurious_rewards.artifacts import tables
from spurious_rewards.artifacts.checkpoints import gone
from spurious_rewards.config.experiments import Run
from spurious_rewards.config.models import Prompt
from spurious_rewards.config.retention import kept_states, kept_steps
from spurious_rewards.config.suite import Suite
from spurious_rewards.config.training import Sampling
from spurious_rewards.generation.pruning import answered, prune
from spurious_rewards.generation.tasks import Task
from spurious_rewards.models.loading import check
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.locks import exclusive

# ---------------------------------------------------------------- which stay

SUITE = invented.suite(models=["strong", "weak"], rewards=["ground_truth", "random_0.5"], seeds="0").model_dump()
EVERY = SUITE["training"]["eval_every"]
RUN = Run(model="strong", prompt="plain", reward="random_0.5", variant="default", seeds="0")


def suite_of(lengths: list[int], **changes: Any) -> Suite:
    """Return a suite with one experiment for each number of steps; the first is the headline.

    Each experiment has `RUN` and a run of another reward.
    """
    base = SUITE["experiments"]["headline"]
    experiments = {
        "headline" if not number else f"other{number}": {**base, "steps": steps} for number, steps in enumerate(lengths)
    }
    return Suite.model_validate({**SUITE, "keep_weights": "reported", "experiments": experiments, **changes})


lengths = st.lists(st.integers(1, 30).map(lambda count: count * EVERY), min_size=1, max_size=3)


@settings(max_examples=40, deadline=None)
@given(lengths=lengths, start=st.integers(1, 30).map(lambda count: count * EVERY))
def test_what_tables_report_and_runs_go_on_from_stays_and_nothing_else(lengths: list[int], start: int) -> None:
    begun = {"source": "run", "start": {"model": "strong", "reward": RUN.reward, "step": start}}
    model = {**SUITE["models"]["strong"], "id": None, **begun}
    suite = suite_of(lengths, models={**SUITE["models"], "later": model})
    kept, states = kept_steps(suite, RUN), kept_states(suite, RUN)
    last = max(lengths)
    assert {*lengths} | states | ({start} if start <= last else set()) == kept
    assert kept <= {step for segment in suite.segments(RUN) for step in suite.eval_steps(RUN, *segment)}

    everything = suite.model_copy(update={"keep_weights": "all"})
    assert kept_steps(everything, RUN) == set(range(EVERY, last + 1, EVERY))
    assert kept_states(everything, RUN) == {stop for _, stop in suite.segments(RUN)}


@settings(max_examples=40, deadline=None)
@given(lengths=lengths, longer=st.integers(1, 20).map(lambda count: count * EVERY))
def test_a_longer_run_finds_the_state_that_it_goes_on_from(lengths: list[int], longer: int) -> None:
    suite, more = suite_of(lengths), suite_of([*lengths, max(lengths) + longer])
    trained = suite.segments(RUN)
    first_new, _ = next(segment for segment in more.segments(RUN) if segment not in trained)
    assert {first_new} - {0} == kept_states(suite, RUN)


def test_the_step_of_an_exhibit_stays_for_the_runs_that_it_shows() -> None:
    shown = {"title": "At 10", "kind": "switches", "experiment": "headline", "step": 10, "models": ["strong"]}
    suite = suite_of([25], exhibits={"table": {**shown, "rewards": ["random_0.5"]}})
    assert kept_steps(suite, RUN) == {10, 25}
    assert kept_steps(suite, RUN.model_copy(update={"reward": "ground_truth"})) == {25}
    assert kept_steps(suite, RUN.model_copy(update={"model": "weak"})) == {25}


def test_steps_at_which_variants_are_compared_stay() -> None:
    both = {**SUITE["experiments"]["headline"], "variants": ["default", "one_update"], "steps": 40}
    suite = suite_of(
        [25],
        variants={"default": {}, "one_update": {"updates_per_rollout": 1, "micro_batch": 4}},
        experiments={"headline": both},
    )
    assert kept_steps(suite, RUN) == {5, 25, 40}  # 5 steps of 8 updates match 40 steps of 1; 25 keeps the state


def test_of_an_imported_run_nothing_is_ours_to_keep() -> None:
    elsewhere = {"model": RUN.model, "reward": RUN.reward, "checkpoints": {25: "some/model"}, "origin": "a friend"}
    suite = suite_of([25], imports=[elsewhere])
    assert kept_steps(suite, RUN) == kept_states(suite, RUN) == set()


# ---------------------------------------------------------------- how the others go


SEEDS, STEPS = (0, 1), (5, 10, 15)
PROBLEMS = pd.DataFrame({"id": ["a", "b"], "problem": ["1+1", "1+2"]})
TASKS = [Task("greedy", PROBLEMS, 1, 0.0), Task("avg", PROBLEMS, 3, 0.6)]
PROMPT, SAMPLING = Prompt(kind="raw"), Sampling(max_new_tokens=8)
WEIGHTS = {"model.safetensors", "config.json"}
STATE = {"optimizer.pt", "scheduler.pt", "rng_state.pth", "rng_state_1.pth", "trainer_state.json"}
SHARDED = {"optimizer_0/shard.distcp", "pytorch_model_fsdp_0/shard.distcp", "global_step80/shard.pt", "latest"}


def responses(seeds: tuple[int, ...] = SEEDS, steps: tuple[int, ...] = STEPS) -> pd.DataFrame:
    rows = [
        (seed, step, task.benchmark, id_, sample, f"{seed} {step} {task.benchmark} {id_} {sample}", 4, False)
        for seed, step in product(seeds, steps)
        for task in TASKS
        for id_, sample in product(PROBLEMS["id"], range(task.samples))
    ]
    return pd.DataFrame(rows, columns=list(tables.Responses.to_schema().columns))


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    return make(tmp_path / "0-15")


def make(segment: Path, seeds: tuple[int, ...] = SEEDS) -> Path:
    for seed, step in product(seeds, STEPS):
        for name in WEIGHTS | (STATE | SHARDED if step == STEPS[-1] else set()):
            file = segment / "checkpoints" / f"seed{seed}" / f"step{step}" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{seed} {step} {name}")
    tables.write(responses(seeds), tables.Responses, segment / "responses.parquet")
    return segment


def pruned(
    segment: Path, keep: set[int], states: set[int], tasks: list[Task] = TASKS, seeds: tuple[int, ...] = SEEDS
) -> dict[str, str]:
    return prune(
        segment / "checkpoints",
        segment / "responses.parquet",
        keep=keep,
        states=states,
        seeds=seeds,
        steps=STEPS,
        tasks=tasks,
        prompt=PROMPT,
        sampling=SAMPLING,
    )


def files(segment: Path, seed: int, step: int) -> set[str]:
    folder = segment / "checkpoints" / f"seed{seed}" / f"step{step}"
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def back(segment: Path, seed: int, step: int, task: Task, **changes: Any) -> pd.DataFrame | None:
    asked: dict[str, Any] = {"prompt": PROMPT, "sampling": SAMPLING, **changes}
    folder = segment / "checkpoints" / f"seed{seed}" / f"step{step}"
    return answered(segment / "responses.parquet", folder, task, **asked)


def of(seed: int, step: int, task: Task) -> pd.DataFrame:
    frame = responses((seed,), (step,))
    return frame[frame["benchmark"] == task.benchmark].reset_index(drop=True)


def test_weights_go_answers_and_what_is_reported_stay(segment: Path) -> None:
    # The workflow takes this file's time for that of the checkpoints. It must stay, or they are trained again.
    stamp = segment / "checkpoints" / ".snakemake_timestamp"
    stamp.touch()
    fates = pruned(segment, keep={10, 15}, states={15})
    assert fates == {
        f"seed{seed}/step{step}": fate for seed in SEEDS for step, fate in ((5, "gone"), (10, "weights"), (15, "whole"))
    }
    for seed in SEEDS:
        assert files(segment, seed, 5) == {"gone.json"}
        assert files(segment, seed, 10) == WEIGHTS
        assert files(segment, seed, 15) == WEIGHTS | STATE | SHARDED
        assert back(segment, seed, 10, TASKS[0]) is None
        for task in TASKS:
            pd.testing.assert_frame_equal(back(segment, seed, 5, task), of(seed, 5, task))
    stub = json.loads((segment / "checkpoints/seed1/step5/gone.json").read_text())
    assert stub["files"] == {"config.json": 15, "model.safetensors": 21}
    assert stamp.exists()

    # Once training has gone on, the state may go, in whatever form. A second call leaves the rest as it was.
    assert pruned(segment, keep={10, 15}, states=set())["seed0/step15"] == "weights"
    assert files(segment, 0, 15) == WEIGHTS
    pd.testing.assert_frame_equal(back(segment, 1, 5, TASKS[1]), of(1, 5, TASKS[1]))


def test_who_needs_weights_that_went_is_told_so(segment: Path) -> None:
    pruned(segment, keep={10, 15}, states={15})
    with pytest.raises(UserError, match=r"seed0/step5: its weights were deleted after evaluation"):
        check(segment / "checkpoints/seed0/step5")


def test_answers_are_given_back_to_the_request_that_they_were_drawn_for(segment: Path) -> None:
    pruned(segment, keep={10, 15}, states={15})
    (segment / "responses.parquet").unlink()  # as Snakemake does before it runs the job again
    greedy, avg = TASKS
    assert back(segment, 0, 5, greedy) is not None
    assert back(segment, 0, 5, Task("greedy", PROBLEMS.iloc[::-1], 1, 0.0)) is not None
    assert back(segment, 0, 5, greedy, sampling=Sampling(max_new_tokens=8, batch_tokens=9, max_model_len=7)) is not None
    assert back(segment, 0, 5, greedy, sampling=Sampling(max_new_tokens=9)) is None
    assert back(segment, 0, 5, greedy, sampling=Sampling(max_new_tokens=8, dtype="float32")) is None
    assert back(segment, 0, 5, greedy, prompt=Prompt(kind="raw", user="{}?")) is None
    assert back(segment, 0, 5, Task("avg", PROBLEMS, 3, 1.0)) is None
    assert back(segment, 0, 5, Task("avg", PROBLEMS, 2, avg.temperature)) is None
    assert back(segment, 0, 5, Task("greedy", PROBLEMS.assign(problem="2+2"), 1, 0.0)) is None
    assert back(segment, 0, 5, Task("other", PROBLEMS, 1, 0.0)) is None


@pytest.mark.parametrize("missing", [0, -1])
def test_what_is_not_yet_answered_stays(segment: Path, missing: int) -> None:
    frame = responses()
    lacking = frame.drop(frame[(frame["step"] == 5) & (frame["seed"] == 1)].index[missing])
    tables.write(lacking, tables.Responses, segment / "responses.parquet")
    fates = pruned(segment, keep={15}, states={15})
    assert fates["seed1/step5"] == "unanswered"
    assert files(segment, 1, 5) == WEIGHTS
    assert [fates["seed0/step5"], fates["seed1/step10"]] == ["gone", "gone"]

    more = [*TASKS, Task("later", PROBLEMS, 1, 0.0)]
    assert set(pruned(make(segment.with_name("later")), {15}, {15}, more).values()) == {"unanswered", "whole"}


def test_answers_of_an_earlier_checkpoint_do_not_outlive_the_one_that_took_its_place(segment: Path) -> None:
    pruned(segment, keep={15}, states={15})
    shutil.rmtree(segment / "checkpoints")
    make(segment)  # trained again
    renamed = responses().assign(response="of the new one")
    tables.write(renamed[renamed["benchmark"] == "greedy"], tables.Responses, segment / "responses.parquet")
    pruned(segment, keep={15}, states={15}, tasks=TASKS[:1])
    found = back(segment, 0, 5, TASKS[0])
    assert found is not None
    assert set(found["response"]) == {"of the new one"}
    assert back(segment, 0, 5, TASKS[1]) is None


def test_answers_that_cannot_be_remade_are_not_to_be_deleted(segment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pruned(segment, keep={15}, states={15})
    monkeypatch.setattr(tables.Responses, "_VERSION", tables.Responses._VERSION + 1)
    with pytest.raises(
        UserError, match=r"holds table Responses version 1.* keep it: the weights.* are deleted"
    ) as raised:
        back(segment, 0, 5, TASKS[0])
    assert "delete the file" not in str(raised.value)


def test_nothing_goes_while_answers_are_being_written(segment: Path) -> None:
    # A lock of this process counts like that of any other living process.
    with exclusive(segment / "responses.parquet"), pytest.raises(UserError, match=r"is being written by process"):
        pruned(segment, keep={15}, states={15})
    assert files(segment, 0, 5) == WEIGHTS


def test_responses_made_again_have_what_a_checkpoint_said_before_it_went(tmp_path: Path, tiny_model: Path) -> None:
    from spurious_rewards.config.resources import Hardware
    from spurious_rewards.generation.generate import generate
    from spurious_rewards.generation.tasks import Checkpoint

    output = tmp_path / "responses.parquet"
    found = [Checkpoint(0, step, tmp_path / f"checkpoints/seed0/step{step}") for step in (5, 10)]
    for checkpoint in found:
        shutil.copytree(tiny_model, checkpoint.path)

    def ask(tasks: list[Any]) -> pd.DataFrame:
        output.unlink(missing_ok=True)
        generate(found, tasks, PROMPT, SAMPLING, output, version=1, threads=1, hardware=Hardware())
        return tables.read(output, tables.Responses)

    def let_go(tasks: list[Any]) -> Any:
        asked: dict[str, Any] = {"keep": {10}, "states": {10}, "seeds": (0,), "steps": (5, 10)}
        return prune(tmp_path / "checkpoints", output, **asked, tasks=tasks, prompt=PROMPT, sampling=SAMPLING)

    before = ask(TASKS)
    assert let_go(TASKS) == {"seed0/step5": "gone", "seed0/step10": "whole"}
    pd.testing.assert_frame_equal(ask(TASKS), before)

    # A benchmark that is added later is answered by the weights that stayed.
    more = [*TASKS, Task("later", PROBLEMS, 1, 0.0)]
    after = ask(more)
    pd.testing.assert_frame_equal(after[after["benchmark"] != "later"].reset_index(drop=True), before)
    assert set(after[after["benchmark"] == "later"]["step"]) == {10}
    assert let_go(more) == {"seed0/step5": "gone", "seed0/step10": "whole"}
    pd.testing.assert_frame_equal(ask(more), after)


# ---------------------------------------------------------------- links


@pytest.mark.parametrize(
    "at",
    [
        "checkpoints",
        "checkpoints/seed0",
        "checkpoints/seed0/step5",
        "checkpoints/seed0/step10/optimizer.pt",
        ".responses.parquet.answered",
        ".responses.parquet.answered/seed0/step5",
    ],
)
def test_nothing_goes_through_a_link(segment: Path, tmp_path: Path, at: str) -> None:
    victim = tmp_path / "victim"
    for name in ("step5/model.safetensors", "seed0/step5/model.safetensors", "optimizer.pt", "model.safetensors"):
        (victim / name).parent.mkdir(parents=True, exist_ok=True)
        (victim / name).write_text("mine")
    before = everything(victim)
    shutil.rmtree(segment / at, ignore_errors=True)
    (segment / at).unlink(missing_ok=True)
    (segment / at).parent.mkdir(parents=True, exist_ok=True)
    (segment / at).symlink_to(victim)
    left = everything(segment)
    with pytest.raises(UserError, match=rf"{at}: is a symbolic link to {victim}, .*delete the link"):
        pruned(segment, keep={15}, states={15})
    assert everything(victim) == before
    assert everything(segment) == left


# ---------------------------------------------------------------- crashes

KILLED = f"""
import os, shutil, sys
from itertools import count
from pathlib import Path

sys.path[:0] = {[str(Path(__file__).parent), str(Path(invented.__file__).parent)]}
from test_pruning import pruned

CHANGING = ("replace", "rename", "unlink", "rmdir", "link", "mkdir")

def die_before(number):
    left = iter(range(number))
    def guard(function):
        def call(*arguments, **keywords):
            if next(left, None) is None:
                os.kill(os.getpid(), {signal.SIGKILL:d})
            return function(*arguments, **keywords)
        return call
    for name in CHANGING:
        setattr(os, name, guard(getattr(os, name)))

whole, killed = Path(sys.argv[1]), Path(sys.argv[2])
for number in count():
    shutil.copytree(whole, killed / str(number))
    if (child := os.fork()) == 0:
        die_before(number)
        pruned(killed / str(number), keep={{10, 15}}, states=set(), seeds=(0,))
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
"""


def test_a_kill_at_any_call_loses_nothing(tmp_path: Path) -> None:
    segment = make(tmp_path / "0-15", seeds=(0,))
    subprocess.run([sys.executable, "-c", KILLED, str(segment), str(tmp_path / "killed")], check=True)
    killed = sorted((tmp_path / "killed").iterdir(), key=lambda path: int(path.name))
    assert len(killed) > 30
    halves = 0
    for after in killed:
        if gone(after / "checkpoints/seed0/step5"):
            halves += len(files(after, 0, 5)) > 1
            for task in TASKS:
                pd.testing.assert_frame_equal(back(after, 0, 5, task), of(0, 5, task))
        else:
            assert files(after, 0, 5) >= WEIGHTS
        assert files(after, 0, 10) == WEIGHTS
        assert files(after, 0, 15) >= WEIGHTS
        assert set(pruned(after, keep={10, 15}, states=set(), seeds=(0,)).values()) == {"gone", "weights"}
        assert everything(after) == everything(killed[-1])
    assert halves  # some were killed between the stub and the last of the weights


def everything(segment: Path) -> dict[str, bytes]:
    """Return all files except locks left by a killed process; stubs are blanked because they hold the time."""
    return {
        str(path.relative_to(segment)): b"" if path.name == "gone.json" else path.read_bytes()
        for path in sorted(segment.rglob("*"))
        if path.is_file() and ".lock" not in path.name
    }

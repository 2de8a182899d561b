"""Fingerprints follow the code that a stage runs, and nothing else."""

import ast
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from spurious_rewards.artifacts import fingerprints
from spurious_rewards.artifacts.fingerprints import COUNTED, JOBS, PACKAGE, fingerprint
from spurious_rewards.stages.registry import registered

STAGES = [
    name for name in registered() if name != "headline"
]  # headline plans and does the work of other stages, so all of their code counts
HERE = {name: fingerprint(name) for name in STAGES}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A copy of the library that a test may edit."""
    copy = tmp_path / "spurious_rewards"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def in_copy(library: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the fingerprints of stages in a copy of the library."""
    caches = (fingerprints.fingerprint, fingerprints._tree)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fingerprints, "PACKAGE", library)
        try:
            for cache in caches:
                cache.cache_clear()
            return {name: fingerprint(name) for name in names}
        finally:
            for cache in caches:
                cache.cache_clear()


def changed(library: Path) -> set[str]:
    """Return the stages whose fingerprint in the copy differs from that in the library."""
    found = in_copy(library, STAGES)
    return {name for name in STAGES if found[name] != HERE[name]}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def append(path: Path, text: str = "MORE = 1") -> None:
    with path.open("a") as file:
        file.write(f"\n\n{text}\n")


def edit_functions(path: Path, prefix: str) -> list[str]:
    """Add a statement to each function of a module whose name begins with `prefix`, and return their names."""
    tree = ast.parse(path.read_text())
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith(prefix)]
    for node in found:
        node.body.insert(0, ast.parse("more = 1").body[0])
    path.write_text(ast.unparse(tree))
    return [node.name for node in found]


def edit_job_classes(path: Path) -> list[str]:
    """Add a field to the job classes of a module, and return their names."""
    tree = ast.parse(path.read_text())
    found = [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and {*JOBS} & {ast.unparse(base) for base in node.bases}
    ]
    for node in found:
        node.body.append(ast.parse("more: int = 1").body[0])
    path.write_text(ast.unparse(tree))
    return [node.name for node in found]


def test_every_stage_has_a_fingerprint_of_its_own() -> None:
    assert STAGES
    assert len({fingerprint(name) for name in STAGES}) == len(STAGES)


def test_a_copy_has_the_same_fingerprints(library: Path) -> None:
    assert changed(library) == set()


def test_comments_docstrings_and_layout_change_no_fingerprint(library: Path) -> None:
    for path in (library / "answers/extraction.py", library / "stages/grade.py"):
        edit(path, '"""', '"""Other words. ')
        append(path, "# a comment")
    edit(library / "stages/grade.py", '    """Read the answers', '    """Other words: read the answers')
    assert changed(library) == set()


def test_how_jobs_are_planned_changes_no_fingerprint(library: Path) -> None:
    for name in STAGES:
        path = library / "stages" / f"{name}.py"
        assert edit_functions(path, "job"), name
        edit_functions(path, "inputs")
        assert edit_job_classes(path), name
    assert changed(library) == set()


def test_a_function_that_only_planning_calls_changes_no_fingerprint(library: Path) -> None:
    for name, helper in (("score", "_best_prompt"), ("label", "_voters"), ("generate", "_minutes")):
        assert edit_functions(library / "stages" / f"{name}.py", helper) == [helper]
    for name in ("study", "model_refs", "resources"):
        append(library / "stages" / f"{name}.py")
    assert changed(library) == set()


def test_work_changes_the_fingerprint_of_its_stage_alone(library: Path) -> None:
    edited = set()
    for name in STAGES:
        assert edit_functions(library / "stages" / f"{name}.py", "work") == ["work"]
        edited.add(name)
        if name in (STAGES[0], "generate", "score"):  # the planning of other stages depends on these
            assert changed(library) == edited
    assert changed(library) == edited == set(STAGES)


@pytest.mark.parametrize(
    ("stage", "helper"), [("plot", "_frames"), ("report", "_of_experiments"), ("claims", "_evidence")]
)
def test_a_function_that_work_calls_counts(library: Path, stage: str, helper: str) -> None:
    assert edit_functions(library / "stages" / f"{stage}.py", helper) == [helper]
    assert changed(library) == {stage}


def test_whatever_the_headline_is_made_by_counts(library: Path) -> None:
    made = {fingerprint("headline")}
    for stage in ("score", "training_summary", "plot", "claims", "report"):
        edit_functions(library / "stages" / f"{stage}.py", "work")
        made |= set(in_copy(library, ["headline"]).values())
    assert len(made) == 6


def test_a_constant_that_work_reads_counts(library: Path) -> None:
    edit(library / "stages/score.py", 'TABLES = ("headline", "seeds",', 'TABLES = ("seeds", "headline",')
    assert changed(library) == {"score"}


def test_what_stages_share_to_read_their_files_counts_where_work_uses_it(library: Path) -> None:
    append(library / "stages/reading.py")
    found = changed(library)
    assert {"grade", "prepare", "generate", "label", "plot"} <= found
    assert not {"train", "vote", "pretrain", "score"} & found


WORKED_OUT = {
    "the step that tables report": (
        "config/endpoints.py",
        ("if steps >= before.step:", "if steps > before.step:"),
        {"score", "plot", "claims"},
    ),
    "the updates of a rollout step": (
        "config/training.py",
        ("return self.updates_per_rollout * self.num_iterations", "return self.updates_per_rollout"),
        {"score", "plot", "claims"},
    ),
    "the runs of an experiment": (
        "config/suite.py",
        ("longest[run] = max(longest.get(run, 0), grid.steps)", "longest[run] = grid.steps"),
        {"score", "plot", "claims"},
    ),
    "its models before training": (
        "config/suite.py",
        (
            "for grid in experiment.grids\n                for model",
            "for grid in experiment.grids[:1]\n                for model",
        ),
        {"score", "plot", "claims"},
    ),
    "its grids": ("config/experiments.py", ("**own, **other", "**other, **own"), {"score", "plot", "claims"}),
    "the condition of a path": (
        "artifacts/paths.py",
        ('found.get("reward", "")', 'found["reward"]'),
        {"score"},
    ),
    "what an artifact was made from": (
        "artifacts/ancestry.py",
        ("todo, results = deque(artifacts)", "todo, results = deque(artifacts[:1])"),
        {"report"},
    ),
    "the packages of the project": ("artifacts/dependencies.py", ('"extra ==" not in', '"extra" not in'), {"report"}),
}
"""Computations that no param holds: the file, an edit of it, and the stages whose artifacts the edit changes."""


@pytest.mark.parametrize(("file", "edited", "stages"), WORKED_OUT.values(), ids=WORKED_OUT.keys())
def test_what_no_param_holds_counts(library: Path, file: str, edited: tuple[str, str], stages: set[str]) -> None:
    edit(library / file, *edited)
    assert stages <= changed(library)


def test_a_data_file_counts_for_those_who_read_it(library: Path) -> None:
    append(library / "analysis/paper_results.csv", "")
    assert changed(library) == {"score", "plot"}


GIVEN = "from spurious_rewards.stages.job import JobSpec\n\nN = 1\n\n\n"
SEEN = {
    "a helper that shares its name with a variable of a comprehension": (
        "def helper():\n    return 1\n\n\ndef work():\n    return [helper for helper in ()], helper()\n",
        "return 1",
    ),
    "a helper that shares its name with a parameter of an inner function": (
        "def helper():\n    return 1\n\n\ndef work():\n    return (lambda helper: helper)(helper())\n",
        "return 1",
    ),
    "a constant that is a default": ("def helper(n=N):\n    return n\n\n\ndef work():\n    return helper()\n", "N = 1"),
    "a decorator": (
        "def twice(made):\n    return 1\n\n\n@twice\ndef helper():\n    return 2\n\n\ndef work():\n    return helper\n",
        "return 1",
    ),
    "a constant that another is made of": ("M = N + 1\n\n\ndef work():\n    return M\n", "N = 1"),
    "a method of a class that is no job": (
        "class Kept:\n    def it(self):\n        return 1\n\n\ndef work():\n    return Kept().it()\n",
        "return 1",
    ),
    "a method of the job": (
        "class OwnJob(JobSpec):\n    def it(self):\n        return 1\n\n\ndef work(job):\n    return job.it()\n",
        "return 1",
    ),
}
"""Code of a stage's module, and the part of it that the test edits."""


@pytest.mark.parametrize(("code", "edited"), SEEN.values(), ids=SEEN.keys())
def test_whatever_work_runs_counts(library: Path, code: str, edited: str) -> None:
    whole = GIVEN + code
    assert whole.count(edited) == 1
    made = []
    for text in (whole, whole.replace(edited, edited.replace("1", "3"))):
        (library / "stages/grade.py").write_text(text)
        made.append(in_copy(library, ["grade"]))
    assert made[0] != made[1]


@pytest.mark.parametrize("statement", ["N += 1", "try:\n    M = 1\nexcept OSError:\n    M = 2", "if N:\n    M = 1"])
def test_a_statement_that_is_not_followed_is_refused(library: Path, statement: str) -> None:
    (library / "stages/grade.py").write_text(f"{GIVEN}{statement}\n\n\ndef work():\n    return 1\n")
    with pytest.raises(ValueError, match=r"grade\.py, line 6: no fingerprint follows such a statement"):
        in_copy(library, ["grade"])


@pytest.mark.parametrize("package", ["config", "runtime"])
def test_what_acts_through_jobs_alone_changes_no_fingerprint(library: Path, package: str) -> None:
    files = list((library / package).rglob("*.py"))
    assert len(files) > 5
    for path in files:
        if f"{package}.{path.stem}" not in COUNTED:
            append(path)
    assert changed(library) == set()


def test_code_changes_the_stages_that_run_it_and_no_other(library: Path) -> None:
    append(library / "answers/response_features.py")
    found = changed(library)
    assert {"grade", "label"} <= found
    assert not {"prepare", "score", "pretrain", "generate"} & found


def test_a_change_two_imports_away_counts(library: Path) -> None:
    append(library / "answers/response_features.py")
    assert "train" in changed(library)


def test_a_template_counts_where_pages_are_made_of_it(library: Path) -> None:
    append(library / "reporting/report.css", "/* more */")
    assert changed(library) == {"report"}


def test_packages_that_a_stage_imports_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint("grade")
    monkeypatch.setattr(
        fingerprints,
        "_package_versions",
        lambda names: {("math-verify", "0.0.0")} if "math_verify" in names else set(),
    )
    fingerprint.cache_clear()
    try:
        assert fingerprint("grade") != before
    finally:
        fingerprint.cache_clear()

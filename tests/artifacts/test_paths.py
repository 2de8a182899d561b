"""What is put into a path is read back from it unchanged."""

from pathlib import Path

import pytest

from spurious_rewards.artifacts.paths import ResultPaths, checkpoint, condition_of, identity
from spurious_rewards.config.experiments import Run

LAYOUT = ResultPaths(Path("results/suite"))
RUN = Run(model="m", prompt="plain", reward="random_0.5", variant="no_clipping", seeds="0-4")
SEGMENT = LAYOUT.segment(RUN, 25, 50)
OF_RUN = {**RUN.model_dump(), "steps": "25-50"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (SEGMENT, OF_RUN),
        (SEGMENT / "grades.parquet", OF_RUN),
        (checkpoint(SEGMENT, 3, 40), OF_RUN),
        (LAYOUT.pretrained("m", 3), {"model": "m", "seeds": "3"}),
        (LAYOUT.base("m", "seeds0-4", "plain") / "votes.parquet", {"model": "m", "seeds": "0-4", "prompt": "plain"}),
        (LAYOUT.base("m", "base", "plain") / "votes.parquet", {"model": "m", "prompt": "plain"}),
        (LAYOUT.problems("sums"), {}),
        (LAYOUT.scored("main", "m"), {}),
    ],
)
def test_a_path_says_what_it_is_of(path: Path, expected: dict[str, str]) -> None:
    assert condition_of(path) == expected
    assert condition_of(Path("/elsewhere") / path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (SEGMENT / "grades.parquet", ("m", "plain", "random_0.5", "no_clipping")),
        (SEGMENT / "checkpoints", ("m", "plain", "random_0.5", "no_clipping")),
        (LAYOUT.base("m", "seeds0-4", "plain") / "grades.parquet", ("m", "plain", "", "")),
        (LAYOUT.base("m", "base", "plain") / "grades.parquet", ("m", "plain", "", "")),
    ],
)
def test_a_path_says_the_condition_that_tables_name(path: Path, expected: tuple[str, ...]) -> None:
    assert identity(path) == identity(Path("/elsewhere") / path) == expected


@pytest.mark.parametrize("path", [LAYOUT.problems("sums"), LAYOUT.pretrained("m", 3), LAYOUT.scored("main", "m")])
def test_what_is_of_no_condition_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="is no artifact of a model or a run"):
        identity(path)

"""The tables that stages exchange: each declared once here, checked on write and on read.

A table is a Parquet file whose metadata names its schema and that schema's version, so that a file of another version or
another table is refused with a message instead of failing somewhere downstream. Results may be a stranger's: what a file
claims to be is looked at before its rows are read, and how much it may come to depends on its own size.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pandas as pd
import pandera.errors
import pandera.pandas as pa
import pyarrow
import pyarrow.parquet as pq

from spurious_rewards.artifacts import parquet_files
from spurious_rewards.artifacts.arrow_rows import is_text
from spurious_rewards.runtime.errors import UserError, first_line, in_a_line
from spurious_rewards.runtime.files import REMAKE, replacing

ROW_GROUP = 5_000
"""Rows of a Parquet file that are read at once, where not all are."""

SHARED_BASE = -1
"""Value of `seed` in rows of a base model that all seeds share (hub and local models; an organism has one a seed)."""


class Table(pa.DataFrameModel):
    """A table with exactly these columns, in this order. `_VERSION` is raised whenever the columns or their meaning change."""

    _VERSION = 1  # pandera takes public names for columns

    class Config:
        """Columns that are not declared, or missing, are errors."""

        strict = True
        ordered = True


class Problems(Table):
    """Problems with their true answers."""

    id: str = pa.Field(unique=True)
    problem: str
    answer: str
    source: str


class TrainingSet(Table):
    """Problems with the label that the reward compares against (one set a `seed`: majority labels depend on the model)."""

    seed: int
    id: str
    problem: str
    answer: str
    label: str


class Responses(Table):
    """One row a response. `step` counts rollout steps of training; 0 is the base model."""

    seed: int
    step: int = pa.Field(ge=0)
    benchmark: str
    id: str
    sample: int = pa.Field(ge=0)
    response: str
    tokens: int = pa.Field(ge=0)
    truncated: bool


class Grades(Table):
    """One row a response: what was read out of it and whether it is right.

    `rule` is how the answer was found ("box", "tag", "phrase", "number", "none"); `status` is "graded", or "timeout" /
    "crash" when the equivalence check did not come to an end (`correct` is then False).
    """

    seed: int
    step: int = pa.Field(ge=0)
    benchmark: str
    id: str
    sample: int = pa.Field(ge=0)
    extracted: str = pa.Field(nullable=True)
    rule: str = pa.Field(isin=["box", "tag", "phrase", "number", "none"])
    correct: bool
    status: str = pa.Field(isin=["graded", "timeout", "crash"])
    has_code: bool
    has_box: bool
    repeats: bool
    truncated: bool


class Labels(Table):
    """Majority vote, one row a (seed, problem): the label, how many of the samples agree with it, and if it is right."""

    seed: int
    id: str
    problem: str
    answer: str
    majority: str = pa.Field(nullable=True)
    votes: int = pa.Field(ge=0)
    samples: int = pa.Field(ge=1)
    correct: bool


class Metrics(Table):
    """Training metrics, one row a (seed, rollout step); rates are fractions of the step's responses, lengths are tokens.

    `reward` is the mean over the responses that have one (all but those that a function of TRL's gives None), or none at all.
    `seconds` and `tokens_per_second` are the timing columns, which no comparison of results looks at.
    """

    seed: int
    step: int = pa.Field(ge=1)
    reward: float = pa.Field(nullable=True)
    accuracy: float
    code_rate: float
    box_rate: float
    repetition_rate: float
    truncation_rate: float
    response_tokens: float
    zero_variance_groups: float
    entropy: float
    token_probability: float
    clip_fraction: float
    grad_norm: float
    seconds: float
    tokens_per_second: float


class Rollouts(Table):
    """Responses of training, kept every `rollouts_every` steps; `reward` is null where a function of TRL's gave None."""

    seed: int
    step: int = pa.Field(ge=1)
    id: str
    sample: int = pa.Field(ge=0)
    response: str
    reward: float = pa.Field(nullable=True)
    correct: bool


class Scores(Table):
    """One row a (run, step, benchmark), averaged over problems and samples; the numbers that curves are drawn from."""

    model: str
    prompt: str
    reward: str
    variant: str
    seed: int
    step: int = pa.Field(ge=0)
    benchmark: str
    problems: int = pa.Field(ge=1)
    samples: int = pa.Field(ge=1)
    accuracy: float = pa.Field(ge=0, le=1)
    code_rate: float = pa.Field(ge=0, le=1)
    box_rate: float = pa.Field(ge=0, le=1)
    repetition_rate: float = pa.Field(ge=0, le=1)
    truncation_rate: float = pa.Field(ge=0, le=1)


class Rates(Table):
    """One row a (run, step, benchmark, problem), averaged over samples, of the steps that tables of differences look at.

    Step 0 is of the models before training (reward and variant ""), under every prompt that a difference is taken from.
    `right_with_code` is the share of samples that are right and have code.
    """

    model: str
    prompt: str
    reward: str
    variant: str
    seed: int
    step: int = pa.Field(ge=0)
    benchmark: str
    id: str
    samples: int = pa.Field(ge=1)
    accuracy: float = pa.Field(ge=0, le=1)
    code_rate: float = pa.Field(ge=0, le=1)
    right_with_code: float = pa.Field(ge=0, le=1)

    class Config(Table.Config):  # noqa: D106
        unique = ["model", "prompt", "reward", "variant", "seed", "step", "benchmark", "id"]  # noqa: RUF012


class Probe(Table):
    """One row an antithetic pair of `training.probe`: changes of the log odds of code over one rollout batch.

    `change_minus` is with every reward r of `change_plus` turned into 1 - r; `bias` is the mean of the two.
    """

    variant: str
    seed: int
    pair: int = pa.Field(ge=0)
    change_plus: float
    change_minus: float
    bias: float


class Bandit(Table):
    """Mean log odds of the first action of `bandit` over its runs, with a 95 % interval; step 0 is the start."""

    _VERSION = 3

    variant: str = pa.Field(isin=["clip", "no clip", "one update"])
    optimizer: str
    step: int = pa.Field(ge=0)
    log_odds: float
    low: float
    high: float
    runs: int = pa.Field(ge=2)


TIMING_COLUMNS = ("seconds", "tokens_per_second")


def empty(table: type[Table]) -> pd.DataFrame:
    """A frame of no rows with the columns and types of `table`."""
    return pd.DataFrame(
        {name: pd.Series(dtype=str(column.dtype)) for name, column in table.to_schema().columns.items()}
    )


def write(frame: pd.DataFrame, table: type[Table], path: Path) -> None:
    """Check `frame` against `table` and write it whole or not at all (temporary name, then rename)."""
    write_in_parts([frame], table, path)


def write_in_parts(
    frames: Iterable[pd.DataFrame], table: type[Table], path: Path, row_group: int | None = None
) -> None:
    """Write at least one frame, each behind the one before, as `write` does, with one of them in memory at a time.

    Args:
        frames: each but the last of a multiple of `row_group` rows, or a row group ends early.
        table: what they are checked against.
        path: of the file.
        row_group: rows that are read at once where not all are; `ROW_GROUP` by default.
    """
    with replacing(path) as temporary, ExitStack() as stack:
        whole: pq.ParquetWriter | None = None
        for frame in frames:
            arrow = _checked(frame, table)
            if whole is None:
                whole = stack.enter_context(pq.ParquetWriter(temporary, arrow.schema))
            whole.write_table(arrow, row_group_size=row_group or ROW_GROUP)


def _checked(frame: pd.DataFrame, table: type[Table]) -> pyarrow.Table:
    frame = table.validate(frame.reset_index(drop=True))
    arrow = pyarrow.Table.from_pandas(frame, preserve_index=False)
    return arrow.replace_schema_metadata(
        {**(arrow.schema.metadata or {}), b"table": table.__name__.encode(), b"version": str(table._VERSION).encode()}
    )


IN_MEMORY = 10**9
"""Bytes that any table may come to."""

RATIO = 100
"""Times its own size that a file may come to where that is more; Snappy, which `write` uses, saves a factor of 22 at most."""


def read(path: Path, table: type[Table], mend: str = REMAKE) -> pd.DataFrame:
    """Read a table written by `write`; `mend` says what to do about a file that cannot be read.

    Raises:
        UserError: the file is missing, truncated, of another table, of another version of its schema, or holds what no such
            table does or more than a file of its size can.
    """
    return _frame(path, table, mend)


def row_groups(path: Path, table: type[Table]) -> list[int]:
    """How many rows each row group of a table has, of `ROW_GROUP` at most.

    Raises:
        UserError: see `read`.
    """
    with _readable(path, REMAKE):
        file, _ = _opened(path, table, REMAKE)
        return [file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups)]


def read_row_groups(path: Path, table: type[Table], numbers: Sequence[int]) -> pd.DataFrame:
    """Read some row groups of a table; the others stay on disk.

    Raises:
        UserError: see `read`.
    """
    return _frame(path, table, REMAKE, numbers)


def read_columns(path: Path, table: type[Table], names: Sequence[str]) -> pd.DataFrame:
    """Read some columns of a table; the others stay on disk, unchecked.

    Raises:
        UserError: see `read`.
    """
    with _readable(path, REMAKE):
        file, _ = _opened(path, table, REMAKE)
        arrow = parquet_files.read(path, file, names, allowed(path))
    return _validated(path, table.to_schema().select_columns(list(names)), REMAKE, arrow)


def join(parts: Sequence[Path], table: type[Table], path: Path) -> None:
    """Write the tables of `parts`, one after the other, as one; whole or not at all, with one of them in memory at a time.

    Raises:
        UserError: see `read`.
    """
    write_in_parts((_frame(part, table, REMAKE) for part in parts), table, path)


def _frame(path: Path, table: type[Table], mend: str, groups: Sequence[int] | None = None) -> pd.DataFrame:
    """A table, or some of its row groups."""
    with _readable(path, mend):
        file, columns = _opened(path, table, mend)
        arrow = parquet_files.read(path, file, columns, allowed(path), groups=groups)
    return _validated(path, table.to_schema(), mend, arrow)


def _opened(path: Path, table: type[Table], mend: str) -> tuple[pq.ParquetFile, list[str]]:
    """A file that says to hold a table, of which only the footer has been read, and the table's columns."""
    if path.is_dir():
        raise UserError(f"{path}: this is a folder; name a table in it")
    if not path.is_file():
        missing = "no such table; run the step that makes it"
        raise UserError(f"{path}: {f'not a file; {REMAKE}' if path.exists() else missing}")
    file = parquet_files.opened(path)
    metadata = file.schema_arrow.metadata or {}
    name, version = (metadata.get(key, b"?").decode(errors="replace") for key in (b"table", b"version"))
    if (name, version) != (table.__name__, str(table._VERSION)):
        raise UserError(
            f"{path}: holds table {name} version {version}, but this program reads {table.__name__} version "
            f"{table._VERSION}; {mend}"
        )
    columns = list(table.to_schema().columns)
    if file.schema_arrow.names != columns or not all(is_plain(field.type) for field in file.schema_arrow):
        raise UserError(f"{path}: has other columns than a table {name} of version {version}; {mend}")
    return file, columns


@contextmanager
def _readable(path: Path, mend: str) -> Iterator[None]:
    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(
            f"{path}: not a readable Parquet file, perhaps cut short by a crash ({in_a_line(error)}); {mend}"
        ) from error


def _validated(path: Path, schema: pa.DataFrameSchema, mend: str, arrow: pyarrow.Table) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = schema.validate(arrow.to_pandas())
    except pandera.errors.SchemaError as error:
        raise UserError(
            f"{path}: contains values that are invalid in table {schema.name} ({first_line(error)}); {mend}"
        ) from error
    return frame


def allowed(path: Path) -> int:
    """Bytes that a table of a file's size may come to in memory."""
    return max(IN_MEMORY, RATIO * path.stat().st_size)


def is_plain(kind: pyarrow.DataType) -> bool:
    """Whether a column has a single number, flag or text in each row, and no list of them."""
    return is_text(kind) or pyarrow.types.is_primitive(kind) or pyarrow.types.is_null(kind)


def rows(path: Path) -> int:
    """How many rows a table has that was written by `write`, without reading them.

    Raises:
        UserError: see `read`.
    """
    if not path.is_file():
        raise UserError(f"{path}: not a file; {REMAKE}")
    try:
        count: int = pq.read_metadata(path).num_rows
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a readable Parquet file ({in_a_line(error)}); {REMAKE}") from error
    return count


def of_seed(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The rows of a seed, or those of a base model that all seeds share."""
    own = frame[frame["seed"] == seed]
    return own if len(own) else frame[frame["seed"] == SHARED_BASE]

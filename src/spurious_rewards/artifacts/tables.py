"""The tables that stages exchange. Each is declared once here, and checked on write and on read.

A table is a Parquet file whose metadata names its schema and the schema's version. So a file of another table or
version is refused with a message, instead of failing later. Results may come from a stranger: a file's metadata is
checked before its rows are read, and the memory that it may take is limited by its own size.
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
"""Rows per row group, the unit in which a part of a Parquet file is read."""

SHARED_BASE = -1
"""`seed` in rows of an untrained model that all seeds share (hub and local models; an organism has one per seed)."""


class Table(pa.DataFrameModel):
    """A table with exactly these columns, in this order. `_VERSION` increases when columns or their meaning change."""

    _VERSION = 1  # private, because pandera takes public names for columns

    class Config:
        """Make undeclared and missing columns errors."""

        strict = True
        ordered = True


class Problems(Table):
    """Problems with their true answers."""

    id: str = pa.Field(unique=True)
    problem: str
    answer: str
    source: str


class TrainingSet(Table):
    """Problems with the label that rewards compare with; one set per `seed`, as majority labels depend on the model."""

    seed: int
    id: str
    problem: str
    answer: str
    label: str


class Responses(Table):
    """Responses, one row each. `step` counts rollout steps of training; 0 is the model before training."""

    seed: int
    step: int = pa.Field(ge=0)
    benchmark: str
    id: str
    sample: int = pa.Field(ge=0)
    response: str
    tokens: int = pa.Field(ge=0)
    truncated: bool


class Grades(Table):
    """Grades of responses, one row per response: the extracted answer and whether it is correct.

    `rule` is the rule that found the answer ("box", "tag", "phrase", "number", "none"). `status` is "graded", or
    "timeout" or "crash" if the equivalence check did not finish (`correct` is then False).
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
    """Majority votes, one row per seed and problem: the label, its votes, the samples, and whether it is correct."""

    seed: int
    id: str
    problem: str
    answer: str
    majority: str = pa.Field(nullable=True)
    votes: int = pa.Field(ge=0)
    samples: int = pa.Field(ge=1)
    correct: bool


class Metrics(Table):
    """Training metrics, one row per seed and rollout step. Rates are fractions of responses, lengths are in tokens.

    `reward` is the mean over the responses that have a reward, or null if none has one (a TRL reward function may
    return None). `seconds` and `tokens_per_second` are the timing columns, which comparisons of results ignore.
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
    """Training responses, kept every `rollouts_every` steps; `reward` is null where a TRL reward function gave None."""

    seed: int
    step: int = pa.Field(ge=1)
    id: str
    sample: int = pa.Field(ge=0)
    response: str
    reward: float = pa.Field(nullable=True)
    correct: bool


class Scores(Table):
    """Means over problems and samples, one row per run, step and benchmark. Curves are drawn from these numbers."""

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
    """Means over samples, one row per run, step, benchmark and problem, for the steps that tables of differences use.

    Rows of step 0 belong to models before training (reward and variant are ""), under every prompt that a difference
    starts from. `right_with_code` is the share of samples that are correct and contain code.
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
    """One row per antithetic pair of `training.probe`: changes of the log odds of code over one rollout batch.

    For `change_minus`, every reward r of `change_plus` is replaced by 1 - r. `bias` is the mean of the two changes.
    """

    variant: str
    seed: int
    pair: int = pa.Field(ge=0)
    change_plus: float
    change_minus: float
    bias: float


class Bandit(Table):
    """Mean over runs of the log odds of the first action in `bandit`, with a 95 % interval. Step 0 is the start."""

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
    """Return a frame without rows that has the columns and types of `table`."""
    return pd.DataFrame(
        {name: pd.Series(dtype=str(column.dtype)) for name, column in table.to_schema().columns.items()}
    )


def write(frame: pd.DataFrame, table: type[Table], path: Path) -> None:
    """Check `frame` against `table` and write it, whole or not at all (temporary name, then rename)."""
    write_in_parts([frame], table, path)


def write_in_parts(
    frames: Iterable[pd.DataFrame], table: type[Table], path: Path, row_group: int | None = None
) -> None:
    """Write frames one after another as a single table, like `write`, with only one of them in memory at a time.

    Args:
        frames: at least one. The length of each but the last is a multiple of `row_group`, or a row group ends early.
        table: the table that each frame is checked against.
        path: the file to write.
        row_group: rows per row group, the unit in which a part of the file can be read; by default `ROW_GROUP`.
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
"""Bytes of memory that any table may take."""

RATIO = 100
"""A larger table may take this many times its file size; Snappy, which `write` uses, compresses 22-fold at most."""


def read(path: Path, table: type[Table], mend: str = REMAKE) -> pd.DataFrame:
    """Read a table written by `write`; `mend` tells the user what to do about a file that cannot be read.

    Raises:
        UserError: the file is missing or truncated, has another table or schema version, contains invalid values, or
            takes more memory than a file of its size may.
    """
    return _frame(path, table, mend)


def row_groups(path: Path, table: type[Table]) -> list[int]:
    """Return the number of rows in each row group of a table, at most `ROW_GROUP` each.

    Raises:
        UserError: see `read`.
    """
    with _readable(path, REMAKE):
        file, _ = _opened(path, table, REMAKE)
        return [file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups)]


def read_row_groups(path: Path, table: type[Table], numbers: Sequence[int]) -> pd.DataFrame:
    """Read some row groups of a table; the others are not read.

    Raises:
        UserError: see `read`.
    """
    return _frame(path, table, REMAKE, numbers)


def read_columns(path: Path, table: type[Table], names: Sequence[str]) -> pd.DataFrame:
    """Read some columns of a table; the others are neither read nor checked.

    Raises:
        UserError: see `read`.
    """
    with _readable(path, REMAKE):
        file, _ = _opened(path, table, REMAKE)
        arrow = parquet_files.read(path, file, names, allowed(path))
    return _validated(path, table.to_schema().select_columns(list(names)), REMAKE, arrow)


def join(parts: Sequence[Path], table: type[Table], path: Path) -> None:
    """Write the tables of `parts` one after another as a single table, with only one in memory; whole or not at all.

    Raises:
        UserError: see `read`.
    """
    write_in_parts((_frame(part, table, REMAKE) for part in parts), table, path)


def _frame(path: Path, table: type[Table], mend: str, groups: Sequence[int] | None = None) -> pd.DataFrame:
    """Read a table, or some of its row groups."""
    with _readable(path, mend):
        file, columns = _opened(path, table, mend)
        arrow = parquet_files.read(path, file, columns, allowed(path), groups=groups)
    return _validated(path, table.to_schema(), mend, arrow)


def _opened(path: Path, table: type[Table], mend: str) -> tuple[pq.ParquetFile, list[str]]:
    """Open a file that claims to be a table, reading only its footer; return it with the table's columns."""
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
    """Return the bytes of memory that a table in a file of this size may take."""
    return max(IN_MEMORY, RATIO * path.stat().st_size)


def is_plain(kind: pyarrow.DataType) -> bool:
    """Whether a column has a single number, boolean or text in each row, and no list."""
    return is_text(kind) or pyarrow.types.is_primitive(kind) or pyarrow.types.is_null(kind)


def rows(path: Path) -> int:
    """Return the number of rows of a table written by `write`, without reading them.

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
    """Return the rows of a seed, or else the rows of the untrained model that all seeds share."""
    own = frame[frame["seed"] == seed]
    return own if len(own) else frame[frame["seed"] == SHARED_BASE]

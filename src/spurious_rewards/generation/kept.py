"""Keep answers for a later request with more benchmarks, which then answers only the additional ones.

The kept file is a hard link to the file of responses, because Snakemake deletes that file before it is made again. An
identical request is answered anew, because that is what `snakemake --forcerun` asks for.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ValidationError

from spurious_rewards.artifacts import sorted_tables, tables
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import read_text, replacing
from spurious_rewards.runtime.links import refuse_links_below


class Record(BaseModel):
    """Digests of what answers depend on: checkpoints by `name_of`, tasks by benchmark, and everything else (`made_by`).

    `file` is the size and time of the kept file, to detect damage: damage to the original damages the hard link too.
    """

    made_by: str
    checkpoints: dict[str, str]
    tasks: dict[str, str]
    file: tuple[int, int] | None = None


def record(request: Mapping[str, Any]) -> Record:
    """Return the record of a request: its `checkpoints` (seed, step, files), `tasks` (benchmark first) and the rest."""
    return Record(
        made_by=_digest({key: value for key, value in request.items() if key not in ("checkpoints", "tasks")}),
        checkpoints={name_of(seed, step): _digest(files) for seed, step, files in request["checkpoints"]},
        tasks={benchmark: _digest(asked) for benchmark, *asked in request["tasks"]},
    )


def name_of(seed: int, step: int) -> str:
    """Return the name of a checkpoint within a request."""
    return f"{seed}/{step}"


def keep(responses: Path, of: Record) -> None:
    """Keep a file of tables.Responses for later requests; it replaces the one kept before."""
    with replacing(_folder(responses)) as folder:
        folder.mkdir()
        (folder / "responses.parquet").hardlink_to(responses)
        kept = of.model_copy(update={"file": _stamp(responses)})
        (folder / "record.json").write_text(kept.model_dump_json(), encoding="utf-8")


def usable(responses: Path, asked: Record) -> set[str]:
    """Return the benchmarks with kept answers of all requested checkpoints; none if the kept request is identical."""
    folder = _folder(responses)
    refuse_links_below(folder)
    try:
        there = Record.model_validate_json(read_text(folder / "record.json"))
        damaged = there.file != _stamp(folder / "responses.parquet")
    except (OSError, UserError, ValidationError):
        return set()
    same = there.model_copy(update={"file": None}) == asked
    if damaged or same or there.made_by != asked.made_by or not asked.checkpoints.items() <= there.checkpoints.items():
        return set()
    return {benchmark for benchmark, digest in asked.tasks.items() if there.tasks.get(benchmark) == digest}


def take(responses: Path, benchmarks: Collection[str], checkpoints: Collection[str], part: Path) -> None:
    """Write the kept answers of some checkpoints to some benchmarks as a part for `sorted_tables.join`."""
    kept = _folder(responses) / "responses.parquet"

    def rows() -> Iterator[pd.DataFrame]:
        for number in range(len(tables.row_groups(kept, tables.Responses))):
            group = tables.read_row_groups(kept, tables.Responses, [number])
            by = [name_of(seed, step) for seed, step in zip(group["seed"], group["step"], strict=True)]
            yield group[
                group["benchmark"].isin(list(benchmarks)) & pd.Series(by, index=group.index).isin(list(checkpoints))
            ]

    tables.write_in_parts(rows(), tables.Responses, part, sorted_tables.FEW)


def _folder(responses: Path) -> Path:
    return responses.with_name(f".{responses.name}.kept")


def _stamp(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns


def _digest(what: Any) -> str:
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]

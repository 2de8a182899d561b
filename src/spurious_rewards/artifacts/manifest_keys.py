"""The keys of a manifest, each with its kind: one that comes from elsewhere may hold anything."""

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

DEEPEST = 50
"""How deep lists and mappings of a manifest may be nested; what reads them calls itself for each."""


def _file_name(text: str) -> str:
    if text in (".", "..") or text != Path(text).name:
        raise ValueError("allowed: the name of a file in the folder that the manifest is of")
    return text


def _path(text: str) -> str:
    if "\0" in text:
        raise ValueError("a path has no zero byte")
    os.fsencode(text)  # what is no text raises a ValueError
    return text


def _time(text: str) -> str:
    if (year := datetime.fromisoformat(text).year) < 1970:
        raise ValueError(f"the year {year} is too early")
    return text


def _too_deep(value: Any) -> bool:
    layer, depth = [value], 0
    while layer := [
        inner
        for each in layer
        if isinstance(each, dict | list)
        for inner in (each.values() if isinstance(each, dict) else each)
    ]:
        if (depth := depth + 1) > DEEPEST:
            return True
    return False


PathText = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_path)]
Amount = Annotated[float, Field(ge=0, le=1e10, allow_inf_nan=False)]
Whole = Annotated[int, Field(ge=0, le=10**12)]


class _Part(BaseModel):
    """Keys that are not named are nobody's business; the named ones are of their kind, and nothing is converted."""

    model_config = ConfigDict(strict=True, extra="ignore")


class Git(_Part):
    """State of the checkout; none where git cannot be asked."""

    commit: str | None
    clean: bool | None


class Machine(_Part):
    """What a stage ran on; memory in MiB."""

    machine: str = ""
    processor: str
    cores: Whole | None
    memory_mb: Whole | None = None
    gpus: list[str]


class Parent(_Part):
    """What an artifact was made from, and the hash that it had then, if it had one."""

    artifact: PathText
    sha256: str | None


class Card(_Part):
    """A data card, as far as anything is made of it."""

    source: str
    revision: str | None = None
    rows: Whole
    kept: Whole
    dropped: dict[str, Whole] = Field(default_factory=dict)
    sha256: str


class Details(_Part):
    """What stages say besides: hashes of what models were given (`prompts.hashes`), data cards."""

    prompt: str | None = None
    template: str | None = None
    rendered: str | None = None
    card: Card | None = None


class Manifest(_Part):
    """A manifest; times in seconds, memory in MiB. A folder has no `sha256`, and `files` are those of one."""

    stage: Annotated[str, Field(max_length=100)]
    artifact: PathText
    sha256: str | None
    files: dict[Annotated[str, AfterValidator(_file_name)], str | None] = Field(default_factory=dict)
    created: Annotated[str, AfterValidator(_time)]
    fingerprint: str
    request: dict[str, Any]
    versions: dict[str, str]
    git: Git
    hardware: Machine
    wall_seconds: Amount
    gpu_seconds: Amount
    processor_seconds: Amount | None = None  # those of earlier versions had none
    peak_memory_mb: Amount
    parents: list[Parent]
    details: Details

    @model_validator(mode="before")
    @classmethod
    def _can_be_written(cls, content: Any) -> Any:
        """Also where nobody names a key: a manifest goes into an archive as it is."""
        for key, value in content.items() if isinstance(content, dict) else ():
            if _too_deep(value):
                raise ValueError(f"{key}: nested more than {DEEPEST} deep")
            try:
                json.dumps([key, value], ensure_ascii=False).encode()
            except UnicodeEncodeError:
                raise ValueError(f"{key}: holds half a surrogate pair, which is no text") from None
        return content

    @model_validator(mode="after")
    def _of_a_report_is_the_suite(self) -> Self:
        if self.stage == "report" and not isinstance(self.request.get("suite"), dict):
            raise ValueError("request.suite: should be the suite that the report is of")
        return self

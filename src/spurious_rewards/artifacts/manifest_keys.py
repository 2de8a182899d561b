"""The schema of a manifest, to validate manifests from elsewhere, which may contain anything."""

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

DEEPEST = 50
"""How deep lists and mappings in a manifest may be nested, because the code that reads them is recursive."""


def _file_name(text: str) -> str:
    if text in (".", "..") or text != Path(text).name:
        raise ValueError("allowed: the name of a file in the folder that the manifest is of")
    return text


def _path(text: str) -> str:
    if "\0" in text:
        raise ValueError("a path has no zero byte")
    os.fsencode(text)  # raises a ValueError for what is not text
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
    """Base of the schema: declared keys must have their type, without conversion; other keys are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore")


class Git(_Part):
    """State of the git checkout; None where git is not available."""

    commit: str | None
    clean: bool | None


class Machine(_Part):
    """The machine that a stage ran on; memory in MiB."""

    machine: str = ""
    processor: str
    cores: Whole | None
    memory_mb: Whole | None = None
    gpus: list[str]


class Parent(_Part):
    """An artifact that another was made from, and the hash that it had then (None without one)."""

    artifact: PathText
    sha256: str | None


class Card(_Part):
    """A data card: the keys that the library uses."""

    source: str
    revision: str | None = None
    rows: Whole
    kept: Whole
    dropped: dict[str, Whole] = Field(default_factory=dict)
    sha256: str


class Details(_Part):
    """Further information from stages: hashes of what models were given (`prompts.hashes`), and data cards."""

    prompt: str | None = None
    template: str | None = None
    rendered: str | None = None
    card: Card | None = None


class Manifest(_Part):
    """A manifest; times in seconds, memory in MiB. A folder has no `sha256`; `files` has the hashes of its files."""

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
    processor_seconds: Amount | None = None  # absent in manifests of earlier versions
    peak_memory_mb: Amount
    parents: list[Parent]
    details: Details

    @model_validator(mode="before")
    @classmethod
    def _can_be_written(cls, content: Any) -> Any:
        """Check all keys, also unknown ones, because an archive includes the manifest unchanged."""
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

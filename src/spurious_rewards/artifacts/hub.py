"""Access to the Hugging Face hub: resolve revisions to commits (the lock file), check local caches, and download.

No other module of the library contacts the hub, through huggingface_hub or `datasets.load_dataset`.
"""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import yaml
from pydantic import Field

from spurious_rewards.artifacts import arrow_rows
from spurious_rewards.artifacts.limits import ROWS
from spurious_rewards.config.base import Frozen
from spurious_rewards.config.messages import validate
from spurious_rewards.config.yaml_files import read_yaml
from spurious_rewards.runtime.errors import UserError, first_line, in_a_line
from spurious_rewards.runtime.files import replacing

PATIENCE = 10
"""Timeout in seconds for the check whether the hub answers at all."""

BATCH = 1_000
"""Rows of a data set that are read from its cache at a time."""

COMMIT = r"^[0-9a-f]{40}$"
Commit = Annotated[str, Field(pattern=COMMIT)]


class Lock(Frozen):
    """The commits that revisions stood for when they were first resolved: hub id -> revision -> commit."""

    datasets: dict[str, dict[str, Commit]] = Field(default_factory=dict)
    models: dict[str, dict[str, Commit]] = Field(default_factory=dict)


def is_id(text: str) -> bool:
    """Whether a text can be a hub id. A path that begins with `/`, `.` or `~`, or has two slashes, cannot."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(text)
    except HFValidationError:
        return False
    return True


def resolve(kind: Literal["dataset", "model"], hub_id: str, revision: str | None, lock: Path) -> str:
    """Return the commit (40 hex digits) that a revision stands for, from the lock file or else from the hub.

    A commit from the hub is written to the lock file; later calls then use it without contacting the hub. Several
    processes may call this at once.

    Raises:
        UserError: the hub cannot be reached or has no such repository or revision, or the lock file is invalid.
    """
    revision = revision or "main"
    if commit := pinned(kind, hub_id, revision, lock):
        return commit
    from huggingface_hub import HfApi
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    ask = HfApi().dataset_info if kind == "dataset" else HfApi().model_info
    try:
        commit = ask(hub_id, revision=revision, timeout=30).sha
    except Exception as error:  # httpx and huggingface_hub raise exceptions of several unrelated classes
        raise _not_given(kind, hub_id, error) from error
    lock.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock.with_name(f".{lock.name}.lock")):
        earlier = pinned(kind, hub_id, revision, lock)  # perhaps written by another process during the request
        if earlier:
            return earlier
        pins = _read_lock(lock).model_dump()
        pins[f"{kind}s"].setdefault(hub_id, {})[revision] = commit
        with replacing(lock) as temporary:
            temporary.write_text(
                "# What hub revisions stood for when they were first fetched. Delete an entry to take the newest.\n"
                + yaml.safe_dump(validate(Lock, pins, lock).model_dump()),
                encoding="utf-8",
            )
    return str(commit)


def pinned(kind: Literal["dataset", "model"], hub_id: str, revision: str | None, lock: Path) -> str | None:
    """Return the known commit of a revision: itself if it is one, else the lock file's. The hub is not contacted."""
    revision = revision or "main"
    if re.fullmatch(COMMIT, revision):
        return revision
    pins: dict[str, dict[str, str]] = getattr(_read_lock(lock), f"{kind}s")
    return pins.get(hub_id, {}).get(revision)


def _read_lock(lock: Path) -> Lock:
    return validate(Lock, read_yaml(lock), lock) if lock.exists() else Lock()


MODEL_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
"""Patterns of the files of a model on the hub that are used here."""

WITHOUT_WEIGHTS = [pattern for pattern in MODEL_FILES if pattern != "*.safetensors"]
"""Patterns of a model's configuration and tokenizer files."""


def download_model(hub_id: str, revision: str | None, files: Sequence[str] = MODEL_FILES) -> Path:
    """Return the folder of a model in the hub client's cache; `files` that are missing there are downloaded.

    Raises:
        UserError: no such model or revision, no permission (gated models), or no network and no cached copy.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(hub_id, revision=revision, allow_patterns=list(files)))
    # The client's own errors are OSErrors, except for malformed ids (ValueError).
    except (OSError, ValueError) as error:
        raise UserError(
            f"{hub_id} (revision {revision}): cannot be had from the Hugging Face hub ({first_line(error)}); "
            "check id, network and access, or name a local copy under `sources:` in config.yaml"
        ) from error


def copy_model(hub_id: str, commit: str, folder: Path, anew: Collection[Path] = ()) -> dict[str, "HubFile"]:
    """Download the missing files of a model into a folder of its own; return what the hub says about each of its files.

    Files in `anew` are downloaded again, once it is known that the hub has them.

    Raises:
        UserError: no permission, no network, or no such model; files that have arrived are kept.
        OSError: the disk is full or fails.
    """
    from huggingface_hub import HfApi, RepoFile, snapshot_download
    from huggingface_hub.utils import filter_repo_objects  # type: ignore[attr-defined]

    try:
        listed = HfApi().list_repo_tree(hub_id, recursive=True, revision=commit)
        files = filter_repo_objects(
            (entry for entry in listed if isinstance(entry, RepoFile)),
            allow_patterns=MODEL_FILES,
            key=lambda entry: entry.path,
        )
        said = {entry.path: HubFile(entry.size, entry.lfs.sha256 if entry.lfs else None) for entry in files}
        for name in said:
            if folder / name in anew:
                (folder / name).unlink(missing_ok=True)
        snapshot_download(hub_id, revision=commit, local_dir=folder, allow_patterns=MODEL_FILES)
    except Exception as error:  # httpx and huggingface_hub raise exceptions of several unrelated classes
        raise _not_copied(hub_id, error) from error
    return said


class HubFile(NamedTuple):
    """What the hub says about a file: its size in bytes, and the SHA-256 if the file is stored with Git LFS."""

    size: int
    sha256: str | None


def check_access(hub_ids: Iterable[str]) -> None:
    """Check that models may be downloaded, before a download of hours begins.

    Raises:
        UserError: a model is gated and the user has not accepted its terms, or the hub cannot be reached.
    """
    from huggingface_hub import HfApi

    for hub_id in hub_ids:
        try:
            HfApi().auth_check(hub_id)
        except Exception as error:  # httpx and huggingface_hub raise exceptions of several unrelated classes
            raise _not_copied(hub_id, error) from error


def dataset_rows(
    hub_id: str, subset: str | None, split: str, commit: str, wanted: Collection[str]
) -> tuple[dict[str, str], Iterator[dict[str, Any]]]:
    """Return `arrow_rows.columns` of a data set at a commit, and its rows with the `wanted` columns that can be read.

    Raises:
        UserError: the hub cannot be reached and that commit is not cached, the hub has no such data set, or the data
            set has more rows or columns than `artifacts.limits` allows.
    """
    import datasets  # takes a second, and only this function needs it

    # Offline, datasets loads whichever commit it cached last; so each commit gets its own cache.
    cache = Path(datasets.config.HF_DATASETS_CACHE) / commit
    try:
        loaded = datasets.load_dataset(
            hub_id, name=subset, split=split, revision=commit, cache_dir=str(cache), trust_remote_code=False
        )
    except Exception as error:  # httpx, datasets, pyarrow and huggingface_hub raise exceptions of several classes
        raise _not_given("dataset", hub_id, error) from error
    if len(loaded) > ROWS:
        raise UserError(
            f"{hub_id}: has {len(loaded):,} rows; allowed: {ROWS:,}; name a part of it, such as `split: train[:10%]`"
        )
    columns = arrow_rows.columns(loaded.features.arrow_schema, hub_id)
    held = [name for name in wanted if columns.get(name) == ""]
    parts = loaded.select_columns(held).with_format("arrow").iter(BATCH) if held else ({} for _ in range(len(loaded)))
    return columns, (row for part in parts for row in (arrow_rows.rows(part) if held else [part]))


# ---------------------------------------------------------------- what is here


def cached_model(hub_id: str, commit: str | None) -> Path | None:
    """Return config.json of a model in the hub client's cache; None unless weights are cached there too."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(hub_id, "config.json", revision=commit) if commit else None
    return Path(found) if isinstance(found, str) and any(Path(found).parent.glob("*.safetensors")) else None


def dataset_is_cached(commit: str | None) -> bool:
    """Whether `dataset_rows` of a commit works without a network."""
    from huggingface_hub import constants

    # The same folder that `datasets` uses; importing `datasets` would take a second.
    cache = Path(os.environ.get("HF_DATASETS_CACHE") or Path(constants.HF_HOME) / "datasets")
    return commit is not None and any((cache / commit).rglob("*.arrow"))


def has_token() -> bool:
    """Whether the user is logged in to the hub, so that gated models can be requested."""
    from huggingface_hub import get_token

    return get_token() is not None


def endpoint() -> str:
    """Return the address of the hub."""
    from huggingface_hub import constants

    return constants.ENDPOINT


def unreachable() -> str:
    """Return why the hub does not answer, or "" if it does."""
    from huggingface_hub import get_session

    try:
        get_session().head(endpoint(), timeout=PATIENCE)
    except Exception as error:  # httpx and huggingface_hub raise exceptions of several unrelated classes
        return _reason(error)
    return ""


# ---------------------------------------------------------------- what is said


def _reason(error: Exception) -> str:
    return in_a_line(error).rstrip(".")


def _not_given(kind: str, hub_id: str, error: Exception) -> UserError:
    """Return the error to raise when the hub did not deliver a model or a data set."""
    return UserError(
        f"{hub_id}: this {kind} cannot be fetched from the hub: {_reason(error)}. Without a network, give a local copy as "
        f"`sources: {{{hub_id}: PATH}}` in config.yaml, or fetch it on a machine that has one and bring along the lock "
        "file and the folder HF_HOME"
    )


def _not_copied(hub_id: str, error: Exception) -> Exception:
    """Return the error to raise when a copy could not be made; an error of the disk is returned unchanged."""
    from huggingface_hub.errors import GatedRepoError

    if isinstance(error, GatedRepoError):
        return UserError(
            f"{hub_id}: the hub gives this model only to those who accepted its terms; accept them on its page there, then "
            "log in with `hf auth login` or set HF_TOKEN, and run the command again"
        )
    if isinstance(error, OSError) and error.errno is not None:
        return error
    return UserError(
        f"{hub_id}: cannot be fetched from the hub ({first_line(error).rstrip('.')}); what has arrived is kept, run the command "
        "again to go on"
    )

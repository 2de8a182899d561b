"""The Hugging Face hub: which commit a revision means (the lock file), and downloads."""

import re
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field

from spurious_rewards.config.base import Frozen
from spurious_rewards.config.messages import read_yaml, validate
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import replacing

COMMIT = r"^[0-9a-f]{40}$"
Commit = Annotated[str, Field(pattern=COMMIT)]


class Lock(Frozen):
    """Commits that the hub's revisions stood for when they were first asked: hub id, then revision, then commit."""

    datasets: dict[str, dict[str, Commit]] = Field(default_factory=dict)
    models: dict[str, dict[str, Commit]] = Field(default_factory=dict)


def resolve(kind: Literal["dataset", "model"], hub_id: str, revision: str | None, lock: Path) -> str:
    """The commit (40 hex digits) that a hub revision stands for: what the lock file says, or what the hub says now.

    What the hub says goes into the lock file, which later calls obey without asking the hub. Several processes may do
    so at once.

    Raises:
        UserError: the hub cannot be reached or has no such thing, or the lock file is not one.
    """
    revision = revision or "main"
    if commit := pinned(kind, hub_id, revision, lock):
        return commit
    from huggingface_hub import HfApi
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    ask = HfApi().dataset_info if kind == "dataset" else HfApi().model_info
    try:
        commit = ask(hub_id, revision=revision, timeout=30).sha
    except Exception as error:  # httpx and the hub client each raise kinds of their own
        raise not_had(kind, hub_id, error) from error
    lock.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock.with_name(f".{lock.name}.lock")):
        earlier = pinned(kind, hub_id, revision, lock)  # by another process, while this one asked
        if earlier:
            return earlier
        pins = _read_lock(lock).model_dump()
        pins[f"{kind}s"].setdefault(hub_id, {})[revision] = commit
        with replacing(lock) as temporary:
            temporary.write_text(
                "# What hub revisions stood for when they were first fetched. Delete an entry to take the newest.\n"
                + yaml.safe_dump(validate(Lock, pins, lock).model_dump())
            )
    return str(commit)


def pinned(kind: Literal["dataset", "model"], hub_id: str, revision: str | None, lock: Path) -> str | None:
    """The commit that a revision is known to stand for, without asking the hub: itself, or what the lock file says."""
    revision = revision or "main"
    if re.fullmatch(COMMIT, revision):
        return revision
    pins: dict[str, dict[str, str]] = getattr(_read_lock(lock), f"{kind}s")
    return pins.get(hub_id, {}).get(revision)


def _read_lock(lock: Path) -> Lock:
    return validate(Lock, read_yaml(lock) or {}, lock) if lock.exists() else Lock()


def not_had(kind: str, hub_id: str, error: Exception) -> UserError:
    """What to say where the hub did not give a model or a data set."""
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return UserError(
        f"{hub_id}: this {kind} cannot be fetched from the hub: {reason}. Without a network, give a local copy as "
        f"`sources: {{{hub_id}: PATH}}` in config.yaml, or fetch it on a machine that has one and bring along the lock "
        "file and the folder HF_HOME"
    )


MODEL_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
"""Those of a hub model's files that are of use here."""


def download_model(hub_id: str, revision: str | None) -> Path:
    """The folder of a hub model at a revision, downloaded into the hub client's cache unless it is there already.

    Raises:
        UserError: no such model or revision, no permission (gated models), or no network and no cached copy.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(hub_id, revision=revision, allow_patterns=MODEL_FILES))
    # The client's own errors are OSErrors, except for malformed ids (ValueError).
    except (OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UserError(
            f"{hub_id} (revision {revision}): cannot be had from the Hugging Face hub ({reason}); "
            "check id, network and access, or name a local copy under `sources:` in config.yaml"
        ) from error

"""Sends training metrics to Weights & Biases, or nowhere."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from spurious_rewards.runtime.errors import UserError

VARIABLE = "SPURIOUS_REWARDS_TRACKING"
"""Environment variable that says where metrics go. No result depends on it, so it is not part of a job."""


def chosen() -> Literal["wandb", "none"]:
    """Return where metrics go besides the tables; `none` if the variable is not set.

    Raises:
        UserError: the variable has an unknown value.
    """
    asked = os.environ.get(VARIABLE, "none")
    if asked in ("wandb", "none"):
        return "wandb" if asked == "wandb" else "none"
    raise UserError(f"{VARIABLE} = {asked}: no such place for metrics; allowed: wandb, none")


@dataclass(frozen=True)
class Tracker:
    """Opens one tracked run per seed. Files go below `folder`; `name` says which run of the suite it is."""

    mode: Literal["wandb", "none"]
    folder: Path
    name: str
    config: Mapping[str, Any]

    @contextlib.contextmanager
    def run(self, seed: str) -> Iterator[Callable[[Mapping[str, Any]], None]]:
        """Give the function that takes one row of metrics per rollout step.

        wandb works offline (`wandb sync` uploads later) unless WANDB_MODE is set and there is a key. It never asks for
        a key.
        """
        if self.mode == "none":
            yield lambda row: None
            return
        import wandb

        if keyless():
            print("no W&B key found: logging offline; `wandb sync` uploads later", file=sys.stderr)
        self.folder.mkdir(parents=True, exist_ok=True)
        run = wandb.init(
            project="spurious-rewards",
            group=self.name,
            name=f"{self.name}/{seed}",
            dir=str(self.folder),
            config=dict(self.config),
            mode="offline" if keyless() else os.environ.get("WANDB_MODE", "offline"),  # type: ignore[arg-type]
            settings=wandb.Settings(silent=True, console="off", x_disable_stats=True, x_disable_meta=True),
            reinit="finish_previous",
        )
        lost: list[OSError] = []

        def unless_lost(act: Callable[[], Any]) -> None:
            """Call `act` until it fails once: a SIGTERM to the whole job ends wandb's process before training ends."""
            try:
                if not lost:
                    act()
            except OSError as error:
                lost.append(error)
                print(f"wandb: {error}; further metrics of this run go to the tables only", file=sys.stderr)

        try:
            yield lambda row: unless_lost(lambda: run.log(dict(row), step=row["step"]))
        finally:
            unless_lost(run.finish)


def keyless() -> bool:
    """Whether WANDB_MODE asks for wandb to be online, but neither the environment nor .netrc has a key to log in with.

    wandb itself looks into .netrc: its server may be another one (WANDB_BASE_URL, `wandb login --host`), and .netrc
    may have one server under two names.
    """
    if os.environ.get("WANDB_MODE") != "online":
        return False
    if any(os.environ.get(name) for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE")):
        return False
    import wandb
    from wandb.sdk.lib import wbauth

    try:
        return wbauth.read_netrc_auth(host=wandb.setup().settings.base_url) is None
    except (wandb.Error, ValueError):  # an invalid key or address
        return True

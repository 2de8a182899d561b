"""Training metrics to Weights & Biases, or nowhere."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from spurious_rewards.runtime.errors import UserError

VARIABLE = "SPURIOUS_REWARDS_TRACKING"
"""The environment variable that says where metrics go: no result depends on it, so it is no part of a job."""


def chosen() -> Literal["wandb", "none"]:
    """Where metrics go besides the tables; nowhere where nobody says.

    Raises:
        UserError: the variable names no such place.
    """
    asked = os.environ.get(VARIABLE, "none")
    if asked in ("wandb", "none"):
        return "wandb" if asked == "wandb" else "none"
    raise UserError(f"{VARIABLE} = {asked}: no such place for metrics; allowed: wandb, none")


@dataclass(frozen=True)
class Tracker:
    """Opens one tracked run a seed; files go below `folder`, `name` says which run of the suite it is."""

    mode: Literal["wandb", "none"]
    folder: Path
    name: str
    config: Mapping[str, Any]

    @contextlib.contextmanager
    def run(self, seed: str) -> Iterator[Callable[[Mapping[str, Any]], None]]:
        """Give the function that takes one row of metrics a rollout step.

        wandb is offline (`wandb sync` uploads later) unless WANDB_MODE is set and there is a key; it never asks for one.
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
            """wandb's own process hears a SIGTERM to the whole job too, and is gone before training has ended."""
            try:
                if not lost:
                    act()
            except OSError as error:
                lost.append(error)
                print(f"wandb: {error}; the rest of this run is in the tables alone", file=sys.stderr)

        try:
            yield lambda row: unless_lost(lambda: run.log(dict(row), step=row["step"]))
        finally:
            unless_lost(run.finish)


def keyless() -> bool:
    """Whether WANDB_MODE asks wandb to be online and there is no key to log in with: in the environment or in .netrc.

    wandb itself looks: its server may be another one (WANDB_BASE_URL, `wandb login --host`), and one server may stand in .netrc
    under two names.
    """
    if os.environ.get("WANDB_MODE") != "online":
        return False
    if any(os.environ.get(name) for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE")):
        return False
    import wandb
    from wandb.sdk.lib import wbauth

    try:
        return wbauth.read_netrc_auth(host=wandb.setup().settings.base_url) is None
    except (wandb.Error, ValueError):  # what is no key, or no address
        return True

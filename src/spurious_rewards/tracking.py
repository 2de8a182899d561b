"""Training metrics to Weights & Biases, or nowhere."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


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

        wandb is offline (`wandb sync` uploads later) unless WANDB_MODE is set; it is never asked for a login.
        """
        if self.mode == "none":
            yield lambda row: None
            return
        import wandb

        self.folder.mkdir(parents=True, exist_ok=True)
        run = wandb.init(
            project="spurious-rewards",
            group=self.name,
            name=f"{self.name}/{seed}",
            dir=str(self.folder),
            config=dict(self.config),
            mode=os.environ.get("WANDB_MODE", "offline"),  # type: ignore[arg-type]
            settings=wandb.Settings(silent=True, console="off", x_disable_stats=True, x_disable_meta=True),
            reinit="finish_previous",
        )
        try:
            yield lambda row: run.log(dict(row), step=row["step"])
        finally:
            run.finish()

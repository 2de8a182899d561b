"""Files and model folders of the user's: a job names each by its content, and is told beside the job where it lies.

So a run is made again when a content changes, and not when the same content lies elsewhere. `Contents` is the half of this that
plans, `locate` and `check` the half that works.
"""

import json
import os
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path

from spurious_rewards.artifacts.digests import digest, last_known
from spurious_rewards.config.base import Frozen
from spurious_rewards.config.reward_file import SUFFIX
from spurious_rewards.runtime.errors import UserError


class LocalCopy(Frozen):
    """A file or model folder of the user's, by its content: see `digests.digest`. A sentence stands for what is not there."""

    content: str


Locations = Mapping[str, Path]
"""Where local copies lie on this machine, by their content. It changes no result, so it is no part of a job."""


class Contents:
    """What is in the local copies of a run. Each is looked at once, so that all jobs of the run are told the same.

    On a cluster Snakemake plans each job once more where it runs, which may be days later: there the contents are those that
    it inherits in the environment, and a job whose files have changed meanwhile finds that out (`check`).
    """

    VARIABLE = "SPURIOUS_REWARDS_CONTENTS"

    def __init__(self, environment: MutableMapping[str, str] | None = None):
        """`environment` is that of the run's jobs, where `VARIABLE` has the content of each path that was looked at."""
        self._environment = {} if environment is None else environment
        self._found: dict[str, str] = json.loads(self._environment.get(self.VARIABLE, "{}"))

    def of(self, path: Path) -> LocalCopy:
        """The copy at a path; of one that is gone, what was last seen there, for what was made of it is still that."""
        if str(path) not in self._found:
            self._found[str(path)] = digest(path) or last_known(path) or f"nothing that can be read at {path}"
            self._environment[self.VARIABLE] = json.dumps(self._found)
        return LocalCopy(content=self._found[str(path)])

    def locations(self, paths: Iterable[Path]) -> dict[str, str]:
        """`Locations` of some copies, as JSON has them."""
        return {self.of(path).content: str(path) for path in paths}


def paths(locations: Iterable[str]) -> list[Path]:
    """The paths of some `Locations`, given as JSON; each once."""
    return list(dict.fromkeys(Path(path) for told in locations for path in json.loads(told).values()))


def missing(copies: Iterable[Path]) -> str:
    """What to say of the first path where nothing lies; nothing if all are there."""
    gone = next((path for path in copies if not os.path.exists(path)), None)
    return f"{gone}: no such file or folder; fix its path in the suite, or `sources` in config.yaml" if gone else ""


def locate(copy: LocalCopy, locations: Locations) -> Path:
    """Where a copy lies.

    Raises:
        UserError: the job was not told.
    """
    if copy.content not in locations:
        raise UserError(f"--locations: does not say where the local copy {copy.content} lies; give its path")
    return locations[copy.content]


def check(locations: Locations) -> None:
    """Compare local copies with what the run was planned with. One that is gone is for the work to complain of.

    Raises:
        UserError: one holds something else.
    """
    for content, path in locations.items():
        or_beside = ", or a module beside it that it imports" if path.suffix == SUFFIX else ""
        if digest(path) not in (content, None):
            raise UserError(
                f"{path}{or_beside}: changed since the run was planned; start Snakemake again, and what is made of it is "
                "made again"
            )

"""The user's files and model folders: a job names each by its content, and receives the path separately.

So a job is rerun when the content changes, but not when the same content lies elsewhere. Planning uses `Contents`;
running jobs use `locate` and `check`.
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
    """A file or model folder of the user's, named by its content.

    `content` is its digest (see `digests.digest`), or a sentence that says that nothing is there.
    """

    content: str


Locations = Mapping[str, Path]
"""Paths of local copies on this machine, by content. They change no result, so they are not part of a job."""


class Contents:
    """The contents of a run's local copies. Each path is read once, so that all jobs of the run get the same content.

    On a cluster, Snakemake plans each job again on the node that runs it, perhaps days later. There the contents come
    from the environment that the job inherits. A job whose files have changed meanwhile fails in `check`.
    """

    VARIABLE = "SPURIOUS_REWARDS_CONTENTS"

    def __init__(self, environment: MutableMapping[str, str] | None = None):
        """`environment` is that of the run's jobs; `VARIABLE` in it maps each path read so far to its content."""
        self._environment = {} if environment is None else environment
        self._found: dict[str, str] = json.loads(self._environment.get(self.VARIABLE, "{}"))

    def of(self, path: Path) -> LocalCopy:
        """Return the copy at a path; if it is gone, its last known content, because results were made from that."""
        if str(path) not in self._found:
            self._found[str(path)] = digest(path) or last_known(path) or f"nothing that can be read at {path}"
            self._environment[self.VARIABLE] = json.dumps(self._found)
        return LocalCopy(content=self._found[str(path)])

    def locations(self, paths: Iterable[Path]) -> dict[str, str]:
        """Return the `Locations` of some copies, with paths as strings for JSON."""
        return {self.of(path).content: str(path) for path in paths}


def paths(locations: Iterable[str]) -> list[Path]:
    """Return the paths in several `Locations`, each given as JSON; every path once."""
    return list(dict.fromkeys(Path(path) for told in locations for path in json.loads(told).values()))


def missing(copies: Iterable[Path]) -> str:
    """Return a message about the first path that does not exist, or "" if all exist."""
    gone = next((path for path in copies if not os.path.exists(path)), None)
    return f"{gone}: no such file or folder; fix its path in the suite, or `sources` in config.yaml" if gone else ""


def locate(copy: LocalCopy, locations: Locations) -> Path:
    """Return the path of a copy.

    Raises:
        UserError: the job was not given the path.
    """
    if copy.content not in locations:
        raise UserError(f"--locations: does not say where the local copy {copy.content} lies; give its path")
    return locations[copy.content]


def check(locations: Locations) -> None:
    """Compare local copies with the contents that the run was planned with; jobs themselves report missing files.

    Raises:
        UserError: a copy has other content.
    """
    for content, path in locations.items():
        or_beside = ", or a module beside it that it imports" if path.suffix == SUFFIX else ""
        if digest(path) not in (content, None):
            raise UserError(
                f"{path}{or_beside}: changed since the run was planned; start Snakemake again, and what is made of it is "
                "made again"
            )

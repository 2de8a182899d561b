"""Decide which files a crate takes, where they lie in it, and which parts of their text must change.

Manifests name files, and may come from someone else. So a file outside the results goes into a crate only if the suite
or the settings of this machine name it.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from spurious_rewards.artifacts.manifests import ENDING, read
from spurious_rewards.artifacts.paths import PARTIAL
from spurious_rewards.config import reward_file
from spurious_rewards.operations.export_secrets import refuse_secrets
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.files import read_text
from spurious_rewards.runtime.links import below
from spurious_rewards.runtime.places import without_places
from spurious_rewards.stages import generate, model_refs, prepare
from spurious_rewards.stages.study import Study

CODE = (
    *("Snakefile", "config.yaml", "workflow/**/*", "profiles/**/*", "envs/**/*", "src/spurious_rewards/**/*"),
    *("pyproject.toml", "constraints.txt", "LICENSE", "CITATION.cff", "config/claims.yaml", "config/problems/*"),
    "config/suites/paper.yaml",  # claims compare a suite with it
)
"""Patterns of the workflow's files and of all that it runs."""

LEFT_OUT = ("logs", "wandb", PARTIAL)
"""Folders of the results that are left out. Weights (folders without hashes in their manifests) are left out, too."""

INPUTS = "inputs"
"""Folder of a crate for files from elsewhere on this machine."""

TEXTS = {".csv", ".html", ".json", ".jsonl", ".md", ".py", ".smk", ".svg", ".tex", ".toml", ".txt", ".yaml", ".yml"}
"""Suffixes of files that are searched for keys. Parquet, PDF and PNG are compressed, so a search finds nothing."""


class CrateFiles:
    """The files of a suite that a crate may hold."""

    def __init__(self, study: Study):
        self.study, self.results = study, study.paths.root
        self._places: dict[Path, str] = {}

    # ------------------------------------------------------------ which files

    def code(self) -> list[Path]:
        """Return the files of the workflow, its settings and the suite."""
        root = self.study.root
        found = [
            path for pattern in CODE for path in _shown(root, root.glob(pattern)) if "__pycache__" not in path.parts
        ]
        return [*found, *(path for path in (self.study.suite_path, self.study.lock) if path.is_file())]

    def of_results(self) -> Iterator[Path]:
        """Yield the files that were made, including weights."""
        for path in _shown(self.results, below(self.results)):
            if path.relative_to(self.results).parts[0] not in LEFT_OUT:
                yield path

    def may_be_added(self, path: Path) -> bool:
        """Whether a file that a manifest names may go into a crate although it is not a result."""
        return _absolute(path) in self._named and not _hidden(path) and path.is_file()

    @cached_property
    def _named(self) -> dict[Path, Path]:
        """Return the user's files and folders that the suite and the settings name, by their absolute paths.

        They are problems, imported responses, models, and reward files with the modules that these import.
        """
        suite, study = self.study.suite, self.study
        found = [path for name in suite.problems for path in prepare.copies(study, name).values()]
        found += [path for run in suite.runs for path in generate.copies_of_run(study, run)]
        found += [path for name in suite.models for path in model_refs.local_copies(study, name)]
        found += [*study.settings.sources.values(), study.suite_path, study.lock]
        for file in (reward.file for reward in suite.rewards.values() if reward.file):
            found.append(file)
            try:
                found += [module.path for module in reward_file.read(file).modules.values()]
            except UserError:  # the file is gone or no longer Python, which does not change the results
                continue
        return {_absolute(path): path for path in found}

    # ------------------------------------------------------------ where they lie

    def place(self, path: Path) -> str:
        """Return a file's place in the crate: as in the checkout, or below `INPUTS` by name if it is from elsewhere."""
        full = _absolute(path)
        for folder in (_absolute(self.study.root), Path.cwd()):
            if full.is_relative_to(folder):
                return full.relative_to(folder).as_posix()
        if full not in self._places:
            taken, number = set(self._places.values()), 0
            while (place := f"{INPUTS}/{f'{number}/' * (number > 0)}{full.name}") in taken:
                number += 1
            self._places[full] = place
        return self._places[full]

    def is_elsewhere(self, path: Path) -> bool:
        """Whether a file lies outside the checkout and the current folder, which has the results."""
        self.place(path)
        return _absolute(path) in self._places

    # ------------------------------------------------------------ what they hold

    def content(self, path: Path) -> bytes | None:
        """Return what a crate holds instead of a file that names paths of this machine; None for the file itself."""
        if path.name.endswith(ENDING) and path.is_relative_to(self.results):
            manifest = read(path)
            for parent in manifest["parents"]:
                parent["artifact"] = self.place(Path(parent["artifact"]))
            text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
        elif path in (self.study.suite_path, self.study.root / "config.yaml"):
            text = read_text(path)
        else:
            return None
        outside = [each for pair in self._named.items() for each in pair if self.is_elsewhere(each)]
        return without_places(text, {str(path): self.place(path) for path in outside}).encode(errors="surrogateescape")

    def refuse_secrets(self, paths: list[Path]) -> None:
        """Raise UserError if the files of a crate hold keys or passwords.

        In the code only this user's own secrets are searched for, because it holds the patterns of secrets.

        Raises:
            UserError: it names the file and what it holds.
        """
        code = set(self.code()) - {self.study.suite_path, self.study.root / "config.yaml"}
        texts = [path for path in paths if path.suffix in TEXTS]
        refuse_secrets(
            ((path, path.read_bytes()) for path in texts if path not in code),
            ((path, path.read_bytes()) for path in texts if path in code),
        )


def _shown(folder: Path, found: Iterable[Path]) -> Iterator[Path]:
    """Yield the found files that are not hidden, nor in a hidden folder. Links are left out, with a note."""
    told: set[Path] = set()
    for path in sorted(found):
        inside = path.relative_to(folder)
        links = [folder / each for each in (*inside.parents, inside) if each != Path() and (folder / each).is_symlink()]
        if _hidden(inside):
            continue
        if links:
            told |= set(links)
        elif path.is_file():
            if not _is_text(path):
                raise UserError(
                    f"{path}: this name is not UTF-8, and an archive cannot hold it; rename or delete the file"
                )
            yield path
    for link in sorted(told):
        print(f"note: {link}: a symbolic link, which is left out", file=sys.stderr)


def _is_text(path: Path) -> bool:
    try:
        return bool(str(path).encode())
    except UnicodeEncodeError:
        return False


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") and part != ".." for part in path.parts)


def _absolute(path: Path) -> Path:
    """Return a path in the form in which paths are compared: absolute and without `..`."""
    return Path(os.path.abspath(path))

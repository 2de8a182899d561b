"""Symbolic links among the results: the program never writes, renames or deletes anything through one.

Results may come from someone else. Through a link in them, the program would change a file elsewhere that nobody
mentioned. `results` and `results/SUITE` themselves may be links, for example to a large disk.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from spurious_rewards.runtime.errors import UserError

RESULTS, CHECKPOINTS, TRACKED = "results", "checkpoints", "wandb"

DEEPEST = 50
"""How many levels of nested folders are searched; results have about a dozen."""


def refuse_links(path: Path, below: Path | None = None) -> None:
    """Refuse a path that is a symbolic link, or has one on the way to it below the folder `below`.

    By default, `below` is the `results/SUITE` that the path lies in, or else its `checkpoints`. A path in neither
    may have links.

    Raises:
        UserError: a path is a link; the message says which.
    """
    root = root_of(path) if below is None else below
    if root is not None:
        for link in [*reversed(path.parents), path]:
            if link != root and link.is_relative_to(root) and link.is_symlink():
                raise refusal(link)


def refuse_links_below(folder: Path) -> None:
    """Refuse a folder that is a symbolic link, lies behind one (see `refuse_links`), or has one anywhere in it.

    Raises:
        UserError: a path is a link; the message says which.
    """
    refuse_links(folder)
    for link in [folder] if folder.is_symlink() else links_in(folder):
        raise refusal(link)


def refuse_links_in(results: Path) -> None:
    """Refuse a symbolic link anywhere in a suite's results: Snakemake, and the shell for logs, write there unchecked.

    Links in the folder of wandb's runs may stay. Only wandb writes there, each run into a folder with a random name,
    and it links its log to one in the home folder.

    Raises:
        UserError: a path is a link; the message says which.
    """
    runs = results / TRACKED / "wandb"
    for link in links_in(results):
        if runs not in link.parents:
            raise refusal(link)


def root_of(path: Path) -> Path | None:
    """Return the folder below which `path` must have no link, spelled as in `path`; None if links are allowed."""
    parts, here = path.parts, Path.cwd().parts
    # In a path from elsewhere the last `results` counts, because a checkout may itself lie below a folder of that name.
    first_counts = not path.is_absolute() or parts[: len(here)] == here
    begin = len(here) if path.is_absolute() and first_counts else 0
    found = [at for at, part in enumerate(parts) if at >= begin and part == RESULTS and at + 1 < len(parts)]
    if found:
        return Path(*parts[: (found[0] if first_counts else found[-1]) + 2])
    if CHECKPOINTS in parts:
        return Path(*parts[: len(parts) - parts[::-1].index(CHECKPOINTS)])
    return None


def links_in(folder: Path) -> Iterator[Path]:
    """Return the symbolic links below a folder, without following any."""
    return (path for path in below(folder) if path.is_symlink())


def below(folder: Path) -> Iterator[Path]:
    """Yield everything below a folder, each folder before its content; links are not followed.

    A folder that cannot be listed counts as empty.

    Raises:
        UserError: folders are nested more than `DEEPEST` deep.
    """
    todo = [(folder, 0)]
    while todo:
        here, depth = todo.pop()
        if depth > DEEPEST:
            shown = folder.joinpath(*here.relative_to(folder).parts[:3])
            raise UserError(f"{shown}: folders lie in one another more than {DEEPEST} deep there; delete it")
        with contextlib.suppress(OSError), os.scandir(here) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
            todo += [(here / entry.name, depth + 1) for entry in reversed(found) if entry.is_dir(follow_symlinks=False)]
            yield from (here / entry.name for entry in found)


def refusal(link: Path) -> UserError:
    """Return the error about a link that is refused."""
    return UserError(
        f"{link}: is a symbolic link to {os.readlink(link)}, and nothing is written or deleted through one here; delete the link "
        "(what it leads to stays), or put what it leads to in its place (only results and results/SUITE may be links)"
    )

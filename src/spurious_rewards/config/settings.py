"""Checks `config.yaml`, which says what depends on the machine, and finds the chosen suite."""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from spurious_rewards.config.base import IN_A_NAME, NAME, Count, Frozen
from spurious_rewards.config.calibration import SUFFIX
from spurious_rewards.config.messages import validate
from spurious_rewards.config.yaml_files import read_yaml
from spurious_rewards.runtime.errors import UserError
from spurious_rewards.runtime.places import shown
from spurious_rewards.runtime.printing import printable


class Settings(Frozen):
    """The keys of `config.yaml`. `--config KEY=VALUE` sets the same keys."""

    suite: str = Field(
        "organism", description="The suite to run: a name in config/suites/, or the path of a file of your own."
    )
    tracking: Literal["wandb", "none"] = Field(
        "wandb",
        description=(
            "Where training metrics go besides the tables. wandb works offline unless WANDB_MODE says otherwise."
        ),
    )
    threads: Count = Field(
        1, description="torch threads of a job. Results depend on it, so Snakemake never scales it down."
    )
    portable: bool = Field(
        False,
        description=(
            "Compute digits that agree on every x86-64 processor with AVX2, at the price of speed. Without GPUs only."
        ),
    )
    gpu_memory_gb: Annotated[float, Field(gt=0)] = Field(
        80, description="Memory of one GPU in GB. Planning assumes it where no GPU can be asked."
    )
    sources: dict[str, Path] = Field(
        default_factory=dict,
        description="Local copies of data sets and models of the hub, by hub id. A copy is a file or a folder.",
    )

    @property
    def option(self) -> list[str]:
        """The command-line arguments that choose the suite; none for the default suite."""
        return choosing(self.suite)

    @property
    def option_elsewhere(self) -> list[str]:
        """`option` as readers elsewhere see it: where a file lies on this machine means nothing to them."""
        return choosing(shown(self.suite) if Path(self.suite).is_absolute() else self.suite)


def choosing(suite: str) -> list[str]:
    """Return the command-line arguments that choose a suite by name or path; none for the default suite.

    Snakemake takes all that follows, up to the next option, as keys of the configuration. So no target may follow.
    """
    return [] if suite == Settings().suite else ["--config", f"suite={suite}"]


def merged(file: Path, others: Iterable[Path], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of config.yaml, over them those of other files, and over these the ones given by `--config`.

    Mappings are merged, as Snakemake does. Its own reading of the files is not used: of two equal keys it takes the
    last, and it takes `no` for false.

    Raises:
        UserError: a file cannot be read or is not YAML.
    """
    from snakemake.utils import update_config

    config = read_yaml(file)
    for changes in (*map(read_yaml, others), given):  # JSON is YAML
        update_config(config, changes)
    return config


def read(config: dict[str, Any], remembered: Callable[[Path], object] = lambda _: None) -> Settings:
    """Check Snakemake's merged configuration.

    A local copy may be gone if its content is `remembered`, because what was made of it can be used without it.

    Raises:
        UserError: a key or value is wrong; the message names both, and what is allowed.
    """
    settings = validate(Settings, config, "config.yaml")
    for hub_id, path in settings.sources.items():
        if not (path.exists() or remembered(path)):
            raise UserError(f"config.yaml: sources.{hub_id} = {path}: no such file or folder; allowed: an existing one")
    return settings


def suite_file(suite: str, workflow: Path) -> Path:
    """Return the file of a suite, given by name or path; `workflow` is the folder of the Snakefile.

    Raises:
        UserError: there is no such suite (the message lists the existing ones), or its path cannot be used.
    """
    if suite.endswith((".yaml", ".yml")):
        path = Path(suite)
        if not re.fullmatch(NAME, path.stem):
            raise UserError(
                f"config.yaml: suite = {suite}: the file's name is also that of its results, and {path.stem} cannot be one; "
                f"rename the file: {IN_A_NAME}"
            )
        if "\n" in suite or printable(suite) != suite:
            raise UserError(
                f"config.yaml: suite = {suite}: no command can be shown for this path; move the file to a folder whose name has "
                "no line breaks and nothing else that controls a terminal"
            )
        if not path.exists():
            raise UserError(f"config.yaml: suite = {suite}: no such file")
        return path
    folder = workflow / "config" / "suites"
    path = folder / f"{suite}.yaml"
    if not re.fullmatch(NAME, suite) or not path.exists():
        names = sorted(file.stem for file in folder.glob("*.yaml") if not file.stem.endswith((".lock", SUFFIX)))
        raise UserError(
            f"config.yaml: suite = {suite}: no such suite; allowed: {', '.join(names)}, or the path of a .yaml file"
        )
    return path

"""A single module knows whether a package is installed, and how to install it."""

import re
from pathlib import Path

import pytest

from spurious_rewards.runtime import installed
from spurious_rewards.runtime.errors import UserError

ROOT = Path(__file__).parents[2]


def test_a_build_of_another_name_is_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert installed.version("no-such-package") is None
    monkeypatch.setitem(installed.BUILDS, "thing", ("thing-a", "thing-b"))
    metadata = tmp_path / "thing_b-1.5.dist-info/METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: thing-b\nVersion: 1.5\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert installed.version("thing") == "1.5"


def test_messages_install_as_the_readme_does() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for extra in ("vllm", "slurm"):
        assert installed.how_to_get(extra).removeprefix("run ") in readme
    spelled = [
        path
        for path in (ROOT / "src").rglob("*.py")
        if re.search(r"pip install\b.*-e ", path.read_text(encoding="utf-8")) and path.name != "installed.py"
    ]
    assert not spelled, (
        "of how to install this project `runtime.installed` alone speaks, so that all messages say the same"
    )


def test_vllm_that_is_missing_is_said_with_the_key_that_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "version", lambda name: None)
    with pytest.raises(UserError) as refused:
        installed.require_vllm("sampling.engine")
    assert str(refused.value) == (
        "sampling.engine: vllm, and vLLM is not installed; run `pip install -c constraints.txt -e '.[vllm]'` (it needs a GPU), "
        "or set sampling.engine: transformers"
    )

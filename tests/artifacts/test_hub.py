"""What the lock file pins of the hub; jobs that resolve at the same time lose no pin."""

import re
from pathlib import Path

import pytest
import yaml
from hub import as_client, commit_of, serving

from spurious_rewards.artifacts.fingerprints import PACKAGE
from spurious_rewards.artifacts.hub import resolve
from spurious_rewards.runtime.errors import UserError


def test_a_commit_is_its_own_pin_and_a_broken_lock_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "lock.yaml"
    assert resolve("model", "some/model", "a" * 40, lock) == "a" * 40
    assert not lock.exists()
    lock.write_text(yaml.safe_dump({"models": {"some/model": {"main": "abc"}}}))
    with pytest.raises(UserError, match=r"lock\.yaml: models\.some/model\.main = \"abc\""):
        resolve("model", "some/model", None, lock)


RESOLVE_AT_ONCE = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
import re
from pathlib import Path
from spurious_rewards.artifacts.fingerprints import PACKAGE
from spurious_rewards.artifacts.hub import resolve

def one(hub_id):
    return resolve("model", hub_id, None, Path("lock.yaml"))

with ThreadPoolExecutor(8) as threads:
    print(json.dumps(list(threads.map(one, json.loads(sys.argv[1])))))
"""


def test_jobs_that_resolve_at_once_lose_no_pin(tmp_path: Path) -> None:
    models = {f"some/model-{number}": [{"config.json": str(number).encode()}] for number in range(16)}
    with serving(models) as hub:
        commits = as_client(RESOLVE_AT_ONCE, list(models), hub.endpoint, tmp_path / "home")
    assert commits == [commit_of(files[0]) for files in models.values()]
    pinned = yaml.safe_load((tmp_path / "lock.yaml").read_text())["models"]
    assert pinned == {model: {"main": commit} for model, commit in zip(models, commits, strict=True)}


DOWNLOAD = """
import json, sys
from spurious_rewards.artifacts.hub import WITHOUT_WEIGHTS, download_model
print(json.dumps(sorted(path.name for path in download_model(json.loads(sys.argv[1]), None, WITHOUT_WEIGHTS).iterdir())))
"""


def test_a_configuration_comes_without_weights(tmp_path: Path) -> None:
    files = {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": b"large", "run.py": b"no"}
    with serving({"some/model": [files]}) as hub:
        assert as_client(DOWNLOAD, "some/model", hub.endpoint, tmp_path / "home") == ["config.json", "tokenizer.json"]
    assert not any("model.safetensors" in request for request in hub.requests)


def test_no_other_module_speaks_with_the_hub() -> None:
    speaking = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if re.search(r"^\s*(from|import) huggingface_hub\b|\bload_dataset\(", path.read_text(), re.MULTILINE)
    }
    assert speaking == {"artifacts/hub.py"}

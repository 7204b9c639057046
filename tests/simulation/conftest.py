"""Soak tests run for minutes: only `pytest -m soak` runs them."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "soak: runs for minutes; only `make soak` runs it")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    soak = (
        []
        if "soak" in (config.option.markexpr or "")
        else [each for each in items if each.get_closest_marker("soak")]
    )
    if soak:
        config.hook.pytest_deselected(items=soak)
        items[:] = [each for each in items if each not in soak]

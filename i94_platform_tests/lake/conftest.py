"""A lake in a fresh folder, and small datasets for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from i94_platform.lake.datasets import Lake
from i94_platform.lake.local import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """An empty folder as a store; a writer that has to wait gives up soon."""
    return LocalStore(tmp_path / "lake", lock_timeout=0.3)


@pytest.fixture
def lake(store: LocalStore) -> Lake:
    """The lake in that store."""
    return Lake(store)

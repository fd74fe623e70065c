"""One loaded deployment, for tests that look at it or break a copy of it; each folder's conftest names it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from i94_platform_tests.support.deployment import Deployment

MONTH = "2016-01"


@pytest.fixture(scope="session")
def loaded(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """The sample's reference files and its January, loaded: look at it, break only a `copy` of it."""
    return _loaded(sample, tmp_path_factory.getbasetemp() / "loaded")


@cache
def _loaded(sample: Path, folder: Path) -> Deployment:
    """Once a session, however many folders name the fixture."""
    deployment = Deployment(folder)
    deployment.deliver(*sample.iterdir())
    outcomes = deployment.run(MONTH)
    assert all(outcome.succeeded for outcome in outcomes), outcomes
    return deployment

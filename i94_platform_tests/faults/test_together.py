"""Pins two command lines at once on one home: they take turns, both succeed, and the state is that of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from i94_platform_tests.support.command import PATIENCE, started
from i94_platform_tests.support.deployment import Deployment
from i94_platform_tests.support.fixtures import loaded

__all__ = ["loaded"]


@pytest.fixture(scope="module")
def alone(loaded: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """What one process makes of the sample's two months."""
    deployment = loaded.copy(tmp_path_factory.mktemp("alone"))
    outcomes = [deployment.month("2016-02"), deployment.marts("2016-02"), deployment.correlate()]
    assert all(outcome.succeeded for outcome in outcomes), outcomes
    return deployment


def test_two_runs_at_once_both_succeed_and_leave_what_one_would(alone: Deployment, tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    deployment.deliver(*alone.raw.iterdir())
    with started(deployment.environment, "run") as one, started(deployment.environment, "run") as other:
        outputs = [process.communicate(timeout=PATIENCE)[0] for process in (one, other)]
        assert (one.returncode, other.returncode) == (0, 0), "\n\n".join(outputs)
    assert deployment.tables() == alone.tables()
    assert deployment.ledger() == alone.ledger()
    assert deployment.left_over() == {}
    assert any("Waiting for another" in output or "Nothing to do" in output for output in outputs), "\n\n".join(outputs)

"""Test two command lines at once on one home: they take turns, both succeed, and the state is that of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from i94_platform_tests.support.command import TIMEOUT_SECONDS, start_command
from i94_platform_tests.support.deployment import Deployment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def alone(loaded_deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """What one process makes of the sample's two months."""
    deployment = loaded_deployment.copy(tmp_path_factory.mktemp("alone"))
    results = [deployment.run_month("2016-02"), deployment.run_marts("2016-02"), deployment.run_correlations()]
    assert all(result.succeeded for result in results), results
    return deployment


def test_two_runs_at_once_both_succeed_and_leave_what_one_would(alone: Deployment, tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    deployment.deliver(*alone.raw.iterdir())
    with start_command(deployment.environment, "run") as one, start_command(deployment.environment, "run") as other:
        outputs = [process.communicate(timeout=TIMEOUT_SECONDS)[0] for process in (one, other)]
        assert (one.returncode, other.returncode) == (0, 0), "\n\n".join(outputs)
    assert deployment.fingerprint_tables() == alone.fingerprint_tables()
    assert deployment.read_ledger() == alone.read_ledger()
    assert deployment.list_superseded_runs() == {}
    assert any("Waiting for another" in output or "Nothing to do" in output for output in outputs), "\n\n".join(outputs)

"""A month whose files can't be written fails with one sentence, and everything is as before.

The limit on the length of a file (`ulimit -f`) stands for a full disk, which a test can't fill: the same writes fail,
in the lake, in the engine and in the warehouse.
"""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment


@pytest.mark.parametrize("bytes_", [0, pytest.param(10_000, marks=pytest.mark.slow), 60_000])
def test_a_file_that_can_not_be_written_fails_the_month_and_changes_nothing(
    loaded_deployment: Deployment, tmp_path: Path, bytes_: int
) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    before, limits = deployment.state(), resource.getrlimit(resource.RLIMIT_FSIZE)
    assert deployment.instance.get_runs() == []
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, limits[1]))
    try:
        result = deployment.run_month(SAMPLE_MONTH)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not result.succeeded
    assert result.errors
    for error in result.errors:
        assert "ulimit -f" in error
        assert str(tmp_path) in error
        assert "\n" not in error
    assert deployment.state() == before
    assert deployment.run_month(SAMPLE_MONTH).succeeded
    assert deployment.state() == before

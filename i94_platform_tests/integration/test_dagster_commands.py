"""Test the commands of Dagster in a checkout without DAGSTER_HOME: they use the runs and the history of `i94`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from i94_platform.operations.dagster_instance import create_home, open_instance
from i94_platform.settings import PROJECT
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment

BIN = Path(sys.executable).parent
NEXT_MONTH = "2016-02"


@pytest.fixture
def deployment(loaded_deployment: Deployment, tmp_path: Path) -> Deployment:
    """A loaded deployment."""
    return loaded_deployment.copy(tmp_path)


def run_dagster(deployment: Deployment, *arguments: str) -> str:
    """Run a command in the checkout, require its success, and return its output."""
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    result = subprocess.run(
        [str(BIN / arguments[0]), *arguments[1:]],
        cwd=PROJECT,
        env={**environment, **deployment.environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def list_runs(deployment: Deployment) -> list[tuple[str, bool]]:
    """List the months of the runs in the history of `i94`, and whether they succeeded."""
    create_home(deployment.settings.dagster_home)
    with open_instance(deployment.settings.dagster_home) as instance:
        return [(run.tags.get("dagster/partition", ""), run.is_success) for run in instance.get_runs()]


def test_the_instance_of_the_checkout_is_that_of_the_platform(tmp_path: Path) -> None:
    create_home(tmp_path)
    platform = yaml.safe_load((tmp_path / "dagster.yaml").read_text())
    checkout = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
    assert platform["storage"]["custom"].pop("config") == {"base_dir": {"env": "DAGSTER_HOME"}}
    assert checkout["storage"]["custom"].pop("config") == {}
    assert checkout == platform


def test_a_command_without_dagster_home_opens_the_history_of_the_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("I94_HOME", str(tmp_path / "home"))
    from i94_platform.defs.dagster_internals import InstanceRef

    ref = InstanceRef.from_dir(str(tmp_path / "temporary"), config_dir=str(PROJECT))
    with dg.DagsterInstance.from_ref(ref) as instance:
        instance.add_run(dg.DagsterRun(job_name="month"))
    assert (tmp_path / "home" / "dagster" / "history" / "runs.db").exists()


@pytest.mark.slow
def test_dagster_asset_materialize_stages_and_loads_a_month(deployment: Deployment) -> None:
    module = ("-m", "i94_platform.definitions")
    for asset in ("staged/immigration", "warehouse/immigration"):
        run_dagster(
            deployment, "dagster", "asset", "materialize", "--select", asset, "--partition", NEXT_MONTH, *module
        )
    assert list_runs(deployment) == [(NEXT_MONTH, True)] * 2
    assert deployment.query_value("SELECT count(*) FROM i94.immigration WHERE i94mon = 2") > 0


@pytest.mark.slow
def test_dg_launch_stages_a_month(deployment: Deployment) -> None:
    run_dagster(deployment, "dg", "launch", "--assets", "staged/immigration", "--partition", SAMPLE_MONTH)
    assert list_runs(deployment) == [(SAMPLE_MONTH, True)]

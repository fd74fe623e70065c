"""Test the commands of Dagster in a checkout without DAGSTER_HOME: they use the runs and the history of `i94`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from i94_platform.operations.dagster_instance import create_home, open_instance
from i94_platform.settings import PROJECT
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment
from i94_platform_tests.support.dev import STOP_SECONDS, DevServer
from i94_platform_tests.support.processes import find_free_port, wait_for

FIRST_LOCATION = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"
TICKS = """query Ticks($where: RepositorySelector!) { sensorsOrError(repositorySelector: $where) {
    ... on Sensors { results { name sensorState { ticks(limit: 3) { status skipReason } } } } } }"""
BIN = Path(sys.executable).parent
NEXT_MONTH = "2016-02"


@pytest.fixture
def deployment(loaded_deployment: Deployment, tmp_path: Path) -> Deployment:
    """A loaded deployment."""
    return loaded_deployment.copy(tmp_path)


def run_dagster(deployment: Deployment, *arguments: str) -> str:
    """Run a command in the checkout, require its success, and return its output."""
    result = subprocess.run(
        [str(BIN / arguments[0]), *arguments[1:]],
        cwd=PROJECT,
        env=build_environment(deployment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def build_environment(deployment: Deployment) -> dict[str, str]:
    """Return the environment of a person who has set nothing but the addresses of the deployment."""
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    # the sensors look often, and find every file settled
    return {**environment, **deployment.environment, "I94_SENSOR_INTERVAL_SECONDS": "5", "I94_SETTLE_SECONDS": "1"}


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
def test_dagster_works_in_any_folder_with_the_exports_of_i94_env(deployment: Deployment, tmp_path: Path) -> None:
    options = f"-m i94_platform.definitions --select staged/immigration --partition {NEXT_MONTH}"
    script = f'set -e; eval "$(i94 env)"; dagster asset materialize {options}'
    subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**build_environment(deployment), "PATH": f"{BIN}:{os.environ['PATH']}"},
        timeout=300,
        check=True,
    )
    assert list_runs(deployment) == [(NEXT_MONTH, True)]


@pytest.mark.slow
def test_dg_launch_stages_a_month(deployment: Deployment) -> None:
    run_dagster(deployment, "dg", "launch", "--assets", "staged/immigration", "--partition", SAMPLE_MONTH)
    assert list_runs(deployment) == [(SAMPLE_MONTH, True)]


@pytest.mark.slow
@pytest.mark.parametrize("program", ["dagster", "dg"])
def test_dev_in_a_checkout_loads_nothing_again(deployment: Deployment, program: str, tmp_path: Path) -> None:
    (deployment.raw / "i94_feb16_sub.parquet").unlink()
    port, log = find_free_port(), tmp_path / "dev.log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [str(BIN / program), "dev", "--port", str(port)],
            cwd=PROJECT,
            env=build_environment(deployment),
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        server = DevServer(process, f"http://127.0.0.1:{port}", log, 0.0, 0.0)
        try:
            wait_for(lambda: has_ticked(server), "the sensors to look twice", timeout=120, interval=1)
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(STOP_SECONDS)
    assert list_runs(deployment) == []
    assert (deployment.settings.dagster_home / "schedules" / "schedules.db").exists(), "its history is that of i94"


def has_ticked(server: DevServer) -> bool:
    """Whether the sensors on deliveries have looked twice, so that what they found has settled."""
    with contextlib.suppress(OSError):
        location = server.query_graphql(FIRST_LOCATION)["repositoriesOrError"].get("nodes")
        if not location:
            return False
        where = {"repositoryName": location[0]["name"], "repositoryLocationName": location[0]["location"]["name"]}
        sensors = server.query_graphql(TICKS, where=where)["sensorsOrError"]["results"]
        ticks = {sensor["name"]: sensor["sensorState"]["ticks"] for sensor in sensors}
        return all(len(ticks[name]) >= 2 for name in ("delivered_months", "delivered_references"))
    return False

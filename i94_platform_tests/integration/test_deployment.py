"""Test the deployment by its own commands: months put into S3 end in the web API, whatever is killed meanwhile.

The services are those of deploy/compose.yaml, as processes of this machine. S3 and Redshift are stand-ins. Each process
is killed once and started again, as Docker does it: the code location, the history, S3 and the warehouse in the middle
of a month's run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest

from i94_platform.contracts import immigration
from i94_platform.partitions import Month
from i94_platform.staleness.job_names import MONTH_JOB
from i94_platform_tests.emulators.endpoint import Endpoint
from i94_platform_tests.emulators.redshift.emulator import RedshiftEmulator
from i94_platform_tests.emulators.s3 import REGION, S3Server
from i94_platform_tests.emulators.s3_roles import PLATFORM, SERVE
from i94_platform_tests.integration.conftest import (
    COPY_ROLE,
    assert_counts_match_manifests,
    assert_same_tables,
    deploy_on_s3,
)
from i94_platform_tests.support.compose import Services
from i94_platform_tests.support.deployment import Deployment
from i94_platform_tests.support.processes import wait_for

pytestmark = pytest.mark.slow

MONTHS = ("2016-01", "2016-02")
TIMEOUT_SECONDS = 480.0
"""The limit for one part of the story, in seconds, which only a fault reaches."""

POLL_SECONDS = 0.5
PASSWORD = "planted history/password@94:%"
HOST = "i94.example.gov"
RUNS_QUERY = """query Runs($filter: RunsFilter!) {
    runsOrError(filter: $filter) { ... on Runs { results { runId parentRunId status tags { key value } } } } }"""


@dataclass
class Machine:
    """The machine with the services, and what stands for AWS around it."""

    services: Services
    deployment: Deployment
    """The same deployment, as the tests read it."""
    s3_server: S3Server
    s3: Endpoint
    """Where the services reach the S3 server."""
    redshift: RedshiftEmulator
    outbox: list[Path]
    client: httpx.Client = field(
        default_factory=lambda: httpx.Client(timeout=60, limits=httpx.Limits(max_keepalive_connections=0))
    )
    """It keeps no connection: services are killed."""

    def put(self, *paths: Path) -> None:
        """Put deliveries into the bucket with boto3 alone."""
        client = self.s3_server.create_client()
        bucket, prefix = self.deployment.settings.raw.removeprefix("s3://").split("/")
        for path in paths:
            client.upload_file(str(path), bucket, f"{prefix}/{path.name}")

    def put_month(self, month: str) -> None:
        """Put the delivery of a month into the bucket."""
        self.put(*(path for path in self.outbox if path.stem == Month.parse(month).file_stem))

    @cached_property
    def key(self) -> str:
        """A key of the web API."""
        (key,) = re.findall(r"i94_[0-9a-f]{8}_\S{43}", self.services.run("serve", "i94", "keys", "add", "analysts"))
        return str(key)

    def get(self, path: str) -> httpx.Response:
        """Ask the web API, as a proxy in front of it does."""
        headers = {"Authorization": f"Bearer {self.key}", "Host": HOST, "X-Forwarded-For": "192.0.2.94"}
        return self.client.get(f"{self.services.url('serve')}{path}", headers=headers)

    def find_runs(self, month: str, *statuses: str) -> list[dict[str, Any]]:
        """Find the runs of a month by the lineage UI's server, the newest first."""
        tags = [{"key": "dagster/partition", "value": month}]
        filter_ = {"pipelineName": MONTH_JOB, "tags": tags, **({"statuses": statuses} if statuses else {})}
        body = {"query": RUNS_QUERY, "variables": {"filter": filter_}}
        response = self.client.post(f"{self.services.url('webserver')}/graphql", json=body)
        return list(response.json()["data"]["runsOrError"]["results"])

    def wait_for_run(self, month: str, retry: bool = False) -> None:
        """Wait until a run of a month, or one that repeats a lost run, is in progress."""

        self.services.wait_until_healthy("webserver")

        def is_in_progress() -> bool:
            return any(run["parentRunId"] or not retry for run in self.find_runs(month, "STARTED"))

        wait_for(is_in_progress, f"a run of {month}", TIMEOUT_SECONDS, POLL_SECONDS)

    def wait_for_release(self, *months: str) -> None:
        """Wait until the web API serves these months."""

        self.services.wait_until_healthy("serve")

        def is_released() -> bool:
            status = self.get("/api/v1/status")
            return status.status_code == 200 and status.json()["release"]["months"] == list(months)

        wait_for(is_released, f"a release of {months}", TIMEOUT_SECONDS, POLL_SECONDS)

    def restart(self, name: str) -> None:
        """Kill a service, and start it as Docker does."""
        self.services.kill(name)
        self.services.start(name)


@pytest.fixture(scope="module")
def machine(
    module_s3: S3Server, sample: Path, redshift_emulator: RedshiftEmulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    """The machine after two months, during which everything was killed once."""
    folder = tmp_path_factory.mktemp("deployment")
    warehouse = redshift_emulator.address(redshift_emulator.create_database(), iam_role=COPY_ROLE)
    deployment = deploy_on_s3(module_s3, folder / "reader", warehouse=warehouse)
    with Endpoint(module_s3.endpoint) as s3:
        env_files = build_env_files(deployment, module_s3, s3)
        with Services(folder / "machine", env_files, {"history_password": PASSWORD}) as services:
            machine = Machine(services, deployment, module_s3, s3, redshift_emulator, [*sample.iterdir()])
            run_story(machine)
            yield machine


def build_env_files(deployment: Deployment, server: S3Server, s3: Endpoint) -> dict[str, dict[str, str]]:
    """Build the settings of both machines, each with the key of its role; months are loaded soon after they arrive."""
    lake, bucket = deployment.settings.lake, deployment.settings.lake.split("/")[2]
    addresses = {
        f"I94_{name.upper()}": str(getattr(deployment.settings, name)) for name in ("raw", "engine", "warehouse")
    }
    platform = {"AWS_REGION": REGION, "I94_LAKE": lake, "I94_LOGS_BUCKET": bucket, "I94_HISTORY_HOST": "history"}
    serve = {"AWS_REGION": REGION, "I94_LAKE": lake, "I94_SERVE_URL": f"https://{HOST}"}
    servers = {"I94_S3_ENDPOINT": s3.url, "AWS_ENDPOINT_URL_S3": s3.url}
    intervals = {"I94_SETTLE_SECONDS": "0.5", "I94_SENSOR_INTERVAL_SECONDS": "3"}
    return {
        "i94.env": {**server.as_role(PLATFORM).environment, **platform, **addresses, **servers, **intervals},
        "serve.env": {**server.as_role(SERVE).environment, **serve, **servers},
    }


def run_story(machine: Machine) -> None:
    """Set up the machine as docs/deployment.md says, deliver two months, and kill everything once."""
    services, (first, second) = machine.services, MONTHS
    services.run("code", "i94", "create-tables")
    assert machine.key
    for name in services.compose["services"]:
        services.start(name)
    machine.put(*(path for path in machine.outbox if path.suffix != ".parquet"))
    machine.put_month(first)
    machine.wait_for_run(first)
    machine.restart("code")
    machine.wait_for_run(first, retry=True)
    machine.restart("history")
    machine.wait_for_release(first)
    for name in ("webserver", "viewer", "serve", "daemon"):
        machine.restart(name)
    machine.put_month(second)
    machine.wait_for_run(second)
    machine.s3.kill()
    machine.s3.start()
    machine.redshift.server.kill()
    machine.redshift.server.start()
    machine.wait_for_release(*MONTHS)


def test_every_service_is_healthy_after_it_was_killed(machine: Machine) -> None:
    for name in machine.services.compose["services"]:
        machine.services.wait_until_healthy(name)


def test_the_warehouse_is_the_one_of_an_undisturbed_run(
    machine: Machine, loaded_deployment: Deployment, tmp_path: Path
) -> None:
    undisturbed = loaded_deployment.copy(tmp_path)
    jobs = [undisturbed.run_month(MONTHS[1]), *map(undisturbed.run_marts, MONTHS)]
    results = [*jobs, undisturbed.run_correlations()]
    assert all(result.succeeded for result in results), results
    assert_same_tables(machine.deployment, undisturbed)
    assert_counts_match_manifests(machine.deployment)


def test_each_month_is_in_the_ledger_once(machine: Machine) -> None:
    lines = [line for line in machine.deployment.warehouse.read_ledger() if line.table_name == immigration.name]
    assert [line.partition_key for line in lines] == list(MONTHS)


def test_the_lost_runs_have_failed_and_another_run_has_loaded_the_month(machine: Machine) -> None:
    for month in MONTHS:
        runs = machine.find_runs(month)
        assert [run["status"] for run in runs if run["status"] not in ("SUCCESS", "FAILURE")] == []
        assert runs[0]["status"] == "SUCCESS"
    assert "FAILURE" in [run["status"] for run in machine.find_runs(MONTHS[0])], "the code location was killed"


def test_the_dashboard_and_the_api_show_both_months(machine: Machine) -> None:
    assert machine.get("/").status_code == 200
    response = machine.get("/api/v1/query/arrivals_cube?group=i94mon&select=visitors.sum")
    assert response.status_code == 200, response.text
    assert len(response.json()["data"]) == len(MONTHS)


def test_nothing_is_left_to_do(machine: Machine) -> None:
    assert "Nothing to do" in machine.services.run("code", "i94", "run")


def test_no_service_has_printed_the_password(machine: Machine) -> None:
    for name in machine.services.compose["services"]:
        if name != "history":
            assert PASSWORD not in machine.services.read_log(name)

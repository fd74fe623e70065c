"""`i94 dev` in processes of its own, for tests that watch the UI, the daemon and its runs at work."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from bench.processes import read_cpu_seconds
from i94_platform.defs.checks.completeness import CHECK_KEY
from i94_platform_tests.support.command import start_command
from i94_platform_tests.support.processes import find_free_port, kill_process_tree, wait_for

START_SECONDS = 60.0
"""The limit for a start: other tests run beside it."""

STOP_SECONDS = 180.0
"""The limit for an end: Dagster gives UI and daemon a minute each."""

LOCATION = {"repositoryName": "__repository__", "repositoryLocationName": "i94_platform.definitions"}

LOCATIONS_QUERY = """{ workspaceOrError { ... on Workspace { locationEntries { name
    locationOrLoadError { __typename ... on PythonError { message } } } } } }"""
SENSORS_QUERY = """query Sensors($where: RepositorySelector!) {
    sensorsOrError(repositorySelector: $where) { ... on Sensors { results {
        name sensorState { id ticks(limit: 1) { id } } } } } }"""
STOP_SENSOR_MUTATION = "mutation Stop($id: String!) { stopSensor(id: $id) { __typename } }"


@dataclass(frozen=True)
class DevServer:
    """A running `i94 dev`."""

    process: subprocess.Popen[str]
    url: str
    log: Path
    seconds: float
    """From the start of the command to a page that can be used."""
    cpu_seconds: float
    """The processor time of all its processes until then, also of those that have ended."""

    def query_graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """Ask the UI's server by GraphQL and return the data of its response."""
        request = urllib.request.Request(
            f"{self.url}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            body = json.load(response)
        assert "errors" not in body, body
        data: dict[str, Any] = body["data"]
        return data

    def stop_sensors(self, *names: str) -> None:
        """Stop sensors, as the switch in the UI does; their state outlives the process."""
        states: dict[str, dict[str, Any]] = {}

        def have_ticked() -> bool:
            # UI and daemon both store the state of a new sensor, and the second of them fails
            sensors = self.query_graphql(SENSORS_QUERY, where=LOCATION)["sensorsOrError"]["results"]
            states.update({sensor["name"]: sensor["sensorState"] for sensor in sensors})
            return all(states[name]["ticks"] for name in names)

        wait_for(have_ticked, "the daemon to know the sensors", timeout=START_SECONDS, interval=0.2)
        for name in names:
            stopped = self.query_graphql(STOP_SENSOR_MUTATION, id=states[name]["id"])["stopSensor"]
            assert stopped["__typename"] == "StopSensorMutationResult"

    def interrupt(self) -> int:
        """Send SIGINT to the whole group, as Ctrl-C does, and return the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """Send SIGKILL to all processes: UI, daemon, code server, and the runs in progress."""
        kill_process_tree(self.process)


@contextlib.contextmanager
def start_dev_server(environment: Mapping[str, str], log: Path) -> Iterator[DevServer]:
    """Run `i94 dev` on a free port, wait until its page can be used, and kill what is left of it at the end."""
    port, start = find_free_port(), time.monotonic()
    with (
        log.open("a") as output,
        start_command(environment, "dev", "--port", str(port), output=output) as process,
    ):
        server = DevServer(process, f"http://127.0.0.1:{port}", log, 0.0, 0.0)

        def is_usable() -> bool:
            assert process.poll() is None, log.read_text()
            with contextlib.suppress(OSError):
                entries = server.query_graphql(LOCATIONS_QUERY)["workspaceOrError"]["locationEntries"]
                states = [entry["locationOrLoadError"] for entry in entries]
                assert not [state for state in states if state and state["__typename"] == "PythonError"], states
                return bool(states) and all(states)
            return False

        wait_for(is_usable, "the UI to show the code location", timeout=START_SECONDS, interval=0.1)
        yield DevServer(process, server.url, log, time.monotonic() - start, read_cpu_seconds(process.pid))


def latest_completeness(instance: dg.DagsterInstance) -> dg.AssetCheckEvaluation:
    """The newest result of the check on all months; before the first one, a result without a description."""
    ended = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
    storage = instance.event_log_storage
    records = storage.get_asset_check_execution_history(CHECK_KEY, limit=1, status=ended)
    if not records:
        return dg.AssetCheckEvaluation(CHECK_KEY.asset_key, CHECK_KEY.name, True, {})
    entry = records[0].event
    assert entry is not None
    return entry.get_dagster_event().asset_check_evaluation_data

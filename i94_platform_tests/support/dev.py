"""`i94 dev` as its own processes: started on a deployment, asked over its GraphQL, stopped, killed.

Here: what the tests need that watch the UI, the daemon and its runs at work. Not here: the browser (`browser/`), and
what the command does before it becomes Dagster's (`test_dev`).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from i94_platform.defs.checks.completeness import CHECK_KEY
from i94_platform_tests.support.command import kill_process_group, start_command
from i94_platform_tests.support.processes import wait_for

START_SECONDS = 60.0
"""Seconds that the start may take where it is not what is measured: other tests run beside it."""

STOP_SECONDS = 180.0
"""Seconds that the end may take: Dagster itself gives UI and daemon a minute each."""

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
    """What all its processes worked until then; other work on the machine does not lengthen it."""

    def query_graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """What the UI's server answers to a GraphQL query."""
        request = urllib.request.Request(
            f"{self.url}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            told = json.load(answer)
        assert "errors" not in told, told
        data: dict[str, Any] = told["data"]
        return data

    def stop_sensors(self, *names: str) -> None:
        """Stop sensors, as the switch in the UI does; their state outlives the process."""
        states: dict[str, dict[str, Any]] = {}

        def ticked() -> bool:
            # both UI and daemon write down a sensor that is new to them, and the second of them fails
            found = self.query_graphql(SENSORS_QUERY, where=LOCATION)["sensorsOrError"]["results"]
            states.update({sensor["name"]: sensor["sensorState"] for sensor in found})
            return all(states[name]["ticks"] for name in names)

        wait_for(ticked, "the daemon to know the sensors", timeout=START_SECONDS, interval=0.2)
        for name in names:
            stopped = self.query_graphql(STOP_SENSOR_MUTATION, id=states[name]["id"])["stopSensor"]
            assert stopped["__typename"] == "StopSensorMutationResult"

    def interrupt(self) -> int:
        """Ctrl-C: SIGINT to the whole group; the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """`kill -9` to the whole group: UI, daemon, code server, and the runs under way."""
        kill_process_group(self.process)
        self.process.wait(START_SECONDS)


@contextlib.contextmanager
def start_dev_server(environment: Mapping[str, str], log: Path) -> Iterator[DevServer]:
    """`i94 dev` on a free port, from when its page can be used; what is left of it at the end is killed."""
    port, began = find_free_port(), time.monotonic()
    with (
        log.open("a") as output,
        start_command(environment, "dev", "--port", str(port), output=output) as process,
    ):
        made = DevServer(process, f"http://127.0.0.1:{port}", log, 0.0, 0.0)

        def usable() -> bool:
            assert process.poll() is None, log.read_text()
            with contextlib.suppress(OSError):
                entries = made.query_graphql(LOCATIONS_QUERY)["workspaceOrError"]["locationEntries"]
                states = [entry["locationOrLoadError"] for entry in entries]
                assert not [state for state in states if state and state["__typename"] == "PythonError"], states
                return bool(states) and all(states)
            return False

        wait_for(usable, "the UI to show the code location", timeout=START_SECONDS, interval=0.1)
        yield DevServer(process, made.url, log, time.monotonic() - began, _sum_cpu_seconds(process))


def _sum_cpu_seconds(process: subprocess.Popen[str]) -> float:
    """Seconds of the processor that a process and its children took."""
    import psutil

    first = psutil.Process(process.pid)
    times = [one.cpu_times() for one in (first, *first.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def latest_completeness(instance: dg.DagsterInstance) -> dg.AssetCheckEvaluation:
    """The newest result of the check on all months; before the first, one that says nothing."""
    ended = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
    storage = instance.event_log_storage
    records = storage.get_asset_check_execution_history(CHECK_KEY, limit=1, status=ended)
    if not records:
        return dg.AssetCheckEvaluation(CHECK_KEY.asset_key, CHECK_KEY.name, True, {})
    entry = records[0].event
    assert entry is not None
    return entry.get_dagster_event().asset_check_evaluation_data


def find_free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port

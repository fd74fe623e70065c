"""Test 300 deliveries and re-deliveries to a real `i94 dev`: memory, open files and cursors do not grow.

UI, daemon, code server and sensors are real. A launcher records the runs instead of starting their processes, which
end with the run. At the end the history is deleted, and the sensors request nothing again.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import mean

import dagster as dg
import psutil
import pytest
import yaml

from i94_platform.defs.run_retention import delete_run
from i94_platform.operations.dagster_instance import create_home, open_instance
from i94_platform.partitions import Month
from i94_platform.sources.registry import REFERENCE_FILES
from i94_platform.staleness.expired_runs import find_expired_runs
from i94_platform.staleness.job_names import MONTH_JOB
from i94_platform_tests.support.deployment import Deployment
from i94_platform_tests.support.dev import start_dev_server
from i94_platform_tests.support.processes import wait_for
from i94_platform_tests.support.recording_launcher import RecordingLauncher

pytestmark = pytest.mark.slow

MONTHS = Month(2016, 1).through(Month(2018, 6))
ROUNDS, WARM_UP_ROUNDS = 10, 3
"""In the first rounds each process opens the history files of up to `dagster_storage.MAX_OPEN_FILES` runs."""

TIMEOUT_SECONDS = 120.0
LAUNCHER = {"module": RecordingLauncher.__module__, "class": RecordingLauncher.__name__}
ENVIRONMENT = {
    "I94_SETTLE_SECONDS": "0.2",
    "I94_SENSOR_INTERVAL_SECONDS": "1",
    "I94_SENSOR_MAX_REQUESTS": str(len(MONTHS)),
}


@dataclass(frozen=True)
class Reading:
    """What all processes of the platform hold after a round."""

    memory_mb: float
    open_files: int
    cursor_bytes: int


@dataclass
class LongRun:
    """A deployment and what was measured on it."""

    deployment: Deployment
    instance: dg.DagsterInstance
    readings: list[Reading] = field(default_factory=list)
    deleted: int = 0

    def count_loads(self) -> int:
        """How many runs have loaded a month."""
        statuses = [dg.DagsterRunStatus.SUCCESS]
        return self.instance.get_runs_count(dg.RunsFilter(job_name=MONTH_JOB, statuses=statuses))

    def deliver(self, number: int) -> None:
        """Land a new content of every month."""
        for month in MONTHS:
            (self.deployment.raw / f"{month.file_stem}.csv").write_text(f"content {number}\n")

    def read(self, process: psutil.Process) -> Reading:
        """Measure all processes, and the cursors of all sensors."""
        processes = [process, *process.children(recursive=True)]
        states = self.instance.all_instigator_state()
        cursors = [str(getattr(state.instigator_data, "cursor", "") or "") for state in states]
        return Reading(
            sum(one.memory_info().rss for one in processes) / 1e6,
            sum(one.num_fds() for one in processes),
            sum(map(len, cursors)),
        )


@pytest.fixture(scope="module")
def long_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LongRun]:
    """The platform after all deliveries, stopped, with what was measured on the way."""
    deployment = Deployment(tmp_path_factory.mktemp("long"))
    home = deployment.settings.dagster_home
    create_home(home)
    config = yaml.safe_load((home / "dagster.yaml").read_text())
    config["run_launcher"], config["concurrency"]["runs"]["max_concurrent_runs"] = LAUNCHER, len(MONTHS)
    (home / "dagster.yaml").write_text(yaml.safe_dump(config))
    for file in REFERENCE_FILES.values():
        (deployment.raw / file).write_text("1")
    with open_instance(home) as instance:
        run = LongRun(deployment, instance)
        with start_dev_server({**deployment.environment, **ENVIRONMENT}, deployment.folder / "log") as server:
            process = psutil.Process(server.process.pid)
            for number in range(ROUNDS):
                run.deliver(number)
                expected = (number + 1) * len(MONTHS)
                wait_for(lambda loads=expected: run.count_loads() >= loads, "the loads", TIMEOUT_SECONDS, 0.5)  # type: ignore[misc]
                run.readings.append(run.read(process))
            expired = find_expired_runs(instance, dt.datetime.now(dt.UTC) + dt.timedelta(days=1))
            for run_id in expired:
                delete_run(instance, run_id)
            run.deleted = len(expired)
            time.sleep(12)  # two rounds of the sensors, which must request nothing
        yield run


def test_memory_open_files_and_cursors_are_flat(long_run: LongRun) -> None:
    for reading in long_run.readings:
        print(f"{reading.memory_mb:.0f} MB, {reading.open_files} open files, {reading.cursor_bytes} bytes of cursors")
    early, late = long_run.readings[WARM_UP_ROUNDS : 2 * WARM_UP_ROUNDS], long_run.readings[-WARM_UP_ROUNDS:]
    assert mean(r.memory_mb for r in late) < 1.05 * mean(r.memory_mb for r in early)
    assert mean(r.open_files for r in late) < 1.25 * mean(r.open_files for r in early), "one file a run would be 1.34"
    assert mean(r.cursor_bytes for r in late) < 1.25 * mean(r.cursor_bytes for r in early)


def test_every_delivery_was_loaded_once_and_nothing_again_after_the_deletion(long_run: LongRun) -> None:
    assert long_run.deleted >= (ROUNDS - 1) * len(MONTHS)
    assert long_run.count_loads() == len(MONTHS), "the newest load of each month stays"

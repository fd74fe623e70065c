"""Test what a `kill -9` leaves behind: a whole month, old or new, and a next run that ends as if nothing had happened.

The command line is killed with its process group at states that can be seen from outside, and at moments drawn with a
fixed seed. Before each, the deployment is put back to the same place: a month is loaded, and a bigger one is delivered.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from i94_platform.operations.dagster_instance import open_instance
from i94_platform.sample import write_sample
from i94_platform_tests.support.command import kill_when, run_command_in_process, start_command
from i94_platform_tests.support.deployment import MONTHLY, Deployment, rewrite_delivery

MONTH, FILE, OLD_ROWS, NEW_ROWS = "2016-04", "i94_apr16_sub.parquet", 700, 60_000
STAGED, QUARANTINE, _ = (f"{name}/month={MONTH}" for name in MONTHLY)


@dataclass
class KillScenario:
    """A deployment that can be restored, and the state that an undisturbed run takes it to."""

    deployment: Deployment
    backup: Path
    expected: dict[str, Any]
    rows: int

    def restore(self) -> Deployment:
        """Put everything back as it was before the run, at the same place."""
        shutil.rmtree(self.deployment.folder)
        shutil.copytree(self.backup, self.deployment.folder)
        return Deployment(self.deployment.folder)


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> KillScenario:
    """April loaded with few rows, and delivered again with many."""
    folder = tmp_path_factory.mktemp("faults")
    deployment = Deployment(folder / "place")
    write_sample(deployment.raw, first=MONTH, last=MONTH, rows=NEW_ROWS)
    delivery = deployment.raw / FILE
    shutil.move(delivery, folder / FILE)
    rewrite_delivery(folder / FILE, lambda rows: rows.slice(0, OLD_ROWS), delivery)
    load_april(deployment)
    shutil.move(folder / FILE, delivery)
    shutil.copytree(deployment.folder, folder / "backup")
    load_april(deployment)
    rows = deployment.manifest("staged/immigration", MONTH).rows
    return KillScenario(deployment, folder / "backup", deployment.state(), rows)


def load_april(deployment: Deployment) -> None:
    """Run the month by the command line, undisturbed."""
    result = run_command_in_process(deployment.environment, "run", "--month", MONTH)
    assert result.exit_code == 0, result.output


Condition = Callable[[], bool]


def watch_for_file(deployment: Deployment, folder: str) -> Condition:
    """Hold as soon as a file lies in a new run folder of a dataset."""
    place = Path(deployment.settings.lake, folder)
    old = {path.name for path in place.glob("run=*")}
    return lambda: any(path.parent.name not in old for path in place.glob("run=*/*"))


def watch_for_commit(deployment: Deployment, folder: str) -> Condition:
    """Hold as soon as a dataset's manifest has changed."""
    path = Path(deployment.settings.lake, folder, "manifest.json")
    old = path.read_bytes()
    return lambda: path.read_bytes() != old


def watch_for_load(deployment: Deployment) -> Condition:
    """Hold as soon as the month's load has begun to write the warehouse's files."""
    path, size_before = deployment.settings.warehouse_path, -1
    step_begins = watch_for_step(deployment, "warehouse__immigration")

    def sum_sizes() -> int:
        files = (path, path.with_name(f"{path.name}.wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def has_grown() -> bool:
        nonlocal size_before
        if size_before < 0 and step_begins():
            size_before = sum_sizes()
        return 0 <= size_before < sum_sizes()

    return has_grown


def watch_for_step(deployment: Deployment, step: str) -> Condition:
    """Hold as soon as the process prints that a step begins."""
    return lambda: f"  {step}\n" in output_path(deployment).read_text()


def output_path(deployment: Deployment) -> Path:
    """The file that takes what the killed process prints."""
    return deployment.folder / "output"


RANDOM = random.Random(94)
POINTS: dict[str, tuple[Callable[[Deployment], Condition], float]] = {
    "at the first written file": (lambda d: watch_for_file(d, STAGED), 0.0),
    "at the first rejected row, before the commit": (lambda d: watch_for_file(d, QUARANTINE), 0.0),
    "between the commits of quarantine and month": (lambda d: watch_for_commit(d, QUARANTINE), 0.0),
    "after the commit": (lambda d: watch_for_commit(d, STAGED), 0.0),
    "in the load": (watch_for_load, 0.0),
    "at the end of the load": (watch_for_load, 0.05),
    "after the load": (lambda d: watch_for_step(d, "warehouse_immigration_checks"), 0.0),
    **{
        f"{delay:.2f} s after the first file": (lambda d: watch_for_file(d, STAGED), delay)
        for delay in (RANDOM.uniform(0.05, 0.5) for _ in range(2))
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_a_run_that_is_killed_leaves_a_whole_month_and_the_next_run_ends_as_if_undisturbed(
    scenario: KillScenario, point: str
) -> None:
    deployment = scenario.restore()
    watch, delay = POINTS[point]
    with (
        output_path(deployment).open("w") as output,
        start_command(deployment.environment, "run", "--month", MONTH, output=output) as process,
    ):
        assert kill_when(process, watch(deployment), delay), "the run ended before it could be killed"

    visible = deployment.query_value("SELECT count(*) FROM i94.immigration")
    assert visible in (OLD_ROWS, scenario.rows), "half a month is visible"
    (line,) = [line for line in deployment.read_ledger() if line["table_name"] == "immigration"]
    assert line["loaded_rows"] == visible
    for name in MONTHLY:
        manifest = deployment.manifest(name, MONTH)
        assert sum(pq.ParquetFile(url).metadata.num_rows for url in manifest.urls) == manifest.rows

    load_april(deployment)
    assert deployment.state() == scenario.expected
    assert deployment.list_superseded_runs() == {}
    assert not list(Path(deployment.settings.lake).glob("scratch/**/*.parquet"))
    assert_runs_are_closed(deployment)


def assert_runs_are_closed(deployment: Deployment) -> None:
    """Check that the killed run is closed as failed and the run after it succeeded."""
    with open_instance(deployment.settings.dagster_home) as instance:
        runs = instance.get_runs(dg.RunsFilter(job_name="month"))
    statuses = [run.status for run in runs]
    assert statuses[:2] == [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    assert all(run.is_finished for run in runs)


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["lookup/i94port", "warehouse/i94mode"])
def test_the_next_run_completes_a_killed_first_run(scenario: KillScenario, tmp_path: Path, dataset: str) -> None:
    deployment = Deployment(tmp_path)
    deployment.deliver(*(path for path in (scenario.backup / "raw").iterdir()))
    manifest = Path(deployment.settings.lake, dataset, "manifest.json")
    with start_command(deployment.environment, "run") as process:
        assert kill_when(process, manifest.exists)
    again = run_command_in_process(deployment.environment, "run")
    assert again.exit_code == 0, again.output
    state = deployment.state()
    assert state["tables"] == scenario.expected["tables"]
    assert state["ledger"] == scenario.expected["ledger"]
    assert deployment.list_superseded_runs() == {}

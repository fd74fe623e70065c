"""Test a day that nobody watches: a year is delivered to a real `i94 dev`, which is killed once, and nothing is lost.

Twelve months arrive in drawn order while the daemon runs; one can't be read, one comes again with corrections while
the platform is down, one comes late. UI, daemon and the runs in progress are killed together. While they are down a
person loads two months by hand, with `i94` and with `dagster`. The platform is started again, and a person launches a
backfill of assets in the UI, over a loaded month and one that is not delivered yet. Marts, correlations and release
follow by themselves. Sensors tick more often than by default.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from i94_platform import contracts
from i94_platform.contracts import WAREHOUSE, immigration
from i94_platform.defs.keys import to_key
from i94_platform.lake.datasets import Dataset
from i94_platform.operations.dagster_instance import create_home, open_instance
from i94_platform.partitions import Month
from i94_platform.sample import expected_rejects, write_sample
from i94_platform.sources.registry import REFERENCE_FILES
from i94_platform.staleness.job_names import MONTH_JOB
from i94_platform_tests.support.deployment import MONTHLY, Deployment, rewrite_delivery
from i94_platform_tests.support.dev import DevServer, latest_completeness, start_dev_server
from i94_platform_tests.support.processes import wait_for
from i94_platform_tests.support.webhook import WebhookReceiver, start_webhook_receiver

pytestmark = pytest.mark.slow

FIRST, LAST, ROWS, FIRST_VERSION_ROWS = "2016-01", "2016-12", 300, 120
TIMEOUT_SECONDS = 480.0
"""The limit for one part of the day, in seconds, which only a fault reaches."""

POLL_SECONDS = 0.5
"""Seconds between two reads of the instance, which take processor time from the runs."""

SHORT_INTERVALS = {"I94_SETTLE_SECONDS": "0.5", "I94_SENSOR_INTERVAL_SECONDS": "2"}
IN_PROGRESS = (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING)
MAX_RELEASES = 3
"""One before the kill, one of what was delivered until the late month, one after it."""

FACT = to_key("warehouse/immigration")
MONTHLY_MARTS = [to_key(f"mart/{mart.name}") for mart in contracts.MONTHLY_MARTS]
CORRELATIONS, RELEASE = to_key("mart/correlations"), to_key("published/correlations")
LAUNCH_BACKFILL = """
mutation Launch($backfill: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $backfill) { ... on LaunchBackfillSuccess { backfillId } }
}
"""
PARTITION, SUCCESS = "dagster/partition", dg.DagsterRunStatus.SUCCESS


@dataclass
class Day:
    """The deliveries of a day, the deployment that they reach, and the receiver of its alerts."""

    deployment: Deployment
    outbox: Path
    """Holds the final version of every delivery."""
    receiver: WebhookReceiver
    expected: Deployment
    order: list[str]
    """The months in the order of their arrival."""
    killed_runs: list[dg.DagsterRun] = field(default_factory=list)
    """The runs in progress at the kill."""

    @property
    def corrupted_month(self) -> str:
        """The month whose file is cut."""
        return self.order[2]

    @property
    def corrected_month(self) -> str:
        """The month whose first version has few rows."""
        return self.order[0]

    @property
    def late_month(self) -> str:
        """The month that arrives when all others are loaded."""
        return self.order[-1]

    @property
    def months_by_hand(self) -> list[str]:
        """The months that a person loads while the platform is down."""
        return self.order[7:9]

    @property
    def good_months(self) -> list[str]:
        """The months that can be loaded."""
        return sorted(set(self.order) - {self.corrupted_month})

    def file(self, month: str) -> Path:
        """The final version of a month's delivery."""
        return self.outbox / f"{Month.parse(month).file_stem}.parquet"

    def deliver(self, *months: str) -> None:
        """Land months, each file at once: other tests cover files that grow."""
        self.deployment.deliver(*map(self.file, months))

    def deliver_first_version(self, month: str) -> None:
        """Land a month with few of its rows."""
        part = self.outbox.parent / self.file(month).name
        rewrite_delivery(self.file(month), lambda rows: rows.slice(0, FIRST_VERSION_ROWS), part)
        self.deployment.deliver(part)

    def start(self) -> Any:
        """Start the platform."""
        environment = {**self.deployment.environment, **SHORT_INTERVALS, "I94_ALERT_WEBHOOK": self.receiver.url}
        return start_dev_server(environment, self.deployment.folder / "log")

    @cached_property
    def instance(self) -> dg.DagsterInstance:
        """The platform's Dagster instance."""
        return open_instance(self.deployment.settings.dagster_home)

    def runs(self) -> list[dg.DagsterRun]:
        """The runs of all months, the newest first."""
        return list(self.instance.get_runs(dg.RunsFilter(job_name=MONTH_JOB)))

    def failed_runs(self) -> list[dg.DagsterRun]:
        """The runs that failed, also of months that a later run loaded."""
        return [run for run in self.runs() if run.status == dg.DagsterRunStatus.FAILURE]

    def count_loads(self) -> Counter[str]:
        """Count the loads of each month, by whatever means."""
        filter_ = dg.AssetRecordsFilter(FACT)
        records = self.instance.fetch_materializations(filter_, limit=100).records
        return Counter(record.partition_key for record in records if record.partition_key)

    def load_by_hand(self) -> None:
        """Load one month with `i94`, and the assets of another one with `dagster`."""
        with_i94, with_dagster = self.months_by_hand
        self.deliver(with_i94, with_dagster)
        python, module = (sys.executable, "-m"), ("-m", "i94_platform.definitions")
        commands = [[*python, "i94_platform.cli.main", "run", "--month", with_i94]]
        for asset in ("staged/immigration", "warehouse/immigration"):
            commands.append(
                [*python, "dagster", "asset", "materialize", "--select", asset, "--partition", with_dagster, *module]
            )
        environment = {**os.environ, **self.deployment.environment}
        environment["DAGSTER_HOME"] = str(self.deployment.settings.dagster_home)
        for command in commands:
            subprocess.run(command, env=environment, timeout=TIMEOUT_SECONDS, check=True)

    def is_settled(self, description: str) -> bool:
        """Whether all runs have ended, and the check on all months has this description."""
        return (
            all(run.is_finished for run in self.runs())
            and latest_completeness(self.instance).description == description
        )

    def automation_runs(self) -> list[dg.DagsterRun]:
        """The runs that the automation requested, without those that repeat a lost one."""
        runs = self.instance.get_runs(dg.RunsFilter(tags={"dagster/from_automation_condition": "true"}))
        return [run for run in runs if run.parent_run_id is None]

    def is_released(self) -> bool:
        """Whether every good month has its marts, the release is newer than all of them, and nothing runs any more."""
        if self.instance.get_runs(dg.RunsFilter(statuses=IN_PROGRESS)):
            return False
        if any(self.instance.get_materialized_partitions(mart) != set(self.good_months) for mart in MONTHLY_MARTS):
            return False
        latest = (
            self.instance.get_latest_materialization_event(key) for key in (*MONTHLY_MARTS, CORRELATIONS, RELEASE)
        )
        *marts, correlations, release = (event.timestamp if event else 0.0 for event in latest)
        return max(marts) < correlations < release

    def is_in_the_middle(self) -> bool:
        """Whether some months are loaded and another is running."""
        statuses = Counter(run.status for run in self.runs())
        return statuses[SUCCESS] >= 2 and statuses[dg.DagsterRunStatus.STARTED] >= 1


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """The day, from the first delivery to the last alert."""
    folder = tmp_path_factory.mktemp("day")
    months = [month.key for month in Month.parse(FIRST).through(Month.parse(LAST))]
    random.Random(94).shuffle(months)
    with start_webhook_receiver() as receiver:
        day = Day(Deployment(folder / "there"), folder / "outbox", receiver, Deployment(folder / "undisturbed"), months)
        write_sample(day.outbox, first=FIRST, last=LAST, rows=ROWS)
        day.file(day.corrupted_month).write_bytes(day.file(day.corrupted_month).read_bytes()[:-1_000])
        create_home(day.deployment.settings.dagster_home)
        with day.instance:
            run_day(day)
            yield day


def run_day(day: Day) -> None:
    """Deliver the months, kill everything once, start again and wait for the rest."""
    order, corrupted = day.order, day.corrupted_month
    with day.start() as platform:
        day.deployment.deliver(*(day.outbox / file for file in REFERENCE_FILES.values()))
        day.deliver_first_version(day.corrected_month)
        day.deliver(*order[1:7])
        wait_long(day.is_in_the_middle, "some months to be loaded and one to run")
        platform.kill()
    day.killed_runs = [run for run in day.runs() if run.status in IN_PROGRESS]
    day.load_by_hand()
    day.deliver(day.corrected_month)
    with day.start() as platform:
        day.deliver(*order[9:-1])
        load_undisturbed(day.expected, day)
        absent = f"failed: {corrupted}; not delivered: {day.late_month}."
        wait_long(lambda: day.is_settled(absent), "every month that was delivered to be loaded")
        backfill_assets(day, platform, day.months_by_hand[0], day.late_month)
        day.deliver(day.late_month)
        wait_long(lambda: day.is_settled(f"failed: {corrupted}."), "the late month to be loaded")
        wait_long(day.is_released, "a release that is newer than the marts of every month")
        wait_long(lambda: len(day.receiver.messages) >= len(day.failed_runs()), "an alert of every failure")


def backfill_assets(day: Day, platform: DevServer, *months: str) -> None:
    """Launch a backfill of what a load needs, as the UI does, and wait until its runs have ended."""
    assets = [to_key(name) for name in (*MONTHLY, "warehouse/immigration")]
    backfill = {"assetSelection": [{"path": key.path} for key in assets], "partitionNames": list(months)}
    launched = platform.query_graphql(LAUNCH_BACKFILL, backfill=backfill)["launchPartitionBackfill"]
    filter_ = dg.RunsFilter(tags={"dagster/backfill": launched["backfillId"]})

    def have_ended() -> bool:
        runs = day.instance.get_runs(filter_)
        return len(runs) == len(months) and all(run.is_finished for run in runs)

    wait_long(have_ended, "the runs of the backfill to end")
    assert {run.tags[PARTITION]: run.is_success for run in day.instance.get_runs(filter_)} == {
        month: month != day.late_month for month in months
    }


def wait_long(condition: Callable[[], bool], what: str) -> None:
    """Poll until the daemon and its runs have brought something about."""
    wait_for(condition, what, TIMEOUT_SECONDS, POLL_SECONDS)


def load_undisturbed(deployment: Deployment, day: Day) -> None:
    """Load the final versions of the deliveries one after the other in this process."""
    deployment.deliver(*(day.outbox / file for file in REFERENCE_FILES.values()), *map(day.file, day.good_months))
    results = [deployment.run_reference(), *map(deployment.run_month, day.good_months)]
    assert all(result.succeeded for result in results), results


def test_every_good_month_is_loaded_once_in_its_newest_content(day: Day) -> None:
    lines = {
        line["partition_key"]: line for line in day.deployment.read_ledger() if line["table_name"] == immigration.name
    }
    assert sorted(lines) == day.good_months, "one line a month, and none of the month that can't be read"
    for month, line in lines.items():
        staged = day.deployment.manifest(MONTHLY[0], month)
        assert (line["loaded_rows"], line["fingerprint"]) == (staged.rows, staged.fingerprint)
    loads = day.count_loads()
    assert loads.pop(day.corrected_month) in (1, 2), "its first content may have been loaded before the kill"
    assert loads.pop(day.months_by_hand[0]) == 2, "by hand and by the backfill"
    assert loads == dict.fromkeys(set(day.good_months) - {day.corrected_month, day.months_by_hand[0]}, 1)


def test_marts_follow_each_load_once_and_correlations_and_release_all_loads(day: Day) -> None:
    runs = day.automation_runs()
    assert all(run.is_success for run in runs if run not in day.killed_runs)
    loads = day.count_loads()
    marts = Counter(run.tags[PARTITION] for run in runs if PARTITION in run.tags)
    assert sorted(marts) == day.good_months
    assert marts <= loads, "no run of marts without a load"
    afterwards = Counter(run.asset_selection for run in runs if PARTITION not in run.tags)
    assert set(afterwards) == {frozenset({CORRELATIONS}), frozenset({RELEASE})}
    assert max(afterwards.values()) <= MAX_RELEASES


def test_nothing_that_was_delivered_is_lost(day: Day) -> None:
    for month in day.good_months:
        staged, rejected, _ = (day.deployment.manifest(name, month) for name in MONTHLY)
        delivered = pq.ParquetFile(day.file(month)).metadata.num_rows
        assert staged.stats["delivered_rows"] == delivered == staged.rows + rejected.rows
        assert rejected.stats["reasons"] == expected_rejects(ROWS)


def test_the_warehouse_is_the_one_of_an_undisturbed_run(day: Day) -> None:
    star = [contract.fullname for contract in WAREHOUSE]
    assert {t: day.deployment.fingerprint(t) for t in star} == {t: day.expected.fingerprint(t) for t in star}
    tables = {contract.name for contract in WAREHOUSE}
    lines = [line for line in day.deployment.read_ledger() if line["table_name"] in tables]
    assert lines == day.expected.read_ledger()
    folders = {folder: len(runs) for folder, runs in day.deployment.list_run_folders().items()}
    assert folders.pop("published") in (1, 2), "the release before the current one stays"
    assert set(folders.values()) == {1}


def test_the_unreadable_month_is_absent_and_alerted(day: Day) -> None:
    assert day.deployment.lake.read_manifest(Dataset(MONTHLY[0], day.corrupted_month)) is None
    assert not latest_completeness(day.instance).passed
    (run,) = [
        run for run in day.failed_runs() if run.tags[PARTITION] == day.corrupted_month and run not in day.killed_runs
    ]
    (text,) = [text for text in day.receiver.messages if run.run_id in text]
    assert text.startswith(f"*Month {day.corrupted_month} failed*")
    assert day.file(day.corrupted_month).name in text
    assert f"i94 run --month {day.corrupted_month}" in text


def test_the_killed_runs_are_closed_alerted_and_retried(day: Day) -> None:
    assert day.killed_runs
    again = {run.parent_run_id: run for run in day.runs() if run.parent_run_id}
    for run in day.killed_runs:
        assert again[run.run_id].is_finished
        (text,) = [text for text in day.receiver.messages if run.run_id in text]
        assert "Its process was lost. Dagster starts the run again." in text

"""Pins a day that nobody watches: a year is delivered to a real `i94 dev`, which is killed once, and nothing is lost.

Twelve months arrive in drawn order while the daemon runs; one can't be read, one comes again with corrections while
the platform is down, one comes late. UI, daemon and the runs under way are killed together, and the platform is started
again. The sensors on marts and charts are stopped, since their runs would double the time; the release, which nothing
here asks for, has tests of its own. Sensors look more often than by default.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from i94_platform.contracts import WAREHOUSE, immigration
from i94_platform.lake.datasets import Dataset
from i94_platform.operations.dagster_instance import create_home, open_instance
from i94_platform.partitions import Month
from i94_platform.sample import expected_rejects, write_sample
from i94_platform.sources.registry import REFERENCE_FILES
from i94_platform.staleness.job_names import MONTH_JOB
from i94_platform_tests.support.deployment import MONTHLY, Deployment, rewrite_delivery
from i94_platform_tests.support.dev import latest_completeness, start_dev_server
from i94_platform_tests.support.processes import wait_for
from i94_platform_tests.support.webhook import WebhookReceiver, start_webhook_receiver

pytestmark = pytest.mark.slow

FIRST, LAST, ROWS, BEFORE_CORRECTIONS = "2016-01", "2016-12", 300, 120
DAY = 240.0
"""Seconds that one part of the day may take; only a fault lets it take so long."""

LOOK = 0.5
"""Seconds between two looks at the history, which cost the runs their processor."""

SHORT = {"I94_SETTLE_SECONDS": "0.5", "I94_SENSOR_INTERVAL_SECONDS": "2"}
UNDER_WAY = (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING)
PARTITION, SUCCESS = "dagster/partition", dg.DagsterRunStatus.SUCCESS


@dataclass
class Day:
    """What is to be delivered, where it goes, and who hears of what goes wrong."""

    there: Deployment
    outbox: Path
    """Every delivery as it is in the end."""
    receiver: WebhookReceiver
    undisturbed: Deployment
    order: list[str]
    """The months as they arrive."""
    killed: list[dg.DagsterRun] = field(default_factory=list)
    """The runs that were at it when all was killed."""

    @property
    def corrupted(self) -> str:
        """The month whose file ends in the middle."""
        return self.order[2]

    @property
    def corrected(self) -> str:
        """The month that comes with few rows first."""
        return self.order[0]

    @property
    def late(self) -> str:
        """The month that comes when everything else is done."""
        return self.order[-1]

    @property
    def good(self) -> list[str]:
        """The months that can be loaded."""
        return sorted(set(self.order) - {self.corrupted})

    def file(self, month: str) -> Path:
        """A month's delivery as it is in the end."""
        return self.outbox / f"{Month.parse(month).file_stem}.parquet"

    def deliver(self, *months: str) -> None:
        """Land months; each file appears whole, as the sensor's own waiting is pinned elsewhere."""
        self.there.deliver(*map(self.file, months))

    def deliver_first_try(self, month: str) -> None:
        """Land a month that will come again with all its rows."""
        part = self.outbox.parent / self.file(month).name
        rewrite_delivery(self.file(month), lambda rows: rows.slice(0, BEFORE_CORRECTIONS), part)
        self.there.deliver(part)

    def dev(self) -> Any:
        """The platform, started."""
        environment = {**self.there.environment, **SHORT, "I94_ALERT_WEBHOOK": self.receiver.url}
        return start_dev_server(environment, self.there.folder / "log")

    @cached_property
    def history(self) -> dg.DagsterInstance:
        """What the platform remembers."""
        return open_instance(self.there.settings.dagster_home)

    def runs(self) -> list[dg.DagsterRun]:
        """Every run of a month, the newest first."""
        return list(self.history.get_runs(dg.RunsFilter(job_name=MONTH_JOB)))

    def failed(self) -> list[dg.DagsterRun]:
        """The runs that failed, whatever became of their months later."""
        return [run for run in self.runs() if run.status == dg.DagsterRunStatus.FAILURE]

    def settled(self, standing: str) -> bool:
        """Whether no run is still to end, and the check on all months says this of them."""
        return all(run.is_finished for run in self.runs()) and latest_completeness(self.history).description == standing

    def in_the_middle(self) -> bool:
        """Whether some months are loaded and one is at it."""
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
        day.file(day.corrupted).write_bytes(day.file(day.corrupted).read_bytes()[:-1_000])
        create_home(day.there.settings.dagster_home)
        with day.history:
            _live_through(day)
            yield day


def _live_through(day: Day) -> None:
    order, corrupted = day.order, day.corrupted
    with day.dev() as platform:
        platform.stop_sensors("stale_marts", "stale_correlations")
        day.there.deliver(*(day.outbox / file for file in REFERENCE_FILES.values()))
        day.deliver_first_try(day.corrected)
        day.deliver(*order[1:7])
        wait_for(day.in_the_middle, "some months to be loaded and one to be under way", DAY, LOOK)
        platform.kill()
    day.killed = [run for run in day.runs() if run.status in UNDER_WAY]
    day.deliver(day.corrected, order[7])
    with day.dev() as platform:
        day.deliver(*order[8:-1])
        _load(day.undisturbed, day)
        absent = f"failed: {corrupted}; not delivered: {day.late}."
        wait_for(lambda: day.settled(absent), "every month that was delivered to be loaded", DAY, LOOK)
        day.deliver(day.late)
        wait_for(lambda: day.settled(f"failed: {corrupted}."), "the late month to be loaded", DAY, LOOK)
        wait_for(lambda: len(day.receiver.messages) >= len(day.failed()), "every failure to be told", DAY, LOOK)


def _load(undisturbed: Deployment, day: Day) -> None:
    """The same deliveries as they are in the end, one after the other in this process."""
    undisturbed.deliver(*(day.outbox / file for file in REFERENCE_FILES.values()), *map(day.file, day.good))
    outcomes = [undisturbed.run_reference(), *map(undisturbed.run_month, day.good)]
    assert all(outcome.succeeded for outcome in outcomes), outcomes


def test_every_good_month_is_loaded_once_in_its_newest_content(day: Day) -> None:
    lines = {line["partition_key"]: line for line in day.there.read_ledger() if line["table_name"] == immigration.name}
    assert sorted(lines) == day.good, "one line a month, and none of the month that can't be read"
    for month, line in lines.items():
        staged = day.there.manifest(MONTHLY[0], month)
        assert (line["loaded_rows"], line["fingerprint"]) == (staged.rows, staged.fingerprint)
    succeeded = Counter(run.tags[PARTITION] for run in day.runs() if run.is_success)
    assert succeeded.pop(day.corrected) in (1, 2), "its first content may have been loaded before the kill"
    assert succeeded == dict.fromkeys(set(day.good) - {day.corrected}, 1)


def test_nothing_that_was_delivered_is_lost(day: Day) -> None:
    for month in day.good:
        staged, refused = (day.there.manifest(name, month) for name in MONTHLY)
        delivered = pq.ParquetFile(day.file(month)).metadata.num_rows
        assert staged.stats["delivered_rows"] == delivered == staged.rows + refused.rows
        assert refused.stats["reasons"] == expected_rejects(ROWS)


def test_the_warehouse_is_the_one_of_an_undisturbed_run(day: Day) -> None:
    star = [contract.fullname for contract in WAREHOUSE]
    assert {t: day.there.fingerprint(t) for t in star} == {t: day.undisturbed.fingerprint(t) for t in star}
    assert day.there.read_ledger() == day.undisturbed.read_ledger()
    assert {folder: len(runs) for folder, runs in day.there.list_run_folders().items() if len(runs) != 1} == {}


def test_the_month_that_cannot_be_read_is_absent_and_told(day: Day) -> None:
    assert day.there.lake.read_manifest(Dataset(MONTHLY[0], day.corrupted)) is None
    assert not latest_completeness(day.history).passed
    (run,) = [run for run in day.failed() if run.tags[PARTITION] == day.corrupted and run not in day.killed]
    (text,) = [text for text in day.receiver.messages if run.run_id in text]
    assert text.startswith(f"*Month {day.corrupted} failed*")
    assert day.file(day.corrupted).name in text
    assert f"i94 run --month {day.corrupted}" in text


def test_the_killed_runs_are_closed_told_and_started_again_by_themselves(day: Day) -> None:
    assert day.killed
    again = {run.parent_run_id: run for run in day.runs() if run.parent_run_id}
    for run in day.killed:
        assert again[run.run_id].is_finished
        (text,) = [text for text in day.receiver.messages if run.run_id in text]
        assert "Its process was lost. Dagster starts the run again." in text

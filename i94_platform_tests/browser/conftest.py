"""One `i94 dev` on sample data and one headless Chromium for the tests of the UI; where one fails, a picture is kept.

`I94_UPDATE_SCREENSHOTS=1` has the tests write the pictures of docs/images anew.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from playwright.sync_api import Browser, Page, expect

from i94_platform.defs.jobs import MONTH_JOB
from i94_platform.operations.dagster_instance import open_instance
from i94_platform.partitions import Month
from i94_platform.sample import write_sample
from i94_platform.settings import PROJECT
from i94_platform.sources.registry import REFERENCE_FILES
from i94_platform_tests.support.command import run_command_in_process
from i94_platform_tests.support.deployment import Deployment
from i94_platform_tests.support.dev import DevServer, start_dev_server

UPDATE = os.environ.get("I94_UPDATE_SCREENSHOTS") == "1"
"""Read before the environment is cleared."""

IMAGES, MOST_BYTES = PROJECT / "docs" / "images", 300_000
PATIENCE = 60_000.0
"""Milliseconds that the UI may take to show something: runs take their turns, and other tests the processor."""

RUNS = 240.0
"""Seconds that runs may take; only a fault lets them take so long."""

QUICK = {"I94_SETTLE_SECONDS": "0.5", "I94_SENSOR_INTERVAL_SECONDS": "2"}
PARTITION = "dagster/partition"
LOADED, DROPPED, ON_S3 = ("2016-01", "2016-02", "2016-03"), "2016-04", "2016-05"


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note on a test that it failed, for its page to know."""
    report = yield
    item.stash[FAILED] = report.failed
    return report


@dataclass(frozen=True)
class Stack:
    """A deployment with the UI and the daemon at work on it, and files still to be delivered."""

    deployment: Deployment
    history: dg.DagsterInstance
    platform: DevServer
    outbox: Path

    def file(self, month: str) -> Path:
        """A month's delivery."""
        return self.outbox / f"{Month.parse(month).file_stem}.parquet"

    def runs(self, month: str) -> list[dg.DagsterRun]:
        """The runs of a month that no backfill asked for, the newest first."""
        found = self.history.get_runs(dg.RunsFilter(job_name=MONTH_JOB, tags={PARTITION: month}))
        return [run for run in found if "dagster/backfill" not in run.tags]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Three months are loaded with all that follows from them; the sensors on marts and charts are stopped."""
    folder = tmp_path_factory.mktemp("ui")
    deployment, outbox = Deployment(folder / "there"), folder / "outbox"
    write_sample(outbox, first=LOADED[0], last=ON_S3, rows=2_000)
    months = (outbox / f"{Month.parse(month).file_stem}.parquet" for month in LOADED)
    deployment.deliver(*(outbox / file for file in REFERENCE_FILES.values()), *months)
    assert run_command_in_process(deployment.environment, "run").exit_code == 0
    with start_dev_server({**deployment.environment, **QUICK}, folder / "log") as platform:
        platform.stop_sensors("loaded_months", "refreshed_marts", "undrawn_months")
        with open_instance(deployment.settings.dagster_home) as history:
            yield Stack(deployment, history, platform, outbox)


@pytest.fixture
def page(chromium: Browser, stack: Stack, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page on the UI; where the test fails, a picture of it stays in the test's folder."""
    expect.set_options(timeout=PATIENCE)
    with chromium.new_context(base_url=stack.platform.url, viewport={"width": 1440, "height": 900}) as context:
        made = context.new_page()
        made.set_default_timeout(PATIENCE)
        yield made
        if request.node.stash.get(FAILED, False):
            made.screenshot(path=tmp_path / "failed.png")


def picture(page: Page, name: str) -> None:
    """Write a picture of docs/images, when asked to."""
    if UPDATE:
        page.wait_for_timeout(3_000)  # states and charts appear one by one
        page.screenshot(path=IMAGES / f"{name}.png")
        assert (IMAGES / f"{name}.png").stat().st_size < MOST_BYTES

"""A deployment with the lineage UI and the daemon at work on it, and what its tests look for there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from playwright.sync_api import Page

from i94_platform.contracts import immigration
from i94_platform.defs.automation import marts_and_release
from i94_platform.operations.dagster_instance import open_instance
from i94_platform.partitions import Month
from i94_platform.settings import PROJECT
from i94_platform.staleness.job_names import MONTH_JOB
from i94_platform_tests.support.deployment import Deployment
from i94_platform_tests.support.dev import DevServer, start_dev_server
from i94_platform_tests.support.processes import wait_for

UPDATE_SCREENSHOTS = os.environ.get("I94_UPDATE_SCREENSHOTS") == "1"
"""Read before the environment is cleared."""

IMAGES, MAX_IMAGE_BYTES = PROJECT / "docs" / "images", 300_000

RUN_TIMEOUT_SECONDS = 240.0
"""How long runs may take; only a fault lets them take so long."""

POLL_SECONDS = 0.5
"""The time between two looks at the instance, which knows before a page does: pages refresh every 15 s."""

SHORT_INTERVALS = {"I94_SETTLE_SECONDS": "0.5", "I94_SENSOR_INTERVAL_SECONDS": "2"}
PARTITION_TAG = "dagster/partition"

GROUPS = ("raw", "lookup", "staged", "warehouse", "mart", "published")
FACT_PATH = "/assets/warehouse/immigration"
MONTHLY_LAYERS = ("raw", "staged", "warehouse", "mart", "published")
MONTHLY_LINEAGE_PATH = "/asset-groups~tag%3A%22cadence%22%3D%22monthly%22/?expanded=" + "%2C".join(
    f"global%40global%3A{layer}" for layer in MONTHLY_LAYERS
)
"""The lineage of what each month renews, `tag:"cadence"="monthly"`, with its groups open."""
LOCATION_PATH = "/locations/i94_platform.definitions"
MONTH_JOB_PATH, MONTHS_SENSOR_PATH = f"{LOCATION_PATH}/jobs/month", f"{LOCATION_PATH}/sensors/delivered_months"


@dataclass(frozen=True)
class LineageUi:
    """A deployment whose UI and daemon run, and files still to be delivered."""

    deployment: Deployment
    instance: dg.DagsterInstance
    server: DevServer
    outbox: Path

    def file(self, month: str) -> Path:
        """The delivery of a month in the outbox."""
        return self.outbox / f"{Month.parse(month).file_stem}.parquet"

    def runs(self, month: str) -> list[dg.DagsterRun]:
        """The runs of a month that belong to no backfill, the newest first."""
        runs = self.instance.get_runs(dg.RunsFilter(job_name=MONTH_JOB, tags={PARTITION_TAG: month}))
        return [run for run in runs if "dagster/backfill" not in run.tags]


@contextlib.contextmanager
def start_lineage_ui(
    deployment: Deployment, outbox: Path, log: Path, stopped_sensors: tuple[str, ...] = (marts_and_release.name,)
) -> Iterator[LineageUi]:
    """Run `i94 dev` on a deployment; without the automation of marts, whose runs would double the time of a test."""
    with start_dev_server({**deployment.environment, **SHORT_INTERVALS}, log) as server:
        server.stop_sensors(*stopped_sensors)
        with open_instance(deployment.settings.dagster_home) as instance:
            yield LineageUi(deployment, instance, server, outbox)


def wait_for_run(condition: Callable[[], bool], what: str, interval: float = POLL_SECONDS) -> None:
    """Poll until something holds that runs of the daemon bring about."""
    wait_for(condition, what, RUN_TIMEOUT_SECONDS, interval)


def read_loaded_months(deployment: Deployment) -> set[str]:
    """The months that the warehouse holds."""
    return {line["partition_key"] for line in deployment.read_ledger() if line["table_name"] == immigration.name}


def update_screenshot(page: Page, name: str) -> None:
    """Write a picture of docs/images where `I94_UPDATE_SCREENSHOTS=1` asks for it."""
    if UPDATE_SCREENSHOTS:
        page.wait_for_timeout(15_000)  # states appear one by one
        page.screenshot(path=IMAGES / f"{name}.png")
        assert (IMAGES / f"{name}.png").stat().st_size < MAX_IMAGE_BYTES

"""Pins what people do in the UI, in a browser: see the lineage, run a month, backfill, follow a sensor, see a failure.

One story on one deployment, in the order of the tests. The backfill comes first, since Dagster looks at backfills every
30 s: what people do meanwhile need not wait for it.
"""

from __future__ import annotations

import os
import re

import pytest
from dagster._core.execution.backfill import BulkActionStatus
from playwright.sync_api import Page, expect

from i94_platform.contracts import immigration
from i94_platform_tests.browser.conftest import DROPPED, LOADED, ON_S3, QUICK, RUNS, Stack, picture
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.support.deployment import Deployment
from i94_platform_tests.support.dev import latest_completeness, start_dev_server
from i94_platform_tests.support.processes import wait_for

pytestmark = pytest.mark.browser

GROUPS = ("raw", "lookup", "staged", "warehouse", "mart", "published")
JOB, SENSORS = "/locations/i94_platform/jobs/month", "/locations/i94_platform/sensors"
LOOK = 0.5
"""Seconds between two looks at the history, which tells before a page does: pages ask every 15 s."""

FACT = "/assets/warehouse/immigration"


def launch(page: Page, months: str, button: str) -> None:
    """Jobs, month, Partitions: choose months and launch."""
    page.goto(f"{JOB}/partitions")
    page.get_by_text(re.compile("^Materialize")).first.click()
    dialog = page.get_by_role("dialog")
    chosen = dialog.get_by_placeholder(re.compile("^ex: "))
    chosen.fill(months)
    chosen.press("Enter")
    dialog.get_by_role("button", name=button).click()


def loaded_months(deployment: Deployment) -> set[str]:
    """The months that the warehouse holds."""
    return {line["partition_key"] for line in deployment.read_ledger() if line["table_name"] == immigration.name}


def group_exists(number: int) -> bool:
    """Whether a group of processes has one left."""
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_backfill_of_three_months_is_launched_from_the_ui(page: Page) -> None:
    launch(page, f"[{LOADED[0]}...{LOADED[-1]}]", "Launch backfill")
    page.goto("/runs?view=backfills")
    expect(page.get_by_text("3 partitions").first).to_be_visible()


def test_the_lineage_is_drawn_with_every_group(page: Page) -> None:
    page.goto("/asset-groups")
    for group in GROUPS:
        expect(page.locator("svg").get_by_text(group, exact=True)).to_be_visible()


def test_the_lineage_of_the_fact_leads_from_the_delivery_to_the_release(page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 1200})
    page.goto(f"{FACT}?view=lineage&lineageScope=neighbors&lineageDepth=6")
    for group in GROUPS:
        expect(page.locator("svg").get_by_text(group, exact=True)).to_be_visible()
    picture(page, "lineage")


def test_a_month_is_materialized_from_the_ui(page: Page, stack: Stack) -> None:
    before, known = stack.deployment.state(), len(stack.runs(LOADED[0]))
    launch(page, LOADED[0], "Launch 1 run")
    expect(page.get_by_text("Launched run")).to_be_visible()
    newest, *others = stack.runs(LOADED[0])
    assert len(others) == known
    wait_for(lambda: stack.runs(LOADED[0])[0].is_finished, "the run to end", RUNS, LOOK)
    page.goto(f"/runs/{newest.run_id}")
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()
    assert stack.deployment.state() == before


def test_the_sensor_picks_up_a_month_that_is_dropped_into_the_folder(page: Page, stack: Stack) -> None:
    stack.deployment.deliver(stack.file(DROPPED))
    wait_for(lambda: loaded_months(stack.deployment) == {*LOADED, DROPPED}, "the month", RUNS, LOOK)
    page.goto(f"{SENSORS}/delivered_months")
    expect(page.get_by_text("1 run requested", exact=True).first).to_be_visible()
    picture(page, "sensor")


def test_the_backfill_ends_with_a_run_for_each_month(page: Page, stack: Stack) -> None:
    def ended() -> bool:
        (backfill,) = stack.history.get_backfills()
        return backfill.status == BulkActionStatus.COMPLETED_SUCCESS

    wait_for(ended, "the backfill to end", RUNS, LOOK)
    page.goto("/runs?view=backfills")
    expect(page.get_by_text("Success", exact=True)).to_be_visible()
    picture(page, "backfill")


def test_a_month_that_fails_is_told_and_its_old_rows_stay(page: Page, stack: Stack) -> None:
    old = f"(SELECT * FROM i94.immigration WHERE i94yr = 2016 AND i94mon = {int(DROPPED[-2:])})"
    before = stack.deployment.fingerprint(old)
    stack.deployment.raw_store.put(stack.file(DROPPED).name, stack.file(DROPPED).read_bytes()[:-1_000])
    told = f"failed: {DROPPED}"
    checked = "the check on all months to name the month"
    wait_for(lambda: told in (latest_completeness(stack.history).description or ""), checked, RUNS, LOOK)

    def shown() -> bool:
        # a page that was opened while a run of the check was planned keeps saying that it was not evaluated
        page.goto(f"{FACT}?view=checks")
        page.get_by_text("Latest execution").first.wait_for()
        return page.get_by_text(re.compile(f"^{told}")).count() > 0

    wait_for(shown, checked, RUNS, 2.0)
    picture(page, "failed-check")
    assert before[0] > 0
    assert stack.deployment.fingerprint(old) == before


def test_ctrl_c_stops_all_and_a_second_start_finds_its_history_and_follows_a_bucket(
    page: Page, stack: Stack, s3_server: S3Server
) -> None:
    assert stack.platform.interrupt() == 0
    wait_for(lambda: not group_exists(stack.platform.process.pid), "the last process of the UI to end", interval=0.2)
    there = stack.deployment
    bucket = f"s3://{s3_server.create_bucket()}/raw"
    environment = {**there.environment, **s3_server.environment, **QUICK, "I94_RAW": bucket}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.environment.items():
            patch.setenv(name, value)
        on_s3 = Deployment(there.folder, raw=bucket, s3_endpoint=s3_server.endpoint)
        on_s3.deliver(*(file for file in stack.outbox.iterdir() if not file.name.startswith("i94_")))
        on_s3.deliver(stack.file(ON_S3))
    with start_dev_server(environment, there.folder / "log") as again:
        page.goto(f"{again.url}/runs?view=backfills")
        expect(page.get_by_text("3 partitions").first).to_be_visible()
        page.goto(f"{again.url}{SENSORS}/delivered_months")
        expect(page.get_by_text("1 run requested").first).to_be_visible(timeout=RUNS * 1_000)
        wait_for(lambda: ON_S3 in loaded_months(there), "the month in the bucket to be loaded", RUNS, LOOK)

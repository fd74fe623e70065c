"""Test what people do in the UI, in a browser: backfill, run, follow a sensor, see a failure, restart.

One story on one deployment, in the order of the tests. The backfill comes first, since Dagster looks at backfills every
30 s: what people do meanwhile need not wait for it.
"""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from dagster._core.execution.backfill import BulkActionStatus
from playwright.sync_api import Page, expect

from i94_platform.partitions import Month
from i94_platform.sample import write_sample
from i94_platform.sources.registry import REFERENCE_FILES
from i94_platform_tests.browser.lineage_ui import (
    FACT_PATH,
    MONTH_JOB_PATH,
    MONTHS_SENSOR_PATH,
    RUN_TIMEOUT_SECONDS,
    SHORT_INTERVALS,
    LineageUi,
    read_loaded_months,
    start_lineage_ui,
    update_screenshot,
    wait_for_run,
)
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.support.command import run_command_in_process
from i94_platform_tests.support.deployment import Deployment
from i94_platform_tests.support.dev import latest_completeness, start_dev_server
from i94_platform_tests.support.processes import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LOADED, DROPPED, ON_S3 = ("2016-01", "2016-02", "2016-03"), "2016-04", "2016-05"


@pytest.fixture(scope="module")
def lineage_ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LineageUi]:
    """The UI on a deployment with three months, loaded with all that follows from them."""
    folder = tmp_path_factory.mktemp("ui")
    deployment, outbox = Deployment(folder / "deployment"), folder / "outbox"
    write_sample(outbox, first=LOADED[0], last=ON_S3, rows=2_000)
    months = (outbox / f"{Month.parse(month).file_stem}.parquet" for month in LOADED)
    deployment.deliver(*(outbox / file for file in REFERENCE_FILES.values()), *months)
    result = run_command_in_process(deployment.environment, "run")
    assert result.exit_code == 0, result.output
    with start_lineage_ui(deployment, outbox, folder / "log") as lineage_ui:
        yield lineage_ui


def launch_months(page: Page, months: str, button: str) -> None:
    """Jobs, month, Partitions: choose months and launch them."""
    page.goto(f"{MONTH_JOB_PATH}/partitions")
    page.get_by_text(re.compile("^Materialize")).first.click()
    dialog = page.get_by_role("dialog")
    chosen = dialog.get_by_placeholder(re.compile("^ex: "))
    chosen.fill(months)
    chosen.press("Enter")
    dialog.get_by_role("button", name=button).click()


def has_processes(number: int) -> bool:
    """Whether a group of processes still has a member."""
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_backfill_of_three_months_is_launched_from_the_ui(page: Page) -> None:
    launch_months(page, f"[{LOADED[0]}...{LOADED[-1]}]", "Launch backfill")
    page.goto("/runs?view=backfills")
    expect(page.get_by_text("3 partitions").first).to_be_visible()


def test_a_foreign_page_reaches_nothing_of_a_ui_that_the_command_started(lineage_ui: LineageUi) -> None:
    request = urllib.request.Request(f"{lineage_ui.server.url}/graphql", b"{}", {"Origin": "http://evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=30)


def test_a_month_is_materialized_from_the_ui(page: Page, lineage_ui: LineageUi) -> None:
    before, known = lineage_ui.deployment.state(), len(lineage_ui.runs(LOADED[0]))
    launch_months(page, LOADED[0], "Launch 1 run")
    expect(page.get_by_text("Launched run")).to_be_visible()
    newest, *others = lineage_ui.runs(LOADED[0])
    assert len(others) == known
    wait_for_run(lambda: lineage_ui.runs(LOADED[0])[0].is_finished, "the run to end")
    page.goto(f"/runs/{newest.run_id}")
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()
    assert lineage_ui.deployment.state() == before


def test_the_sensor_picks_up_a_month_that_is_dropped_into_the_folder(page: Page, lineage_ui: LineageUi) -> None:
    lineage_ui.deployment.deliver(lineage_ui.file(DROPPED))
    wait_for(
        lambda: read_loaded_months(lineage_ui.deployment) == {*LOADED, DROPPED},
        "the month",
        RUN_TIMEOUT_SECONDS,
    )
    page.goto(MONTHS_SENSOR_PATH)
    expect(page.get_by_text("1 run requested", exact=True).first).to_be_visible()


def test_the_backfill_ends_with_a_run_for_each_month(page: Page, lineage_ui: LineageUi) -> None:
    def has_ended() -> bool:
        (backfill,) = lineage_ui.instance.get_backfills()
        return backfill.status == BulkActionStatus.COMPLETED_SUCCESS

    wait_for_run(has_ended, "the backfill to end")
    page.goto("/runs?view=backfills")
    expect(page.get_by_text("Success", exact=True)).to_be_visible()
    (backfill,) = lineage_ui.instance.get_backfills()
    page.set_viewport_size({"width": 1440, "height": 560})
    page.goto(f"/runs/b/{backfill.backfill_id}")
    expect(page.get_by_text("Succeeded", exact=True).first).to_be_visible()
    update_screenshot(page, "backfill")


def test_a_month_that_fails_is_shown_and_its_old_rows_stay(page: Page, lineage_ui: LineageUi) -> None:
    old = f"(SELECT * FROM i94.immigration WHERE i94yr = 2016 AND i94mon = {int(DROPPED[-2:])})"
    before = lineage_ui.deployment.fingerprint(old)
    lineage_ui.deployment.raw_store.put(lineage_ui.file(DROPPED).name, lineage_ui.file(DROPPED).read_bytes()[:-1_000])
    description = f"failed: {DROPPED}"
    checked = "the check on all months to name the month"
    wait_for(
        lambda: description in (latest_completeness(lineage_ui.instance).description or ""),
        checked,
        RUN_TIMEOUT_SECONDS,
    )

    def is_shown() -> bool:
        # a page that was opened while a run of the check was planned keeps saying that it was not evaluated
        page.goto(f"{FACT_PATH}?view=checks&checkDetail=every_month_loaded")
        page.get_by_text("Latest execution").first.wait_for()
        return page.get_by_text(re.compile(f"^{description}")).count() > 0

    wait_for_run(is_shown, checked, interval=2.0)
    update_screenshot(page, "failed-check")
    assert before[0] > 0
    assert lineage_ui.deployment.fingerprint(old) == before


def test_ctrl_c_stops_all_and_a_second_start_finds_its_history_and_follows_a_bucket(
    page: Page, lineage_ui: LineageUi, s3_server: S3Server
) -> None:
    assert lineage_ui.server.interrupt() == 0
    group = lineage_ui.server.process.pid
    wait_for(lambda: not has_processes(group), "the last process of the UI to end", interval=0.2)
    there = lineage_ui.deployment
    bucket = f"s3://{s3_server.create_bucket()}/raw"
    environment = {**there.environment, **s3_server.environment, **SHORT_INTERVALS, "I94_RAW": bucket}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.environment.items():
            patch.setenv(name, value)
        on_s3 = Deployment(there.folder, raw=bucket, s3_endpoint=s3_server.endpoint)
        on_s3.deliver(*(file for file in lineage_ui.outbox.iterdir() if not file.name.startswith("i94_")))
        on_s3.deliver(lineage_ui.file(ON_S3))
    with start_dev_server(environment, there.folder / "log") as again:
        page.goto(f"{again.url}/runs?view=backfills")
        expect(page.get_by_text("3 partitions").first).to_be_visible()
        page.goto(f"{again.url}{MONTHS_SENSOR_PATH}")
        expect(page.get_by_text("1 run requested").first).to_be_visible(timeout=RUN_TIMEOUT_SECONDS * 1_000)
        wait_for_run(lambda: ON_S3 in read_loaded_months(there), "the month in the bucket to be loaded")

"""Test what a newcomer sees of the demo's three months: a green graph, counts of months, checks and automation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from i94_platform.sample import write_sample
from i94_platform_tests.browser.lineage_ui import (
    FACT_PATH,
    GROUPS,
    MONTH_JOB_PATH,
    MONTHLY_LAYERS,
    MONTHLY_LINEAGE_PATH,
    LineageUi,
    start_lineage_ui,
    update_screenshot,
)
from i94_platform_tests.support.command import run_command_in_process
from i94_platform_tests.support.deployment import Deployment

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MONTHS = ("2016-01", "2016-02", "2016-03")

STATES_QUERY = """{ assetNodes { assetKey { path } isObservable staleStatus
    partitionStats { numPartitions numMaterialized numFailed }
    assetMaterializations(limit: 1) { runId } assetObservations(limit: 1) { runId }
    assetChecksOrError { ... on AssetChecks { checks {
        name executionForLatestMaterialization { evaluation { success } } } } } } }"""


@pytest.fixture(scope="module")
def lineage_ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LineageUi]:
    """The UI on three months that the command line loaded; the deployment has no other months."""
    folder = tmp_path_factory.mktemp("demo")
    deployment = Deployment(folder / "deployment", first_month=MONTHS[0], last_month=MONTHS[-1])
    write_sample(deployment.raw, first=MONTHS[0], last=MONTHS[-1])
    result = run_command_in_process(deployment.environment, "run")
    assert result.exit_code == 0, result.output
    with start_lineage_ui(deployment, deployment.raw, folder / "log", stopped_sensors=()) as lineage_ui:
        yield lineage_ui


def test_the_graph_is_green_from_the_delivery_to_the_release(page: Page, lineage_ui: LineageUi) -> None:
    states = lineage_ui.server.query_graphql(STATES_QUERY)["assetNodes"]
    for state in states:
        name = "/".join(state["assetKey"]["path"])
        assert state["assetObservations" if state["isObservable"] else "assetMaterializations"], name
        assert state["staleStatus"] == "FRESH", name
        months = state["partitionStats"]
        assert months in (None, {"numPartitions": 3, "numMaterialized": 3, "numFailed": 0}), name
        for check in state["assetChecksOrError"]["checks"]:
            assert check["executionForLatestMaterialization"]["evaluation"]["success"], (name, check["name"])
    assert {state["assetKey"]["path"][0] for state in states} == set(GROUPS)
    page.set_viewport_size({"width": 1440, "height": 1200})  # all monthly marts
    page.goto(MONTHLY_LINEAGE_PATH)
    for layer in MONTHLY_LAYERS:
        expect(page.locator("svg").get_by_text(layer, exact=True)).to_be_visible()
    update_screenshot(page, "lineage")


def test_all_groups_are_in_the_lineage(page: Page) -> None:
    page.goto("/asset-groups")
    for group in GROUPS:
        expect(page.locator("svg").get_by_text(group, exact=True)).to_be_visible()


def test_the_page_of_the_job_counts_the_months_and_lists_the_runs_of_the_command_line(page: Page) -> None:
    page.goto(f"{MONTH_JOB_PATH}/partitions")
    for number, what in ((3, "Total"), (0, "Missing")):
        expect(page.get_by_text(f"{what} partitions", exact=True).locator("..")).to_contain_text(str(number))
    page.goto(f"{MONTH_JOB_PATH}/runs")
    for month in MONTHS:
        expect(page.get_by_text(f"partition: {month}")).to_be_visible()


def test_the_fact_lists_its_months(page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 525})  # above the addresses, which differ from home to home
    page.goto(f"{FACT_PATH}?view=partitions&partition={MONTHS[1]}")
    expect(page.get_by_text("Materialized (3)")).to_be_visible()
    expect(page.get_by_text("Missing (0)")).to_be_visible()
    expect(page.get_by_text("dagster/partition_row_count")).to_be_visible()
    update_screenshot(page, "month")


def test_the_checks_of_a_staged_month_say_what_they_found(page: Page) -> None:
    page.goto("/assets/staged/immigration?view=checks&checkDetail=gate")
    expect(page.get_by_text("Passed", exact=True)).to_be_visible()
    expect(page.get_by_text("rejected_share_within_bound", exact=True)).to_be_visible()
    expect(page.get_by_text("Succeeded", exact=True)).to_have_count(6)
    update_screenshot(page, "checks")


def test_all_automation_is_on(page: Page, lineage_ui: LineageUi) -> None:
    repository = lineage_ui.deployment.definitions.get_repository_def()
    page.goto("/automation")
    expect(page.get_by_text("Automation condition sensor")).to_be_visible()
    expect(page.locator("input[type=checkbox]:checked")).to_have_count(
        len(repository.sensor_defs) + len(repository.schedule_defs)
    )
    update_screenshot(page, "automation")

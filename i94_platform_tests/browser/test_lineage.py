"""Test the smallest use of the lineage UI: it shows the graph, and a month that lands is loaded by itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from i94_platform_tests.browser.lineage_ui import (
    FACT_PATH,
    GROUPS,
    MONTHS_SENSOR_PATH,
    LineageUi,
    read_loaded_months,
    start_lineage_ui,
    wait_for_run,
)
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment

pytestmark = pytest.mark.browser

NEXT_MONTH = "2016-02"


@pytest.fixture(scope="module")
def lineage_ui(loaded_deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LineageUi]:
    """The UI on a copy of the loaded deployment; the deliveries of the months wait in the outbox."""
    folder = tmp_path_factory.mktemp("lineage")
    deployment, outbox = loaded_deployment.copy(folder / "deployment"), folder / "outbox"
    outbox.mkdir()
    for delivery in deployment.raw.glob("i94_*"):
        shutil.move(delivery, outbox)
    with start_lineage_ui(deployment, outbox, folder / "log") as lineage_ui:
        yield lineage_ui


def test_the_lineage_of_the_fact_leads_from_the_delivery_to_the_release(page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 1200})
    page.goto(f"{FACT_PATH}?view=lineage&lineageScope=neighbors&lineageDepth=6")
    for group in GROUPS:
        expect(page.locator("svg").get_by_text(group, exact=True)).to_be_visible()


def test_a_month_that_lands_is_loaded_by_itself(page: Page, lineage_ui: LineageUi) -> None:
    deployment = lineage_ui.deployment
    deployment.deliver(lineage_ui.file(NEXT_MONTH))
    expected = {SAMPLE_MONTH, NEXT_MONTH}
    wait_for_run(lambda: read_loaded_months(deployment) == expected, "the month to be loaded")
    page.goto(MONTHS_SENSOR_PATH)
    expect(page.get_by_text("1 run requested", exact=True).first).to_be_visible()

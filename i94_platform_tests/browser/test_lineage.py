"""Test the smallest use of the lineage UI: it starts and shows the graph. What people do in it is in `test_ui`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from i94_platform_tests.browser.lineage_ui import (
    FACT_PATH,
    GROUPS,
    LineageUi,
    start_lineage_ui,
)
from i94_platform_tests.support.deployment import Deployment

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def lineage_ui(loaded_deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LineageUi]:
    """The UI on a copy of the loaded deployment, without deliveries of months, so that no run is requested."""
    folder = tmp_path_factory.mktemp("lineage")
    deployment = loaded_deployment.copy(folder / "deployment")
    for delivery in deployment.raw.glob("i94_*"):
        delivery.unlink()
    with start_lineage_ui(deployment, deployment.raw, folder / "log") as lineage_ui:
        yield lineage_ui


def test_the_lineage_of_the_fact_leads_from_the_delivery_to_the_release(page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 1200})
    page.goto(f"{FACT_PATH}?view=lineage&lineageScope=neighbors&lineageDepth=6")
    for group in GROUPS:
        expect(page.locator("svg").get_by_text(group, exact=True)).to_be_visible()

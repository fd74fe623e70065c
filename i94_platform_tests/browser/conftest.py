"""A page of a headless Chromium on the lineage UI; where a test fails, a picture of its page is kept.

Each module gives the deployment that its pages show, as the fixture `lineage_ui`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from i94_platform_tests.browser.lineage_ui import LineageUi

PAGE_TIMEOUT_MS = 60_000.0
"""How long the UI may take to show something: runs take their turns, and other tests the processor."""

HAS_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note on a test that it failed, for the fixture of its page."""
    report = yield
    item.stash[HAS_FAILED] = report.failed
    return report


@pytest.fixture
def page(chromium: Browser, lineage_ui: LineageUi, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page on the UI; where the test fails, a picture of it stays in the test's folder."""
    expect.set_options(timeout=PAGE_TIMEOUT_MS)
    with chromium.new_context(base_url=lineage_ui.server.url, viewport={"width": 1440, "height": 900}) as context:
        page = context.new_page()
        page.set_default_timeout(PAGE_TIMEOUT_MS)
        yield page
        if request.node.stash.get(HAS_FAILED, False):
            page.screenshot(path=tmp_path / "failed.png")

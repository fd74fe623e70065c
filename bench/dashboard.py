"""Seconds from the start of the navigation to the first and the last chart of the dashboard, in headless Chromium."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from bench.processes import run_measured
from bench.results import Bound
from bench.subjects import BIN
from i94_platform.sample import write_sample
from i94_platform.settings import PROJECT
from i94_platform_tests.serving.dashboard.conftest import open_browser, wait_until_drawn
from i94_platform_tests.serving.live_server import LiveServer, run_server
from i94_platform_tests.support.processes import wait_for

FIRST_MONTH, LAST_MONTH = "2016-01", "2016-12"
ROWS_OF_A_MONTH = 5_000
NAVIGATIONS = 6
MAX_SECONDS = 5.0
"""The bound on the median time to the last chart."""


def measure_dashboard(work: Path) -> tuple[dict[str, Any], list[Bound]]:
    """Load twelve months, serve them, and open the first page again and again with an empty cache."""
    raw, folder = work / "dashboard-raw", work / "dashboard"
    write_sample(raw, first=FIRST_MONTH, last=LAST_MONTH, rows=ROWS_OF_A_MONTH)
    settings = {"I94_HOME": str(folder / "home"), "I94_RAW": str(raw)}
    run_measured([str(BIN / "i94"), "run", "--from", FIRST_MONTH, "--to", LAST_MONTH], settings)
    program = subprocess.run([PROJECT / "tools" / "chromium.sh"], capture_output=True, text=True, check=True).stdout
    with run_server(folder) as server, sync_playwright() as playwright:
        wait_for(lambda: server.service.release_store.release, "the release to be served")
        # the sandbox needs a user other than root
        chromium = playwright.chromium.launch(executable_path=program.strip(), chromium_sandbox=os.getuid() != 0)
        (first, *later) = [_time_page(chromium, server) for _ in range(NAVIGATIONS)]
    medians = {name: median(navigation[name] for navigation in later) for name in first}
    bounds = [Bound("dashboard, last chart of a later navigation", medians["last_chart"], MAX_SECONDS)]
    return {"rows": ROWS_OF_A_MONTH, "months": 12, "first": first, "later": medians}, bounds


def _time_page(chromium: Browser, server: LiveServer) -> dict[str, float]:
    with open_browser(chromium, server) as context:
        page = context.new_page()
        started = time.perf_counter()
        page.goto(server.url, wait_until="commit")
        page.locator(".card svg").first.wait_for()
        first_chart = time.perf_counter() - started
        wait_until_drawn(page)
        last_chart = time.perf_counter() - started
        charts = page.locator(".card svg").count()
    return {"first_chart": first_chart, "last_chart": last_chart, "charts": charts}

"""Take the pictures of the dashboard for the docs: `I94_UPDATE_SCREENSHOTS=1 pytest` with this file writes them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser

from i94_platform.sample import write_sample
from i94_platform.settings import PROJECT
from i94_platform_tests.serving.dashboard.conftest import find_card, open_browser, open_page
from i94_platform_tests.serving.live_server import LiveServer, run_server
from i94_platform_tests.support.command import run_command
from i94_platform_tests.support.deployment import Deployment
from i94_platform_tests.support.processes import wait_for

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("I94_UPDATE_SCREENSHOTS") != "1", reason="I94_UPDATE_SCREENSHOTS=1 takes pictures"
    ),
]

IMAGES = PROJECT / "docs" / "images"
WIDTH, PHONE_WIDTH, HEIGHT = 1100, 390, 1500
PAGES = {"overview": "/", "who": "/who", "where": "/where", "climate": "/climate", "together": "/together",
         "ports": "/ports", "about": "/about"}  # fmt: skip
SCREENS: dict[str, tuple[int, Literal["light", "dark"], str]] = {
    "desktop": (WIDTH, "light", "dashboard-{}.png"),
    "desktop-dark": (WIDTH, "dark", "dashboard/{}-dark.jpg"),
    "phone": (PHONE_WIDTH, "light", "dashboard/{}-phone.jpg"),
    "phone-dark": (PHONE_WIDTH, "dark", "dashboard/{}-phone-dark.jpg"),
}
"""Width, colour scheme and file of each kind of screen."""
PERIOD = "?from=2016-01&to=2016-03"


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server over fifteen months of the sample, so that a year before can be compared."""
    deployment = Deployment(tmp_path_factory.mktemp("year"), first_month="2015-01", last_month="2016-03")
    write_sample(deployment.raw, first="2015-01", last="2016-03", rows=5_000)
    result = run_command(deployment.environment, "run")
    assert result.exit_code == 0, result.output
    with run_server(deployment.folder) as server:
        wait_for(lambda: server.service.release_store.release, "the release to be served")
        yield server


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_pictured(chromium: Browser, year: LiveServer, name: str, screen: str) -> None:
    width, scheme, path = SCREENS[screen]
    viewport = {"width": width, "height": 900}
    with open_browser(chromium, year, viewport=viewport, color_scheme=scheme) as context:
        page = open_page(context, year, PAGES[name] + PERIOD)
        page.screenshot(
            path=IMAGES / path.format(name),
            full_page=True,
            clip={"x": 0, "y": 0, "width": width, "height": HEIGHT},
            quality=None if path.endswith("png") else 60,  # JPEG has a third of the bytes
        )


def test_the_map_of_the_readme_is_pictured(chromium: Browser, year: LiveServer) -> None:
    with open_browser(chromium, year, viewport={"width": 1400, "height": 900}) as context:
        find_card(open_page(context, year, "/where" + PERIOD), "states").screenshot(
            path=IMAGES / "dashboard-states.png"
        )

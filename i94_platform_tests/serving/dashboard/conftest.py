"""The sample's two months, published and served, and a browser with a session on the page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page

from i94_platform.contracts import PUBLISHED
from i94_platform.serving.auth.sessions import COOKIE
from i94_platform_tests.serving.live_server import LiveServer, run_server
from i94_platform_tests.support.deployment import Deployment
from i94_platform_tests.support.processes import wait_for

MONTHS = ("2016-01", "2016-02")
TableRows = list[dict[str, str]]


@pytest.fixture(scope="package")
def site(loaded_deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server over the sample's two months."""
    deployment = loaded_deployment.copy(tmp_path_factory.mktemp("dashboard"))
    results = [
        deployment.run_month(MONTHS[1]),
        deployment.run_marts(MONTHS[1]),
        deployment.run_correlations(),
        deployment.run_publish(),
    ]
    assert all(result.succeeded for result in results), results
    with run_server(deployment.folder) as server:
        wait_for(lambda: server.service.release_store.release, "the release to be served")
        yield server


@pytest.fixture(scope="module")
def page(chromium: Browser, site: LiveServer) -> Iterator[Page]:
    """A page for all tests of a module: each opens the view that it needs."""
    with open_browser(chromium, site) as browser:
        yield open_page(browser, site)


@pytest.fixture
def browser(chromium: Browser, site: LiveServer) -> Iterator[BrowserContext]:
    """A browser with a session."""
    with open_browser(chromium, site) as context:
        yield context


def open_browser(chromium: Browser, server: LiveServer, key: str = "", **options: Any) -> BrowserContext:
    """Open a browser with a session on a server: of the key with every scope, unless another is given."""
    context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    cookie = server.service.authenticator.sessions.open((key or server.key).split("_")[1])
    context.add_cookies([{"name": COOKIE, "value": cookie, "url": server.url}])
    return context


def open_page(context: BrowserContext, server: LiveServer, path: str = "/") -> Page:
    """Open a page and wait until it is drawn. Any error in it fails the test."""
    page = context.new_page()
    page.set_default_timeout(60_000)  # other tests have the processor too
    page.on("pageerror", lambda error: pytest.fail(f"the page has failed: {error}"))
    page.goto(f"{server.url}{path}")
    wait_until_drawn(page)
    return page


def open_view(page: Page, path: str) -> None:
    """Open another view without loading the page again, as the back button does."""
    script = "path => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')); }"
    page.evaluate(script, path)
    wait_until_drawn(page)


def wait_until_drawn(page: Page) -> None:
    """Wait until the page is no longer busy."""
    page.locator("main[aria-busy=false]").wait_for()


def copy_vega_bundle(site: LiveServer, folder: Path) -> None:
    """Spare another server the three seconds that the bundle takes."""
    shutil.copytree(Path(site.settings.home, "scripts"), folder / "home" / "scripts")


def find_card(page: Page, name: str) -> Locator:
    """Return a card."""
    return page.locator(f"#card-{name}")


def list_cards(page: Page) -> list[str]:
    """Return the names of the cards that the page shows."""
    ids: list[str] = page.locator(".card").evaluate_all("cards => cards.map(card => card.id)")
    return [id_.removeprefix("card-") for id_ in ids]


def find_control(page: Page, name: str) -> Locator:
    """Return one of the controls of the filters."""
    return page.locator(f"#filter-{name}")


def read_table(page: Page, name: str) -> TableRows:
    """Read all rows of a card's table, as a person sees them."""
    details = find_card(page, name).locator("details")
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    details.locator("tbody").wait_for(state="attached")
    more = details.get_by_role("button", name="Show all")
    if more.is_visible():
        more.click()
    script = "table => [...table.rows].map(row => [...row.cells].map(cell => cell.textContent))"
    header, *rows = details.locator("table").evaluate(script)
    return [dict(zip(header, row, strict=True)) for row in rows]


def parse_count(text: str) -> int:
    """Parse a number such as 1,234."""
    return int(text.replace(",", ""))


def format_percent(part: int, base: int, sign: str = "") -> str:
    """Format a share with one decimal, as the page rounds it; with "+" as the sign of a change."""
    rounded = (Decimal(100 * part) / base).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return f"{rounded:{sign if rounded else ''}}%"


def read_visitors(page: Page, name: str) -> dict[str, int]:
    """Read the visitors of each row of a card's table, by its code."""
    return {row["Code"]: parse_count(row["Visitors"]) for row in read_table(page, name)}


def read_total(page: Page) -> int:
    """Read the visitors among the totals of the overview."""
    return parse_count(page.locator(".totals dd").first.inner_text())


def query_release(site: LiveServer, sql: str) -> list[tuple[Any, ...]]:
    """Query the files of the release; {mart} stands for those of a table."""
    import duckdb

    files = {
        c.name: f"read_parquet({[url.removeprefix('file://') for url in site.release.urls(c.name)]})" for c in PUBLISHED
    }
    return duckdb.connect().execute(sql.format(**files)).fetchall()

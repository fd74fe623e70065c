"""The page as people use it: links, files, problems in words, keyboard, phone, and offline."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from i94_platform.serving.auth.api_keys import DEFAULT_SCOPES
from i94_platform.serving.dashboard.charts import load_charts
from i94_platform.serving.dashboard.summaries import SUPPORTED_FILTERS
from i94_platform_tests.serving.dashboard.conftest import (
    copy_vega_bundle,
    find_card,
    find_control,
    open_browser,
    open_page,
    parse_count,
    query_release,
    read_table,
    read_visitors,
    wait_until_drawn,
)
from i94_platform_tests.serving.live_server import LiveServer, run_server
from i94_platform_tests.support.processes import wait_for

pytestmark = pytest.mark.browser


def test_a_link_opens_the_same_view_and_the_back_button_the_one_before(
    browser: BrowserContext, site: LiveServer
) -> None:
    page = open_page(browser, site, "?to=2016-01&i94res=135")
    assert find_control(page, "Country of residence").input_value() == "135"
    assert find_control(page, "To").input_value() == "2016-01"
    ((british,),) = query_release(
        site, "SELECT sum(visitors)::INT FROM {visitors_by_origin} WHERE i94res = 135 AND i94mon = 1"
    )
    total = page.locator("#totals dd").first
    assert total.text_content() == f"{british:,}"
    page.get_by_role("button", name="Show all").click()
    page.wait_for_url(f"{site.url}/")
    wait_until_drawn(page)
    assert total.text_content() != f"{british:,}"
    page.go_back()
    wait_until_drawn(page)
    page.get_by_text(f"{british:,}", exact=True).first.wait_for()
    assert find_control(page, "Country of residence").input_value() == "135"


def save_png(page: Page, chart: str) -> bytes:
    with page.expect_download() as download:
        find_card(page, chart).get_by_role("button", name="PNG of").click()
    return download.value.path().read_bytes()


def test_a_chart_is_saved_as_csv_and_as_png(front_page: Page) -> None:
    with front_page.expect_download() as download:
        front_page.get_by_role("button", name="CSV of Visitors by airline").click()
    assert download.value.suggested_filename == "i94-airline-2016-01-2016-02.csv"
    rows = csv.DictReader(io.StringIO(download.value.path().read_text("utf-8-sig")))
    visitors = {row["label"]: int(row["visitors"]) for row in rows}
    assert visitors == read_visitors(front_page, "airline", "Airline")
    assert save_png(front_page, "airline").startswith(b"\x89PNG\r\n")


def test_a_reader_sees_and_saves_rounded_figures_and_a_note(chromium: Browser, site: LiveServer) -> None:
    _, key = site.keys.add("reader", DEFAULT_SCOPES)
    with open_browser(chromium, site, key) as browser:
        page = open_page(browser, site)
        assert "rounded to the nearest 5" in page.locator("#disclosure").inner_text()
        assert parse_count(page.locator("#totals dd").first.inner_text()) % 5 == 0
        for chart in ("origin", "states", "heat", "age"):
            assert all(parse_count(row["Visitors"]) % 5 == 0 for row in read_table(page, chart)), chart
        with page.expect_download() as download:
            page.get_by_role("button", name="CSV of Visitors by airline").click()
        assert download.value.suggested_filename == "i94-airline-2016-01-2016-02-rounded-5.csv"
        rows = csv.DictReader(io.StringIO(download.value.path().read_text("utf-8-sig")))
        assert all(int(row["visitors"]) % 5 == 0 for row in rows)


@pytest.mark.slow
def test_every_chart_is_saved_as_png_in_twice_its_width(browser: BrowserContext, site: LiveServer) -> None:
    page = open_page(browser, site)
    for number, chart in enumerate(load_charts()):
        if number % 6 == 5:  # Chromium asks before a page saves more than ten files in a row
            page.reload()
            wait_until_drawn(page)
        image = save_png(page, chart.name)
        assert image.startswith(b"\x89PNG\r\n"), chart.name
        assert int.from_bytes(image[16:20], "big") > 600, chart.name


def test_a_text_in_a_saved_csv_is_not_a_formula(front_page: Page) -> None:
    texts = ["=1+1", "+1", "-1", "@x", "\tx", 'a "b", c', "*GA", ""]
    script = """async (texts) => {
      const { formatCsv } = await import(document.querySelector('link[href$="tables.js"]').href);
      return formatCsv([{ name: "text" }, { name: "n" }], texts.map((text) => ({ text, n: -1.5 })));
    }"""
    _, *rows = csv.reader(io.StringIO(front_page.evaluate(script, texts)))
    assert rows == [[t, "-1.5"] for t in ("'=1+1", "'+1", "'-1", "'@x", "'\tx", 'a "b", c', "*GA", "")]


# --- what can't be shown ----------------------------------------------------------------------------------------------


def read_message(page: Page) -> str:
    return page.locator("#message").inner_text()


def test_unpublished_months_are_named(browser: BrowserContext, site: LiveServer) -> None:
    page = open_page(browser, site, "?from=2017-01&to=2017-03")
    assert "January 2016 to February 2016" in read_message(page)
    assert page.locator("#content").is_hidden()
    page = open_page(browser, site, "?to=2016-03")
    assert read_message(page) == "Not published: March 2016."
    assert [row["Visitors"] for row in read_table(page, "months")][-1] == ""


def test_a_filter_without_visitors_says_so_in_place_of_each_chart(browser: BrowserContext, site: LiveServer) -> None:
    page = open_page(browser, site, "?i94res=999999")
    assert "No visitors match" in read_message(page)
    for chart in load_charts():
        is_filtered = "i94res" in SUPPORTED_FILTERS[chart.mart]
        assert find_card(page, chart.name).locator(".empty").is_visible() == is_filtered, chart.name
        assert find_card(page, chart.name).locator("svg").is_visible() != is_filtered, chart.name


WRONG_LINKS = {
    "?colour=red": "no parameter",
    "?i94addr=FL&i94addr=CA": "more than once",
    "?from=yesterday": "month such as 2016-04",
    "?i94res=x": "integer",
    "?order=visitors": "no parameter",
    "?from=2016-02&to=2016-01": "after the last",
}


@pytest.mark.slow
def test_a_wrong_link_is_explained(browser: BrowserContext, site: LiveServer) -> None:
    for query, message in WRONG_LINKS.items():
        page = open_page(browser, site, query)
        assert message in read_message(page), query
        assert page.locator("#content").is_hidden()
        page.close()


def test_without_a_session_the_page_asks_for_a_key_and_shows_no_figures(chromium: Browser, site: LiveServer) -> None:
    with chromium.new_context() as stranger:
        page = open_page(stranger, site)
        assert "enter an API key" in read_message(page)
        assert page.locator("#content").is_hidden()
        assert page.locator("svg").count() == 0
        page.get_by_label("API key").fill("i94_wrong_key")
        page.get_by_role("button", name="Open").click()
        page.get_by_text("The key is unknown").wait_for()
        page.get_by_label("API key").fill(site.key)
        page.get_by_role("button", name="Open").click()
        page.locator("#nationality svg").wait_for()
        assert page.locator("#message").is_hidden()


@pytest.mark.slow
def test_a_missing_and_a_broken_release_are_explained_and_labels_are_never_markup(
    chromium: Browser, site: LiveServer, front_page: Page, tmp_path: Path
) -> None:
    copy_vega_bundle(site, tmp_path)
    with run_server(tmp_path) as server, open_browser(chromium, server) as context:
        assert "run 'i94 run'" in read_message(open_page(context, server))
        server.lake.store.put("published/manifest.json", b"{}")
        wait_for(lambda: "can't be loaded" in server.service.release_store.error, "the server to look")
        assert "No release can be loaded" in read_message(open_page(context, server))
        server.lake.store.delete(["published/manifest.json"])
        server.publish("r1", per_month=15)
        server.lake.store.put("published/manifest.json", b"{}")
        wait_for(lambda: server.service.release_store.error, "the server to look again")
        page = open_page(context, server)
        page.locator("#release-error").get_by_text("is broken").first.wait_for()
        assert page.locator("#nationality svg").is_visible()
        for chart in load_charts():
            read_table(page, chart.name)
        assert page.get_by_text('a "quoted" name').count() > 0


def test_a_page_without_javascript_says_so(chromium: Browser, site: LiveServer) -> None:
    with chromium.new_context(java_script_enabled=False) as plain:
        page = plain.new_page()
        page.goto(site.url)
        assert "needs JavaScript" in page.locator("main").inner_text()


# --- accessibility ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_axe_finds_no_violation(chromium: Browser, site: LiveServer, scheme: str) -> None:
    with open_browser(chromium, site, color_scheme=scheme) as context:
        page = open_page(context, site, "?i94addr=FL")
        read_table(page, "correlations")
        result = Axe().run(page)
        assert result.violations_count == 0, result.generate_report()


def test_on_a_phone_nothing_is_wider_than_the_screen(chromium: Browser, site: LiveServer) -> None:
    with open_browser(chromium, site, viewport={"width": 360, "height": 740}) as context:
        page = open_page(context, site)
        for chart in load_charts():
            read_table(page, chart.name)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        edges = page.locator(".chart svg").evaluate_all("charts => charts.map(c => c.getBoundingClientRect().right)")
        assert len(edges) == len(load_charts())
        assert max(edges) <= 360


def test_the_keyboard_alone_filters_and_opens_tables(browser: BrowserContext, site: LiveServer) -> None:
    page = open_page(browser, site)
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the charts"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    find_control(page, "State").focus()
    page.keyboard.type("Flor")
    page.wait_for_url("**/?i94addr=FL")
    wait_until_drawn(page)
    assert page.evaluate("document.activeElement.name") == "i94addr", "the focus stays where it was"
    find_card(page, "months").locator("summary").focus()
    page.keyboard.press("Enter")
    find_card(page, "months").locator("td").first.wait_for()
    outline = page.locator(":focus").evaluate("element => getComputedStyle(element).outlineStyle")
    assert outline == "solid"


# --- files ------------------------------------------------------------------------------------------------------------


def test_every_file_comes_from_the_server_and_immutable_ones_are_cached(
    browser: BrowserContext, site: LiveServer
) -> None:
    page = browser.new_page()
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(site.url)
    wait_until_drawn(page)
    assert all(url.startswith((site.url, "data:", "blob:")) for url in urls), urls
    static = [url.removeprefix(site.url) for url in urls if "/static/" in url]
    assert len(static) >= 5
    with site.client("") as client:
        for path in static:
            response = client.get(path)
            assert response.headers["cache-control"] == "public, max-age=31536000, immutable", path
            if not path.endswith(".svg"):
                assert response.headers["content-encoding"] == "gzip", path
            again = client.get(path, headers={"If-None-Match": response.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")

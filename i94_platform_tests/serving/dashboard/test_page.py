"""The pages as people use them: links, files, problems in words, keyboard, phone, and offline."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from i94_platform.serving.auth.api_keys import DEFAULT_SCOPES
from i94_platform.serving.dashboard.page import PAGES, page_path
from i94_platform_tests.serving.dashboard.conftest import (
    copy_vega_bundle,
    find_card,
    find_control,
    list_cards,
    open_browser,
    open_page,
    open_view,
    parse_count,
    query_release,
    read_table,
    read_total,
    wait_until_drawn,
)
from i94_platform_tests.serving.live_server import LiveServer, run_server
from i94_platform_tests.support.processes import wait_for

pytestmark = pytest.mark.browser


def test_a_link_opens_the_same_view_and_the_back_button_the_one_before(page: Page, site: LiveServer) -> None:
    open_view(page, "/?to=2016-01&i94res=135")
    assert find_control(page, "to").input_value() == "2016-01"
    assert page.locator("#breadcrumb").inner_text().startswith("All arrivals")
    ((british,),) = query_release(
        site, "SELECT sum(visitors)::INT FROM {visitors_by_origin} WHERE i94res = 135 AND i94mon = 1"
    )
    assert read_total(page) == british
    page.get_by_role("link", name="Remove United Kingdom").click()
    page.wait_for_url(f"{site.url}/?to=2016-01")
    wait_until_drawn(page)
    assert read_total(page) != british
    page.go_back()
    wait_until_drawn(page)
    assert read_total(page) == british


def test_a_nationality_leads_to_the_codes_that_likely_stand_for_it(page: Page, site: LiveServer) -> None:
    open_view(page, "/?i94cit=112")
    page.locator("#likely", has_text="code 148 (likely Germany)").get_by_role("link").press("Enter")
    page.wait_for_url("**/?i94cit=112,148*")
    wait_until_drawn(page)
    assert page.locator("#likely").is_hidden()
    assert page.evaluate("document.activeElement.id") == "page-title", "the keyboard goes on where the link was"
    ((german,),) = query_release(
        site, "SELECT sum(visitors)::INT FROM {visitors_by_nationality} WHERE nationality LIKE '%Germany%'"
    )
    assert read_total(page) == german


def save(page: Page, card: str, kind: str) -> tuple[str, bytes]:
    with page.expect_download() as download:
        find_card(page, card).get_by_role("button", name=f"{kind} of").click()
    return download.value.suggested_filename, download.value.path().read_bytes()


def test_a_card_is_saved_with_all_rows_and_its_filters(page: Page, site: LiveServer) -> None:
    open_view(page, "/ports?i94addr=FL,CA")
    name, content = save(page, "airlines", "CSV")
    assert name == "i94-airlines-2016-01-2016-02-i94addr_FL+CA.csv"
    comments, lines = list[str](), list[str]()
    for line in content.decode("utf-8-sig").splitlines():
        (comments if line.startswith("# ") else lines).append(line)
    text = "\n".join(comments)
    for fact in ("Airlines", "January 2016 to February 2016", "Florida, California", site.release.version[:12]):
        assert fact in text
    visitors = {row["code"].removeprefix("'"): int(row["visitors"]) for row in csv.DictReader(lines)}
    sql = "SELECT airline, sum(visitors)::INT FROM {arrivals_cube} WHERE i94addr IN ('FL', 'CA') GROUP BY 1"
    assert {code.removeprefix("'"): n for code, n in visitors.items()} == dict(query_release(site, sql))
    name, image = save(page, "airlines", "PNG")
    assert name.endswith(".png")
    assert image.startswith(b"\x89PNG\r\n")
    chart = find_card(page, "airlines").locator("svg").bounding_box()
    assert chart is not None
    width, height = (int.from_bytes(image[start : start + 4], "big") for start in (16, 20))
    assert width > 2 * chart["width"]
    assert height > 2 * chart["height"] + 150, "title, filters, summary and source stand around the chart"


def test_a_reader_sees_and_saves_rounded_figures_and_a_note(chromium: Browser, site: LiveServer) -> None:
    _, key = site.keys.add("reader", DEFAULT_SCOPES)
    with open_browser(chromium, site, key) as browser:
        page = open_page(browser, site)
        assert "rounded to 5" in page.locator("#disclosure").inner_text()
        assert read_total(page) % 5 == 0
        for path, cards in {"/who": ["countries", "ages"], "/where": ["states", "affinity"]}.items():
            open_view(page, path)
            for card in cards:
                assert all(parse_count(row["Visitors"]) % 5 == 0 for row in read_table(page, card)), card
        name, content = save(page, "states", "CSV")
        assert name == "i94-states-2016-01-2016-02-rounded-5.csv"
        assert "Counts are rounded to 5." in content.decode("utf-8-sig")


def test_a_printed_chart_is_no_wider_than_the_paper(browser: BrowserContext, site: LiveServer) -> None:
    page = open_page(browser, site, "/where?i94addr=FL")  # one of its own, because it stays as it would be printed
    page.emulate_media(media="print")
    page.evaluate("document.body.style.width = '700px'")
    widths = "[...document.querySelectorAll('.chart svg')].map(svg => svg.getBoundingClientRect().width)"
    assert all(0 < width <= 700 for width in page.evaluate(widths))
    assert not page.locator("#filters:visible, nav:visible, .tools:visible").count()
    assert page.locator("#period").is_visible()


def test_a_text_in_a_saved_csv_is_not_a_formula(page: Page) -> None:
    texts = ["=1+1", "+1", "-1", "@x", "\tx", 'a "b", c', "*GA", ""]
    script = """async (texts) => {
      const { formatCsv } = await import(document.querySelector('link[href$="exports.js"]').href);
      return formatCsv([{ name: "text" }, { name: "n" }], texts.map((text) => ({ text, n: -1.5 })));
    }"""
    _, *rows = csv.reader(io.StringIO(page.evaluate(script, texts)))
    assert rows == [[t, "-1.5"] for t in ("'=1+1", "'+1", "'-1", "'@x", "'\tx", 'a "b", c', "*GA", "")]


def test_a_table_is_searched_and_sorted(page: Page, site: LiveServer) -> None:
    open_view(page, "/ports")
    rows = read_table(page, "ports")
    card = find_card(page, "ports")
    card.get_by_role("button", name="Code", exact=True).click()
    codes = card.locator("td:nth-child(2)").all_inner_texts()
    assert codes == sorted(row["Code"] for row in rows)
    assert card.locator("th[aria-sort=ascending]").inner_text().startswith("Code")
    card.get_by_role("searchbox").fill(rows[0]["Port of entry"].lower())
    assert [r["Code"] for r in read_table(page, "ports")] == [rows[0]["Code"]]


# --- what can't be shown ----------------------------------------------------------------------------------------------


def read_message(page: Page) -> str:
    return page.locator("#message").inner_text()


WRONG_LINKS = {
    "/?colour=red&i94addr=FL": ("colour is not a filter", {"i94addr": ["FL"]}),
    "/who?i94addr=FL,QQ": ("State QQ is unknown", {"i94addr": ["FL"]}),
    "/?i94res=x&by=i94cit": ("Country of residence x is unknown", {"by": ["i94cit"]}),
    "/ports?i94addr=FL&visatype=ZZ": ("visatype has no such value", {"i94addr": ["FL"]}),
    "/?airline=b%61": ("Nearest: BA", {}),
    "/who?by=colour": ("by is one of", {}),
    "/?from=yesterday": ("from is a month", {}),
    "/?from=2016-02&to=2016-01": ("", {}),
    "/?to=2016-03": ("January 2016 to February 2016", {}),
    "/?from=2017-01&to=2017-03": ("Nothing is published for these months", {}),
    "/?compare=2014-01": ("compare is none", {}),
}


def test_a_code_in_small_letters_is_understood(page: Page) -> None:
    open_view(page, "/where?i94addr=fl")
    assert "Florida" in page.locator("#period").inner_text()
    assert not read_message(page)


def test_a_wrong_link_shows_what_is_right_of_it(page: Page) -> None:
    for path, (message, remaining) in WRONG_LINKS.items():
        open_view(page, path)
        assert message in read_message(page), path
        assert page.locator("#content").is_visible(), path
        assert page.locator("#filters").is_visible(), path
        if message:
            assert parse_qs(urlsplit(page.url).query) == remaining, path


def test_filters_without_visitors_say_so_in_place_of_each_chart(page: Page) -> None:
    for name in ("", "who", "where", "ports"):
        open_view(page, f"/{name}?i94addr=WY&airline=BA&i94port=HHW&visatype=E2")
        assert page.locator(".card .empty:visible").count() >= 3, name
        assert "the 0 " not in page.locator("#content").inner_text().lower(), name
        assert page.locator(".chart:visible svg").count() <= 1, name


def test_one_month_and_one_state_make_sense(page: Page) -> None:
    open_view(page, "/?from=2016-02&i94addr=FL")
    titles = page.locator(".totals dt").all_inner_texts()
    assert "Most go to" not in titles
    assert find_card(page, "trend").locator("svg .mark-rect path").count() == 2, "the other month is there to compare"
    open_view(page, "/where?i94addr=FL")
    assert find_card(page, "drill-1").locator("svg .mark-rect path").count() == 15


def test_without_a_session_the_page_asks_for_a_key_and_shows_no_figures(chromium: Browser, site: LiveServer) -> None:
    with chromium.new_context() as stranger:
        page = open_page(stranger, site, "/who")
        assert "enter an API key" in read_message(page)
        assert page.locator("#content").is_hidden()
        assert page.locator("svg").count() == 0
        page.get_by_label("API key").fill("i94_wrong_key")
        page.get_by_role("button", name="Open").click()
        page.get_by_text("The key is unknown").wait_for()
        page.get_by_label("API key").fill(site.key)
        page.get_by_role("button", name="Open").click()
        page.locator("#card-countries svg").wait_for()
        assert page.locator("#message").is_hidden()


@pytest.mark.slow
@pytest.mark.usefixtures("page")  # it makes the bundle
def test_a_missing_and_a_broken_release_are_explained_and_names_are_never_markup(
    chromium: Browser, site: LiveServer, tmp_path: Path
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
        page = open_page(context, server, "/about")
        page.locator("#card-release-facts").get_by_text("is broken").first.wait_for()
        open_view(page, "/ports")
        assert page.locator("#card-ports svg").is_visible()
        for card in list_cards(page):
            read_table(page, card)


def test_a_page_without_javascript_says_so(chromium: Browser, site: LiveServer) -> None:
    with chromium.new_context(java_script_enabled=False) as plain:
        page = plain.new_page()
        page.goto(site.url)
        assert "needs JavaScript" in page.locator("main").inner_text()


# --- accessibility ----------------------------------------------------------------------------------------------------


OPEN_ALL = "all => all.forEach(details => (details.open = true))"


@pytest.mark.parametrize(
    ("scheme", "names"),
    [
        ("light", ["overview", "where"]),
        pytest.param("light", [name for name in PAGES if name not in ("overview", "where")], marks=pytest.mark.slow),
        pytest.param("dark", list(PAGES), marks=pytest.mark.slow),
    ],
    ids=["light", "other pages", "dark"],
)
def test_axe_finds_no_violation(chromium: Browser, site: LiveServer, scheme: str, names: Sequence[str]) -> None:
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    with open_browser(chromium, site, color_scheme=scheme) as context:
        page = open_page(context, site)
        for name in names:
            open_view(page, f"{page_path(name)}?i94addr=FL")
            if name == "overview":  # all tables are alike, and these are small
                page.locator("details").evaluate_all(OPEN_ALL)
            page.wait_for_timeout(200)  # charts fade in
            # what surrounds the cards is the same on every page
            checked = {"include": [["body" if name == "overview" else "#content"]], "exclude": [[".chart svg"]]}
            result = Axe().run(page, context=checked, options={"runOnly": rules, "resultTypes": ["violations"]})
            assert result.violations_count == 0, f"{name}: {result.generate_report()}"


@pytest.mark.parametrize("width", [360, pytest.param(640, marks=pytest.mark.slow)])  # 640: a desktop at 200 %
def test_on_a_phone_nothing_is_wider_than_the_screen(chromium: Browser, site: LiveServer, width: int) -> None:
    with open_browser(chromium, site, viewport={"width": width, "height": 740}) as context:
        page = open_page(context, site)
        for name in PAGES:
            open_view(page, page_path(name))
            page.locator(".card:nth-child(-n+2) details").evaluate_all(OPEN_ALL)
            assert page.evaluate("document.documentElement.scrollWidth") == width, name
            script = "charts => charts.map(chart => chart.getBoundingClientRect().right)"
            assert max(page.locator(".chart svg").evaluate_all(script), default=0) <= width, name


def test_the_keyboard_alone_filters_and_drills(browser: BrowserContext, site: LiveServer) -> None:
    page = open_page(browser, site, "/where")
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the figures"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    find_control(page, "i94addr").focus()
    page.keyboard.type("Florida")
    page.keyboard.press("Enter")
    page.wait_for_url("**/where?i94addr=FL")
    wait_until_drawn(page)
    assert page.evaluate("document.activeElement.name") == "i94addr", "the focus stays where it was"
    find_control(page, "i94res").fill("Atlantis")
    page.keyboard.press("Enter")
    assert find_control(page, "i94res").evaluate("input => input.validationMessage") != ""
    find_control(page, "i94res").fill("")
    page.locator("#more").focus()
    page.keyboard.press("Enter")
    for column, text, code in [("visatype", "B2", "B2"), ("airline", "lufthansa", "LH")]:
        find_control(page, column).fill(text)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{column}={code}*")
        page.get_by_role("link", name=f"Remove {text}", exact=False).focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/where?i94addr=FL")
        wait_until_drawn(page)
    find_card(page, "drill-1").locator("summary").focus()
    page.keyboard.press("Enter")
    find_card(page, "drill-1").get_by_role("button", name="United Kingdom", exact=True).focus()
    outline = page.locator(":focus").evaluate("element => getComputedStyle(element).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**/where?i94addr=FL&i94res=135")
    wait_until_drawn(page)
    assert page.evaluate("document.activeElement.id") == "page-title", "what had the focus is gone"
    assert find_card(page, "drill-1").locator("details").get_attribute("open") is not None, "an open table stays open"
    open_view(page, "/who")
    page.locator("#card-countries-by-i94res").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/who?by=i94cit")
    wait_until_drawn(page)
    assert page.evaluate("document.activeElement.id") == "card-countries-by-i94cit"


# --- files ------------------------------------------------------------------------------------------------------------


def test_every_file_comes_from_the_server_and_immutable_ones_are_cached(
    browser: BrowserContext, site: LiveServer
) -> None:
    page = browser.new_page()
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(f"{site.url}/where")
    wait_until_drawn(page)
    assert all(url.startswith((site.url, "data:", "blob:")) for url in urls), urls
    static = [url.removeprefix(site.url) for url in urls if "/static/" in url]
    assert len(static) >= 5
    with site.client("") as client:
        for path in static:
            response = client.get(path)
            assert response.headers["cache-control"] == "public, max-age=31536000, immutable", path
            if len(response.content) > 1_000:
                assert response.headers["content-encoding"] == "gzip", path
            again = client.get(path, headers={"If-None-Match": response.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")

"""Pins the dashboard in a browser: what it draws is what the marts hold, and what it can't draw it says in words.

The figures come from the page's tables and drawings, and are compared with queries over the release's own files.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page

from i94_platform.contracts import MARTS, i94addr
from i94_platform.contracts.codes import FOLDER
from i94_platform.lake.releases import current_release
from i94_platform.serving.auth.sessions import COOKIE
from i94_platform.serving.dashboard.charts import CHARTS
from i94_platform.serving.dashboard.map_layout import STATE_TILES
from i94_platform.serving.dashboard.summaries import HEEDED, MOST_BARS
from i94_platform_tests.integration.deployment import Deployment
from i94_platform_tests.integration.fixtures import loaded
from i94_platform_tests.processes import wait_for
from i94_platform_tests.serving.live_server import LiveServer, run_server

__all__ = ["loaded"]

pytestmark = pytest.mark.browser

MONTHS = ("2016-01", "2016-02")
COUNTED = [chart.name for chart in CHARTS if chart.added_up]
Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def site(loaded: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The sample's two months, published and served."""
    deployment, (_, second) = loaded.copy(tmp_path_factory.mktemp("dashboard")), MONTHS
    outcomes = [deployment.month(second), deployment.marts(second), deployment.correlate(), deployment.publish()]
    assert all(outcome.succeeded for outcome in outcomes), outcomes
    with run_server(deployment.folder) as server:
        wait_for(lambda: server.service.release_store.release, "the release to be served")
        yield server


@pytest.fixture(scope="module")
def front(chromium: Browser, site: LiveServer) -> Iterator[Page]:
    """The page without any filter, for those who only look at it."""
    with opened(chromium, site) as made:
        yield look(made, site)


@pytest.fixture
def context(chromium: Browser, site: LiveServer) -> Iterator[BrowserContext]:
    """A browser with a session."""
    with opened(chromium, site) as made:
        yield made


def opened(chromium: Browser, site: LiveServer, **options: Any) -> BrowserContext:
    made = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    key = site.key.split("_")[1]
    made.add_cookies([{"name": COOKIE, "value": site.service.authenticator.sessions.open(key), "url": site.url}])
    return made


def look(context: BrowserContext, site: LiveServer, query: str = "") -> Page:
    """The page once it has settled; whatever its console complains of fails the test."""
    page = context.new_page()
    page.set_default_timeout(60_000)  # other tests have the processor too
    page.on("pageerror", lambda error: pytest.fail(f"the page has failed: {error}"))
    page.goto(f"{site.url}/{query}")
    settled(page)
    return page


def lend_library(site: LiveServer, folder: Path) -> None:
    """Spare another server the making of the scripts."""
    shutil.copytree(Path(site.settings.home, "scripts"), folder / "home" / "scripts")


def settled(page: Page) -> None:
    page.locator("main[aria-busy=false]").wait_for()


def held(site: LiveServer, sql: str) -> list[tuple[Any, ...]]:
    """A query over the files of the release; {mart} stands for those of a table."""
    release = read_current_release(site.lake)
    assert release is not None
    files = {c.name: f"read_parquet({[u.removeprefix('file://') for u in release.urls(c.name)]})" for c in MARTS}
    return duckdb.sql(sql.format(**files)).fetchall()


def card(page: Page, chart: str) -> Locator:
    return page.locator(f"#{chart}")


def table(page: Page, chart: str) -> Rows:
    """The table of a chart, as a reader sees it."""
    details = card(page, chart).locator("details")
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    details.locator("tbody").wait_for(state="attached")
    lines = details.locator("tr").evaluate_all("rows => rows.map(row => [...row.cells].map(cell => cell.textContent))")
    heads, *rows = lines
    return [dict(zip(heads, row, strict=True)) for row in rows]


def choice(page: Page, name: str) -> Locator:
    """One of the page's controls."""
    return page.get_by_role("combobox", name=name, exact=True)


def number(text: str) -> int:
    return int(text.replace(",", ""))


def labelled(rows: Rows, name: str) -> dict[str, int]:
    return {row[name]: number(row["Visitors"]) for row in rows}


# --- figures ----------------------------------------------------------------------------------------------------------


def test_every_chart_is_drawn_with_marks_for_its_rows(front: Page) -> None:
    page = front
    assert page.locator("#message").is_hidden()
    for chart in CHARTS:
        marks = card(page, chart.name).locator("svg .mark-rect path, svg .mark-symbol path, svg .mark-rule line")
        rows = table(page, chart.name)
        assert rows, chart.name
        placed = [row for row in rows if row.get("Latitude", "somewhere")]
        assert marks.count() >= min(len(placed), len(STATE_TILES)), chart.name
        box = card(page, chart.name).locator("svg").bounding_box()
        assert box is not None
        assert box["width"] > 300, chart.name
        assert box["height"] > 90, chart.name


@pytest.mark.parametrize(
    ("chart", "mart", "code", "label", "head"),
    [
        ("nationality", "visitors_by_nationality", "i94cit", "nationality", "Nationality"),
        ("origin", "visitors_by_origin", "i94res", "origin", "Country of residence"),
        ("airline", "visitors_by_airline", "airline", "airline", "Airline"),
    ],
)
def test_the_largest_are_those_of_the_mart_and_the_others_are_their_sum(
    front: Page, site: LiveServer, chart: str, mart: str, code: str, label: str, head: str
) -> None:
    page = front
    all_of_it = held(
        site, f"SELECT any_value({label}), sum(visitors)::INT v FROM {{{mart}}} GROUP BY {code} ORDER BY v DESC, {code}"
    )
    first, rest = all_of_it[:MOST_BARS], all_of_it[MOST_BARS:]
    expected = {**dict(first), f"{len(rest)} others": sum(n for _, n in rest)}
    assert labelled(table(page, chart), head) == expected
    drawn = card(page, chart).locator("svg .mark-text.layer_1_marks text").all_text_contents()
    assert drawn == [f"{n:,}" for n in expected.values()]


def test_all_that_adds_up_adds_up_to_all_arrivals(front: Page, site: LiveServer) -> None:
    page = front
    ((all_arrivals,),) = held(site, "SELECT sum(visitors)::INT FROM {visitors_by_origin}")
    assert {name: sum(number(row["Visitors"]) for row in table(page, name)) for name in COUNTED} == dict.fromkeys(
        COUNTED, all_arrivals
    )
    assert page.locator("#totals dd").first.text_content() == f"{all_arrivals:,}"


def test_the_change_is_to_the_month_before_also_where_that_is_not_shown(context: BrowserContext, site: LiveServer) -> None:
    before, now = (
        n for (n,) in held(site, "SELECT sum(visitors)::INT FROM {visitors_by_origin} GROUP BY i94mon ORDER BY i94mon")
    )
    page = look(context, site, "?from=2016-02")
    change = f"{100 * (now - before) / before:+.1f}%"
    assert table(page, "months") == [
        {"Month": "2016-02", "Visitors": f"{now:,}", "Month before": f"{before:,}", "Change": change}
    ]
    assert f"{change} on the month before ({before:,})" in page.locator("#totals").inner_text()
    assert "The month before is not published." in look(context, site, "?to=2016-01").locator("#totals").inner_text()


def test_maps_heat_climate_and_demographics_hold_the_marts_figures(front: Page, site: LiveServer) -> None:
    page = front
    states = dict(
        held(site, "SELECT any_value(state), sum(visitors)::INT FROM {destination_by_origin} GROUP BY i94addr")
    )
    assert labelled(table(page, "states"), "State") == states
    tiles = card(page, "states").locator("svg .mark-text text").all_text_contents()
    assert {"FL", "CA", "other"} <= set(tiles)
    places = {row["Country of residence"]: row["Latitude"] for row in table(page, "countries")}
    found = held(site, "SELECT DISTINCT origin, latitude FROM {origin_climate}")
    assert places == {name: "" if latitude is None else f"{latitude:.1f}" for name, latitude in found}
    ((top,),) = held(
        site, "SELECT sum(visitors)::INT FROM {destination_by_origin} WHERE i94addr = 'FL' AND i94res = 135"
    )
    heat = {(row["State"], row["Country of residence"]): number(row["Visitors"]) for row in table(page, "heat")}
    assert heat["FLORIDA", "UNITED KINGDOM"] == top
    bands = dict(held(site, "SELECT climate_band, sum(visitors)::INT FROM {destination_by_climate} GROUP BY 1"))
    assert labelled(table(page, "climate"), "Climate") == bands
    ages = held(
        site, "SELECT age_band, gender_label, sum(visitors)::INT FROM {visitor_demographics_by_state} GROUP BY 1, 2"
    )
    assert {(r["Age"], r["Gender"]): number(r["Visitors"]) for r in table(page, "age")} == {
        (a, g): n for a, g, n in ages
    }


def test_correlations_come_with_interval_n_exclusions_and_caveat(front: Page, site: LiveServer) -> None:
    rows = table(front, "correlations")
    expected = held(site, "SELECT x, y, method, coefficient, ci_low, ci_high, n, excluded, caveat FROM {correlations}")
    assert len(rows) == len(expected)

    def written(value: float | None) -> str:
        return "" if value is None else f"{value:.3f}"

    told = {
        (r["x"], r["y"], r["Method"], r["Coefficient"], r["From"], r["To"], r["n"], r["Excluded"], r["Caveat"])
        for r in rows
    }
    assert told == {
        (x, y, m, *map(written, c), f"{n:,}", f"{out:,}", caveat) for x, y, m, *c, n, out, caveat in expected
    }
    assert all("Association, not cause." in row["Caveat"] for row in rows)


def test_release_months_and_checks_are_told(front: Page, site: LiveServer) -> None:
    page, release = front, site.service.release_store.release
    assert release is not None
    told = page.locator("#checks").inner_text()
    assert release.version in told
    assert "January 2016 to February 2016" in told
    complaints = [c for found in release.tables.values() for c in found.checks.failed_checks]
    assert page.locator("#checks .complaints li").count() == len(complaints)
    assert all(complaint.message in told for complaint in complaints)
    assert "passed" in page.locator("#state").inner_text()


# --- filters, links, files --------------------------------------------------------------------------------------------


def test_a_filter_narrows_the_marts_that_have_it_and_the_others_say_so(context: BrowserContext, site: LiveServer) -> None:
    page = look(context, site)
    choice(page, "State").select_option("FL")
    page.wait_for_url("**/?i94addr=FL")
    settled(page)
    expected = dict(
        held(
            site,
            "SELECT any_value(origin), sum(visitors)::INT FROM {destination_by_origin} "
            "WHERE i94addr = 'FL' GROUP BY i94res",
        )
    )
    shown = labelled(table(page, "origin"), "Country of residence")
    assert sum(shown.values()) == sum(expected.values())
    assert {name: n for name, n in shown.items() if "others" not in name}.items() <= expected.items()
    for chart in CHARTS:
        noted = "Not narrowed by state" in card(page, chart.name).locator(".note").inner_text()
        unheeded = "i94addr" not in HEEDED[chart.mart.name] and chart.mart.name != "correlations"
        assert noted == unheeded, chart.name
    choice(page, "To").select_option("2016-01")
    page.wait_for_url("**/?to=2016-01&i94addr=FL")
    settled(page)
    ((january,),) = held(
        site, "SELECT sum(visitors)::INT FROM {destination_by_origin} WHERE i94addr = 'FL' AND i94mon = 1"
    )
    assert page.locator("#totals dd").first.text_content() == f"{january:,}"


def test_a_link_opens_the_same_view_and_the_back_button_the_one_before(context: BrowserContext, site: LiveServer) -> None:
    page = look(context, site, "?to=2016-01&i94res=135")
    assert choice(page, "Country of residence").input_value() == "135"
    assert choice(page, "To").input_value() == "2016-01"
    ((british,),) = held(site, "SELECT sum(visitors)::INT FROM {visitors_by_origin} WHERE i94res = 135 AND i94mon = 1")
    total = page.locator("#totals dd").first
    assert total.text_content() == f"{british:,}"
    page.get_by_role("button", name="Show all").click()
    page.wait_for_url(f"{site.url}/")
    settled(page)
    assert total.text_content() != f"{british:,}"
    page.go_back()
    settled(page)
    page.get_by_text(f"{british:,}", exact=True).first.wait_for()
    assert choice(page, "Country of residence").input_value() == "135"


def test_a_chart_is_saved_as_csv_with_its_figures_and_as_a_picture(front: Page) -> None:
    page = front
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV of Visitors by airline").click()
    assert saved.value.suggested_filename == "i94-airline-2016-01-2016-02.csv"
    rows = list(csv.DictReader(io.StringIO(saved.value.path().read_text("utf-8-sig"))))
    assert {row["label"]: int(row["visitors"]) for row in rows} == labelled(table(page, "airline"), "Airline")
    for number, chart in enumerate(CHARTS):
        if number % 6 == 0:  # Chromium asks its user before it takes more than ten files from a page in a row
            page.reload()
            settled(page)
        with page.expect_download() as saved:
            card(page, chart.name).get_by_role("button", name="PNG of").click()
        picture = saved.value.path().read_bytes()
        assert picture.startswith(b"\x89PNG\r\n"), chart.name
        assert int.from_bytes(picture[16:20], "big") > 600, "twice the width, for print"


def test_a_saved_text_is_no_formula_for_a_spreadsheet(front: Page) -> None:
    page = front
    texts = ["=1+1", "+1", "-1", "@x", "\tx", 'a "b", c', "*GA", ""]
    script = """async (texts) => {
      const { csv } = await import(document.querySelector('link[href$="tables.js"]').href);
      return csv([{ name: "text" }, { name: "n" }], texts.map((text) => ({ text, n: -1.5 })));
    }"""
    _, *rows = csv.reader(io.StringIO(page.evaluate(script, texts)))
    assert rows == [[t, "-1.5"] for t in ("'=1+1", "'+1", "'-1", "'@x", "'\tx", 'a "b", c', "*GA", "")]


# --- what can't be shown ----------------------------------------------------------------------------------------------


def test_months_that_are_not_published_are_named(context: BrowserContext, site: LiveServer) -> None:
    page = look(context, site, "?from=2017-01&to=2017-03")
    assert page.locator("#message").inner_text() == (
        "Nothing is published for these months; there is January 2016 to February 2016."
    )
    assert page.locator("#figures").is_hidden()
    page = look(context, site, "?to=2016-03")
    assert page.locator("#message").inner_text() == "Not published: March 2016."
    assert [row["Visitors"] for row in table(page, "months")][-1] == ""
    page = look(context, site, "?from=2016-02&to=2016-01")
    assert page.locator("#message").inner_text() == "The first month is after the last."


def test_a_filter_that_finds_nobody_says_so_in_place_of_each_chart(context: BrowserContext, site: LiveServer) -> None:
    page = look(context, site, "?i94res=999999")
    assert page.locator("#message").inner_text().startswith("No visitors fit these months and filters")
    for chart in CHARTS:
        heeds = "i94res" in HEEDED[chart.mart.name]
        assert card(page, chart.name).locator(".empty").is_visible() == heeds, chart.name
        assert card(page, chart.name).locator("svg").is_visible() != heeds, chart.name


@pytest.mark.parametrize(
    "query", ["?colour=red", "?i94addr=FL&i94addr=CA", "?from=yesterday", "?i94res=x", "?order=visitors"]
)
def test_a_link_that_is_wrong_is_told_in_words(context: BrowserContext, site: LiveServer, query: str) -> None:
    page = look(context, site, query)
    assert len(page.locator("#message").inner_text()) > 20
    assert page.locator("#figures").is_hidden()


def test_without_a_session_the_page_asks_for_a_key_and_shows_no_figures(chromium: Browser, site: LiveServer) -> None:
    with chromium.new_context() as stranger:
        page = look(stranger, site)
        assert page.locator("#message").inner_text().startswith("The session has ended, or none was opened.")
        assert page.locator("#figures").is_hidden()
        assert page.locator("svg").count() == 0
        page.get_by_label("API key").fill("i94_wrong_key")
        page.get_by_role("button", name="Open").click()
        page.get_by_text("The key is unknown or revoked").wait_for()
        page.get_by_label("API key").fill(site.key)
        page.get_by_role("button", name="Open").click()
        page.locator("#nationality svg").wait_for()
        assert page.locator("#message").is_hidden()


def test_an_absent_release_and_a_broken_one_are_told(
    chromium: Browser, site: LiveServer, front: Page, tmp_path: Path
) -> None:
    lend_library(site, tmp_path)
    with run_server(tmp_path) as server, opened(chromium, server) as context:
        page = look(context, server)
        assert (
            page.locator("#message").inner_text()
            == "Nothing is published yet; run 'i94 run', which publishes at its end."
        )
        server.lake.store.put("published/manifest.json", b"{}")
        wait_for(lambda: "can't be read" in server.service.release_store.error, "the server to look")
        page = look(context, server)
        assert page.locator("#message").inner_text().startswith("What is published can't be read")
        server.lake.store.delete(["published/manifest.json"])
        server.publish("r1")
        server.lake.store.put("published/manifest.json", b"{}")
        wait_for(lambda: server.service.release_store.error, "the server to look again")
        page = look(context, server)
        page.get_by_text("can't be read, and the release before is shown").wait_for()
        assert page.locator("#nationality svg").is_visible()


def test_labels_from_the_data_are_text_and_never_markup(
    chromium: Browser, site: LiveServer, front: Page, tmp_path: Path
) -> None:
    lend_library(site, tmp_path)
    with run_server(tmp_path) as server, opened(chromium, server) as context:
        server.publish("r1", per_month=15)
        page = look(context, server)
        for chart in CHARTS:
            table(page, chart.name)
        assert page.get_by_text('a "quoted" name').count() > 0


def test_a_page_without_javascript_says_so(chromium: Browser, site: LiveServer) -> None:
    with chromium.new_context(java_script_enabled=False) as plain:
        page = plain.new_page()
        page.goto(site.url)
        assert "draws its figures with JavaScript, which is off" in page.locator("main").inner_text()


# --- everybody --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_object_to(chromium: Browser, site: LiveServer, scheme: str) -> None:
    with opened(chromium, site, color_scheme=scheme) as context:
        page = look(context, site, "?i94addr=FL")
        table(page, "correlations")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def test_on_a_phone_nothing_lies_beside_the_screen(chromium: Browser, site: LiveServer) -> None:
    with opened(chromium, site, viewport={"width": 360, "height": 740}) as context:
        page = look(context, site)
        for chart in CHARTS:
            table(page, chart.name)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        widths = page.locator(".chart svg").evaluate_all("charts => charts.map(c => c.getBoundingClientRect().right)")
        assert len(widths) == len(CHARTS)
        assert max(widths) <= 360


def test_the_keyboard_alone_filters_and_opens_tables(context: BrowserContext, site: LiveServer) -> None:
    page = look(context, site)
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the figures"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    choice(page, "State").focus()
    page.keyboard.type("Flor")
    page.wait_for_url("**/?i94addr=FL")
    settled(page)
    assert page.evaluate("document.activeElement.name") == "i94addr", "the focus stays where it was"
    card(page, "months").locator("summary").focus()
    page.keyboard.press("Enter")
    card(page, "months").locator("td").first.wait_for()
    outline = page.locator(":focus").evaluate("element => getComputedStyle(element).outlineStyle")
    assert outline == "solid"


# --- what is served ---------------------------------------------------------------------------------------------------


def test_nothing_comes_from_elsewhere_and_what_never_changes_is_kept(context: BrowserContext, site: LiveServer) -> None:
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(site.url)
    settled(page)
    assert all(url.startswith((site.url, "data:", "blob:")) for url in asked), asked
    static = [url.removeprefix(site.url) for url in asked if "/static/" in url]
    assert len(static) >= 5
    with site.client("") as client:
        for path in static:
            answer = client.get(path)
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable", path
            again = client.get(path, headers={"If-None-Match": answer.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
        library = next(path for path in static if "vega" in path)
        assert client.get(library).headers["content-encoding"] == "gzip"
        page_again = client.get("/", headers={"If-None-Match": client.get("/").headers["etag"]})
        assert page_again.status_code == 304


def test_figures_need_the_scope_of_the_marts(site: LiveServer) -> None:
    _, other = site.keys.add("status only", ["read:status"])
    with site.client(other) as client, site.client("") as nobody:
        assert client.get("/dashboard/summaries").status_code == 403
        assert nobody.get("/dashboard/summaries").status_code == 401
        assert nobody.get("/").status_code == 200, "the page itself holds no figures"
    first = site.get("/dashboard/summaries")
    with site.client() as client:
        again = client.get("/dashboard/summaries", headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304


def test_every_state_of_the_code_list_has_a_tile_of_its_own() -> None:
    with (FOLDER / f"{i94addr.name}.csv").open() as file:
        codes = [row["code"] for row in csv.DictReader(file)]
    assert set(STATE_TILES) == set(codes)
    assert len(set(STATE_TILES.values())) == len(codes)

"""The pages hold the figures of the release, compared with queries over its files; filters narrow every card."""

from __future__ import annotations

import statistics
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page

from i94_platform.serving.dashboard.page import PAGES, page_path
from i94_platform_tests.serving.dashboard.conftest import (
    find_card,
    find_control,
    format_percent,
    list_cards,
    open_view,
    parse_count,
    query_release,
    read_table,
    read_total,
    read_visitors,
    wait_until_drawn,
)
from i94_platform_tests.serving.live_server import LiveServer

pytestmark = pytest.mark.browser

BEYOND, TIMES = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}", "\N{MULTIPLICATION SIGN}"

RANKINGS = {
    "/who": {"countries": "i94res"},
    "/who?by=i94cit": {"countries": "i94cit"},
    "/where": {"states": "i94addr", "world": "i94res"},
    "/ports": {"ports": "i94port", "airlines": "airline", "modes": "i94mode", "stays": "i94res"},
}


def sum_visitors(site: LiveServer, column: str, condition: str = "true") -> dict[str, int]:
    sql = f"SELECT {column}::TEXT, sum(visitors)::INT FROM {{arrivals_cube}} WHERE {condition} GROUP BY 1"
    return dict(query_release(site, sql))


def test_every_chart_of_every_page_is_drawn(page: Page) -> None:
    for name, title in PAGES.items():
        page.get_by_role("link", name=title, exact=True).click()
        page.wait_for_url(f"**{page_path(name)}")
        wait_until_drawn(page)
        assert page.locator("#message").is_hidden(), name
        assert page.locator("h1").inner_text() == title
        for card in list_cards(page):
            chart = find_card(page, card).locator(".chart")
            if chart.count() and chart.is_visible():
                box = chart.locator("svg").bounding_box()
                assert box is not None, card
                assert min(box["width"] / 300, box["height"] / 50) > 1, card
                assert chart.locator("svg path, svg rect").count() > 3, card
                assert (
                    page.get_by_role("img", name=find_card(page, card).locator("h2").inner_text(), exact=True).count()
                    == 1
                )
                assert find_card(page, card).locator(".summary").inner_text(), card


@pytest.mark.parametrize("path", RANKINGS)
def test_a_table_has_every_value_of_its_column(page: Page, site: LiveServer, path: str) -> None:
    open_view(page, path)
    for card, column in RANKINGS[path].items():
        assert read_visitors(page, card) == sum_visitors(site, column), card


def test_the_others_are_a_sentence_and_no_bar(page: Page, site: LiveServer) -> None:
    open_view(page, "/who")
    visitors = sorted(sum_visitors(site, "i94res").values(), reverse=True)
    bars = find_card(page, "countries").locator("svg .mark-rect path").count()
    assert bars == 15 < len(visitors)
    rest = sum(visitors[bars:])
    summary = find_card(page, "countries").locator(".summary").inner_text()
    assert f"{len(visitors) - bars} other countries have {rest:,} ({format_percent(rest, sum(visitors))})" in summary


def test_totals_trend_and_movers(page: Page, site: LiveServer) -> None:
    open_view(page, "/")
    by_month = sum_visitors(site, "i94mon")
    assert read_total(page) == sum(by_month.values())
    trend = read_table(page, "trend")
    assert [parse_count(row["Visitors"]) for row in trend] == [by_month["1"], by_month["2"]]
    assert trend[1]["Month before"] == format_percent(by_month["2"] - by_month["1"], by_month["1"], "+")
    before, now = (sum_visitors(site, "i94res", f"i94mon = {month}") for month in (1, 2))
    differences = {code: now.get(code, 0) - before.get(code, 0) for code in {*before, *now}}
    movers = {row["Code"]: parse_count(row["Difference"]) for row in read_table(page, "movers")}
    assert movers == {code: difference for code, difference in differences.items() if difference}
    ((days, stays),) = query_release(site, "SELECT sum(stay_days), sum(stays) FROM {arrivals_cube}")
    assert f"{days / stays:.1f} days" in page.locator(".totals").inner_text()


def test_two_periods_are_compared(page: Page, site: LiveServer) -> None:
    open_view(page, "/ports?from=2016-02")
    before, now = (sum_visitors(site, "i94port", f"i94mon = {month}") for month in (1, 2))
    assert find_control(page, "compare").locator("option:checked").inner_text() == "January 2016"
    rows = {row["Code"]: row for row in read_table(page, "ports")}
    assert set(rows) == {*before, *now}
    for code, row in rows.items():
        assert parse_count(row["Compared with"]) == before.get(code, 0)
        change = format_percent(now.get(code, 0) - before[code], before[code], "+") if code in before else ""
        assert row["Change"] == change, code
    find_control(page, "compare").select_option("none")
    page.wait_for_url("**/ports?from=2016-02&compare=none")
    wait_until_drawn(page)
    assert "Change" not in read_table(page, "ports")[0]


def test_ages_and_genders_are_shares_of_the_known(page: Page, site: LiveServer) -> None:
    open_view(page, "/who")
    groups = dict(
        ((age, gender), visitors)
        for age, gender, visitors in query_release(
            site, "SELECT age_band, gender, sum(visitors)::INT FROM {arrivals_cube} GROUP BY 1, 2"
        )
    )
    known = {k: n for k, n in groups.items() if k[0] != "unknown" and k[1] in ("F", "M")}
    letters = {"female": "F", "male": "M"}
    rows = read_table(page, "ages")
    assert sum(parse_count(row["Visitors"]) for row in rows) == sum(groups.values())
    shares = {(r["Age"], letters[r["Gender"]]): r["Share"] for r in rows if r["Share"]}
    assert shares == {k: format_percent(n, sum(known.values())) for k, n in known.items()}
    women = sum(n for (_, gender), n in known.items() if gender == "F")
    assert f"Women are {format_percent(women, sum(known.values()))}" in find_card(page, "ages").inner_text()


FILTERS = {
    "i94addr=FL&gender=F": "i94addr = 'FL' AND gender = 'F'",
    "region=Southern+Europe&i94visa=2&age_band=25-34": (
        "age_band = '25-34' AND i94visa = 2 AND i94res IN (SELECT code FROM {country} WHERE region = 'Southern Europe')"
    ),
}


@pytest.mark.parametrize("query", [pytest.param(q, marks=() if "region" in q else pytest.mark.slow) for q in FILTERS])
def test_every_filter_narrows_every_card(page: Page, site: LiveServer, query: str) -> None:
    ((total,),) = query_release(site, f"SELECT sum(visitors)::INT FROM {{arrivals_cube}} WHERE {FILTERS[query]}")
    assert total
    additive = {
        "": ["trend"],
        "who": ["countries", "ages", "classes"],
        "where": ["states", "drill-1", "drill-2", "world"],
        "ports": ["ports", "airlines", "stays", "departures", "modes"],
    }
    for name, cards in additive.items():
        open_view(page, f"/{name}?{query}")
        for card in cards:
            assert sum(parse_count(row["Visitors"]) for row in read_table(page, card)) == total, card
    open_view(page, f"/?{query}")
    assert read_total(page) == total


def test_a_state_leads_to_its_countries_airlines_and_ports(page: Page, site: LiveServer) -> None:
    open_view(page, "/where")
    read_table(page, "drill-1")
    find_card(page, "drill-1").get_by_role("button", name="Florida", exact=True).click()
    page.wait_for_url("**/where?i94addr=FL")
    wait_until_drawn(page)
    assert find_card(page, "drill-1").locator("h2").inner_text() == f"Florida {BEYOND} by country of residence"
    assert read_visitors(page, "drill-1") == sum_visitors(site, "i94res", "i94addr = 'FL'")
    read_table(page, "drill-1")
    find_card(page, "drill-1").get_by_role("button", name="United Kingdom", exact=True).click()
    page.wait_for_url("**/where?i94addr=FL&i94res=135")
    wait_until_drawn(page)
    assert read_visitors(page, "drill-1") == sum_visitors(site, "airline", "i94addr = 'FL' AND i94res = 135")
    assert read_visitors(page, "drill-2") == sum_visitors(site, "i94port", "i94addr = 'FL' AND i94res = 135")
    page.locator("#breadcrumb").get_by_role("link", name="State: Florida").click()
    page.wait_for_url("**/where?i94addr=FL")
    wait_until_drawn(page)


def test_visitors_are_counted_per_1000_inhabitants_of_the_dimension(page: Page, site: LiveServer) -> None:
    open_view(page, "/where")
    visitors = sum_visitors(site, "i94addr")
    inhabitants = dict(query_release(site, "SELECT code, inhabitants FROM {state}"))
    for row in read_table(page, "states"):
        people = inhabitants[row["Code"]]
        assert row["Inhabitants 2010"] == (f"{people:,}" if people else ""), row["Code"]
        rate = 1000 * visitors[row["Code"]] / people if people else 0
        assert float(row["Per 1,000 inhabitants"] or 0) == pytest.approx(rate, rel=0.005), "three digits"


def test_the_ratio_to_the_expected_visitors(page: Page, site: LiveServer) -> None:
    open_view(page, "/where")
    states, origins = sum_visitors(site, "i94addr"), sum_visitors(site, "i94res")
    florida = sum_visitors(site, "i94res", "i94addr = 'FL'")
    expected = states["FL"] * origins["135"] / sum(states.values())
    rows = {(r["State"], r["Country of residence"]): r for r in read_table(page, "affinity")}
    row = rows["Florida", "United Kingdom"]
    assert (parse_count(row["Visitors"]), row["Ratio"]) == (florida["135"], f"{florida['135'] / expected:.2f} {TIMES}")


def test_mean_stays_and_missing_departures(page: Page, site: LiveServer) -> None:
    open_view(page, "/ports?stays=i94visa")
    sums = query_release(
        site,
        "SELECT i94visa, sum(stay_days), sum(stays), sum(no_departure)::INT, sum(visitors)::INT "
        "FROM {arrivals_cube} GROUP BY 1",
    )
    expected = {
        str(code): (f"{days / stays:.1f}", format_percent(missing, visitors))
        for code, days, stays, missing, visitors in sums
    }
    assert {row["Code"]: (row["Mean days"], row["Share"]) for row in read_table(page, "stays")} == expected


def test_a_figure_that_is_withheld_is_no_zero(page: Page) -> None:
    module = f"{page.locator('#static').get_attribute('content')}/queries.js"
    compute = "async ([url, part]) => (await import(url)).computeShare(part, 50)"
    assert [page.evaluate(compute, [module, part]) for part in (None, 0)] == [None, 0]


def test_a_correlation_has_its_interval_and_caveat_and_leads_to_its_points(page: Page, site: LiveServer) -> None:
    open_view(page, "/together")
    rows = query_release(site, "SELECT x || ' | ' || y, coefficient, n, caveat FROM {correlations}")
    shown = [(r["Pair"], r["Coefficient"], r["n"], r["What it does not say"]) for r in read_table(page, "correlations")]
    texts = [(pair, "" if r is None else f"{r:.3f}", f"{n:,}", caveat) for pair, r, n, caveat in rows]
    assert sorted(shown) == sorted(texts)
    points = read_table(page, "scatter")
    assert len(points) > 3
    assert find_card(page, "scatter").locator("svg .mark-symbol path").count() == len(points)


def test_the_release_and_its_checks_are_shown(page: Page, site: LiveServer) -> None:
    open_view(page, "/about")
    text = find_card(page, "release-facts").inner_text()
    assert site.release.version in text
    assert "January 2016 to February 2016" in text
    assert "March 2016 to December 2016" in text, "the months of the year that are missing"
    failed = [check for table in site.release.tables.values() for check in table.checks.failed_checks]
    assert find_card(page, "release-facts").locator(".failed-checks li").count() == len(failed)
    assert all(check.message in text for check in failed)
    assert "passed" in text


def test_the_points_of_a_pair_give_its_coefficient(page: Page, site: LiveServer) -> None:
    sql = (
        "SELECT question || ': ' || x || ': ' || y, coefficient FROM {correlations} WHERE method = 'pearson' "
        "AND unit_of_observation = 'one state' AND period = 'all months' AND variant = 'all states' "
        "AND coefficient IS NOT NULL"
    )
    pairs = dict(query_release(site, sql))
    assert pairs
    for pair, coefficient in pairs.items():
        open_view(page, f"/together?{urlencode({'pair': pair})}")
        points = [(float(row["x"]), float(row["y"])) for row in rename_values(read_table(page, "scatter"))]
        assert statistics.correlation(*zip(*points, strict=True)) == pytest.approx(coefficient, abs=0.02), pair


def rename_values(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Call the second and third column of a table x and y."""
    return [dict(zip(("name", "x", "y"), row.values(), strict=False)) for row in rows]

"""The page's tables and charts hold the figures of the marts, compared with queries over the files of the release."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page

from i94_platform.serving.dashboard.charts import load_charts
from i94_platform.serving.dashboard.summaries import MAX_BARS, SUPPORTED_FILTERS
from i94_platform_tests.serving.dashboard.conftest import (
    find_card,
    find_control,
    open_page,
    parse_count,
    query_release,
    read_table,
    read_visitors,
    wait_until_drawn,
)
from i94_platform_tests.serving.live_server import LiveServer

pytestmark = pytest.mark.browser


def test_every_chart_is_drawn_with_marks_for_its_rows(front_page: Page) -> None:
    assert front_page.locator("#message").is_hidden()
    for chart in load_charts():
        card = find_card(front_page, chart.name)
        marks = card.locator("svg .mark-rect path, svg .mark-symbol path, svg .mark-rule line")
        rows = read_table(front_page, chart.name)
        assert rows, chart.name
        drawable = [row for row in rows if row.get("Latitude", "a position")]
        assert marks.count() >= min(len(drawable), 50), chart.name
        box = card.locator("svg").bounding_box()
        assert box is not None
        assert box["width"] > 300, chart.name
        assert box["height"] > 90, chart.name


@pytest.mark.parametrize(
    ("chart", "mart", "code", "label", "header"),
    [
        ("nationality", "visitors_by_nationality", "i94cit", "nationality", "Nationality"),
        ("origin", "visitors_by_origin", "i94res", "origin", "Country of residence"),
        ("airline", "visitors_by_airline", "airline", "airline", "Airline"),
    ],
)
def test_a_ranking_has_the_largest_and_the_sum_of_the_others(
    front_page: Page, site: LiveServer, chart: str, mart: str, code: str, label: str, header: str
) -> None:
    sql = f"SELECT any_value({label}), sum(visitors)::INT v FROM {{{mart}}} GROUP BY {code} ORDER BY v DESC, {code}"
    rows = query_release(site, sql)
    largest, others = rows[:MAX_BARS], rows[MAX_BARS:]
    expected = {**dict(largest), f"{len(others)} others": sum(n for _, n in others)}
    assert read_visitors(front_page, chart, header) == expected
    labels = find_card(front_page, chart).locator("svg .mark-text.layer_1_marks text").all_text_contents()
    assert labels == [f"{n:,}" for n in expected.values()]


def test_additive_charts_add_up_to_all_arrivals(front_page: Page, site: LiveServer) -> None:
    ((arrivals,),) = query_release(site, "SELECT sum(visitors)::INT FROM {visitors_by_origin}")
    for chart in load_charts():
        if chart.additive:
            rows = read_table(front_page, chart.name)
            assert sum(parse_count(row["Visitors"]) for row in rows) == arrivals, chart.name
    assert front_page.locator("#totals dd").first.text_content() == f"{arrivals:,}"


def test_maps_heatmap_climate_and_demographics_hold_the_figures_of_the_marts(
    front_page: Page, site: LiveServer
) -> None:
    states = query_release(
        site, "SELECT any_value(state), sum(visitors)::INT FROM {destination_by_origin} GROUP BY i94addr"
    )
    assert read_visitors(front_page, "states", "State") == dict(states)
    labels = find_card(front_page, "states").locator("svg .mark-text text").all_text_contents()
    assert {"FL", "CA", "other"} <= set(labels)
    latitudes = {row["Country of residence"]: row["Latitude"] for row in read_table(front_page, "countries")}
    rows = query_release(site, "SELECT DISTINCT origin, latitude FROM {origin_climate}")
    assert latitudes == {name: "" if latitude is None else f"{latitude:.1f}" for name, latitude in rows}
    ((british_in_florida,),) = query_release(
        site, "SELECT sum(visitors)::INT FROM {destination_by_origin} WHERE i94addr = 'FL' AND i94res = 135"
    )
    heatmap = {
        (row["State"], row["Country of residence"]): parse_count(row["Visitors"])
        for row in read_table(front_page, "heat")
    }
    assert heatmap["Florida", "United Kingdom"] == british_in_florida
    climates = query_release(site, "SELECT climate_band, sum(visitors)::INT FROM {destination_by_climate} GROUP BY 1")
    assert read_visitors(front_page, "climate", "Climate") == dict(climates)
    ages = query_release(
        site, "SELECT age_band, gender_label, sum(visitors)::INT FROM {visitor_demographics_by_state} GROUP BY 1, 2"
    )
    groups = {(r["Age"], r["Gender"]): parse_count(r["Visitors"]) for r in read_table(front_page, "age")}
    assert groups == {(age, gender): visitors for age, gender, visitors in ages}


def test_a_correlation_has_its_interval_n_exclusions_and_caveat(front_page: Page, site: LiveServer) -> None:
    columns = ("x", "y", "Method", "Coefficient", "From", "To", "n", "Excluded", "Caveat")
    shown = [tuple(row[column] for column in columns) for row in read_table(front_page, "correlations")]
    rows = query_release(
        site,
        "SELECT x, y, method, coefficient, ci_low, ci_high, n, excluded, caveat FROM {correlations} "
        "WHERE period = 'all months' AND variant = 'all states'",
    )

    def format_number(value: float | None) -> str:
        return "" if value is None else f"{value:.3f}"

    assert sorted(shown) == sorted(
        (x, y, method, *map(format_number, numbers), f"{n:,}", f"{excluded:,}", caveat)
        for x, y, method, *numbers, n, excluded, caveat in rows
    )
    assert all(row[-1].startswith("It does not ") for row in shown)


def test_the_release_and_its_checks_are_shown(front_page: Page, site: LiveServer) -> None:
    text = front_page.locator("#checks").inner_text()
    assert site.release.version in text
    assert "January 2016 to February 2016" in text
    failed = [check for table in site.release.tables.values() for check in table.checks.failed_checks]
    assert front_page.locator("#checks .failed-checks li").count() == len(failed)
    assert all(check.message in text for check in failed)
    assert "passed" in front_page.locator("#check-summary").inner_text()


def test_the_change_is_to_the_month_before_even_if_that_is_not_shown(browser: BrowserContext, site: LiveServer) -> None:
    sql = "SELECT sum(visitors)::INT FROM {visitors_by_origin} GROUP BY i94mon ORDER BY i94mon"
    before, now = (visitors for (visitors,) in query_release(site, sql))
    page = open_page(browser, site, "?from=2016-02")
    change = f"{100 * (now - before) / before:+.1f}%"
    assert read_table(page, "months") == [
        {"Month": "2016-02", "Visitors": f"{now:,}", "Month before": f"{before:,}", "Change": change}
    ]
    assert f"{change} on the month before ({before:,})" in page.locator("#totals").inner_text()
    first_month = open_page(browser, site, "?to=2016-01")
    assert "The month before is not published." in first_month.locator("#totals").inner_text()


def test_a_filter_applies_to_the_marts_that_have_it_and_the_others_say_so(
    browser: BrowserContext, site: LiveServer
) -> None:
    page = open_page(browser, site)
    find_control(page, "State").select_option("FL")
    page.wait_for_url("**/?i94addr=FL")
    wait_until_drawn(page)
    expected = dict(
        query_release(
            site,
            "SELECT any_value(origin), sum(visitors)::INT FROM {destination_by_origin} "
            "WHERE i94addr = 'FL' GROUP BY i94res",
        )
    )
    shown = read_visitors(page, "origin", "Country of residence")
    assert sum(shown.values()) == sum(expected.values())
    assert {name: n for name, n in shown.items() if "others" not in name}.items() <= expected.items()
    for chart in load_charts():
        has_note = "Not filtered by state" in find_card(page, chart.name).locator(".note").inner_text()
        is_ignored = "i94addr" not in SUPPORTED_FILTERS[chart.mart] and chart.mart != "correlations"
        assert has_note == is_ignored, chart.name
    find_control(page, "To").select_option("2016-01")
    page.wait_for_url("**/?to=2016-01&i94addr=FL")
    wait_until_drawn(page)
    ((january,),) = query_release(
        site, "SELECT sum(visitors)::INT FROM {destination_by_origin} WHERE i94addr = 'FL' AND i94mon = 1"
    )
    assert page.locator("#totals dd").first.text_content() == f"{january:,}"

"""The rows of each table: every page, in each format, by bound filters; a wrong parameter is named."""

from __future__ import annotations

import base64
import io
import itertools
import json
from typing import Any

import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Table

from i94_platform.contracts import PUBLISHED, destination_by_origin, origin_climate, state, visitors_by_airline
from i94_platform.contracts.model import key_columns
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform_tests.serving.live_server import LiveServer
from i94_platform_tests.serving.requests import AIRLINES, Row, assert_problem, fetch_all_pages, path_of, to_json_rows
from i94_platform_tests.serving.synthetic_release import AWKWARD, MONTHS, make_rows


@pytest.mark.parametrize("contract", PUBLISHED, ids=lambda contract: contract.name)
def test_every_format_has_the_whole_table_in_the_order_of_its_key(shared_server: LiveServer, contract: Table) -> None:
    expected = make_rows(contract)
    with shared_server.client() as client:
        assert fetch_all_pages(client, path_of(contract), limit=17) == to_json_rows(expected.to_pylist())
        parquet = client.get(path_of(contract), params={"format": "parquet"})
        csv = client.get(path_of(contract), params={"format": "csv", "formulas": "keep"})
    assert parquet.headers["content-type"] == "application/vnd.apache.parquet"
    table = pq.read_table(io.BytesIO(parquet.content))
    assert table.schema.equals(arrow_schema(contract))
    assert table.equals(expected)
    assert csv.headers["content-type"].startswith("text/csv")
    assert f'filename="{contract.name}.csv"' in csv.headers["content-disposition"]
    options = pc.ConvertOptions(
        column_types=arrow_schema(contract),
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
    )
    parsing = pc.ParseOptions(newlines_in_values=True)
    assert pc.read_csv(io.BytesIO(csv.content), convert_options=options, parse_options=parsing).equals(expected)


def test_the_link_header_leads_through_all_pages_of_csv(shared_server: LiveServer) -> None:
    response, rows = shared_server.get(AIRLINES, params={"format": "csv", "limit": 50}), 0
    while True:
        parsing = pc.ParseOptions(newlines_in_values=True)
        rows += pc.read_csv(io.BytesIO(response.content), parse_options=parsing).num_rows
        if "next" not in response.links:
            break
        response = shared_server.get(response.links["next"]["url"])
    assert rows == make_rows(visitors_by_airline).num_rows


def test_csv_has_an_apostrophe_before_formulas_unless_asked_to_keep_them(shared_server: LiveServer) -> None:
    # the second request has the response of the first in the cache
    for formulas, expected in ((None, "'=1+1"), ("keep", "=1+1"), ("escape", "'=1+1")):
        parameters = {"format": "csv", "origin": "=1+1", **({"formulas": formulas} if formulas else {})}
        csv = shared_server.get(path_of(origin_climate), params=parameters).content
        assert set(pc.read_csv(io.BytesIO(csv))["origin"].to_pylist()) == {expected}


def sort_key(row: Row, names: list[str]) -> list[Any]:
    return [((v := row[name]) is None, v.encode() if isinstance(v, str) else v or 0) for name in names]


@pytest.mark.parametrize("order", ["latitude", "-latitude", "origin,-visitors", "-iso3,temperature_cities"])
def test_pages_in_any_order_are_complete_with_nulls_last(shared_server: LiveServer, order: str) -> None:
    rows = to_json_rows(make_rows(origin_climate).to_pylist())
    # a stable sort by the last column first; nulls come last in both directions
    expected = sorted(rows, key=lambda row: sort_key(row, key_columns(origin_climate)))
    for part in reversed(order.split(",")):
        name, descends = part.removeprefix("-"), part.startswith("-")
        filled = [row for row in expected if row[name] is not None]
        filled.sort(key=lambda row, name=name: sort_key(row, [name]), reverse=descends)  # type: ignore[misc]
        if descends:  # a reversed sort keeps equal rows in their order already
            groups = itertools.groupby(filled, key=lambda row, name=name: row[name])  # type: ignore[misc]
            filled = [row for _, group in groups for row in group]
        expected = filled + [row for row in expected if row[name] is None]
    with shared_server.client() as client:
        assert fetch_all_pages(client, path_of(origin_climate), order=order, limit=9) == expected


PLACE = make_rows(origin_climate)["i94res"][0].as_py()
FILTERS: list[tuple[str, Any]] = [
    (f"i94res={PLACE}", lambda r: r["i94res"] == PLACE),
    ("visitors__ge=1000&visitors__lt=3000", lambda r: 1000 <= r["visitors"] < 3000),
    ("visitors__gt=1000&visitors__le=3000", lambda r: 1000 < r["visitors"] <= 3000),
    ("iso3__null=true", lambda r: r["iso3"] is None),
    ("iso3__null=false", lambda r: r["iso3"] is not None),
    ("latitude__le=-12.5", lambda r: r["latitude"] is not None and r["latitude"] <= -12.5),
    ("climate_band=cold&climate_band=hot", lambda r: r["climate_band"] in ("cold", "hot")),
    ("climate_band__ne=cold&climate_band__ne=hot", lambda r: r["climate_band"] not in ("cold", "hot")),
    ("iso3__ne=003", lambda r: r["iso3"] != "003"),
    ("from=2016-02", lambda r: r["i94mon"] >= 2),
    ("from=2016-02&to=2016-02", lambda r: r["i94mon"] == 2),
    ("to=2015-12", lambda r: False),
    ("origin=", lambda r: r["origin"] == ""),
]


@pytest.mark.parametrize(("parameters", "matches"), FILTERS, ids=[text for text, _ in FILTERS])
def test_a_filter_selects_the_rows_that_it_names(shared_server: LiveServer, parameters: str, matches: Any) -> None:
    response = shared_server.get(f"{path_of(origin_climate)}?{parameters}")
    assert response.json()["data"] == [row for row in make_rows(origin_climate).to_pylist() if matches(row)]


@pytest.mark.parametrize("text", AWKWARD)
def test_any_text_is_found_as_it_is(shared_server: LiveServer, text: str) -> None:
    rows = [row for row in make_rows(origin_climate).to_pylist() if row["origin"] == text]
    assert rows, "no row has it"
    assert shared_server.get(path_of(origin_climate), params={"origin": text}).json()["data"] == rows


def test_a_page_names_its_release(shared_server: LiveServer) -> None:
    assert shared_server.get(AIRLINES).json()["release"] == {
        "version": shared_server.release.version,
        "published_at": shared_server.release.published_at,
        "data_as_of": "2016-04-10T06:00:00+00:00",
        "months": list(MONTHS),
    }


# --- wrong parameters -------------------------------------------------------------------------------------------------


WRONG = {
    "nothing": ["1"],
    "visitors__between": ["1"],
    "visitors__": ["1"],
    "visitors": ["many", "1.5", "", "1e3", "9223372036854775808"],
    "visitors__ge": ["1&visitors__ge=2", "NaN"],
    "visitors__null": ["maybe"],
    "i94yr": ["2147483648"],
    "airline": ["%00", "x" * 1025],
    "from": ["2016", "2016-13", "2016-01&from=2016-02"],
    "to": ["x"],
    "order": ["nothing", "visitors,visitors", "visitors;DROP TABLE x"],
    "limit": ["0", "10001", "-1", "ten", ""],
    "format": ["xml"],
    "formulas": ["run"],
    "cursor": ["", "x", "%C3%A9", "W10"],
}


@pytest.mark.parametrize(
    ("parameters", "name"), [(f"{name}={value}", name) for name, values in WRONG.items() for value in values]
)
def test_a_wrong_parameter_is_named(shared_server: LiveServer, parameters: str, name: str) -> None:
    problem = assert_problem(shared_server.get(f"{AIRLINES}?{parameters}"), 422, "invalid-parameter")
    assert problem["parameter"] == name


@pytest.mark.parametrize(
    ("name", "help_"),
    [("visitor", "visitors"), ("select", "/api/v1/query/"), ("visitors__over", "__ge"), ("airline__foo", "__like")],
)
def test_a_problem_names_what_there_is_instead(shared_server: LiveServer, name: str, help_: str) -> None:
    problem = assert_problem(shared_server.get(f"{AIRLINES}?{name}=1"), 422, "invalid-parameter")
    assert help_ in problem["detail"]


@pytest.mark.parametrize("value", ["sent-value", "2016-99", "sent%00value"])
def test_a_problem_does_not_repeat_a_value(shared_server: LiveServer, value: str) -> None:
    for name in ("visitors", "from", "order", "limit", "cursor", "format", "airline"):
        response = shared_server.get(f"{AIRLINES}?{name}={value}&nothing=1")
        assert response.status_code == 422
        assert value not in response.text


@pytest.mark.parametrize("query", ["airline=%FF", "&".join(["airline=a"] * 101)])
def test_a_query_string_that_can_not_be_read_is_a_bad_request(shared_server: LiveServer, query: str) -> None:
    assert_problem(shared_server.get(f"{AIRLINES}?{query}"), 400, "bad-request")


def test_a_dimension_has_no_months(shared_server: LiveServer) -> None:
    problem = assert_problem(shared_server.get(f"{path_of(state)}?from=2016-01"), 422, "invalid-parameter")
    assert problem["parameter"] == "from"


# --- cursors ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def cursor(shared_server: LiveServer) -> str:
    return str(shared_server.get(AIRLINES, params={"limit": 5}).json()["page"]["next"])


def assert_cursor_refused(shared_server: LiveServer, path: str, **parameters: Any) -> None:
    problem = assert_problem(shared_server.get(path, params=parameters), 422, "invalid-parameter")
    assert problem["parameter"] == "cursor"


def test_a_cursor_belongs_to_its_table_filters_and_order(shared_server: LiveServer, cursor: str) -> None:
    assert_cursor_refused(shared_server, AIRLINES, cursor=cursor, order="-visitors")
    assert_cursor_refused(shared_server, AIRLINES, cursor=cursor, visitors__ge="1")
    assert_cursor_refused(shared_server, path_of(destination_by_origin), cursor=cursor)


FORGED: list[tuple[Any, ...]] = [
    (2016, 1),
    (None, None, None),
    (2016, 1, None),
    (True, 1, "a"),
    ("2016", 1, "a"),
    (1e300, 1, "a"),
    (2016, 1, {"a": 1}),
    (2016, [1], "a"),
]


@pytest.mark.parametrize("last_row", FORGED, ids=str)
def test_a_forged_cursor_is_refused(shared_server: LiveServer, cursor: str, last_row: tuple[Any, ...]) -> None:
    version, digest = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[:2]
    forged = base64.urlsafe_b64encode(json.dumps([version, digest, *last_row]).encode()).decode().rstrip("=")
    assert_cursor_refused(shared_server, AIRLINES, cursor=forged)

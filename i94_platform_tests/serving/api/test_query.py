"""Queries of any table: chosen columns, groups, aggregates and their conditions, computed a second time in Python."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from i94_platform.contracts import PUBLISHED, country, destination_by_origin, origin_climate, state
from i94_platform.contracts.model import key_columns
from i94_platform.serving.aggregates import FUNCTIONS
from i94_platform.serving.api.query_parameters import QueryParameters
from i94_platform_tests.serving.live_server import LiveServer
from i94_platform_tests.serving.requests import Row, assert_problem, fetch_all_pages, group_rows, path_of
from i94_platform_tests.serving.synthetic_release import make_rows

QUERY = "/api/v1/query/destination_by_origin"
ROWS: list[Row] = make_rows(destination_by_origin).to_pylist()


def fetch(server: LiveServer, path: str) -> list[Row]:
    url = httpx.URL(path)
    with server.client() as client:
        return fetch_all_pages(client, url.path, **dict(url.params))


def sum_visitors(rows: list[Row]) -> int:
    return sum(row["visitors"] for row in rows)


def test_groups_have_the_aggregates_of_their_rows_page_by_page(shared_server: LiveServer) -> None:
    functions = ",".join(f"visitors.{name}" for name in FUNCTIONS)
    rows = fetch(shared_server, f"{QUERY}?group=i94mon,i94addr&select={functions},count&limit=7")
    groups = group_rows(ROWS, "i94mon", "i94addr")
    assert len(rows) == len(groups) > 14
    assert [(row["i94mon"], row["i94addr"]) for row in rows] == sorted(groups)
    for row in rows:
        values = [r["visitors"] for r in groups[row["i94mon"], row["i94addr"]]]
        assert row == {
            "i94mon": row["i94mon"],
            "i94addr": row["i94addr"],
            "visitors_sum": sum(values),
            "visitors_min": min(values),
            "visitors_max": max(values),
            "visitors_avg": pytest.approx(sum(values) / len(values)),
            "visitors_count": len(values),
            "count": len(values),
        }


def test_a_group_has_the_sums_of_all_counts_unless_others_are_selected(shared_server: LiveServer) -> None:
    rows = fetch(shared_server, f"{QUERY}?group=i94mon&order=-visitors.sum")
    sums = {mon: sum_visitors(group) for (mon,), group in group_rows(ROWS, "i94mon").items()}
    assert [(row["i94mon"], row["visitors_sum"]) for row in rows] == sorted(sums.items(), key=lambda item: -item[1])


def test_aggregates_without_a_group_are_of_all_rows(shared_server: LiveServer) -> None:
    assert fetch(shared_server, f"{QUERY}?select=visitors.sum,count") == [
        {"visitors_sum": sum_visitors(ROWS), "count": len(ROWS)}
    ]
    nothing = fetch(shared_server, f"{QUERY}?select=visitors.sum,visitors.max&to=2015-12")
    assert nothing == [{"visitors_sum": 0, "visitors_max": None}]


@pytest.mark.parametrize("name", ["visitors.sum", "visitors_sum"])
def test_having_and_order_work_on_aggregates(shared_server: LiveServer, name: str) -> None:
    totals = {code: sum_visitors(group) for (code,), group in group_rows(ROWS, "i94addr").items()}
    bound = sorted(totals.values())[len(totals) // 2]
    path = (
        f"{QUERY}?group=i94addr&select=visitors.sum&having={name}__ge:{bound},{name}__lt:{10**9}&order=-{name}&limit=5"
    )
    large = sorted(((total, code) for code, total in totals.items() if total >= bound), key=lambda x: (-x[0], x[1]))
    assert [(row["visitors_sum"], row["i94addr"]) for row in fetch(shared_server, path)] == large


def test_filters_select_the_rows_before_they_are_grouped(shared_server: LiveServer) -> None:
    codes = sorted({row["i94addr"] for row in ROWS})[:3]
    path = f"{QUERY}?group=i94addr&i94addr={','.join(codes)}&visitors__ge=1000&from=2016-02"
    rows = [r for r in ROWS if r["i94addr"] in codes and r["visitors"] >= 1000 and r["i94mon"] >= 2]
    expected = {code: sum_visitors(group) for (code,), group in group_rows(rows, "i94addr").items()}
    assert {row["i94addr"]: row["visitors_sum"] for row in fetch(shared_server, path)} == expected


def test_select_chooses_columns_and_order_may_be_by_others(shared_server: LiveServer) -> None:
    for word in ("select", "fields"):
        rows = fetch(shared_server, f"{QUERY}?{word}=origin,i94addr&order=-visitors&limit=11")
        by_key = sorted(ROWS, key=lambda r: (r["i94yr"], r["i94mon"], r["i94addr"], r["i94res"]))
        expected = sorted(by_key, key=lambda r: -r["visitors"])
        assert rows == [{"origin": r["origin"], "i94addr": r["i94addr"]} for r in expected]


def test_distinct_returns_equal_rows_once(shared_server: LiveServer) -> None:
    rows = fetch(shared_server, f"{QUERY}?select=i94mon&distinct=true")
    assert rows == [{"i94mon": 1}, {"i94mon": 2}, {"i94mon": 3}]
    assert len(fetch(shared_server, "/api/v1/query/state?distinct=true&limit=9")) == make_rows(state).num_rows


def test_count_is_of_all_pages(shared_server: LiveServer) -> None:
    rows = shared_server.get(f"{QUERY}?count=exact&limit=3&visitors__ge=1000")
    expected = sum(row["visitors"] >= 1000 for row in ROWS)
    assert (rows.json()["page"]["total"], rows.headers["x-total-count"]) == (expected, str(expected))
    groups = shared_server.get(f"{QUERY}?group=i94addr&count=exact&limit=3&format=csv")
    assert groups.headers["x-total-count"] == str(len(group_rows(ROWS, "i94addr")))
    assert "total" not in shared_server.get(f"{QUERY}?limit=3").json()["page"]


@pytest.mark.parametrize(
    ("parameters", "matches"),
    [
        ("origin__like=o*1*", lambda text: text[:1].lower() == "o" and "1" in text),
        ("origin__like=%25_sure%25", lambda text: "_sure" in text),
        ("origin__like=côte*", lambda text: text.startswith("Côte")),
        ("origin__like=99", lambda text: text == "99"),
    ],
)
def test_like_matches_a_pattern_in_any_case(shared_server: LiveServer, parameters: str, matches: Any) -> None:
    rows: list[Row] = make_rows(origin_climate).to_pylist()
    expected = [row for row in rows if matches(row["origin"])]
    assert 0 < len(expected) < len(rows)
    assert fetch(shared_server, f"{path_of(origin_climate)}?{parameters}") == expected


@pytest.mark.parametrize("text", ["iGiN 00", "100%", "_", "'d"])
def test_q_searches_all_texts_of_a_row(shared_server: LiveServer, text: str) -> None:
    rows: list[Row] = make_rows(country).to_pylist()
    expected = [r for r in rows if any(text.lower() in v.lower() for v in r.values() if isinstance(v, str))]
    with shared_server.client() as client:
        assert [r["code"] for r in fetch_all_pages(client, path_of(country), q=text)] == [r["code"] for r in expected]


def test_every_format_has_groups(shared_server: LiveServer) -> None:
    path = f"{QUERY}?group=i94addr&select=visitors.sum,visitors.avg"
    rows = shared_server.get(path).json()["data"]
    parquet = pq.read_table(io.BytesIO(shared_server.get(f"{path}&format=parquet").content))
    assert parquet.schema.types == [pa.string(), pa.int64(), pa.float64()]
    assert parquet.to_pylist() == rows
    csv = shared_server.get(f"{path}&format=csv").content
    options = pc.ConvertOptions(column_types=parquet.schema)
    assert pc.read_csv(io.BytesIO(csv), convert_options=options).to_pylist() == rows


WRONG = {
    "group": ["nothing", "i94addr,i94addr", "visitors", "i94addr;DROP TABLE x"],
    "select": ["nothing", "visitors.median", "i94res.sum", "origin.avg", "visitors.sum,visitors.sum", "x.sum", ".sum"],
    "select=i94addr&group": ["i94res"],
    "having": ["visitors.sum__ge:1", "x"],
    "group=i94addr&having": ["visitors.sum", "visitors.max__ge:1", "visitors.sum__ge:many", "visitors.sum__like:x"],
    "group=i94addr&order": ["visitors", "origin"],
    "group=i94addr&cursor": ["W10"],
    "visitors__like": ["1"],
    "origin__like": ["%00", "a&origin__like=b"],
    "count": ["many"],
    "distinct": ["maybe"],
    "q": ["%00"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_query_is_named(shared_server: LiveServer, name: str, value: str) -> None:
    problem = assert_problem(shared_server.get(f"{QUERY}?{name}={value}"), 422, "invalid-parameter")
    assert problem["parameter"] in (name.rpartition("&")[2], name.partition("=")[0])


def test_only_a_query_groups_rows(shared_server: LiveServer) -> None:
    problem = assert_problem(
        shared_server.get(f"{path_of(destination_by_origin)}?group=i94addr"), 422, "invalid-parameter"
    )
    assert problem["parameter"] == "group"


def test_a_query_of_no_table_is_not_found_and_needs_a_key(shared_server: LiveServer) -> None:
    assert_problem(shared_server.get("/api/v1/query/immigration"), 404, "not-found")
    with shared_server.client("") as nobody:
        assert_problem(nobody.get(QUERY), 401, "no-credentials")


def test_the_words_of_the_api_are_not_names_of_columns() -> None:
    words = {field.alias or name for name, field in QueryParameters.model_fields.items()}
    words |= {"month", "any text"}
    names = [c.name for contract in PUBLISHED for c in contract.columns]
    assert not [name for name in names if name in words or "__" in name or name.rpartition("_")[2] in FUNCTIONS]


def test_every_table_has_groups(shared_server: LiveServer) -> None:
    with shared_server.client() as client:
        for contract in PUBLISHED:
            key, rows = key_columns(contract)[-1], make_rows(contract).to_pylist()
            parameters: dict[str, str | int] = {
                "group": key,
                "select": "count",
                "count": "exact",
                "limit": 1,
                "order": "-count",
            }
            page = client.get(f"/api/v1/query/{contract.name}", params=parameters).json()
            sizes = sorted(len(group) for group in group_rows(rows, key).values())
            assert (page["page"]["total"], page["data"][0]["count"]) == (len(sizes), sizes[-1]), contract.name


# --- months and formats -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "missing", "header"),
    [
        ("from=2016-03&to=2016-05", ["2016-04", "2016-05"], "2016-04/2016-05"),
        ("to=2016-02&from=2015-12", ["2015-12"], "2015-12"),
        ("i94yr=2016&i94mon=3,4", ["2016-04"], "2016-04"),
        ("i94yr=2015&i94mon=2,5,6", ["2015-02", "2015-05", "2015-06"], "2015-02, 2015-05/2015-06"),
        ("from=2016-02", [], None),
        ("", [], None),
    ],
)
def test_months_that_are_not_published_are_named(
    shared_server: LiveServer, parameters: str, missing: list[str], header: str | None
) -> None:
    for path in (f"{QUERY}?{parameters}", f"{path_of(destination_by_origin)}?{parameters}"):
        response = shared_server.get(path)
        assert response.json()["missing_months"] == missing
        assert response.headers.get("x-missing-months") == header
    assert shared_server.get(f"{path}&format=csv").headers.get("x-missing-months") == header


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "application/json"),
        ("application/json;q=0.5, text/*", "text/csv"),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ("application/json;q=0, */*;q=0.1", "text/csv"),
    ],
)
def test_accept_chooses_the_format(shared_server: LiveServer, accept: str, media_type: str) -> None:
    response = shared_server.get(f"{QUERY}?limit=2", headers={"Accept": accept})
    assert response.headers["content-type"].partition(";")[0] == media_type
    assert "Accept" in response.headers["vary"].split(", ")


def test_a_format_that_there_is_not_is_refused_unless_one_is_named(shared_server: LiveServer) -> None:
    headers = {"Accept": "text/html, application/json;q=0"}
    assert_problem(shared_server.get(QUERY, headers=headers), 406, "not-acceptable")
    assert shared_server.get(f"{QUERY}?format=csv", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/marts", "/api/v1/status", "/api/v1/releases", "/api/v1/openapi.json"])
def test_lists_are_json_only(shared_server: LiveServer, path: str) -> None:
    assert_problem(shared_server.get(path, headers={"Accept": "text/csv"}), 406, "not-acceptable")
    assert shared_server.get(path, headers={"Accept": "text/csv, application/*;q=0.1"}).status_code == 200

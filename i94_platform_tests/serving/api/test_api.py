"""Pins what the API answers: every page of a table, in each format, by bound filters, and problems otherwise."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import itertools
import json
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Table

from i94_platform.contracts import PUBLISHED, destination_by_origin, origin_climate, state, visitors_by_airline
from i94_platform.contracts.model import is_monthly, key_columns
from i94_platform.contracts.render import arrow_schema
from i94_platform.lake.releases import CheckState, Complaint
from i94_platform.serving.api.routes import LAYERS
from i94_platform_tests.processes import wait_for
from i94_platform_tests.serving.live_server import LiveServer
from i94_platform_tests.serving.synthetic_release import AWKWARD, MONTHS, make_rows

AIRLINES = "/api/v1/marts/visitors_by_airline"
Row = dict[str, Any]


def path_of(contract: Table) -> str:
    layer = next(layer for layer, tables in LAYERS.items() if contract in tables)
    return f"/api/v1/{layer}/{contract.name}"


def plain(rows: list[Row]) -> list[Row]:
    """Rows as JSON has them."""
    return [{k: v.isoformat() if isinstance(v, dt.date) else v for k, v in row.items()} for row in rows]


def pages(client: httpx.Client, path: str, **parameters: Any) -> list[Row]:
    """Every row, page after page."""
    rows: list[Row] = []
    while True:
        answer = client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        rows += answer.json()["data"]
        if not (following := answer.json()["page"]["next"]):
            return rows
        parameters["cursor"] = following


def problem(answer: httpx.Response, status: int, kind: str) -> Row:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    told: Row = answer.json()
    assert (told["status"], told["type"]) == (status, f"/problems/{kind}")
    assert told["title"]
    assert told["detail"]
    return told


# --- rows -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("contract", PUBLISHED, ids=lambda contract: contract.name)
def test_all_pages_are_the_whole_table_in_the_order_of_its_key(shared_server: LiveServer, contract: Table) -> None:
    with shared_server.client() as client:
        assert pages(client, path_of(contract), limit=7) == plain(make_rows(contract).to_pylist())


@pytest.mark.parametrize("contract", PUBLISHED, ids=lambda contract: contract.name)
def test_csv_and_parquet_hold_what_the_extract_holds(shared_server: LiveServer, contract: Table) -> None:
    expected = make_rows(contract)
    parquet = shared_server.get(path_of(contract), params={"format": "parquet"})
    assert parquet.headers["content-type"] == "application/vnd.apache.parquet"
    assert pq.read_table(io.BytesIO(parquet.content)).equals(expected)
    csv = shared_server.get(path_of(contract), params={"format": "csv"})
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


def test_pages_of_csv_follow_each_other_by_their_link(shared_server: LiveServer) -> None:
    answer, lines = shared_server.get(AIRLINES, params={"format": "csv", "limit": 50}), 0
    while True:
        lines += len(pc.read_csv(io.BytesIO(answer.content), parse_options=pc.ParseOptions(newlines_in_values=True)))
        if "next" not in answer.links:
            break
        answer = shared_server.get(answer.links["next"]["url"])
    assert lines == make_rows(visitors_by_airline).num_rows


def sort_key(row: Row, names: list[str]) -> list[Any]:
    return [((v := row[name]) is None, v.encode() if isinstance(v, str) else v or 0) for name in names]


@pytest.mark.parametrize("order", ["latitude", "-latitude", "origin,-visitors", "-iso3,temperature_cities"])
def test_pages_in_any_order_are_whole_with_nulls_last(shared_server: LiveServer, order: str) -> None:
    rows = plain(make_rows(origin_climate).to_pylist())
    # a stable sort by the last column first; nulls come last in both directions
    expected = sorted(rows, key=lambda row: sort_key(row, key_columns(origin_climate)))
    for part in reversed(order.split(",")):
        name, down = part.removeprefix("-"), part.startswith("-")
        there = [row for row in expected if row[name] is not None]
        there.sort(key=lambda row, name=name: sort_key(row, [name]), reverse=down)  # type: ignore[misc]
        if down:  # a reversed sort keeps equal rows in their order already
            groups = itertools.groupby(there, key=lambda row, name=name: row[name])  # type: ignore[misc]
            there = [row for _, group in groups for row in group]
        expected = there + [row for row in expected if row[name] is None]
    with shared_server.client() as client:
        assert pages(client, path_of(origin_climate), order=order, limit=9) == expected


FILTERS: list[tuple[str, Any]] = [
    ("i94res=3", lambda r: r["i94res"] == 3),
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


@pytest.mark.parametrize(("parameters", "holds"), FILTERS, ids=[text for text, _ in FILTERS])
def test_a_filter_leaves_the_rows_that_it_names(shared_server: LiveServer, parameters: str, holds: Any) -> None:
    answer = shared_server.get(f"{path_of(origin_climate)}?{parameters}")
    assert answer.json()["data"] == [row for row in make_rows(origin_climate).to_pylist() if holds(row)]


@pytest.mark.parametrize("text", AWKWARD)
def test_any_text_is_found_as_it_is(shared_server: LiveServer, text: str) -> None:
    rows = [row for row in make_rows(origin_climate, per_month=40).to_pylist() if row["origin"] == text]
    assert shared_server.get(path_of(origin_climate), params={"origin": text}).json()["data"] == rows
    assert rows, "no row has it"


def test_a_page_says_which_release_it_is_from(shared_server: LiveServer) -> None:
    told, now = shared_server.get(AIRLINES).json()["release"], shared_server.service.release_store.release
    assert now is not None
    assert told == {
        "version": now.version,
        "published_at": now.published_at,
        "data_as_of": "2016-04-10T06:00:00+00:00",
        "months": list(MONTHS),
    }


# --- lists, status, description ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", list(LAYERS))
def test_a_layer_lists_its_tables_with_their_columns(shared_server: LiveServer, layer: str) -> None:
    tables = {table["name"]: table for table in shared_server.get(f"/api/v1/{layer}").json()["tables"]}
    assert set(tables) == {contract.name for contract in LAYERS[layer]}
    for contract in LAYERS[layer]:
        table = tables[contract.name]
        assert [c["name"] for c in table["columns"]] == [c.name for c in contract.columns]
        assert [c["name"] for c in table["columns"] if c["key"]] == key_columns(contract)
        assert shared_server.get(table["href"]).status_code == 200
        assert table["rows"] == make_rows(contract).num_rows


def test_the_status_tells_the_checks_of_each_table(server: LiveServer) -> None:
    failed = CheckState(3, (Complaint("totals", "2016-02", True, "2 rows too many"),))
    warned = CheckState(1, (Complaint("usual", "", False, "fewer than usual"),))
    server.publish("r2", checks={"visitors_by_airline": failed, "state": warned, "country": CheckState(2)})
    told = server.get("/api/v1/status").json()
    assert told["error"] == ""
    states = {name: table["checks"]["state"] for name, table in told["tables"].items()}
    assert states == {c.name: "unchecked" for c in PUBLISHED} | {
        "visitors_by_airline": "failed",
        "state": "warned",
        "country": "passed",
    }
    assert told["tables"]["visitors_by_airline"]["checks"] == {
        "state": "failed",
        "passed": 3,
        "complaints": [{"check": "totals", "month": "2016-02", "blocking": True, "told": "2 rows too many"}],
    }
    assert told["tables"]["visitors_by_airline"]["months"] == list(MONTHS)


def test_the_description_names_every_path_and_filter(shared_server: LiveServer) -> None:
    paths = shared_server.get("/api/v1/openapi.json").json()["paths"]
    for contract in PUBLISHED:
        names = {parameter["name"] for parameter in paths[path_of(contract)]["get"]["parameters"]}
        for c in contract.columns:
            asked = {
                c.name,
                *(f"{c.name}__{o}" for o in ("ne", "ge", "gt", "le", "lt")),
                *([f"{c.name}__null"] * c.nullable),
            }
            assert asked <= names
        assert {"order", "limit", "cursor", "format"} <= names
        assert ({"from", "to"} <= names) == is_monthly(contract)


def test_a_word_of_the_api_is_no_column() -> None:
    words = {"from", "to", "order", "limit", "cursor", "format", "month"}
    assert not [c.name for contract in PUBLISHED for c in contract.columns if c.name in words or "__" in c.name]


# --- caching ----------------------------------------------------------------------------------------------------------


def test_an_answer_that_is_known_is_not_sent_again(shared_server: LiveServer) -> None:
    for path in (AIRLINES, f"{AIRLINES}?format=parquet", "/api/v1/status", "/api/v1/marts", "/api/v1/dimensions"):
        first = shared_server.get(path)
        for sent in (first.headers["etag"], f'"other", {first.headers["etag"]}', "*"):
            again = shared_server.get(path, headers={"If-None-Match": sent})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        assert shared_server.get(path, headers={"If-None-Match": 'W/"other"'}).status_code == 200


def test_another_question_format_or_release_has_another_etag(server: LiveServer) -> None:
    asked = (
        AIRLINES,
        f"{AIRLINES}?limit=5",
        f"{AIRLINES}?visitors__ge=1",
        f"{AIRLINES}?format=csv",
        f"{AIRLINES}?order=-visitors",
    )
    before = [server.get(path).headers["etag"] for path in asked]
    server.publish("r2", seed=2)
    after = [server.get(path).headers["etag"] for path in asked]
    assert len({*before, *after}) == 10
    server.publish("r3", seed=2)
    assert [server.get(path).headers["etag"] for path in asked] == after, "equal content is known still"


def test_the_order_of_parameters_changes_no_etag(shared_server: LiveServer) -> None:
    one, other = (
        shared_server.get(f"{AIRLINES}?{p}").headers["etag"]
        for p in ("airline=b&airline=a&limit=3", "limit=3&airline=a&airline=b")
    )
    assert one == other


def test_an_answer_is_compressed_for_those_who_take_it(shared_server: LiveServer) -> None:
    compressed = shared_server.send_raw(
        f"GET {AIRLINES} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\nConnection: close\r\n"
        f"Authorization: Bearer {shared_server.key}\r\n\r\n".encode()
    )
    head, _, body = compressed.partition(b"\r\n\r\n")
    assert b"content-encoding: gzip" in head.lower()
    told = shared_server.get(AIRLINES, headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert "content-encoding" not in told.headers
    assert gzip.decompress(body) == told.content
    assert len(body) < len(told.content) / 2


def test_head_is_get_without_a_body(shared_server: LiveServer) -> None:
    with shared_server.client() as client:
        head, get = client.head(AIRLINES), client.get(AIRLINES)
    assert (head.status_code, head.content) == (200, b"")
    assert (head.headers["etag"], head.headers["content-length"]) == (
        get.headers["etag"],
        get.headers["content-length"],
    )


# --- problems ---------------------------------------------------------------------------------------------------------


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
    "cursor": ["", "x", "%C3%A9", "W10"],
}


@pytest.mark.parametrize(
    ("parameters", "named"), [(f"{name}={value}", name) for name, values in WRONG.items() for value in values]
)
def test_a_wrong_parameter_is_named(shared_server: LiveServer, parameters: str, named: str) -> None:
    told = problem(shared_server.get(f"{AIRLINES}?{parameters}"), 422, "invalid-parameter")
    assert told["parameter"] == named


def test_dimensions_have_no_months(shared_server: LiveServer) -> None:
    assert problem(shared_server.get(f"{path_of(state)}?from=2016-01"), 422, "invalid-parameter")["parameter"] == "from"


@pytest.mark.parametrize("change", [{"order": "-visitors"}, {"visitors__ge": "1"}])
def test_a_cursor_belongs_to_its_filters_and_order(shared_server: LiveServer, change: Row) -> None:
    cursor = shared_server.get(AIRLINES, params={"limit": 5}).json()["page"]["next"]
    answer = shared_server.get(AIRLINES, params={"limit": 5, "cursor": cursor, **change})
    assert problem(answer, 422, "invalid-parameter")["parameter"] == "cursor"
    other = shared_server.get(path_of(destination_by_origin), params={"cursor": cursor})
    assert problem(other, 422, "invalid-parameter")["parameter"] == "cursor"


def forged(cursor: str, *last: Any) -> str:
    import base64

    version, digest = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[:2]
    return base64.urlsafe_b64encode(json.dumps([version, digest, *last]).encode()).decode().rstrip("=")


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


@pytest.mark.parametrize("last", FORGED, ids=str)
def test_a_forged_cursor_is_refused(shared_server: LiveServer, last: tuple[Any, ...]) -> None:
    cursor = shared_server.get(AIRLINES, params={"limit": 5}).json()["page"]["next"]
    answer = shared_server.get(AIRLINES, params={"limit": 5, "cursor": forged(cursor, *last)})
    assert problem(answer, 422, "invalid-parameter")["parameter"] == "cursor"


@pytest.mark.parametrize(
    "path", ["/nothing", "/api", "/api/v1", "/api/v1/marts/", "/api/v1/marts/immigration", "/api/v1/marts/state"]
)
def test_what_is_not_there_is_a_problem(shared_server: LiveServer, path: str) -> None:
    problem(shared_server.get(path), 404, "not-found")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_a_method_that_is_not_allowed_is_a_problem(shared_server: LiveServer, method: str) -> None:
    with shared_server.client() as client:
        answer = client.request(method, AIRLINES)
    problem(answer, 405, "method-not-allowed")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


def test_a_mistake_of_the_server_is_a_problem_with_a_number_and_no_more(
    shared_server: LiveServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("what nobody must see")

    monkeypatch.setattr("i94_platform.serving.api.models.Status.model_validate", fail)
    answer = shared_server.get("/api/v1/status")
    told = problem(answer, 500, "internal-error")
    assert answer.headers["x-request-id"] in told["detail"]
    assert "nobody" not in answer.text
    said = f"Request {answer.headers['x-request-id']} could not be answered"
    wait_for(lambda: said in caplog.text, "the log of it")


def test_every_answer_has_the_headers_that_browsers_heed(shared_server: LiveServer) -> None:
    for path in (AIRLINES, "/healthz", "/nothing", "/", f"{AIRLINES}?x=1"):
        headers = shared_server.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
        assert "server" not in headers


def test_prometheus_is_told_what_was_answered(shared_server: LiveServer) -> None:
    shared_server.get(AIRLINES)
    told = shared_server.get("/metrics").text
    assert f'i94_requests_total{{route="{AIRLINES}",status="200"}}' in told
    assert "process_resident_memory_bytes" in told
    assert "i94_release_load_error 0.0" in told
    shared_server.get("/nothing/i94_secret")
    assert "i94_secret" not in shared_server.get("/metrics").text


def test_tables_are_as_their_contracts_say(shared_server: LiveServer) -> None:
    for contract in PUBLISHED:
        rows = pq.read_table(
            io.BytesIO(shared_server.get(path_of(contract), params={"format": "parquet", "limit": 1}).content)
        )
        assert rows.schema.equals(arrow_schema(contract))
        assert isinstance(rows, pa.Table)

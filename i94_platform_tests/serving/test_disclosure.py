"""Attack disclosure control: without the scope for exact figures a caller gets rounded ones, however it asks."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Table

from i94_platform.contracts import (
    MARTS,
    PUBLISHED,
    arrivals_cube,
    correlations,
    destination_by_climate,
    destination_by_origin,
)
from i94_platform.contracts.model import key_columns
from i94_platform.lake.releases import CheckState, FailedCheck
from i94_platform.serving.auth.api_keys import DEFAULT_SCOPES
from i94_platform.serving.disclosure import HEADER
from i94_platform_tests.serving.live_server import LiveServer, run_server
from i94_platform_tests.serving.requests import Row, fetch_all_pages, group_rows, path_of
from i94_platform_tests.serving.synthetic_release import make_rows

MOST = 40
"""Counts of the release reach from 0 or 1 to this, so that many are small."""
AVERAGES = {
    "mean_stay": ("stays", 1),
    "expected_visitors": ("visitors", 0),
    "ratio": ("visitors", 1),
    "standardized_residual": ("visitors", 0),
}
"""What readers get only over 23 arrivals: the count of these, and the digits."""
STATES = path_of(destination_by_origin)
CUBE_COUNTS = ("visitors", "no_departure", "stays", "stay_days")
QUERY = "/api/v1/query/destination_by_origin"
SUMS = "/api/v1/query/destination_by_origin?group=i94addr&select=visitors.sum"
FAILED = CheckState(3, (FailedCheck("totals", "2016-02", True, "1,799 rows too many"),))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server of a release with small counts."""
    with run_server(tmp_path_factory.mktemp("disclosure")) as server:
        server.publish("r1", most=MOST, checks={"visitors_by_airline": FAILED})
        yield server


@pytest.fixture(scope="module")
def reader(site: LiveServer) -> Iterator[httpx.Client]:
    """A client whose key has the scopes that a key has unless others are given."""
    _, key = site.keys.add("reader", DEFAULT_SCOPES)
    with site.client(key) as client:
        yield client


def round_to_5(count: int) -> int:
    return 5 * round(count / 5)  # no count lies in the middle of two multiples


def make_exact_rows(contract: Table) -> list[Row]:
    rows: list[Row] = make_rows(contract, most=MOST).to_pylist()
    return rows


def make_public_rows(contract: Table) -> list[Row]:
    """Return what a reader gets, written a second time without the contracts."""
    rows = []
    for row in make_exact_rows(contract):
        public = dict(row)
        if (base := row.get("hint_likely_residence_visitors")) is None or base < 23:
            public |= {name: None for name in row if name.startswith("hint_")}
        if "possible_meaning" in row and row["visitors"] < 23:
            public["possible_meaning"] = None
        if (days := row.get("stay_days")) is not None:
            public["stay_days"] = (days + 50) // 100 * 100 if row["stays"] >= 23 else None
        for name, (base, digits) in AVERAGES.items():
            if name in row:
                is_shown = row[name] is not None and row[base] >= 23
                public[name] = pytest.approx(row[name], abs=0.501 * 10**-digits) if is_shown else None
        if contract is destination_by_climate and row["mean_temperature"] is not None:
            public["mean_temperature"] = float(round(row["mean_temperature"])) if row["visitors"] >= 23 else None
        if contract is correlations:
            is_withheld = row["included_visitors"] < 23
            for name in ("coefficient", "ci_low", "ci_high", "p_value", "adjusted_p_value", "coverage"):
                public[name] = None if row[name] is None or is_withheld else pytest.approx(row[name], abs=5.1e-4)
            public["meaning"] = None if is_withheld else row["meaning"]
            public["excluded_why"] = "withheld"
        counts = (
            "visitors",
            "no_departure",
            "stays",
            "source_countries",
            "hint_likely_residence_visitors",
            "usual_visitors",
            "n",
            "clusters",
            "included_visitors",
            "excluded",
            "excluded_visitors",
        )
        public |= {name: round_to_5(public[name]) for name in counts if public.get(name) is not None}
        if public.get("visitors") != 0:
            rows.append(public)
    return rows


@pytest.mark.parametrize("contract", MARTS, ids=lambda contract: contract.name)
def test_a_reader_gets_rounded_rows_in_every_format(reader: httpx.Client, contract: Table) -> None:
    expected = make_public_rows(contract)
    assert expected != make_exact_rows(contract)
    assert fetch_all_pages(reader, path_of(contract), limit=17) == expected
    parquet = reader.get(path_of(contract), params={"format": "parquet"})
    table = pq.read_table(io.BytesIO(parquet.content))
    assert table.to_pylist() == expected
    assert table.schema.metadata[b"disclosure_control"] == b"rounded-5"
    csv = reader.get(path_of(contract), params={"format": "csv", "formulas": "keep"})
    options = pc.ConvertOptions(
        column_types=table.schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    parsing = pc.ParseOptions(newlines_in_values=True)
    assert pc.read_csv(io.BytesIO(csv.content), convert_options=options, parse_options=parsing).to_pylist() == expected
    assert {parquet.headers[HEADER], csv.headers[HEADER]} == {"rounded-5"}


def test_a_page_says_that_it_is_rounded_and_why_values_are_withheld(site: LiveServer, reader: httpx.Client) -> None:
    response = reader.get(path_of(destination_by_climate))
    assert response.headers[HEADER] == response.json()["disclosure"]["control"] == "rounded-5"
    assert "visitors is below 23" in response.json()["disclosure"]["withheld"]["mean_temperature"]
    exact = site.get(path_of(destination_by_climate))
    assert exact.headers[HEADER] == "exact"
    assert exact.json()["disclosure"] == {"control": "exact", "withheld": {}}


@pytest.mark.parametrize("operator", ["", "__ne", "__ge", "__gt", "__le", "__lt"])
def test_a_filter_on_a_count_works_on_the_rounded_count(reader: httpx.Client, operator: str) -> None:
    compare = getattr(int, f"__{operator.strip('_') or 'eq'}__")
    public = make_public_rows(destination_by_origin)
    for value in range(13):
        response = reader.get(STATES, params={f"visitors{operator}": value})
        assert response.json()["data"] == [row for row in public if compare(row["visitors"], value)], value


def test_a_filter_on_a_withheld_value_finds_nothing(reader: httpx.Client) -> None:
    path = path_of(destination_by_climate)
    small = [row for row in make_exact_rows(destination_by_climate) if row["visitors"] < 23 and row["mean_temperature"]]
    assert small
    for row in small:
        value = row["mean_temperature"]
        assert not [
            r for r in reader.get(path, params={"mean_temperature": value}).json()["data"] if r["visitors"] < 20
        ]
    assert all(r["visitors"] >= 25 for r in reader.get(path, params={"mean_temperature__null": "false"}).json()["data"])


def group_exact(*names: str) -> dict[tuple[Any, ...], list[int]]:
    """Return the exact counts of each group, as the key of the test's own rows says."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for row in make_exact_rows(destination_by_origin):
        groups.setdefault(tuple(row[name] for name in names), []).append(row["visitors"])
    return groups


@pytest.mark.parametrize("names", [("i94mon",), ("i94addr",), ("i94mon", "i94addr", "i94res")])
def test_sums_are_rounded_from_exact_ones_and_groups_of_few_are_left_out(
    reader: httpx.Client, names: tuple[str, ...]
) -> None:
    rows = reader.get(QUERY, params={"group": ",".join(names), "limit": 10_000, "count": "exact"}).json()
    sums = {group: round_to_5(sum(counts)) for group, counts in group_exact(*names).items()}
    shown = {tuple(row[name] for name in names): row["visitors_sum"] for row in rows["data"]}
    assert shown == {group: total for group, total in sums.items() if total}
    assert rows["page"]["total"] == len(shown)


def test_a_sum_is_withheld_where_few_stand_behind_it(reader: httpx.Client) -> None:
    names = ("i94mon", "gender", "age_band")
    rows = reader.get("/api/v1/query/arrivals_cube", params={"group": ",".join(names)}).json()["data"]
    groups = group_rows(make_exact_rows(arrivals_cube), *names)
    sums = {key: {f"{n}_sum": sum(r[n] or 0 for r in group) for n in CUBE_COUNTS} for key, group in groups.items()}
    expected = [
        dict(zip(names, key, strict=True))
        | {name: round_to_5(total) for name, total in total_by_name.items()}
        | {"stay_days_sum": (days + 50) // 100 * 100 if total_by_name["stays_sum"] >= 23 else None}
        for key, total_by_name in sorted(sums.items())
        if total_by_name["visitors_sum"] > 2
        for days in [total_by_name["stay_days_sum"]]
    ]
    assert rows == expected
    assert {row["stay_days_sum"] is None for row in rows} == {True, False}


def test_other_aggregates_tell_no_more_than_the_rows_that_a_reader_sees(reader: httpx.Client) -> None:
    public = group_rows(make_public_rows(destination_by_origin), "i94addr")
    select = "visitors.min,visitors.max,visitors.avg,i94res.min,i94res.max,origin.count,count"
    exact = group_exact("i94addr")
    rows = reader.get(QUERY, params={"group": "i94addr", "select": select}).json()["data"]
    assert {row["visitors_avg"] is None for row in rows} == {True, False}
    for row in rows:
        visible = public.get((row["i94addr"],), [])
        counts, codes = [r["visitors"] for r in visible], [r["i94res"] for r in visible]
        has_base = sum(exact[row["i94addr"],]) >= 23
        assert row == {
            "i94addr": row["i94addr"],
            "visitors_min": min(counts, default=None),
            "visitors_max": max(counts, default=None),
            "visitors_avg": pytest.approx(sum(counts) / len(counts)) if has_base else None,
            "i94res_min": min(codes, default=None),
            "i94res_max": max(codes, default=None),
            "origin_count": len(visible),
            "count": len(visible),
        }


def test_having_and_order_work_on_rounded_sums(reader: httpx.Client) -> None:
    key = "i94yr,i94mon,i94addr,i94res"
    for value in range(13):
        params: dict[str, Any] = {"group": key, "select": "visitors.sum", "having": f"visitors.sum:{value}"}
        shown = {row["visitors_sum"] for row in reader.get(QUERY, params=params).json()["data"]}
        assert shown == ({value} if value in (5, 10) else set()), value
    rows = fetch_all_pages(reader, QUERY, group=key, order="-visitors.sum", limit=7)
    names = ("i94mon", "i94addr", "i94res")  # of one year; all codes are digits
    assert rows == sorted(rows, key=lambda row: (-row["visitors_sum"], *(row[name] for name in names)))


@pytest.mark.parametrize("operator", ["", "__ne", "__ge", "__gt", "__le", "__lt"])
def test_a_filter_on_a_count_selects_rows_to_be_summed_by_the_rounded_count(
    reader: httpx.Client, operator: str
) -> None:
    compare = getattr(int, f"__{operator.strip('_') or 'eq'}__")
    exact = [sum(counts) for counts in group_exact("i94yr", "i94mon", "i94addr", "i94res").values()]
    for value in range(13):
        params: dict[str, Any] = {"select": "visitors.sum", f"visitors{operator}": value}
        total = sum(rounded for count in exact if (rounded := round_to_5(count)) and compare(rounded, value))
        shown = [row["visitors_sum"] for row in reader.get(QUERY, params=params).json()["data"]]
        assert shown == ([total] if total else []), value


def test_no_two_sets_of_values_tell_the_count_by_which_they_differ(reader: httpx.Client) -> None:
    """A caller who may choose sets would else average the differences of a hundred pairs."""

    def fetch_sum(**params: Any) -> int:
        rows = reader.get(QUERY, params={"select": "visitors.sum", "i94mon": 2, **params}).json()["data"]
        return int(rows[0]["visitors_sum"]) if rows else 0

    rows = [row for row in make_exact_rows(destination_by_origin) if row["i94mon"] == 2]
    counts = {key[0]: sum(row["visitors"] for row in group) for key, group in group_rows(rows, "i94addr").items()}
    few = [code for code, count in counts.items() if 0 < count < 3]
    assert few
    others, rng = sorted(counts.keys() - {*few}), random.Random(94)
    for code in few:
        for _ in range(10):
            chosen = sorted(rng.sample(others, 5))
            total = fetch_sum(i94addr=",".join(chosen))
            assert total == sum(round_to_5(counts[other]) for other in chosen)
            assert fetch_sum(i94addr=",".join([*chosen, code])) == total
    ranges: list[tuple[dict[str, Any], Callable[[str], bool]]] = [
        ({"i94addr__ne": few[0]}, lambda code: code != few[0]),
        ({"i94addr__gt": few[0]}, lambda code: code > few[0]),
        ({"i94addr__le": few[0], "i94addr__ge": others[0]}, lambda code: others[0] <= code <= few[0]),
    ]
    for params, is_chosen in ranges:
        assert fetch_sum(**params) == sum(round_to_5(count) for code, count in counts.items() if is_chosen(code)), (
            params
        )
    by_text = {key: sum(row["visitors"] for row in group) for key, group in group_rows(rows, "origin").items()}
    matching = [round_to_5(count) for (origin,), count in by_text.items() if origin.startswith("origin 00")]
    assert fetch_sum(origin__like="origin 00*") == sum(matching)
    keys = group_rows(rows, "origin", "region", "status", "iso3", "state", "i94addr", "i94res")
    assert fetch_sum(q="origin 00") == sum(
        round_to_5(sum(row["visitors"] for row in group)) for key, group in keys.items() if "origin 00" in key[0]
    )


def test_aggregates_of_a_choice_of_values_are_those_of_the_rows_that_a_reader_sees(reader: httpx.Client) -> None:
    states = sorted({row["i94addr"] for row in make_exact_rows(destination_by_origin)})[3:30]
    select = "visitors.min,visitors.max,visitors.avg,count,i94addr.count"
    params = {"i94addr": ",".join(states), "group": "i94mon", "select": select}
    public = [row for row in make_public_rows(destination_by_origin) if row["i94addr"] in states]
    for row in reader.get(QUERY, params=params).json()["data"]:
        counts = [r["visitors"] for r in public if r["i94mon"] == row["i94mon"]]
        assert row["visitors_avg"] == pytest.approx(sum(counts) / len(counts))
        assert (row["visitors_min"], row["visitors_max"]) == (min(counts), max(counts))
        assert row["count"] == row["i94addr_count"] == len(counts)


def test_distinct_names_no_value_of_one_or_two_visitors(reader: httpx.Client) -> None:
    params = {"select": "i94addr,i94res", "distinct": "true"}
    shown = {tuple(row.values()) for row in reader.get(QUERY, params=params).json()["data"]}
    exact = group_exact("i94addr", "i94res")
    assert shown == {group for group, counts in exact.items() if sum(counts) > 2} < set(exact)


def test_groups_of_a_table_without_arrivals_in_each_row_are_rounded_too(reader: httpx.Client) -> None:
    path = "/api/v1/query/correlations"
    rows = reader.get(path, params={"group": "question", "select": "n.sum,coefficient.max,count"}).json()["data"]
    exact, public = (
        group_rows(make_exact_rows(correlations), "question"),
        group_rows(make_public_rows(correlations), "question"),
    )
    for row in rows:
        group = (row["question"],)
        assert row["n_sum"] == round_to_5(sum(r["n"] for r in exact[group]))
        known = [r["coefficient"] for r in public[group] if r["coefficient"] is not None]
        assert row["count"] == len(exact[group])
        assert (row["coefficient_max"] is None) == (not known)


@pytest.mark.parametrize("order", ["visitors", "-visitors", "-visitors,origin"])
def test_order_and_pages_follow_the_rounded_counts(site: LiveServer, reader: httpx.Client, order: str) -> None:
    rows = fetch_all_pages(reader, STATES, order=order, limit=7)
    keys = key_columns(destination_by_origin)
    sign = -1 if order.startswith("-") else 1
    names = ["origin", *keys] if "origin" in order else keys
    expected = sorted(
        make_public_rows(destination_by_origin),
        key=lambda row: [sign * row["visitors"], *(v.encode() if isinstance(v := row[n], str) else v for n in names)],
    )
    assert rows == expected
    # the cursor of somebody who sees exact figures leads to rounded ones
    cursor = site.get(STATES, params={"order": order, "limit": 7}).json()["page"]["next"]
    page = reader.get(STATES, params={"order": order, "limit": 7, "cursor": cursor}).json()["data"]
    assert all(row["visitors"] % 5 == 0 for row in page)


def test_a_cached_exact_response_is_not_sent_to_a_reader(site: LiveServer, reader: httpx.Client) -> None:
    for path in (f"{STATES}?limit=33", f"{SUMS}&from=2016-02"):
        exact = [site.get(path) for _ in range(2)][1]
        for headers in ({}, {"If-None-Match": exact.headers["etag"]}):
            rounded = reader.get(path, headers=headers)
            assert rounded.status_code == 200
            assert rounded.headers["etag"] != exact.headers["etag"]
            assert rounded.headers[HEADER] == "rounded-5"
            assert rounded.content != exact.content
            assert "Authorization" in rounded.headers["vary"]


def test_lists_and_status_have_no_exact_figures(site: LiveServer, reader: httpx.Client) -> None:
    rows = {table["name"]: table["rows"] for table in reader.get("/api/v1/marts").json()["tables"]}
    assert rows == dict.fromkeys(contract.name for contract in MARTS)
    status = reader.get("/api/v1/status")
    assert "1,799" not in status.text
    assert "1,799" in site.get("/api/v1/status").text
    counted = {name for name, table in status.json()["tables"].items() if table["rows"] is not None}
    assert counted == {contract.name for contract in PUBLISHED if contract not in MARTS}


def test_sessions_see_what_opened_them(site: LiveServer, reader: httpx.Client) -> None:
    with site.client("") as browser:
        assert browser.post("/session", headers=dict(reader.headers)).status_code == 204
        assert browser.get(f"{STATES}?format=csv").headers[HEADER] == "rounded-5"
        assert browser.get(SUMS).headers[HEADER] == "rounded-5"
    token = site.service.authenticator.sessions.create_token()
    with site.client("") as owner:
        assert owner.get("/token", params={"token": token}).status_code == 303
        assert owner.get(SUMS).headers[HEADER] == "exact"


def test_exact_figures_are_a_scope_that_is_given_explicitly_or_a_setting(tmp_path: Path) -> None:
    assert "read:exact" not in DEFAULT_SCOPES
    with run_server(tmp_path, disclosure="exact") as server:
        server.publish("r1", most=MOST)
        _, key = server.keys.add("reader", DEFAULT_SCOPES)
        with server.client(key) as reader:
            assert fetch_all_pages(reader, STATES) == make_exact_rows(destination_by_origin)


def test_the_openapi_document_describes_disclosure_control(reader: httpx.Client) -> None:
    document = reader.get("/api/v1/openapi.json").json()
    assert "read:exact" in document["info"]["description"]
    assert HEADER in document["paths"][STATES]["get"]["responses"]["200"]["headers"]
    assert HEADER in document["components"]["headers"]

"""Test what becomes of each delivered row: the reasons why it is rejected, or its values, and never both.

`support.damage.oracle` has the rules a second time. Wrong here before, in other pipelines: filters and inner joins that
lost a fifth of the arrivals without a word, int32 for admission numbers, an epoch of 1900, `D/S` read as a date.
All on DuckDB, which takes no JVM; `engine/test_same_rows.py` pins that Spark gives the same rows.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import Date

from i94_platform.contracts import immigration, immigration_quarantine
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.engine.base import Engine
from i94_platform.engine.duckdb import DuckDBEngine
from i94_platform.partitions import Month
from i94_platform.pipeline.gate import UNREADABLE, read_verdict
from i94_platform.sample import accepted_row_count, expected_rejects, expected_unreadable, write_sample
from i94_platform.sql.query import Query
from i94_platform.transforms.immigration import queries
from i94_platform.transforms.immigration.queries import REJECTION_RULES
from i94_platform.transforms.immigration.values import OPTIONAL_COLUMNS
from i94_platform_tests.support.arrivals import (
    ACCEPTED_ROWS,
    APRIL,
    GOOD_ROW,
    NAN,
    REJECTED_ROWS,
    STAGED_GOOD_ROW,
    UNREADABLE_ROWS,
    Row,
    delivered_table,
    deliveries,
)
from i94_platform_tests.support.damage.model import DeliveredRow
from i94_platform_tests.support.damage.oracle import expect_month
from i94_platform_tests.support.staging import StagedMonth, assert_equal_tables, stage_into_lake

DELIVERY = "i94_apr16_sub.parquet"
DATES = [c.name for c in immigration.columns if isinstance(c.type, Date)]

StageTables = Callable[..., StagedMonth]


@pytest.fixture(scope="module")
def duckdb(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The embedded engine."""
    return DuckDBEngine(tmp_path_factory.mktemp("duckdb"))


@pytest.fixture
def stage_tables(duckdb: Engine, tmp_path: Path) -> StageTables:
    """Stage a delivery of April: tables that land as parts in this order."""
    number = itertools.count()

    def stage(*tables: pa.Table) -> StagedMonth:
        run = f"run{next(number)}"
        folder = tmp_path / run / DELIVERY
        folder.mkdir(parents=True)
        for part, table in enumerate(tables):
            pq.write_table(table, folder / f"{part}.parquet")
        return stage_into_lake(duckdb, tmp_path / run, tmp_path / "lake", APRIL, run)

    return stage


@pytest.mark.parametrize(("row", "reasons"), REJECTED_ROWS, ids=lambda value: str(value)[:60])
def test_the_rules_give_the_listed_reasons(row: Row, reasons: str) -> None:
    assert expect_month([DeliveredRow("", 1, GOOD_ROW | dict(row))], APRIL).rejected == {("", 1): reasons}


@pytest.mark.parametrize(("row", "texts"), UNREADABLE_ROWS, ids=lambda value: str(value)[:60])
def test_the_rules_find_the_listed_unreadable_values(row: Row, texts: Row) -> None:
    expected = expect_month([DeliveredRow("", 1, GOOD_ROW | dict(row))], APRIL)
    assert (expected.rejected, expected.unreadable) == ({}, {("", 1, name): row[name] for name in texts})


def test_each_bad_row_is_rejected_for_its_reasons_and_quarantined_as_delivered(stage_tables: StageTables) -> None:
    table = delivered_table([row for row, _ in REJECTED_ROWS])
    staged = stage_tables(table)
    assert list(staged.reasons.values()) == [reasons for _, reasons in REJECTED_ROWS]
    assert staged.accepted.rows == 0
    assert_equal_tables(staged.quarantine.select(table.column_names), table)


def test_the_listed_rows_break_every_rule() -> None:
    broken = {reason for _, reasons in REJECTED_ROWS for reason in reasons.split("; ")}
    assert broken == {rule.reason for rule in REJECTION_RULES}


def test_each_odd_row_is_staged_as_the_contract_says(stage_tables: StageTables) -> None:
    staged = stage_tables(delivered_table([row for row, _ in ACCEPTED_ROWS]))
    assert staged.reasons == {}
    arrivals = staged.arrivals.to_pylist()
    for number, (row, changes) in enumerate(ACCEPTED_ROWS, 1):
        expected = STAGED_GOOD_ROW | {"cicid": number} | dict(changes)
        assert {name: str(v) if name in DATES and v else v for name, v in arrivals[number - 1].items()} == expected, row


def test_each_unreadable_value_is_null_and_is_kept_as_text_with_its_file_row_and_column(
    stage_tables: StageTables,
) -> None:
    staged = stage_tables(delivered_table([row for row, _ in UNREADABLE_ROWS]))
    assert staged.reasons == {}
    values = staged.unreadable_values.to_pylist()
    assert {value["source_file"] for value in values} == {f"{DELIVERY}/0.parquet"}
    assert {value["month"] for value in values} == {APRIL.first_day}
    expected = {(row, name): text for row, (_, texts) in enumerate(UNREADABLE_ROWS, 1) for name, text in texts.items()}
    assert staged.unreadable_texts == expected
    unknown = {"i94port": "XXX", "i94addr": "99"}
    arrivals = staged.arrivals.to_pylist()
    assert {(row, name): arrivals[row - 1][name] for row, name in expected} == {
        (row, name): unknown.get(name) for row, name in expected
    }


def test_the_listed_rows_have_unreadable_values_in_every_column_that_may_be_null() -> None:
    assert {name for _, texts in UNREADABLE_ROWS for name in texts} == set(OPTIONAL_COLUMNS)


def test_unreadable_values_are_counted_by_column_of_the_accepted_rows(stage_tables: StageTables) -> None:
    odd: Row = {"i94bir": 32.5, "i94port": "LONG"}
    rows: list[Row] = [odd, {**odd, "i94visa": 9.0}, {**odd, "cicid": 1.0}, {"i94bir": None}, {"i94bir": NAN}, {}]
    staged = stage_tables(delivered_table([*rows, {"i94port": "  "}]))
    assert staged.accepted.rows == 5
    assert staged.accepted.stats["unreadable"] == {"i94bir": 1, "i94port": 1}
    assert staged.accepted.stats["delivered_values"] == {"i94bir": 3, "i94port": 4}
    assert [line for line in staged.messages if "i94bir" in line] == [
        "1 of 3 values of i94bir can't be read and are null"
    ]


def test_a_column_that_is_unreadable_in_every_row_is_null_and_rejects_nothing(stage_tables: StageTables) -> None:
    staged = stage_tables(*[delivered_table([{"dtadfile": "2016-04-05"}] * 50)] * 2, delivered_table([]))
    assert (staged.rejected.rows, staged.accepted.rows) == (50, 50)  # the second part repeats the keys
    assert staged.accepted.stats["unreadable"] == staged.accepted.stats["delivered_values"] == {"dtadfile": 50}
    assert staged.arrivals["dtadfile"].null_count == 50


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("depdate", 16_900.0),
        ("dtaddto", "7202016.0"),
        ("dtaddto", "22102016"),
        ("i94port", "los"),
        ("i94addr", "California"),
        ("i94mode", 7.0),
        ("i94cit", 9_999.0),
        ("i94res", 41.0),
        ("gender", "m"),
        ("matflag", "F"),
        ("count", 2.0),
    ],
)
def test_a_column_that_is_implausible_in_most_rows_is_found_by_the_gate(
    stage_tables: StageTables, column: str, value: float | str
) -> None:
    good = {"i94cit": GOOD_ROW["i94res"]}  # the good row's citizenship is in no list
    odd = {**good, column: value}
    half, most = stage_tables(delivered_table([odd, good])), stage_tables(delivered_table([odd, odd, good]))
    assert half.accepted.rows == 2
    assert read_verdict(half.accepted).is_blocked is False
    (finding,) = [finding for finding in read_verdict(most.accepted).findings if not finding.passed]
    assert finding.check == UNREADABLE
    assert column in finding.description
    assert read_verdict(most.accepted).is_blocked


def test_only_columns_with_fewer_values_than_were_delivered_are_read_a_second_time(
    stage_tables: StageTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns: list[list[str]] = []
    render = queries.render_unreadable

    def record_columns(month: Month, names: Sequence[str]) -> Query:
        columns.append(list(names))
        return render(month, names)

    monkeypatch.setattr(queries, "render_unreadable", record_columns)
    stage_tables(delivered_table([{}, {"i94bir": None}, {"cicid": None}]))
    stage_tables(delivered_table([{}, {"admnum": 0.5}, {"gender": "XX", "i94visa": 9.0}]))
    stage_tables(delivered_table([{}, {"fltno": "  ", "i94addr": "N.Y."}]))
    assert columns == [["admnum"], ["i94addr", "fltno"]]


FIRST, SECOND = f"{DELIVERY}/0.parquet", f"{DELIVERY}/1.parquet"


def test_of_rows_with_one_key_the_first_good_one_is_accepted_and_the_others_are_rejected(
    stage_tables: StageTables,
) -> None:
    bad: Row = {"i94visa": 7.0}
    first = [{"cicid": 1.0}, {"cicid": 2.0, **bad}, {"cicid": 3.0, **bad}, {"cicid": 4.0}, {"cicid": 4.0, **bad}]
    second = [{"cicid": 1.0}, {"cicid": 2.0}, {"cicid": 3.0, **bad}, {"cicid": 2.0}, {"cicid": 9.0}, {"cicid": None}]
    staged = stage_tables(delivered_table(first), delivered_table(second))
    assert staged.arrivals["cicid"].to_pylist() == [1, 2, 4, 9]
    assert staged.reasons == {
        (FIRST, 2): "unlisted:i94visa", (FIRST, 3): "unlisted:i94visa", (FIRST, 5): "unlisted:i94visa",
        (SECOND, 1): "duplicate_key", (SECOND, 3): "unlisted:i94visa", (SECOND, 4): "duplicate_key",
        (SECOND, 6): "null_key",
    }  # fmt: skip


def test_of_rows_with_one_key_the_one_delivered_first_is_accepted(stage_tables: StageTables) -> None:
    parts = [delivered_table([{"cicid": -0.0 if age % 2 else 0.0, "i94bir": float(age)}] * 2) for age in range(12)]
    staged = stage_tables(*parts)  # 10.parquet comes before 2.parquet, as names sort
    assert staged.arrivals["i94bir"].to_pylist() == [0]
    assert Counter(staged.reasons.values()) == {"duplicate_key": 23}


def test_only_the_key_makes_a_duplicate(stage_tables: StageTables) -> None:
    staged = stage_tables(delivered_table([{}] * 50))
    assert (staged.accepted.rows, staged.rejected.rows) == (50, 0)


def test_a_month_without_bad_rows_has_an_empty_quarantine_with_the_contracts_columns(stage_tables: StageTables) -> None:
    staged = stage_tables(delivered_table([{}]))
    assert staged.quarantine.schema == arrow_schema(immigration_quarantine)
    assert staged.rejected.stats["reasons"] == {}


def test_country_codes_outside_the_list_stay_and_are_counted(stage_tables: StageTables) -> None:
    staged = stage_tables(delivered_table([{"i94cit": 148.0}, {"i94cit": 148.0, "i94res": 254.0}, {"i94cit": 582.0}]))
    assert staged.accepted.stats["unlisted_countries"] == {"148": 2, "254": 1}
    assert staged.arrivals["i94cit"].to_pylist() == [148, 148, 582]


def check_generated(stage_tables: StageTables, rows: list[dict[str, Any]], more: list[dict[str, Any]]) -> None:
    tables = [delivered_table(rows), delivered_table(more)]
    staged = stage_tables(*tables)
    expected = expect_month(
        [
            DeliveredRow(f"{DELIVERY}/{part}.parquet", number, row)
            for part, table in enumerate(tables)
            for number, row in enumerate(table.to_pylist(), 1)
        ],
        APRIL,
    )
    assert staged.reasons == expected.rejected
    by_key = [row for _, row in sorted(expected.accepted.items())]
    assert_equal_tables(staged.arrivals, pa.Table.from_pylist(by_key, arrow_schema(immigration)))
    values = {
        (v["source_file"], v["source_row"], v["column_name"]): v["value"] for v in staged.unreadable_values.to_pylist()
    }
    texts = expected.unreadable
    assert values.keys() == texts.keys()
    assert {at: v if isinstance(texts[at], str) else float(v) for at, v in values.items()} == texts
    stats = staged.accepted.stats
    assert stats["unreadable"] == Counter(name for _, _, name in texts)
    assert stats["delivered_rows"] == 60 == staged.accepted.rows + staged.rejected.rows
    assert stats["quarantined_rows"] == staged.rejected.rows == sum(staged.rejected.stats["reasons"].values())


GENERATED = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)


@settings(GENERATED, max_examples=6)
@given(deliveries(40, 60), deliveries(20, 20))
def test_generated_rows_are_accepted_or_rejected_as_the_rules_say(
    stage_tables: StageTables, rows: list[dict[str, Any]], more: list[dict[str, Any]]
) -> None:
    check_generated(stage_tables, rows, more)


@pytest.mark.slow
@settings(GENERATED, max_examples=60)
@given(deliveries(40, 60), deliveries(20, 20))
def test_many_generated_rows_are_accepted_or_rejected_as_the_rules_say(
    stage_tables: StageTables, rows: list[dict[str, Any]], more: list[dict[str, Any]]
) -> None:
    check_generated(stage_tables, rows, more)


@pytest.mark.parametrize("rows", [100, 30_000])
def test_the_bad_rows_of_a_sample_are_rejected_for_the_announced_reasons(
    duckdb: Engine, tmp_path: Path, rows: int
) -> None:
    month = Month(2016, 6)
    write_sample(tmp_path / "raw", first=month.key, last=month.key, rows=rows)
    staged = stage_into_lake(duckdb, tmp_path / "raw", tmp_path / "lake", month)
    assert staged.rejected.stats["reasons"] == expected_rejects(rows)
    assert staged.accepted.stats["unreadable"] == expected_unreadable(rows)
    accepted = accepted_row_count(month, rows)
    assert staged.accepted.rows == accepted
    assert staged.accepted.stats["delivered_rows"] == accepted + sum(expected_rejects(rows).values())
    assert staged.accepted.stats["extra_columns"] == [
        "delete_days", "delete_dup", "delete_mexl", "delete_recdup", "delete_visa", "validres",
    ]  # fmt: skip
    assert any("validres" in line for line in staged.messages)


@pytest.mark.slow
@pytest.mark.real_data
def test_the_real_month_has_its_known_figures(duckdb: Engine, real_data: Path, tmp_path: Path) -> None:
    staged = stage_into_lake(duckdb, real_data, tmp_path / "lake", APRIL)
    rows = staged.arrivals
    stays = rows["stay_days"]
    valid = stays.filter(pc.and_(pc.greater_equal(stays, 0), pc.less_equal(stays, 365)))
    assert (rows.num_rows, staged.rejected.rows) == (3_096_313, 0)
    assert pc.sum(pc.equal(rows["i94addr"], "99")).as_py() == 179_166
    assert round(pc.mean(valid).as_py(), 4) == 14.1081
    assert pc.sum(pc.less(stays, 0)).as_py() == 375
    assert stays.null_count == rows["depdate"].null_count == 142_457
    assert pc.sum(rows["duration_of_status"]).as_py() == 45_343
    assert rows.num_rows - rows["admitted_until"].null_count == 3_050_489
    assert pc.sum(pc.equal(pc.year(rows["admitted_until"]), 9999)).as_py() == 2
    assert rows["i94mode"].null_count == 239
    assert rows["dtadfile"].null_count == 1
    assert pc.sum(pc.greater(rows["admnum"], 2**31 - 1)).as_py() == 3_015_215
    assert pc.max(rows["admnum"]).as_py() == 99_915_565_930
    assert pc.sum(pc.equal(rows["i94port"], "XXX")).as_py() == 3_522
    assert (pc.min(rows["arrdate"]).as_py(), pc.max(rows["arrdate"]).as_py()) == (APRIL.first_day, dt.date(2016, 4, 30))
    assert {code: staged.accepted.stats["unlisted_countries"][code] for code in ("148", "254")} == {
        "148": 157_806, "254": 137_735,
    }  # fmt: skip
    assert len(staged.accepted.stats["unlisted_countries"]) == 30

"""Test the load: a month is replaced whole or not at all, twice is once, and the ledger says what a table holds.

The same tests run over every warehouse. The incidents: a month appended a second time, a delete without its copy, a
whole table deleted for one month.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Callable

import pyarrow as pa
import pytest

from i94_platform.contracts import i94mode, i94port, immigration
from i94_platform.contracts.model import column_names
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset
from i94_platform.lake.manifest import Entry, Manifest
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.ledger import LedgerEntry
from i94_platform_tests.support.warehouses import (
    Staging,
    april,
    arrivals,
    read_arrivals,
    read_ledger,
    swap_columns,
)
from i94_platform_tests.warehouse.observation import observe


def claim_rows(staging: Staging, manifest: Manifest, rows: int) -> Manifest:
    """A manifest that claims another number of rows than its file has."""
    entry = dataclasses.replace(manifest.entries[0], rows=rows)
    return staging.restate(manifest, entries=(entry, *manifest.entries[1:]))


def cast_column(rows: pa.Table, name: str, type_: pa.DataType) -> pa.Table:
    """A column in another type that holds the same values."""
    return rows.set_column(rows.column_names.index(name), name, rows.column(name).cast(type_))


def test_every_value_arrives_in_its_own_column(warehouse: Warehouse, staging: Staging) -> None:
    row = arrivals(
        "2016-04", [7], depdate=dt.date(2016, 4, 9), admnum=99_915_565_930, fltno="00007", gender="F", stay_days=8,
        duration_of_status=True, airline="*GA", insnum="O'BRIEN", i94bir=-3,
    )  # fmt: skip
    warehouse.replace(immigration, staging.commit(immigration, Dataset("staged/immigration", "2016-04"), row), "r1")
    assert warehouse.query("SELECT * FROM i94.immigration").to_pylist() == row


def test_files_are_taken_by_name_where_a_folder_of_their_path_looks_like_a_column(
    warehouse: Warehouse, staging: Staging
) -> None:
    """Files of the lake lie in folders such as code=9 and label=x, which readers like to take for columns."""
    rows = [{"code": 1, "label": "Air"}]
    manifest = staging.commit(i94mode, Dataset("staged/code=9/label=x"), rows)
    warehouse.replace(i94mode, manifest, "r1")
    assert warehouse.query("SELECT * FROM i94.i94mode").to_pylist() == rows


def test_loading_a_month_twice_is_loading_it_once(warehouse: Warehouse, staging: Staging) -> None:
    manifest = staging.month("2016-04", [1, 2, 3])
    assert [warehouse.replace(immigration, manifest, run) for run in ("r1", "r2")] == [3, 3]
    assert read_arrivals(warehouse) == april(1, 2, 3)
    assert read_ledger(warehouse) == [("immigration", "2016-04", 3, "r2")]


def test_a_month_delivered_again_with_fewer_and_other_rows_keeps_none_of_the_old(
    warehouse: Warehouse, staging: Staging
) -> None:
    warehouse.replace(immigration, staging.month("2016-04", range(100)), "r1")
    assert warehouse.replace(immigration, staging.month("2016-04", [5, 500]), "r2") == 2
    assert read_arrivals(warehouse) == april(5, 500)


def test_another_month_is_untouched_also_where_numbers_repeat(warehouse: Warehouse, staging: Staging) -> None:
    for key in ("2016-04", "2016-05"):
        warehouse.replace(immigration, staging.month(key, [1, 2]), f"of {key}")
    warehouse.replace(immigration, staging.month("2016-04", [1]), "again")
    assert read_arrivals(warehouse) == [(4, 1), (5, 1), (5, 2)]
    assert read_ledger(warehouse) == [
        ("immigration", "2016-04", 1, "again"),
        ("immigration", "2016-05", 2, "of 2016-05"),
    ]


@pytest.mark.slow
def test_a_year_of_months_ends_with_the_counts_of_the_manifests(warehouse: Warehouse, staging: Staging) -> None:
    day = dt.date(2016, 4, 1)
    months = [staging.month(f"2016-{n:02d}", range(10 * n), arrdate=day) for n in range(1, 13)]
    for manifest in (*months, *months[:2]):
        assert warehouse.replace(immigration, manifest, "r1") == manifest.rows
    rows = warehouse.query("SELECT i94mon, count(*) AS n FROM i94.immigration GROUP BY i94mon ORDER BY i94mon")
    assert [(row["i94mon"], row["n"]) for row in rows.to_pylist()] == [(n, 10 * n) for n in range(1, 13)]
    assert [line.loaded_rows for line in warehouse.read_ledger()] == [m.rows for m in months]


def test_the_same_month_of_another_year_is_another_month(warehouse: Warehouse, staging: Staging) -> None:
    day = dt.date(2016, 4, 1)
    for key in ("2016-04", "2017-04"):
        warehouse.replace(immigration, staging.month(key, [1], arrdate=day), "r1")
    warehouse.replace(immigration, staging.month("2017-04", []), "r2")
    assert warehouse.query("SELECT i94yr FROM i94.immigration").to_pylist() == [{"i94yr": 2016}]


def test_a_table_without_months_is_replaced_whole(warehouse: Warehouse, staging: Staging) -> None:
    warehouse.replace(i94mode, staging.modes({1: "Air", 2: "Sea"}), "r1")
    warehouse.replace(i94mode, staging.modes({2: "Ship", 3: "Land"}), "r2")
    rows = warehouse.query("SELECT * FROM i94.i94mode ORDER BY code").to_pylist()
    assert rows == [{"code": 2, "label": "Ship"}, {"code": 3, "label": "Land"}]
    assert read_ledger(warehouse) == [("i94mode", "", 2, "r2")]


@pytest.mark.parametrize("files", ["one empty file", "no file"])
def test_a_month_without_rows_is_loaded_as_nothing(warehouse: Warehouse, staging: Staging, files: str) -> None:
    warehouse.replace(immigration, staging.month("2016-04", [1]), "r1")
    manifest = staging.month("2016-04", [])
    if files == "no file":
        manifest = staging.restate(manifest, entries=())
    assert warehouse.replace(immigration, manifest, "r2") == 0
    assert read_arrivals(warehouse) == []
    assert read_ledger(warehouse) == [("immigration", "2016-04", 0, "r2")]


def test_every_file_of_a_manifest_is_loaded(warehouse: Warehouse, staging: Staging) -> None:
    parts = [staging.commit(immigration, Dataset(f"staged/part{n}"), arrivals("2016-04", [n])) for n in range(3)]
    manifest = staging.restate(parts[0], partition="2016-04", entries=tuple(p.entries[0] for p in parts))
    assert warehouse.replace(immigration, manifest, "r1") == 3
    assert read_arrivals(warehouse) == april(0, 1, 2)


def test_the_ledger_says_what_was_loaded_from_where(warehouse: Warehouse, staging: Staging) -> None:
    manifest = staging.month("2016-04", [1, 2])
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    warehouse.replace(immigration, manifest, "r1")
    (line,) = warehouse.read_ledger()
    assert line == LedgerEntry(
        "immigration", "2016-04", manifest.address, manifest.fingerprint, "r1", 2, line.loaded_at
    )
    assert before <= dt.datetime.fromisoformat(line.loaded_at) <= dt.datetime.now(dt.UTC)


WRONG_MONTHS: dict[str, tuple[Callable[[Staging], Manifest], str]] = {
    "more rows than the manifest names": (
        lambda staging: claim_rows(staging, staging.month("2016-04", [8, 9]), 1),
        r"i94\.immigration 2016-04 would hold 2 rows where the manifest counts 1; nothing was loaded",
    ),
    "fewer rows than the manifest names": (
        lambda staging: claim_rows(staging, staging.month("2016-04", [8, 9]), 3),
        "would hold 2 rows where the manifest counts 3",
    ),
    "rows of another month": (
        lambda staging: staging.month("2016-04", [8, 9], i94mon=5),
        "would hold 0 rows where the manifest counts 2",
    ),
    "a null in a required column": (
        lambda staging: staging.month("2016-04", [8, 9], i94port=None),
        r"i94\.immigration can't hold the rows of .*manifest\.json .*i94port",
    ),
    "a text of more bytes than its column holds": (
        lambda staging: staging.month("2016-04", [8], i94port="ÑYC"),
        r"i94\.immigration can't hold the rows of .*manifest\.json .*i94port",
    ),
    "two columns in each other's place": (
        lambda staging: staging.rewrite(staging.month("2016-04", [8]), swap_columns),
        "does not match the contract of immigration: column 4 is i94res int32, expected i94cit int32",
    ),
    "a column under another name": (
        lambda staging: staging.rewrite(
            staging.month("2016-04", [8]), lambda rows: rows.rename_columns({"airline": "carrier"})
        ),
        "column 25 is carrier string, expected airline string",
    ),
    "a column of another type": (
        lambda staging: staging.rewrite(
            staging.month("2016-04", [8]), lambda rows: cast_column(rows, "i94cit", pa.int64())
        ),
        "column 4 is i94cit int64, expected i94cit int32",
    ),
    "a date with a time": (
        lambda staging: staging.rewrite(
            staging.month("2016-04", [8]), lambda rows: cast_column(rows, "arrdate", pa.timestamp("us"))
        ),
        r"column 7 is arrdate timestamp\[us\], expected arrdate date32\[day\]",
    ),
    "a column too few": (
        lambda staging: staging.rewrite(staging.month("2016-04", [8]), lambda rows: rows.drop_columns(["stay_days"])),
        "30 columns, expected 31",
    ),
    "a file named twice": (
        lambda staging: staging.restate(m := staging.month("2016-04", [8]), entries=m.entries * 2),
        r"manifest\.json lists .*part-0\.parquet more than once; materialize it again",
    ),
    "a file that is gone": (
        lambda staging: staging.restate(
            m := staging.month("2016-04", [8]), entries=(*m.entries, Entry(f"{m.urls[0]}.gone", 1, 1, "x"))
        ),
        r"part-0\.parquet\.gone, which .*manifest\.json lists, is gone; materialize it again",
    ),
    "a code that its list lacks": (
        lambda staging: staging.month("2016-04", [8, 9], i94port="ZZZ"),
        r"i94\.immigration was not loaded: i94port of 2 rows \(ZZZ\) is not in i94\.i94port\.code\. Load what",
    ),
    "a day that the calendar lacks": (
        lambda staging: staging.month("2016-04", [8], arrdate=dt.date(1960, 1, 1)),
        r"arrdate of 1 rows \(1960-01-01\) is not in i94\.calendar\.date",
    ),
}


def test_a_wrong_month_is_refused_and_leaves_what_was_there(warehouse: Warehouse, staging: Staging) -> None:
    warehouse.replace(immigration, staging.month("2016-04", [1, 2]), "r1")
    before = warehouse.read_ledger()
    for what, (stage, message) in WRONG_MONTHS.items():
        with pytest.raises(PermanentError) as refusal:
            warehouse.replace(immigration, stage(staging), "r2")
        assert re.search(message, str(refusal.value)), what
        assert read_arrivals(warehouse) == april(1, 2), what
        assert warehouse.read_ledger() == before, what


def test_a_null_in_an_optional_code_is_no_orphan(warehouse: Warehouse, staging: Staging) -> None:
    assert warehouse.replace(immigration, staging.month("2016-04", [1], i94mode=None, i94cit=None), "r1") == 1


def fail_at(number: int) -> Callable[[str], None]:
    """Fail instead of the n-th statement, counted from 0."""
    statements = []

    def before(sql: str) -> None:
        statements.append(sql)
        if len(statements) > number:
            raise ConnectionError("the line is cut")

    return before


def test_a_failure_at_any_statement_of_a_load_leaves_what_was_there(
    warehouse: Warehouse, staging: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.replace(immigration, staging.month("2016-04", [1, 2]), "r1")
    before, manifest, failed = warehouse.read_ledger(), staging.month("2016-04", [3]), 0
    while True:
        with monkeypatch.context() as patch:
            patch.setattr(warehouse, "transaction", observe(warehouse, fail_at(failed)))
            try:
                warehouse.replace(immigration, manifest, "r2")
            except ConnectionError:
                failed += 1
            else:
                break
        assert read_arrivals(warehouse) == april(1, 2), f"statement {failed}"
        assert warehouse.read_ledger() == before
    assert failed >= 5, "delete, copy, count, and two of the ledger"
    assert read_arrivals(warehouse) == april(3)


def test_codes_that_look_like_numbers_or_nulls_are_loaded_as_text(warehouse: Warehouse, staging: Staging) -> None:
    rows = [
        {"code": "060", "label": "NO PORT Code (60)", "name": "060", "status": "no port code"},
        {
            "code": "NA",
            "label": "INT'L FALLS, NY",
            "name": "NULL",
            "city": "INT'L FALLS",
            "state": "NY",
            "status": "valid",
        },
    ]
    manifest = staging.commit(i94port, Dataset("warehouse/i94port"), rows)
    warehouse.replace(i94port, manifest, "r1")
    rows = warehouse.query("SELECT * FROM i94.i94port ORDER BY code").cast(arrow_schema(i94port)).to_pylist()
    assert rows == [dict.fromkeys(column_names(i94port)) | row for row in rows]


def test_the_ledger_is_empty_after_a_first_load_that_failed(bare: Warehouse, staging: Staging) -> None:
    bare.create_tables()
    with pytest.raises(PermanentError, match="would hold 1 rows"):
        bare.replace(i94mode, claim_rows(staging, staging.modes({1: "Air"}), 2), "r1")
    assert bare.read_ledger() == []

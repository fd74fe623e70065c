"""Pins the load: a month is replaced whole or not at all, twice is once, and what holds is what the ledger says.

The same suite runs over every warehouse. The incidents: a month appended a second time, a delete without its copy, a
whole table deleted for one month, two loads of one file at once.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Executable, Table

from i94_platform.contracts import MARTS, WAREHOUSE, i94mode, i94port, immigration, load_ledger
from i94_platform.contracts.model import column_names
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.errors import PermanentError, TransientError
from i94_platform.lake.datasets import Dataset
from i94_platform.lake.manifest import Entry, Manifest
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.ledger import LedgerEntry
from i94_platform.warehouse.transaction import Transaction
from i94_platform_tests.support.processes import (
    FORKSERVER,
    TIMEOUT_SECONDS,
    join_process,
    log_warnings_to,
    read_log,
    start_process,
    wait_for,
)
from i94_platform_tests.warehouse.conftest import Reach, Staging, arrivals, hold


def held(warehouse: Warehouse, where: str = "true") -> list[tuple[int, int]]:
    """What the fact holds: (month, number of the record), sorted."""
    rows = warehouse.query(f"SELECT i94mon, cicid FROM i94.immigration WHERE {where}").to_pylist()
    return sorted((row["i94mon"], row["cicid"]) for row in rows)


def april(*numbers: int) -> list[tuple[int, int]]:
    return [(4, number) for number in numbers]


def ledger(warehouse: Warehouse) -> list[tuple[str, str, int, str]]:
    """The ledger without its times and addresses."""
    return [(line.table_name, line.partition_key, line.loaded_rows, line.run_id) for line in warehouse.read_ledger()]


def with_rows(staging: Staging, manifest: Manifest, rows: int) -> Manifest:
    """A manifest that claims another number of rows than its file has."""
    entry = dataclasses.replace(manifest.entries[0], rows=rows)
    return staging.restate(manifest, entries=(entry, *manifest.entries[1:]))


def swapped(rows: pa.Table) -> pa.Table:
    """Citizenship and residence in each other's place: columns of one type."""
    names = rows.column_names
    names[3], names[4] = names[4], names[3]
    return rows.select(names)


def with_type(rows: pa.Table, name: str, type_: pa.DataType) -> pa.Table:
    """A column in another type that holds the same values."""
    return rows.set_column(rows.column_names.index(name), name, rows.column(name).cast(type_))


def test_creating_makes_every_table_of_the_contracts_with_its_columns(bare: Warehouse) -> None:
    bare.create_tables()
    for contract in (*WAREHOUSE, load_ledger, *MARTS):
        found = bare.query(f"SELECT * FROM {contract.fullname}")
        assert (found.column_names, found.num_rows) == (column_names(contract), 0)


def test_creating_again_changes_nothing(warehouse: Warehouse, staging: Staging) -> None:
    warehouse.replace(immigration, staging.month("2016-04", [1]), "r1")
    warehouse.create_tables()
    assert held(warehouse) == april(1)
    assert ledger(warehouse) == [("immigration", "2016-04", 1, "r1")]


def test_loading_needs_no_table_to_be_created_before(bare: Warehouse, staging: Staging) -> None:
    assert bare.replace(i94mode, staging.modes({1: "Air"}), "r1") == 1
    assert bare.query("SELECT * FROM i94.i94mode").to_pylist() == [{"code": 1, "label": "Air"}]


def test_a_table_that_a_newer_version_added_is_created_by_the_next_load(warehouse: Warehouse, staging: Staging) -> None:
    with warehouse.transaction(purpose="remove a table") as transaction:
        transaction.execute("DROP TABLE i94.state")
        transaction.execute("DROP TABLE mart.correlations")
    warehouse.replace(i94mode, staging.modes({1: "Air"}), "r1")
    assert warehouse.query("SELECT * FROM mart.correlations").num_rows == 0
    assert warehouse.query("SELECT * FROM i94.state").num_rows == 0


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
    assert held(warehouse) == april(1, 2, 3)
    assert ledger(warehouse) == [("immigration", "2016-04", 3, "r2")]


def test_a_month_delivered_again_with_fewer_and_other_rows_keeps_none_of_the_old(
    warehouse: Warehouse, staging: Staging
) -> None:
    warehouse.replace(immigration, staging.month("2016-04", range(100)), "r1")
    assert warehouse.replace(immigration, staging.month("2016-04", [5, 500]), "r2") == 2
    assert held(warehouse) == april(5, 500)


def test_another_month_is_untouched_also_where_numbers_repeat(warehouse: Warehouse, staging: Staging) -> None:
    for key in ("2016-04", "2016-05"):
        warehouse.replace(immigration, staging.month(key, [1, 2]), f"of {key}")
    warehouse.replace(immigration, staging.month("2016-04", [1]), "again")
    assert held(warehouse) == [(4, 1), (5, 1), (5, 2)]
    assert ledger(warehouse) == [("immigration", "2016-04", 1, "again"), ("immigration", "2016-05", 2, "of 2016-05")]


def test_a_year_of_months_ends_with_the_counts_of_the_manifests(warehouse: Warehouse, staging: Staging) -> None:
    day = dt.date(2016, 4, 1)
    months = [staging.month(f"2016-{n:02d}", range(10 * n), arrdate=day) for n in range(1, 13)]
    for manifest in (*months, *months[:2]):
        assert warehouse.replace(immigration, manifest, "r1") == manifest.rows
    found = warehouse.query("SELECT i94mon, count(*) AS n FROM i94.immigration GROUP BY i94mon ORDER BY i94mon")
    assert [(row["i94mon"], row["n"]) for row in found.to_pylist()] == [(n, 10 * n) for n in range(1, 13)]
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
    assert ledger(warehouse) == [("i94mode", "", 2, "r2")]


@pytest.mark.parametrize("files", ["one empty file", "no file"])
def test_a_month_without_rows_is_loaded_as_nothing(warehouse: Warehouse, staging: Staging, files: str) -> None:
    warehouse.replace(immigration, staging.month("2016-04", [1]), "r1")
    manifest = staging.month("2016-04", [])
    if files == "no file":
        manifest = staging.restate(manifest, entries=())
    assert warehouse.replace(immigration, manifest, "r2") == 0
    assert held(warehouse) == []
    assert ledger(warehouse) == [("immigration", "2016-04", 0, "r2")]


def test_every_file_of_a_manifest_is_loaded(warehouse: Warehouse, staging: Staging) -> None:
    parts = [staging.commit(immigration, Dataset(f"staged/part{n}"), arrivals("2016-04", [n])) for n in range(3)]
    manifest = staging.restate(parts[0], partition="2016-04", entries=tuple(p.entries[0] for p in parts))
    assert warehouse.replace(immigration, manifest, "r1") == 3
    assert held(warehouse) == april(0, 1, 2)


def test_the_ledger_tells_what_was_loaded_from_where(warehouse: Warehouse, staging: Staging) -> None:
    manifest = staging.month("2016-04", [1, 2])
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    warehouse.replace(immigration, manifest, "r1")
    (line,) = warehouse.read_ledger()
    assert line == LedgerEntry(
        "immigration", "2016-04", manifest.address, manifest.fingerprint, "r1", 2, line.loaded_at
    )
    assert before <= dt.datetime.fromisoformat(line.loaded_at) <= dt.datetime.now(dt.UTC)


WRONG: dict[str, tuple[Callable[[Staging], Manifest], str]] = {
    "more rows than the manifest names": (
        lambda staging: with_rows(staging, staging.month("2016-04", [8, 9]), 1),
        r"i94\.immigration 2016-04 would hold 2 rows where the manifest counts 1; nothing was loaded",
    ),
    "fewer rows than the manifest names": (
        lambda staging: with_rows(staging, staging.month("2016-04", [8, 9]), 3),
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
        lambda staging: staging.rewrite(staging.month("2016-04", [8]), swapped),
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
            staging.month("2016-04", [8]), lambda rows: with_type(rows, "i94cit", pa.int64())
        ),
        "column 4 is i94cit int64, expected i94cit int32",
    ),
    "a date with a time": (
        lambda staging: staging.rewrite(
            staging.month("2016-04", [8]), lambda rows: with_type(rows, "arrdate", pa.timestamp("us"))
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
            m := staging.month("2016-04", [8]), entries=(*m.entries, Entry(f"{m.urls[0]}.gone", 1, 1))
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


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_month_is_refused_and_leaves_what_was_there(warehouse: Warehouse, staging: Staging, what: str) -> None:
    warehouse.replace(immigration, staging.month("2016-04", [1, 2]), "r1")
    before = warehouse.read_ledger()
    stage, told = WRONG[what]
    with pytest.raises(PermanentError, match=told):
        warehouse.replace(immigration, stage(staging), "r2")
    assert held(warehouse) == april(1, 2)
    assert warehouse.read_ledger() == before


def test_a_null_in_an_optional_code_is_no_orphan(warehouse: Warehouse, staging: Staging) -> None:
    assert warehouse.replace(immigration, staging.month("2016-04", [1], i94mode=None, i94cit=None), "r1") == 1


class Watched(Transaction):
    """A transaction that calls `before` with each statement, before it is run; a copy is the statement COPY."""

    def __init__(self, inner: Transaction, before: Callable[[str], None]) -> None:
        self._inner, self._before = inner, before

    def execute(self, statement: str | Executable, values: Mapping[str, Any] | None = None) -> pa.Table:
        self._before(str(statement))
        return self._inner.execute(statement, values)

    def copy(self, contract: Table, manifest: Manifest) -> None:
        self._before("COPY")
        self._inner.copy(contract, manifest)

    def export(self, contract: Table, folder: str) -> None:
        self._before("UNLOAD")
        self._inner.export(contract, folder)


def watched(warehouse: Warehouse, before: Callable[[str], None]) -> Callable[..., Any]:
    """The warehouse's own transactions, watched."""
    real = warehouse.transaction

    @contextmanager
    def transaction(**options: Any) -> Iterator[Transaction]:
        with real(**options) as inner:
            yield Watched(inner, before)

    return transaction


def failing_at(number: int) -> Callable[[str], None]:
    """Fail instead of the n-th statement, counted from 0."""
    seen = []

    def before(sql: str) -> None:
        seen.append(sql)
        if len(seen) > number:
            raise ConnectionError("the line is cut")

    return before


def test_a_failure_at_any_statement_of_a_load_leaves_what_was_there(
    warehouse: Warehouse, staging: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.replace(immigration, staging.month("2016-04", [1, 2]), "r1")
    before, manifest, failed = warehouse.read_ledger(), staging.month("2016-04", [3]), 0
    while True:
        with monkeypatch.context() as patch:
            patch.setattr(warehouse, "transaction", watched(warehouse, failing_at(failed)))
            try:
                warehouse.replace(immigration, manifest, "r2")
            except ConnectionError:
                failed += 1
            else:
                break
        assert held(warehouse) == april(1, 2), f"statement {failed}"
        assert warehouse.read_ledger() == before
    assert failed >= 5, "delete, copy, count, and two of the ledger"
    assert held(warehouse) == april(3)


def load_and_die(reach: Reach, manifest: Manifest, at: str) -> None:
    """Load a month in a process that is killed instead of the statement that begins so."""
    warehouse = reach()

    def before(sql: str) -> None:
        if sql.startswith(at):
            os.kill(os.getpid(), signal.SIGKILL)

    warehouse.transaction = watched(warehouse, before)  # type: ignore[method-assign]
    warehouse.replace(immigration, manifest, "killed")


@pytest.mark.parametrize(
    "at",
    [
        "DELETE FROM i94.immigration",
        "COPY",
        "SELECT count(*)",
        "DELETE FROM i94.load_ledger",
        "INSERT INTO i94.load_ledger",
    ],
)
def test_a_load_that_is_killed_leaves_what_was_there_and_can_be_repeated(
    reach: Reach, warehouse: Warehouse, staging: Staging, at: str
) -> None:
    warehouse.replace(immigration, staging.month("2016-04", range(1000)), "r1")
    before, manifest = warehouse.read_ledger(), staging.month("2016-04", range(500, 2500))
    with start_process(load_and_die, reach, manifest, at) as process:
        assert join_process(process) == -signal.SIGKILL, "the statement was never reached"
    assert held(warehouse) == april(*range(1000))
    assert warehouse.read_ledger() == before
    assert warehouse.replace(immigration, manifest, "r2") == 2000
    assert held(warehouse) == april(*range(500, 2500))


def load_repeatedly(reach: Reach, manifests: list[Manifest], run: str, log: Path) -> None:
    """Load some months one after another, again and again."""
    log_warnings_to(log)
    warehouse = reach(lock_timeout=TIMEOUT_SECONDS)
    for number in range(4):
        for manifest in manifests:
            warehouse.replace(immigration, manifest, f"{run}{number}")


def test_two_processes_that_load_the_same_months_at_once_both_succeed(
    reach: Reach, warehouse: Warehouse, staging: Staging, tmp_path: Path
) -> None:
    """Each loads its own version of both months; every month must hold one of the two, whole, as the ledger says."""
    versions = {
        run: [
            staging.commit(immigration, Dataset(f"staged/{run}/x", key), arrivals(key, numbers))
            for key in ("2016-04", "2016-05")
        ]
        for run, numbers in (("a", range(300)), ("b", range(100, 500)))
    }
    starts = [
        FORKSERVER.Process(target=load_repeatedly, args=(reach, manifests, run, tmp_path / run))
        for run, manifests in versions.items()
    ]
    for process in starts:
        process.start()
    assert [join_process(process) for process in starts] == [0, 0]
    for month, line in zip((4, 5), warehouse.read_ledger(), strict=True):
        expected = range(300) if line.run_id == "a3" else range(100, 500)
        assert line.run_id in ("a3", "b3")
        assert held(warehouse, f"i94mon = {month}") == [(month, number) for number in expected]
        assert line.loaded_rows == len(expected)


def load(reach: Reach, manifest: Manifest, log: Path) -> None:
    """Load a month; the log tells whether that had to wait."""
    log_warnings_to(log)
    reach(lock_timeout=TIMEOUT_SECONDS).replace(immigration, manifest, "second")


def test_a_load_that_meets_another_says_that_it_waits_and_goes_on_afterwards(
    reach: Reach, warehouse: Warehouse, staging: Staging, tmp_path: Path
) -> None:
    manifest, log = staging.month("2016-04", [2]), tmp_path / "log"
    with warehouse.transaction(purpose="hold it") as transaction:
        process = FORKSERVER.Process(target=load, args=(reach, manifest, log))
        process.start()
        wait_for(lambda: "Waiting for another process" in read_log(log), "the second process to wait")
        transaction.execute("INSERT INTO i94.i94visa VALUES (3, 'Student')")
    assert join_process(process) == 0
    assert "to load i94.immigration 2016-04" in read_log(log), "the message says what waits"
    assert read_log(log).count("Waiting") == 1, "told once"
    assert held(warehouse) == april(2)
    assert warehouse.query("SELECT count(*) AS n FROM i94.i94visa").to_pylist() == [{"n": 2}]


def test_a_writer_gives_up_after_the_timeout_with_a_failure_worth_a_retry(
    reach: Reach, warehouse: Warehouse, staging: Staging, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = staging.modes({1: "Air", 2: "Sea"})
    with start_process(hold, reach, tmp_path / "held", False):
        wait_for((tmp_path / "held").exists, "the writer")
        with (
            caplog.at_level(logging.WARNING),
            pytest.raises(
                TransientError,
                match=r"Another process has held .*, waited to load i94\.i94mode; let it finish or stop it",
            ),
        ):
            warehouse.replace(i94mode, manifest, "r1")
    assert len(caplog.messages) == 1
    assert "to load i94.i94mode" in caplog.messages[0]
    assert warehouse.replace(i94mode, manifest, "r1") == 2, "free once it is gone"


def test_readers_of_two_processes_do_not_wait_for_each_other(
    reach: Reach, warehouse: Warehouse, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with start_process(hold, reach, tmp_path / "held", True):
        wait_for((tmp_path / "held").exists, "the reader")
        assert warehouse.query("SELECT count(*) AS n FROM i94.i94mode").to_pylist() == [{"n": 1}]
    assert not caplog.messages


def read_forever(reach: Reach, seen: Path) -> None:
    """Read the month again and again, and write down how many rows of which version each reading found."""
    warehouse = reach(lock_timeout=TIMEOUT_SECONDS)
    with seen.open("a") as file:
        while True:
            rows = warehouse.query("SELECT count(*) AS n, min(i94bir) AS low, max(i94bir) AS high FROM i94.immigration")
            file.write("{n} {low} {high}\n".format(**rows.to_pylist()[0]))
            file.flush()


def test_a_reader_sees_whole_months_only_while_they_are_replaced(
    reach: Reach, warehouse: Warehouse, staging: Staging, tmp_path: Path
) -> None:
    writer = reach(lock_timeout=TIMEOUT_SECONDS)
    sizes = {version: 100 * version for version in range(1, 9)}
    months = {
        version: staging.commit(
            immigration, Dataset(f"staged/v{version}", "2016-04"), arrivals("2016-04", range(rows), i94bir=version)
        )
        for version, rows in sizes.items()
    }
    writer.replace(immigration, months[1], "r")
    seen = tmp_path / "seen"
    with start_process(read_forever, reach, seen):
        wait_for(lambda: read_log(seen), "the first reading")
        for manifest in months.values():
            writer.replace(immigration, manifest, "r")
            time.sleep(0.05)
    readings = [line.split() for line in read_log(seen).splitlines()]
    assert len(readings) > 1
    for rows, low, high in readings:
        assert low == high
        assert int(rows) == sizes[int(low)]


def test_a_query_binds_values_by_name_and_never_formats_them_in(warehouse: Warehouse) -> None:
    rows = warehouse.query(
        "SELECT :text AS text, '10:30' AS clock, CAST(:number AS INTEGER) + 1 AS number",
        {"text": "'; DROP TABLE i94.i94mode; --", "number": 41},
    )
    assert rows.to_pylist() == [{"text": "'; DROP TABLE i94.i94mode; --", "clock": "10:30", "number": 42}]


@pytest.mark.parametrize(
    "sql", ["DELETE FROM i94.i94mode", "INSERT INTO i94.i94mode VALUES (9, 'x')", "DROP TABLE i94.i94mode"]
)
def test_a_query_cannot_change_anything(warehouse: Warehouse, sql: str) -> None:
    with pytest.raises(Exception, match="read-only"):
        warehouse.query(sql)
    assert warehouse.query("SELECT * FROM i94.i94mode").num_rows == 1


def test_a_warehouse_that_was_never_created_is_told_with_what_to_do(bare: Warehouse) -> None:
    assert not bare.exists()
    with pytest.raises(
        PermanentError, match=r"There is no warehouse at .*; run 'i94 run' or 'i94 create-tables' first"
    ):
        bare.query("SELECT * FROM i94.i94mode")
    assert not bare.exists(), "a look creates nothing"
    assert bare.read_ledger() == []


def test_the_ledger_is_empty_after_a_first_load_that_failed(bare: Warehouse, staging: Staging) -> None:
    with pytest.raises(PermanentError, match="would hold 1 rows"):
        bare.replace(i94mode, with_rows(staging, staging.modes({1: "Air"}), 2), "r1")
    assert bare.read_ledger() == []


def test_codes_that_look_like_numbers_or_nulls_are_loaded_as_text(warehouse: Warehouse, staging: Staging) -> None:
    rows = [
        {"code": "060", "label": "NO PORT Code (60)", "status": "no port code"},
        {"code": "NA", "label": "INT'L FALLS, NY", "city": "INT'L FALLS", "state": "NY", "status": "valid"},
    ]
    manifest = staging.commit(i94port, Dataset("warehouse/i94port"), rows)
    warehouse.replace(i94port, manifest, "r1")
    found = warehouse.query("SELECT * FROM i94.i94port ORDER BY code").cast(arrow_schema(i94port)).to_pylist()
    assert found == [dict.fromkeys(column_names(i94port)) | row for row in rows]

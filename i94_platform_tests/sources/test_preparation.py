"""Test how a month is prepared for an engine: its columns are compared first, SAS and CSV are converted in chunks.

Wrong here before, in other pipelines: columns taken by position, a file of three million rows read whole, a text in a
number's place that became a silent null. Wrong here before: parts of one month with numbers of other types were read
by the first part's types.
"""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from i94_platform import progress
from i94_platform.contracts import delivered_immigration
from i94_platform.engine.base import Engine
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.local import LocalStore
from i94_platform.settings import PROJECT
from i94_platform.sources import csv, preparation
from i94_platform_tests.sources.delivered_files import CSV, PARQUET, SAS, WIDTHS, write_delivery, write_sas_delivery
from i94_platform_tests.support.arrivals import ACCEPTED_ROWS, APRIL, GOOD_ROW, REJECTED_ROWS, delivered_table
from i94_platform_tests.support.sas import load_readstat, write_sas
from i94_platform_tests.support.staging import StagedMonth, assert_equal_tables, stage_into_lake

StageHere = Callable[[], StagedMonth]
AsParquet = Callable[[pa.Table], StagedMonth]


@pytest.fixture
def stage_here(duckdb: Engine, raw: Path, tmp_path: Path) -> StageHere:
    """Stage what has landed."""
    return lambda: stage_into_lake(duckdb, raw, tmp_path / "lake", APRIL)


def staging_error(stage_here: StageHere) -> str:
    """The message with which the whole delivery is rejected."""
    with pytest.raises(PermanentError) as failure:
        stage_here()
    return str(failure.value)


@pytest.mark.parametrize("name", [PARQUET, CSV, SAS])
def test_a_missing_column_is_named(stage_here: StageHere, raw: Path, name: str) -> None:
    write_delivery(raw / name, delivered_table([{}]).drop_columns(["gender"]))
    assert staging_error(stage_here) == f"{name} lacks the column gender; deliver it with every column."


def test_all_missing_columns_are_named_and_the_part_that_lacks_them(stage_here: StageHere, raw: Path) -> None:
    (raw / PARQUET).mkdir()
    pq.write_table(delivered_table([{}]), raw / PARQUET / "0.parquet")
    pq.write_table(delivered_table([{}]).drop_columns(["visatype", "cicid"]), raw / PARQUET / "1.parquet")
    assert (
        staging_error(stage_here)
        == f"{PARQUET}/1.parquet lacks the columns cicid, visatype; deliver it with every column."
    )


@pytest.mark.parametrize(
    ("column", "values", "mismatch"),
    [
        ("cicid", pa.array(["1"]), "cicid is string, expected a number"),
        ("gender", pa.array([1.0]), "gender is double, expected text"),
        ("arrdate", pa.array([20_549], pa.date32()), "arrdate is date32[day], expected a number"),
        ("matflag", pa.array([True]), "matflag is bool, expected text"),
        ("admnum", pa.array([1.0], pa.float32()), "admnum is float, expected a number of more than 7 digits"),
        ("i94yr", pa.array([2016.0], pa.float16()), "i94yr is halffloat, expected a number"),
        ("arrdate", pa.array([dt.datetime(2016, 4, 5)]), "arrdate is timestamp[us], expected a number"),
        ("count", pa.array([["1"]]), "count is list<element: string>, expected a number"),
    ],
)
def test_a_retyped_column_of_a_parquet_file_is_named_with_both_types(
    stage_here: StageHere, raw: Path, column: str, values: pa.Array[Any], mismatch: str
) -> None:
    table = delivered_table([{}])
    pq.write_table(table.set_column(table.column_names.index(column), column, values), raw / PARQUET)
    assert staging_error(stage_here) == f"{PARQUET} has columns of another type: {mismatch}; deliver them in that type."


def test_retyped_columns_of_a_sas_file_are_named(stage_here: StageHere, raw: Path) -> None:
    table = delivered_table([{}])
    for name, value in (("i94bir", "41"), ("gender", 1.0)):
        table = table.set_column(table.column_names.index(name), name, pa.array([value]))
    write_sas_delivery(raw / SAS, table, i94bir=2, gender=None)
    message = staging_error(stage_here)
    assert message.startswith(f"{SAS} has columns of another type: ")
    assert "i94bir is string, expected a number" in message
    assert "gender is double, expected text" in message


@pytest.mark.parametrize("name", [PARQUET, SAS, CSV])
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "is empty (0 bytes)"),
        (b"<!DOCTYPE html><html>", "is an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (b"no such file" * 1_000, "has no header"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_its_kind(
    stage_here: StageHere, raw: Path, name: str, content: bytes, kind: str
) -> None:
    (raw / name).write_bytes(content)
    message = staging_error(stage_here)
    assert message.startswith(name)
    assert kind in message or "is text, not a" in message


@pytest.mark.parametrize(("name", "fact"), [(PARQUET, "end is missing"), (SAS, "can't be read as SAS"), (CSV, "line")])
def test_a_truncated_file_is_named(stage_here: StageHere, raw: Path, name: str, fact: str) -> None:
    write_delivery(raw / name, delivered_table([{}] * 2_000))
    whole = (raw / name).read_bytes()
    (raw / name).write_bytes(whole[: len(whole) // 2])
    message = staging_error(stage_here)
    assert message.startswith(name)
    assert fact in message


def test_a_file_with_damaged_pages_fails_by_its_name(stage_here: StageHere, raw: Path) -> None:
    pq.write_table(delivered_table([{}] * 100), raw / PARQUET)
    content = (raw / PARQUET).read_bytes()
    (raw / PARQUET).write_bytes(content[:4] + b"\xff" * 60 + content[64:])
    assert staging_error(stage_here).startswith(f"{PARQUET} can't be read as Parquet")


def test_nothing_is_committed_and_nothing_left_behind_when_a_delivery_is_rejected(
    stage_here: StageHere, raw: Path, tmp_path: Path
) -> None:
    write_delivery(raw / CSV, delivered_table([{}]).drop_columns(["gender"]))
    staging_error(stage_here)
    lake = Lake(LocalStore(tmp_path / "lake"))
    assert lake.read_manifest(Dataset("staged/immigration", APRIL.key)) is None
    assert {file.path.split("/")[0] for file in lake.store.list()} == {"lookup"}


@pytest.mark.parametrize("name", [PARQUET, CSV, SAS])
def test_an_empty_delivery_is_staged_as_a_month_without_rows(stage_here: StageHere, raw: Path, name: str) -> None:
    write_delivery(raw / name, delivered_table([]))
    staged = stage_here()
    assert (staged.accepted.rows, staged.rejected.rows, staged.accepted.stats["delivered_rows"]) == (0, 0, 0)


def test_a_month_of_rejected_rows_only_is_staged_without_rows(stage_here: StageHere, raw: Path) -> None:
    pq.write_table(delivered_table([row for row, _ in REJECTED_ROWS]), raw / PARQUET)
    staged = stage_here()
    assert (staged.accepted.rows, staged.rejected.rows) == (0, len(REJECTED_ROWS))


def test_columns_that_no_contract_has_are_reported_and_left_out(stage_here: StageHere, raw: Path) -> None:
    table = delivered_table([{}]).append_column("validres", pa.array([1.0])).append_column("Note", pa.array(["x"]))
    pq.write_table(table, raw / PARQUET)
    staged = stage_here()
    assert staged.accepted.stats["extra_columns"] == ["Note", "validres"]
    assert "Ignored columns that are in no contract: Note, validres" in staged.messages


def test_a_delivered_column_called_unreadable_rejects_no_row(stage_here: StageHere, raw: Path) -> None:
    pq.write_table(delivered_table([{}]).append_column("unreadable", pa.array(["i94bir='x'"])), raw / PARQUET)
    staged = stage_here()
    assert (staged.accepted.rows, staged.rejected.rows) == (1, 0)
    assert staged.accepted.stats["extra_columns"] == ["unreadable"]


@pytest.fixture
def as_parquet(duckdb: Engine, tmp_path: Path) -> AsParquet:
    """Stage a table delivered as Parquet, into a lake of its own."""

    def stage_parquet(table: pa.Table) -> StagedMonth:
        (tmp_path / "same").mkdir()
        pq.write_table(table, tmp_path / "same" / PARQUET)
        return stage_into_lake(duckdb, tmp_path / "same", tmp_path / "same_lake", APRIL)

    return stage_parquet


def odd_rows() -> pa.Table:
    """Rows that are staged, without numbers that pandas writes rounded and without values that span lines."""
    return delivered_table(
        [row for row, _ in ACCEPTED_ROWS if "admnum" not in row and "\n" not in "".join(map(str, row.values()))]
    )


@pytest.mark.parametrize("chunk", [1, 7, 100_000])
@pytest.mark.parametrize("name", [CSV, SAS])
def test_a_converted_file_is_staged_as_parquet_is_whatever_the_chunks(
    stage_here: StageHere, raw: Path, as_parquet: AsParquet, monkeypatch: pytest.MonkeyPatch, name: str, chunk: int
) -> None:
    monkeypatch.setattr(preparation, "CHUNK_ROWS", chunk)
    monkeypatch.setattr(csv, "BLOCK_BYTES", chunk * 1_000)
    write_delivery(raw / name, odd_rows())
    staged, expected = stage_here(), as_parquet(odd_rows())
    assert staged.reasons == {}
    assert_equal_tables(staged.arrivals, expected.arrivals)


@pytest.mark.parametrize("name", [CSV, SAS, PARQUET])
def test_every_converted_row_counts_as_progress(
    stage_here: StageHere, raw: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    converted_rows: list[int] = []
    monkeypatch.setattr(progress.Progress, "advance", lambda _self, rows: converted_rows.append(rows))
    rows = odd_rows()
    if name == PARQUET:  # usual Parquet is not converted
        gender = rows["gender"].cast(pa.binary())
        rows = rows.set_column(rows.column_names.index("gender"), "gender", gender)
    write_delivery(raw / name, rows)
    stage_here()
    assert sum(converted_rows) == rows.num_rows


def test_a_byte_order_mark_and_an_index_column_of_a_csv_file_are_left_out(stage_here: StageHere, raw: Path) -> None:
    delivered_table([{}]).to_pandas().to_csv(raw / CSV, encoding="utf-8-sig")
    staged = stage_here()
    assert (staged.accepted.rows, staged.accepted.stats["extra_columns"]) == (1, [])


def test_texts_in_the_place_of_numbers_are_kept_and_reject_only_rows_without_key_month_date_or_purpose(
    stage_here: StageHere, raw: Path
) -> None:
    frame = delivered_table([{}] * 5).to_pandas().astype(object)
    frame.loc[0, ["i94bir", "depdate"]] = ["forty one", "2016-04-12"]
    frame.loc[1, ["cicid", "i94bir", "i94mon"]] = ["n/a", None, "April"]
    frame.loc[2, "arrdate"] = "2016-04-05"
    frame.loc[3, ["i94visa", "count"]] = ["B2", None]
    frame.to_csv(raw / CSV, index=False)
    staged = stage_here()
    assert staged.arrivals["cicid"].to_pylist() == [1, 5]
    assert staged.arrivals["i94bir"].to_pylist() == [None, 41]
    assert staged.unreadable_texts == {(1, "i94bir"): "forty one", (1, "depdate"): "2016-04-12"}
    assert staged.accepted.stats["delivered_values"] == {"depdate": 2, "i94bir": 2}
    assert staged.reasons == {
        (CSV, 2): "null_key; unreadable:i94mon",
        (CSV, 3): "arrival_outside_month",
        (CSV, 4): "unlisted:i94visa",
    }
    assert staged.quarantine["unreadable"].to_pylist() == [
        "i94mon='April'", "arrdate='2016-04-05'", "i94visa='B2'",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["admnum=5", "x'; admnum='5", "'", "''", "it's", "\\", "\\'", "; i94bir='"])
def test_a_text_in_the_place_of_a_number_counts_for_its_own_column_only(
    stage_here: StageHere, raw: Path, text: str
) -> None:
    frame = delivered_table([{}]).to_pandas().astype(object)
    frame.loc[0, ["i94bir", "biryear"]] = [text, "old"]
    frame.to_csv(raw / CSV, index=False)
    assert stage_here().unreadable_texts == {(1, "i94bir"): text, (1, "biryear"): "old"}


@pytest.mark.real_data
def test_the_real_sas_file_is_staged_as_the_first_rows_of_the_real_parquet(
    stage_here: StageHere, raw: Path, real_data: Path, as_parquet: AsParquet
) -> None:
    shutil.copy(real_data / "i94_apr16_sub_20k.sas7bdat", raw / SAS)
    part = sorted((real_data / PARQUET).glob("part-00000-*.parquet"))[0]
    first = pq.read_table(part).slice(0, 20_000)
    staged = stage_here()
    assert staged.accepted.rows == 20_000
    assert_equal_tables(staged.arrivals, as_parquet(first).arrivals)


@pytest.mark.real_data
def test_the_real_csv_sample_is_staged_without_its_index_column(
    stage_here: StageHere, raw: Path, real_data: Path
) -> None:
    shutil.copy(real_data / "immigration_data_sample.csv", raw / CSV)
    staged = stage_here()
    assert staged.accepted.rows + staged.rejected.rows == staged.accepted.stats["delivered_rows"] == 1_000
    assert staged.rejected.rows == 0
    assert staged.accepted.stats["extra_columns"] == []


@pytest.mark.parametrize("rows", [500, pytest.param(30_000, marks=pytest.mark.slow)])
def test_a_month_lies_in_few_files_of_similar_size(stage_here: StageHere, raw: Path, rows: int) -> None:
    (raw / PARQUET).mkdir()
    for part in range(20):
        numbers = range(part * rows, (part + 1) * rows)
        table = delivered_table([{"cicid": float(n), "admnum": n * 7_919.0, "fltno": str(n % 9_973)} for n in numbers])
        pq.write_table(table, raw / PARQUET / f"{part}.parquet")
    entries = stage_here().accepted.entries
    sizes = [entry.bytes for entry in entries]
    assert 1 <= len(entries) <= 8
    assert max(sizes) < 3 * min(sizes)


_PEAK = """
import resource, sys
from pathlib import Path
from i94_platform.sources import csv, preparation
from i94_platform.lake.local import LocalStore
from i94_platform.sources.listing import list_deliveries
from i94_platform.partitions import Month

preparation.CHUNK_ROWS = 2_000
raw, lake = (LocalStore(Path(folder)) for folder in sys.argv[1:3])
delivery = list_deliveries(raw).require_month(Month(2016, 4), raw.root)
prepared = preparation.prepare_arrivals(delivery, raw, lake, "scratch")
print(prepared.rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_of_conversion(folder: Path, rows: int) -> int:
    """The most memory, in bytes, of a process that converts a SAS file of so many rows."""
    raw = folder / str(rows)
    raw.mkdir()
    row = GOOD_ROW | {"occup": "", "entdepu": "", "insnum": ""}
    write_sas(raw / SAS, WIDTHS, ({**row, "admnum": float(n), "fltno": str(n)} for n in range(rows)), rows)
    command = [sys.executable, "-c", _PEAK, str(raw), str(folder / f"lake{rows}")]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=True)
    converted, peak = map(int, done.stdout.split())
    assert converted == rows
    return peak * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.slow
def test_converting_a_sas_file_takes_the_memory_of_a_chunk_however_long_the_file(tmp_path: Path) -> None:
    if load_readstat() is None:
        pytest.skip("this build of pyreadstat keeps ReadStat's writing functions to itself")
    short, long = (peak_of_conversion(tmp_path, rows) for rows in (4_000, 60_000))
    texts = sum(width is not None for width in WIDTHS.values())
    whole: Any = 56_000 * (8 * len(delivered_immigration.columns) + 50 * texts)  # what pandas would need for the rest
    assert long - short < whole / 3

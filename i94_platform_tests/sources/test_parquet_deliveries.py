"""Test that a month's Parquet files are read rightly whatever wrote them, or refused by file and column.

Wrong here before: dictionary columns and upper-case names were refused, a Hive-partitioned month "lacked" its column,
and a float32 `admnum` gave travellers one number.
"""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from i94_platform.engine.base import Engine
from i94_platform.errors import PermanentError
from i94_platform.sources import parquet
from i94_platform_tests.sources.delivered_files import PARQUET
from i94_platform_tests.sources.delivered_rows import COLUMNS, read_delivered
from i94_platform_tests.support.arrivals import GOOD_ROW, delivered_table
from i94_platform_tests.support.damage.compression import zip_files

ENGINES = pytest.mark.parametrize(
    "engine_name", ["duckdb", pytest.param("spark", marks=[pytest.mark.spark, pytest.mark.slow])]
)


def retyped(changes: Mapping[str, pa.Array[Any]]) -> pa.Table:
    """Two good rows with columns of other types."""
    table = delivered_table([{}, {}])
    for name, values in changes.items():
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def renamed(names: Mapping[str, str]) -> pa.Table:
    """Two good rows with columns of other names."""
    table = delivered_table([{}, {}])
    return table.rename_columns([names.get(name, name) for name in table.column_names])


def categories(values: pa.Array[Any]) -> pa.Array[Any]:
    """The values as a dictionary."""
    return values.dictionary_encode()


ODD_TABLES: dict[str, pa.Table] = {
    "upper case": renamed({name: name.upper() for name in COLUMNS}),
    "blanks": renamed({"cicid": " cicid", "gender": "Gender \t"}),
    "dictionaries": retyped({name: categories(pa.array([GOOD_ROW[name]] * 2)) for name in ("gender", "visatype")}),
    "dictionary of numbers": retyped({"i94bir": categories(pa.array([41, 41]))}),
    "string views": retyped({"gender": pa.array(["F", "F"], pa.string_view())}),
    "large strings": retyped({"gender": pa.array(["F", "F"], pa.large_string())}),
    "bytes": retyped({"gender": pa.array([b"F", b"F"]), "visatype": pa.array([b"WT", b"WT"], pa.large_binary())}),
    "whole decimals": retyped(
        {
            "cicid": pa.array([Decimal(1), Decimal(2)], pa.decimal128(18, 0)),
            "admnum": pa.array([Decimal(55_780_468_433)] * 2, pa.decimal128(38, 2)),
            "i94bir": pa.array([Decimal(41)] * 2, pa.decimal256(40, 0)),
        }
    ),
    "integers": retyped(
        {
            "cicid": pa.array([1, 2], pa.uint64()),
            "i94yr": pa.array([2016, 2016], pa.int16()),
            "i94mon": pa.array([4, 4], pa.int8()),
            "admnum": pa.array([55_780_468_433] * 2, pa.int64()),
            "i94visa": pa.array([2, 2], pa.uint8()),
            "count": pa.array([1, 1], pa.uint32()),
        }
    ),
    "short numbers of few digits": retyped({"i94bir": pa.array([41, 41], pa.float32())}),
    "no values": retyped({"occup": pa.nulls(2), "entdepu": pa.nulls(2)}),
    "extra columns of one name": delivered_table([{}, {}]).append_column("Note", pa.array([1, 2])).append_column(
        "note", pa.array(["a", "b"])
    ),
    "extra columns of foreign types": delivered_table([{}, {}])
    .append_column("seen", pa.array([dt.time(1)] * 2))
    .append_column("at", pa.array([0, 1], pa.timestamp("ns")))
    .append_column("tags", pa.array([["a"], []])),
}  # fmt: skip


def assert_good(rows: list[dict[str, Any]]) -> None:
    """Compare all values with two good rows."""
    values = [{name: row[name] for name in (*COLUMNS, "unreadable", "source_row")} for row in rows]
    assert values == [{**GOOD_ROW, "cicid": n, "unreadable": None, "source_row": n} for n in (1, 2)]


@ENGINES
def test_a_file_is_read_whatever_wrote_it(
    engine_name: str, request: pytest.FixtureRequest, raw: Path, tmp_path: Path
) -> None:
    engine: Engine = request.getfixturevalue(engine_name)
    for kind, table in ODD_TABLES.items():
        pq.write_table(table, raw / PARQUET)
        delivered = read_delivered(engine, raw, tmp_path / kind)
        assert_good(delivered.rows)
        extra = {name for name in table.column_names if name.strip().lower() not in COLUMNS}
        assert set(delivered.prepared.extra_columns) == extra, kind


@ENGINES
def test_the_columns_of_a_hive_partitioned_month_are_taken_from_its_paths(
    engine_name: str, request: pytest.FixtureRequest, raw: Path, tmp_path: Path
) -> None:
    engine: Engine = request.getfixturevalue(engine_name)
    ports = {"LOS": "LOS", "N%20Y": "N Y", "__HIVE_DEFAULT_PARTITION__": None}
    for folder in ports:
        target = raw / PARQUET / f"i94port={folder}" / "arrdate=20549.0"
        target.mkdir(parents=True)
        pq.write_table(delivered_table([{}, {}]).drop_columns(["i94port", "arrdate"]), target / "0.parquet")
    delivered = read_delivered(engine, raw, tmp_path / "lake")
    assert delivered.values("i94port") == [port for port in ports.values() for _ in range(2)]
    assert delivered.values("arrdate") == [20_549.0] * 6
    assert delivered.values("source_file")[0] == f"{PARQUET}/i94port=LOS/arrdate=20549.0/0.parquet"
    assert delivered.values("source_row") == [1, 2] * 3
    assert delivered.values("airline") == ["LH"] * 6


def test_a_column_of_the_file_counts_more_than_its_folder(duckdb: Engine, raw: Path, tmp_path: Path) -> None:
    target = raw / "i94yr=2015" / PARQUET
    target.parent.mkdir()
    pq.write_table(delivered_table([{}, {}]), target)
    assert_good(read_delivered(duckdb, raw, tmp_path / "lake").rows)


def refusal(engine: Engine, raw: Path, lake: Path, table: pa.Table, name: str = PARQUET) -> str:
    """The message with which a table is refused."""
    (raw / name).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, raw / name)
    with pytest.raises(PermanentError) as failure:
        read_delivered(engine, raw, lake)
    assert str(failure.value).startswith(name)
    return str(failure.value)


@pytest.mark.parametrize(
    ("table", "facts"),
    [
        (retyped({"admnum": pa.array([1.0, 2.0], pa.float32())}), "admnum is float, expected a number of more than 7"),
        (retyped({"cicid": pa.array([1.0, 2.0], pa.float32())}), "cicid is float, expected a number of more than 7"),
        (retyped({"i94yr": pa.array([2016, 2016], pa.float16())}), "i94yr is halffloat"),
        (retyped({"gender": categories(pa.array([1, 2]))}), "gender is int64"),
        (retyped({"i94bir": categories(pa.array(["1", "2"]))}), "i94bir is string, expected a number"),
        (retyped({"arrdate": pa.array([dt.datetime(2016, 4, 5)] * 2)}), "arrdate is timestamp"),
        (retyped({"gender": pa.array([b"\xe9", b"F"])}), "bytes in the column gender"),
        (delivered_table([{}]).append_column("CICID ", pa.array([1.0])), "cicid ('cicid', 'CICID ')"),
        (delivered_table([{}]).append_column("cicid", pa.array([1.0])), "cicid ('cicid', 'cicid')"),
    ],
)  # fmt: skip
def test_a_lossy_foreign_or_duplicate_column_is_refused_by_name(
    duckdb: Engine, raw: Path, tmp_path: Path, table: pa.Table, facts: str
) -> None:
    assert facts in refusal(duckdb, raw, tmp_path / "lake", table)


def test_a_folder_with_no_number_for_a_number_column_is_refused(duckdb: Engine, raw: Path, tmp_path: Path) -> None:
    table = delivered_table([{}]).drop_columns(["i94mon"])
    assert "i94mon='April'" in refusal(duckdb, raw, tmp_path / "lake", table, f"{PARQUET}/i94mon=April/0.parquet")


@pytest.mark.parametrize("table", [ODD_TABLES["upper case"], ODD_TABLES["bytes"]])
def test_a_compressed_file_is_read(duckdb: Engine, raw: Path, tmp_path: Path, table: pa.Table) -> None:
    pq.write_table(table, tmp_path / "whole")
    content = (tmp_path / "whole").read_bytes()
    for name, compressed in (
        ("a.parquet.gz", gzip.compress(content, mtime=0)),
        ("a.parquet.zip", zip_files({"a": content})),
    ):
        (raw / name).write_bytes(compressed)
        assert_good(read_delivered(duckdb, raw, tmp_path / "lake").rows)
        (raw / name).unlink()


def test_a_usual_file_stays_where_it_lies(duckdb: Engine, raw: Path, tmp_path: Path) -> None:
    for kind in ("upper case", "dictionaries", "string views", "integers", "no values"):
        pq.write_table(ODD_TABLES[kind], raw / PARQUET)
        groups = read_delivered(duckdb, raw, tmp_path / "lake").prepared.groups
        assert [list(group.files) for group in groups] == [[str(raw / PARQUET)]], kind


@pytest.mark.parametrize("cut", [10, 100, 1_000])
def test_a_damaged_footer_is_refused_in_our_words(duckdb: Engine, raw: Path, tmp_path: Path, cut: int) -> None:
    pq.write_table(delivered_table([{}] * 50), raw / PARQUET)
    content = (raw / PARQUET).read_bytes()
    (raw / PARQUET).write_bytes(content[: -8 - cut] + b"\xff" * cut + content[-8:])
    with pytest.raises(PermanentError) as failure:
        read_delivered(duckdb, raw, tmp_path / "lake")
    assert str(failure.value) == (
        f"{PARQUET} can't be read as Parquet, because it is damaged or incomplete; ask for it to be delivered again."
    )


@ENGINES
@pytest.mark.parametrize("kind", ["large strings", "bytes"])
def test_a_file_with_damaged_pages_is_named(
    engine_name: str, request: pytest.FixtureRequest, raw: Path, tmp_path: Path, kind: str
) -> None:
    engine: Engine = request.getfixturevalue(engine_name)
    pq.write_table(delivered_table([{}] * 5), raw / "a.parquet")
    pq.write_table(pa.concat_tables([ODD_TABLES[kind]] * 50), raw / "b.parquet")
    content = (raw / "b.parquet").read_bytes()
    (raw / "b.parquet").write_bytes(content[:4] + b"\xff" * 60 + content[64:])
    with pytest.raises(PermanentError, match=r"^b.parquet can't be read as Parquet, because it is damaged"):
        read_delivered(engine, raw, tmp_path / "lake")


def test_a_conversion_that_loses_rows_is_noticed(
    duckdb: Engine, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert = parquet._convert_column
    monkeypatch.setattr(parquet, "_convert_column", lambda path, field, values: convert(path, field, values.slice(1)))
    assert "1 rows were read, but the file has 2" in refusal(duckdb, raw, tmp_path / "lake", ODD_TABLES["bytes"])


def test_nan_is_delivered_as_it_is(duckdb: Engine, raw: Path, tmp_path: Path) -> None:
    pq.write_table(delivered_table([{"i94bir": float("nan")}]), raw / PARQUET)
    assert str(read_delivered(duckdb, raw, tmp_path / "lake").values("i94bir")) == "[nan]"

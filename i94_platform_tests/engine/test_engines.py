"""Both engines stage the same rows and find the same duplicates: the short version of `test_same_rows`."""

from __future__ import annotations

import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from i94_platform.engine.base import Engine, FileGroup
from i94_platform.sql.query import Query
from i94_platform_tests.engine.conftest import StageOnBoth
from i94_platform_tests.support.arrivals import ACCEPTED_ROWS, REJECTED_ROWS, delivered_table


@pytest.mark.spark
def test_both_engines_stage_every_dirty_row_alike_from_a_file_of_an_odd_name(
    stage_on_both: StageOnBoth, tmp_path: Path
) -> None:
    folder = tmp_path / "raw" / "2016" / "i94_apr16_sub.parquet"
    folder.mkdir(parents=True)
    rows = delivered_table([row for row, _ in (*REJECTED_ROWS, *ACCEPTED_ROWS)])
    pq.write_table(rows, folder / "é%20 [1] {a,b}*? 100%.parquet")
    by_duckdb, _ = stage_on_both(tmp_path / "raw")
    assert list(by_duckdb.reasons.values()) == [reasons for _, reasons in REJECTED_ROWS]


@pytest.mark.parametrize("folder", ["april [1]", "april ?", "april *", "[a]pril 1"])
def test_a_name_with_wildcards_means_one_file(duckdb: Engine, tmp_path: Path, folder: str) -> None:
    for name, rows in ((folder, 1), ("april 1", 2)):
        (tmp_path / name).mkdir()
        pq.write_table(pa.table({"n": range(rows)}), tmp_path / name / "part.parquet")
    path = str(tmp_path / folder / "part.parquet")
    with duckdb.session():
        duckdb.register_files("numbers", [path])
        duckdb.register_delivery([FileGroup({path: "part.parquet"}, {"n": "n"})], 1)
        for relation in ("numbers", "delivered"):
            count = Query(f"SELECT count(*) AS count FROM {relation}", is_portable=True)
            assert duckdb.fetch_row(count) == {"count": 1}, relation


COLUMNS: dict[str, tuple[list[int | None], bool]] = {
    "empty": ([], False),
    "nulls only": ([None, None], False),
    "nulls do not count": ([1, None, 2, None], False),
    "one value": ([7], False),
    "all differ": ([3, 1, 2, -5, 0], False),
    "first and last": ([-4, 9, 3, 9], True),
    "beside nulls": ([None, 0, None, 0], True),
    "far apart, all differ": ([-(2**31), 0, 2**31 - 1], False),
    "far apart": ([2**31 - 1, -(2**31), 2**31 - 1], True),
}


@pytest.mark.parametrize("engine_name", ["duckdb", pytest.param("spark", marks=pytest.mark.spark)])
def test_an_engine_finds_duplicates_in_a_column(engine_name: str, request: pytest.FixtureRequest) -> None:
    engine: Engine = request.getfixturevalue(engine_name)
    for case, (values, expected) in COLUMNS.items():
        with engine.session():
            engine.register_table("numbers", pa.table({"number": pa.array(values, pa.int32())}))
            assert engine.has_duplicates("numbers", "number") is expected, case


@pytest.mark.parametrize("engine_name", ["duckdb", pytest.param("spark", marks=[pytest.mark.spark, pytest.mark.slow])])
def test_the_share_of_a_query_that_is_done_can_be_read_while_it_runs(
    engine_name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    engine: Engine = request.getfixturevalue(engine_name)
    for part in range(8):
        pq.write_table(pa.table({"n": range(part * 250_000, (part + 1) * 250_000)}), tmp_path / f"{part}.parquet")
    shares: list[float | None] = []
    ended = threading.Event()

    def read_shares() -> None:
        while not ended.wait(0.01):
            shares.append(engine.read_share())

    reader = threading.Thread(target=read_shares)
    with engine.session():
        engine.register_files("numbers", [str(path) for path in sorted(tmp_path.iterdir())])
        reader.start()
        engine.register_table("codes", pa.table({"code": range(10)}))
        joins = " ".join(f"LEFT JOIN codes AS c{i} ON c{i}.code = n % {10 + i}" for i in range(3))
        sql = f"SELECT sha2(CAST(n AS STRING), 512) AS hash, c0.code + c1.code + c2.code AS code FROM numbers {joins}"
        engine.write(Query(sql), str(tmp_path / "hashes"))
        ended.set()
        reader.join()
        assert engine.read_share() in (None, 1.0), "no query runs"
    known = [share for share in shares if share is not None]
    assert known
    assert all(0 <= share <= 1 for share in known)
    assert engine_name == "spark" or max(known) > 0.5, "joins do not count as work to come"


def test_duckdb_finds_one_duplicate_among_a_million_values(duckdb: Engine) -> None:
    numbers = [*range(0, 2_000_000, 2), 999_998]
    with duckdb.session():
        duckdb.register_table("numbers", pa.table({"number": pa.array(numbers, pa.int64())}))
        assert duckdb.has_duplicates("numbers", "number")
        duckdb.register_table("numbers", pa.table({"number": pa.array(numbers[:-1], pa.int64())}))
        assert not duckdb.has_duplicates("numbers", "number")

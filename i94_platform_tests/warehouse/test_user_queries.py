"""What a person types reads the embedded warehouse and what is staged, and nothing else. Each text is an attack."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from i94_platform.errors import PermanentError
from i94_platform.warehouse.duckdb import DuckDBWarehouse

PLANTED = "PLANTED-value"
planted = pa.table({"secret": [PLANTED]})
"""A variable that DuckDB would find from Python."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a warehouse, a staged file, and files that nobody may read by a query."""
    folder = tmp_path_factory.mktemp("home")
    build_warehouse(folder).create_tables()
    for name in ("lake/staged/a", "lake/raw"):
        (folder / name).mkdir(parents=True)
        duckdb.execute(f"COPY (SELECT 42 AS n) TO '{folder / name / 'part-0.parquet'}'")
    (folder / "secret.csv").write_text(f"secret\n{PLANTED}\n")
    duckdb.connect(str(folder / "other.duckdb")).execute(f"CREATE TABLE t AS SELECT '{PLANTED}' AS secret").close()
    return folder


def build_warehouse(folder: Path, memory_limit: str = "200MB", query_timeout: float = 60.0) -> DuckDBWarehouse:
    return DuckDBWarehouse(
        folder / "w.duckdb",
        folder / "scratch",
        memory_limit,
        query_timeout=query_timeout,
        query_folders=[str(folder / "lake/staged")],
    )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT content FROM read_text('/proc/self/environ')",
        "SELECT content FROM read_text('{home}/secret.csv')",
        "SELECT content FROM read_text('{home}/lake/staged/../../secret.csv')",
        "SELECT content FROM read_text('{home}/lake/staged-of-another/x')",
        "SELECT content FROM read_text(['{home}/lake/staged/a/part-0.parquet', '{home}/secret.csv'])",
        "SELECT content FROM read_blob('/etc/shadow')",
        "SELECT * FROM glob('{home}/*')",
        "SELECT * FROM glob('{home}/lake/staged/../*')",
        "SELECT * FROM read_csv('{home}/secret.csv')",
        "SELECT * FROM read_json_objects('{home}/secret.csv')",
        "SELECT * FROM sniff_csv('{home}/secret.csv')",
        "SELECT * FROM '{home}/secret.csv'",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_parquet('{home}/lake/raw/part-0.parquet')",
        "SELECT * FROM parquet_metadata('{home}/lake/raw/part-0.parquet')",
        "SELECT * FROM read_duckdb('{home}/other.duckdb', table_name = 't')",
        "SELECT * FROM 'file://{home}/secret.csv'",
        "SELECT * FROM 'https://127.0.0.1:1/secret.csv'",
        "SELECT * FROM 's3://bucket/secret.parquet'",
        "SELECT * FROM duckdb_secrets()",
        "SELECT getenv('HOME')",
        "SELECT * FROM planted",
        "SELECT * FROM enable_logging(storage = 'file', storage_path = '{home}/lake/staged/a')",
        "SELECT * FROM enable_logging(storage = 'file', storage_path = '{home}/log')",
        "SELECT * FROM enable_profiling(save_location = '{home}/profile')",
        "SELECT * FROM query('COPY (SELECT 1) TO ''{home}/lake/staged/a/x.csv''')",
        "WITH gone AS (DELETE FROM i94.i94mode RETURNING code) SELECT * FROM gone",
        "WITH new AS (INSERT INTO i94.i94mode VALUES (9, 'x') RETURNING code) SELECT * FROM new",
        "SELECT nextval('s')",
        "ATTACH '{home}/other.duckdb' AS other",
        "COPY (SELECT 1) TO '{home}/lake/staged/a/x.csv'",
        "COPY (SELECT 1) TO '/dev/stdout'",
        "EXPORT DATABASE '{home}/lake/staged/export'",
        "IMPORT DATABASE '{home}'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CALL enable_logging()",
        "PRAGMA enable_profiling",
        "SET lock_configuration = false",
        "SET enable_external_access = true",
        "RESET allowed_directories",
        "CREATE TEMP TABLE t AS SELECT 1",
        "CREATE SECRET s (TYPE s3)",
        "PREPARE p AS SELECT 1",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{home}/x.csv'",
        "DETACH warehouse",
        "USE memory",
        "VACUUM",
        "CHECKPOINT",
        "SELECT 1; SELECT 2",
        "SELECT 1; COPY (SELECT 1) TO '{home}/x.csv'",
        pytest.param("SELECT " + "(" * 20_000 + "1" + ")" * 20_000, id="nested"),
    ],
)
def test_a_query_reaches_nothing_outside_of_the_warehouse(folder: Path, sql: str) -> None:
    before = list_files(folder)
    with pytest.raises(PermanentError) as caught:
        build_warehouse(folder).run_user_query(sql.format(home=folder))
    assert PLANTED not in str(caught.value)
    assert list_files(folder) == before


def list_files(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("SELECT count(*) FROM i94.immigration", 0),
        ("SELECT n FROM read_parquet('{home}/lake/staged/*/*.parquet')", 42),
        ("DESCRIBE i94.i94mode", "code"),
        ("SELECT count(*) FROM arrivals_cube", 0),
        ("SELECT list_has_all(list(name), ['arrivals_cube', 'immigration']) FROM (SHOW TABLES)", True),
        ("SELECT sum(range) FROM range(1000001)", 500_000_500_000),
        ("FROM (VALUES (1))", 1),
    ],
)
def test_a_query_reads_the_warehouse_and_what_is_staged(folder: Path, sql: str, value: object) -> None:
    rows = build_warehouse(folder).run_user_query(sql.format(home=folder))
    assert rows.column(0)[0].as_py() == value


@pytest.mark.parametrize(
    "sql",
    ["SELECT count(*) FROM range(10000000000) AS a, range(1000) AS b", "SELECT max(i) FROM range(1e15::BIGINT) t(i)"],
)
def test_a_query_is_stopped_when_its_time_is_up(folder: Path, sql: str) -> None:
    with pytest.raises(PermanentError, match="I94_QUERY_TIMEOUT"):
        build_warehouse(folder, query_timeout=0.3).run_user_query(sql)


@pytest.mark.parametrize(
    "sql",
    ["SELECT * FROM range(100000000000)", "SELECT list(range) FROM range(100000000)"],
)
def test_a_query_and_its_rows_stay_within_the_memory(folder: Path, sql: str) -> None:
    with pytest.raises(PermanentError, match="50MB"):
        build_warehouse(folder, memory_limit="50MB").run_user_query(sql)


def test_a_query_spills_at_most_ten_times_its_memory(folder: Path) -> None:
    random = "WITH m AS MATERIALIZED (SELECT range AS n, random() AS h FROM range(20000000))"
    sql = f"{random} SELECT sum(a.n) FROM m AS a POSITIONAL JOIN m AS b WHERE a.h <> b.h"
    with pytest.raises(PermanentError, match="more memory than 20MB"):
        build_warehouse(folder, memory_limit="20MB").run_user_query(sql)


def test_what_a_query_spills_is_removed(folder: Path) -> None:
    build_warehouse(folder).run_user_query("SELECT 1")
    assert not [path for path in (folder / "scratch").iterdir() if re.match("query-", path.name)]

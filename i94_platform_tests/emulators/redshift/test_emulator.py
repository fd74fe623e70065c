"""Test the Redshift emulator that other tests stand on: what it refuses, or they would prove nothing.

Plain PostgreSQL loads every one of the wrong files here; that the emulator refuses them is what gives it value.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from i94_platform_tests.emulators.redshift.emulator import ROLE
from i94_platform_tests.emulators.redshift.recorded import (
    MANIFEST_WITHOUT_META,
    WRONG_LENGTH,
)
from i94_platform_tests.emulators.redshift.statements import RefusedStatement, translate
from i94_platform_tests.emulators.s3 import S3Server


@pytest.fixture
def put(s3_server: S3Server) -> Callable[..., str]:
    """Puts files and a manifest of them; the COPY that loads it."""
    bucket, client = s3_server.create_bucket(), s3_server.create_client()

    def write(*files: pa.Table, **entry: Any) -> str:
        entries = []
        for number, rows in enumerate(files):
            content = io.BytesIO()
            pq.write_table(rows, content)
            client.put_object(Bucket=bucket, Key=f"f{number}", Body=content.getvalue())
            meta = {"content_length": len(content.getvalue())}
            entries.append({"url": f"s3://{bucket}/f{number}", "mandatory": True, "meta": meta, **entry})
        client.put_object(Bucket=bucket, Key="m", Body=json.dumps({"entries": entries}).encode())
        return f"COPY t FROM 's3://{bucket}/m' IAM_ROLE '{ROLE}' FORMAT AS PARQUET MANIFEST"

    return write


def rows(codes: list[int | None], names: list[str | None], type_: pa.DataType | None = None) -> pa.Table:
    return pa.table({"code": pa.array(codes, type_ or pa.int32()), "name": pa.array(names, pa.string())})


def test_a_good_file_is_loaded_with_nulls_and_empty_texts_distinguished(
    execute: Callable[[str], Any], put: Callable[..., str]
) -> None:
    execute(put(rows([1, 2, 3], ['a,"', "", None]), rows([4], ["\n'"])))
    assert execute("SELECT * FROM t ORDER BY code") == [(1, 'a,"'), (2, ""), (3, None), (4, "\n'")]


def test_columns_are_taken_by_their_place(execute: Callable[[str], Any], put: Callable[..., str]) -> None:
    execute(put(pa.table({"name": pa.array([7], pa.int32()), "code": ["x"]})))
    assert execute("SELECT * FROM t") == [(7, "x")]


WRONG_FILES = {
    "a wider type": (rows([1], ["a"], pa.int64()), "int64 is incompatible with int4"),
    "a narrower type": (rows([1], ["a"], pa.int16()), "int16 is incompatible with int4"),
    "a text for a number": (pa.table({"code": ["1"], "name": ["a"]}), "string is incompatible with int4"),
    "a column too many": (rows([1], ["a"]).append_column("x", pa.array([1])), "Table columns: 2, Data columns: 3"),
    "a column too few": (rows([1], ["a"]).select(["code"]), "Table columns: 2, Data columns: 1"),
    "too many bytes in few letters": (rows([1], ["ÄÖ"]), "Table: 3, Data: 4"),
    "a null": (rows([None], ["a"]), "not-null field code"),
}


@pytest.mark.parametrize("what", WRONG_FILES)
def test_a_wrong_file_is_refused_aborts_the_transaction_and_is_written_down(
    execute: Callable[[str], Any], put: Callable[..., str], what: str
) -> None:
    table, message = WRONG_FILES[what]
    copy = put(rows([1], ["a"]), table)
    execute("BEGIN")
    execute("INSERT INTO t VALUES (9, 'x')")
    with pytest.raises(psycopg2.Error, match=message):
        execute(copy)
    with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
        execute("SELECT 1")
    execute("ROLLBACK")
    assert execute("SELECT * FROM t") == []
    ((file, reason),) = execute("SELECT file_name, error_message FROM sys_load_error_detail")
    assert file.endswith("/f1")
    assert message in reason


def test_a_copy_is_undone_with_its_transaction(execute: Callable[[str], Any], put: Callable[..., str]) -> None:
    copy = put(rows([1], ["a"]))
    execute("BEGIN")
    execute(copy)
    assert execute("SELECT count(*) FROM t") == [(1,)]
    execute("ROLLBACK")
    assert execute("SELECT count(*) FROM t") == [(0,)]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"meta": {}}, MANIFEST_WITHOUT_META.message),
        ({"meta": {"content_length": 1}}, WRONG_LENGTH.message),
        ({"url": "s3://nowhere-at-all/k"}, "does not exist"),
    ],
)
def test_a_wrong_manifest_is_refused(
    execute: Callable[[str], Any], put: Callable[..., str], entry: dict[str, Any], message: str
) -> None:
    copy = put(rows([1], ["a"]), **entry)
    with pytest.raises(psycopg2.Error, match=message):
        execute(copy)


def test_a_missing_file_that_is_not_mandatory_is_passed_over_in_silence(
    execute: Callable[[str], Any], put: Callable[..., str]
) -> None:
    """This is Redshift's default, and why every entry of ours is mandatory."""
    execute(put(rows([1], ["a"]), url="s3://nowhere-at-all/k", mandatory=False))
    assert execute("SELECT count(*) FROM t") == [(0,)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda sql: sql + " MAXERROR 5", "MAXERROR is not supported for PARQUET"),
        (lambda sql: sql + " REGION 'us-east-1'", "REGION is not supported for PARQUET"),
        (lambda sql: sql.replace(f"IAM_ROLE '{ROLE}'", ""), "credentials"),
        (lambda sql: sql.replace(" MANIFEST", ""), "by manifest only"),
        (lambda sql: sql.replace("/m'", "/gone'"), "specified key does not exist"),
    ],
)
def test_a_copy_that_redshift_does_not_take_is_refused(
    execute: Callable[[str], Any], put: Callable[..., str], change: Callable[[str], str], message: str
) -> None:
    with pytest.raises(psycopg2.Error, match=message):
        execute(change(put(rows([1], ["a"]))))


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t VALUES (1, 'a') ON CONFLICT DO NOTHING",
        "INSERT INTO t VALUES (1, 'a') RETURNING code",
        "DELETE FROM t RETURNING code",
        "SAVEPOINT a",
        "ROLLBACK TO SAVEPOINT a",
        "CREATE INDEX i ON t (code)",
        "CREATE TABLE s (id SERIAL)",
        "SELECT * FROM t FOR UPDATE",
        "SELECT pg_advisory_lock(1)",
        "LOCK t IN EXCLUSIVE MODE",
        "CREATE ROLE IF NOT EXISTS r",
        "DO $$ BEGIN END $$",
        "SELECT 1; SELECT 2",
        "CREATE TABLE w (a VARCHAR(3) ENCODE az64)",
        "CREATE TABLE w (a INTEGER ENCODE zip)",
        "ALTER TABLE t ADD COLUMN a INTEGER NOT NULL",
        "ALTER TABLE t ADD COLUMN a INTEGER, ADD COLUMN b INTEGER",
        "ALTER TABLE t ADD COLUMN a VARCHAR(3) ENCODE az64",
        "CREATE TABLE w (a INTEGER) DISTSTYLE KEY",
        "CREATE TABLE w (a INTEGER) DISTKEY (b)",
        "CREATE TABLE w (a INTEGER) SORTKEY (a, b)",
        "SELECT count(*) FILTER (WHERE code > 1) FROM t",
        "SELECT ARRAY[1, 2]",
        "SELECT string_agg(name, ',') FROM t",
        "SELECT * FROM generate_series(1, 3)",
        "SELECT * FROM (VALUES (1)) AS v (a)",
        "SELECT 1 WHERE 1 IS DISTINCT FROM 2",
        "SELECT * FROM svv_table_info",
        "SELECT * FROM stv_locks",
        "INSERT INTO t SELECT 1, 'ÄÖ'",
        "LISTEN t",
    ],
)
def test_a_statement_that_redshift_refuses_aborts_the_transaction(execute: Callable[[str], Any], sql: str) -> None:
    execute("BEGIN")
    with pytest.raises(psycopg2.Error):
        execute(sql)
    with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
        execute("SELECT 1")


def test_a_vacuum_in_a_transaction_is_refused_and_one_outside_is_run(execute: Callable[[str], Any]) -> None:
    execute("VACUUM t")
    execute("BEGIN")
    with pytest.raises(psycopg2.Error, match="transaction block"):
        execute("VACUUM t")


def test_truncate_commits(execute: Callable[[str], Any]) -> None:
    execute("INSERT INTO t VALUES (1, 'a')")
    execute("BEGIN")
    execute("TRUNCATE t")
    execute("ROLLBACK")
    assert execute("SELECT * FROM t") == []


def test_keys_are_not_enforced(execute: Callable[[str], Any]) -> None:
    execute("CREATE TABLE k (a INTEGER PRIMARY KEY, b INTEGER UNIQUE REFERENCES t (code), UNIQUE (a, b))")
    execute("INSERT INTO k VALUES (1, 1), (1, 1)")
    assert execute("SELECT count(*) FROM k") == [(2,)]


def test_words_in_texts_are_not_taken_for_statements(execute: Callable[[str], Any]) -> None:
    assert execute("SELECT 'a; ON CONFLICT RETURNING', 'DISTKEY (x)' -- SAVEPOINT; x") == [
        ("a; ON CONFLICT RETURNING", "DISTKEY (x)")
    ]


def test_what_is_cut_out_of_a_table_is_handed_back() -> None:
    translation = translate(
        'CREATE TABLE IF NOT EXISTS s.t ("a" INTEGER ENCODE az64 NOT NULL) DISTSTYLE ALL SORTKEY ("a")'
    )
    assert translation.sql == 'CREATE TABLE IF NOT EXISTS s.t ("a" INTEGER NOT NULL)'
    assert translation.layout is not None
    assert (translation.table, translation.layout.diststyle, translation.layout.sortkey) == ("s.t", "ALL", ("a",))
    assert translation.layout.encodings == {"a": "az64"}
    assert translate("ALTER TABLE s.t ADD COLUMN b INTEGER ENCODE az64").sql == "ALTER TABLE s.t ADD COLUMN b INTEGER"


@pytest.mark.parametrize(
    ("redshift", "postgresql"),
    [
        ("GRANT SELECT ON t TO ROLE r", "GRANT SELECT ON t TO r"),
        ("REVOKE ROLE r FROM ann", "REVOKE r FROM ann"),
        ("REVOKE ALL ON t FROM ROLE r", "REVOKE ALL ON t FROM r"),
        ("GRANT ANALYZE TO ROLE r", "DO 'BEGIN END'"),
        ("SET query_group TO 'a role'", "SET redshift.query_group TO 'a role'"),
    ],
)
def test_access_is_translated(redshift: str, postgresql: str) -> None:
    assert translate(redshift).sql == postgresql


def test_a_refusal_says_what_redshift_would(execute: Callable[[str], Any]) -> None:
    with pytest.raises(RefusedStatement, match="savepoints"):
        translate("SAVEPOINT a")
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match="savepoints"):
        execute("SAVEPOINT a")

"""What errors of Python and of libraries become: one sentence with path and cure, and no text of a library.

Most errors here are real ones, raised by the operating system or by the library itself.
"""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlalchemy as sa

from i94_platform.errors import PermanentError, PlatformError, TransientError
from i94_platform.foreign_errors import describe_fault, translate_error
from i94_platform.lake.local import LocalStore

PERSONAL = "55455455033"
"""Stands for a value of a traveller, which no message may show."""


@contextmanager
def limit(kind: int, soft: int) -> Iterator[None]:
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


def catch(action: Callable[[], Any]) -> Exception:
    try:
        action()
    except Exception as error:
        return error
    pytest.fail("nothing was raised")


def translate(error: BaseException) -> PlatformError:
    translated = translate_error(error)
    assert translated is not None, repr(error)
    message = str(translated)
    assert message.endswith("."), message
    assert "\n" not in message
    assert "Error:" not in message
    return translated


def write_beyond_the_limit(folder: Path) -> None:
    with limit(resource.RLIMIT_FSIZE, 1_000):
        LocalStore(folder).put("big.json", b"x" * 10_000)


def open_too_many_files(folder: Path) -> None:
    files = []
    descriptors = len(os.listdir("/proc/self/fd")) + 8
    with limit(resource.RLIMIT_NOFILE, descriptors):
        try:
            for _ in range(descriptors + 1):  # those above the limit may be open already, and leave room below it
                files.append(Path("/dev/null").open())  # noqa: SIM115 (they must stay open)
        finally:
            for file in files:
                file.close()


def follow_a_circle(folder: Path) -> None:
    (folder / "circle").symlink_to(folder / "circle")
    LocalStore(folder).read("circle")


def write_below_a_file(folder: Path) -> None:
    (folder / "home").touch()
    LocalStore(folder / "home").put("lake/x.json", b"")


SYSTEM_ERRORS: dict[str, tuple[Callable[[Path], Any], str, str]] = {
    "a file beyond the limit": (write_beyond_the_limit, "big.json", "ulimit -f"),
    "too many open files": (open_too_many_files, "/dev/null", "ulimit -n"),
    "a circle of links": (follow_a_circle, "circle", "remove the link"),
    "a folder below a file": (write_below_a_file, "home", "a file is where a folder is needed"),
    "a long name": (lambda folder: LocalStore(folder).put("x" * 300, b""), "x" * 300, "a shorter one"),
    "a folder for a file": (lambda folder: LocalStore("/").read(str(folder)), "", "a folder is where a file is needed"),
    "a missing file": (lambda folder: LocalStore(folder).read("gone"), "gone", "does not exist"),
}


@pytest.mark.parametrize("case", SYSTEM_ERRORS)
def test_an_error_of_the_operating_system_names_the_file_and_what_to_do(case: str, tmp_path: Path) -> None:
    fail, name, cure = SYSTEM_ERRORS[case]
    error = translate(catch(lambda: fail(tmp_path)))
    assert isinstance(error, PermanentError)
    assert name in str(error)
    assert cure in str(error)


def test_a_full_disk_names_the_file(tmp_path: Path) -> None:
    def write_to_a_full_disk() -> None:
        with LocalStore(tmp_path).create("lake/x.parquet"), Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"x")

    message = str(translate(catch(write_to_a_full_disk)))
    assert str(tmp_path / "lake" / "x.parquet") in message
    assert "disk is full" in message


@pytest.mark.parametrize(
    ("number", "class_", "words"),
    [
        (errno.EROFS, PermanentError, "read-only"),  # root may write everywhere else
        (errno.EACCES, PermanentError, "permission is denied"),
        (errno.EPERM, PermanentError, "permission is denied"),
        (errno.EDQUOT, PermanentError, "quota"),
        (errno.EIO, TransientError, "disk"),
        (errno.ESTALE, TransientError, "network share"),
        (errno.ECONNRESET, TransientError, "run again"),
    ],
)
def test_errors_that_this_machine_can_not_raise_are_known(number: int, class_: type[PlatformError], words: str) -> None:
    error = translate(OSError(number, os.strerror(number), "/data/lake"))
    assert type(error) is class_
    assert str(error).startswith("/data/lake: ")
    assert words in str(error)


def query(sql: str, **config: str) -> Any:
    with duckdb.connect(":memory:", config=dict(config)) as connection:
        return connection.execute(sql).fetchall()


def write_garbage(path: Path) -> Path:
    path.write_bytes(b"x" * 20_000)
    return path


def copy_beyond_the_limit(folder: Path) -> None:
    with limit(resource.RLIMIT_FSIZE, 10_000):
        query(f"COPY (SELECT hash(range) FROM range(1000000)) TO '{folder}/big.parquet' (FORMAT parquet)")


DUCKDB_ERRORS: dict[str, tuple[Callable[[Path], Any], str, str]] = {
    "no database": (lambda folder: query(f"ATTACH '{write_garbage(folder / 'x.duckdb')}'"), "x.duckdb", "move it away"),
    "no Parquet file": (
        lambda folder: query(f"FROM read_parquet('{write_garbage(folder / 'x.parquet')}')"),
        "x.parquet",
        "no Parquet file",
    ),
    "a database below a file": (
        lambda folder: query(f"ATTACH '{write_garbage(folder / 'x')}/w.duckdb'"),
        "x/w.duckdb",
        "a file is where a folder is needed",
    ),
    "a full disk": (
        lambda folder: query("COPY (FROM range(100000)) TO '/dev/full' (FORMAT csv)"),
        "/dev/full",
        "disk is full",
    ),
    "a file beyond the limit": (copy_beyond_the_limit, "big.parquet", "ulimit -f"),
    "a low memory limit": (
        lambda folder: query("SELECT list(range) FROM range(10000000)", memory_limit="1MB", temp_directory=""),
        "",
        "I94_MEMORY_LIMIT",
    ),
    "an unknown column": (lambda folder: query("SELECT cicid FROM range(1)"), "", "other columns"),
    "an unknown table": (lambda folder: query("FROM i94.immigration"), "", "other columns"),
    "a text for a number": (lambda folder: query(f"SELECT '{PERSONAL}x'::INTEGER"), "", "type of its column"),
    "a number too large": (lambda folder: query(f"SELECT {PERSONAL}::INTEGER"), "", "type of its column"),
}


@pytest.mark.parametrize("case", DUCKDB_ERRORS)
def test_an_error_of_duckdb_says_what_to_do_without_its_words(case: str, tmp_path: Path) -> None:
    fail, name, words = DUCKDB_ERRORS[case]
    error = translate(catch(lambda: fail(tmp_path)))
    assert isinstance(error, PermanentError)
    assert name in str(error)
    assert words in str(error)
    assert PERSONAL not in str(error)
    assert not any(word in str(error) for word in ("IO Error", "Binder", "Catalog", "Invalid", "Conversion"))


def execute_sqlite(address: str, sql: str) -> None:
    with sqlite3.connect(address, uri=True) as connection:
        connection.execute(sql)


def write_read_only(folder: Path) -> None:
    execute_sqlite(f"file:{folder}/x.db", "CREATE TABLE t (a)")
    execute_sqlite(f"file:{folder}/x.db?mode=ro", "INSERT INTO t VALUES (1)")


SQLITE_ERRORS: dict[str, tuple[Callable[[Path], Any], type[PlatformError], str]] = {
    "no database": (
        lambda folder: execute_sqlite(f"file:{write_garbage(folder / 'x.db')}", "CREATE TABLE t (a)"),
        PermanentError,
        "is damaged",
    ),
    "no folder": (lambda folder: execute_sqlite(f"file:{folder}/no/x.db", ""), PermanentError, "can't be opened"),
    "read-only": (
        write_read_only,
        PermanentError,
        "can't be written",
    ),
    "through SQLAlchemy": (
        lambda folder: sa.inspect(sa.create_engine(f"sqlite:///{write_garbage(folder / 'x.db')}")).get_table_names(),
        PermanentError,
        "is damaged",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SQLITE_ERRORS)
def test_an_error_of_sqlite_says_what_to_do(case: str, tmp_path: Path) -> None:
    fail, class_, words = SQLITE_ERRORS[case]
    error = translate(catch(lambda: fail(tmp_path)))
    assert type(error) is class_
    assert words in str(error)


@pytest.mark.parametrize(
    ("error", "class_", "words"),
    [
        (sqlite3.OperationalError("disk I/O error"), PermanentError, "disk of I94_HOME"),
        (sqlite3.OperationalError("database or disk is full"), PermanentError, "disk is full"),
        (sqlite3.OperationalError("database is locked"), TransientError, "in use by another process"),
        (catch(b"caf\xe9".decode), PermanentError, "UTF-8"),
        (catch(lambda: pa.array([PERSONAL]).cast(pa.int32())), PermanentError, "correct what was delivered"),
        (MemoryError(), PermanentError, "memory"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_other_errors_say_what_to_do(error: Exception, class_: type[PlatformError], words: str) -> None:
    translated = translate(error)
    assert type(translated) is class_
    assert words in str(translated)
    assert PERSONAL not in str(translated)


def test_an_error_of_aws_is_named_by_its_code() -> None:
    from botocore.exceptions import ClientError

    error = ClientError({"Error": {"Code": "SlowDown", "Message": "reduce"}}, "PutObject")
    assert "SlowDown" in str(translate(error))


def test_the_cause_of_an_error_is_translated_and_an_error_of_ours_stays() -> None:
    ours = PermanentError("G.csv lacks the column i94port; deliver it again.")
    wrapped = RuntimeError("a step failed")
    wrapped.__cause__ = ours
    assert translate_error(wrapped) is ours
    wrapped.__cause__ = OSError(errno.ENOSPC, "no space", "/data/x")
    assert "/data/x" in str(translate(wrapped))


def test_a_fault_in_the_code_is_named_by_its_place_and_without_its_message() -> None:
    values: dict[str, str] = {}
    error = catch(lambda: values[PERSONAL])
    assert translate_error(error) is None
    assert "KeyError at test_foreign_errors.py:" in describe_fault(error)
    assert PERSONAL not in describe_fault(error)

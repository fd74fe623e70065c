"""Test that a compressed delivery is read, or refused with what is wrong with it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from i94_platform.engine.base import Engine
from i94_platform.errors import PermanentError
from i94_platform_tests.sources.delivered_rows import GOOD, read_delivered, render_csv
from i94_platform_tests.support.damage.compression import zip_files

TEXT = render_csv([GOOD, GOOD])


DATA = TEXT.encode()
MACOS = {"__MACOSX/._a.csv": b"\x00\x05\x16\x07", "folder/": b""}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("i94_apr16_sub.csv.gz", gzip.compress(DATA, mtime=0)),
        ("i94_apr16_sub.CSV.GZ", gzip.compress(DATA[:100], mtime=0) + gzip.compress(DATA[100:], mtime=0)),
        ("i94_apr16_sub.csv.zip", zip_files({"any name.csv": DATA})),
        ("i94_apr16_sub.csv.zip", zip_files({"a.csv": TEXT.encode("utf-16"), **MACOS})),
    ],
)
def test_a_compressed_file_is_read(duckdb: Engine, raw: Path, tmp_path: Path, name: str, content: bytes) -> None:
    (raw / name).write_bytes(content)
    delivered = read_delivered(duckdb, raw, tmp_path / "lake")
    assert [row["cicid"] for row in delivered.rows] == [1.0, 2.0]
    assert delivered.prepared.independent_rows == {name: 2}


ENCRYPTED = bytearray(zip_files({"a.csv": DATA}))
ENCRYPTED[6] |= 1
ENCRYPTED[ENCRYPTED.index(b"PK\x01\x02") + 8] |= 1


@pytest.mark.parametrize(
    ("name", "content", "facts"),
    [
        ("a.csv.gz", gzip.compress(DATA, mtime=0)[:-20], "can't be decompressed"),
        ("a.csv.gz", DATA, "is no gz file"),
        ("a.csv.gz", b"", "0 bytes"),
        ("a.csv.gz", gzip.compress(b"<html></html>", mtime=0), "HTML page"),
        ("a.csv.gz", gzip.compress(b"", mtime=0), "0 bytes"),
        ("a.csv.zip", zip_files({"a.csv": DATA, "b.csv": DATA}), "holds 2 files"),
        ("a.csv.zip", zip_files({}), "holds 0 files"),
        ("a.csv.zip", zip_files({"a.csv": DATA})[:-30], "can't be decompressed"),
        ("a.csv.zip", zip_files({"a.csv": DATA})[10:], "is no zip file"),
        ("a.csv.zip", b"PK" + zip_files({"a.csv": DATA})[200:], "can't be decompressed"),
        ("a.csv.zip", gzip.compress(DATA, mtime=0), "is no zip file"),
        ("a.csv.zip", bytes(ENCRYPTED), "encrypted"),
        ("a.csv.zip", zip_files({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}), "holds 2 files"),
        ("a.csv", gzip.compress(DATA, mtime=0), "is a gzip file"),
        ("a.csv", zip_files({"a.csv": DATA}), "is a zip file"),
        ("a.csv.gz", gzip.compress(gzip.compress(DATA, mtime=0), mtime=0), "is a gzip file"),
    ],
)
def test_a_compressed_file_that_can_not_be_read_is_refused(
    duckdb: Engine, raw: Path, tmp_path: Path, name: str, content: bytes, facts: str
) -> None:
    (raw / name).write_bytes(content)
    with pytest.raises(PermanentError) as failure:
        read_delivered(duckdb, raw, tmp_path / "lake")
    assert str(failure.value).startswith(name)
    assert facts in str(failure.value)

"""Test that a file which is not what its name says is refused with a sentence that says what it is.

Wrong here before: an HTML page, a Git LFS pointer and an AppleDouble file "lack the columns cicid, …".
"""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from i94_platform.errors import PermanentError
from i94_platform.lake.local import LocalStore
from i94_platform.sources.sniffing import ExpectedFormat, check_content
from i94_platform_tests.sources.delivered_files import write_sas_delivery
from i94_platform_tests.support.arrivals import delivered_table


def parquet_bytes() -> bytes:
    """A small Parquet file."""
    target = io.BytesIO()
    pq.write_table(pa.table({"cicid": [1.0] * 100}), target)
    return target.getvalue()


def zip_bytes(member: str) -> bytes:
    """A zip file of one member."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(member, "cicid\n1\n")
    return target.getvalue()


CSV_BYTES = b"cicid,i94yr\n1,2016\n"
ENCRYPTED_ZIP = b"PK\x03\x04\x14\x00\x01\x00" + b"x" * 100

FOREIGN: list[tuple[bytes, str]] = [
    (b"", "0 bytes"),
    (b"\x00" * 5_000, "NUL bytes"),
    (b"\xef\xbb\xbf \n<!DOCTYPE html>\n<html>", "HTML page"),
    (b"<html lang='en'>", "HTML page"),
    ("<html>".encode("utf-16"), "HTML page"),
    (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "XML document"),
    (b"<Error><Code>NoSuchKey</Code></Error>", "XML document"),
    (b'{"cicid": 1}', "JSON document"),
    (b'[{"cicid": 1}]', "JSON document"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:6c\nsize 1\n", "Git LFS pointer"),
    (b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        ", "AppleDouble"),
    (gzip.compress(CSV_BYTES, mtime=0), "gzip"),
    (zip_bytes("a.csv"), "zip"),
    (ENCRYPTED_ZIP, "encrypted zip"),
    (zip_bytes("[Content_Types].xml"), "spreadsheet"),
    (zip_bytes("xl/workbook.xml"), "spreadsheet"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), ".xls"),
    (b"PARE" + bytes(100) + b"PARE", "encrypted Parquet"),
    (b"ORC\x00", "ORC"),
    (b"Salted__\x01\x02", "encrypted"),
    (bytes(12) + b"\xc2\xea\x81\x63\xb3\x14" + bytes(600), "SAS catalog"),
    (bytes(257) + b"ustar\x00" + bytes(300), "tar archive"),
]


@pytest.mark.parametrize("expected", ["csv", "text", "parquet", "sas7bdat"])
@pytest.mark.parametrize(("content", "kind"), FOREIGN, ids=[kind for _, kind in FOREIGN])
def test_a_foreign_file_is_refused_with_what_it_is(
    tmp_path: Path, content: bytes, kind: str, expected: ExpectedFormat
) -> None:
    message = refusal(tmp_path, content, expected)
    assert message.startswith("delivered.file ")
    if not content.startswith(bytes(257)):  # a tar archive without a name begins with NUL bytes
        assert kind in message


def refusal(folder: Path, content: bytes, expected: ExpectedFormat) -> str:
    """The message with which a file is refused."""
    (folder / "delivered.file").write_bytes(content)
    store = LocalStore(folder)
    with pytest.raises(PermanentError) as failure:
        check_content(store, next(store.list()), expected)
    return str(failure.value)


def test_a_file_under_the_ending_of_another_format_is_refused_with_both(tmp_path: Path) -> None:
    assert "is a Parquet file, not a CSV file" in refusal(tmp_path, parquet_bytes(), "csv")
    assert "is a Parquet file, not a SAS file" in refusal(tmp_path, parquet_bytes(), "sas7bdat")
    assert "is text, not a Parquet file" in refusal(tmp_path, CSV_BYTES, "parquet")
    assert "is text, not a SAS file" in refusal(tmp_path, "cicid\n".encode("utf-16"), "sas7bdat")
    write_sas_delivery(tmp_path / "delivered.file", delivered_table([{}]))
    sas = (tmp_path / "delivered.file").read_bytes()
    assert "is a SAS file, not a CSV file" in refusal(tmp_path, sas, "csv")
    assert "unknown format" in refusal(tmp_path, b"\x01\x02\x03", "parquet")


@pytest.mark.parametrize("length", [-1, -8, 10, 4])
def test_a_parquet_file_without_its_end_is_refused(tmp_path: Path, length: int) -> None:
    assert "its end is missing" in refusal(tmp_path, parquet_bytes()[:length], "parquet")


@pytest.mark.parametrize("content", [b"cicid,g\n1,\x00\n", "cicid\n".encode("utf-16-le")])
def test_text_with_nul_bytes_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "has NUL bytes" in refusal(tmp_path, content, "csv")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (CSV_BYTES, "csv"),
        ("cicid\n1\n".encode("utf-16"), "csv"),
        (b"\xef\xbb\xbfcicid\n", "csv"),
        (b"cicid;\xe9\n", "text"),
        (parquet_bytes(), "parquet"),
    ],
)
def test_what_a_name_says_is_let_through(tmp_path: Path, content: bytes, expected: ExpectedFormat) -> None:
    (tmp_path / "delivered.file").write_bytes(content)
    store = LocalStore(tmp_path)
    check_content(store, next(store.list()), expected)

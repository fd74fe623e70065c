"""Test how SAS files are read: in parts of their pages, compressed or not, with deleted rows, in any encoding."""

from __future__ import annotations

import gzip
import io
import math
import random
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyreadstat
import pytest

from i94_platform.engine.base import Engine
from i94_platform.errors import PermanentError
from i94_platform.lake.local import LocalStore
from i94_platform.sources.immigration import DELIVERED_COLUMNS
from i94_platform.sources.sas import SasReport, count_sas_rows, read_sas_part, split_sas
from i94_platform_tests.sources.delivered_files import SAS, WIDTHS
from i94_platform_tests.support.arrivals import APRIL, GOOD_ROW
from i94_platform_tests.support.sas import load_readstat, write_sas
from i94_platform_tests.support.sas_byte_order import to_big_endian
from i94_platform_tests.support.sas_pages import PAGE_HEADER, SasImage
from i94_platform_tests.support.staging import stage_into_lake

ROWS = 60
"""Rows of a file: they take several pages."""

TEXTS = 20
"""The width of a text in bytes."""


@pytest.fixture
def image(raw: Path) -> SasImage:
    """A file of `ROWS` rows, whose `cicid` counts from 0 and whose `gender` is a text to replace."""
    if load_readstat() is None:
        pytest.skip("this build of pyreadstat keeps ReadStat's writing functions to itself")
    rows = [GOOD_ROW | {"cicid": float(number), "gender": f"text {number:02}"} for number in range(ROWS)]
    write_sas(raw / SAS, WIDTHS, rows, ROWS)
    return SasImage.read(raw / SAS)


def read(raw: Path, chunk_rows: int = 1_000, name: str = SAS) -> tuple[list[pd.DataFrame], SasReport]:
    """Read a landed file."""
    store, report = LocalStore(raw), SasReport()
    file = next(file for file in store.list() if file.path == name)
    frames = []
    for part in split_sas(store, file, chunk_rows, report):
        frame, latin_1_texts = read_sas_part(part)
        report.latin_1_texts.update(latin_1_texts)
        frames.append(frame)
    return frames, report


def count(raw: Path) -> int:
    """Count the rows of the landed file."""
    store = LocalStore(raw)
    return count_sas_rows(store, next(file for file in store.list() if file.path == SAS))


def zip_bytes(data: bytes) -> bytes:
    """Make a zip file of one member."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(SAS, data)
    return target.getvalue()


def numbers(frames: list[pd.DataFrame]) -> list[int]:
    """The `cicid` of all rows."""
    return [int(value) for frame in frames for value in frame["cicid"]]


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("chunk_rows", [1, 17, 1_000])
def test_every_row_is_read_once_and_in_order(raw: Path, image: SasImage, is_compressed: bool, chunk_rows: int) -> None:
    image.write(raw / SAS, is_compressed=is_compressed)
    frames, report = read(raw, chunk_rows)
    assert numbers(frames) == list(range(ROWS))
    assert [len(frame) >= chunk_rows for frame in frames[:-1]] == [True] * (len(frames) - 1)
    assert (len(frames) > 1) == (chunk_rows < ROWS)
    assert count(raw) == ROWS
    assert report == SasReport(rows=ROWS)


def test_a_32_bit_file_is_read(raw: Path, image: SasImage) -> None:
    rows = [GOOD_ROW | {"cicid": float(number)} for number in range(ROWS)]
    write_sas(raw / SAS, WIDTHS, rows, ROWS, is_64_bit=False)
    frames, _ = read(raw, 17)
    assert numbers(frames) == list(range(ROWS))
    assert len(frames) > 1


@pytest.mark.parametrize("deleted", [set[int](), {0, 3, 40}])
def test_a_big_endian_file_is_read(raw: Path, image: SasImage, deleted: set[int]) -> None:
    image.write(raw / SAS, deleted=deleted)
    little, _ = read(raw, 17)
    (raw / SAS).write_bytes(to_big_endian((raw / SAS).read_bytes()))
    big, report = read(raw, 17)
    assert len(big) == len(little) > 1
    pd.testing.assert_frame_equal(pd.concat(big), pd.concat(little))
    assert (report.rows, report.deleted_rows) == (ROWS - len(deleted), len(deleted))


def test_a_file_without_rows_has_its_columns(raw: Path, image: SasImage) -> None:
    write_sas(raw / SAS, WIDTHS, [], 0)
    frames, _ = read(raw)
    assert [len(frame) for frame in frames] == [0]
    assert list(frames[0].columns) == list(DELIVERED_COLUMNS)
    assert count(raw) == 0


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("chunk_rows", [1, 17, 1_000])
@pytest.mark.parametrize("deleted", [{0}, {ROWS - 1}, {3, 4, 5, 21, 40}, set(range(10, 50)), set(range(ROWS))])
def test_rows_that_are_marked_as_deleted_are_left_out_and_counted(
    raw: Path, image: SasImage, is_compressed: bool, chunk_rows: int, deleted: set[int]
) -> None:
    image.write(raw / SAS, deleted=deleted, is_compressed=is_compressed)
    frames, report = read(raw, chunk_rows)
    assert numbers(frames) == [number for number in range(ROWS) if number not in deleted]
    assert (report.rows, report.deleted_rows) == (ROWS - len(deleted), len(deleted))
    assert f"{SAS} marks {len(deleted)} rows as deleted" in report.list_remarks(SAS)[0]
    assert count(raw) == ROWS - len(deleted)


@pytest.mark.parametrize("chunk_rows", [1, 17, 1_000])
@pytest.mark.parametrize("moved", [{0}, {ROWS - 1}, {3, 4, 5, 21, 40}, set(range(ROWS))])
def test_rows_that_were_moved_to_other_pages_are_read_in_their_places(
    raw: Path, image: SasImage, chunk_rows: int, moved: set[int]
) -> None:
    image.write(raw / SAS, moved=moved, is_compressed=True)
    frames, report = read(raw, chunk_rows)
    assert numbers(frames) == list(range(ROWS))
    assert report == SasReport(rows=ROWS)


@pytest.mark.parametrize("chunk_rows", [1, 17, 1_000])
def test_rows_that_a_compressed_file_does_not_compress_are_read(raw: Path, image: SasImage, chunk_rows: int) -> None:
    image.write(raw / SAS, plain={0, 7, 30, ROWS - 1}, deleted={8}, is_compressed=True)
    frames, report = read(raw, chunk_rows)
    assert numbers(frames) == [number for number in range(ROWS) if number != 8]
    assert report == SasReport(rows=ROWS - 1, deleted_rows=1)


def test_a_row_that_was_moved_out_of_the_file_is_refused(raw: Path, image: SasImage) -> None:
    image.write(raw / SAS, moved={0}, is_compressed=True)
    data = bytearray((raw / SAS).read_bytes())
    first_pointer = len(image.header) + len(image.metadata) + PAGE_HEADER
    data[first_pointer] += 100
    (raw / SAS).write_bytes(data)
    with pytest.raises(PermanentError, match="not in the file"):
        read(raw)


def replace_texts(image: SasImage, texts: dict[int, bytes]) -> SasImage:
    """Replace the text `gender` of these rows by bytes."""
    rows = list(image.rows)
    for number, text in texts.items():
        rows[number] = rows[number].replace(f"text {number:02}".encode().ljust(TEXTS), text.ljust(TEXTS))
        assert rows[number] != image.rows[number]
    return replace(image, rows=rows)


UTF_8, LATIN_1, WINDOWS_1252, UNDECLARED, UNKNOWN = 20, 29, 62, 0, 250


@pytest.mark.parametrize(
    ("encoding", "texts", "expected", "undecodable"),
    [
        pytest.param(UTF_8, {7: "MÉXICO".encode()}, {7: "MÉXICO"}, 0, id="UTF-8"),
        pytest.param(LATIN_1, {7: b"M\xc9XICO"}, {7: "MÉXICO"}, 0, id="Latin-1"),
        pytest.param(WINDOWS_1252, {7: b"\x80 5"}, {7: "€ 5"}, 0, id="Windows-1252"),
        pytest.param(UTF_8, {7: b"M\xc9XICO", 8: "ÎLE".encode()}, {7: "MÉXICO", 8: "ÎLE"}, 1, id="Latin-1 among UTF-8"),
        pytest.param(
            WINDOWS_1252, {7: b"\x81\xc9", 8: b"\x80 5"}, {7: "\x81É", 8: "€ 5"}, 1, id="undefined in Windows-1252"
        ),
        pytest.param(UNDECLARED, {7: b"M\xc9XICO", 8: "ÎLE".encode()}, {7: "MÉXICO", 8: "ÎLE"}, 1, id="none declared"),
        pytest.param(UNKNOWN, {7: b"M\xc9XICO"}, {7: "MÉXICO"}, 1, id="unknown number"),
    ],
)
@pytest.mark.parametrize("is_compressed", [False, True])
def test_texts_are_decoded_as_declared_or_read_as_latin_1(
    raw: Path,
    image: SasImage,
    encoding: int,
    texts: dict[int, bytes],
    expected: dict[int, str],
    undecodable: int,
    is_compressed: bool,
) -> None:
    replace_texts(image, texts).write(raw / SAS, encoding=encoding, is_compressed=is_compressed)
    frames, report = read(raw)
    genders = list(frames[0]["gender"])
    assert genders == [expected.get(number, f"text {number:02}") for number in range(ROWS)]
    assert report.latin_1_texts == ({"gender": undecodable} if undecodable else {})
    assert [f"gender ({undecodable})" in remark for remark in report.list_remarks(SAS)] == [True] * (undecodable > 0)


def cut_at(share: float) -> Callable[[bytes], bytes]:
    """Cut a file at a share of its length."""
    return lambda data: data[: math.floor(len(data) * share)]


def overwrite_rows(data: bytes) -> bytes:
    """Overwrite everything behind the metadata, as an encrypted file looks."""
    return data[:12_288] + bytes(byte ^ 0xA5 for byte in data[12_288:])


@pytest.mark.parametrize(
    ("damage", "fact"),
    [
        pytest.param(lambda data: b"", "another file", id="empty"),
        pytest.param(lambda data: b"cicid,i94yr\n" * 1_000, "another file", id="a text"),
        pytest.param(lambda data: data[:15] + b"\x63" + data[16:], "SAS catalog", id="a catalog"),
        pytest.param(lambda data: data[:100], "ends in its header", id="cut in the header"),
        pytest.param(cut_at(0.5), "bytes, and its header says", id="cut in the middle"),
        pytest.param(lambda data: data[:-1], "bytes, and its header says", id="cut at the last byte"),
        pytest.param(lambda data: data + data, "bytes, and its header says", id="two files in one"),
        pytest.param(lambda data: data[:196] + bytes(8) + data[204:], "header is damaged", id="sizes of zero"),
        pytest.param(overwrite_rows, "can't be read as SAS", id="encrypted pages"),
        pytest.param(lambda data: data[:4096] + bytes(len(data) - 4096), "can't be read as SAS", id="zeros"),
        pytest.param(lambda data: data[:-4096] + bytes(4096), f"says {ROWS} rows", id="a last page of zeros"),
    ],
)
@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_damaged_file_is_refused_in_a_sentence(
    raw: Path, image: SasImage, damage: Callable[[bytes], bytes], fact: str, is_compressed: bool
) -> None:
    image.write(raw / SAS, is_compressed=is_compressed)
    (raw / SAS).write_bytes(damage((raw / SAS).read_bytes()))
    with pytest.raises(PermanentError, match=f"^{SAS} can't be read as SAS, because .*; .*[.]$") as caught:
        read(raw)
    assert fact in str(caught.value)
    assert "eadStat" not in str(caught.value)


@pytest.mark.parametrize("seed", range(40))
def test_random_damage_is_refused_or_leaves_every_row(raw: Path, image: SasImage, seed: int) -> None:
    draw = random.Random(seed)
    image.write(raw / SAS, is_compressed=seed % 2 == 1, deleted={3, 40})
    data = bytearray((raw / SAS).read_bytes())
    for _ in range(draw.choice((1, 3, 20))):
        start = draw.randrange(draw.choice((400, len(data))))
        data[start : start + draw.choice((1, 8, 200))] = draw.randbytes(draw.choice((1, 8, 200)))
    (raw / SAS).write_bytes(data)
    try:
        frames, report = read(raw, 17)
    except PermanentError:
        return
    assert sum(map(len, frames)) == report.rows == ROWS - 2


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("stated", [ROWS - 1, ROWS + 1])
def test_a_header_that_states_other_rows_is_refused_with_both_numbers(
    raw: Path, image: SasImage, is_compressed: bool, stated: int
) -> None:
    image.write(raw / SAS, is_compressed=is_compressed, header_rows=stated)
    for use in (read, count):
        with pytest.raises(PermanentError, match=rf"^{SAS} .*{stated} rows.* {ROWS};"):
            use(raw)


def test_columns_without_contract_are_left_out_and_those_with_it_whole(raw: Path, image: SasImage) -> None:
    extra: dict[str, Any] = {"validres": 1.0, "delete_days": 2.0}
    rows = [extra | GOOD_ROW | {"cicid": float(number)} for number in range(ROWS)]
    write_sas(raw / SAS, dict.fromkeys(extra, None) | WIDTHS, rows, ROWS)
    frames, _ = read(raw, 17)
    assert numbers(frames) == list(range(ROWS))
    assert {*frames[0].columns} == {*WIDTHS}


def test_names_are_matched_without_case(raw: Path, image: SasImage) -> None:
    names = {name: name.upper() for name in WIDTHS}
    rows = [{names[name]: value for name, value in (GOOD_ROW | {"cicid": float(n)}).items()} for n in range(ROWS)]
    write_sas(raw / SAS, {names[name]: width for name, width in WIDTHS.items()}, rows, ROWS)
    frames, _ = read(raw)
    assert [int(value) for value in frames[0]["CICID"]] == list(range(ROWS))


@pytest.mark.parametrize("compress", [gzip.compress, zip_bytes])
def test_a_compressed_delivery_is_read(raw: Path, image: SasImage, compress: Callable[[bytes], bytes]) -> None:
    ending = "gz" if compress is gzip.compress else "zip"
    (raw / f"{SAS}.{ending}").write_bytes(compress((raw / SAS).read_bytes()))
    frames, report = read(raw, 17, f"{SAS}.{ending}")
    assert numbers(frames) == list(range(ROWS))
    assert report.rows == ROWS


def test_a_staged_month_says_what_its_sas_file_leaves_out(
    raw: Path, image: SasImage, tmp_path: Path, duckdb: Engine
) -> None:
    replace_texts(image, {7: b"M\xc9XICO"}).write(raw / SAS, deleted={3, 40})
    stats = stage_into_lake(duckdb, raw, tmp_path / "lake", APRIL).accepted.stats
    assert (stats["delivered_rows"], stats["deleted_rows"]) == (ROWS - 2, 2)
    assert [fact in remark for fact, remark in zip(("2 rows", "gender (1)"), stats["remarks"], strict=True)] == [
        True
    ] * 2


@pytest.mark.slow
def test_rows_that_several_processes_convert_keep_their_numbers(
    raw: Path, image: SasImage, duckdb: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("i94_platform.sources.preparation.CHUNK_ROWS", 10)
    rejected = {8, 34, 59}
    rows = [GOOD_ROW | {"cicid": float(row), "i94visa": 9.0 if row in rejected else 2.0} for row in range(1, ROWS + 1)]
    write_sas(raw / SAS, WIDTHS, rows, ROWS)
    staged = stage_into_lake(duckdb, raw, tmp_path / "lake", APRIL)
    assert {row for _, row in staged.reasons} == rejected
    assert staged.arrivals["cicid"].to_pylist() == [row for row in range(1, ROWS + 1) if row not in rejected]


@pytest.mark.real_data
@pytest.mark.parametrize("is_compressed", [False, True])
def test_the_real_file_is_read_by_parts_as_in_one_go(raw: Path, real_data: Path, is_compressed: bool) -> None:
    path = real_data / "i94_apr16_sub_20k.sas7bdat"
    SasImage.read(path).write(raw / SAS, is_compressed=is_compressed, deleted={0, 777, 19_999})
    frames, report = read(raw, 3_000)
    whole, _ = pyreadstat.read_sas7bdat(path, disable_datetime_conversion=True)
    expected = whole.drop(index=[0, 777, 19_999]).reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.concat(frames, ignore_index=True), expected)
    assert (len(frames), report.deleted_rows) == (7, 3)

"""Test that a month's CSV file is read rightly or refused by file and line, however it was written.

Wrong here before: a trailing comma in every row shifted all columns, a file cut inside a number was loaded with it, two
stray quotes swallowed 490 rows, `occup = 'NA'` was loaded as data, `5.65827E+10` gave five travellers one number.
"""

from __future__ import annotations

import gzip
import io
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from i94_platform.engine.base import Engine
from i94_platform.errors import PermanentError
from i94_platform.sources import csv
from i94_platform_tests.sources.delivered_files import CSV
from i94_platform_tests.sources.delivered_rows import COLUMNS, DeliveredRows, read_delivered, render_csv
from i94_platform_tests.support.arrivals import GOOD_ROW

Read = Callable[[str | bytes], DeliveredRows]
GOOD: dict[str, Any] = {}


@pytest.fixture
def read(duckdb: Engine, raw: Path, tmp_path: Path) -> Read:
    """Read a CSV file of this content."""

    def read_content(content: str | bytes) -> DeliveredRows:
        (raw / CSV).write_bytes(content.encode() if isinstance(content, str) else content)
        return read_delivered(duckdb, raw, tmp_path / "lake")

    return read_content


def error_of(read: Read, content: str | bytes) -> str:
    """The message with which a content is refused."""
    with pytest.raises(PermanentError) as failure:
        read(content)
    message = str(failure.value)
    assert message.startswith(CSV)
    assert str(GOOD_ROW["admnum"]) not in message
    return message


def assert_good(delivered: DeliveredRows, rows: int = 2) -> None:
    """Compare all values with the good row."""
    for number, row in enumerate(delivered.rows, 1):
        assert {name: row[name] for name in COLUMNS} == {**GOOD_ROW, "cicid": number}
        assert (row["unreadable"], row["source_file"], row["source_row"]) == (None, CSV, number)
    assert len(delivered.rows) == rows


TEXT = render_csv([GOOD, GOOD])
LINES = TEXT.splitlines()


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        render_csv([GOOD, GOOD], ";"),
        render_csv([GOOD, GOOD], "\t"),
        render_csv([GOOD, GOOD], "|"),
        "sep=,\n" + TEXT,
        "sep=;\r\n" + render_csv([GOOD, GOOD], ";", "\r\n"),
        '"sep=;",,,,\n'.replace(",", ";") + render_csv([GOOD, GOOD], ";"),
        TEXT.encode("utf-8-sig"),
        ("sep=,\n" + TEXT).encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        render_csv([GOOD, GOOD], "\t", "\r\n").encode("utf-16"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        render_csv([GOOD, GOOD], newline="\r\n"),
        render_csv([GOOD, GOOD], newline="\r"),
        render_csv([GOOD, GOOD], newline="\r").encode("utf-16"),
        render_csv([GOOD, GOOD], newline="\n\n"),
        render_csv([GOOD, GOOD], newline="\r\r\n"),
        TEXT + "\n\r\n\n",
        TEXT.replace("NYC", '"NYC"').replace("41.0", '"41.0"'),
        "\n".join([LINES[0].upper(), *LINES[1:], ""]),
        "\n".join([LINES[0].replace(",", " , "), *(line.replace(",", " , ") for line in LINES[1:]), ""]),
        "\n".join([LINES[0].replace("cicid", '" CICID "'), *LINES[1:], ""]),
    ],
)
def test_a_file_is_read_however_its_text_is_written(read: Read, content: str | bytes) -> None:
    assert_good(read(content))


@pytest.mark.parametrize(
    "lines",
    [
        [LINES[0], *(line + "," for line in LINES[1:])],  # a comma after every row
        [LINES[0], *(line + ",,," for line in LINES[1:])],
        [LINES[0] + ",", *(line + "," for line in LINES[1:])],
        [LINES[0] + ",", *LINES[1:]],  # a comma after the header only
        [LINES[0], *(f"{n}," + line for n, line in enumerate(LINES[1:]))],  # an index without a name
        [LINES[0], *(f"{n},{line}," for n, line in enumerate(LINES[1:]))],
        [LINES[0] + ",", *(f"{n}," + line for n, line in enumerate(LINES[1:]))],
        ["," + LINES[0], *(f"{n}," + line for n, line in enumerate(LINES[1:]))],
        ["Unnamed: 0," + LINES[0], *(f"{n}," + line for n, line in enumerate(LINES[1:]))],
    ],
)
def test_rows_lie_under_their_names_whatever_stands_before_and_after_them(read: Read, lines: list[str]) -> None:
    delivered = read("\n".join([*lines, ""]))
    assert_good(delivered)
    assert delivered.prepared.extra_columns == ()


def test_a_value_beyond_the_header_is_refused_with_its_line(read: Read) -> None:
    many = render_csv([GOOD] * 1_200).splitlines()
    rows = [line + "," for line in many[1:]]
    rows[1_100] += "x"
    assert "line 1102 has a value beyond the 28 columns" in error_of(read, "\n".join([many[0], *rows, ""]))


def test_rows_that_fit_no_header_are_refused(read: Read) -> None:
    assert "30 cells under a header of 28" in error_of(
        read, "\n".join([LINES[0], *("1,2," + s for s in LINES[1:]), ""])
    )
    short = [line.rpartition(",")[0] for line in LINES[1:]]
    assert "line 2 has 27 cells, expected the 28" in error_of(read, "\n".join([LINES[0], *short, ""]))


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        ("\n".join([*LINES[1:], ""]), "has no header"),
        (TEXT.replace("gender", "sex"), "lacks the column gender"),
        (TEXT.replace("gender", "Cicid"), "lacks the column gender"),
        (TEXT.replace("visatype\n", "visatype, CICID\n"), "more than one column of the name cicid ('cicid', ' CICID')"),
        (TEXT.replace("cicid", '"cicid'), "line 1: a quote opens"),
        (TEXT.replace("BRN", "B\0N", 1), "NUL byte"),
        ("\n\n", "has no header"),
        (TEXT + "x" * 2_500_000, "line 4 is longer"),
        (TEXT.encode("utf-16")[:-1], "UTF-16"),
    ],
)
def test_a_file_without_a_readable_header_or_with_damaged_text_is_refused(
    read: Read, content: str | bytes, facts: str
) -> None:
    assert facts in error_of(read, content)


@pytest.mark.parametrize(
    ("line", "damage", "facts"),
    [
        (3, lambda line: line.rpartition(",")[0], "line 3 has 27 cells, expected 28"),
        (3, lambda line: line + ",x", "line 3 has 29 cells, expected 28"),
        (4, lambda line: line.replace("BRN", '"BRN'), "line 4 a quote opens and does not close"),
        (2, lambda line: line.replace("LH", '"LH'), "line 2 a quote opens and does not close"),
        (3, lambda line: line.replace("BRN", '"B\nN"'), "line 3 a quote opens and does not close"),
        (3, lambda line: line.replace("BRN", "B\rN"), "line 3 has"),
        (3, lambda line: " ", "line 3 has 1 cells, expected 28"),
    ],
)
def test_a_line_that_is_no_row_is_refused_with_its_number(
    read: Read, line: int, damage: Callable[[str], str], facts: str
) -> None:
    lines = render_csv([GOOD] * 6).splitlines()
    lines[line - 1] = damage(lines[line - 1])
    assert facts in error_of(read, "\n".join([*lines, ""]))


def test_two_stray_quotes_swallow_no_rows(read: Read) -> None:
    lines = render_csv([GOOD] * 1_000).splitlines()
    lines[200], lines[690] = lines[200].replace(",LH,", ',"LH,'), lines[690].replace(",LH,", ',LH",')
    assert "line 201 a quote opens" in error_of(read, "\n".join([*lines, ""]))
    lines[690] = lines[690].replace('LH"', '"LH')
    assert "line 201 a quote opens" in error_of(read, "\n".join([*lines, ""]))


def test_a_quote_inside_a_value_is_text(read: Read) -> None:
    assert read(TEXT.replace("00400", '5" PIPE')).values("fltno") == ['5" PIPE'] * 2
    assert read(TEXT.replace("00400", '"a, ""b"""')).values("fltno") == ['a, "b"'] * 2


def test_a_file_cut_anywhere_is_refused_or_ends_after_a_whole_row(read: Read) -> None:
    text = render_csv([GOOD, GOOD, GOOD])
    start = text.index("\n") + 1
    for length in range(start, len(text)):
        content = text[:length]
        if content.endswith("\n"):
            assert_good(read(content), content.count("\n") - 1)
        else:
            assert f"line {content.count(chr(10)) + 1} " in error_of(read, content), content


def test_a_last_line_without_an_end_counts_if_only_a_foreign_column_could_be_cut(read: Read) -> None:
    lines = [line + "," for line in LINES]
    assert_good(read("\n".join(lines)))


def test_a_header_only_is_a_file_without_rows(read: Read) -> None:
    assert read(LINES[0] + "\n").rows == []
    assert read(LINES[0]).rows == []


def test_latin_1_is_read_and_reported(read: Read) -> None:
    delivered = read(TEXT.replace("BRN", "MÉX").encode("latin-1"))
    assert delivered.values("visapost") == ["MÉX", "MÉX"]
    assert [remark.startswith(f"{CSV} is read as Latin-1") for remark in delivered.prepared.remarks] == [True]
    assert read(TEXT.replace("BRN", "MÉX")).values("visapost") == ["MÉX", "MÉX"]


@pytest.mark.parametrize("size", [4, 7, 64])
def test_characters_and_lines_are_whole_whatever_the_chunks(
    read: Read, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr("i94_platform.sources.text_stream.CHUNK_BYTES", size)
    for encoding, newline in (("utf-8", "\n"), ("utf-16", "\r\n"), ("latin-1", "\n\n"), ("utf-8-sig", "\r\n")):
        delivered = read(render_csv([{"visapost": "MÉX"}] * 2, newline=newline).encode(encoding))
        assert delivered.values("visapost") == ["MÉX", "MÉX"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("41", 41.0),
        ("41.0", 41.0),
        (" 41 ", 41.0),
        ("+41", 41.0),
        ("-3", -3.0),
        ("041", 41.0),
        ("4.1E1", 41.0),
        ("4.1e+01", 41.0),
        ("", None),
        ("  ", None),
        *((spelling, None) for spelling in ("NA", "NULL", "None", "NaN", "nan", ".", "N/A", "#N/A", "\\N", "null")),
        *((spelling, None) for spelling in ("-", "--", "?", "NaT", "[NULL]", "<null>", ".A", "._")),
    ],
)
def test_a_number_or_a_missing_one_is_read_in_every_spelling(read: Read, text: str, value: float | None) -> None:
    delivered = read(render_csv([{"i94bir": text}, GOOD]))
    assert (delivered.values("i94bir"), delivered.values("unreadable")) == ([value, 41.0], [None, None])


@pytest.mark.parametrize(
    "text",
    ["forty", "2016-04-05", "1.2.3", "inf", "+", "0x29", "41,0", "1 000", "\uff14\uff11", "4E1", "TRUE", "41 years"],
)
def test_a_text_in_the_place_of_a_number_is_null_and_stands_in_unreadable(read: Read, text: str) -> None:
    cell = f'"{text}"' if "," in text else text
    delivered = read(render_csv([GOOD, {"i94bir": cell}]))
    assert delivered.values("i94bir") == [41.0, None]
    assert delivered.values("unreadable") == [None, f"i94bir='{text}'"]


def test_a_text_can_not_pass_for_one_of_another_column(read: Read) -> None:
    delivered = read(render_csv([{"i94bir": "x'; admnum='5", "depdate": "y\\"}, GOOD], ";").replace("x'; ", "x'|"))
    assert delivered.values("unreadable")[0] == r"depdate='y\\'; i94bir='x\'|admnum\=\'5'"


def test_rounded_scientific_notation_is_unreadable(read: Read) -> None:
    rounded = read(render_csv([{"admnum": "5.65827E+10"}, {"admnum": "5.57805E+10"}]))
    assert rounded.values("admnum") == [None, None]
    assert rounded.values("unreadable") == ["admnum='5.65827E+10'", "admnum='5.57805E+10'"]


def test_exact_scientific_notation_is_read_as_spark_writes_it(read: Read) -> None:
    texts = ["5.6582674633E10", "5.656367783E10", "5.6582674634E10"]
    exact = read(render_csv([{"admnum": text} for text in texts]))
    assert exact.values("admnum") == [56_582_674_633, 56_563_677_830, 56_582_674_634]


def test_a_decimal_comma_is_read_where_it_separates_no_columns(read: Read) -> None:
    text = render_csv([GOOD, GOOD], ";").replace(".0;", ",0;")
    assert_good(read(text))
    assert_good(read(text.replace("WT\n", "WT;\n")))
    thousands = read(text.replace("41,0", "1,000"))
    assert thousands.values("unreadable") == ["i94bir='1,000'"] * 2


@pytest.mark.parametrize("engine_name", ["duckdb", pytest.param("spark", marks=pytest.mark.spark)])
def test_a_spelling_of_a_missing_number_is_missing_in_text_columns_too(
    engine_name: str, request: pytest.FixtureRequest, raw: Path, tmp_path: Path
) -> None:
    engine: Engine = request.getfixturevalue(engine_name)
    for spelling in ("NA", "NULL", "None", ".", "\\N", "#N/A", "-"):
        row = {"i94bir": spelling, "occup": spelling, "airline": f" {spelling} "}
        (raw / CSV).write_text(render_csv([row, GOOD]))
        delivered = read_delivered(engine, raw, tmp_path / "lake")
        assert (delivered.values("occup"), delivered.values("airline")) == ([None, None], [None, "LH"]), spelling


def test_a_text_is_data_where_no_number_is_spelled_so(read: Read) -> None:
    delivered = read(render_csv([{"airline": "NA", "i94bir": "NULL", "occup": "NULL"}, {"airline": "NA"}]))
    assert (delivered.values("airline"), delivered.values("occup")) == (["NA", "NA"], [None, None])


def test_spellings_are_decided_by_file(duckdb: Engine, raw: Path, tmp_path: Path) -> None:
    (raw / "a.csv").write_text(render_csv([{"airline": "NA", "i94bir": "NA"}]))
    (raw / "b.csv").write_text(render_csv([{"airline": "NA"}]))
    assert read_delivered(duckdb, raw, tmp_path / "lake").values("airline") == [None, "NA"]


def test_the_columns_of_a_hive_partitioned_file_are_taken_from_its_path(
    duckdb: Engine, raw: Path, tmp_path: Path
) -> None:
    for port in ("LOS", "__HIVE_DEFAULT_PARTITION__"):
        folder = raw / f"i94port={port}" / "i94mon=4"
        folder.mkdir(parents=True)
        lines = [line.split(",") for line in LINES]
        places = [place for place, name in enumerate(COLUMNS) if name not in ("i94port", "i94mon")]
        (folder / CSV).write_text("".join(",".join(line[place] for place in places) + ",\n" for line in lines))
    delivered = read_delivered(duckdb, raw, tmp_path / "lake")
    assert delivered.values("i94port") == ["LOS", "LOS", None, None]
    assert delivered.values("i94mon") == [4.0] * 4
    assert delivered.values("visatype") == ["WT"] * 4


def zip_files(files: dict[str, bytes]) -> bytes:
    """A zip file with these files."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


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


def test_a_reader_that_loses_a_row_is_noticed(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    parse = csv.CsvFile._parse
    monkeypatch.setattr(csv.CsvFile, "_parse", lambda self: (batch.slice(1) for batch in parse(self)))
    assert "1 rows were read, but it has 2 lines" in error_of(read, TEXT)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "extra"),
    [("sample-spreadsheet", ("id",)), ("sample-header-one-short", ()), ("sample-name-error-column", ())],
)
def test_a_public_variant_of_the_sample_is_read(
    duckdb: Engine, raw: Path, tmp_path: Path, variants: Path, name: str, extra: tuple[str, ...]
) -> None:
    shutil.copy(variants / f"{name}.csv", raw / CSV)
    delivered = read_delivered(duckdb, raw, tmp_path / "lake")
    assert (len(delivered.rows), delivered.prepared.extra_columns) == (1_000, extra)
    assert set(delivered.values("i94yr")) == {2016.0}
    assert set(delivered.values("unreadable")) == {None}
    assert delivered.rows[0]["admnum"] == 56_582_674_633
    assert delivered.rows[0]["visatype"] == "WT"


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "kind"), [("sample-lfs-pointer", "a Git LFS pointer"), ("sample-appledouble", "an AppleDouble file")]
)
def test_a_public_variant_that_is_no_table_is_refused_with_what_it_is(
    read: Read, variants: Path, name: str, kind: str
) -> None:
    assert f"is {kind}" in error_of(read, (variants / f"{name}.csv").read_bytes())

"""Test that a month's CSV file is read rightly or refused by file and line, however it was written.

Wrong here before: a trailing comma in every row shifted all columns, a file cut inside a number was loaded with it, two
stray quotes swallowed 490 rows.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from i94_platform.engine.base import Engine
from i94_platform.errors import PermanentError
from i94_platform.sources import csv
from i94_platform_tests.sources.delivered_files import CSV
from i94_platform_tests.sources.delivered_rows import COLUMNS, GOOD, ReadCsv, assert_good, read_delivered, render_csv
from i94_platform_tests.support.arrivals import GOOD_ROW


def error_of(read_csv: ReadCsv, content: str | bytes) -> str:
    """The message with which a content is refused."""
    with pytest.raises(PermanentError) as failure:
        read_csv(content)
    message = str(failure.value)
    assert message.startswith(CSV)
    assert str(GOOD_ROW["admnum"]) not in message
    return message


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
def test_a_file_is_read_however_its_text_is_written(read_csv: ReadCsv, content: str | bytes) -> None:
    assert_good(read_csv(content))


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
def test_rows_lie_under_their_names_whatever_stands_before_and_after_them(read_csv: ReadCsv, lines: list[str]) -> None:
    delivered = read_csv("\n".join([*lines, ""]))
    assert_good(delivered)
    assert delivered.prepared.extra_columns == ()


def test_a_value_beyond_the_header_is_refused_with_its_line(read_csv: ReadCsv) -> None:
    many = render_csv([GOOD] * 1_200).splitlines()
    rows = [line + "," for line in many[1:]]
    rows[1_100] += "x"
    assert "line 1102 has a value beyond the 28 columns" in error_of(read_csv, "\n".join([many[0], *rows, ""]))


def test_rows_that_fit_no_header_are_refused(read_csv: ReadCsv) -> None:
    assert "30 cells under a header of 28" in error_of(
        read_csv, "\n".join([LINES[0], *("1,2," + s for s in LINES[1:]), ""])
    )
    short = [line.rpartition(",")[0] for line in LINES[1:]]
    assert "line 2 has 27 cells, expected the 28" in error_of(read_csv, "\n".join([LINES[0], *short, ""]))


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
    read_csv: ReadCsv, content: str | bytes, facts: str
) -> None:
    assert facts in error_of(read_csv, content)


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
    read_csv: ReadCsv, line: int, damage: Callable[[str], str], facts: str
) -> None:
    lines = render_csv([GOOD] * 6).splitlines()
    lines[line - 1] = damage(lines[line - 1])
    assert facts in error_of(read_csv, "\n".join([*lines, ""]))


def test_two_stray_quotes_swallow_no_rows(read_csv: ReadCsv) -> None:
    lines = render_csv([GOOD] * 1_000).splitlines()
    lines[200], lines[690] = lines[200].replace(",LH,", ',"LH,'), lines[690].replace(",LH,", ',LH",')
    assert "line 201 a quote opens" in error_of(read_csv, "\n".join([*lines, ""]))
    lines[690] = lines[690].replace('LH"', '"LH')
    assert "line 201 a quote opens" in error_of(read_csv, "\n".join([*lines, ""]))


def test_a_quote_inside_a_value_is_text(read_csv: ReadCsv) -> None:
    assert read_csv(TEXT.replace("00400", '5" PIPE')).values("fltno") == ['5" PIPE'] * 2
    assert read_csv(TEXT.replace("00400", '"a, ""b"""')).values("fltno") == ['a, "b"'] * 2


def test_a_file_cut_anywhere_is_refused_or_ends_after_a_whole_row(read_csv: ReadCsv) -> None:
    text = render_csv([GOOD, GOOD, GOOD])
    start = text.index("\n") + 1
    for length in range(start, len(text)):
        content = text[:length]
        if content.endswith("\n"):
            assert_good(read_csv(content), content.count("\n") - 1)
        else:
            assert f"line {content.count(chr(10)) + 1} " in error_of(read_csv, content), content


def test_a_last_line_without_an_end_counts_if_only_a_foreign_column_could_be_cut(read_csv: ReadCsv) -> None:
    lines = [line + "," for line in LINES]
    assert_good(read_csv("\n".join(lines)))


def test_a_header_only_is_a_file_without_rows(read_csv: ReadCsv) -> None:
    assert read_csv(LINES[0] + "\n").rows == []
    assert read_csv(LINES[0]).rows == []


def test_latin_1_is_read_and_reported(read_csv: ReadCsv) -> None:
    delivered = read_csv(TEXT.replace("BRN", "MÉX").encode("latin-1"))
    assert delivered.values("visapost") == ["MÉX", "MÉX"]
    assert [remark.startswith(f"{CSV} is read as Latin-1") for remark in delivered.prepared.remarks] == [True]
    assert read_csv(TEXT.replace("BRN", "MÉX")).values("visapost") == ["MÉX", "MÉX"]


@pytest.mark.parametrize("size", [4, 7, 64])
def test_characters_and_lines_are_whole_whatever_the_chunks(
    read_csv: ReadCsv, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr("i94_platform.sources.text_stream.CHUNK_BYTES", size)
    for encoding, newline in (("utf-8", "\n"), ("utf-16", "\r\n"), ("latin-1", "\n\n"), ("utf-8-sig", "\r\n")):
        delivered = read_csv(render_csv([{"visapost": "MÉX"}] * 2, newline=newline).encode(encoding))
        assert delivered.values("visapost") == ["MÉX", "MÉX"]


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


def test_a_reader_that_loses_a_row_is_noticed(read_csv: ReadCsv, monkeypatch: pytest.MonkeyPatch) -> None:
    parse = csv.CsvFile._parse
    monkeypatch.setattr(csv.CsvFile, "_parse", lambda self: (batch.slice(1) for batch in parse(self)))
    assert "1 rows were read, but it has 2 lines" in error_of(read_csv, TEXT)


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
    read_csv: ReadCsv, variants: Path, name: str, kind: str
) -> None:
    assert f"is {kind}" in error_of(read_csv, (variants / f"{name}.csv").read_bytes())

"""Test how small deliveries are read: columns by name, NA as text, every problem with its column, row and value.

Wrong here before, in other pipelines: pandas' own null words swallowed North America, columns taken by position
swapped silently, and a short or long row shifted its values.
"""

from __future__ import annotations

import io

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Double, Integer, MetaData, String

from i94_platform.contracts.model import column, table
from i94_platform.errors import PermanentError
from i94_platform.sources.delimited import conform, read_delimited, read_table
from i94_platform.sources.row_issues import RowIssues

HEADERS = {"code": "Code", "people": "People", "share": "Share"}
CONTRACT = table(
    MetaData(schema="i94"),
    "sample",
    "Made for these tests.",
    column("code", String(3), "A code.", source="test", key=True),
    column("people", Integer(), "People.", source="test", low=0),
    column("share", Double(), "Share.", source="test", high=1),
    domain="codes",
    grain="one row per code",
)
DOMAIN = table(
    MetaData(schema="i94"),
    "domain",
    "Made for these tests.",
    column("code", String(3), "A code.", source="test", key=True, allowed=("NA", "EU")),
    domain="codes",
    grain="one row per code",
)


def read(text: str) -> pd.DataFrame:
    return read_delimited(io.BytesIO(text.encode()), "sample.csv", HEADERS)


def read_sample(text: str) -> pd.DataFrame:
    return read_table(io.BytesIO(text.encode()), "sample.csv", CONTRACT, HEADERS)


def test_columns_are_taken_by_name_in_any_order() -> None:
    frame = read_sample("Share,Code,People\r\n0.5,A,3\r\n")
    assert frame.to_dict("records") == [{"code": "A", "people": 3, "share": 0.5}]
    assert frame.dtypes.astype(str).tolist() == ["string", "Int64", "Float64"]


def test_a_byte_order_mark_and_blanks_around_names_and_values_are_removed() -> None:
    assert read_sample("\ufeffCode, People ,Share\n A ,3 , 0.5\n")["code"].tolist() == ["A"]


def test_unknown_columns_are_ignored_and_reported() -> None:
    assert read_sample("Code,People,Share\nA,3,0.5\n").attrs["extra_columns"] == []
    frame = read_sample("Code,People,Share,Mood,Weather\nA,3,0.5,good,fair\n")
    assert frame.columns.tolist() == ["code", "people", "share"]
    assert frame.attrs["extra_columns"] == ["Mood", "Weather"]


def test_two_columns_may_be_read_from_one() -> None:
    frame = read_delimited(io.BytesIO(b"Pair\n1/2\n"), "sample.csv", {"first": "Pair", "second": "Pair"})
    assert frame.loc[[2]].to_numpy().tolist()[0] == ["1/2", "1/2"]
    with pytest.raises(PermanentError, match=r"lacks the column Pair"):
        read_delimited(io.BytesIO(b"Code\nA\n"), "sample.csv", {"first": "Pair", "second": "Pair"})


@pytest.mark.parametrize("word", ["NA", "null", "None", "nan", "n/a"])
def test_words_that_pandas_takes_for_null_stay_text(word: str) -> None:
    assert read(f"Code,People,Share\n{word},3,0.5\n")["code"].tolist() == [word]


@pytest.mark.parametrize("empty", ["", '""', "  "])
def test_an_empty_value_is_null(empty: str) -> None:
    assert read_sample(f"Code,People,Share\nA,{empty},0.5\n")["people"].isna().all()


def test_blank_lines_are_skipped_and_still_counted() -> None:
    frame = read("Code,People,Share\nA,1,0.1\n\nB,2,0.2\n\n")
    assert dict(frame["code"]) == {2: "A", 4: "B"}


@pytest.mark.parametrize("rows", ["", "\n\n", ",,\n , ,\n"])
def test_a_file_with_a_header_only_is_refused(rows: str) -> None:
    with pytest.raises(PermanentError, match=r"sample\.csv has a header and no rows"):
        read_sample(f"Code,People,Share\n{rows}")


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert read_sample("Code,People,Share\nA,40601.0,1e-1\n")[["people", "share"]].iloc[0].tolist() == [40601, 0.1]


@pytest.mark.parametrize(
    ("rows", "problem", "sample"),
    [
        ("A,three,0.5", "column 'People' is not a number", "row 3: 'three'"),
        ("A,True,0.5", "column 'People' is not a number", "row 3: 'True'"),
        ("A,1_000,0.5", "column 'People' is not a number", "row 3: '1_000'"),
        ("A,2.5,0.5", "column 'People' is not a whole number", "row 3: '2.5'"),
        ("\nB,2.5,0.5", "column 'People' is not a whole number", "row 4: '2.5'"),
        ("A,-1,0.5", "column 'People' is below 0", "row 3: '-1'"),
        ("A,3000000000,0.5", "column 'People' is above 2147483647", "row 3: '3000000000'"),
        ("A,1e999,0.5", "column 'People' is not a whole number", "row 3: '1e999'"),
        ("B,1,1.6\nC,1,7", "column 'Share' is above 1", "row 3: '1.6'; row 4: '7'"),
        (",1,0.5", "column 'Code' is empty, but every row needs a value", "row 3: the value"),
        ("ABé,1,0.5", "column 'Code' is longer than the 3 bytes that the contract allows", "row 3: 'ABé'"),
        ("B,1,0\nG,2,0", "'Code' stands before", "row 4: 'G'"),
    ],
)
def test_a_row_that_breaks_the_contract_is_rejected_and_the_others_are_read(
    rows: str, problem: str, sample: str
) -> None:
    frame = read_sample(f"Code,People,Share\nG,1,0.5\n{rows}\n")
    (issue,) = frame.attrs["rejected"]
    assert (issue["problem"], issue["sample"]) == (problem, sample)
    assert frame.iloc[0].tolist() == ["G", 1, 0.5]
    assert frame.attrs["delivered_rows"] == len(frame) + frame.attrs["rejected_rows"]
    assert issue["rows"] == frame.attrs["rejected_rows"]


@pytest.mark.parametrize("word", ["NA", "n/a", "NaN", "nan", "NULL", "None", "."])
def test_the_spellings_of_missing_are_null_in_a_column_of_numbers(word: str) -> None:
    frame = read_sample(f"Code,People,Share\nA,{word},0.5\n")
    assert frame["people"].isna().all()
    assert frame.attrs["rejected"] == []


def test_a_file_without_a_row_that_can_be_used_is_refused() -> None:
    with pytest.raises(PermanentError, match=r"sample\.csv has no row .* column 'People' .* row 2: 'many'"):
        read_sample("Code,People,Share\nA,many,0.5\n")


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("Code,People,Share\nA,1,0.5,7\n", 2, "4 cells found, 3 expected"),
        ("Code,People,Share\nA,1,0.5\nB,1\n", 3, "2 cells found, 3 expected"),
        ("Code,People,Share\nA,1,0.5\n\nB,1\n", 4, "2 cells found, 3 expected"),
        ("sep=,\nCode,People,Share\nA,1\n", 3, "2 cells found, 3 expected"),
        ("Code,People,Share\nA,1,0.5,\nB,1,0.5,\n", 2, "4 cells found, 3 expected"),
        ('Code,People,Share\nA,1,"0.5\nB,1,0.5\nC,1",0.5\n', 2, "a quoted value does not end on its line"),
        ('Code,People,Share\nA,1,0.5\nB,1,"0.5\nC,1"\n', 3, "a quoted value does not end on its line"),
        ('Code,People,Share\nA,1,"0.5\n', 2, "unexpected end of data"),
        ('Code,People,Share\n"A"B,1,0.5\n', 2, "expected after"),
    ],
)
def test_a_broken_structure_is_refused_with_its_line(text: str, line: int, problem: str) -> None:
    with pytest.raises(PermanentError, match=rf"sample\.csv can't be read as CSV, line {line}: .*{problem}"):
        read_sample(text)


@pytest.mark.parametrize("text", ["Code,People,Share\nA,1,0.5\nB,1,0.", "Code,People,Sha"])
def test_a_file_that_is_cut_in_its_last_line_is_refused(text: str) -> None:
    with pytest.raises(PermanentError, match=r"sample\.csv can't be read as CSV: its last line has no end"):
        read_sample(text)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("first_line", ["", "sep={}\n", '"SEP={}"\n'])
def test_the_header_decides_the_separator(separator: str, first_line: str, newline: str) -> None:
    text = first_line.format(separator) + "Code,People,Share\nA,3,0.5\n".replace(",", separator)
    text = text.replace("\n", newline)
    assert read_sample(text).to_dict("records") == [{"code": "A", "people": 3, "share": 0.5}]


@pytest.mark.parametrize("header", ["CODE,people,sHaRe", " code , People,Share ", "_Code,People_,SHARE"])
def test_names_are_matched_in_any_case_and_without_outer_blanks(header: str) -> None:
    assert read_sample(f"{header}\nA,3,0.5\n").to_dict("records") == [{"code": "A", "people": 3, "share": 0.5}]


@pytest.mark.parametrize("name", ["State Code", "state_code", "State_Code", "STATE  CODE"])
def test_blanks_and_underscores_in_names_are_alike(name: str) -> None:
    frame = read_delimited(io.BytesIO(f"{name}\nMA\n".encode()), "cities.csv", {"state_code": "State Code"})
    assert frame["state_code"].tolist() == ["MA"]


def test_a_column_that_stands_twice_is_refused() -> None:
    with pytest.raises(PermanentError, match=r"sample\.csv has more than one column of the name Code"):
        read_sample("Code,People,CODE,Share\nA,3,B,0.5\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_the_bytes_decide_the_encoding(encoding: str) -> None:
    data = "Code,People,Share\nÉ,1,0.5\n".encode(encoding)
    frame = read_table(io.BytesIO(data), "sample.csv", CONTRACT, HEADERS)
    assert frame["code"].tolist() == ["É"]


def test_one_odd_byte_does_not_garble_the_other_lines() -> None:
    data = "Code,People,Share\nÉ,1,0.5\n".encode() + b"\xff,1,0.5\n"
    assert read_table(io.BytesIO(data), "sample.csv", CONTRACT, HEADERS)["code"].tolist() == ["É", "ÿ"]


def test_a_value_outside_a_closed_domain_is_rejected() -> None:
    text, rejected = read_delimited(io.BytesIO(b"Code\nNA\nXX\n"), "sample.csv", {"code": "Code"}), RowIssues()
    conform(text, DOMAIN, {"code": "Code"}, rejected)
    assert rejected.summarize() == [{"problem": "column 'Code' is none of NA, EU", "rows": 1, "sample": "row 3: 'XX'"}]


def test_missing_columns_are_named() -> None:
    with pytest.raises(PermanentError, match=r"sample\.csv lacks the columns People, Share"):
        read("Code\nA\n")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"Code,People,Share\nA,\x00,0.5\n", "NUL"),
        (b"<!DOCTYPE html>\n<html>\n", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid\n", "a Git LFS pointer"),
        (b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X", "AppleDouble"),
        (b"PAR1....PAR1", "a Parquet file"),
    ],
)
def test_a_file_that_is_no_text_table_is_named(content: bytes, kind: str) -> None:
    with pytest.raises(PermanentError, match=rf"sample\.csv .*{kind}"):
        read_delimited(io.BytesIO(content), "sample.csv", HEADERS)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.none() | st.integers(0, 2**31 - 1), min_size=1))
def test_every_whole_number_of_the_contract_survives_reading(people: list[int | None]) -> None:
    rows = "".join(f"{i},{'' if n is None else n},\n" for i, n in enumerate(people))
    frame = read_sample("Code,People,Share\n" + rows)
    assert [None if n is pd.NA else n for n in frame["people"]] == people

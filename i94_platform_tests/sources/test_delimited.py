"""Test how small deliveries are read: columns by name, NA as text, every error naming file, column and row.

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
    with pytest.raises(PermanentError, match=r"has no column 'Pair'; its columns are 'Code'"):
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


def test_a_file_with_a_header_only_is_an_empty_table_of_the_right_types() -> None:
    frame = read_sample("Code,People,Share\n")
    assert frame.empty
    assert frame.dtypes.astype(str).tolist() == ["string", "Int64", "Float64"]


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert read_sample("Code,People,Share\nA,40601.0,1e-1\n")[["people", "share"]].iloc[0].tolist() == [40601, 0.1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("A,three,0.5", "sample.csv, column 'People', row 2: 'three' is not a number"),
        ("A,nan,0.5", "sample.csv, column 'People', row 2: 'nan' is not a number"),
        ("A,True,0.5", "sample.csv, column 'People', row 2: 'True' is not a number"),
        ("A,1_000,0.5", "sample.csv, column 'People', row 2: '1_000' is not a number"),
        ("A,1,0.5\nB,2.5,0.5", "sample.csv, column 'People', row 3: '2.5' is not a whole number"),
        ("A,1,0.5\n\nB,2.5,0.5", "sample.csv, column 'People', row 4: '2.5' is not a whole number"),
        ("A,-1,0.5", "sample.csv, column 'People', row 2: '-1' is below 0"),
        ("A,3000000000,0.5", "sample.csv, column 'People', row 2: '3000000000' is above 2147483647"),
        ("A,1,1.5\nB,1,1.6\nC,1,7", "sample.csv, column 'Share', row 2: '1.5' is above 1 (and 2 further rows)"),
        (",1,0.5", "sample.csv, column 'Code', row 2: the value is empty, but every row needs one"),
        ("ABé,1,0.5", "sample.csv, column 'Code', row 2: 'ABé' is longer than the 3 bytes"),
        ("A,1,0.5\nB,1,0\nA,2,0", "sample.csv gives 'A' (columns 'Code') more than once, in rows 2, 4"),
        ("A,1,0.5,7", "sample.csv can't be read as UTF-8 text separated by ','"),
        ("A,1,0.5\nB,1,0.5,7", "sample.csv can't be read as UTF-8 text separated by ','"),
    ],
)
def test_a_value_that_breaks_the_contract_is_rejected_with_file_column_and_row(rows: str, message: str) -> None:
    with pytest.raises(PermanentError) as failure:
        read_sample(f"Code,People,Share\n{rows}\n")
    assert message in str(failure.value)


def test_a_value_outside_a_closed_domain_is_rejected() -> None:
    text = read_delimited(io.BytesIO(b"Code\nNA\nXX\n"), "sample.csv", {"code": "Code"})
    with pytest.raises(PermanentError, match=r"column 'Code', row 3: 'XX' is none of NA, EU"):
        conform(text, DOMAIN, {"code": "Code"}, "sample.csv")


def test_missing_columns_are_named() -> None:
    with pytest.raises(PermanentError, match=r"sample\.csv has no column 'People', 'Share'; its columns are 'Code'"):
        read("Code\nA\n")


@pytest.mark.parametrize("content", [b"", b"Code,People,Share\nA\xff,1,0.5\n"])
def test_a_file_that_is_no_text_table_is_rejected(content: bytes) -> None:
    with pytest.raises(PermanentError, match=r"sample\.csv can't be read as UTF-8 text"):
        read_delimited(io.BytesIO(content), "sample.csv", HEADERS)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.none() | st.integers(0, 2**31 - 1)))
def test_every_whole_number_of_the_contract_survives_reading(people: list[int | None]) -> None:
    rows = "".join(f"{i},{'' if n is None else n},\n" for i, n in enumerate(people))
    frame = read_sample("Code,People,Share\n" + rows)
    assert [None if n is pd.NA else n for n in frame["people"]] == people

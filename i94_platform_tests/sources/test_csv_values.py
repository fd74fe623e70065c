"""Test that numbers and missing values of a CSV file are read in every spelling, and any other text as unreadable.

Wrong here before: `occup = 'NA'` was loaded as data, `5.65827E+10` gave five travellers one number.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from i94_platform.engine.base import Engine
from i94_platform_tests.sources.delivered_files import CSV
from i94_platform_tests.sources.delivered_rows import GOOD, ReadCsv, assert_good, read_delivered, render_csv


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
def test_a_number_or_a_missing_one_is_read_in_every_spelling(read_csv: ReadCsv, text: str, value: float | None) -> None:
    delivered = read_csv(render_csv([{"i94bir": text}, GOOD]))
    assert (delivered.values("i94bir"), delivered.values("unreadable")) == ([value, 41.0], [None, None])


@pytest.mark.parametrize(
    "text",
    ["forty", "2016-04-05", "1.2.3", "inf", "+", "0x29", "41,0", "1 000", "\uff14\uff11", "4E1", "TRUE", "41 years"],
)
def test_a_text_in_the_place_of_a_number_is_null_and_stands_in_unreadable(read_csv: ReadCsv, text: str) -> None:
    cell = f'"{text}"' if "," in text else text
    delivered = read_csv(render_csv([GOOD, {"i94bir": cell}]))
    assert delivered.values("i94bir") == [41.0, None]
    assert delivered.values("unreadable") == [None, f"i94bir='{text}'"]


def test_a_text_can_not_pass_for_one_of_another_column(read_csv: ReadCsv) -> None:
    delivered = read_csv(render_csv([{"i94bir": "x'; admnum='5", "depdate": "y\\"}, GOOD], ";").replace("x'; ", "x'|"))
    assert delivered.values("unreadable")[0] == r"depdate='y\\'; i94bir='x\'|admnum\=\'5'"


def test_rounded_scientific_notation_is_unreadable(read_csv: ReadCsv) -> None:
    rounded = read_csv(render_csv([{"admnum": "5.65827E+10"}, {"admnum": "5.57805E+10"}]))
    assert rounded.values("admnum") == [None, None]
    assert rounded.values("unreadable") == ["admnum='5.65827E+10'", "admnum='5.57805E+10'"]


def test_exact_scientific_notation_is_read_as_spark_writes_it(read_csv: ReadCsv) -> None:
    texts = ["5.6582674633E10", "5.656367783E10", "5.6582674634E10"]
    exact = read_csv(render_csv([{"admnum": text} for text in texts]))
    assert exact.values("admnum") == [56_582_674_633, 56_563_677_830, 56_582_674_634]


def test_a_decimal_comma_is_read_where_it_separates_no_columns(read_csv: ReadCsv) -> None:
    text = render_csv([GOOD, GOOD], ";").replace(".0;", ",0;")
    assert_good(read_csv(text))
    assert_good(read_csv(text.replace("WT\n", "WT;\n")))
    thousands = read_csv(text.replace("41,0", "1,000"))
    assert thousands.values("unreadable") == ["i94bir='1,000'"] * 2


@pytest.mark.parametrize("engine_name", ["duckdb", pytest.param("spark", marks=[pytest.mark.spark, pytest.mark.slow])])
def test_a_spelling_of_a_missing_number_is_missing_in_text_columns_too(
    engine_name: str, request: pytest.FixtureRequest, raw: Path, tmp_path: Path
) -> None:
    engine: Engine = request.getfixturevalue(engine_name)
    for spelling in ("NA", "NULL", "None", ".", "\\N", "#N/A", "-"):
        row = {"i94bir": spelling, "occup": spelling, "airline": f" {spelling} "}
        (raw / CSV).write_text(render_csv([row, GOOD]))
        delivered = read_delivered(engine, raw, tmp_path / "lake")
        assert (delivered.values("occup"), delivered.values("airline")) == ([None, None], [None, "LH"]), spelling


def test_a_text_is_data_where_no_number_is_spelled_so(read_csv: ReadCsv) -> None:
    delivered = read_csv(render_csv([{"airline": "NA", "i94bir": "NULL", "occup": "NULL"}, {"airline": "NA"}]))
    assert (delivered.values("airline"), delivered.values("occup")) == (["NA", "NA"], [None, None])


def test_spellings_are_decided_by_file(duckdb: Engine, raw: Path, tmp_path: Path) -> None:
    (raw / "a.csv").write_text(render_csv([{"airline": "NA", "i94bir": "NA"}]))
    (raw / "b.csv").write_text(render_csv([{"airline": "NA"}]))
    assert read_delivered(duckdb, raw, tmp_path / "lake").values("airline") == [None, "NA"]

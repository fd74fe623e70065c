"""Test the reading of us-cities-demographics.csv: nulls stay null, a city's figures agree on all its race rows."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest

from i94_platform.contracts.model import column_names
from i94_platform.contracts.reference import us_cities_demographics
from i94_platform.errors import PermanentError
from i94_platform.sources.demographics import HEADERS, read_demographics

HEADER = (
    "City;State;Median Age;Male Population;Female Population;Total Population;Number of Veterans;"
    "Foreign-born;Average Household Size;State Code;Race;Count"
)
QUINCY_WHITE = "Quincy;Massachusetts;41.0;44129;49500;93629;4147;32935;2.39;MA;White;58723"
QUINCY_ASIAN = "Quincy;Massachusetts;41.0;44129;49500;93629;4147;32935;2.39;MA;Asian;30473"
VILLAGES = "The Villages;Florida;70.5;;;72590;15231;4034;;FL;White;72211"


def read(*lines: str, header: str = HEADER) -> pd.DataFrame:
    return read_demographics(io.BytesIO("\r\n".join([header, *lines, ""]).encode()), "cities.csv")


def test_the_headers_are_the_contract_in_its_order() -> None:
    assert list(HEADERS) == column_names(us_cities_demographics)


def test_a_row_is_read_into_the_contracts_columns_and_types() -> None:
    frame = read(QUINCY_WHITE)
    assert frame.columns.tolist() == column_names(us_cities_demographics)
    assert frame.iloc[0].tolist() == [
        "Quincy", "MA", "White", "Massachusetts", 41.0, 44129, 49500, 93629, 4147, 32935, 2.39, 58723,
    ]  # fmt: skip
    assert frame.dtypes.astype(str).tolist() == ["string"] * 4 + ["Float64"] + ["Int64"] * 5 + ["Float64", "Int64"]


def test_missing_figures_stay_null() -> None:
    row = read(VILLAGES).iloc[0]
    assert row[["male_population", "female_population", "average_household_size"]].isna().all()
    assert row["total_population"] == 72590


def test_an_extra_column_is_ignored_and_reported() -> None:
    frame = read(QUINCY_WHITE + ";x", header=HEADER + ";Note")
    assert frame.attrs["extra_columns"] == ["Note"]
    assert frame.columns.tolist() == column_names(us_cities_demographics)


def test_cities_of_the_same_name_in_two_states_are_two_cities() -> None:
    other = QUINCY_WHITE.replace("Massachusetts", "Illinois").replace("MA", "IL").replace("93629", "1")
    assert len(read(QUINCY_WHITE, other)) == 2


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            [QUINCY_WHITE, QUINCY_ASIAN.replace("30473", "many")],
            "cities.csv, column 'Count', row 3: 'many' is not a number",
        ),
        ([QUINCY_WHITE.replace("93629", "")], "cities.csv, column 'Total Population', row 2: the value is empty"),
        (
            [QUINCY_WHITE, QUINCY_ASIAN, QUINCY_WHITE],
            "gives 'Quincy' / 'MA' / 'White' (columns 'City', 'State Code', 'Race') more than once, in rows 2, 4",
        ),
        (
            [QUINCY_WHITE, QUINCY_ASIAN.replace("93629", "93630")],
            "cities.csv, column 'Total Population': the rows of Quincy / MA give different values",
        ),
        (
            [QUINCY_WHITE, QUINCY_ASIAN.replace("4147", "")],
            "cities.csv, column 'Number of Veterans': the rows of Quincy / MA give different values",
        ),
        (
            [QUINCY_WHITE, QUINCY_ASIAN.replace("Quincy", "Boston").replace("Massachusetts", "Maine")],
            "cities.csv, column 'State': the rows of MA give different values",
        ),
    ],
)
def test_rows_that_contradict_each_other_or_the_contract_are_rejected_by_name(lines: list[str], message: str) -> None:
    with pytest.raises(PermanentError) as failure:
        read(*lines)
    assert message in str(failure.value)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(PermanentError, match=r"cities\.csv has no column 'Foreign-born'"):
        read(QUINCY_WHITE, header=HEADER.replace("Foreign-born", "Foreign born"))


@pytest.mark.real_data
def test_the_real_file_is_read_whole(real_data: Path) -> None:
    frame = read_demographics(real_data / "us-cities-demographics.csv", "us-cities-demographics.csv")
    nulls = frame.isna().sum()
    assert len(frame) == 2891
    assert frame.attrs["extra_columns"] == []
    assert frame.groupby(["city", "state_code"]).ngroups == 596
    assert nulls[nulls > 0].to_dict() == {
        "male_population": 3,
        "female_population": 3,
        "veterans": 13,
        "foreign_born": 13,
        "average_household_size": 16,
    }

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


QUINCY_BLACK = QUINCY_WHITE.replace("White", "Black or African-American")


@pytest.mark.parametrize(
    ("lines", "problem", "sample"),
    [
        ([QUINCY_ASIAN.replace("30473", "many")], "column 'Count' is not a number", "row 3: 'many'"),
        ([QUINCY_ASIAN.replace("93629", "")], "column 'Total Population' is empty", "row 3: the value"),
        ([QUINCY_ASIAN.replace("Asian", "Asien")], "column 'Race' is no known race", "row 3: 'Asien'"),
        ([QUINCY_WHITE], "'City' / 'State Code' / 'Race' stands before", "row 3: 'Quincy / MA / White'"),
        (
            [QUINCY_ASIAN.replace("93629", "93630"), QUINCY_BLACK],
            "column 'Total Population' differs between rows of the same City / State Code",
            "row 3: '93630'",
        ),
        (
            [QUINCY_ASIAN.replace("4147", ""), QUINCY_BLACK],
            "column 'Number of Veterans' differs between rows of the same City / State Code",
            "row 3: the value",
        ),
        (
            [QUINCY_ASIAN.replace("Quincy", "Boston").replace("Massachusetts", "Maine"), QUINCY_BLACK],
            "column 'State' differs between rows of the same State Code",
            "row 3: 'Maine'",
        ),
    ],
)
def test_rows_that_contradict_the_others_or_the_contract_are_rejected(
    lines: list[str], problem: str, sample: str
) -> None:
    frame = read(QUINCY_WHITE, *lines)
    (issue,) = frame.attrs["rejected"]
    assert problem in issue["problem"]
    assert issue["sample"] == sample
    assert len(frame) == len(lines), "all rows but one"


def test_a_city_without_a_majority_is_rejected_whole() -> None:
    frame = read(QUINCY_WHITE, QUINCY_ASIAN.replace("93629", "93630"), VILLAGES)
    assert frame["city"].tolist() == ["The Villages"]
    assert frame.attrs["rejected_rows"] == 2


def test_races_and_state_codes_are_read_in_any_case() -> None:
    frame = read(QUINCY_WHITE.replace("White", "white").replace("MA", "ma"), QUINCY_ASIAN.replace("Asian", "ASIAN"))
    assert frame[["state_code", "race"]].to_numpy().tolist() == [["MA", "White"], ["MA", "Asian"]]
    assert frame.attrs["rejected"] == []


def test_implausible_figures_are_loaded_and_named() -> None:
    frame = read(QUINCY_WHITE.replace("44129", "99999999"), VILLAGES)
    assert frame["male_population"].tolist() == [99_999_999, pd.NA]
    (issue,) = frame.attrs["implausible"]
    assert issue == {
        "problem": "men and women are not all people of the city",
        "rows": 1,
        "sample": "row 2: 'Quincy, MA'",
    }


def test_a_missing_column_is_named() -> None:
    with pytest.raises(PermanentError, match=r"cities\.csv lacks the column Foreign-born"):
        read(QUINCY_WHITE, header=HEADER.replace("Foreign-born", "Born abroad"))


@pytest.mark.real_data
def test_the_real_file_is_read_whole(real_data: Path) -> None:
    frame = read_demographics(real_data / "us-cities-demographics.csv", "us-cities-demographics.csv")
    nulls = frame.isna().sum()
    assert len(frame) == 2891
    assert frame.attrs == {
        "extra_columns": [],
        "delivered_rows": 2891,
        "rejected_rows": 0,
        "rejected": [],
        "implausible": [],
    }
    assert frame.groupby(["city", "state_code"]).ngroups == 596
    assert nulls[nulls > 0].to_dict() == {
        "male_population": 3,
        "female_population": 3,
        "veterans": 13,
        "foreign_born": 13,
        "average_household_size": 16,
    }


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("variant", "rows"),
    [("cities-commas.csv", 2891), ("cities-reordered.csv", 2891), ("cities-snake-case.csv", 2875)],
)
def test_public_variants_are_read_whole(variants: Path, variant: str, rows: int) -> None:
    file = variants / variant
    frame = read_demographics(file, variant)
    assert len(frame) == rows
    assert (frame.attrs["extra_columns"], frame.attrs["rejected"], frame.attrs["implausible"]) == ([], [], [])

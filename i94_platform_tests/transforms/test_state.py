"""Test the dimension state: every city counted once, nulls kept null, all 55 codes there.

Wrong here before, in other pipelines: population summed over race rows came out 4.93 times too high, cities of one name
were merged across states, and Puerto Rico had 0 veterans instead of an unknown number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from i94_platform.contracts.codes import read_reviewed_list, read_states
from i94_platform.contracts.model import column_names
from i94_platform.contracts.reference import state
from i94_platform.errors import PermanentError
from i94_platform.sources.demographics import HEADERS, read_demographics
from i94_platform.transforms.state import RACES, build_state

LABELS = pd.DataFrame({"code": ["FL", "VT", "CA"], "label": ["FLORIDA", "VERMONT", "CALIFORNIA"]}, dtype="string")
TYPES = {
    **dict.fromkeys(("city", "state_code", "race", "state"), "string"),
    **dict.fromkeys(("median_age", "average_household_size"), "Float64"),
    **dict.fromkeys(("male_population", "female_population", "total_population"), "Int64"),
    **dict.fromkeys(("veterans", "foreign_born", "race_count"), "Int64"),
}
STATES = {"FL": "Florida", "CA": "California"}


def city(name: str, code: str, races: dict[str, int], **figures: Any) -> list[dict[str, Any]]:
    """Race rows of one city; figures that aren't given are null."""
    common = {**dict.fromkeys(TYPES), "city": name, "state_code": code, "state": STATES.get(code, code), **figures}
    return [{**common, "race": race, "race_count": count} for race, count in races.items()]


def dimension(*cities: list[dict[str, Any]], labels: pd.DataFrame = LABELS) -> pd.DataFrame:
    rows = [row for rows in cities for row in rows]
    demographics = pd.DataFrame(rows, columns=list(HEADERS)).astype(TYPES)
    return build_state(labels, demographics).set_index("code")


def test_every_code_has_a_row_in_the_contracts_columns_sorted_by_code() -> None:
    frame = dimension(city("Miami", "FL", {"White": 1}, total_population=2))
    assert ["code", *frame.columns] == column_names(state)
    assert frame.index.tolist() == ["CA", "FL", "VT"]


def test_a_city_is_counted_once_whatever_its_number_of_races() -> None:
    frame = dimension(
        city("Miami", "FL", {"White": 60, "Asian": 7, "Hispanic or Latino": 50}, total_population=100, veterans=5),
        city("Tampa", "FL", {"White": 30}, total_population=40, veterans=2),
    )
    assert list(frame.loc["FL", ["cities", "city_population", "veterans"]]) == [2, 140, 7]
    assert list(frame.loc["FL", ["white", "asian", "hispanic_or_latino"]]) == [90, 7, 50]


def test_cities_of_one_name_in_two_states_stay_apart() -> None:
    frame = dimension(
        city("Springfield", "FL", {"White": 1}, total_population=10),
        city("Springfield", "CA", {"White": 1}, total_population=20),
    )
    assert frame["city_population"].dropna().to_dict() == {"CA": 20, "FL": 10}


def test_a_sum_covers_the_cities_that_give_the_figure() -> None:
    frame = dimension(
        city("Miami", "FL", {"White": 1}, total_population=10, male_population=4),
        city("The Villages", "FL", {"White": 1}, total_population=20),
    )
    assert list(frame.loc["FL", ["city_population", "male_population"]]) == [30, 4]


def test_a_figure_that_no_city_gives_is_null_and_not_zero() -> None:
    row = dimension(city("Miami", "FL", {"White": 1}, total_population=10)).loc["FL"]
    unknown = ["veterans", "foreign_born", "male_population", "median_age", "average_household_size", "asian"]
    assert row[unknown].isna().all()


def test_a_state_without_a_city_has_zero_cities_and_no_figures() -> None:
    row = dimension(city("Miami", "FL", {"White": 1}, total_population=10)).loc["VT"]
    assert row["cities"] == 0
    assert (row["label"], row["name"]) == ("VERMONT", "Vermont")
    assert (row["neighbours"], row["inhabitants"]) == ("MA NH NY", 625_741)
    assert row.drop(["cities", "label", "name", "neighbours", "inhabitants"]).isna().all()


def test_every_listed_state_has_a_name_and_neighbours_are_mutual() -> None:
    states = read_states().set_index("code")
    assert states.index.tolist() == read_reviewed_list("i94addr")["code"].tolist()
    assert states["name"].nunique() == 55
    borders = {(code, other) for code, others in states["neighbours"].dropna().items() for other in others.split(" ")}
    assert borders == {(other, code) for code, other in borders}
    assert states.index[states["neighbours"].isna()].tolist() == ["AK", "GU", "HI", "PR", "VI", "99"]


def test_the_inhabitants_of_the_states_add_up_to_the_resident_population_of_2010() -> None:
    inhabitants = read_states().set_index("code")["inhabitants"]
    assert inhabitants.drop(["PR", "VI", "GU", "99"]).sum() == 308_745_538
    assert inhabitants.index[inhabitants.isna()].tolist() == ["99"]


def test_a_mean_is_weighted_by_the_population_of_the_cities_that_give_it() -> None:
    frame = dimension(
        city("Miami", "FL", {"White": 1, "Asian": 1}, total_population=100, median_age=30, average_household_size=2),
        city("Tampa", "FL", {"White": 1}, total_population=200, median_age=40.0),
    )
    assert list(frame.loc["FL", ["median_age", "average_household_size"]]) == [36.67, 2.0]


def test_a_mean_over_cities_without_people_is_null() -> None:
    frame = dimension(city("Ghost Town", "FL", {"White": 0}, total_population=0, median_age=30.0))
    assert frame["median_age"].tolist() == [pd.NA] * 3


def test_no_demographics_at_all_still_give_every_code() -> None:
    frame = dimension()
    assert frame["cities"].tolist() == [0, 0, 0]
    assert frame["city_population"].isna().all()


def test_a_state_outside_the_code_list_is_an_error_and_not_dropped() -> None:
    with pytest.raises(PermanentError, match=r"state code 'ZZ', which the code list i94addr does not know"):
        dimension(city("Nowhere", "ZZ", {"White": 1}, total_population=10))


def test_a_race_without_a_column_is_an_error_and_not_dropped() -> None:
    with pytest.raises(PermanentError, match=r"race 'Pacific Islander', which the contract of the table state"):
        dimension(city("Miami", "FL", {"Pacific Islander": 1}, total_population=10))


def test_every_race_has_its_column_in_the_contract() -> None:
    assert set(RACES.values()) <= set(column_names(state))


@pytest.fixture(scope="module")
def real_states(real_data: Path) -> pd.DataFrame:
    demographics = read_demographics(real_data / "us-cities-demographics.csv", "us-cities-demographics.csv")
    return build_state(read_reviewed_list("i94addr"), demographics).set_index("code")


@pytest.mark.real_data
def test_the_real_totals_count_596_cities_once(real_states: pd.DataFrame) -> None:
    assert len(real_states) == 55
    figures = ["cities", "city_population", "male_population", "female_population", "veterans", "foreign_born"]
    assert real_states[figures].sum().tolist() == [596, 116_712_213, 56_997_740, 59_641_883, 5_439_591, 23_662_111]
    races = [31_864_940, 74_268_170, 22_479_120, 11_159_489, 1_782_553]
    assert real_states[list(RACES.values())].sum().tolist() == races


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("code", "figures"),
    [
        # cities, population, male, female, veterans, foreign-born, Hispanic, white, Asian, black, native, median age
        (
            "CA",
            [137, 24822460, 12278281, 12544179, 928270, 7448257, 9856464, 14905129, 4543730, 2047009, 401386, 35.42],
        ),
        ("NY", [11, 9815626, 4692055, 5123571, 204901, 3438081, 2730185, 4555686, 1373373, 2605008, 112816, 35.83]),
        ("FL", [48, 6796738, 3236773, 3487375, 388228, 1688931, 1942022, 4758144, 264933, 1652619, 46759, 38.81]),
        ("TX", [57, 14299983, 7063571, 7236412, 693501, 2942164, 6311431, 10508923, 924552, 2130242, 154497, 32.98]),
        ("HI", [1, 352766, 176807, 175959, 23213, 101312, 24586, 110508, 240978, 11781, 5592, 41.40]),
    ],
)
def test_the_real_figures_of_a_state(real_states: pd.DataFrame, code: str, figures: list[float]) -> None:
    columns = [
        "cities", "city_population", "male_population", "female_population", "veterans", "foreign_born",
        "hispanic_or_latino", "white", "asian", "black_or_african_american", "american_indian_and_alaska_native",
        "median_age",
    ]  # fmt: skip
    assert list(real_states.loc[code, columns]) == figures


@pytest.mark.real_data
def test_the_real_puerto_rico_has_cities_and_no_veterans_figure(real_states: pd.DataFrame) -> None:
    row = real_states.loc["PR"]
    assert row["cities"] == 7
    assert row[["veterans", "foreign_born", "average_household_size"]].isna().all()


@pytest.mark.real_data
def test_the_real_states_without_a_city(real_states: pd.DataFrame) -> None:
    without = real_states[real_states["cities"] == 0]
    assert without.index.tolist() == ["99", "GU", "VI", "VT", "WV", "WY"]
    assert without.drop(columns=["label", "name", "neighbours", "inhabitants", "cities"]).isna().to_numpy().all()

"""The dimension `state`: one row for each code of the I-94 form, with the people of its cities.

A city's own figures repeat on each of its race rows, so they are counted once per city. Race counts are summed as they
are, and overlap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from i94_platform.contracts.codes import read_states
from i94_platform.contracts.model import column_names
from i94_platform.contracts.reference import state
from i94_platform.errors import PermanentError

if TYPE_CHECKING:
    from pandas import DataFrame, Series

CITY_KEY = ["city", "state_code"]
"""What identifies a city: 26 names occur in more than one state."""

RACES = {
    "Hispanic or Latino": "hispanic_or_latino",
    "White": "white",
    "Black or African-American": "black_or_african_american",
    "Asian": "asian",
    "American Indian and Alaska Native": "american_indian_and_alaska_native",
}
"""The names of races and origins in the demographics, and the columns that hold them."""

_SUMS = {
    "male_population": "male_population",
    "female_population": "female_population",
    "total_population": "city_population",
    "veterans": "veterans",
    "foreign_born": "foreign_born",
}
_MEANS = ("median_age", "average_household_size")
_DECIMALS = 2

_STATE_OF_CITY = ("i94addr.code", "us_cities_demographics.state_code")
SOURCES = {
    "code": ("i94addr.code",),
    "label": ("i94addr.label",),
    "name": ("i94addr.code", "i94addr.label"),
    "neighbours": ("i94addr.code",),
    "inhabitants": ("i94addr.code",),
    "cities": (*_STATE_OF_CITY, "us_cities_demographics.city"),
    **{ours: (*_STATE_OF_CITY, f"us_cities_demographics.{theirs}") for theirs, ours in _SUMS.items()},
    **{
        name: (*_STATE_OF_CITY, f"us_cities_demographics.{name}", "us_cities_demographics.total_population")
        for name in _MEANS
    },
    **{
        name: (*_STATE_OF_CITY, "us_cities_demographics.race", "us_cities_demographics.race_count")
        for name in RACES.values()
    },
}
"""The columns that each column of the contract is computed from, with those that join cities to states."""


def build_state(i94addr: DataFrame, demographics: DataFrame) -> DataFrame:
    """Build one row for each code of `i94addr` (code, label), sorted by code, with the figures of its cities.

    `demographics` has the contract `us_cities_demographics`. A sum or mean covers the cities that give the figure, and
    is null where none does. A state without a city has `cities` 0 and no figures. Means are weighted by population and
    rounded to two decimals.

    Raises:
        PermanentError: a state or a race that the dimension has no place for: its people would vanish from every total.
    """
    _require_known(demographics["state_code"], i94addr["code"].tolist(), "state code", "the code list i94addr")
    _require_known(demographics["race"], list(RACES), "race", "the contract of the table state")
    cities = demographics.drop_duplicates(CITY_KEY)
    rows = i94addr[["code", "label"]].astype("string").sort_values("code", ignore_index=True)
    rows = rows.merge(read_states(), how="left", on="code", validate="one_to_one")
    rows["name"] = rows["name"].fillna(rows["label"])
    for figures in (_city_figures(cities), _race_figures(demographics)):
        rows = rows.merge(figures, how="left", left_on="code", right_index=True, validate="one_to_one")
    rows["cities"] = rows["cities"].fillna(0)
    return rows[column_names(state)]


def _city_figures(cities: DataFrame) -> DataFrame:
    states = cities.groupby("state_code")
    figures = states[list(_SUMS)].sum(min_count=1).astype("Int64").rename(columns=_SUMS)
    return figures.assign(
        cities=states.size().astype("Int64"),
        **{figure: _weighted_mean(cities, figure) for figure in _MEANS},
    )


def _weighted_mean(cities: DataFrame, figure: str) -> Series[Any]:
    given = cities.dropna(subset=[figure])
    weighted = (given[figure] * given["total_population"]).groupby(given["state_code"]).sum()
    weights = given.groupby("state_code")["total_population"].sum()
    return (weighted / weights.where(weights > 0)).round(_DECIMALS).astype("Float64")


def _race_figures(demographics: DataFrame) -> DataFrame:
    counts = demographics.pivot_table(index="state_code", columns="race", values="race_count", aggfunc="sum")
    return counts.reindex(columns=list(RACES)).rename(columns=RACES).astype("Int64")


def _require_known(values: Series[str], known: list[str], noun: str, home: str) -> None:
    unknown = sorted(set(values.dropna()) - set(known))
    if unknown:
        raise PermanentError(
            f"us_cities_demographics has {noun} {', '.join(map(repr, unknown))}, which {home} does not know: "
            f"its people would be left out, so correct the file or extend {home}."
        )

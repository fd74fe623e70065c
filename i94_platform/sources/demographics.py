"""The people of US cities: us-cities-demographics.csv to the contract `us_cities_demographics`.

Beyond its contract two rules hold: a city's own figures agree on all its race rows, and a race is one of the known
ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from i94_platform.contracts.reference import us_cities_demographics
from i94_platform.sources.delimited import conform, drop_rejected, read_delimited
from i94_platform.sources.row_issues import RowIssues
from i94_platform.sources.source import Source
from i94_platform.transforms.state import CITY_KEY, RACES

if TYPE_CHECKING:
    from pandas import DataFrame

HEADERS = {
    "city": "City",
    "state_code": "State Code",
    "race": "Race",
    "state": "State",
    "median_age": "Median Age",
    "male_population": "Male Population",
    "female_population": "Female Population",
    "total_population": "Total Population",
    "veterans": "Number of Veterans",
    "foreign_born": "Foreign-born",
    "average_household_size": "Average Household Size",
    "race_count": "Count",
}
"""The contract's columns and the file's."""

_SEPARATOR = ";"
_CITY_FIGURES = [name for name in HEADERS if name not in {*CITY_KEY, "race", "race_count"}]


def read_demographics(source: Path | BinaryIO, name: str) -> DataFrame:
    """Read a delivery, called `name` in messages, as one row per city, state and race. Nulls stay null.

    Races and state codes are matched in any case. A row is rejected if it breaks the contract, names an unknown race,
    or gives other figures than most rows of its city. `attrs["implausible"]` describes rows with odd figures.

    Raises:
        PermanentError: what `read_delimited` and `drop_rejected` raise.
    """
    rejected, implausible = RowIssues(), RowIssues()
    text = read_delimited(source, name, HEADERS, _SEPARATOR)
    races = text["race"].str.casefold().map({race.casefold(): race for race in RACES}).astype(text["race"].dtype)
    rejected.add(races.isna() & text["race"].notna(), text["race"], f"column {HEADERS['race']!r} is no known race")
    text = text.assign(race=races, state_code=text["state_code"].str.upper())
    frame = conform(text, us_cities_demographics, HEADERS, rejected)
    _reject_deviating_rows(frame, CITY_KEY, _CITY_FIGURES, rejected)
    _reject_deviating_rows(frame, ["state_code"], ["state"], rejected)
    _find_implausible_rows(rejected.drop_rows(frame), implausible)
    result = drop_rejected(frame, rejected, name)
    result.attrs["implausible"] = implausible.summarize()
    return result


def _reject_deviating_rows(frame: DataFrame, group: list[str], figures: list[str], rejected: RowIssues) -> None:
    """Reject the rows that give another value than most rows of their group, or all of a group without a majority."""
    rows = rejected.drop_rows(frame)
    name = " / ".join(HEADERS[column] for column in group)
    distinct = rows.groupby(group)[figures].nunique(dropna=False)
    for figure in [figure for figure in figures if (distinct[figure] > 1).any()]:
        differing = distinct.index[distinct[figure] > 1]
        for _, values in rows[rows.set_index(group).index.isin(differing)].groupby(group)[figure]:
            texts = values.astype("string").fillna("")
            counts = texts.value_counts()
            majority = counts.index[0] if counts.iloc[0] * 2 > len(texts) else None
            is_deviating = texts.notna() if majority is None else texts != majority
            rejected.add(is_deviating, values, f"column {HEADERS[figure]!r} differs between rows of the same {name}")


def _find_implausible_rows(frame: DataFrame, implausible: RowIssues) -> None:
    """Find the rows whose figures can't be true together."""
    total, men, women = frame["total_population"], frame["male_population"], frame["female_population"]
    place = frame["city"] + ", " + frame["state_code"]
    implausible.add(men + women != total, place, "men and women are not all people of the city")
    for figure in ("male_population", "female_population", "veterans", "foreign_born", "race_count"):
        problem = f"column {HEADERS[figure]!r} is more than all people of the city"
        implausible.add(frame[figure] > total, place, problem)


SOURCE = Source(
    name="us_cities_demographics",
    description="People of US cities of 65,000 and more, by race; semicolon-separated.",
    file_name="us-cities-demographics.csv",
    formats=("csv",),
    contracts=(us_cities_demographics,),
    headers=HEADERS,
    separator=_SEPARATOR,
    read=read_demographics,
    module=__name__,
)

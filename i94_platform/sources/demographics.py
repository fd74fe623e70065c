"""The people of US cities: us-cities-demographics.csv to the contract `us_cities_demographics`.

Here: the file's column names and the one rule that its contract can't express, that a city's own figures agree on all
its race rows. Not here: sums over cities (`states`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from i94_platform.contracts.reference import us_cities_demographics
from i94_platform.errors import PermanentError
from i94_platform.sources.delimited import conform, read_delimited

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
"""Our names and the file's, in the order of the contract."""

CITY = ["city", "state_code"]
"""What identifies a city: 26 names occur in more than one state."""

CITY_FIGURES = [name for name in HEADERS if name not in {*CITY, "race", "race_count"}]
"""What is said of the city and repeats on each of its race rows."""


def read_demographics(source: Path | BinaryIO, name: str) -> DataFrame:
    """Read a `;` separated delivery, `name` in messages, as one row per city, state and race; nulls stay null.

    Unknown columns are ignored and named in `attrs["extra_columns"]`. Raises PermanentFailure for a missing column, a
    value that breaks the contract, a repeated (city, state, race), a city whose figures differ between its race rows,
    or a state code with two names.
    """
    text = read_delimited(source, name, HEADERS, separator=";")
    frame = conform(text, us_cities_demographics, HEADERS, name)
    _require_one_value(frame, CITY, CITY_FIGURES, name)
    _require_one_value(frame, ["state_code"], ["state"], name)
    return frame


def _require_one_value(frame: DataFrame, group: list[str], figures: list[str], name: str) -> None:
    distinct = frame.groupby(group)[figures].nunique(dropna=False)
    for figure in figures:
        differs = distinct.index[distinct[figure] > 1]
        if not differs.empty:
            who = differs[0] if isinstance(differs[0], str) else " / ".join(differs[0])
            raise PermanentError(
                f"{name}, column {HEADERS[figure]!r}: the rows of {who} give different values where there must be one; "
                f"correct them and deliver the file again."
            )

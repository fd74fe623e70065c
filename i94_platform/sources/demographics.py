"""The people of US cities: us-cities-demographics.csv to the contract `us_cities_demographics`.

Beyond its contract one rule holds: a city's own figures agree on all its race rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from i94_platform.contracts.reference import us_cities_demographics
from i94_platform.errors import PermanentError
from i94_platform.sources.delimited import read_table
from i94_platform.sources.source import Source
from i94_platform.transforms.state import CITY_KEY

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

    Unknown columns are ignored and named in `attrs["extra_columns"]`.

    Raises:
        PermanentError: what `read_table` raises; a city whose figures differ between its race rows; a state code with
            two names.
    """
    frame = read_table(source, name, us_cities_demographics, HEADERS, _SEPARATOR)
    _require_one_value(frame, CITY_KEY, _CITY_FIGURES, name)
    _require_one_value(frame, ["state_code"], ["state"], name)
    return frame


def _require_one_value(frame: DataFrame, group: list[str], figures: list[str], name: str) -> None:
    distinct = frame.groupby(group)[figures].nunique(dropna=False)
    for figure in figures:
        differs = distinct.index[distinct[figure] > 1]
        if not differs.empty:
            key = differs[0] if isinstance(differs[0], str) else " / ".join(differs[0])
            raise PermanentError(
                f"{name}, column {HEADERS[figure]!r}: the rows of {key} give different values where there must be one; "
                f"correct them and deliver the file again."
            )


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

"""The airports of the world: airport-codes_csv.csv to the contract `airport_codes`.

Here: the file's column names and the two orders in which its vintages write coordinates. The order is a property of a
whole file, declared or detected, never guessed for a row: "40.07, -74.93" reads as well one way as the other. Not
here: any join to ports of entry, whose codes are CBP's and not IATA's.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from i94_platform.contracts.model import column_names
from i94_platform.contracts.reference import airport_codes
from i94_platform.errors import PermanentError
from i94_platform.sources.delimited import NUMBER, conform, raise_for_rows, read_delimited

if TYPE_CHECKING:
    from pandas import DataFrame, Series

FileOrder = Literal["lat, lon", "lon, lat"]
"""How a file writes its coordinates: the newer vintage, and the older."""

CoordinateOrder = Literal["detect", "lat, lon", "lon, lat"]
"""A declared order, or `detect`."""

_PLACE = ("latitude", "longitude")
HEADERS = {name: name for name in column_names(airport_codes) if name not in _PLACE} | {"coordinates": "coordinates"}
"""Our names and the file's; its coordinates are one text."""

SOURCES = HEADERS | dict.fromkeys(_PLACE, "coordinates")
"""The file's column behind each of the contract's."""

_PAIR = rf"(?P<first>{NUMBER})\s*,\s*(?P<second>{NUMBER})"
_FARTHEST_LATITUDE = 90


def read_airports(source: Path | BinaryIO, name: str, order: CoordinateOrder = "detect") -> DataFrame:
    """Read a delivery, `name` in messages, as one row per airport with latitude and longitude in degrees.

    The text NA is kept: North America and Namibia. Unknown columns are ignored and named in `attrs["extra_columns"]`;
    the order that was used is `attrs["coordinate_order"]`. Raises PermanentFailure for a missing column, a value that
    breaks the contract, a repeated ident, coordinates that are not two numbers, and an order that can't be told.
    """
    text = read_delimited(source, name, HEADERS)
    pairs = _split(text["coordinates"], name)
    found = detect_order(pairs, name) if order == "detect" else order
    latitude, longitude = ("first", "second") if found == "lat, lon" else ("second", "first")
    placed = text.assign(latitude=pairs[latitude], longitude=pairs[longitude])
    frame = conform(placed, airport_codes, SOURCES, name)
    frame.attrs["coordinate_order"] = found
    return frame


def detect_order(pairs: DataFrame, name: str) -> FileOrder:
    """Tell the order from the whole file: no latitude lies beyond ±90, so one value that does proves a longitude.

    `pairs` has the numbers, or their texts, in columns `first` and `second`. Raises PermanentFailure if the
    file proves both orders or neither.
    """
    first_is_longitude = _beyond_latitude(pairs["first"])
    second_is_longitude = _beyond_latitude(pairs["second"])
    if first_is_longitude.any() and second_is_longitude.any():
        raise PermanentError(
            f"{name}, column 'coordinates': row {first_is_longitude.idxmax()} can only be 'lon, lat' and row "
            f"{second_is_longitude.idxmax()} only 'lat, lon'; deliver the file in one order."
        )
    if not first_is_longitude.any() and not second_is_longitude.any():
        raise PermanentError(
            f"{name}, column 'coordinates': no value lies beyond ±{_FARTHEST_LATITUDE} degrees, so the file does not "
            f"show its order; declare it as 'lat, lon' or 'lon, lat'."
        )
    return "lon, lat" if first_is_longitude.any() else "lat, lon"


def _beyond_latitude(degrees: Series[str]) -> Series[bool]:
    return degrees.astype("Float64").abs() > _FARTHEST_LATITUDE


def _split(coordinates: Series[str], name: str) -> DataFrame:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    where = f"{name}, column 'coordinates'"
    raise_for_rows(coordinates.isna(), coordinates, where, "is empty, but every row needs one")
    raise_for_rows(~coordinates.str.fullmatch(_PAIR), coordinates, where, "is not two numbers separated by a comma")
    pairs = pa.Table.from_struct_array(pc.extract_regex(pa.array(coordinates), f"^{_PAIR}$"))
    return pairs.to_pandas(types_mapper=lambda _: pd.StringDtype("pyarrow")).set_index(coordinates.index)

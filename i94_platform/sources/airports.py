"""The airports of the world: airport-codes_csv.csv to the contract `airport_codes`.

The vintages of the file write coordinates in two orders. The order is a property of the whole file, declared or
detected, never guessed for one row: "40.07, -74.93" reads as well one way as the other. Airports are never joined to
ports of entry, whose codes are CBP's and not IATA's.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from i94_platform.contracts.model import column_names
from i94_platform.contracts.reference import airport_codes
from i94_platform.errors import PermanentError
from i94_platform.sources.delimited import NUMBER, conform, raise_for_rows, read_delimited
from i94_platform.sources.source import Source

if TYPE_CHECKING:
    from pandas import DataFrame, Series

FileOrder = Literal["lat, lon", "lon, lat"]
"""How a file writes its coordinates: the newer vintage, and the older."""

CoordinateOrder = Literal["detect", "lat, lon", "lon, lat"]
"""A declared order, or `detect`."""

_COORDINATES = "coordinates"
HEADERS = {name: name for name in column_names(airport_codes)} | dict.fromkeys(("latitude", "longitude"), _COORDINATES)
"""The contract's columns and the file's, which writes latitude and longitude into one text."""

_PAIR = rf"(?P<first>{NUMBER})\s*,\s*(?P<second>{NUMBER})"
_MAX_LATITUDE = 90


def read_airports(source: Path | BinaryIO, name: str, order: CoordinateOrder = "detect") -> DataFrame:
    """Read a delivery, called `name` in messages, as one row per airport with latitude and longitude in degrees.

    The text NA is kept: North America and Namibia. Unknown columns are ignored and named in `attrs["extra_columns"]`;
    `attrs["coordinate_order"]` is the order that was used.

    Raises:
        PermanentError: a missing column, a value that breaks the contract, a duplicate ident, coordinates that are not
            two numbers, an order that can't be detected.
    """
    text = read_delimited(source, name, HEADERS)
    pairs = _split_coordinates(text["latitude"], name)
    file_order = detect_order(pairs, name) if order == "detect" else order
    latitude, longitude = ("first", "second") if file_order == "lat, lon" else ("second", "first")
    frame = conform(text.assign(latitude=pairs[latitude], longitude=pairs[longitude]), airport_codes, HEADERS, name)
    frame.attrs["coordinate_order"] = file_order
    return frame


def detect_order(pairs: DataFrame, name: str) -> FileOrder:
    """Detect the order of a whole file: a value beyond ±90 must be a longitude.

    `pairs` has the numbers, or their texts, in columns `first` and `second`.

    Raises:
        PermanentError: the file proves both orders or neither.
    """
    first_is_longitude = _is_beyond_latitude(pairs["first"])
    second_is_longitude = _is_beyond_latitude(pairs["second"])
    if first_is_longitude.any() and second_is_longitude.any():
        raise PermanentError(
            f"{name}, column {_COORDINATES!r}: row {first_is_longitude.idxmax()} can only be 'lon, lat' and row "
            f"{second_is_longitude.idxmax()} only 'lat, lon'; deliver the file in one order."
        )
    if not first_is_longitude.any() and not second_is_longitude.any():
        raise PermanentError(
            f"{name}, column {_COORDINATES!r}: no value lies beyond ±{_MAX_LATITUDE} degrees, so the file does not "
            f"show its order; declare it as 'lat, lon' or 'lon, lat'."
        )
    return "lon, lat" if first_is_longitude.any() else "lat, lon"


def _is_beyond_latitude(degrees: Series[str]) -> Series[bool]:
    return degrees.astype("Float64").abs() > _MAX_LATITUDE


def _split_coordinates(coordinates: Series[str], name: str) -> DataFrame:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    where = f"{name}, column {_COORDINATES!r}"
    raise_for_rows(coordinates.isna(), coordinates, where, "is empty, but every row needs one")
    raise_for_rows(~coordinates.str.fullmatch(_PAIR), coordinates, where, "is not two numbers separated by a comma")
    pairs = pa.Table.from_struct_array(pc.extract_regex(pa.array(coordinates), f"^{_PAIR}$"))
    return pairs.to_pandas(types_mapper=lambda _: pd.StringDtype("pyarrow")).set_index(coordinates.index)


SOURCE = Source(
    name="airport_codes",
    description="Airports of the world, with coordinates as one text.",
    file_name="airport-codes_csv.csv",
    formats=("csv",),
    contracts=(airport_codes,),
    headers=HEADERS,
    notes={_COORDINATES: "Latitude and longitude in one text."},
    read=read_airports,
    module=__name__,
)

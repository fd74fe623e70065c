"""The airports of the world: airport-codes_csv.csv to the contract `airport_codes`.

The vintages of the file write coordinates in two orders. The order is a property of the whole file, never guessed for
one row: "40.07, -74.93" reads as well one way as the other. Rows that stand far from the other airports of their
country, but near them in the other order, are named. Airports are never joined to ports of entry, whose codes are CBP's
and not IATA's.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from i94_platform.contracts.model import column_names
from i94_platform.contracts.reference import airport_codes
from i94_platform.errors import PermanentError
from i94_platform.sources.delimited import NUMBER, conform, drop_rejected, read_delimited
from i94_platform.sources.row_issues import RowIssues
from i94_platform.sources.source import Source

if TYPE_CHECKING:
    from pandas import DataFrame, Series

CoordinateOrder = Literal["lat, lon", "lon, lat"]
"""How a file writes its coordinates: the newer vintage, and the older."""

_COORDINATES = "coordinates"
HEADERS = {name: name for name in column_names(airport_codes)} | dict.fromkeys(("latitude", "longitude"), _COORDINATES)
"""The contract's columns and the file's, which writes latitude and longitude into one text."""

_PAIR = rf"(?P<first>{NUMBER})\s*,\s*(?P<second>{NUMBER})"
_MAX_LATITUDE = 90
_MAX_CONTRADICTING = 0.05
"""The share of values that may prove another order than the others; their rows are rejected."""
_MIN_AIRPORTS = 10
"""How many airports show where a country is."""
_FAR_DEGREES, _FAR = 10, 3
"""A far row is this many degrees away, and this many times as far as the usual one and as the other order."""


def read_airports(source: Path | BinaryIO, name: str) -> DataFrame:
    """Read a delivery, called `name` in messages, as one row per airport with latitude and longitude in degrees.

    The text NA is kept: North America and Namibia. A row that breaks the contract is rejected, and so is one whose
    ident an earlier row has or whose coordinates are not two numbers. `attrs["coordinate_order"]` is the order that was
    used; `attrs["implausible"]` describes rows that seem to be written in the other one.

    Raises:
        PermanentError: what `read_delimited` and `drop_rejected` raise; an order that can't be detected.
    """
    rejected, implausible = RowIssues(), RowIssues()
    text = read_delimited(source, name, HEADERS)
    pairs = _split_coordinates(text["latitude"], rejected)
    order = detect_order(pairs, name)
    latitude, longitude = ("first", "second") if order == "lat, lon" else ("second", "first")
    text = text.assign(latitude=pairs[latitude], longitude=pairs[longitude])
    frame = conform(text, airport_codes, HEADERS, rejected)
    is_swapped = _find_swapped(rejected.drop_rows(frame)).reindex(frame.index, fill_value=False)
    implausible.add(is_swapped, frame["ident"], "latitude and longitude seem swapped")
    result = drop_rejected(frame, rejected, name)
    result.attrs |= {"implausible": implausible.summarize(), "coordinate_order": order}
    return result


def detect_order(pairs: DataFrame, name: str) -> CoordinateOrder:
    """Detect the order of a whole file: a value beyond ±90 must be a longitude.

    `pairs` has the numbers, or their texts, in columns `first` and `second`. Where values prove both orders, the one
    with nearly all of them counts.

    Raises:
        PermanentError: the file proves both orders or neither.
    """
    first_is_longitude = _is_beyond_latitude(pairs["first"])
    second_is_longitude = _is_beyond_latitude(pairs["second"])
    first, second = int(first_is_longitude.sum()), int(second_is_longitude.sum())
    if min(first, second) > _MAX_CONTRADICTING * (first + second):
        raise PermanentError(
            f"{name}, column {_COORDINATES!r}: row {first_is_longitude.idxmax()} can only be 'lon, lat' and row "
            f"{second_is_longitude.idxmax()} only 'lat, lon'; deliver the file in one order."
        )
    if not first and not second:
        raise PermanentError(
            f"{name}, column {_COORDINATES!r}: no value lies beyond ±{_MAX_LATITUDE} degrees, so the file does not "
            "show whether it is 'lat, lon' or 'lon, lat'; deliver the file with all airports."
        )
    return "lon, lat" if first > second else "lat, lon"


def _is_beyond_latitude(degrees: Series[str]) -> Series[bool]:
    return (degrees.astype("Float64").abs() > _MAX_LATITUDE).fillna(False)


def _find_swapped(frame: DataFrame) -> Series[bool]:
    """Find the rows that are far from the middle of their country as they are, and near it in the other order."""
    countries = frame.groupby("iso_country")
    latitude, longitude = frame["latitude"], frame["longitude"]
    middle_latitude, middle_longitude = (countries[name].transform("median") for name in ("latitude", "longitude"))
    distance = (latitude - middle_latitude).abs() + (longitude - middle_longitude).abs()
    other = (longitude - middle_latitude).abs() + (latitude - middle_longitude).abs()
    usual = distance.groupby(frame["iso_country"]).transform("median")
    has_country = countries["ident"].transform("size") >= _MIN_AIRPORTS
    is_far = (distance > _FAR_DEGREES) & (distance > _FAR * usual) & (distance > _FAR * other)
    return has_country & (longitude.abs() <= _MAX_LATITUDE) & is_far


def _split_coordinates(coordinates: Series[str], rejected: RowIssues) -> DataFrame:
    """Split the texts into columns `first` and `second`, null where they are not two numbers."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    where = f"column {_COORDINATES!r}"
    rejected.add(coordinates.isna(), coordinates, f"{where} is empty, but every row needs a value")
    table = pa.Table.from_struct_array(pc.extract_regex(pa.array(coordinates), f"^{_PAIR}$"))
    pairs = table.to_pandas(types_mapper=lambda _: pd.StringDtype("pyarrow")).set_index(coordinates.index)
    rejected.add(pairs["first"].isna(), coordinates, f"{where} is not two numbers separated by a comma")
    return pairs


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

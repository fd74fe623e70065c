"""Test the reading of airport-codes_csv.csv in both coordinate vintages, and that NA is a continent and a country.

Wrong here before, in other pipelines: pandas read 36,636 NA continents as missing, and Namibia with them; one vintage's
coordinates were read in the other's order, which put Pennsylvania into Antarctica.
"""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from i94_platform.contracts.model import column_names
from i94_platform.contracts.reference import airport_codes
from i94_platform.errors import PermanentError
from i94_platform.sources.airports import CoordinateOrder, FileOrder, detect_order, read_airports

HEADER = (
    "ident,type,name,elevation_ft,continent,iso_country,iso_region,"
    "municipality,gps_code,iata_code,local_code,coordinates"
)
LATITUDES = st.floats(-90, 90, allow_subnormal=False)
LONGITUDES = st.floats(-180, 180, allow_subnormal=False)


def line(coordinates: str, ident: str = "00A", continent: str = "NA", country: str = "US", height: str = "11") -> str:
    return f'{ident},heliport,Total Rf,{height},{continent},{country},US-PA,Bensalem,00A,,00A,"{coordinates}"'


def read(*lines: str, order: CoordinateOrder = "detect", header: str = HEADER) -> pd.DataFrame:
    return read_airports(io.BytesIO("\r\n".join([header, *lines, ""]).encode()), "airports.csv", order)


def test_a_row_is_read_into_the_contracts_columns_and_types() -> None:
    frame = read(line("40.07, -74.93"), order="lat, lon")
    assert frame.columns.tolist() == column_names(airport_codes)
    assert frame.iloc[0].drop("iata_code").tolist() == [
        "00A", "heliport", "Total Rf", 11, "NA", "US", "US-PA", "Bensalem", "00A", "00A", 40.07, -74.93,
    ]  # fmt: skip
    assert frame["iata_code"].isna().all()
    types = frame.dtypes.astype(str)
    assert types[["elevation_ft", "latitude", "longitude"]].tolist() == ["Int64", "Float64", "Float64"]
    assert set(types.drop(["elevation_ft", "latitude", "longitude"])) == {"string"}


def test_na_is_north_america_and_namibia() -> None:
    frame = read(line("-22.6, 117.1", continent="AF", country="NA"), line("40.07, -74.93", ident="00B"))
    assert frame["iso_country"].tolist() == ["NA", "US"]
    assert frame["continent"].tolist() == ["AF", "NA"]


@pytest.mark.parametrize(
    ("far", "near", "order"),
    [("20.9, -156.4", "40.07, -74.93", "lat, lon"), ("-156.4, 20.9", "-74.93, 40.07", "lon, lat")],
)
def test_one_value_beyond_90_shows_the_order_of_the_whole_file(far: str, near: str, order: str) -> None:
    frame = read(line(near), line(far, ident="HI1"))
    assert frame[["latitude", "longitude"]].to_numpy().tolist() == [[40.07, -74.93], [20.9, -156.4]]
    assert frame.attrs["coordinate_order"] == order


def test_a_declared_order_needs_no_proof() -> None:
    frame = read(line("-74.93, 40.07"), order="lon, lat")
    assert frame[["latitude", "longitude"]].iloc[0].tolist() == [40.07, -74.93]


def test_an_extra_column_is_ignored_and_reported() -> None:
    frame = read(line("20.9, -156.4") + ",x", header=HEADER + ",home_link")
    assert frame.attrs["extra_columns"] == ["home_link"]
    assert frame.columns.tolist() == column_names(airport_codes)


@pytest.mark.parametrize(
    ("lines", "order", "message"),
    [
        (
            [line("-156.4, 20.9"), line("20.9, -156.4", ident="B")],
            "detect",
            "airports.csv, column 'coordinates': row 2 can only be 'lon, lat' and row 3 only 'lat, lon'",
        ),
        ([line("40.07, -74.93")], "detect", "does not show its order; declare it as 'lat, lon' or 'lon, lat'"),
        ([line("-156.4, 20.9")], "lat, lon", "airports.csv, column 'coordinates', row 2: '-156.4' is below -90"),
        ([line("20.9, 180.5")], "detect", "airports.csv, column 'coordinates', row 2: '180.5' is above 180"),
        ([line("40.07; -74.93")], "detect", "row 2: '40.07; -74.93' is not two numbers separated by a comma"),
        ([line("40.07, -74.93, 3")], "detect", "row 2: '40.07, -74.93, 3' is not two numbers"),
        ([line("4.0.7, -74.93")], "lat, lon", "row 2: '4.0.7, -74.93' is not two numbers"),
        ([line("")], "lat, lon", "airports.csv, column 'coordinates', row 2: the value is empty"),
        ([line("1, 2", height="high")], "lat, lon", "column 'elevation_ft', row 2: 'high' is not a number"),
        ([line("1, 2", continent="XX")], "lat, lon", "column 'continent', row 2: 'XX' is none of AF, AN"),
        ([line("1, 2", country="")], "lat, lon", "column 'iso_country', row 2: the value is empty"),
        ([line("1, 2"), line("3, 4")], "lat, lon", "airports.csv gives '00A' (columns 'ident') more than once"),
    ],
)
def test_a_value_that_breaks_the_contract_is_rejected(lines: list[str], order: CoordinateOrder, message: str) -> None:
    with pytest.raises(PermanentError) as failure:
        read(*lines, order=order)
    assert message in str(failure.value)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(PermanentError, match=r"airports\.csv has no column 'coordinates'"):
        read(line("1, 2"), header=HEADER.replace("coordinates", "position"))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(LATITUDES, LONGITUDES), min_size=1), st.sampled_from(["lat, lon", "lon, lat"]))
def test_places_survive_either_order(places: list[tuple[float, float]], order: FileOrder) -> None:
    assume(any(abs(longitude) > 90 for _, longitude in places))
    written = [(a, b) if order == "lat, lon" else (b, a) for a, b in places]
    frame = read(*[line(f"{a!r}, {b!r}", ident=str(i)) for i, (a, b) in enumerate(written)])
    assert list(zip(frame["latitude"], frame["longitude"], strict=True)) == places
    assert frame.attrs["coordinate_order"] == order


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(LATITUDES, LATITUDES), min_size=1))
def test_an_order_without_proof_is_never_guessed(places: list[tuple[float, float]]) -> None:
    with pytest.raises(PermanentError, match="declare it"):
        detect_order(pd.DataFrame(places, columns=["first", "second"]), "airports.csv")


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "rows", "order", "texts_na"),
    [
        ("airport-codes_csv.csv", 75_848, "lat, lon", [36_636, 259]),
        ("airport-codes_csv.lonlat.csv", 3_941, "lon, lat", [3_939, 0]),
    ],
)
def test_both_real_vintages_are_read_whole(
    real_data: Path, file: str, rows: int, order: str, texts_na: list[int]
) -> None:
    frame = read_airports(real_data / file, file)
    assert len(frame) == rows
    assert frame.attrs == {"extra_columns": [], "coordinate_order": order}
    assert (frame[["continent", "iso_country"]] == "NA").sum().tolist() == texts_na
    bensalem = frame.set_index("ident").loc["00A"]
    assert list(bensalem[["latitude", "longitude"]]) == [40.07080078125, -74.93360137939453]

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
from i94_platform.sources.airports import CoordinateOrder, detect_order, read_airports

HEADER = (
    "ident,type,name,elevation_ft,continent,iso_country,iso_region,"
    "municipality,gps_code,iata_code,local_code,coordinates"
)
LATITUDES = st.floats(-90, 90, allow_subnormal=False)
LONGITUDES = st.floats(-180, 180, allow_subnormal=False)


def line(coordinates: str, ident: str = "00A", continent: str = "NA", country: str = "US", height: str = "11") -> str:
    return f'{ident},heliport,Total Rf,{height},{continent},{country},US-PA,Bensalem,00A,,00A,"{coordinates}"'


def read(*lines: str, header: str = HEADER) -> pd.DataFrame:
    return read_airports(io.BytesIO("\r\n".join([header, *lines, ""]).encode()), "airports.csv")


def test_a_row_is_read_into_the_contracts_columns_and_types() -> None:
    frame = read(line("40.07, -74.93"), line("20.9, -156.4", ident="HI1"))
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


def test_an_extra_column_is_ignored_and_reported() -> None:
    frame = read(line("20.9, -156.4") + ",x", header=HEADER + ",home_link")
    assert frame.attrs["extra_columns"] == ["home_link"]
    assert frame.columns.tolist() == column_names(airport_codes)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            [line("-156.4, 20.9"), line("20.9, -156.4", ident="B")],
            "airports.csv, column 'coordinates': row 2 can only be 'lon, lat' and row 3 only 'lat, lon'",
        ),
        ([line("40.07, -74.93")], "column 'coordinates': no value lies beyond ±90 degrees"),
    ],
)
def test_a_file_whose_order_is_unclear_is_refused(lines: list[str], message: str) -> None:
    with pytest.raises(PermanentError) as failure:
        read(*lines)
    assert message in str(failure.value)


@pytest.mark.parametrize(
    ("odd", "problem", "sample"),
    [
        (line("20.9, 180.5", ident="B"), "column 'coordinates' is above 180", "row 3: '180.5'"),
        (line("40.07; -74.93", ident="B"), "column 'coordinates' is not two numbers", "row 3: '40.07; -74.93'"),
        (line("40.07, -74.93, 3", ident="B"), "column 'coordinates' is not two numbers", "row 3: '40.07, -74.93, 3'"),
        (line("4.0.7, -74.93", ident="B"), "column 'coordinates' is not two numbers", "row 3: '4.0.7, -74.93'"),
        (line("", ident="B"), "column 'coordinates' is empty", "row 3: the value"),
        (line("1, 2", ident="B", height="high"), "column 'elevation_ft' is not a number", "row 3: 'high'"),
        (line("1, 2", ident="B", height="12.5"), "column 'elevation_ft' is not a whole number", "row 3: '12.5'"),
        (line("1, 2", ident="B", height="99999"), "column 'elevation_ft' is above 30000", "row 3: '99999'"),
        (line("1, 2", ident="B", continent="XX"), "column 'continent' is none of AF, AN", "row 3: 'XX'"),
        (line("1, 2", ident="B", country=""), "column 'iso_country' is empty", "row 3: the value"),
        (line("1, 2", ident="B", country="USA"), "column 'iso_country' is longer than the 2 bytes", "row 3: 'USA'"),
        (line("1, 2", ident="00A"), "'ident' stands before", "row 3: '00A'"),
    ],
)
def test_one_odd_row_is_rejected_and_the_others_are_read(odd: str, problem: str, sample: str) -> None:
    frame = read(line("20.9, -156.4"), odd, line("40.07, -74.93", ident="C"))
    assert frame["ident"].tolist() == ["00A", "C"]
    (issue,) = frame.attrs["rejected"]
    assert problem in issue["problem"]
    assert issue["sample"] == sample
    assert (frame.attrs["delivered_rows"], frame.attrs["rejected_rows"]) == (3, 1)


def test_one_row_in_the_other_order_does_not_decide_the_order_of_the_file() -> None:
    rows = [line(f"{20 + i / 10}, -156.4", ident=f"HI{i}") for i in range(40)]
    frame = read(*rows, line("-156.4, 20.9", ident="X"))
    assert frame.attrs["coordinate_order"] == "lat, lon"
    (issue,) = frame.attrs["rejected"]
    assert "column 'coordinates' is below -90" in issue["problem"]
    assert issue["sample"] == "row 42: '-156.4'"
    assert len(frame) == 40


def test_rows_with_latitude_and_longitude_swapped_are_loaded_and_named() -> None:
    rows = [line(f"{48 + i / 10}, {2 + i / 10}", ident=f"FR{i}", continent="EU", country="FR") for i in range(20)]
    frame = read(line("20.9, -156.4"), *rows, line("3.1, 49.2", ident="X", continent="EU", country="FR"))
    assert frame.attrs["rejected"] == []
    assert frame.attrs["implausible"] == [
        {"problem": "latitude and longitude seem swapped", "rows": 1, "sample": "row 23: 'X'"}
    ]


def test_a_missing_column_is_named() -> None:
    with pytest.raises(PermanentError, match=r"airports\.csv lacks the column coordinates"):
        read(line("1, 2"), header=HEADER.replace("coordinates", "position"))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(LATITUDES, LONGITUDES), min_size=1), st.sampled_from(["lat, lon", "lon, lat"]))
def test_places_survive_either_order(places: list[tuple[float, float]], order: CoordinateOrder) -> None:
    assume(any(abs(longitude) > 90 for _, longitude in places))
    written = [(a, b) if order == "lat, lon" else (b, a) for a, b in places]
    frame = read(*[line(f"{a!r}, {b!r}", ident=str(i)) for i, (a, b) in enumerate(written)])
    assert list(zip(frame["latitude"], frame["longitude"], strict=True)) == places
    assert frame.attrs["coordinate_order"] == order


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(LATITUDES, LATITUDES), min_size=1))
def test_an_order_without_proof_is_never_guessed(places: list[tuple[float, float]]) -> None:
    with pytest.raises(PermanentError, match="no value lies beyond"):
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
    assert frame.attrs == {
        "extra_columns": [],
        "coordinate_order": order,
        "delivered_rows": rows,
        "rejected_rows": 0,
        "rejected": [],
        "implausible": [],
    }
    assert (frame[["continent", "iso_country"]] == "NA").sum().tolist() == texts_na
    bensalem = frame.set_index("ident").loc["00A"]
    assert list(bensalem[["latitude", "longitude"]]) == [40.07080078125, -74.93360137939453]


@pytest.mark.real_data
def test_most_real_airports_are_named_if_they_are_swapped(real_data: Path, tmp_path: Path) -> None:
    lines = (real_data / "airport-codes_csv.csv").read_text("utf-8").splitlines()
    swapped = [i for i, text in enumerate(lines) if ",EU,FR," in text and text.endswith('"')][:50]
    for i in swapped:
        start, _, pair = lines[i][:-1].rpartition(',"')
        lines[i] = f'{start},"{", ".join(reversed(pair.split(", ")))}"'
    file = tmp_path / "airports.csv"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    (issue,) = read_airports(file, file.name).attrs["implausible"]
    assert issue["rows"] >= 45


@pytest.mark.real_data
@pytest.mark.parametrize(("variant", "rows"), [("airports-100-rows.csv", 100), ("airports-truncated.csv", 0)])
def test_public_variants_are_read_whole_or_refused(variants: Path, variant: str, rows: int) -> None:
    file = variants / variant
    if rows:
        assert len(read_airports(file, variant)) == rows
    else:
        with pytest.raises(PermanentError, match="its last line has no end"):
            read_airports(file, variant)

"""The synthetic reference files have the headers, line ends and irregularities of the real ones.

The platform's own readers read them.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Double, Integer, MetaData, String

from i94_platform.contracts.codes import CODE_LISTS, read_reviewed_list
from i94_platform.contracts.model import column, table
from i94_platform.sample.countries import invent_city_names, read_countries
from i94_platform.sample.from_contract import generate_file
from i94_platform.sample.labels import generate_labels
from i94_platform.sample.reference import AIRPORT_COUNT, CITY_COUNT
from i94_platform.sources.airports import read_airports
from i94_platform.sources.delimited import read_table
from i94_platform.sources.demographics import read_demographics
from i94_platform.sources.labels import parse_code_lists
from i94_platform.sources.source import Source
from i94_platform.transforms.country import match_names

DEMOGRAPHICS = "us-cities-demographics.csv"
AIRPORTS = "airport-codes_csv.csv"
TEMPERATURES = "GlobalLandTemperaturesByCity.csv"
LABELS = "I94_SAS_Labels_Descriptions.SAS"

HEADERS = {
    DEMOGRAPHICS: "City;State;Median Age;Male Population;Female Population;Total Population;Number of Veterans;"
    "Foreign-born;Average Household Size;State Code;Race;Count\r\n",
    AIRPORTS: "ident,type,name,elevation_ft,continent,iso_country,iso_region,municipality,gps_code,iata_code,"
    "local_code,coordinates\r\n",
    TEMPERATURES: "dt,AverageTemperature,AverageTemperatureUncertainty,City,Country,Latitude,Longitude\n",
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_file_has_the_real_header_and_line_ends(sample: Path, name: str) -> None:
    with (sample / name).open(encoding="utf-8", newline="") as file:
        assert file.readline() == HEADERS[name]


@pytest.mark.parametrize("name", CODE_LISTS)
def test_the_label_file_parses_back_to_exactly_the_reviewed_list(sample: Path, name: str) -> None:
    text = (sample / LABELS).read_bytes().decode()
    pd.testing.assert_frame_equal(parse_code_lists(text, LABELS)[name], read_reviewed_list(name))


IRREGULARITIES = (
    "libname library", "proc format", "\r\n  value i94cntyl\r\n", "   'CP '\t=\t'", "'ARGENTINA '",
    "'INT''L FALLS, MN",
    "   'NK' \t=\t", "'HOMER, AK            '           \r\n", "\t1 = 'Air'\r\n", "\t'AL'='ALABAMA'\r\n",
    "/* I94VISA - ", "\r\n   1 = Business\r\n", "'All Other Codes' ;", "\r\n;\r\n", "   0  =  'INVALID: STATELESS'",
)  # fmt: skip


def test_the_label_file_has_each_irregularity_of_the_real_one() -> None:
    text = generate_labels().decode()
    assert [irregularity for irregularity in IRREGULARITIES if irregularity not in text] == []


def test_cities_cover_most_states_and_no_total_is_lost(sample: Path) -> None:
    people = read_demographics(sample / DEMOGRAPHICS, DEMOGRAPHICS)
    cities = people.drop_duplicates(["city", "state_code"])
    assert len(cities) == CITY_COUNT
    assert cities["state_code"].nunique() == 49
    assert not cities["city"].is_unique
    assert people.groupby(["city", "state_code"]).size().agg(["min", "max"]).between(1, 5).all()
    complete = cities.dropna(subset="male_population")
    assert (complete["male_population"] + complete["female_population"] == complete["total_population"]).all()


def test_puerto_rico_has_no_veterans_and_one_city_no_men_and_women(sample: Path) -> None:
    people = read_demographics(sample / DEMOGRAPHICS, DEMOGRAPHICS)
    unknown = people.loc[people["veterans"].isna(), "state_code"]
    assert set(unknown) == {"PR"}
    assert people.loc[people["state_code"] == "PR", ["veterans", "foreign_born"]].isna().all(axis=None)
    incomplete = people.loc[people["male_population"].isna(), ["city", "state_code"]].drop_duplicates()
    assert incomplete["state_code"].tolist() == ["FL"]


def test_airports_show_their_order_of_coordinates_and_the_two_meanings_of_na(sample: Path) -> None:
    airports = read_airports(sample / AIRPORTS, AIRPORTS)
    assert len(airports) == AIRPORT_COUNT
    assert airports.attrs["coordinate_order"] == "lat, lon"
    assert (airports["continent"] == "NA").mean() == pytest.approx(0.45, abs=0.1)
    assert (airports["iso_country"] == "NA").sum() >= 2
    assert airports.loc[airports["iso_country"] == "NA", "continent"].eq("AF").all()


def read_temperatures(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / TEMPERATURES)


def test_temperatures_cover_every_month_of_one_to_four_cities_a_country(sample: Path) -> None:
    read = read_temperatures(sample)
    assert set(read["Country"]) == {country.name for country in read_countries()}
    assert len(read_countries()) >= 100
    assert {"Côte D'Ivoire", "Guinea Bissau", "Congo (Democratic Republic Of The)"} <= set(read["Country"])
    assert read.groupby("Country")["City"].nunique().between(1, 4).all()
    months = [day.strftime("%Y-%m-%d") for day in pd.date_range("2004-01-01", "2013-09-01", freq="MS")]
    assert (read.groupby(["City", "Country"])["dt"].agg(list).map(lambda days: days == months)).all()
    assert read["Latitude"].str.fullmatch(r"\d{1,2}\.\d\d[NS]").all()
    assert read["Longitude"].str.fullmatch(r"\d{1,3}\.\d\d[EW]").all()


def test_the_south_is_warm_in_january_and_only_the_last_month_has_gaps(sample: Path) -> None:
    read = read_temperatures(sample)
    assert set(read.loc[read["AverageTemperature"].isna(), "dt"]) == {"2013-09-01"}
    by_month = read.assign(month=read["dt"].str[5:7]).pivot_table("AverageTemperature", "Country", "month")
    january_over_july = (by_month["01"] - by_month["07"]).to_dict()
    assert january_over_july["Australia"] > 5
    assert january_over_july["Sweden"] < -15
    assert read["AverageTemperature"].dropna().between(-40, 45).all()


def test_every_country_of_the_temperatures_is_known(sample: Path) -> None:
    names = read_temperatures(sample)["Country"].unique().tolist()
    assert [name for name, iso3 in match_names(names).items() if iso3 is None] == []


def test_invented_names_are_distinct_in_any_number() -> None:
    import numpy as np

    names = invent_city_names(np.random.default_rng(1), 1_000)
    assert len(set(names)) == 1_000


def test_a_source_without_a_generator_gets_valid_rows_from_its_contract() -> None:
    contract = table(
        MetaData(schema="i94"),
        "gdp",
        "Gross domestic product.",
        column("country", Integer(), "Country.", source="gdp.csv", key=True, references="country.code"),
        column("year", Integer(), "Year.", source="gdp.csv", key=True, low=2000, high=2020),
        column("value", Double(), "Value.", source="gdp.csv", unit="USD", low=0),
        column("status", String(8), "Status.", source="gdp.csv", allowed=("final", "open")),
        column("note", String(9), "Note.", source="gdp.csv"),
        domain="places",
        grain="one row per country and year",
    )
    headers = {name: name.title() for name in contract.columns.keys()}  # noqa: SIM118
    source = Source(
        name="gdp",
        description="Gross domestic product.",
        file_name="gdp.csv",
        formats=("csv",),
        contracts=(contract,),
        module=__name__,
        headers=headers,
        separator=";",
    )
    data = generate_file(source, seed=94)
    rows = read_table(BytesIO(data), "gdp.csv", contract, headers, ";")
    assert data == generate_file(source, seed=94)
    assert len(rows) > 150
    assert not rows.duplicated(["country", "year"]).any()
    assert rows["year"].between(2000, 2020).all()
    assert rows["value"].isna().any()
    assert set(rows["status"].dropna()) == {"final", "open"}

"""Test the rows of the monthly marts: on DuckDB and on the Redshift emulator, from arrivals that lack values.

The incidents: an inner join that lost every visitor of an unlisted nationality, and a city population that was summed
once a race.
"""

from __future__ import annotations

import datetime as dt
import math
from itertools import pairwise
from typing import Any

import pytest

from i94_platform.contracts import immigration
from i94_platform.contracts.groups import AGE_BANDS, CLIMATE_BANDS, UNKNOWN
from i94_platform.lake.datasets import Dataset
from i94_platform.warehouse.base import Warehouse
from i94_platform_tests.marts.arrivals import MARTS, load_arrivals, refresh, select_sorted
from i94_platform_tests.support.deployment import Deployment
from i94_platform_tests.support.warehouses import (
    Place,
    Staging,
    arrivals,
)


def test_an_unlisted_nationality_is_shown_as_one_with_a_hint_and_a_missing_one_as_not_given(
    refreshed: Warehouse,
) -> None:
    columns = ("i94cit", "nationality", "status", "iso3", "region", "visitors", "hint_likely_residence",
               "hint_likely_residence_visitors")  # fmt: skip
    assert select_sorted(refreshed, "visitors_by_nationality", *columns) == [
        (-1, "not given", "not given", None, "unknown", 1, None, None),
        (135, "United Kingdom", "valid", "GBR", "Northern Europe", 3, None, None),
        (148, "code 148 (likely Germany)", "unlisted", None, "unknown", 3, "Brazil", 2),
        (311, "Tanzania (collapsed code)", "collapsed", "TZA", "Eastern Africa", 1, None, None),
    ]


def test_the_hint_is_none_where_no_visitor_of_the_nationality_gives_a_residence(
    april_warehouse: Warehouse, staging: Staging
) -> None:
    april_warehouse.replace(immigration, staging.month("2016-04", [1], i94cit=148), "r1")
    refresh(april_warehouse, MARTS["visitors_by_nationality"])
    assert select_sorted(
        april_warehouse, "visitors_by_nationality", "nationality", "visitors", "hint_likely_residence"
    ) == [("code 148 (likely Germany)", 1, None)]


def test_a_residence_that_is_not_given_is_no_hint_where_another_is(
    april_warehouse: Warehouse, staging: Staging
) -> None:
    rows = [
        row for n, code in enumerate((None, None, 689)) for row in arrivals("2016-04", [n], i94cit=148, i94res=code)
    ]
    april_warehouse.replace(
        immigration, staging.commit(immigration, Dataset("staged/immigration", "2016-04"), rows), "r1"
    )
    refresh(april_warehouse, MARTS["visitors_by_nationality"])
    columns = ("visitors", "hint_likely_residence", "hint_likely_residence_visitors")
    assert select_sorted(april_warehouse, "visitors_by_nationality", *columns) == [(3, "Brazil", 1)]


def test_the_cube_keeps_what_is_unknown_and_counts_departures_and_stays(
    april_warehouse: Warehouse, staging: Staging
) -> None:
    """A stay of 366 days or of -1 is not known, and neither is that of an arrival without a departure."""
    stays = ((dt.date(2016, 4, 9), 3), (dt.date(2017, 4, 8), 366), (dt.date(2016, 4, 1), -1), (None, None))
    rows = [
        row
        for n, (depdate, stay_days) in enumerate(stays)
        for row in arrivals("2016-04", [n], i94mode=None, i94cit=None, depdate=depdate, stay_days=stay_days)
    ]
    manifest = staging.commit(immigration, Dataset("staged/immigration", "2016-04"), rows)
    april_warehouse.replace(immigration, manifest, "r1")
    refresh(april_warehouse, MARTS["arrivals_cube"])
    columns = ("i94cit", "i94mode", "visatype", "age_band", "visitors", "no_departure", "stays", "stay_days")
    assert select_sorted(april_warehouse, "arrivals_cube", *columns) == [
        (-1, -1, "not given", "unknown", 4, 1, 1, 3),
    ]


def test_origins_are_labelled(refreshed: Warehouse) -> None:
    assert select_sorted(refreshed, "visitors_by_origin", "i94res", "origin", "region", "visitors") == [
        (-1, "not given", "unknown", 1),
        (135, "United Kingdom", "Northern Europe", 2),
        (245, "Côte d'Ivoire: 100%", "Western Africa", 1),
        (311, "Tanzania (collapsed code)", "Eastern Africa", 1),
        (689, "Brazil", "South America", 3),
    ]


def test_a_carrier_that_is_no_airline_is_labelled(refreshed: Warehouse) -> None:
    assert select_sorted(refreshed, "visitors_by_airline", "airline", "carrier", "airline_name", "visitors") == [
        ("*GA", "general aviation", "general aviation", 1),
        ("BA", "airline", "British Airways", 4),
        ("VES", "vessel", "vessel", 1),
        ("not given", "not given", "not given", 2),
    ]


def test_an_airline_without_a_name_is_shown_by_its_code(april_warehouse: Warehouse, staging: Staging) -> None:
    rows = [row for n, code in enumerate(("TW", "Q7X")) for row in arrivals("2016-04", [n], airline=code)]
    april_warehouse.replace(
        immigration, staging.commit(immigration, Dataset("staged/immigration", "2016-04"), rows), "r1"
    )
    refresh(april_warehouse, MARTS["visitors_by_airline"])
    assert select_sorted(april_warehouse, "visitors_by_airline", "airline", "airline_name", "carrier") == [
        ("Q7X", "code Q7X", "airline"),
        ("TW", "T'way Air", "airline"),
    ]


def test_destinations_by_origin_keep_what_is_unknown_of_both(refreshed: Warehouse) -> None:
    assert select_sorted(refreshed, "destination_by_origin", "i94addr", "state", "i94res", "origin", "visitors") == [
        ("99", "not given or not listed", -1, "not given", 1),
        ("99", "not given or not listed", 689, "Brazil", 1),
        ("NY", "New York", 135, "United Kingdom", 1),
        ("NY", "New York", 245, "Côte d'Ivoire: 100%", 1),
        ("NY", "New York", 311, "Tanzania (collapsed code)", 1),
        ("NY", "New York", 689, "Brazil", 2),
        ("VT", "Vermont", 135, "United Kingdom", 1),
    ]


def test_climate_bands_hold_their_lower_bound_and_a_country_without_temperature_is_unknown(
    refreshed: Warehouse,
) -> None:
    columns = ("i94addr", "climate_band", "source_countries", "mean_temperature", "visitors")
    assert select_sorted(refreshed, "destination_by_climate", *columns) == [
        ("99", "unknown", 0, None, 1),
        ("99", "very hot", 1, 25.0, 1),
        ("NY", "cool", 1, 9.2, 1),
        ("NY", "hot", 1, 22.1, 1),
        ("NY", "unknown", 1, None, 1),
        ("NY", "very hot", 1, 25.0, 2),
        ("VT", "cool", 1, 9.2, 1),
    ]


def test_a_bands_temperature_is_weighted_by_visitors(april_warehouse: Warehouse) -> None:
    with april_warehouse.transaction(purpose="prepare a test") as transaction:
        transaction.execute("UPDATE i94.country SET mean_temperature = 28 WHERE code = 311")
    refresh(april_warehouse, MARTS["destination_by_climate"])
    columns = ("i94addr", "climate_band", "source_countries", "mean_temperature", "visitors")
    assert ("NY", "very hot", 2, 26.0, 3) in select_sorted(april_warehouse, "destination_by_climate", *columns)


def test_a_bands_temperature_that_lies_between_two_roundings_is_the_same_on_both_warehouses(
    duckdb_place: Place, redshift_place: Place
) -> None:
    """Two countries with a visitor each, whose mean ends in a 5: one engine rounded it up and the other down."""
    results = []
    for place in (duckdb_place, redshift_place):
        warehouse = load_arrivals(place.prepare(), Staging(place.lake))
        with warehouse.transaction(purpose="prepare a test") as transaction:
            transaction.execute("UPDATE i94.country SET mean_temperature = 25.6962 WHERE code = 135")
            transaction.execute("UPDATE i94.country SET mean_temperature = 25.6971 WHERE code = 245")
        staging, rows = Staging(place.lake), []
        for number, code in enumerate((135, 245)):
            rows += arrivals("2016-04", [number], i94cit=135, i94res=code)
        manifest = staging.commit(immigration, Dataset("staged/tie", "2016-04"), rows)
        warehouse.replace(immigration, manifest, "r1")
        refresh(warehouse, MARTS["destination_by_climate"])
        results += select_sorted(warehouse, "destination_by_climate", "mean_temperature", "visitors")
    assert results == [(51.3933 / 2, 2)] * 2


def test_origins_have_their_climate_beside_them(refreshed: Warehouse) -> None:
    columns = ("origin", "region", "continent", "climate_band", "mean_temperature", "temperature_cities", "visitors")
    assert select_sorted(refreshed, "origin_climate", *columns) == [
        ("Côte d'Ivoire: 100%", "Western Africa", "Africa", "unknown", None, None, 1),
        ("Brazil", "South America", "America", "very hot", 25.0, 3, 3),
        ("Tanzania (collapsed code)", "Eastern Africa", "Africa", "hot", 22.1, 1, 1),
        ("United Kingdom", "Northern Europe", "Europe", "cool", 9.2, 7, 2),
        ("not given", "unknown", "unknown", "unknown", None, None, 1),
    ]


def test_demographics_have_bands_labels_and_the_people_of_the_cities(refreshed: Warehouse) -> None:
    columns = ("i94addr", "age_band", "gender", "gender_label", "visa", "visitors", "cities", "city_population",
               "city_female_population", "city_median_age")  # fmt: skip
    cities, none = (2, 100, 60, 35.5), (0, None, None, None)
    assert select_sorted(refreshed, "visitor_demographics_by_state", *columns) == [
        ("99", "65+", "X", "recorded as X", "Pleasure", 1, *none),
        ("99", "unknown", "U", "recorded as unknown", "Pleasure", 1, *none),
        ("NY", "0-17", "F", "female", "Pleasure", 2, *cities),
        ("NY", "18-24", "F", "female", "Pleasure", 1, *cities),
        ("NY", "25-34", "F", "female", "Business", 1, *cities),
        ("NY", "65+", "M", "male", "Pleasure", 1, *cities),
        ("VT", "unknown", "not given", "not given", "Pleasure", 1, *none),
    ]


def test_a_letter_that_no_gender_has_costs_no_visitor(april_warehouse: Warehouse, staging: Staging) -> None:
    """The arrivals' contract only warns of it, so that a month may hold one."""
    april_warehouse.replace(immigration, staging.month("2016-04", [1, 2], gender="Z"), "r1")
    refresh(april_warehouse, MARTS["visitor_demographics_by_state"])
    columns = ("gender", "gender_label", "visitors")
    assert select_sorted(april_warehouse, "visitor_demographics_by_state", *columns) == [("Z", "recorded otherwise", 2)]


def test_ports_have_their_label_and_a_mode_that_is_missing_is_not_given(
    april_warehouse: Warehouse, staging: Staging
) -> None:
    rows = [row for n, mode in enumerate((1, 1, None)) for row in arrivals("2016-04", [n], i94mode=mode)]
    manifest = staging.commit(immigration, Dataset("staged/immigration", "2016-04"), rows)
    april_warehouse.replace(immigration, manifest, "r1")
    with april_warehouse.transaction(purpose="prepare a test") as transaction:
        transaction.execute("UPDATE i94.i94port SET state = 'NY' WHERE code = 'NYC'")
        transaction.execute("UPDATE i94.i94mode SET label = 'Air' WHERE code = 1")
    refresh(april_warehouse, MARTS["ports"])
    columns = ("i94port", "port", "port_state", "i94mode", "mode", "visitors")
    assert select_sorted(april_warehouse, "ports", *columns) == [
        ("NYC", "New York, NY", "NY", -1, "not given", 1),
        ("NYC", "New York, NY", "NY", 1, "Air", 2),
    ]


MISREAD_PORTS = (
    # code, name, city, state
    ("NEW", "Newark, NJ", "NEWARK", "NJ"),
    ("LVG", "Las Vegas, NV", "LAS VEGAS", "NV"),
    ("LOS", "Los Angeles, CA", "LOS ANGELES", "CA"),
    ("OMA", "Omaha, NE", "OMAHA", "NE"),
    ("DEN", "Denver, CO", "DENVER", "CO"),
)


def test_a_state_is_misread_where_far_ports_that_its_code_stands_for_bring_more_than_its_neighbours(
    april_warehouse: Warehouse, staging: Staging
) -> None:
    """Nebraska borders on Colorado. Of 200 visitors of each, 60 of Nebraska and 2 of Colorado enter at Newark."""
    entries = {
        "NE": {"NEW": 60, "LVG": 24, "LOS": 60, "OMA": 20, "DEN": 36},
        "CO": {"NEW": 2, "LVG": 8, "DEN": 190},
        "LA": {"LVG": 100},
    }
    with april_warehouse.transaction(purpose="prepare a test") as transaction:
        names = {"NE": "Nebraska", "CO": "Colorado", "LA": "Louisiana", "NV": "Nevada", "NJ": "New Jersey"}
        for code, name in (names | {"CA": "California"}).items():
            row: dict[str, str | None] = {"code": code, "name": name}
            transaction.execute("INSERT INTO i94.i94addr VALUES (:code, :name)", row)
            row["neighbours"] = {"NE": "CO", "CO": "NE"}.get(code)
            transaction.execute(
                "INSERT INTO i94.state (code, label, name, neighbours, cities)"
                " VALUES (:code, :name, :name, :neighbours, 0)",
                row,
            )
        for code, name, city, state in MISREAD_PORTS:
            transaction.execute(
                "INSERT INTO i94.i94port VALUES (:code, :name, :name, :city, :state, 'United States', 'valid')",
                {"code": code, "name": name, "city": city, "state": state},
            )
    groups = [(state, port, n) for state, ports in entries.items() for port, n in ports.items()]
    rows = [row for state, port, n in groups for row in arrivals("2016-04", [0] * n, i94addr=state, i94port=port)]
    rows = [{**row, "cicid": number} for number, row in enumerate(rows)]
    manifest = staging.commit(immigration, Dataset("staged/immigration", "2016-04"), rows)
    april_warehouse.replace(immigration, manifest, "r1")
    refresh(april_warehouse, MARTS["destination_by_port"])
    columns = ("i94addr", "i94port", "visitors", "usual_visitors", "possible_meaning")
    assert select_sorted(april_warehouse, "destination_by_port", *columns) == [
        ("CO", "DEN", 190, None, None),
        ("CO", "LVG", 8, 24, None),
        ("CO", "NEW", 2, 60, None),
        ("LA", "LVG", 100, None, None),
        ("NE", "DEN", 36, None, None),
        ("NE", "LOS", 60, 0, None),
        ("NE", "LVG", 24, 8, "Nevada"),
        ("NE", "NEW", 60, 2, "Newark, NJ"),
        ("NE", "OMA", 20, None, None),
    ]


def test_a_mean_stay_is_that_of_the_known_stays_and_null_without_any(
    april_warehouse: Warehouse, staging: Staging
) -> None:
    stays = ((135, 3), (135, 8), (135, 400), (689, None))
    rows = [
        row
        for n, (code, days) in enumerate(stays)
        for row in arrivals("2016-04", [n], i94res=code, stay_days=days, depdate=days and dt.date(2016, 5, 1))
    ]
    manifest = staging.commit(immigration, Dataset("staged/immigration", "2016-04"), rows)
    april_warehouse.replace(immigration, manifest, "r1")
    refresh(april_warehouse, MARTS["stays"])
    columns = ("origin", "state", "visa", "visitors", "no_departure", "stays", "stay_days", "mean_stay")
    assert select_sorted(april_warehouse, "stays", *columns) == [
        ("Brazil", "New York", "Pleasure", 1, 1, 0, 0, None),
        ("United Kingdom", "New York", "Pleasure", 3, 0, 2, 11, 5.5),
    ]


def test_affinity_is_that_of_a_table_of_contingency(refreshed: Warehouse) -> None:
    """Vermont has 1 of 8 visitors, the United Kingdom 2 of 8: by hand, one is expected 1/4 times."""
    columns = ("i94addr", "i94res", "visitors", "expected_visitors", "ratio", "standardized_residual")
    row = next(row for row in select_sorted(refreshed, "origin_destination_affinity", *columns) if row[0] == "VT")
    residual = (1 - 0.25) / math.sqrt(0.25 * (1 - 1 / 8) * (1 - 2 / 8))
    assert row[:3] == ("VT", 135, 1)
    assert row[3:] == pytest.approx((0.25, 4.0, residual), rel=1e-12)


def test_a_state_has_the_climate_of_its_measured_cities(april_warehouse: Warehouse) -> None:
    """Arlington is in two states, and the one whose airport is nearer has the city.

    The data end in 2013, though not for the US, so that 1983 is too long ago.
    """
    with april_warehouse.transaction(purpose="prepare a test") as transaction:
        for city, state, people in (("Arlington", "NY", 50), ("Arlington", "VT", 70), ("Akron", "NY", 40)):
            transaction.execute(
                "INSERT INTO i94.us_cities_demographics (city, state_code, race, state, total_population, race_count) "
                "VALUES (:city, :state, 'White', 'a state', :people, 1)",
                {"city": city, "state": state, "people": people},
            )
        for state, latitude in (("NY", 41.0), ("VT", 44.0)):
            transaction.execute(
                "INSERT INTO i94.airport_codes (ident, type, iso_country, iso_region, latitude, longitude) "
                "VALUES (:state, 'heliport', 'US', :region, :latitude, -74)",
                {"state": state, "region": f"US-{state}", "latitude": latitude},
            )
        for day, city, celsius in (
            ("2012-01-01", "Arlington", 2), ("2012-04-01", "Arlington", 8), ("2011-04-01", "Arlington", 10),
            ("2012-01-01", "Akron", 6), ("1983-04-01", "Akron", 99), ("2012-01-01", "Nowhere", 50),
        ):  # fmt: skip
            transaction.execute(
                "INSERT INTO i94.world_temperature (dt, city, country, latitude, longitude, average_temperature, iso3) "
                "VALUES (CAST(:day AS DATE), :city, 'United States', 42, -74, :celsius, 'USA')",
                {"day": day, "city": city, "celsius": celsius},
            )
        transaction.execute(
            "INSERT INTO i94.world_temperature (dt, city, country, latitude, longitude, average_temperature, iso3) "
            "SELECT CAST('2013-01-01' AS DATE), city, 'Peru', 0, 0, 20, 'PER' FROM i94.world_temperature"
        )
    refresh(april_warehouse, MARTS["state_climate"])
    columns = ("i94addr", "climate_band", "mean_temperature", "month_temperature", "temperature_cities",
               "temperature_city_population", "city_population", "visitors")  # fmt: skip
    assert select_sorted(april_warehouse, "state_climate", *columns) == [
        ("99", "unknown", None, None, 0, None, None, 2),
        # Arlington: the mean of January's 2 and April's (8 + 10) / 2; Akron has no April
        ("NY", "cool", (5.5 + 6) / 2, 9.0, 2, 90, 100, 5),
        ("VT", "unknown", None, None, 0, None, None, 1),
    ]


@pytest.mark.parametrize("bands", [CLIMATE_BANDS, AGE_BANDS], ids=["climate", "age"])
def test_bands_follow_each_other_without_a_gap(bands: tuple[tuple[str, Any, Any], ...]) -> None:
    assert all(band[2] == after[1] for band, after in pairwise(bands))
    assert UNKNOWN not in {name for name, *_ in bands}


def test_every_german_of_the_sample_is_counted(loaded_deployment: Deployment) -> None:
    (row,) = loaded_deployment.query("SELECT * FROM mart.visitors_by_nationality WHERE i94cit = 148")
    assert row["nationality"] == "code 148 (likely Germany)"
    assert row["visitors"] == loaded_deployment.query_value("SELECT count(*) FROM i94.immigration WHERE i94cit = 148")
    assert row["hint_likely_residence"] == "Germany"

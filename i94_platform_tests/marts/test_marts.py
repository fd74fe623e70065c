"""Pins the monthly marts: on DuckDB and, as Redshift's text, on the emulator, from arrivals with everything left out.

The incidents: an inner join that lost every visitor of an unlisted nationality, a city population summed once a race,
a month added to a mart a second time, and a mart that was empty after its refresh had failed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Table

from i94_platform.contracts import MONTHLY_MARTS, immigration
from i94_platform.contracts.marts import AGE_BANDS, CLIMATE_BANDS, UNKNOWN
from i94_platform.contracts.model import column_names, key_columns
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.local import LocalStore
from i94_platform.lake.s3 import S3Store
from i94_platform.marts.rendering import render_month_query, source_tables, upstream_tables
from i94_platform.partitions import Month
from i94_platform.warehouse.base import Warehouse
from i94_platform_tests.emulators.redshift.emulator import Fault, RedshiftEmulator
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.support.deployment import Deployment
from i94_platform_tests.warehouse.conftest import (
    Place,
    Staging,
    arrivals,
    connect_s3,
    prepared,
    reach_duckdb,
    reach_redshift,
)

MARTS = {mart.name: mart for mart in MONTHLY_MARTS}
APRIL, MAY = Month(2016, 4), Month(2016, 5)

COUNTRIES = (
    # code, label, status, iso3, continent, region, mean temperature, cities
    (135, "UNITED KINGDOM", "valid", "GBR", "Europe", "Northern Europe", 9.2, 7),
    (689, "BRAZIL", "valid", "BRA", "America", "South America", 25.0, 3),
    (245, "CÔTE D'IVOIRE: 100%", "valid", "CIV", "Africa", "Western Africa", None, None),
    (311, "Collapsed Tanzania", "collapsed", "TZA", "Africa", "Eastern Africa", 22.1, 1),
    (148, "unlisted code 148", "unlisted", None, None, None, None, None),
)
STATES = (
    ("NY", "NEW YORK", 2, 35.5, 40, 60, 100, 30),
    ("VT", "VERMONT", 0, None, None, None, None, None),
    ("99", "All Other Codes", 0, None, None, None, None, None),
)
ARRIVALS: tuple[dict[str, Any], ...] = (
    {"i94cit": 135, "i94res": 135, "airline": "BA", "gender": "F", "i94bir": 17},
    {"i94cit": 135, "i94res": 689, "airline": "BA", "gender": "F", "i94bir": 18},
    {"i94cit": 148, "i94res": 689, "airline": "*GA", "gender": "M", "i94bir": 65},
    {"i94cit": 148, "i94res": 689, "airline": "VES", "gender": "X", "i94bir": 114, "i94addr": "99"},
    {"i94cit": 148, "i94res": 135, "airline": None, "gender": None, "i94bir": None, "i94addr": "VT"},
    {"i94cit": None, "i94res": None, "airline": None, "gender": "U", "i94bir": -3, "i94addr": "99"},
    {"i94cit": 311, "i94res": 245, "airline": "BA", "gender": "F", "i94bir": 30, "i94visa": 1},
    {"i94cit": 135, "i94res": 311, "airline": "BA", "gender": "F", "i94bir": 17},
)

every_mart = pytest.mark.parametrize("mart", MONTHLY_MARTS, ids=lambda mart: mart.name)


@pytest.fixture(scope="module", params=["duckdb", "redshift"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """Each warehouse in turn, with the marts of those arrivals: only to be looked at."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "duckdb":
        warehouse, lake = reach_duckdb(folder / "warehouse"), Lake(LocalStore(folder / "lake"))
        yield with_marts(with_arrivals(prepared(warehouse), Staging(lake)))
        return
    emulator: RedshiftEmulator = request.getfixturevalue("redshift_emulator")
    server: S3Server = request.getfixturevalue("s3_server")
    database, connect = (
        emulator.create_database(),
        partial(connect_s3, server.endpoint, server.access_key, server.secret_key),
    )
    warehouse = reach_redshift(emulator.address(database), connect, folder)
    lake = Lake(S3Store(f"s3://{server.create_bucket()}/{database}", connect, folder))
    yield with_marts(with_arrivals(prepared(warehouse), Staging(lake)))
    emulator.drop_database(database)


def with_marts(warehouse: Warehouse) -> Warehouse:
    for mart in MONTHLY_MARTS:
        refresh(warehouse, mart)
    return warehouse


@pytest.fixture
def filled(warehouse: Warehouse, staging: Staging) -> Warehouse:
    """A warehouse with the dimensions, those arrivals in April, and one in May."""
    return with_arrivals(warehouse, staging)


def with_arrivals(warehouse: Warehouse, staging: Staging) -> Warehouse:
    with warehouse.transaction(purpose="prepare a test") as transaction:
        for country in COUNTRIES:
            names = ("code", "label", "status", "iso3", "continent", "region", "mean_temperature", "temperature_cities")
            row = dict(zip(names, country, strict=True))
            transaction.execute(
                f"INSERT INTO i94.country ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})", row
            )
        for code, label in (("VT", "VERMONT"), ("99", "All Other Codes")):
            transaction.execute("INSERT INTO i94.i94addr VALUES (:code, :label)", {"code": code, "label": label})
        transaction.execute("INSERT INTO i94.i94visa VALUES (1, 'Business')")
        for state in STATES:
            names = ("code", "label", "cities", "median_age", "male_population", "female_population", "city_population",
                     "foreign_born")  # fmt: skip
            row = dict(zip(names, state, strict=True))
            transaction.execute(
                f"INSERT INTO i94.state ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})", row
            )
    rows = [row for n, values in enumerate(ARRIVALS, 1) for row in arrivals("2016-04", [n], **values)]
    warehouse.replace(immigration, staging.commit(immigration, Dataset("staged/immigration", "2016-04"), rows), "r1")
    warehouse.replace(immigration, staging.month("2016-05", [1], i94cit=135, i94res=135), "r1")
    return warehouse


def refresh(warehouse: Warehouse, mart: Table, month: Month = APRIL, run_id: str = "r2") -> int:
    return warehouse.refresh_mart(
        mart, month, render_month_query(mart, warehouse.dialect), f"version of {month.key}", run_id
    )


def rows_of(warehouse: Warehouse, mart: Table, month: Month | None = APRIL) -> list[dict[str, Any]]:
    """A month's rows, or all, by key."""
    where = "WHERE i94mon = :month" if month else ""
    rows = warehouse.query(f"SELECT * FROM {mart.fullname} {where}", {"month": month.month} if month else None)
    return sorted(rows.to_pylist(), key=lambda row: [str(row[name]) for name in key_columns(mart)])


def shown(warehouse: Warehouse, name: str, *columns: str) -> list[tuple[Any, ...]]:
    """Some columns of a mart, sorted."""
    return sorted((tuple(row[column] for column in columns) for row in rows_of(warehouse, MARTS[name])), key=str)


# --- what they say ----------------------------------------------------------------------------------------------------


def test_an_unlisted_nationality_is_shown_as_one_with_a_hint_and_a_missing_one_as_not_given(made: Warehouse) -> None:
    columns = ("i94cit", "nationality", "status", "iso3", "region", "visitors", "hint_likely_residence",
               "hint_likely_residence_visitors")  # fmt: skip
    assert shown(made, "visitors_by_nationality", *columns) == [
        (-1, "not given", "not given", None, "unknown", 1, None, None),
        (135, "UNITED KINGDOM", "valid", "GBR", "Northern Europe", 3, None, None),
        (148, "unlisted code 148", "unlisted", None, "unknown", 3, "BRAZIL", 2),
        (311, "Collapsed Tanzania", "collapsed", "TZA", "Eastern Africa", 1, None, None),
    ]


def test_the_hint_is_none_where_no_visitor_of_the_nationality_gives_a_residence(
    filled: Warehouse, staging: Staging
) -> None:
    filled.replace(immigration, staging.month("2016-04", [1], i94cit=148), "r1")
    refresh(filled, MARTS["visitors_by_nationality"])
    assert shown(filled, "visitors_by_nationality", "nationality", "visitors", "hint_likely_residence") == [
        ("unlisted code 148", 1, None)
    ]


def test_a_residence_that_is_not_given_is_no_hint_where_another_is(filled: Warehouse, staging: Staging) -> None:
    rows = [
        row for n, code in enumerate((None, None, 689)) for row in arrivals("2016-04", [n], i94cit=148, i94res=code)
    ]
    filled.replace(immigration, staging.commit(immigration, Dataset("staged/immigration", "2016-04"), rows), "r1")
    refresh(filled, MARTS["visitors_by_nationality"])
    columns = ("visitors", "hint_likely_residence", "hint_likely_residence_visitors")
    assert shown(filled, "visitors_by_nationality", *columns) == [(3, "BRAZIL", 1)]


def test_origins_are_labelled(made: Warehouse) -> None:
    assert shown(made, "visitors_by_origin", "i94res", "origin", "region", "visitors") == [
        (-1, "not given", "unknown", 1),
        (135, "UNITED KINGDOM", "Northern Europe", 2),
        (245, "CÔTE D'IVOIRE: 100%", "Western Africa", 1),
        (311, "Collapsed Tanzania", "Eastern Africa", 1),
        (689, "BRAZIL", "South America", 3),
    ]


def test_what_is_no_airline_is_told_apart(made: Warehouse) -> None:
    assert shown(made, "visitors_by_airline", "airline", "carrier", "visitors") == [
        ("*GA", "general aviation", 1),
        ("BA", "airline", 4),
        ("VES", "vessel", 1),
        ("not given", "not given", 2),
    ]


def test_destinations_by_origin_keep_what_is_unknown_of_both(made: Warehouse) -> None:
    assert shown(made, "destination_by_origin", "i94addr", "state", "i94res", "origin", "visitors") == [
        ("99", "All Other Codes", -1, "not given", 1),
        ("99", "All Other Codes", 689, "BRAZIL", 1),
        ("NY", "NEW YORK", 135, "UNITED KINGDOM", 1),
        ("NY", "NEW YORK", 245, "CÔTE D'IVOIRE: 100%", 1),
        ("NY", "NEW YORK", 311, "Collapsed Tanzania", 1),
        ("NY", "NEW YORK", 689, "BRAZIL", 2),
        ("VT", "VERMONT", 135, "UNITED KINGDOM", 1),
    ]


def test_climate_bands_hold_their_lower_bound_and_a_country_without_temperature_is_unknown(made: Warehouse) -> None:
    columns = ("i94addr", "climate_band", "source_countries", "mean_temperature", "visitors")
    assert shown(made, "destination_by_climate", *columns) == [
        ("99", "unknown", 0, None, 1),
        ("99", "very hot", 1, 25.0, 1),
        ("NY", "cool", 1, 9.2, 1),
        ("NY", "hot", 1, 22.1, 1),
        ("NY", "unknown", 1, None, 1),
        ("NY", "very hot", 1, 25.0, 2),
        ("VT", "cool", 1, 9.2, 1),
    ]


def test_a_bands_temperature_is_weighted_by_visitors(filled: Warehouse) -> None:
    with filled.transaction(purpose="prepare a test") as transaction:
        transaction.execute("UPDATE i94.country SET mean_temperature = 28 WHERE code = 311")
    refresh(filled, MARTS["destination_by_climate"])
    columns = ("i94addr", "climate_band", "source_countries", "mean_temperature", "visitors")
    assert ("NY", "very hot", 2, 26.0, 3) in shown(filled, "destination_by_climate", *columns)


def test_a_bands_temperature_that_lies_between_two_roundings_is_the_same_on_both_warehouses(
    duckdb_place: Place, redshift_place: Place
) -> None:
    """Two countries with a visitor each, whose mean ends in a 5: one engine rounded it up and the other down."""
    found = []
    for place in (duckdb_place, redshift_place):
        warehouse = with_arrivals(prepared(place.reach()), Staging(place.lake))
        with warehouse.transaction(purpose="prepare a test") as transaction:
            transaction.execute("UPDATE i94.country SET mean_temperature = 25.6962 WHERE code = 135")
            transaction.execute("UPDATE i94.country SET mean_temperature = 25.6971 WHERE code = 245")
        staging, rows = Staging(place.lake), []
        for number, code in enumerate((135, 245)):
            rows += arrivals("2016-04", [number], i94cit=135, i94res=code)
        manifest = staging.commit(immigration, Dataset("staged/tie", "2016-04"), rows)
        warehouse.replace(immigration, manifest, "r1")
        refresh(warehouse, MARTS["destination_by_climate"])
        found += shown(warehouse, "destination_by_climate", "mean_temperature", "visitors")
    assert found == [(51.3933 / 2, 2)] * 2


def test_origins_have_their_climate_beside_them(made: Warehouse) -> None:
    columns = ("origin", "region", "continent", "climate_band", "mean_temperature", "temperature_cities", "visitors")
    assert shown(made, "origin_climate", *columns) == [
        ("CÔTE D'IVOIRE: 100%", "Western Africa", "Africa", "unknown", None, None, 1),
        ("BRAZIL", "South America", "America", "very hot", 25.0, 3, 3),
        ("Collapsed Tanzania", "Eastern Africa", "Africa", "hot", 22.1, 1, 1),
        ("UNITED KINGDOM", "Northern Europe", "Europe", "cool", 9.2, 7, 2),
        ("not given", "unknown", "unknown", "unknown", None, None, 1),
    ]


def test_demographics_have_bands_labels_and_the_people_of_the_cities(made: Warehouse) -> None:
    columns = ("i94addr", "age_band", "gender", "gender_label", "visa", "visitors", "cities", "city_population",
               "city_female_population", "city_median_age")  # fmt: skip
    cities, none = (2, 100, 60, 35.5), (0, None, None, None)
    assert shown(made, "visitor_demographics_by_state", *columns) == [
        ("99", "65+", "X", "recorded as X", "Pleasure", 1, *none),
        ("99", "unknown", "U", "recorded as unknown", "Pleasure", 1, *none),
        ("NY", "0-17", "F", "female", "Pleasure", 2, *cities),
        ("NY", "18-24", "F", "female", "Pleasure", 1, *cities),
        ("NY", "25-34", "F", "female", "Business", 1, *cities),
        ("NY", "65+", "M", "male", "Pleasure", 1, *cities),
        ("VT", "unknown", "not given", "not given", "Pleasure", 1, *none),
    ]


def test_a_letter_that_no_gender_has_costs_no_visitor(filled: Warehouse, staging: Staging) -> None:
    """The arrivals' contract only warns of it, so that a month may hold one."""
    filled.replace(immigration, staging.month("2016-04", [1, 2], gender="Z"), "r1")
    refresh(filled, MARTS["visitor_demographics_by_state"])
    columns = ("gender", "gender_label", "visitors")
    assert shown(filled, "visitor_demographics_by_state", *columns) == [("Z", "recorded otherwise", 2)]


@pytest.mark.parametrize("bands", [CLIMATE_BANDS, AGE_BANDS], ids=["climate", "age"])
def test_bands_follow_each_other_without_a_gap(bands: tuple[tuple[str, Any, Any], ...]) -> None:
    assert all(band[2] == after[1] for band, after in pairwise(bands))
    assert UNKNOWN not in {name for name, *_ in bands}


# --- the same everywhere ----------------------------------------------------------------------------------------------


def test_every_mart_holds_the_same_rows_on_both_warehouses(duckdb_place: Place, redshift_place: Place) -> None:
    here, there = (
        with_arrivals(prepared(place.reach()), Staging(place.lake)) for place in (duckdb_place, redshift_place)
    )
    for mart in MONTHLY_MARTS:
        assert refresh(here, mart) == refresh(there, mart) > 0
        assert rows_of(here, mart) == rows_of(there, mart)


@every_mart
def test_what_redshift_runs_is_the_file_as_it_is_written(mart: Table) -> None:
    text = render_month_query(mart, "redshift")
    assert "WITH " in text
    assert ":year" in text
    assert ":month" in text
    assert "$" not in text
    assert " :: " not in text


@every_mart
def test_the_query_gives_the_contracts_columns_in_their_order(loaded_deployment: Deployment, mart: Table) -> None:
    found = loaded_deployment.warehouse.query(render_month_query(mart, "duckdb"), {"year": 2016, "month": 1})
    assert found.column_names == column_names(mart)
    assert found.num_rows > 0


@every_mart
def test_a_mart_names_the_tables_that_it_reads(mart: Table) -> None:
    assert immigration.name in source_tables(mart)
    assert set(upstream_tables(mart)) >= {immigration.name}
    assert not {"country", "state"} & set(upstream_tables(mart)), "those change with every unlisted code"


# --- a month is replaced whole or not at all --------------------------------------------------------------------------


@every_mart
def test_every_breakdown_sums_to_all_arrivals_of_the_month(made: Warehouse, mart: Table) -> None:
    rows = rows_of(made, mart)
    assert sum(row["visitors"] for row in rows) == len(ARRIVALS)
    (line,) = [line for line in made.read_ledger() if line.table_name == mart.name]
    assert line.loaded_rows == len(rows)


def test_a_month_that_is_made_twice_is_there_once_and_no_other_is_touched(filled: Warehouse) -> None:
    for mart in MONTHLY_MARTS:
        for month in (APRIL, MAY):
            refresh(filled, mart, month)
        once = rows_of(filled, mart)
        assert refresh(filled, mart) == len(once)
        assert rows_of(filled, mart) == once
        assert sum(row["visitors"] for row in rows_of(filled, mart, MAY)) == 1


def test_a_refresh_that_loses_a_visitor_leaves_the_old_month(filled: Warehouse) -> None:
    for mart in MONTHLY_MARTS:
        refresh(filled, mart)
        before, ledger = rows_of(filled, mart), filled.read_ledger()
        losing = f"SELECT * FROM ({render_month_query(mart, filled.dialect)}) AS kept WHERE visitors < 2"
        with pytest.raises(PermanentError, match=r"would hold \d visitors where 8 have arrived; it is left as it was"):
            filled.refresh_mart(mart, APRIL, losing, "version", "r3")
        assert rows_of(filled, mart) == before
        assert filled.read_ledger() == ledger


def test_a_dimension_without_a_row_is_told_and_leaves_the_old_month(filled: Warehouse) -> None:
    mart = MARTS["destination_by_origin"]
    refresh(filled, mart)
    before = rows_of(filled, mart)
    with filled.transaction(purpose="break a test") as transaction:
        transaction.execute("DELETE FROM i94.state WHERE code = 'VT'")
    with pytest.raises(PermanentError, match=r"mart\.destination_by_origin.*state|column \"state\""):
        refresh(filled, mart)
    assert rows_of(filled, mart) == before


def test_a_month_without_arrivals_has_no_rows_and_is_in_the_ledger(filled: Warehouse, staging: Staging) -> None:
    filled.replace(immigration, staging.month("2016-04", []), "r1")
    mart = MONTHLY_MARTS[0]
    assert refresh(filled, mart) == 0
    (line,) = [line for line in filled.read_ledger() if line.table_name == mart.name]
    assert (line.partition_key, line.loaded_rows) == ("2016-04", 0)


def test_the_ledger_says_what_a_mart_was_made_from_and_by_which_run(filled: Warehouse) -> None:
    mart = MONTHLY_MARTS[0]
    refresh(filled, mart, MAY)
    rows = refresh(filled, mart, run_id="the run")
    lines = {line.partition_key: line for line in filled.read_ledger() if line.table_name == mart.name}
    line = lines["2016-04"]
    assert (line.manifest, line.fingerprint, line.run_id) == ("", "version of 2016-04", "the run")
    assert line.loaded_rows == rows
    assert dt.datetime.fromisoformat(line.loaded_at).tzinfo is not None
    assert set(lines) == {"2016-04", "2016-05"}


def test_a_conflict_in_the_middle_is_tried_again_as_a_whole(
    redshift_place: Place, redshift_emulator: RedshiftEmulator
) -> None:
    warehouse = with_arrivals(prepared(redshift_place.reach()), Staging(redshift_place.lake))
    mart = MONTHLY_MARTS[0]
    refresh(warehouse, mart)
    before = rows_of(warehouse, mart)
    assert before
    conflict = ("1023", "Serializable isolation violation on table", "XX000")
    redshift_emulator.faults.append(Fault(r"^INSERT INTO mart\.", conflict, 2))
    refresh(warehouse, mart)
    assert rows_of(warehouse, mart) == before


# --- the sample -------------------------------------------------------------------------------------------------------


@every_mart
def test_the_marts_of_the_sample_account_for_every_arrival(loaded_deployment: Deployment, mart: Table) -> None:
    arrived = loaded_deployment.query_value("SELECT count(*) FROM i94.immigration")
    assert loaded_deployment.query_value(f"SELECT sum(visitors) FROM {mart.fullname}") == arrived > 0


def test_every_german_of_the_sample_is_counted(loaded_deployment: Deployment) -> None:
    (row,) = loaded_deployment.query("SELECT * FROM mart.visitors_by_nationality WHERE i94cit = 148")
    assert row["nationality"] == "unlisted code 148"
    assert row["visitors"] == loaded_deployment.query_value("SELECT count(*) FROM i94.immigration WHERE i94cit = 148")
    assert row["hint_likely_residence"] == "GERMANY"

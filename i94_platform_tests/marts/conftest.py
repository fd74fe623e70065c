"""The warehouses that the marts are computed in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from i94_platform.lake.datasets import Lake
from i94_platform.lake.local import LocalStore
from i94_platform.lake.s3 import S3Store
from i94_platform.warehouse.base import Warehouse
from i94_platform_tests.emulators.redshift.emulator import RedshiftEmulator
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.marts.arrivals import load_arrivals, refresh_all
from i94_platform_tests.support.warehouses import (
    WAREHOUSES,
    Place,
    Staging,
    bare,
    bucket,
    cluster_place,
    connect_s3,
    duckdb_place,
    lake,
    prepare,
    prepared_database,
    reach,
    reach_duckdb,
    reach_redshift,
    redshift_place,
    staging,
    warehouse,
)

__all__ = [
    "bare",
    "bucket",
    "cluster_place",
    "duckdb_place",
    "lake",
    "place",
    "prepared_database",
    "reach",
    "redshift_place",
    "staging",
    "warehouse",
]


@pytest.fixture(scope="session", params=["duckdb", "redshift"])
def refreshed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """Each warehouse in turn, with the marts of those arrivals: read it only."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "duckdb":
        warehouse, lake = reach_duckdb(folder / "warehouse"), Lake(LocalStore(folder / "lake"))
        yield refresh_all(load_arrivals(prepare(warehouse), Staging(lake)))
        return
    emulator: RedshiftEmulator = request.getfixturevalue("redshift_emulator")
    server: S3Server = request.getfixturevalue("s3_server")
    database = emulator.create_database(request.getfixturevalue("prepared_database"))
    connect = partial(connect_s3, server.endpoint, server.access_key, server.secret_key)
    warehouse = reach_redshift(emulator.address(database), connect, folder)
    lake = Lake(S3Store(f"s3://{server.create_bucket()}/{database}", connect, folder))
    yield refresh_all(load_arrivals(warehouse, Staging(lake)))
    emulator.drop_database(database)


@pytest.fixture(params=[WAREHOUSES[0], *(pytest.param(name, marks=pytest.mark.slow) for name in WAREHOUSES[1:])])
def place(request: pytest.FixtureRequest) -> Place:
    """Each warehouse in turn, with its lake; `refreshed` has the marts of both in every run."""
    place: Place = request.getfixturevalue(request.param)
    return place


@pytest.fixture
def april_warehouse(warehouse: Warehouse, staging: Staging) -> Warehouse:
    """A warehouse with the dimensions, those arrivals in April, and one in May."""
    return load_arrivals(warehouse, staging)

"""The warehouses that one suite runs over, and staged months small enough to count by hand.

To add a warehouse, write a fixture that returns a `Place`, and add its name to `WAREHOUSES`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import io
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Table

from i94_platform.contracts import i94mode, immigration
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.local import LocalStore
from i94_platform.lake.manifest import Entry, Manifest
from i94_platform.lake.s3 import S3Store
from i94_platform.redshift_address import RedshiftAddress
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.duckdb import DuckDBWarehouse
from i94_platform.warehouse.redshift.warehouse import RedshiftWarehouse
from i94_platform_tests.emulators.redshift.emulator import RedshiftEmulator
from i94_platform_tests.emulators.s3 import REGION, S3Server
from i94_platform_tests.support.commits import commit_files
from i94_platform_tests.support.contracts import required_columns

CLUSTER = {
    name: value
    for name, value in os.environ.items()
    if name.startswith(("AWS_", "PG")) or name in ("I94_TEST_REDSHIFT", "I94_TEST_LAKE", "I94_REDSHIFT_PASSWORD")
}
"""The variables that lead to a real cluster, read before the environment is cleared."""

WAREHOUSES = ("duckdb_place", "redshift_place", *(["cluster_place"] if "I94_TEST_REDSHIFT" in CLUSTER else []))

Reach = Callable[..., Warehouse]
"""Opens the warehouse of a test, also in another process; takes `lock_timeout` in seconds."""

PARENTS: dict[str, dict[str, Any]] = {
    "i94port": {"code": "NYC", "label": "NEW YORK, NY", "name": "New York, NY", "status": "valid"},
    "i94addr": {"code": "NY", "label": "NEW YORK"},
    "i94visa": {"code": 2, "label": "Pleasure"},
    "i94mode": {"code": 1, "label": "Air"},
}
"""The row of each code list that the arrivals here refer to."""


def reach_duckdb(folder: Path, lock_timeout: float = 0.3) -> Warehouse:
    """The embedded warehouse in a folder."""
    return DuckDBWarehouse(folder / "warehouse.duckdb", folder / "scratch", "500MB", lock_timeout)


def reach_redshift(
    address: str, connect: Callable[[], Any], scratch: Path, lock_timeout: float = 0.3, **options: Any
) -> RedshiftWarehouse:
    """The emulated warehouse at an address, with short waits between attempts."""
    quick: dict[str, Any] = {"backoff_seconds": (0.02,) * 4, "warn_after": 0.1}
    files = S3Store("s3://", connect, scratch)
    return RedshiftWarehouse(RedshiftAddress.parse(address), files, lock_timeout=lock_timeout, **quick | options)


def connect_s3(endpoint: str, access_key: str, secret_key: str) -> Any:
    """A boto3 client that needs no environment, for any process."""
    import boto3

    keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key}
    return boto3.client("s3", endpoint_url=endpoint, region_name=REGION, **keys)


@dataclasses.dataclass(frozen=True)
class Place:
    """A way to reach an empty warehouse, without tables, and the lake that it loads from."""

    reach: Reach
    lake: Lake
    restore_prepared: Callable[[], None] | None = None
    """Puts a prepared database there, where that is faster than preparing one."""

    def prepare(self) -> Warehouse:
        """The warehouse with its tables and the code lists and days that arrivals refer to."""
        if not self.restore_prepared:
            return prepare(self.reach())
        self.restore_prepared()
        return self.reach()


@pytest.fixture
def duckdb_place(tmp_path: Path) -> Place:
    """An embedded warehouse beside a local lake."""
    return Place(partial(reach_duckdb, tmp_path / "warehouse"), Lake(LocalStore(tmp_path / "lake")))


@pytest.fixture(scope="session")
def bucket(s3_server: S3Server) -> str:
    """A bucket in which each test has a prefix."""
    return s3_server.create_bucket()


@pytest.fixture(scope="session")
def prepared_database(redshift_emulator: RedshiftEmulator, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database of the emulator with tables and their parents: others are copies of it, which takes a tenth."""
    name = redshift_emulator.create_database()
    address = RedshiftAddress.parse(redshift_emulator.address(name))
    prepare(RedshiftWarehouse(address, LocalStore(tmp_path_factory.mktemp("unused"))))
    return name


@pytest.fixture
def redshift_place(
    request: pytest.FixtureRequest,
    redshift_emulator: RedshiftEmulator,
    prepared_database: str,
    s3_server: S3Server,
    bucket: str,
    tmp_path: Path,
) -> Iterator[Place]:
    """An emulated Redshift database beside a lake on the S3 server; it is prepared where the test asks for that."""
    is_prepared = "warehouse" in request.fixturenames
    database = redshift_emulator.create_database(*([prepared_database] if is_prepared else []))
    connect = partial(connect_s3, s3_server.endpoint, s3_server.access_key, s3_server.secret_key)
    reach = partial(reach_redshift, redshift_emulator.address(database), connect, tmp_path / "scratch")
    lake = Lake(S3Store(f"s3://{bucket}/{database}", connect, tmp_path / "scratch"))

    def restore_prepared() -> None:
        if not is_prepared:
            redshift_emulator.replace_database(database, prepared_database)

    yield Place(reach, lake, restore_prepared)
    unmet = [fault for fault in redshift_emulator.faults if fault.times > 0]
    redshift_emulator.faults.clear()
    redshift_emulator.drop_database(database)
    assert not unmet, "faults that no statement met"


def reach_cluster(
    environment: Mapping[str, str], scratch: Path, lock_timeout: float = 0.3, **options: Any
) -> RedshiftWarehouse:
    """The warehouse on a real cluster; the database may be overwritten."""
    from i94_platform.lake.s3_client import create_s3_client

    os.environ.update(environment)  # another process starts without
    files = S3Store("s3://", create_s3_client, scratch)
    address = RedshiftAddress.parse(environment["I94_TEST_REDSHIFT"])
    return RedshiftWarehouse(address, files, lock_timeout=lock_timeout, **{"warn_after": 0.1} | options)


@pytest.fixture
def cluster_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An emptied database of a real cluster, beside a lake that the cluster can read."""
    from i94_platform.lake.s3_client import create_s3_client

    if missing := {"I94_TEST_REDSHIFT", "I94_TEST_LAKE"} - set(CLUSTER):
        pytest.skip(f"no real cluster: set {' and '.join(sorted(missing))} (docs/testing.md)")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    for name, value in CLUSTER.items():
        monkeypatch.setenv(name, value)
    reach = partial(reach_cluster, CLUSTER, tmp_path / "scratch")
    with contextlib.closing(reach()._connect("prepare a test")) as connection:
        for schema in ("mart_rounded", "i94", "mart"):
            connection.cursor().execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    return Place(reach, Lake(S3Store(f"{CLUSTER['I94_TEST_LAKE']}/{uuid4()}", create_s3_client, tmp_path / "scratch")))


@pytest.fixture(params=WAREHOUSES)
def place(request: pytest.FixtureRequest) -> Place:
    """Each warehouse in turn, with its lake."""
    place: Place = request.getfixturevalue(request.param)
    return place


redshift_is_slow = pytest.mark.parametrize(
    "place", [WAREHOUSES[0], *(pytest.param(name, marks=pytest.mark.slow) for name in WAREHOUSES[1:])], indirect=True
)
"""Marks a test of a step that is the same on every warehouse; what differs has tests that run on each."""


@pytest.fixture
def reach(place: Place) -> Reach:
    """A way to reach the warehouse."""
    return place.reach


@pytest.fixture
def lake(place: Place) -> Lake:
    """The lake that the months are staged in."""
    return place.lake


@pytest.fixture
def bare(reach: Reach) -> Warehouse:
    """A warehouse without tables."""
    return reach()


@pytest.fixture
def warehouse(place: Place) -> Warehouse:
    """A warehouse with its tables and the code lists and days that arrivals refer to."""
    return place.prepare()


def list_own_messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """List what the platform has logged: a connection of an earlier test also logs when it is collected."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("i94_platform.")]


def prepare(bare: Warehouse) -> Warehouse:
    """Create the tables and the rows that arrivals refer to: code lists, and the first days of April and May 2016."""
    bare.create_tables()
    with bare.transaction(purpose="prepare a test") as transaction:
        for name, row in PARENTS.items():
            columns = ", ".join(row)
            values = ", ".join(f":{column}" for column in row)
            transaction.execute(f"INSERT INTO i94.{name} ({columns}) VALUES ({values})", row)
    for day in (dt.date(2016, 4, 1), dt.date(2016, 5, 1)):
        add_day(bare, day)
    return bare


def add_day(warehouse: Warehouse, day: dt.date) -> None:
    """Add a day to the calendar, where arrivals may refer to it."""
    sql = "INSERT INTO i94.calendar VALUES (:date, 2016, 2, :month, 1, 1, 1, '', '', false)"
    with warehouse.transaction(purpose="prepare a test") as transaction:
        transaction.execute(sql, {"date": day, "month": day.month})


class Staging:
    """Commits small datasets, each under a run of its own."""

    def __init__(self, lake: Lake) -> None:
        self._lake, self._runs = lake, 0

    def month(self, key: str, cicids: Iterable[int], **values: Any) -> Manifest:
        """A month of arrivals with these numbers; `values` replaces columns in every row."""
        return self.commit(immigration, Dataset("staged/immigration", key), arrivals(key, cicids, **values))

    def modes(self, rows: Mapping[int, str]) -> Manifest:
        """The code list of modes: a table without months."""
        listed_rows = [{"code": code, "label": label} for code, label in rows.items()]
        return self.commit(i94mode, Dataset("warehouse/i94mode"), listed_rows)

    def commit(self, contract: Table, dataset: Dataset, rows: Sequence[Mapping[str, Any]]) -> Manifest:
        """The manifest of a dataset that has these rows."""
        self._runs += 1
        table = pa.Table.from_pylist(list(rows), arrow_schema(contract))
        files, version = {"part-0.parquet": table}, f"version {self._runs}"
        return commit_files(self._lake, dataset, f"run{self._runs}", files, fingerprint=version)

    def restate(self, manifest: Manifest, **changes: Any) -> Manifest:
        """The manifest with other contents, also at its address, where a loader may read it."""
        changed = dataclasses.replace(manifest, **changes)
        self._lake.store.put(self._lake.store.path(manifest.address), changed.to_json())
        return changed

    def rewrite(self, manifest: Manifest, change: Callable[[pa.Table], pa.Table]) -> Manifest:
        """The manifest with its one file changed, which no commit would let pass."""
        (url,) = manifest.urls
        with self._lake.store.open(self._lake.store.path(url)) as file:
            rows = change(pq.ParquetFile(file).read())
        content = io.BytesIO()
        pq.write_table(rows, content)
        self._lake.store.put(self._lake.store.path(url), content.getvalue())
        (stored,) = self._lake.store.list(self._lake.store.path(url).rpartition("/")[0])
        version = self._lake.store.content_version(stored)
        return self.restate(manifest, entries=(Entry(url, stored.size, rows.num_rows, version),))


def swap_columns(rows: pa.Table) -> pa.Table:
    """Put citizenship and residence, columns of one type, in each other's place."""
    names = rows.column_names
    names[3], names[4] = names[4], names[3]
    return rows.select(names)


@pytest.fixture
def staging(lake: Lake) -> Staging:
    """Stages months and tables for a test."""
    return Staging(lake)


def arrivals(key: str, cicids: Iterable[int], **values: Any) -> list[dict[str, Any]]:
    """Rows of the fact that keep every rule; `values` replaces columns in every row."""
    year, month = map(int, key.split("-"))
    row = dict.fromkeys(arrow_schema(immigration).names) | {
        "i94yr": year, "i94mon": month, "i94port": "NYC", "arrdate": dt.date(year, month, 1), "i94mode": 1,
        "i94addr": "NY", "i94visa": 2, "duration_of_status": False,
    }  # fmt: skip
    assert not [name for name in required_columns(immigration) if row[name] is None and name != "cicid"]
    return [row | {"cicid": number} | values for number in cicids]


def hold_transaction(reach: Reach, started: Path, read_only: bool) -> None:
    """Hold a transaction until killed; the file `started` then exists."""
    with reach().transaction(purpose="hold it", read_only=read_only) as transaction:
        transaction.execute("SELECT * FROM i94.i94mode")
        started.write_text("")
        signal.pause()


def read_arrivals(warehouse: Warehouse, where: str = "true") -> list[tuple[int, int]]:
    """The rows of the fact: (month, number of the record), sorted."""
    rows = warehouse.query(f"SELECT i94mon, cicid FROM i94.immigration WHERE {where}").to_pylist()
    return sorted((row["i94mon"], row["cicid"]) for row in rows)


def april(*numbers: int) -> list[tuple[int, int]]:
    return [(4, number) for number in numbers]


def read_ledger(warehouse: Warehouse) -> list[tuple[str, str, int, str]]:
    """The ledger without its times and addresses."""
    return [(line.table_name, line.partition_key, line.loaded_rows, line.run_id) for line in warehouse.read_ledger()]

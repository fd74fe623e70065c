"""Test warehouses that are older than the contracts: a new column is added, and the rows that are loaded stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Table, select

import i94_platform
from i94_platform.contracts import MARTS, arrivals_cube, country, immigration, load_ledger, state
from i94_platform.contracts.model import column_names
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Lake
from i94_platform.lake.from_settings import open_lake
from i94_platform.lake.manifest import Entry
from i94_platform.lake.releases import RELEASE
from i94_platform.pipeline.release import publish_release
from i94_platform.serving.release_store import ReleaseStore
from i94_platform.settings import Settings
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.new_columns import render_new_columns
from i94_platform_tests.serving import synthetic_release
from i94_platform_tests.support.warehouses import Staging, april, read_arrivals


def drop_column(warehouse: Warehouse, contract: Table, column: str) -> None:
    """Make a table one of an older version, with the view on it."""
    with warehouse.transaction(purpose="prepare a test") as transaction:
        transaction.execute(f"ALTER TABLE {contract.fullname} DROP COLUMN {column} CASCADE")


def read_columns(warehouse: Warehouse, table: str) -> list[str]:
    return warehouse.query(f"SELECT * FROM {table} WHERE false").column_names


def test_a_new_column_is_added_and_loaded_rows_stay(warehouse: Warehouse, staging: Staging) -> None:
    warehouse.replace(immigration, staging.month("2016-04", [1, 2], gender="F", stay_days=3), "r1")
    drop_column(warehouse, immigration, "stay_days")
    drop_column(warehouse, country, "temperature_cities")
    may = staging.month("2016-05", [3], stay_days=7)
    if warehouse.dialect == "redshift":
        with pytest.raises(
            PermanentError, match=r"'i94 create-tables'.*ALTER TABLE i94\.immigration ADD COLUMN stay_days"
        ):
            warehouse.replace(immigration, may, "r2")
        assert read_arrivals(warehouse) == april(1, 2)
        warehouse.create_tables()
    warehouse.replace(immigration, may, "r2")
    assert read_columns(warehouse, "i94.immigration") == column_names(immigration)
    assert read_columns(warehouse, "i94.country") == column_names(country), "a mart may read it before its next load"
    if warehouse.dialect == "duckdb":
        comment = "SELECT comment FROM duckdb_columns() WHERE table_name = 'immigration' AND column_name = 'stay_days'"
        assert warehouse.query(comment).to_pylist() == [{"comment": immigration.c.stay_days.comment}]
    rows = warehouse.query("SELECT cicid, gender, stay_days FROM i94.immigration ORDER BY cicid").to_pylist()
    assert [(row["cicid"], row["gender"], row["stay_days"]) for row in rows] == [
        (1, "F", None),
        (2, "F", None),
        (3, None, 7),
    ]


def test_creating_the_tables_adds_what_every_table_lacks(warehouse: Warehouse) -> None:
    last = {contract: list(contract.columns)[-1] for contract in MARTS}
    lacking = {contract: column.name for contract, column in last.items() if column.nullable}
    assert lacking
    for contract, column in lacking.items():
        drop_column(warehouse, contract, column)
    warehouse.create_tables()
    for contract in lacking:
        assert read_columns(warehouse, contract.fullname) == column_names(contract)


def test_a_release_of_a_table_that_lacks_a_column_is_not_published(warehouse: Warehouse, lake: Lake) -> None:
    column = column_names(state)[-1]
    drop_column(warehouse, state, column)
    with pytest.raises(PermanentError, match=rf"ALTER TABLE i94\.state ADD COLUMN {column}"):
        publish_release(lake, warehouse, "r1", {})


def test_an_older_release_is_served_and_read_on_and_a_new_column_is_null_in_it(tmp_path: Path) -> None:
    lake = open_lake(Settings(home=str(tmp_path)))
    release = synthetic_release.publish_release(lake, "r1")
    (entry,) = release.entries(state.name)
    path, (*_, new) = Path(entry.url), column_names(state)
    pq.write_table(pq.read_table(path).drop_columns([new]), path)
    (stored,) = lake.store.list(lake.store.path(entry.url).rpartition("/")[0])
    older = Entry(entry.url, stored.size, entry.rows, lake.store.content_version(stored))
    manifest = replace(release.manifest, entries=tuple(older if e == entry else e for e in release.manifest.entries))
    lake.store.put(RELEASE.manifest_path, manifest.to_json())

    store = ReleaseStore(lake, tmp_path / "served", "500MB")
    assert store.refresh(), store.error
    with store.lease() as snapshot:
        assert snapshot
        assert set(snapshot.fetch(select(state.c[new])).column(new).to_pylist()) == {None}
    store.close()
    rows = i94_platform.read(state.name, home=tmp_path)
    assert rows.schema.names == column_names(state)
    assert rows.column(new).null_count == rows.num_rows == entry.rows


def test_an_older_ledger_is_reported_before_it_is_read(warehouse: Warehouse) -> None:
    drop_column(warehouse, load_ledger, "acceptance")
    with pytest.raises(PermanentError, match=rf"{load_ledger.fullname} has no column acceptance"):
        warehouse.read_ledger()


@pytest.mark.parametrize(
    ("contract", "missing", "advice"),
    [(arrivals_cube, "visitors", "nullable"), (immigration, "gender", "behind the columns")],
)
def test_a_column_that_no_row_could_have_or_that_is_not_the_last_is_refused(
    contract: Table, missing: str, advice: str
) -> None:
    existing = {contract.fullname: [name for name in column_names(contract) if name != missing]}
    for dialect in ("duckdb", "redshift"):
        with pytest.raises(PermanentError, match=rf"{contract.fullname} has no column {missing}\b.*{advice}"):
            list(render_new_columns([contract], existing, dialect))

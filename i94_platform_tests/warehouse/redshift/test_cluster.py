"""Test what only a real cluster can confirm; skipped unless the environment leads to one (docs/testing.md).

The tests of every warehouse run over that cluster too. These are the assumptions of the emulator.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from i94_platform.contracts import immigration
from i94_platform.errors import PermanentError
from i94_platform.lake.manifest import Manifest
from i94_platform.warehouse.loading import load_manifest
from i94_platform.warehouse.redshift.warehouse import RedshiftWarehouse
from i94_platform_tests.support.warehouses import Place, Staging


@pytest.fixture
def place(cluster_place: Place) -> Place:
    return cluster_place


def load_unverified(warehouse: RedshiftWarehouse, manifest: Manifest) -> int:
    """Load files without comparing them with the contract before."""
    with warehouse.transaction(purpose="load without a comparison") as transaction:
        return load_manifest(transaction, immigration, manifest, "r1")


def test_columns_are_taken_by_their_place(warehouse: RedshiftWarehouse, staging: Staging) -> None:
    def swap_columns(rows: pa.Table) -> pa.Table:
        names = rows.column_names
        names[3], names[4] = names[4], names[3]
        return rows.select(names)

    manifest = staging.rewrite(staging.month("2016-04", [1]), swap_columns)
    assert load_unverified(warehouse, manifest) == 1


@pytest.mark.parametrize("type_", [pa.int64(), pa.int16(), pa.string()])
def test_a_column_of_another_type_is_refused(warehouse: RedshiftWarehouse, staging: Staging, type_: Any) -> None:
    def cast_age(rows: pa.Table) -> pa.Table:
        return rows.set_column(10, "i94bir", pa.array([7], pa.int32()).cast(type_))

    manifest = staging.rewrite(staging.month("2016-04", [1]), cast_age)
    with pytest.raises(PermanentError, match="can't hold the rows"):
        load_unverified(warehouse, manifest)


def test_the_lock_does_not_hold_up_readers(warehouse: RedshiftWarehouse) -> None:
    with warehouse.transaction(purpose="hold it") as transaction:
        transaction.execute("DELETE FROM i94.i94mode")
        assert warehouse.query("SELECT count(*) AS n FROM i94.i94mode").to_pylist() == [{"n": 1}]


def test_the_tables_have_the_declared_layout(warehouse: RedshiftWarehouse) -> None:
    rows = warehouse.query(
        'SELECT "table" AS name, diststyle, sortkey1 FROM svv_table_info WHERE schema = :schema', {"schema": "i94"}
    )
    styles = {row["name"]: (row["diststyle"], row["sortkey1"]) for row in rows.to_pylist()}
    assert styles.get("i94mode", ("ALL", "code")) == ("ALL", "code")
    assert styles.get("immigration", ("KEY(i94mon)", "i94yr")) == ("KEY(i94mon)", "i94yr")


def test_the_statistics_are_brought_up_to_date(
    warehouse: RedshiftWarehouse, staging: Staging, caplog: pytest.LogCaptureFixture
) -> None:
    warehouse.replace(immigration, staging.month("2016-04", range(1000)), "r1")
    assert not caplog.messages

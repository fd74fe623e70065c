"""Test what a warehouse exports: every published table whole, in the contract's types, alike from both warehouses."""

from __future__ import annotations

from pathlib import Path

import pytest

from i94_platform.contracts import MARTS, MONTHLY_MARTS, PUBLISHED, load_ledger
from i94_platform.contracts.model import is_monthly
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.contracts.rendering.ddl import render_ddl
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Lake
from i94_platform.lake.releases import RELEASE, CheckState, Release, read_current_release
from i94_platform.pipeline.release import publish_release
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.ledger import LedgerEntry, record_loads
from i94_platform_tests.serving.synthetic_release import fill_warehouse, make_rows
from i94_platform_tests.support.warehouses import Reach, redshift_is_slow


@pytest.fixture
def filled_warehouse(warehouse: Warehouse) -> Warehouse:
    """A warehouse with rows in every published table."""
    fill_warehouse(warehouse)
    return warehouse


def content(lake: Lake, release: Release) -> dict[str, list[dict[str, object]]]:
    """The rows of each table of a release, in the order of its files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    contents = {}
    for contract in PUBLISHED:
        tables = []
        for url in release.urls(contract.name):
            with lake.store.open(lake.store.path(url)) as file:
                tables.append(pq.read_table(file))
        contents[contract.name] = (
            pa.concat_tables(tables) if tables else arrow_schema(contract).empty_table()
        ).to_pylist()
    return contents


def test_a_release_holds_every_published_table_in_the_order_of_its_key(filled_warehouse: Warehouse, lake: Lake) -> None:
    release = publish_release(lake, filled_warehouse, "r1", {"country": CheckState(3)})
    assert content(lake, release) == {c.name: make_rows(c, per_month=6).to_pylist() for c in PUBLISHED}
    assert read_current_release(lake) == release
    assert {name: table.rows for name, table in release.tables.items()} == {
        c.name: make_rows(c, per_month=6).num_rows for c in PUBLISHED
    }
    assert release.months == release.tables["visitors_by_airline"].months == ("2016-01", "2016-02", "2016-03")
    assert release.tables["country"].checks == CheckState(3)
    assert all(bool(release.tables[c.name].months) == is_monthly(c) for c in PUBLISHED)


@redshift_is_slow
def test_equal_content_has_an_equal_version_and_other_content_another(filled_warehouse: Warehouse, lake: Lake) -> None:
    first, again = (publish_release(lake, filled_warehouse, run, {}) for run in ("r1", "r2"))
    fill_warehouse(filled_warehouse, seed=1)
    other = publish_release(lake, filled_warehouse, "r3", {})
    assert first.version == again.version != other.version


@redshift_is_slow
def test_the_release_before_stays_for_those_who_read_it_and_older_ones_go(
    filled_warehouse: Warehouse, lake: Lake
) -> None:
    for run in ("r1", "r2", "r3"):
        publish_release(lake, filled_warehouse, run, {})
    runs = {file.path.split("/")[1] for file in lake.store.list(RELEASE.folder) if "/run=" in file.path}
    assert runs == {"run=r2", "run=r3"}


def record_versions(warehouse: Warehouse, version: str, *months: str) -> None:
    """Record a version of the months of each mart in the ledger."""
    with warehouse.transaction(purpose="prepare a test") as transaction:
        transaction.execute(render_ddl(load_ledger, warehouse.dialect))
        marts = [(mart.name, month) for mart in MONTHLY_MARTS for month in months]
        record_loads(transaction, [LedgerEntry(*mart, "", version, "r", 1) for mart in marts])


def find_runs(release: Release, name: str) -> dict[str, str]:
    """The run that wrote each month of a table."""
    return {
        month: {entry.url.partition("/run=")[2].partition("/")[0] for entry in release.entries(name, month)}.pop()
        for month in release.tables[name].months
    }


def test_a_month_that_has_not_changed_keeps_its_files_over_many_releases(
    filled_warehouse: Warehouse, lake: Lake
) -> None:
    record_versions(filled_warehouse, "v1", "2016-01", "2016-02")
    publish_release(lake, filled_warehouse, "r1", {})
    record_versions(filled_warehouse, "v2", "2016-02")
    for run in ("r2", "r3"):
        release = publish_release(lake, filled_warehouse, run, {})
        assert content(lake, release) == {c.name: make_rows(c, per_month=6).to_pylist() for c in PUBLISHED}
        # the ledger has no version of March, so nothing says that it has not changed
        assert find_runs(release, "arrivals_cube") == {"2016-01": "r1", "2016-02": "r2", "2016-03": run}
    files = [file.path for file in lake.store.list(RELEASE.folder) if "/arrivals_cube/" in file.path]
    assert sorted(path.removeprefix("published/run=") for path in files) == [
        "r1/arrivals_cube/2016-01/" + files[0].rpartition("/")[2],
        *(f"{run}/arrivals_cube/{month}/" + files[0].rpartition("/")[2] for run, month in (
            ("r2", "2016-02"), ("r2", "2016-03"), ("r3", "2016-03"))),
    ]  # fmt: skip


@redshift_is_slow
def test_a_month_whose_rows_or_files_are_others_is_exported_though_its_version_is_the_same(
    filled_warehouse: Warehouse, lake: Lake
) -> None:
    record_versions(filled_warehouse, "v1", "2016-01", "2016-02", "2016-03")
    first = publish_release(lake, filled_warehouse, "r1", {})
    with filled_warehouse.transaction(purpose="prepare a test") as transaction:
        transaction.execute("DELETE FROM mart.ports WHERE i94mon = 1")
    (entry,) = first.entries("ports", "2016-02")
    lake.store.put(lake.store.path(entry.url), b"x" * entry.bytes)
    release = publish_release(lake, filled_warehouse, "r2", {})
    assert find_runs(release, "ports") == {"2016-02": "r2", "2016-03": "r1"}
    assert set(find_runs(release, "stays").values()) == {"r1"}


@redshift_is_slow
def test_a_table_without_rows_is_published_as_such(filled_warehouse: Warehouse, lake: Lake) -> None:
    (empty, *_) = MARTS
    with filled_warehouse.transaction(purpose="prepare a test") as transaction:
        transaction.execute(f"DELETE FROM {empty.fullname}")
    release = publish_release(lake, filled_warehouse, "r1", {})
    assert (release.tables[empty.name].rows, release.tables[empty.name].months) == (0, ())
    assert content(lake, release)[empty.name] == []
    assert release.months == ("2016-01", "2016-02", "2016-03"), "an empty table covers no month, the others do"


def test_a_table_that_is_not_there_is_named_and_nothing_is_published(filled_warehouse: Warehouse, lake: Lake) -> None:
    with filled_warehouse.transaction(purpose="prepare a test") as transaction:
        transaction.execute("DROP TABLE mart.visitors_by_airline CASCADE")  # and the view for readers
    with pytest.raises(PermanentError, match=r"has no table mart\.visitors_by_airline; run 'i94 create-tables'"):
        publish_release(lake, filled_warehouse, "r1", {})
    assert read_current_release(lake) is None


@redshift_is_slow
def test_an_extract_with_other_rows_than_the_table_is_not_published(
    filled_warehouse: Warehouse, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = filled_warehouse.export_tables

    def one_less(folders, published):  # type: ignore[no-untyped-def]
        from dataclasses import replace

        tables, ledger = export(folders, published)
        return {**tables, "state": replace(tables["state"], rows=tables["state"].rows + 1)}, ledger

    monkeypatch.setattr(filled_warehouse, "export_tables", one_less)
    with pytest.raises(PermanentError, match=r"i94\.state has 7 rows, and its extract in .* 6; nothing was published"):
        publish_release(lake, filled_warehouse, "r1", {})
    assert read_current_release(lake) is None


def test_without_a_warehouse_the_sentence_says_what_to_run(reach: Reach, lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"run 'i94 (run|create-tables)'"):
        publish_release(lake, reach(), "r1", {})

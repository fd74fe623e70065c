"""Test the metadata of materializations: figures, data version, schema, lineage, a preview without personal columns."""

from __future__ import annotations

import re
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from i94_platform.contracts import MONTHLY_MARTS, i94mode, immigration_quarantine
from i94_platform.defs.column_lineage.schema import column_lineage
from i94_platform.defs.execution import raise_dagster_failures
from i94_platform.defs.metadata import PREVIEW_ROWS, preview_rows, render_markdown_table, to_table_metadata
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.local import LocalStore
from i94_platform_tests.support.deployment import Deployment
from i94_platform_tests.warehouse.redshift.test_access import PERSONAL

QUASI_IDENTIFIERS = {"i94cit", "i94res", "i94port", "arrdate", "depdate", "i94bir", "gender", "visapost", "entdepu"}
FIGURES = {"seconds", "dagster/column_lineage", "preview"}
COMMITTED = {"bytes", "files", "manifest", "dagster/uri"}
COMPUTED = {f"mart/{mart.name}" for mart in MONTHLY_MARTS}
"""The assets that the warehouse computes, without a file in the lake."""


@pytest.fixture(scope="module")
def materializations(loaded_deployment: Deployment) -> dict[str, dg.AssetMaterialization]:
    """The latest materialization of each materialized asset."""
    keys = loaded_deployment.definitions.resolve_asset_graph().materializable_asset_keys
    events = {key.to_user_string(): loaded_deployment.instance.get_latest_materialization_event(key) for key in keys}
    return {
        name: event.asset_materialization for name, event in events.items() if event and event.asset_materialization
    }


def test_a_delivered_name_is_no_markup_in_metadata() -> None:
    names = ["![x](http://evil.example/x.png)", "<img src=x>", "a | b", "`c`", "d\n\n# e", "\\| f", "&lt;", "g\x1b[2J"]
    lines = render_markdown_table([{"name": name} for name in names]).splitlines()
    assert len(lines) == 2 + len(names)
    for line in lines[2:]:
        assert line.startswith("| ")
        assert line.endswith(" |")
        assert not re.search(r"(?<!\\)(?:\\\\)*[\[\]<>`&|]", line[2:-2]), line
        assert line.isprintable()


def metadata_number(event: dg.AssetMaterialization, name: str) -> float:
    """Return a number of the metadata."""
    value = event.metadata[name].value
    assert isinstance(value, int | float)
    return value


def preview(event: dg.AssetMaterialization) -> dg.TableMetadataValue:
    """Return the preview of the metadata."""
    value = event.metadata["preview"]
    assert isinstance(value, dg.TableMetadataValue)
    return value


def test_every_materialization_has_its_figures(
    materializations: dict[str, dg.AssetMaterialization], loaded_deployment: Deployment
) -> None:
    keys = loaded_deployment.definitions.resolve_asset_graph().materializable_asset_keys
    assert set(materializations) == {key.to_user_string() for key in keys if key.path[0] != "published"}, (
        "not released yet"
    )
    for name, event in materializations.items():
        count = "dagster/partition_row_count" if event.partition else "dagster/row_count"
        assert set(event.metadata) >= FIGURES | {count} | (set() if name in COMPUTED else COMMITTED), name
        assert 0 < metadata_number(event, "seconds") < 60, name
        assert name in COMPUTED or metadata_number(event, "files") >= 1, name
        assert re.fullmatch("[0-9a-f]{32}|[0-9a-f-]{33,50}", (event.tags or {})["dagster/data_version"]), name


def test_every_materialization_has_the_column_lineage(materializations: dict[str, dg.AssetMaterialization]) -> None:
    for name, event in materializations.items():
        assert event.metadata["dagster/column_lineage"].value == column_lineage(dg.AssetKey(name.split("/")))


def test_a_preview_holds_rows_of_the_dataset(
    materializations: dict[str, dg.AssetMaterialization], loaded_deployment: Deployment
) -> None:
    modes = loaded_deployment.query("SELECT * FROM i94.i94mode")
    for name in ("lookup/i94mode", "warehouse/i94mode"):
        records = [record.data for record in preview(materializations[name]).records]
        assert sorted(records, key=str) == sorted(modes, key=str)
    fact = [record.data for record in preview(materializations["warehouse/immigration"]).records]
    assert len(fact) == PREVIEW_ROWS
    for row in fact:
        (loaded_row,) = loaded_deployment.query(f"SELECT matflag FROM i94.immigration WHERE cicid = {row['cicid']}")
        assert loaded_row == {"matflag": row["matflag"]}


def test_the_preview_of_a_mart_has_its_largest_groups(
    materializations: dict[str, dg.AssetMaterialization], loaded_deployment: Deployment
) -> None:
    records = [record.data for record in preview(materializations["mart/visitors_by_origin"]).records]
    largest = loaded_deployment.query("SELECT visitors FROM mart.visitors_by_origin ORDER BY visitors DESC LIMIT 10")
    assert [row["visitors"] for row in records] == [row["visitors"] for row in largest]


def test_a_preview_has_no_column_that_describes_a_person(materializations: dict[str, dg.AssetMaterialization]) -> None:
    for name in ("staged/immigration", "staged/immigration_quarantine", "warehouse/immigration"):
        table = preview(materializations[name])
        assert table.records
        for columns in ({c.name for c in table.schema.columns}, *(set(record.data) for record in table.records)):
            assert "cicid" in columns
            assert not columns & (PERSONAL | QUASI_IDENTIFIERS | {"unreadable"}), name


def test_the_preview_of_the_quarantine_has_rejected_rows_with_their_reasons(
    materializations: dict[str, dg.AssetMaterialization],
) -> None:
    event = materializations["staged/immigration_quarantine"]
    rows = [record.data for record in preview(event).records]
    assert len(rows) == min(PREVIEW_ROWS, metadata_number(event, "dagster/partition_row_count"))
    assert all(row["reasons"] and row["source_file"] for row in rows)
    assert "| reasons | rows |" in str(event.metadata["reasons"].value)


def test_a_preview_without_rows_has_the_columns() -> None:
    table = to_table_metadata([], ["code", "label"])
    assert [c.name for c in table.schema.columns] == ["code", "label"]
    assert table.records == []


def test_a_value_that_json_lacks_becomes_none() -> None:
    table = to_table_metadata([{"a": float("nan"), "b": float("inf"), "c": 1.5, "d": True, "e": None}], list("abcde"))
    assert table.records[0].data == {"a": None, "b": None, "c": 1.5, "d": True, "e": None}


def test_there_is_no_preview_if_another_run_has_swept_the_files(tmp_path: Path) -> None:
    lake, dataset = Lake(LocalStore(tmp_path)), Dataset("lookup/i94mode")
    rows = pa.table({"code": pa.array([1], pa.int32()), "label": ["Air"]})
    old = lake.write_table(dataset, "one", i94mode, rows, fingerprint="1")
    table = preview_rows(lake, old, i94mode)
    assert table is not None
    assert [record.data for record in table.records] == [{"code": 1, "label": "Air"}]
    lake.write_table(dataset, "two", i94mode, rows, fingerprint="2")
    assert preview_rows(lake, old, i94mode) is None


def test_the_seconds_of_a_step_count_from_its_start() -> None:
    with raise_dagster_failures() as seconds:
        first = seconds()
    assert 0 <= first <= seconds()


def test_the_quarantine_has_the_personal_columns_of_the_fact() -> None:
    personal = {c.name for c in immigration_quarantine.columns if c.info["personal"]}
    assert personal == PERSONAL | {"unreadable"}, (
        "texts in a number's place may be a year of birth or an admission number"
    )

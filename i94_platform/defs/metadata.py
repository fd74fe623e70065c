"""Build the metadata and texts of materializations and checks: row counts, column schema, lineage, tables, lists."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg
from sqlalchemy import Table

from i94_platform.contracts.model import public_columns
from i94_platform.defs.column_lineage.schema import column_lineage
from i94_platform.lake.datasets import Lake
from i94_platform.lake.manifest import Manifest
from i94_platform.pipeline.gate import Verdict, read_verdict
from i94_platform.warehouse.base import Warehouse

PREVIEW_ROWS = 10
"""How many rows a preview has."""


def dataset_result(
    asset_key: dg.AssetKey,
    contract: Table,
    manifest: Manifest,
    lake: Lake,
    seconds: float,
    extra: Mapping[str, Any] | None = None,
) -> dg.MaterializeResult[Any]:
    """Build the result of a committed dataset: the metadata of any table, files, bytes and a preview."""
    metadata = {
        "bytes": manifest.size,
        "files": len(manifest.entries),
        "manifest": dg.MetadataValue.path(manifest.address),
        "dagster/uri": manifest.address,
        **_describe_verdict(read_verdict(manifest)),
        **(extra or {}),
    }
    if (preview := preview_rows(lake, manifest, contract)) is not None:
        metadata["preview"] = preview  # last, since it is long
    return table_result(
        asset_key,
        manifest.fingerprint,
        manifest.rows,
        seconds,
        partitioned=bool(manifest.partition),
        extra=metadata,
    )


def _describe_verdict(verdict: Verdict) -> dict[str, str]:
    """Return the metadata of a dataset that the gate blocked, or that a person accepted; else none."""
    if verdict.acceptance:
        return {"accepted": f"{verdict.acceptance.describe()} ({verdict.problems})"}
    return {"blocked": verdict.problems} if verdict.is_blocked else {}


def loaded_table_result(
    asset_key: dg.AssetKey, contract: Table, manifest: Manifest, lake: Lake, warehouse: Warehouse, seconds: float
) -> dg.MaterializeResult[Any]:
    """Build the result of a loaded table: that of its dataset, and the place of the table."""
    return dataset_result(asset_key, contract, manifest, lake, seconds, table_location(contract, warehouse))


def table_location(contract: Table, warehouse: Warehouse) -> dict[str, str]:
    """Return the metadata that names a table and its warehouse; the address holds no secret."""
    return {"dagster/table_name": contract.fullname, "warehouse": warehouse.address}


def table_result(
    asset_key: dg.AssetKey,
    version: str,
    rows: int,
    seconds: float,
    *,
    partitioned: bool,
    extra: Mapping[str, Any],
) -> dg.MaterializeResult[Any]:
    """Build the result of any table: rows, seconds, data version, column lineage, and `extra` metadata."""
    return dg.MaterializeResult(
        asset_key=asset_key,
        data_version=dg.DataVersion(version),
        metadata={
            "dagster/partition_row_count" if partitioned else "dagster/row_count": rows,
            "seconds": round(seconds, 3),
            "dagster/column_lineage": column_lineage(asset_key),
            **extra,
        },
    )


def preview_rows(lake: Lake, manifest: Manifest, contract: Table) -> dg.TableMetadataValue | None:
    """Return the first rows of a dataset, of their public columns; None if another run has deleted the files."""
    columns = public_columns(contract)
    rows = lake.read_first_rows(manifest, contract, columns, PREVIEW_ROWS)
    return None if rows is None else to_table_metadata(rows.to_pylist(), columns)


def to_table_metadata(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> dg.TableMetadataValue:
    """Return rows as a table for the UI; values other than text, numbers and booleans become text."""
    schema = dg.TableSchema([dg.TableColumn(name) for name in columns])
    records = [dg.TableRecord({name: _to_cell(row[name]) for name in columns}) for row in rows]
    return dg.MetadataValue.table(records, schema)


def _to_cell(value: Any) -> str | int | float | bool | None:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float) else str(value)


def render_markdown_table(rows: Iterable[Mapping[str, Any]], limit: int = 10) -> str:
    """Render at most `limit` rows as a Markdown table with empty cells for nulls; "No rows." if there are none."""
    rows = list(rows)[:limit]
    if not rows:
        return "No rows."
    names = list(rows[0])
    cells = [[escape_markdown(name) for name in names]]
    cells += [["" if row[name] is None else escape_markdown(str(row[name])) for name in names] for row in rows]
    header, *lines = ("| " + " | ".join(line) + " |" for line in cells)
    return "\n".join([header, "|" + " --- |" * len(names), *lines])


def escape_markdown(text: str) -> str:
    """Escape what could be a link, an image, HTML, code or another cell in a delivered name or value."""
    return re.sub(r"[\\`*\[\]<>|&]", r"\\\g<0>", re.sub(r"[\x00-\x1f\x7f]+", " ", text))


def join_names(names: Sequence[str], limit: int) -> str:
    """Join names by commas; of more than `limit` names, only the first ones and the number of the others."""
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more

"""Convert the column lineage to Dagster's lineage metadata and to texts in the column schema.

The open-source UI shows no column lineage. It does show the texts.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg
from sqlalchemy import Table

from i94_platform.contracts.rendering.dagster_schema import dagster_schema
from i94_platform.defs.column_lineage.lineage_file import load_column_sources

_MAX_LISTED = 6
"""How many source columns a description lists. Of more it gives the number and the assets."""


def column_lineage(asset_key: dg.AssetKey) -> dg.TableColumnLineage:
    """Return the lineage of an asset as Dagster metadata; a column without source columns has no dependencies."""
    sources = load_column_sources(asset_key.to_user_string())
    return dg.TableColumnLineage(
        {name: [] if isinstance(of, str) else [_column_dep(column) for column in of] for name, of in sources.items()}
    )


def _column_dep(column: str) -> dg.TableColumnDep:
    asset, _, name = column.partition(".")
    return dg.TableColumnDep(dg.AssetKey(asset.split("/")), name)


def column_schema(asset_key: dg.AssetKey, contract: Table) -> dg.TableSchema:
    """Return the column schema of a contract; each description ends with the sources of the column."""
    sources = load_column_sources(asset_key.to_user_string())
    return dagster_schema(contract, {name: f"From: {_describe_sources(of)}." for name, of in sources.items()})


def _describe_sources(sources: Sequence[str]) -> str:
    if isinstance(sources, str):
        return sources
    if len(sources) <= _MAX_LISTED:
        return ", ".join(sources)
    assets = sorted({column.partition(".")[0] for column in sources})
    return f"{len(sources)} columns of {', '.join(assets)}"

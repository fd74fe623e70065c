"""Column lineage as it is kept and shown: which columns of which assets a column comes from, or why from none.

Here: the generated file (`column_lineage.json`, since finding it takes seconds), and its rendering for Dagster, whose
open-source UI draws no columns: the schema's descriptions say it there. Not here: finding it (`assets.origins`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import dagster as dg
from sqlalchemy import Table

from i94_platform.contracts.rendering.dagster_schema import dagster_schema
from i94_platform.errors import PermanentError

FILE = Path(__file__).with_name("column_lineage.json")

_SHOWN = 6
"""Columns that a description names one by one."""


def generate_lineage() -> str:
    """What the file has to hold, found anew."""
    from i94_platform.defs.column_lineage.compute import compute_lineage

    return json.dumps(compute_lineage(), indent=1) + "\n"


@cache
def load_lineage() -> dict[str, dict[str, list[str] | str]]:
    kept: dict[str, dict[str, list[str] | str]] = json.loads(FILE.read_text("utf-8"))
    return kept


def column_origins(asset_key: dg.AssetKey) -> dict[str, list[str] | str]:
    """For each column of an asset the columns that it comes from, as `layer/name.column`, or the reason for none.

    Raises:
        PermanentFailure: the file does not know the asset.
    """
    try:
        return load_lineage()[asset_key.to_user_string()]
    except KeyError:
        raise PermanentError(
            f"{FILE.name} has no lineage of {asset_key.to_user_string()}: add the asset to assets/origins.py and run "
            f"i94 lineage --write"
        ) from None


def column_lineage(asset_key: dg.AssetKey) -> dg.TableColumnLineage:
    """The lineage in Dagster's terms; a column without a source has none there, its reason is in the schema."""
    return dg.TableColumnLineage(
        {
            name: [] if isinstance(origin, str) else [_dep(column) for column in origin]
            for name, origin in column_origins(asset_key).items()
        }
    )


def _dep(column: str) -> dg.TableColumnDep:
    asset, _, name = column.partition(".")
    return dg.TableColumnDep(dg.AssetKey(asset.split("/")), name)


def column_schema(asset_key: dg.AssetKey, contract: Table) -> dg.TableSchema:
    """The contract's column schema, each description followed by where the column comes from."""
    return dagster_schema(contract, {name: f"From: {_in_words(of)}." for name, of in column_origins(asset_key).items()})


def _in_words(origin: Sequence[str]) -> str:
    if isinstance(origin, str):
        return origin
    if len(origin) <= _SHOWN:
        return ", ".join(origin)
    assets = sorted({column.partition(".")[0] for column in origin})
    return f"{len(origin)} columns of {', '.join(assets)}"

"""Completeness of the definitions: each contract is listed, and each asset that a check or a dependency names exists.

Dagster accepts an asset that is only named. A source or mart that is declared by half would then never be loaded.
"""

from collections.abc import Iterable

import dagster as dg

from i94_platform.contracts import ALL, mart_metadata, warehouse_metadata
from i94_platform.errors import PermanentError


def require_listed_contracts() -> None:
    """Raise PermanentError for a table that is declared and in none of the tuples that assets and DDL are made from."""
    listed = {contract.fullname for contract in ALL}
    declared = (*warehouse_metadata.tables, *mart_metadata.tables)
    unlisted = [name for name in declared if name not in listed]
    if unlisted:
        raise PermanentError(
            f"{', '.join(unlisted)} is declared, but contracts.ALL lacks it: add a reference table to REFERENCES in "
            f"contracts/reference.py; declare a monthly mart above MONTHLY_MARTS in contracts/marts.py."
        )


def require_assets(assets: Iterable[dg.AssetsDefinition], checks: Iterable[dg.AssetChecksDefinition]) -> None:
    """Raise PermanentError for an asset that a check or another asset names and no module defines."""
    assets = list(assets)
    defined = {key for asset in assets for key in asset.keys}
    named = {dep.asset_key for asset in assets for spec in asset.specs for dep in spec.deps}
    named |= {key.asset_key for check in checks for key in check.check_keys}
    if missing := sorted(key.to_user_string() for key in named - defined):
        raise PermanentError(
            f"No asset defines {', '.join(missing)}, but a contract, a check or another asset names it: define it in "
            f"defs/assets/, in the module of its layer. A raw asset needs its source in sources/registry.py."
        )

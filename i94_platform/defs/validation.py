"""Check that the definitions are complete: each contract is listed, and each named asset is defined.

Dagster accepts an asset that only a check or a dependency names. Such an asset would never be loaded.
"""

from collections.abc import Iterable

import dagster as dg

from i94_platform.contracts import ALL, mart_metadata, warehouse_metadata
from i94_platform.errors import PermanentError


def require_listed_contracts() -> None:
    """Raise PermanentError if a declared table is missing in `contracts.ALL`, which assets and DDL follow from."""
    listed_tables = {contract.fullname for contract in ALL}
    declared_tables = (*warehouse_metadata.tables, *mart_metadata.tables)
    if missing := [name for name in declared_tables if name not in listed_tables]:
        raise PermanentError(
            f"{', '.join(missing)} is declared, but contracts.ALL lacks it: add a reference table to REFERENCES in "
            f"contracts/reference.py; declare a monthly mart above MONTHLY_MARTS in contracts/marts.py."
        )


def require_assets(assets: Iterable[dg.AssetsDefinition], checks: Iterable[dg.AssetChecksDefinition]) -> None:
    """Raise PermanentError if a check or a dependency names an asset that no module defines."""
    assets = list(assets)
    defined_keys = {key for asset in assets for key in asset.keys}
    named_keys = {dep.asset_key for asset in assets for spec in asset.specs for dep in spec.deps}
    named_keys |= {key.asset_key for check in checks for key in check.check_keys}
    if missing := sorted(key.to_user_string() for key in named_keys - defined_keys):
        raise PermanentError(
            f"No asset defines {', '.join(missing)}, but a contract, a check or another asset names it: define it in "
            f"defs/assets/, in the module of its layer. A raw asset needs its source in sources/registry.py."
        )

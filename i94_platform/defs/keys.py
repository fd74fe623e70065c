"""Asset keys: `layer/name` is the asset key, the folder in the lake and, without the layer, the table."""

import dagster as dg
from sqlalchemy import Table

from i94_platform.contracts import mart_metadata


def to_key(name: str) -> dg.AssetKey:
    """Return the key of the asset `layer/name`, such as `warehouse/immigration`."""
    return dg.AssetKey.from_user_string(name)


def source_key(contract: Table) -> dg.AssetKey:
    """Return the key of the asset that a published table copies."""
    return to_key(f"{'mart' if contract.schema == mart_metadata.schema else 'warehouse'}/{contract.name}")

"""The layers of the API: which published tables are marts and which are dimensions."""

from __future__ import annotations

from sqlalchemy import Table

from i94_platform.contracts import MARTS, PUBLISHED

LAYERS: dict[str, tuple[Table, ...]] = {
    "marts": MARTS,
    "dimensions": tuple(contract for contract in PUBLISHED if contract not in MARTS),
}
"""The tables by the layer that is in their URL; the scope `read:<layer>` opens it."""

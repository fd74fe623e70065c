"""Every table, declared once.

`model` says what a contract is; `immigration`, `reference` and `ledger` declare the tables; `render` turns a contract
into each engine's terms; `codes` are the reviewed code lists. Not here: how data is transformed, read or stored.
"""

from sqlalchemy import Table

from i94_platform.contracts.immigration import delivered_immigration, immigration, immigration_quarantine
from i94_platform.contracts.ledger import load_ledger
from i94_platform.contracts.model import warehouse_metadata
from i94_platform.contracts.reference import (
    airport_codes,
    calendar,
    country,
    i94addr,
    i94cit_res,
    i94mode,
    i94port,
    i94visa,
    state,
    us_cities_demographics,
    world_temperature,
)

LOOKUPS: tuple[Table, ...] = (i94cit_res, i94port, i94mode, i94addr, i94visa)
REFERENCES: tuple[Table, ...] = (us_cities_demographics, airport_codes, world_temperature)
DIMENSIONS: tuple[Table, ...] = (state, country, calendar)
WAREHOUSE: tuple[Table, ...] = (*LOOKUPS, *REFERENCES, *DIMENSIONS, immigration)
"""The tables analysts query; the ledger beside them is the platform's own."""

ALL: tuple[Table, ...] = (*WAREHOUSE, immigration_quarantine, load_ledger)

__all__ = [
    "ALL",
    "DIMENSIONS",
    "LOOKUPS",
    "REFERENCES",
    "WAREHOUSE",
    "airport_codes",
    "calendar",
    "country",
    "delivered_immigration",
    "i94addr",
    "i94cit_res",
    "i94mode",
    "i94port",
    "i94visa",
    "immigration",
    "immigration_quarantine",
    "load_ledger",
    "state",
    "us_cities_demographics",
    "warehouse_metadata",
    "world_temperature",
]

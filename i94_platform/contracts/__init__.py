"""Every table, declared once.

`immigration`, `reference`, `marts`, `correlations` and `ledger` declare the tables in the terms of `model`; `rendering`
turns a contract into the terms of each tool. `groups` has what the marts group by; `codes` reads the reviewed code
lists; `access` grants roles their tables; `disclosure` says what is rounded.
"""

from sqlalchemy import Table

from i94_platform.contracts.correlations import correlations
from i94_platform.contracts.immigration import (
    STAGED_MONTH,
    delivered_immigration,
    immigration,
    immigration_quarantine,
    immigration_unreadable,
)
from i94_platform.contracts.ledger import load_ledger
from i94_platform.contracts.marts import (
    MONTHLY_MARTS,
    arrivals_cube,
    destination_by_climate,
    destination_by_origin,
    destination_by_port,
    origin_climate,
    origin_destination_affinity,
    ports,
    state_climate,
    stays,
    visitor_demographics_by_state,
    visitors_by_airline,
    visitors_by_nationality,
    visitors_by_origin,
)
from i94_platform.contracts.model import mart_metadata, warehouse_metadata
from i94_platform.contracts.reference import (
    DIMENSIONS,
    LOOKUPS,
    REFERENCES,
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

WAREHOUSE: tuple[Table, ...] = (*LOOKUPS, *REFERENCES, *DIMENSIONS, immigration)
"""The star schema."""
MARTS: tuple[Table, ...] = (*MONTHLY_MARTS, correlations)
"""The answers, which the warehouse computes from the star schema."""
PUBLISHED: tuple[Table, ...] = (*MARTS, state, country, *LOOKUPS)
"""The tables of a release, which dashboard and API show; no two have one name."""

ALL: tuple[Table, ...] = (*WAREHOUSE, *MARTS, *STAGED_MONTH[1:], load_ledger)
"""Every table that the platform writes, in the order of the data dictionary."""

__all__ = [
    "ALL",
    "DIMENSIONS",
    "LOOKUPS",
    "MARTS",
    "MONTHLY_MARTS",
    "PUBLISHED",
    "REFERENCES",
    "STAGED_MONTH",
    "WAREHOUSE",
    "airport_codes",
    "arrivals_cube",
    "calendar",
    "correlations",
    "country",
    "delivered_immigration",
    "destination_by_climate",
    "destination_by_origin",
    "destination_by_port",
    "i94addr",
    "i94cit_res",
    "i94mode",
    "i94port",
    "i94visa",
    "immigration",
    "immigration_quarantine",
    "immigration_unreadable",
    "load_ledger",
    "mart_metadata",
    "origin_climate",
    "origin_destination_affinity",
    "ports",
    "state",
    "state_climate",
    "stays",
    "us_cities_demographics",
    "visitor_demographics_by_state",
    "visitors_by_airline",
    "visitors_by_nationality",
    "visitors_by_origin",
    "warehouse_metadata",
    "world_temperature",
]

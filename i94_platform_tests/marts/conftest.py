"""The loaded deployment, and the warehouses that the marts are computed in."""

from i94_platform_tests.warehouse.conftest import (
    bare,
    bucket,
    cluster_place,
    duckdb_place,
    lake,
    place,
    reach,
    redshift_place,
    staging,
    warehouse,
)

__all__ = [
    "bare",
    "bucket",
    "cluster_place",
    "duckdb_place",
    "lake",
    "place",
    "reach",
    "redshift_place",
    "staging",
    "warehouse",
]

"""The fixtures of the warehouses."""

from i94_platform_tests.support.warehouses import (
    bare,
    bucket,
    cluster_place,
    duckdb_place,
    lake,
    place,
    prepared_database,
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
    "prepared_database",
    "reach",
    "redshift_place",
    "staging",
    "warehouse",
]

"""The list of every check but the completeness check, which belongs to no run of a month."""

from i94_platform.defs.checks.datasets import lookup_checks, reference_datasets, staged_immigration_checks
from i94_platform.defs.checks.tables import mart_checks, mart_correlations_checks, warehouse_tables

CHECKS = [
    staged_immigration_checks,
    lookup_checks,
    *reference_datasets,
    *warehouse_tables,
    mart_checks,
    mart_correlations_checks,
]
CHECK_KEYS = [key for check in CHECKS for key in check.check_keys]

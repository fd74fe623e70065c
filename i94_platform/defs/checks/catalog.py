"""The list of every check but the completeness check, which belongs to no run of a month."""

from i94_platform.defs.checks import contract, gate, plausibility, reconciliation, references
from i94_platform.defs.checks.warehouse_tables import warehouse_tables

CHECKS = [
    contract.staged_immigration_contract,
    *warehouse_tables,
    contract.warehouse_immigration_contract,
    contract.mart_contract,
    contract.mart_correlations_contract,
    gate.staged_immigration_gate,
    reconciliation.staged_immigration_reconciliation,
    reconciliation.staged_equals_loaded,
    reconciliation.mart_reconciliation,
    plausibility.staged_immigration_shares,
    plausibility.share_of_delivered,
    references.newest_code_lists,
    references.lookup_checks,
    *references.reference_tables,
]
CHECK_KEYS = [key for check in CHECKS for key in check.check_keys]

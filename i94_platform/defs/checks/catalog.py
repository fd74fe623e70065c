"""The list of every check but the completeness check, which belongs to no run of a month."""

from i94_platform.defs.checks import contract, plausibility, reconciliation

CHECKS = [
    contract.lookup_contract,
    contract.staged_contract,
    contract.staged_immigration_contract,
    contract.warehouse_contract,
    contract.warehouse_immigration_contract,
    contract.mart_contract,
    contract.mart_correlations_contract,
    reconciliation.staged_immigration_reconciliation,
    reconciliation.staged_equals_loaded,
    reconciliation.warehouse_reconciliation,
    reconciliation.mart_reconciliation,
    plausibility.staged_immigration_shares,
    plausibility.share_of_delivered,
    plausibility.lookup_drift,
]
CHECK_KEYS = [key for check in CHECKS for key in check.check_keys]

"""Asset checks: what stops a month, and what only warns.

`contract` generates checks from the contracts, `reconciliation` compares counts, `domain` knows what is usual in these
data. Not here: the queries that the contracts' rules become (`transforms.rules`).
"""

import dagster as dg

from i94_platform.defs.checks.contract import contract_checks
from i94_platform.defs.checks.plausibility import domain_checks
from i94_platform.defs.checks.reconciliation import reconciliation_checks


def all_checks(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetChecksDefinition]:
    """Every check of the graph."""
    return [*contract_checks(partitions), *reconciliation_checks(partitions), *domain_checks(partitions)]

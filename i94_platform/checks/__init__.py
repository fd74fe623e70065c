"""Asset checks: generated from the contracts, reconciliation of counts, and rules of the domain."""

import dagster as dg


def all_checks(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetChecksDefinition]:
    """Every check of the graph."""
    return []

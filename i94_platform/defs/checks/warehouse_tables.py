"""The checks of each table of the warehouse without months: one step for its contract and its row count.

A step costs more than what it checks, so that a table has one. Tables that may fail apart have steps of their own.
"""

from collections.abc import Iterator, Sequence

import dagster as dg
from sqlalchemy import Table

from i94_platform.contracts import DIMENSIONS
from i94_platform.defs.checks import contract, reconciliation
from i94_platform.defs.execution import raise_dagster_failures
from i94_platform.lake.datasets import Lake
from i94_platform.sql.rules import RULE_TYPES
from i94_platform.warehouse.base import Warehouse


def _build_checks(name: str, group: Sequence[Table]) -> dg.AssetChecksDefinition:
    rule_types = RULE_TYPES if group[0] in DIMENSIONS else ("foreign_keys",)
    subjects = contract.build_subjects("warehouse", group, rule_types)

    @dg.multi_asset_check(
        name=f"warehouse_{name}_checks",
        specs=[*contract.build_specs(subjects, None), *reconciliation.build_row_count_specs(group)],
        can_subset=True,
    )
    def check(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.AssetCheckResult]:
        with raise_dagster_failures(), warehouse.transaction(purpose="check", read_only=True) as transaction:
            yield from contract.check_in_warehouse(context, subjects, transaction)
            yield from reconciliation.compare_row_counts(context, group, lake, transaction)

    return check


warehouse_tables = [_build_checks(name, group) for name, group in contract.INDEPENDENT_TABLES.items()]

"""The checks of tables of the warehouse: a step for each group of tables that fail together, and one for the marts.

A step costs more than what it checks, so that a table has one. Tables that may fail apart have steps of their own.
"""

from collections.abc import Iterator, Sequence

import dagster as dg
from sqlalchemy import Table

from i94_platform.contracts import DIMENSIONS, LOOKUPS, MONTHLY_MARTS, REFERENCES, correlations, immigration
from i94_platform.defs.checks import contract, plausibility, reconciliation
from i94_platform.defs.execution import month_key, raise_dagster_failures
from i94_platform.defs.partitions import monthly_partitions
from i94_platform.lake.datasets import Lake
from i94_platform.partitions import Month
from i94_platform.sql.rules import RULE_TYPES
from i94_platform.warehouse.base import Warehouse

_MARTS = tuple(contract.build_subjects("mart", MONTHLY_MARTS, contract.ROW_RULES))
_CORRELATIONS = tuple(contract.build_subjects("mart", [correlations], contract.ROW_RULES))


def _build_checks(
    name: str, tables: Sequence[Table], partitions_def: dg.PartitionsDefinition[str] | None = None
) -> dg.AssetChecksDefinition:
    # the rules about rows of the other tables are checked in the lake
    rule_types = RULE_TYPES if tables[0] in DIMENSIONS else ("foreign_keys",)
    subjects = tuple(contract.build_subjects("warehouse", tables, rule_types))

    @dg.multi_asset_check(
        name=f"warehouse_{name}_checks",
        specs=[
            *contract.build_contract_specs(subjects, partitions_def),
            *reconciliation.build_row_count_specs(tables, partitions_def),
        ],
        can_subset=True,
    )
    def check(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.AssetCheckResult]:
        month = Month.parse(month_key(context)) if partitions_def else None
        with raise_dagster_failures(), warehouse.transaction(purpose="check", read_only=True) as transaction:
            yield from reconciliation.compare_row_counts(context, tables, lake, transaction, month)
            yield from contract.check_in_warehouse(context, subjects, transaction, month)

    return check


warehouse_tables = [
    _build_checks("lookup", LOOKUPS),
    *(_build_checks(table.name, [table]) for table in (*REFERENCES, *DIMENSIONS)),
    _build_checks(immigration.name, [immigration], monthly_partitions),
]


@dg.multi_asset_check(
    name="mart_checks",
    specs=[
        *contract.build_contract_specs(_MARTS, monthly_partitions),
        *reconciliation.MART_SPECS,
        plausibility.STATES_SPEC,
    ],
    can_subset=True,
)
def mart_checks(
    context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> Iterator[dg.AssetCheckResult]:
    """Check a month of the marts in one step, because one step makes them."""
    month = Month.parse(month_key(context))
    with raise_dagster_failures(), warehouse.transaction(purpose="check", read_only=True) as transaction:
        yield from contract.check_in_warehouse(context, _MARTS, transaction, month)
        yield from reconciliation.compare_visitors(context, transaction, month)
        yield from plausibility.compare_states(context, transaction, month)


@dg.multi_asset_check(
    name="mart_correlations_checks", specs=contract.build_contract_specs(_CORRELATIONS), can_subset=True
)
def mart_correlations_checks(
    context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> Iterator[dg.AssetCheckResult]:
    """Check the correlations over all months."""
    with raise_dagster_failures(), warehouse.transaction(purpose="check", read_only=True) as transaction:
        yield from contract.check_in_warehouse(context, _CORRELATIONS, transaction)

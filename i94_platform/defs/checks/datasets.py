"""The checks of datasets in the lake, before their load: a step for a month, the code lists, each reference table.

What is staged from one file is checked in one step. What is staged from different files has steps of its own, because
Dagster skips a whole step if one of its inputs has failed.
"""

from collections.abc import Iterator

import dagster as dg
from sqlalchemy import Table

from i94_platform.contracts import LOOKUPS, REFERENCES, STAGED_MONTH
from i94_platform.defs.checks import plausibility, reconciliation
from i94_platform.defs.checks.contract import ROW_RULES, build_contract_specs, build_subjects, check_in_lake
from i94_platform.defs.checks.gate import build_gate_spec, report_gate
from i94_platform.defs.execution import month_key, raise_dagster_failures
from i94_platform.defs.keys import to_key
from i94_platform.defs.partitions import monthly_partitions
from i94_platform.engine.base import Engine
from i94_platform.lake.datasets import Lake
from i94_platform.lake.store import Store

_STAGED = to_key("staged/immigration")
_MONTH = tuple(build_subjects("staged", STAGED_MONTH, ROW_RULES))
_LISTS = tuple(build_subjects("lookup", LOOKUPS, ROW_RULES))


@dg.multi_asset_check(
    name="staged_immigration_checks",
    specs=[
        build_gate_spec(_STAGED, monthly_partitions),
        *reconciliation.MONTH_SPECS,
        plausibility.QUARANTINE_SPEC,
        plausibility.CODE_LISTS_SPEC,
        *build_contract_specs(_MONTH, monthly_partitions),
        plausibility.SHARES_SPEC,
    ],
    can_subset=True,
)
def staged_immigration_checks(
    context: dg.AssetCheckExecutionContext,
    raw: dg.ResourceParam[Store],
    lake: dg.ResourceParam[Lake],
    engine: dg.ResourceParam[Engine],
) -> Iterator[dg.AssetCheckResult]:
    """Check a month in one step; what reads manifests only comes first, so that a missing file is reported."""
    month = month_key(context)
    with raise_dagster_failures():
        yield from report_gate(context, _STAGED, lake, month)
        yield from reconciliation.reconcile_month(context, lake, month)
        yield from plausibility.compare_rejected_rows(context, lake, month)
        yield from plausibility.compare_code_lists(context, raw, lake, month)
        yield from check_in_lake(context, _MONTH, lake, engine, month)
        yield from plausibility.compare_shares(context, lake, engine, month)


@dg.multi_asset_check(
    name="lookup_checks",
    specs=[
        *(build_gate_spec(subject.asset_key) for subject in _LISTS),
        *build_contract_specs(_LISTS),
        *plausibility.DRIFT_SPECS,
    ],
    can_subset=True,
)
def lookup_checks(
    context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], embedded_engine: dg.ResourceParam[Engine]
) -> Iterator[dg.AssetCheckResult]:
    """Check the code lists in one step, because they come from one file."""
    with raise_dagster_failures():
        for subject in _LISTS:
            yield from report_gate(context, subject.asset_key, lake)
        yield from check_in_lake(context, _LISTS, lake, embedded_engine)
        yield from plausibility.compare_with_reviewed(context, lake)


def _build_checks(contract: Table) -> dg.AssetChecksDefinition:
    subjects = tuple(build_subjects("staged", [contract], ROW_RULES))
    asset_key = to_key(f"staged/{contract.name}")

    @dg.multi_asset_check(
        name=f"staged_{contract.name}_checks",
        specs=[build_gate_spec(asset_key), *build_contract_specs(subjects)],
        can_subset=True,
    )
    def check(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], embedded_engine: dg.ResourceParam[Engine]
    ) -> Iterator[dg.AssetCheckResult]:
        with raise_dagster_failures():
            yield from report_gate(context, asset_key, lake)
            yield from check_in_lake(context, subjects, lake, embedded_engine)

    return check


reference_datasets = [_build_checks(contract) for contract in REFERENCES]

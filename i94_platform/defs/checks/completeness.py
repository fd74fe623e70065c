"""The check of all months together, and the sensor that records its result when it changes."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import dagster as dg
from pydantic import BaseModel, ValidationError

from i94_platform.defs.deployment import SETTINGS
from i94_platform.defs.execution import raise_dagster_failures
from i94_platform.defs.keys import to_key
from i94_platform.defs.metadata import join_names, render_markdown_table
from i94_platform.defs.partitions import monthly_partitions
from i94_platform.lake.datasets import Lake
from i94_platform.lake.store import Store
from i94_platform.pipeline.data_versions import hash_parts
from i94_platform.sources.listing import DeliveryListing, list_deliveries
from i94_platform.sources.listing_cache import ListingCache
from i94_platform.staleness.asset_states import AssetStates
from i94_platform.staleness.completeness import DEFECTS, RUNNING, MonthIssue, find_month_issues
from i94_platform.staleness.held_versions import HeldVersions
from i94_platform.staleness.run_inputs import find_failed_runs
from i94_platform.warehouse.base import Warehouse

CHECK_KEY = dg.AssetCheckKey(to_key("warehouse/immigration"), "every_month_loaded")
"""The check covers all months, so it is part of no month's run."""

_SHOWN_MONTHS = 12
"""How many months of one state the description lists; the metadata lists all."""


@dg.asset_check(
    asset=CHECK_KEY.asset_key,
    name=CHECK_KEY.name,
    description="Warns of months that failed, that are delivered but not loaded, or that are missing in between.",
)
def every_month_loaded(
    context: dg.AssetCheckExecutionContext,
    raw: dg.ResourceParam[Store],
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.AssetCheckResult:
    """Evaluate the check when a person executes it in the UI."""
    with raise_dagster_failures():
        return evaluate_completeness(list_deliveries(raw), raw, lake, context.instance, warehouse)


class CompletenessCursor(BaseModel):
    """What the sensor remembers from tick to tick."""

    records: str = ""
    """The hash of the result by Dagster's records alone."""
    result: str = ""
    """The hash of the recorded result."""
    description: str = ""
    """The description of the recorded result."""


@dg.sensor(
    name="completeness_of_months",
    minimum_interval_seconds=2 * SETTINGS.sensor_interval_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Records which months failed, wait or are missing, when that changes; it starts no run.",
)
def completeness_of_months(
    context: dg.SensorEvaluationContext,
    raw: dg.ResourceParam[Store],
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    listings: dg.ResourceParam[ListingCache],
    clock: dg.ResourceParam[Callable[[], float]],
) -> dg.SensorResult:
    """Record the result if it differs from the last one.

    The warehouse may be paused, so its ledger is asked only after the result by Dagster's records alone has changed.
    """
    try:
        previous = CompletenessCursor.model_validate_json(context.cursor or "{}")
    except ValidationError:
        previous = CompletenessCursor()
    listing = listings.list(raw, clock, context.sensor_name).listing
    records = _hash_result(evaluate_completeness(listing, raw, lake, context.instance))
    if records == previous.records:
        return dg.SensorResult(skip_reason=f"Unchanged. {previous.description}", cursor=context.cursor)
    result = evaluate_completeness(listing, raw, lake, context.instance, warehouse)
    cursor = CompletenessCursor(records=records, result=_hash_result(result), description=str(result.description))
    events = [] if cursor.result == previous.result else [_to_event(result)]
    return dg.SensorResult(skip_reason=result.description, cursor=cursor.model_dump_json(), asset_events=events)


def evaluate_completeness(
    listing: DeliveryListing, raw: Store, lake: Lake, instance: dg.DagsterInstance, warehouse: Warehouse | None = None
) -> dg.AssetCheckResult:
    """Evaluate the check over the delivered months that have a partition; without a warehouse by Dagster's records."""
    keys = set(monthly_partitions.get_partition_keys())
    months = {month: delivery for month, delivery in listing.months.items() if month.key in keys}
    held, failed_runs = HeldVersions.from_records(instance, warehouse), find_failed_runs(instance)
    states = AssetStates(replace(listing, months=months), raw, lake, held, failed_runs)
    return build_check_result(list(find_month_issues(states, instance)), len(months))


def _hash_result(result: dg.AssetCheckResult) -> str:
    return hash_parts(str(result.description), str(result.metadata["months"].value))


def build_check_result(issues: Sequence[MonthIssue], delivered: int) -> dg.AssetCheckResult:
    """Build the result of the check: a summary as its description, and a table of the months as metadata."""
    by_state = {state: [issue.month for issue in issues if issue.state == state] for state in (*DEFECTS, RUNNING)}
    summary = "; ".join(f"{state}: {join_names(months, _SHOWN_MONTHS)}" for state, months in by_state.items() if months)
    table = [
        {"month": issue.month, "state": issue.state, "reason": issue.reason, "about": issue.about} for issue in issues
    ]
    return dg.AssetCheckResult(
        asset_key=CHECK_KEY.asset_key,
        check_name=CHECK_KEY.name,
        passed=not any(by_state[state] for state in DEFECTS),
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{summary or f'All {delivered} delivered month(s) are loaded in their newest content'}.",
        metadata={
            **{state: len(months) for state, months in by_state.items()},
            "bound": "0",
            "months": dg.MetadataValue.md(render_markdown_table(table, limit=1_000)),
        },
    )


def _to_event(result: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        check_name=CHECK_KEY.name,
        asset_key=CHECK_KEY.asset_key,
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
    )

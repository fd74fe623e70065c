"""Sensors on what is loaded: a month whose marts are stale asks for them, and new marts ask for the correlations.

They compare the records of materializations, whoever made these: sensors, schedules, the command line or a person. They
do not ask the warehouse, which may sleep or be written by another process.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from i94_platform.contracts import MONTHLY_MARTS, immigration
from i94_platform.defs.deployment import SETTINGS
from i94_platform.defs.keys import to_key
from i94_platform.defs.partitions import monthly_partitions
from i94_platform.marts.correlations import SOURCES
from i94_platform.marts.rendering import upstream_tables
from i94_platform.settings import Settings
from i94_platform.staleness.job_names import CORRELATIONS_JOB, MARTS_JOB, MONTH_JOB, REFERENCE_JOB
from i94_platform.staleness.run_inputs import PARTITION_TAG, unfinished_runs


@dg.sensor(
    job_name=MARTS_JOB,
    minimum_interval_seconds=SETTINGS.sensor_interval_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for a loaded month's marts when they are older than what they are made from.",
)
def stale_marts(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> list[dg.RunRequest] | dg.SkipReason:
    """A month whose run failed is not requested again before something new is loaded: the run key says what."""
    if unfinished_runs(context.instance, [REFERENCE_JOB]):
        return dg.SkipReason("The reference run is under way; the marts of every month follow it.")
    running = {run.tags.get(PARTITION_TAG) for run in unfinished_runs(context.instance, [MONTH_JOB, MARTS_JOB])}
    keys = set(monthly_partitions.get_partition_keys())
    stale = {month: newest for month, newest in _find_stale(context.instance).items() if month in keys}
    requested = [month for month in sorted(stale) if month not in running][: settings.sensor_max_requests]
    if requested:
        return [dg.RunRequest(run_key=f"{month} {stale[month]}", partition_key=month) for month in requested]
    if stale:
        return dg.SkipReason(f"Under way: {', '.join(sorted(stale))}.")
    return dg.SkipReason("The marts of every loaded month are up to date.")


@dg.sensor(
    job_name=CORRELATIONS_JOB,
    minimum_interval_seconds=SETTINGS.sensor_interval_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for the correlations when the last of the months' marts are made.",
)
def stale_correlations(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """One run follows the marts of many months."""
    if unfinished_runs(context.instance, [MARTS_JOB, CORRELATIONS_JOB]):
        return dg.SkipReason("Marts or correlations are under way.")
    records = [record for mart in SOURCES.values() for record in _mart_records(context.instance, mart.name).values()]
    newest = max(records, default=0)
    if newest <= _newest_record(context.instance, to_key("mart/correlations")):
        return dg.SkipReason("No mart has changed since the correlations.")
    return dg.RunRequest(run_key=f"correlations {newest}")


def _find_stale(instance: dg.DagsterInstance) -> dict[str, int]:
    """The loaded months whose marts are older than their sources, each with the newest record of these."""
    facts = _records_by_month(instance, to_key("warehouse/immigration"))
    stale: dict[str, int] = {}
    for mart in MONTHLY_MARTS:
        references = [to_key(f"warehouse/{name}") for name in upstream_tables(mart) if name != immigration.name]
        reference = max((_newest_record(instance, key) for key in references), default=0)
        records = _mart_records(instance, mart.name)
        for month, fact in facts.items():
            if records.get(month, 0) < (newest := max(fact, reference)):
                stale[month] = max(newest, stale.get(month, 0))
    return stale


def _mart_records(instance: dg.DagsterInstance, mart: str) -> Mapping[str, int]:
    return _records_by_month(instance, to_key(f"mart/{mart}"))


def _records_by_month(instance: dg.DagsterInstance, asset_key: dg.AssetKey) -> Mapping[str, int]:
    """The id of each month's newest materialization: a number that grows."""
    return instance.get_latest_storage_id_by_partition(asset_key, dg.DagsterEventType.ASSET_MATERIALIZATION)


def _newest_record(instance: dg.DagsterInstance, asset_key: dg.AssetKey) -> int:
    """The id of an asset's newest materialization, 0 for none."""
    records = instance.fetch_materializations(asset_key, limit=1).records
    return records[0].storage_id if records else 0

"""The sensors on what is made from loaded months: their marts, the correlations over all months, the release.

They compare Dagster's records of materializations, of all kinds of runs. They do not query the warehouse, which may be
paused or locked.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from i94_platform.contracts import MARTS, MONTHLY_MARTS, PUBLISHED, immigration
from i94_platform.defs.deployment import SETTINGS
from i94_platform.defs.keys import source_key, to_key
from i94_platform.defs.partitions import monthly_partitions
from i94_platform.marts.correlations import SOURCES
from i94_platform.marts.rendering import upstream_tables
from i94_platform.settings import Settings
from i94_platform.staleness.job_names import (
    CORRELATIONS_JOB,
    MARTS_JOB,
    MONTH_JOB,
    PUBLISH_JOB,
    REFERENCE_JOB,
)
from i94_platform.staleness.run_inputs import PARTITION_TAG, find_unfinished_runs

_CORRELATIONS = to_key("mart/correlations")


@dg.sensor(
    job_name=MARTS_JOB,
    minimum_interval_seconds=SETTINGS.sensor_interval_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests the marts of each loaded month that are older than their source tables.",
)
def stale_marts(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Request each month with a stale mart.

    The run key names the newest source. Dagster runs a key once, so a failed run is repeated only after a new load.
    """
    if find_unfinished_runs(context.instance, [REFERENCE_JOB]):
        return dg.SkipReason("The reference run is in progress; marts are refreshed after it.")
    running = {run.tags.get(PARTITION_TAG) for run in find_unfinished_runs(context.instance, [MONTH_JOB, MARTS_JOB])}
    keys = set(monthly_partitions.get_partition_keys())
    stale = {month: newest for month, newest in _find_stale_months(context.instance).items() if month in keys}
    months = [month for month in sorted(stale) if month not in running][: settings.sensor_max_requests]
    if months:
        return [dg.RunRequest(run_key=f"{month} {stale[month]}", partition_key=month) for month in months]
    if stale:
        return dg.SkipReason(f"Runs in progress: {', '.join(sorted(stale))}.")
    return dg.SkipReason("The marts of every loaded month are up to date.")


@dg.sensor(
    job_name=CORRELATIONS_JOB,
    minimum_interval_seconds=SETTINGS.sensor_interval_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests the correlations when marts have changed and none is in progress.",
)
def stale_correlations(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Request the correlations once after the marts of many months."""
    if find_unfinished_runs(context.instance, [MARTS_JOB, CORRELATIONS_JOB]):
        return dg.SkipReason("Runs of marts or correlations are in progress.")
    newest = _newest_source_of_correlations(context.instance)
    if newest <= _newest_id(context.instance, _CORRELATIONS):
        return dg.SkipReason("No mart has changed since the correlations were computed.")
    return dg.RunRequest(run_key=f"correlations {newest}")


@dg.sensor(
    job_name=PUBLISH_JOB,
    minimum_interval_seconds=SETTINGS.sensor_interval_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests a release when tables have changed and nothing that changes them is stale or in progress.",
)
def stale_release(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Request one release after all that was loaded together; the daily schedule publishes whatever is left."""
    instance = context.instance
    if find_unfinished_runs(instance, [REFERENCE_JOB, MONTH_JOB, MARTS_JOB, CORRELATIONS_JOB, PUBLISH_JOB]):
        return dg.SkipReason("Runs that change the release are in progress.")
    if missing := find_missing_marts(instance):
        return dg.SkipReason(f"Nothing is published before every mart exists; missing: {', '.join(missing)}.")
    keys = set(monthly_partitions.get_partition_keys())
    if stale := sorted(keys & set(_find_stale_months(instance))):
        return dg.SkipReason(f"The release waits for the marts of {', '.join(stale)}.")
    if _newest_source_of_correlations(instance) > _newest_id(instance, _CORRELATIONS):
        return dg.SkipReason("The release waits for the correlations.")
    newest = max(_newest_id(instance, source_key(contract)) for contract in PUBLISHED)
    if newest <= min(_newest_id(instance, to_key(f"published/{contract.name}")) for contract in PUBLISHED):
        return dg.SkipReason("No table has changed since the release.")
    return dg.RunRequest(run_key=f"release {newest}")


def find_missing_marts(instance: dg.DagsterInstance) -> list[str]:
    """Find the marts that were never materialized."""
    marts = [source_key(mart) for mart in MARTS]
    events = instance.get_latest_materialization_events(marts)
    return [key.to_user_string() for key in marts if events.get(key) is None]


def _newest_source_of_correlations(instance: dg.DagsterInstance) -> int:
    """Return the id of the newest materialization of a mart that the correlations read, or 0."""
    marts = [to_key(f"mart/{mart.name}") for mart in SOURCES.values()]
    return max((id_ for mart in marts for id_ in _newest_ids_by_month(instance, mart).values()), default=0)


def _find_stale_months(instance: dg.DagsterInstance) -> dict[str, int]:
    """Find the months with a mart that is older than its sources; return the id of the newest source by month."""
    fact_ids = _newest_ids_by_month(instance, to_key("warehouse/immigration"))
    stale: dict[str, int] = {}
    for mart in MONTHLY_MARTS:
        references = [to_key(f"warehouse/{name}") for name in upstream_tables(mart) if name != immigration.name]
        reference_id = max((_newest_id(instance, key) for key in references), default=0)
        mart_ids = _newest_ids_by_month(instance, to_key(f"mart/{mart.name}"))
        for month, fact_id in fact_ids.items():
            source_id = max(fact_id, reference_id)
            if mart_ids.get(month, 0) < source_id:
                stale[month] = max(source_id, stale.get(month, 0))
    return stale


def _newest_ids_by_month(instance: dg.DagsterInstance, asset_key: dg.AssetKey) -> Mapping[str, int]:
    """Return the id of each month's newest materialization. Later materializations have higher ids."""
    return instance.get_latest_storage_id_by_partition(asset_key, dg.DagsterEventType.ASSET_MATERIALIZATION)


def _newest_id(instance: dg.DagsterInstance, asset_key: dg.AssetKey) -> int:
    """Return the id of an asset's newest materialization, or 0."""
    records = instance.fetch_materializations(asset_key, limit=1).records
    return records[0].storage_id if records else 0

"""Sensors on what is loaded: a month whose marts are older asks for them, and marts ask for the correlations.

Here: what is newer than what, by the records of materializations, whoever made them: sensors, schedules, the command
line or a person. The warehouse is not asked, which may sleep, or be written by another process. Not here: deliveries
(`sensors`), and what the command line finds due from the ledger (`runs`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from i94_platform.contracts import MONTHLY_MARTS, correlations, immigration
from i94_platform.defs.jobs import CORRELATIONS_JOB, MARTS_JOB, MONTH_JOB, REFERENCE_JOB
from i94_platform.defs.metadata import build_monthly_partitions, layer_key
from i94_platform.defs.sensors.delivery_sensors import INTERVAL
from i94_platform.marts.correlations import SOURCES
from i94_platform.marts.rendering import upstream_tables

PARTITION_TAG = "dagster/partition"


def mart_sensors(first_month: str, most: int, every: int = INTERVAL) -> list[dg.SensorDefinition]:
    """Both sensors, which run unless they are stopped; one tick asks for `most` months at most."""
    partitions = build_monthly_partitions(first_month)

    @dg.sensor(
        job_name=MARTS_JOB,
        minimum_interval_seconds=every,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for a loaded month's marts once they are older than what they are made from.",
    )
    def loaded_months(context: dg.SensorEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        if unfinished_runs(context.instance, [REFERENCE_JOB]):
            return dg.SkipReason("The reference run is under way; the marts of every month follow it.")
        going = {run.tags.get(PARTITION_TAG) for run in unfinished_runs(context.instance, [MONTH_JOB, MARTS_JOB])}
        inside = set(partitions.get_partition_keys())
        due = {m: newest for m, newest in _due(context.instance).items() if m in inside}
        asked = [m for m in sorted(due) if m not in going][:most]
        if asked:
            # a month whose run failed is not asked for again before something new is loaded
            return [dg.RunRequest(run_key=f"{month} {due[month]}", partition_key=month) for month in asked]
        if due:
            return dg.SkipReason(f"Under way: {', '.join(sorted(due))}.")
        return dg.SkipReason("The marts of every loaded month are up to date.")

    @dg.sensor(
        job_name=CORRELATIONS_JOB,
        minimum_interval_seconds=every,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for the correlations when the last of the months' marts are made.",
    )
    def refreshed_marts(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if unfinished_runs(context.instance, [MARTS_JOB, CORRELATIONS_JOB]):
            return dg.SkipReason("Marts or correlations are under way.")
        newest = max((n for mart in SOURCES.values() for n in _months(context.instance, mart.name).values()), default=0)
        if newest <= _newest(context.instance, layer_key("mart", correlations.name)):
            return dg.SkipReason("No mart has changed since the correlations.")
        return dg.RunRequest(run_key=f"correlations {newest}")

    return [loaded_months, refreshed_marts]


def _due(history: dg.DagsterInstance) -> dict[str, int]:
    """The loaded months whose marts are older than their sources, each with the newest of these."""
    facts = _storage_ids(history, layer_key("warehouse", immigration.name))
    due: dict[str, int] = {}
    for mart in MONTHLY_MARTS:
        others = [layer_key("warehouse", name) for name in upstream_tables(mart) if name != immigration.name]
        reference = max((_newest(history, other) for other in others), default=0)
        made = _months(history, mart.name)
        for month, fact in facts.items():
            if made.get(month, 0) < (newest := max(fact, reference)):
                due[month] = max(newest, due.get(month, 0))
    return due


def unfinished_runs(history: dg.DagsterInstance, jobs: Iterable[str]) -> list[dg.DagsterRun]:
    """The runs of jobs that are still to end."""
    filters = [dg.RunsFilter(job_name=job, statuses=NOT_FINISHED_STATUSES) for job in jobs]
    return [run for wanted in filters for run in history.get_runs(wanted)]


def _months(history: dg.DagsterInstance, mart: str) -> Mapping[str, int]:
    return _storage_ids(history, layer_key("mart", mart))


def _storage_ids(history: dg.DagsterInstance, asset: dg.AssetKey) -> Mapping[str, int]:
    """The record of the newest materialization of each month: a number that grows."""
    return history.get_latest_storage_id_by_partition(asset, dg.DagsterEventType.ASSET_MATERIALIZATION)


def _newest(history: dg.DagsterInstance, asset: dg.AssetKey) -> int:
    """The record of an asset's newest materialization, 0 where there is none."""
    records = history.fetch_materializations(asset, limit=1).records
    return records[0].storage_id if records else 0

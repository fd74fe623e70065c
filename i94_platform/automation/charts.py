"""Drawing what is loaded: one job that draws every month whose chart is older than its table, and what asks for it.

Here: which charts are due, by the records of materializations and observations. Drawing costs most of a second for the
first chart, so it is no part of a month's run and does not start while one is under way. Not here: a chart itself
(`assets.charts`).
"""

import dagster as dg

from i94_platform.assets.charts import CHARTED, Charted, observation
from i94_platform.assets.common import raise_dagster_failures
from i94_platform.automation.jobs import MARTS_JOB, MONTH_JOB
from i94_platform.automation.loaded import unfinished_runs
from i94_platform.automation.sensors import INTERVAL
from i94_platform.partitions import Month
from i94_platform.warehouse.base import Warehouse

CHARTS_JOB = "charts"


def due(history: dg.DagsterInstance) -> dict[tuple[Charted, str], int]:
    """The months of each table that were loaded after they were drawn, with the record of that load."""
    found: dict[tuple[Charted, str], int] = {}
    for charted in CHARTED:
        loaded = history.get_latest_storage_id_by_partition(
            charted.asset_key, dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        drawn = history.get_latest_storage_id_by_partition(charted.asset_key, dg.DagsterEventType.ASSET_OBSERVATION)
        found |= {(charted, month): record for month, record in loaded.items() if drawn.get(month, 0) < record}
    return found


@dg.op
def draw(context: dg.OpExecutionContext, warehouse: dg.ResourceParam[Warehouse]) -> None:
    """Draw what is due, and log each chart as an observation of its asset and month."""
    with raise_dagster_failures():
        for charted, month in due(context.instance):
            context.log_event(observation(warehouse, charted, Month.parse(month)))


def charts_job() -> dg.JobDefinition:
    """The job."""

    @dg.job(
        name=CHARTS_JOB,
        description="A chart of each loaded month that has none, or an older one.",
        executor_def=dg.in_process_executor,
    )
    def charts() -> None:
        draw()

    return charts


def charts_sensor(every: int = INTERVAL) -> dg.SensorDefinition:
    """Asks for the job, once for what is loaded now."""

    @dg.sensor(
        job_name=CHARTS_JOB,
        minimum_interval_seconds=every,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for the charts of months that were loaded since they were drawn, when no month is under way.",
    )
    def undrawn_months(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if unfinished_runs(context.instance, [MONTH_JOB, MARTS_JOB]):
            return dg.SkipReason("A month is under way; the charts follow it.")
        waiting = due(context.instance)
        if not waiting:
            return dg.SkipReason("Every loaded month is drawn.")
        # what could not be drawn is not asked for again before something new is loaded
        return dg.RunRequest(run_key=f"charts {max(waiting.values())}")

    return undrawn_months

"""The standing of all months in one check: which failed, which lie delivered and not loaded, which are absent.

Here: what the runs on record and a listing of the deliveries tell, as the sensors see it; it asks no warehouse, which
may sleep or be busy. The check can be executed, and a sensor puts its result on record whenever that changes. Not here:
one month's own checks (`checks`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import dagster as dg

from i94_platform.defs.jobs import EVERY_MONTH_LOADED, MONTH_JOB
from i94_platform.defs.metadata import build_monthly_partitions, combine_versions, raise_dagster_failures
from i94_platform.defs.table_metadata import render_markdown_table
from i94_platform.lake.datasets import Lake
from i94_platform.lake.store import Store
from i94_platform.sources.listing import Delivery, DeliveryListing, list_deliveries
from i94_platform.staleness import run_inputs as requests

INTERVAL = 60
"""Seconds from one look to the next, at least."""

SHOWN = 12
"""The most months of one kind in a sentence; the metadata has them all."""

FAILED, WAITING, ABSENT, UNDER_WAY = "failed", "delivered, not loaded", "not delivered", "under way"
_WRONG = (FAILED, WAITING, ABSENT)


@dataclass(frozen=True)
class MonthIssue:
    """One month that is not simply loaded: its state, and the run or the file that it is about."""

    month: str
    state: str
    about: str


def find_month_issues(
    found: DeliveryListing, raw: Store, lake: Lake, history: dg.DagsterInstance
) -> Iterator[MonthIssue]:
    """The months from the first delivered one to the last that are not simply loaded, in order."""
    delivered = sorted(found.months)
    lists = requests.read_code_list_versions(lake)
    for month in delivered[0].through(delivered[-1]) if delivered else []:
        run = requests.last_run(history, MONTH_JOB, month.key)
        if run is not None and not run.is_finished:
            yield MonthIssue(month.key, UNDER_WAY, f"run {run.run_id[:8]}")
        elif run is not None and not run.is_success:
            yield MonthIssue(month.key, FAILED, f"run {run.run_id[:8]}")
        elif month in found.months:
            content = requests.month_fingerprint(found.months[month], raw, lists)
            yield from _waiting(found.months[month], content, requests.last_request(history, MONTH_JOB, month.key))
        elif run is None:
            yield MonthIssue(month.key, ABSENT, f"ask for {month.file_stem}")


def _waiting(delivery: Delivery, content: str, request: requests.RequestedContent | None) -> Iterator[MonthIssue]:
    """Whether the content that lies there is still to be loaded; the last run of the month, if any, succeeded."""
    file = delivery.files[0].path
    if request is None:
        yield MonthIssue(delivery.name, WAITING, file)
    elif request.delivered != content:
        yield MonthIssue(delivery.name, WAITING, f"{file} or a code list changed since run {request.newest}")
    elif not request.succeeded:
        yield MonthIssue(delivery.name, FAILED, f"run {request.newest}")


def build_check_result(standing: Sequence[MonthIssue], delivered: int) -> dg.AssetCheckResult:
    """The result of the check: a sentence, and the months in a table."""
    wrong = [one for one in standing if one.state in _WRONG]
    told = "; ".join(f"{state}: {_months(standing, state)}" for state in (*_WRONG, UNDER_WAY) if _of(standing, state))
    return dg.AssetCheckResult(
        asset_key=EVERY_MONTH_LOADED.asset_key,
        check_name=EVERY_MONTH_LOADED.name,
        passed=not wrong,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{told or f'Each of the {delivered} delivered month(s) is loaded as it was delivered'}.",
        metadata={
            **{state: len(_of(standing, state)) for state in (*_WRONG, UNDER_WAY)},
            "bound": 0,
            "months": dg.MetadataValue.md(
                render_markdown_table(
                    ({"month": s.month, "state": s.state, "about": s.about} for s in standing), most=1_000
                )
            ),
        },
    )


def _of(standing: Sequence[MonthIssue], state: str) -> list[str]:
    return [one.month for one in standing if one.state == state]


def _months(standing: Sequence[MonthIssue], state: str) -> str:
    found = _of(standing, state)
    return ", ".join(found[:SHOWN]) + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")


def completeness_check(first_month: str) -> dg.AssetChecksDefinition:
    """The check on the fact, for whoever wants to know at once."""

    @dg.asset_check(
        asset=EVERY_MONTH_LOADED.asset_key,
        name=EVERY_MONTH_LOADED.name,
        description="Warns of months that failed, that lie delivered and are not loaded, or are absent in between.",
    )
    def every_month_loaded(
        context: dg.AssetCheckExecutionContext, raw: dg.ResourceParam[Store], lake: dg.ResourceParam[Lake]
    ) -> dg.AssetCheckResult:
        with raise_dagster_failures():
            return _look(raw, lake, context.instance, first_month)

    return every_month_loaded


def completeness_sensor(first_month: str, every: int = INTERVAL) -> dg.SensorDefinition:
    """The sensor that puts the check's result on record when it has changed."""

    @dg.sensor(
        name="standing_of_months",
        minimum_interval_seconds=every,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Puts on record which months failed, wait or are absent, whenever that changes; it starts no run.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, raw: dg.ResourceParam[Store], lake: dg.ResourceParam[Lake]
    ) -> dg.SensorResult:
        result = _look(raw, lake, context.instance, first_month)
        seen = combine_versions(str(result.description), str(result.metadata["months"].value))
        if seen == context.cursor:
            return dg.SensorResult(skip_reason=f"As before. {result.description}", cursor=seen)
        return dg.SensorResult(skip_reason=result.description, cursor=seen, asset_events=[_on_record(result)])

    return sensor


def _look(raw: Store, lake: Lake, history: dg.DagsterInstance, first_month: str) -> dg.AssetCheckResult:
    found, known = list_deliveries(raw.list()), set(build_monthly_partitions(first_month).get_partition_keys())
    inside = replace(found, months={month: found.months[month] for month in found.months if month.key in known})
    return build_check_result(list(find_month_issues(inside, raw, lake, history)), len(inside.months))


def _on_record(result: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        check_name=EVERY_MONTH_LOADED.name,
        asset_key=EVERY_MONTH_LOADED.asset_key,
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
    )

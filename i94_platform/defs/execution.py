"""What all steps share: the translation of errors, pools, the name of the run folder, the month, partial results."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, cast

import dagster as dg

from i94_platform.errors import TransientError
from i94_platform.foreign_errors import describe_fault, hide_values, translate_error
from i94_platform.lake.acceptance import read_acceptance
from i94_platform.lake.manifest import Manifest
from i94_platform.staleness.held_versions import DATA_VERSION_TAG
from i94_platform.staleness.job_names import MARTS_JOB, MONTH_JOB
from i94_platform.staleness.run_inputs import PARTITION_TAG

logger = logging.getLogger(__name__)

ACCEPTED_TAG = "i94/accepted"
"""Who accepted a delivery that the gate would have blocked, when and why."""

RETRIES = dg.RetryPolicy(max_retries=3, delay=15, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""Three retries, after about 15, 45 and 105 seconds. The jitter separates runs that failed together."""

STAGING_POOL = "staging"
"""Limits how many months are staged at a time, over all runs: `I94_STAGING_CONCURRENCY`."""

WAREHOUSE_POOL = "warehouse"
"""Lets one load run at a time: DuckDB has one writer, and Redshift serializes loads of one table anyway."""


@contextmanager
def raise_dagster_failures() -> Iterator[Callable[[], float]]:
    """Raise Dagster's failures in place of the platform's errors; yield a function that returns the elapsed seconds.

    An error of a library becomes the platform's error that it means. A transient error is retried with backoff, a
    permanent one never. The retry policy of a step can't do this: it would retry permanent errors and bugs too.
    """
    started = time.perf_counter()
    try:
        yield lambda: time.perf_counter() - started
    except (dg.Failure, dg.RetryRequested, dg.DagsterError):
        raise
    except Exception as error:
        translated = translate_error(error)
        if isinstance(translated, TransientError):
            context = dg.OpExecutionContext.get()
            wait = RETRIES.calculate_delay(context.retry_number + 1)
            if context.retry_number < RETRIES.max_retries:
                logger.warning("%s %s is tried again in %.0f s.", translated, context.op.name, wait)
            raise dg.RetryRequested(max_retries=RETRIES.max_retries, seconds_to_wait=wait) from hide_values(error)
        description = str(translated) if translated else f"{describe_fault(error)}; the run's log has the traceback."
        raise dg.Failure(description, allow_retries=False) from hide_values(error)


def run_folder(context: dg.AssetExecutionContext) -> str:
    """Return the name of the run folder. Each retry has its own, so it never finds files of the attempt before."""
    retry = context.retry_number
    return f"{context.run.run_id}-{retry}" if retry else context.run.run_id


def tag_acceptance(context: dg.AssetExecutionContext, manifest: Manifest) -> None:
    """Tag the run with the acceptance by which a dataset passed the gate, if it needed one."""
    if acceptance := read_acceptance(manifest):
        context.instance.add_run_tags(context.run.run_id, {ACCEPTED_TAG: acceptance.describe()})


def require_month(run: dg.DagsterRun) -> None:
    """Require that a run of a monthly job has a month, or executes checks only.

    Raises:
        Failure: the run names no month.
    """
    is_monthly = run.job_name in (MONTH_JOB, MARTS_JOB)
    has_only_checks = bool(run.asset_check_selection) and not run.asset_selection
    if is_monthly and not has_only_checks and PARTITION_TAG not in run.tags:
        raise dg.Failure(
            f"The job {run.job_name} is about one month, and this run names none; choose a partition in the launchpad, "
            "or run: i94 run --month 2016-04.",
            allow_retries=False,
        )


def month_key(context: dg.AssetCheckExecutionContext) -> str:
    """Return the month that a check is executed for, such as `2016-04`.

    The button "Execute all" names no month. The run then becomes one of the asset's newest month.

    Raises:
        Failure: the run names no month, and the asset has none.
    """
    if PARTITION_TAG not in context.run.tags:
        asset_key = min(context.selected_asset_check_keys).asset_key
        months = context.instance.get_materialized_partitions(asset_key)
        if not months:
            raise dg.Failure(
                f"The check is about one month, and {asset_key.to_user_string()} has none; load one first: "
                "i94 run --month 2016-04.",
                allow_retries=False,
            )
        month = {PARTITION_TAG: max(months)}
        context.instance.add_run_tags(context.run.run_id, month)
        # Dagster takes the partition of a result from the run that this process holds
        cast(MutableMapping[str, str], context.run.tags).update(month)
    return context.run.tags[PARTITION_TAG]


def refresh_input_version(context: dg.AssetExecutionContext, asset_key: dg.AssetKey) -> None:
    """Let the results of a step refer to a record of an input that the step itself has made.

    Dagster reads the records of the inputs as the step starts, and would show its results as unsynced.
    """
    context.get_step_execution_context().wipe_input_asset_version_info(asset_key)


def record_result(
    context: dg.AssetExecutionContext, result: dg.MaterializeResult[Any]
) -> dg.MaterializeResult[Any] | dg.AssetMaterialization:
    """Return what a step yields for an asset, also where the run does not select it.

    A step that writes several assets together writes all of them. Dagster takes results of selected assets only; the
    others are recorded as materializations.
    """
    if result.asset_key in context.selected_asset_keys:
        return result
    assert result.asset_key is not None
    assert result.data_version is not None
    return dg.AssetMaterialization(
        result.asset_key,
        metadata=result.metadata,
        partition=context.partition_key if context.assets_def.partitions_def else None,
        tags={DATA_VERSION_TAG: result.data_version.value},
    )

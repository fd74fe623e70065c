"""What all steps share: the translation of errors, pools, the name of the run folder, and the month of a check."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg

from i94_platform.errors import TransientError
from i94_platform.foreign_errors import describe_fault, may_hold_values, translate_error
from i94_platform.lake.acceptance import read_acceptance
from i94_platform.lake.manifest import Manifest
from i94_platform.staleness.run_inputs import PARTITION_TAG

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
            wait = RETRIES.calculate_delay(dg.OpExecutionContext.get().retry_number + 1)
            raise dg.RetryRequested(max_retries=RETRIES.max_retries, seconds_to_wait=wait) from error
        description = str(translated) if translated else f"{describe_fault(error)}; the run's log has the traceback."
        cause = None if may_hold_values(error) else error
        raise dg.Failure(description, allow_retries=False) from cause


def run_folder(context: dg.AssetExecutionContext) -> str:
    """Return the name of the run folder. Each retry has its own, so it never finds files of the attempt before."""
    retry = context.retry_number
    return f"{context.run.run_id}-{retry}" if retry else context.run.run_id


def tag_acceptance(context: dg.AssetExecutionContext, manifest: Manifest) -> None:
    """Tag the run with the acceptance by which a dataset passed the gate, if it needed one."""
    if acceptance := read_acceptance(manifest):
        context.instance.add_run_tags(context.run.run_id, {ACCEPTED_TAG: acceptance.describe()})


def month_key(context: dg.AssetCheckExecutionContext) -> str:
    """Return the month that a check is executed for, such as `2016-04`."""
    return context.run.tags[PARTITION_TAG]

"""What every step does alike: translate our errors into Dagster's, name its run folder, find its month."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg

from i94_platform.errors import PlatformError, TransientError

RETRIES = dg.RetryPolicy(max_retries=3, delay=15, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""After about 15, 45 and 105 seconds. The jitter keeps apart what failed together."""

STAGING_POOL = "staging"
"""Limits the months that are staged at a time over all runs: `I94_STAGING_CONCURRENCY`."""

WAREHOUSE_POOL = "warehouse"
"""Loads take turns: the embedded warehouse has one writer, and Redshift serializes loads of one table anyway."""


@contextmanager
def raise_dagster_failures() -> Iterator[Callable[[], float]]:
    """Turn the platform's errors into Dagster's; yields a function that returns the seconds since the start.

    A transient error is retried with backoff, a permanent one never. The step's own retry policy can't do this: it
    would retry permanent errors and mistakes in the code as well.
    """
    started = time.perf_counter()
    try:
        yield lambda: time.perf_counter() - started
    except TransientError as error:
        wait = RETRIES.calculate_delay(dg.OpExecutionContext.get().retry_number + 1)
        raise dg.RetryRequested(max_retries=RETRIES.max_retries, seconds_to_wait=wait) from error
    except PlatformError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


def run_folder(context: dg.AssetExecutionContext) -> str:
    """The name of this attempt's run folder. A retry has a name of its own, so it never meets the files before it."""
    retry = context.retry_number
    return f"{context.run.run_id}-{retry}" if retry else context.run.run_id


def run_month(context: dg.AssetCheckExecutionContext) -> str:
    """The month of a check's run."""
    return context.run.tags["dagster/partition"]

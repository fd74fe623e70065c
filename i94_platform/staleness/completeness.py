"""Find the months that failed, that are delivered but not loaded, or that are missing in between.

Like the sensors, it compares a listing of the deliveries with the runs of the Dagster instance. It does not query the
warehouse, which may be paused or busy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg

from i94_platform.lake.datasets import Lake
from i94_platform.lake.store import Store
from i94_platform.sources.delivery import Delivery
from i94_platform.sources.listing import DeliveryListing
from i94_platform.staleness.job_names import MONTH_JOB
from i94_platform.staleness.loaded_content import is_recorded
from i94_platform.staleness.run_inputs import (
    RequestedContent,
    compute_month_fingerprint,
    find_last_request,
    find_last_run,
    read_code_list_versions,
)

FAILED, NOT_LOADED, MISSING, RUNNING = "failed", "delivered, not loaded", "not delivered", "in progress"
DEFECTS = (FAILED, NOT_LOADED, MISSING)
"""The states that need action."""


@dataclass(frozen=True)
class MonthIssue:
    """A month that is not loaded: its state, and the run or file in question."""

    month: str
    state: str
    about: str


def find_month_issues(
    listing: DeliveryListing, raw: Store, lake: Lake, instance: dg.DagsterInstance
) -> Iterator[MonthIssue]:
    """Yield each month, from the first delivered one to the last, that is not loaded in its newest content."""
    delivered = sorted(listing.months)
    code_lists = read_code_list_versions(lake)
    for month in delivered[0].through(delivered[-1]) if delivered else []:
        run = find_last_run(instance, MONTH_JOB, month.key)
        if run is not None and not run.is_finished:
            yield MonthIssue(month.key, RUNNING, f"run {run.run_id[:8]}")
        elif run is not None and not run.is_success:
            yield MonthIssue(month.key, FAILED, f"run {run.run_id[:8]}")
        elif month in listing.months:
            fingerprint = compute_month_fingerprint(listing.months[month], raw, code_lists)
            request = find_last_request(instance, MONTH_JOB, month.key)
            is_requested = request is not None and request.fingerprint == fingerprint
            if (
                not is_requested
                and all(code_lists)
                and is_recorded(month.key, listing.months[month], raw, lake, instance)
            ):
                continue  # loaded by hand
            yield from _compare_request(listing.months[month], fingerprint, request)
        elif run is None:
            yield MonthIssue(month.key, MISSING, f"ask for {month.file_stem}")


def _compare_request(delivery: Delivery, fingerprint: str, request: RequestedContent | None) -> Iterator[MonthIssue]:
    """Yield an issue if the delivered content is not loaded, although the last run of the month succeeded."""
    file = delivery.files[0].path
    if request is None:
        yield MonthIssue(delivery.name, NOT_LOADED, file)
    elif request.fingerprint != fingerprint:
        yield MonthIssue(delivery.name, NOT_LOADED, f"{file} or a code list changed since run {request.newest_run}")
    elif not request.has_succeeded:
        yield MonthIssue(delivery.name, FAILED, f"run {request.newest_run}")

"""The completeness of all months: which failed, which are delivered and not loaded, which are absent.

It reads the runs on record and a listing of the deliveries, as the sensors do. It does not ask the warehouse, which may
sleep or be busy.
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
from i94_platform.staleness.run_inputs import (
    RequestedContent,
    last_request,
    last_run,
    month_fingerprint,
    read_code_list_versions,
)

FAILED, NOT_LOADED, ABSENT, RUNNING = "failed", "delivered, not loaded", "not delivered", "under way"
DEFECTS = (FAILED, NOT_LOADED, ABSENT)
"""The states that somebody has to act on."""


@dataclass(frozen=True)
class MonthIssue:
    """A month that is not simply loaded: its state, and the run or file that it is about."""

    month: str
    state: str
    about: str


def find_month_issues(
    listing: DeliveryListing, raw: Store, lake: Lake, instance: dg.DagsterInstance
) -> Iterator[MonthIssue]:
    """The months from the first delivered one to the last that are not simply loaded, in order."""
    delivered = sorted(listing.months)
    code_lists = read_code_list_versions(lake)
    for month in delivered[0].through(delivered[-1]) if delivered else []:
        run = last_run(instance, MONTH_JOB, month.key)
        if run is not None and not run.is_finished:
            yield MonthIssue(month.key, RUNNING, f"run {run.run_id[:8]}")
        elif run is not None and not run.is_success:
            yield MonthIssue(month.key, FAILED, f"run {run.run_id[:8]}")
        elif month in listing.months:
            fingerprint = month_fingerprint(listing.months[month], raw, code_lists)
            request = last_request(instance, MONTH_JOB, month.key)
            yield from _compare_request(listing.months[month], fingerprint, request)
        elif run is None:
            yield MonthIssue(month.key, ABSENT, f"ask for {month.file_stem}")


def _compare_request(delivery: Delivery, fingerprint: str, request: RequestedContent | None) -> Iterator[MonthIssue]:
    """Whether the delivered content still has to be loaded; the last run of the month, if any, succeeded."""
    file = delivery.files[0].path
    if request is None:
        yield MonthIssue(delivery.name, NOT_LOADED, file)
    elif request.delivered != fingerprint:
        yield MonthIssue(delivery.name, NOT_LOADED, f"{file} or a code list changed since run {request.newest}")
    elif not request.succeeded:
        yield MonthIssue(delivery.name, FAILED, f"run {request.newest}")

"""Run inputs: tags on a run that identify the content it had to read.

Command line, sensors and schedules compare these tags with the deliveries, so that each content is requested once. The
module also finds out whether months have to wait for the reference files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import dagster as dg

from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Lake
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.pipeline.code_lists import LABELS
from i94_platform.pipeline.data_versions import CODE_LIST_DATASETS, combine_month_version, read_code_list_versions
from i94_platform.sources.delivery import Delivery
from i94_platform.sources.listing import DeliveryListing
from i94_platform.staleness.asset_states import AssetState, AssetStates
from i94_platform.staleness.job_names import MARTS_JOB, MONTH_JOB, REFERENCE_JOB

DELIVERED_TAG = ".dagster/i94_delivered"
"""The listing fingerprint of the content that a run reads: of a month, or of each reference file as JSON.

The UI hides tags with the prefix `.dagster/`.
"""

PARTITION_TAG = "dagster/partition"

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.MANAGED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
"""The statuses of a run that has not ended."""

_PAGE_RUNS = 20
"""Runs that are read from the instance at a time. Most often the first one is the wanted one."""

_MAX_FAILED_RUNS = 500
"""How many failed runs are looked at, so that a long history costs no more."""


class ReferencesNotReady(PermanentError):
    """No month can be staged yet, because the reference files have to be loaded first."""


@dataclass(frozen=True)
class RequestedContent:
    """The content that a job was last requested to load, and the runs for it: the first one and its re-executions."""

    fingerprint: str
    runs: tuple[dg.DagsterRun, ...]
    """Newest first."""

    @property
    def has_succeeded(self) -> bool:
        """Whether one of the runs loaded the content."""
        return any(run.is_success for run in self.runs)

    @property
    def is_running(self) -> bool:
        """Whether one of the runs has not ended."""
        return any(not run.is_finished for run in self.runs)

    def is_newest(self, states: Iterable[AssetState]) -> bool:
        """Whether none of its runs has succeeded yet, or no other run has loaded an asset since."""
        own = {run.run_id for run in self.runs}
        return not self.has_succeeded or all(state.held and state.held.run_id in own for state in states)

    @property
    def failure_message(self) -> str:
        """What to do if the reference run failed."""
        return f"the reference run {self.newest_run} failed; fix the cause and re-execute it, or run: i94 run"

    @property
    def newest_run(self) -> str:
        """The first eight characters of the newest run's id, as the UI shows them."""
        return self.runs[0].run_id[:8]


def input_tags(month: Month | None, listing: DeliveryListing, raw: Store, lake: Lake) -> dict[str, str]:
    """Return the tags of a run of a month, or of the reference job; none for a month that is not delivered."""
    if month is None:
        return reference_tags(listing, raw)
    if month not in listing.months:
        return {}
    return {DELIVERED_TAG: compute_month_fingerprint(listing.months[month], raw, _require_committed_lists(lake))}


def reference_tags(listing: DeliveryListing, raw: Store) -> dict[str, str]:
    """Return the tags of a reference run."""
    return {DELIVERED_TAG: json.dumps(compute_reference_fingerprints(listing, raw))}


def compute_reference_fingerprints(listing: DeliveryListing, raw: Store) -> dict[str, str]:
    """Compute the listing fingerprint of every delivered reference file."""
    return {name: delivery.listing_fingerprint(raw) for name, delivery in sorted(listing.references.items())}


def compute_month_fingerprint(delivery: Delivery, raw: Store, code_lists: tuple[str, ...]) -> str:
    """Compute a fingerprint of the inputs of a month, without reading a file: its listing and the code lists."""
    return combine_month_version(delivery.listing_fingerprint(raw), code_lists)


def find_last_request(instance: dg.DagsterInstance, job: str, month: str = "") -> RequestedContent | None:
    """Find the content that a job was last requested to load; None if no run has the tag.

    A re-execution copies the tags of its first run, but reads the current files. So it is no request of its own.
    """
    runs: list[dg.DagsterRun] = []
    for run in _iterate_runs(instance, job, month):
        if DELIVERED_TAG in run.tags:
            runs.append(run)
            if run.parent_run_id is None:
                return RequestedContent(run.tags[DELIVERED_TAG], tuple(runs))
    return None


def find_last_run(instance: dg.DagsterInstance, job: str, month: str) -> dg.DagsterRun | None:
    """Find the newest run of a job for a month, with or without tags."""
    return next(_iterate_runs(instance, job, month), None)


def find_unfinished_month_runs(instance: dg.DagsterInstance, month: str) -> list[dg.DagsterRun]:
    """Find the unfinished runs of a month, of whatever job, whoever requested them; runs of marts do not count."""
    filter_ = dg.RunsFilter(statuses=UNFINISHED, tags={PARTITION_TAG: month})
    return [run for run in instance.get_runs(filter_) if not _has_only_marts(run)]


def _has_only_marts(run: dg.DagsterRun) -> bool:
    return run.job_name == MARTS_JOB or {key.path[0] for key in run.asset_selection or ()} == {"mart"}


def find_unfinished_runs(instance: dg.DagsterInstance, job: str) -> list[dg.DagsterRun]:
    """Find the runs of a job that have not ended."""
    return [*instance.get_runs(dg.RunsFilter(job_name=job, statuses=UNFINISHED))]


def find_failed_runs(instance: dg.DagsterInstance) -> dict[str, dg.RunRecord]:
    """Find the newest failed run of each month among the last ones of all months, with or without tags."""
    statuses = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    records = instance.get_run_records(dg.RunsFilter(job_name=MONTH_JOB, statuses=statuses), limit=_MAX_FAILED_RUNS)
    return {record.dagster_run.tags.get(PARTITION_TAG, ""): record for record in reversed(records)}


def _iterate_runs(instance: dg.DagsterInstance, job: str, month: str) -> Iterator[dg.DagsterRun]:
    """Yield every run of a job, newest first."""
    filter_ = dg.RunsFilter(job_name=job, tags={PARTITION_TAG: month} if month else {})
    return (record.dagster_run for record in iterate_records(instance, filter_, _PAGE_RUNS))


def iterate_records(instance: dg.DagsterInstance, filter_: dg.RunsFilter, page_runs: int) -> Iterator[dg.RunRecord]:
    """Yield the runs of a filter, newest first, and read `page_runs` of them at a time."""
    page = list(instance.get_run_records(filter_, limit=page_runs))
    while page:
        yield from page
        page = list(instance.get_run_records(filter_, limit=page_runs, cursor=page[-1].dagster_run.run_id))


def find_changed_references(listing: DeliveryListing, raw: Store, request: RequestedContent | None) -> list[str]:
    """Find the delivered reference files that differ from the last request."""
    requested_fingerprints = json.loads(request.fingerprint) if request else {}
    fingerprints = compute_reference_fingerprints(listing, raw)
    return [name for name, fingerprint in fingerprints.items() if requested_fingerprints.get(name) != fingerprint]


def require_code_list_versions(states: AssetStates, instance: dg.DagsterInstance) -> tuple[str, ...]:
    """Return the data versions of the code lists that months are encoded with.

    Raises:
        ReferencesNotReady: a reference run is due or in progress, or none has loaded the code lists; the message says
            what to do.
    """
    if reason := _why_months_wait(states, instance):
        raise ReferencesNotReady(f"Months wait: {reason}.")
    return _require_committed_lists(states.lake)


def _require_committed_lists(lake: Lake) -> tuple[str, ...]:
    versions = read_code_list_versions(lake)
    if missing := [str(dataset) for dataset, version in zip(CODE_LIST_DATASETS, versions, strict=True) if not version]:
        raise ReferencesNotReady(
            f"Months wait: the lake at {lake.store.root} lacks {', '.join(missing)}; run: i94 run."
        )
    return versions


def _why_months_wait(states: AssetStates, instance: dg.DagsterInstance) -> str:
    """Say why months have to wait for the reference files; empty if they need not.

    After a failed reference run months go on with the code lists that are loaded.
    """
    if running := find_unfinished_runs(instance, REFERENCE_JOB):
        return f"the reference run {running[0].run_id[:8]} is in progress"
    lists = states.find_code_lists()
    if not any(state.reason for state in lists):
        return ""
    request = find_last_request(instance, REFERENCE_JOB)
    if request is None:
        return "the reference files were never loaded"
    if LABELS in find_changed_references(states.listing, states.raw, request):
        return f"the reference run has to load {LABELS} first"
    has_lists = all(state.held for state in lists)
    return "" if request.has_succeeded or has_lists else request.failure_message


def build_month_request(month: str, fingerprint: str, previous: RequestedContent | None) -> dg.RunRequest:
    """Request the run of a month for a content.

    Dagster runs each run key once. The key therefore names the previous run, so that content which returns after other
    content is requested again.
    """
    after = previous.runs[0].run_id if previous else "nothing"
    run_key = f"{month} {fingerprint} after {after}"
    return dg.RunRequest(run_key=run_key, partition_key=month, tags={DELIVERED_TAG: fingerprint})

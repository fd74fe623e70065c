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
from i94_platform.pipeline.data_versions import CODE_LIST_DATASETS, combine_versions
from i94_platform.sources.delivery import Delivery
from i94_platform.sources.listing import DeliveryListing
from i94_platform.staleness.job_names import MARTS_JOB, REFERENCE_JOB
from i94_platform.staleness.loaded_content import has_current_code_lists

INPUTS_TAG = ".dagster/i94_inputs"
"""The data version of each file that a reference run reads, as JSON. The UI hides tags with the prefix `.dagster/`."""

DELIVERED_TAG = ".dagster/i94_delivered"
"""The listing fingerprint of the content that a run reads: of a month, or of each reference file as JSON."""

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
    """Return the tags of a reference run. Files in a local folder are read for it."""
    return {
        INPUTS_TAG: json.dumps(compute_reference_versions(listing, raw)),
        DELIVERED_TAG: json.dumps(compute_reference_fingerprints(listing, raw)),
    }


def compute_reference_versions(listing: DeliveryListing, raw: Store) -> dict[str, str]:
    """Compute the data version of every delivered reference file."""
    return {name: delivery.fingerprint(raw) for name, delivery in sorted(listing.references.items())}


def compute_reference_fingerprints(listing: DeliveryListing, raw: Store) -> dict[str, str]:
    """Compute the listing fingerprint of every delivered reference file."""
    return {name: delivery.listing_fingerprint(raw) for name, delivery in sorted(listing.references.items())}


def compute_month_fingerprint(delivery: Delivery, raw: Store, code_lists: tuple[str, ...]) -> str:
    """Compute a fingerprint of the inputs of a month, without reading a file: its listing and the code lists."""
    return combine_versions(delivery.listing_fingerprint(raw), *code_lists)


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


def find_manual_run(instance: dg.DagsterInstance, month: str) -> dg.DagsterRun | None:
    """Find an unfinished run of a month that no sensor, schedule or command requested; runs of marts do not count."""
    filter_ = dg.RunsFilter(statuses=UNFINISHED, tags={PARTITION_TAG: month})
    runs = (run for run in instance.get_runs(filter_) if DELIVERED_TAG not in run.tags and not _has_only_marts(run))
    return next(runs, None)


def _has_only_marts(run: dg.DagsterRun) -> bool:
    return run.job_name == MARTS_JOB or {key.path[0] for key in run.asset_selection or ()} == {"mart"}


def find_unfinished_runs(instance: dg.DagsterInstance, jobs: Iterable[str]) -> list[dg.DagsterRun]:
    """Find the runs of jobs that have not ended."""
    filters = [dg.RunsFilter(job_name=job, statuses=UNFINISHED) for job in jobs]
    return [run for filter_ in filters for run in instance.get_runs(filter_)]


def _iterate_runs(instance: dg.DagsterInstance, job: str, month: str) -> Iterator[dg.DagsterRun]:
    """Yield every run of a job, newest first."""
    filter_ = dg.RunsFilter(job_name=job, tags={PARTITION_TAG: month} if month else {})
    page = list(instance.get_runs(filter_, limit=_PAGE_RUNS))
    while page:
        yield from page
        page = list(instance.get_runs(filter_, cursor=page[-1].run_id, limit=_PAGE_RUNS))


def find_changed_references(listing: DeliveryListing, raw: Store, request: RequestedContent | None) -> list[str]:
    """Find the delivered reference files that differ from the last request."""
    requested_fingerprints = json.loads(request.fingerprint) if request else {}
    fingerprints = compute_reference_fingerprints(listing, raw)
    return [name for name, fingerprint in fingerprints.items() if requested_fingerprints.get(name) != fingerprint]


def require_code_list_versions(
    listing: DeliveryListing, raw: Store, lake: Lake, instance: dg.DagsterInstance
) -> tuple[str, ...]:
    """Return the data versions of the code lists that months are encoded with.

    Raises:
        ReferencesNotReady: a reference run is due or in progress, or none has loaded the code lists; the message says
            what to do.
    """
    if reason := _why_months_wait(listing, raw, lake, instance):
        raise ReferencesNotReady(f"Months wait: {reason}.")
    return _require_committed_lists(lake)


def _require_committed_lists(lake: Lake) -> tuple[str, ...]:
    versions = read_code_list_versions(lake)
    if missing := [str(dataset) for dataset, version in zip(CODE_LIST_DATASETS, versions, strict=True) if not version]:
        raise ReferencesNotReady(
            f"Months wait: the lake at {lake.store.root} lacks {', '.join(missing)}; run: i94 run."
        )
    return versions


def read_code_list_versions(lake: Lake) -> tuple[str, ...]:
    """Read the data version of each code list that months are encoded with; empty if the lake lacks the list."""
    manifests = [lake.read_manifest(dataset) for dataset in CODE_LIST_DATASETS]
    return tuple(manifest.fingerprint if manifest else "" for manifest in manifests)


def _why_months_wait(listing: DeliveryListing, raw: Store, lake: Lake, instance: dg.DagsterInstance) -> str:
    """Say why months have to wait for the reference files; empty if they need not.

    After a failed reference run months go on with the code lists that are loaded.
    """
    if running := find_unfinished_runs(instance, [REFERENCE_JOB]):
        return f"the reference run {running[0].run_id[:8]} is in progress"
    request = find_last_request(instance, REFERENCE_JOB)
    if (request is None or LABELS in find_changed_references(listing, raw, request)) and has_current_code_lists(
        listing, raw, lake
    ):
        return ""  # no request loaded them, but a person or another Dagster instance
    if request is None:
        return "the reference files were never loaded"
    if LABELS in find_changed_references(listing, raw, request):
        return f"the reference run has to load {LABELS} first"
    has_lists = all(read_code_list_versions(lake))
    return "" if request.has_succeeded or has_lists else request.failure_message


def build_month_request(month: str, fingerprint: str, previous: RequestedContent | None) -> dg.RunRequest:
    """Request the run of a month for a content.

    Dagster runs each run key once. The key therefore names the previous run, so that content which returns after other
    content is requested again.
    """
    after = previous.runs[0].run_id if previous else "nothing"
    run_key = f"{month} {fingerprint} after {after}"
    return dg.RunRequest(run_key=run_key, partition_key=month, tags={DELIVERED_TAG: fingerprint})

"""What a run was asked to read, kept on the run as tags.

Command line, sensors and schedules read the tags, so that each content is requested once. The module also says why
months have to wait for the reference files.
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
from i94_platform.pipeline.data_versions import CODE_LIST_DATASETS, combine_versions
from i94_platform.sources.delivery import Delivery
from i94_platform.sources.listing import DeliveryListing
from i94_platform.staleness.job_names import REFERENCE_JOB

INPUTS_TAG = "i94/inputs"
"""What a reference run read: the data version of each file, as JSON."""

DELIVERED_TAG = "i94/delivered"
"""The listing fingerprint of what a run was asked to read: of a month, or of each reference file as JSON."""

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
"""Runs that are read at a time; most often the first one has the answer."""


class ReferencesNotReady(PermanentError):
    """No month can be encoded yet, because the reference files come first."""


@dataclass(frozen=True)
class RequestedContent:
    """The content that was requested last, and the runs since: the first one and its re-executions, newest first."""

    delivered: str
    runs: tuple[dg.DagsterRun, ...]

    @property
    def succeeded(self) -> bool:
        """Whether one of the runs has loaded it."""
        return any(run.is_success for run in self.runs)

    @property
    def is_running(self) -> bool:
        """Whether a run has not ended."""
        return any(not run.is_finished for run in self.runs)

    @property
    def failure(self) -> str:
        """What to do about a reference run that failed."""
        return f"the reference run {self.newest} failed; mend what it names and re-execute it, or run: i94 run"

    @property
    def newest(self) -> str:
        """The first characters of the newest run's id, as the UI shows them."""
        return self.runs[0].run_id[:8]


def input_tags(month: Month | None, listing: DeliveryListing, raw: Store, lake: Lake) -> dict[str, str]:
    """The tags of a whole run for a month, or for the reference files; none for a month that is not delivered."""
    if month is None:
        return reference_tags(listing, raw)
    if month not in listing.months:
        return {}
    return {DELIVERED_TAG: month_fingerprint(listing.months[month], raw, _require_committed_lists(lake))}


def reference_tags(listing: DeliveryListing, raw: Store) -> dict[str, str]:
    """The tags of a reference run; files in a local folder are read for them."""
    return {
        INPUTS_TAG: json.dumps(reference_versions(listing, raw)),
        DELIVERED_TAG: json.dumps(reference_fingerprints(listing, raw)),
    }


def reference_versions(listing: DeliveryListing, raw: Store) -> dict[str, str]:
    """The data version of every delivered reference file."""
    return {name: delivery.fingerprint(raw) for name, delivery in sorted(listing.references.items())}


def reference_fingerprints(listing: DeliveryListing, raw: Store) -> dict[str, str]:
    """The listing fingerprint of every delivered reference file."""
    return {name: delivery.listing_fingerprint(raw) for name, delivery in sorted(listing.references.items())}


def month_fingerprint(delivery: Delivery, raw: Store, code_lists: tuple[str, ...]) -> str:
    """The fingerprint of what a month is staged from, without reading a file: its listing and the code lists."""
    return combine_versions(delivery.listing_fingerprint(raw), *code_lists)


def last_request(instance: dg.DagsterInstance, job: str, month: str = "") -> RequestedContent | None:
    """The content that a job was asked to read last; None if no run has the tag.

    A re-execution carries the tags of its first run although it reads what is there now, so it is no request.
    """
    runs: list[dg.DagsterRun] = []
    for run in _iterate_runs(instance, job, month):
        if DELIVERED_TAG in run.tags:
            runs.append(run)
            if run.parent_run_id is None:
                return RequestedContent(run.tags[DELIVERED_TAG], tuple(runs))
    return None


def last_run(instance: dg.DagsterInstance, job: str, month: str) -> dg.DagsterRun | None:
    """The newest run of a job for a month, whatever it was asked to read."""
    return next(_iterate_runs(instance, job, month), None)


def unfinished_runs(instance: dg.DagsterInstance, jobs: Iterable[str]) -> list[dg.DagsterRun]:
    """The runs of jobs that have not ended."""
    filters = [dg.RunsFilter(job_name=job, statuses=UNFINISHED) for job in jobs]
    return [run for filter_ in filters for run in instance.get_runs(filter_)]


def _iterate_runs(instance: dg.DagsterInstance, job: str, month: str) -> Iterator[dg.DagsterRun]:
    """Every run of a job, newest first."""
    filter_ = dg.RunsFilter(job_name=job, tags={PARTITION_TAG: month} if month else {})
    page = list(instance.get_runs(filter_, limit=_PAGE_RUNS))
    while page:
        yield from page
        page = list(instance.get_runs(filter_, cursor=page[-1].run_id, limit=_PAGE_RUNS))


def changed_references(listing: DeliveryListing, raw: Store, request: RequestedContent | None) -> list[str]:
    """The delivered reference files that differ from what was requested last."""
    requested = json.loads(request.delivered) if request else {}
    fingerprints = reference_fingerprints(listing, raw)
    return [name for name, fingerprint in fingerprints.items() if requested.get(name) != fingerprint]


def require_code_list_versions(
    listing: DeliveryListing, raw: Store, lake: Lake, instance: dg.DagsterInstance
) -> tuple[str, ...]:
    """The data versions of the code lists that months are encoded with.

    Raises:
        ReferencesNotReady: the reference files are not loaded as they were delivered; the message says what to do.
    """
    if reason := _why_months_wait(listing, raw, instance):
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
    """The data version of each code list that months are encoded with; empty for one that the lake lacks."""
    manifests = [lake.read_manifest(dataset) for dataset in CODE_LIST_DATASETS]
    return tuple(manifest.fingerprint if manifest else "" for manifest in manifests)


def _why_months_wait(listing: DeliveryListing, raw: Store, instance: dg.DagsterInstance) -> str:
    """What has to happen to the reference files before a month can be encoded; empty if nothing has to."""
    if running := instance.get_runs(dg.RunsFilter(job_name=REFERENCE_JOB, statuses=UNFINISHED), limit=1):
        return f"the reference run {running[0].run_id[:8]} is under way"
    request = last_request(instance, REFERENCE_JOB)
    if request is None:
        return "the reference files were never loaded"
    if changed := changed_references(listing, raw, request):
        return f"{', '.join(changed)} changed, and the reference run is still to come"
    return "" if request.succeeded else request.failure


def build_month_request(month: str, fingerprint: str, previous: RequestedContent | None) -> dg.RunRequest:
    """The request for a month's content.

    The run key names the run before: content that comes back after another one is requested again.
    """
    after = previous.runs[0].run_id if previous else "nothing"
    return dg.RunRequest(
        run_key=f"{month} {fingerprint} after {after}", partition_key=month, tags={DELIVERED_TAG: fingerprint}
    )

"""What a run was asked to read, kept on it as tags: command line, sensors and schedules ask for a content once.

Here: the tags, the last request for a month or for the reference files, and why months have to wait for the latter.
Not here: who asks, and when.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from i94_platform.defs.assets.staged import CODE_LIST_DATASETS
from i94_platform.defs.jobs import REFERENCE_JOB
from i94_platform.defs.metadata import combine_versions
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Lake
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.sources.listing import Delivery, DeliveryListing

INPUTS_TAG = "i94/inputs"
"""What a reference run read: the data version of each file, as JSON."""

DELIVERED_TAG = "i94/delivered"
"""What a run was asked to read, as its marks: of a month, or of each reference file as JSON."""

_PAGE = 20
"""Runs that are read at a time; most often the first one tells."""


class ReferencesNotReady(PermanentError):
    """No month can be encoded yet: the reference files come first."""


@dataclass(frozen=True)
class RequestedContent:
    """The last content that was asked for, and the runs since: the first one and its re-executions, newest first."""

    delivered: str
    runs: tuple[dg.DagsterRun, ...]

    @property
    def succeeded(self) -> bool:
        """Whether one of the runs did it."""
        return any(run.is_success for run in self.runs)

    @property
    def is_running(self) -> bool:
        """Whether a run is still to end."""
        return any(not run.is_finished for run in self.runs)

    @property
    def failure(self) -> str:
        """What to do about a reference run that failed."""
        return f"the reference run {self.newest} failed; mend what it names and re-execute it, or run: i94 run"

    @property
    def newest(self) -> str:
        """The beginning of the newest run's name, as the UI shows it."""
        return self.runs[0].run_id[:8]


def input_tags(month: Month | None, found: DeliveryListing, raw: Store, lake: Lake) -> dict[str, str]:
    """The tags of a whole run for a month, or for the reference files; none where the month is not delivered."""
    if month is None:
        return reference_tags(found, raw)
    if month not in found.months:
        return {}
    return {DELIVERED_TAG: month_fingerprint(found.months[month], raw, _list_versions(lake))}


def reference_tags(found: DeliveryListing, raw: Store) -> dict[str, str]:
    """The tags of a reference run; in a folder the files are read for them."""
    return {
        INPUTS_TAG: json.dumps(reference_versions(found, raw)),
        DELIVERED_TAG: json.dumps(reference_fingerprints(found, raw)),
    }


def reference_versions(found: DeliveryListing, raw: Store) -> dict[str, str]:
    """The data version of every delivered reference file."""
    return {name: delivery.fingerprint(raw) for name, delivery in sorted(found.references.items())}


def reference_fingerprints(found: DeliveryListing, raw: Store) -> dict[str, str]:
    """The mark of every delivered reference file: its version as far as a listing tells."""
    return {name: delivery.listing_fingerprint(raw) for name, delivery in sorted(found.references.items())}


def month_fingerprint(delivery: Delivery, raw: Store, lists: tuple[str, ...]) -> str:
    """What staging a delivery depends on, as far as a listing tells: its files, the code lists, and this code."""
    return combine_versions(delivery.listing_fingerprint(raw), *lists)


def last_request(history: dg.DagsterInstance, job: str, month: str = "") -> RequestedContent | None:
    """The last content that a job was asked to read; None where no run tells.

    A re-execution carries the tags of its first run although it reads what is there now, so it is none.
    """
    since: list[dg.DagsterRun] = []
    for run in _runs(history, job, month):
        if DELIVERED_TAG in run.tags:
            since.append(run)
            if run.parent_run_id is None:
                return RequestedContent(run.tags[DELIVERED_TAG], tuple(since))
    return None


def _runs(history: dg.DagsterInstance, job: str, month: str) -> Iterator[dg.DagsterRun]:
    """Every run of a job, newest first."""
    wanted = dg.RunsFilter(job_name=job, tags={"dagster/partition": month} if month else {})
    page = list(history.get_runs(wanted, limit=_PAGE))
    while page:
        yield from page
        page = list(history.get_runs(wanted, cursor=page[-1].run_id, limit=_PAGE))


def last_run(history: dg.DagsterInstance, job: str, month: str) -> dg.DagsterRun | None:
    """The newest run of a job for a month, whatever it was asked to read."""
    return next(_runs(history, job, month), None)


def changed_references(found: DeliveryListing, raw: Store, request: RequestedContent | None) -> list[str]:
    """The delivered reference files that the last request did not ask for as they are now."""
    asked = json.loads(request.delivered) if request else {}
    return [name for name, mark in reference_fingerprints(found, raw).items() if asked.get(name) != mark]


def require_code_list_versions(
    found: DeliveryListing, raw: Store, lake: Lake, history: dg.DagsterInstance
) -> tuple[str, ...]:
    """The data versions of the code lists that months are encoded with.

    Raises:
        MonthsWait: the reference files are not loaded as they were delivered; the message says what has to happen.
    """
    if waiting := _wait_for(found, raw, history):
        raise ReferencesNotReady(f"Months wait: {waiting}.")
    return _list_versions(lake)


def _list_versions(lake: Lake) -> tuple[str, ...]:
    versions = read_code_list_versions(lake)
    if missing := [str(dataset) for dataset, version in zip(CODE_LIST_DATASETS, versions, strict=True) if not version]:
        raise ReferencesNotReady(
            f"Months wait: the lake at {lake.store.root} lacks {', '.join(missing)}; run: i94 run."
        )
    return versions


def read_code_list_versions(lake: Lake) -> tuple[str, ...]:
    """The data version of each code list that months are encoded with; empty where the lake lacks it."""
    manifests = [lake.read_manifest(dataset) for dataset in CODE_LIST_DATASETS]
    return tuple(manifest.fingerprint if manifest else "" for manifest in manifests)


def _wait_for(found: DeliveryListing, raw: Store, history: dg.DagsterInstance) -> str:
    """What has to happen to the reference files before a month can be encoded with them; empty where nothing has."""
    if going := history.get_runs(dg.RunsFilter(job_name=REFERENCE_JOB, statuses=NOT_FINISHED_STATUSES), limit=1):
        return f"the reference run {going[0].run_id[:8]} is under way"
    request = last_request(history, REFERENCE_JOB)
    if request is None:
        return "the reference files were never loaded"
    if changed := changed_references(found, raw, request):
        return f"{', '.join(changed)} changed, and the reference run is still to come"
    if not request.succeeded:
        return request.failure
    return ""


def build_month_request(month: str, content: str, last: RequestedContent | None) -> dg.RunRequest:
    """The request for a month's content.

    The key names the run before: content that comes back after another one is asked for again.
    """
    after = last.runs[0].run_id if last else "nothing"
    return dg.RunRequest(run_key=f"{month} {content} after {after}", partition_key=month, tags={DELIVERED_TAG: content})

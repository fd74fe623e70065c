"""The sensors that request a run for a delivered month and for changed reference files.

They decide when a delivery is complete, and remember what they have seen and requested. The ticks of all sensors
share a listing of the raw store, and read no month. A tick without a request says why.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import dagster as dg
from pydantic import BaseModel, Field, ValidationError

from i94_platform.contracts import immigration
from i94_platform.defs.deployment import SETTINGS
from i94_platform.defs.metadata import join_names
from i94_platform.defs.partitions import monthly_partitions
from i94_platform.defs.sensors.unrecorded_loads import find_unrecorded_loads
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Lake
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.settings import Settings
from i94_platform.sources.delivery import Delivery
from i94_platform.sources.listing import DeliveryListing
from i94_platform.sources.listing_cache import ListingCache
from i94_platform.sources.registry import REFERENCE_FILES
from i94_platform.staleness import run_inputs
from i94_platform.staleness.asset_states import AssetState, AssetStates
from i94_platform.staleness.held_versions import HeldVersions
from i94_platform.staleness.job_names import MONTH_JOB, REFERENCE_JOB
from i94_platform.warehouse.base import Warehouse

MAX_REPORTED = 1_000
"""How many reported names the cursor holds one by one. Of more names it holds one hash."""

MAX_SHOWN = 20
"""How many names one message lists."""

_REFERENCES = "references"
_REFERENCES_LOADED = "The reference files are loaded in their newest content."

Clock = Callable[[], float]
"""Returns the time in seconds since 1970."""


class SeenDelivery(BaseModel):
    """A delivery at the last tick."""

    fingerprint: str
    """The fingerprint of what arrives: files, markers, and what a copy in progress writes beside them."""
    since: float
    """When the sensor first saw this fingerprint, by its own clock: files may arrive with an old time."""
    handled: str = ""
    """A hash of the content, and of the load beside it, that needed no request or have got one."""


class DeliveryCursor(BaseModel):
    """What a sensor remembers from tick to tick, only about files that are still there."""

    version: Literal[3]
    seen: dict[str, SeenDelivery] = Field(default_factory=dict)
    reported: list[str] = Field(default_factory=list)

    @classmethod
    def read(cls, context: dg.SensorEvaluationContext) -> DeliveryCursor:
        """Read the cursor of the last tick; return an empty one, with a warning, if it can't be read."""
        if not context.cursor:
            return cls(version=3)
        try:
            return cls.model_validate_json(context.cursor)
        except ValidationError:
            context.log.warning(
                "The cursor can't be read, so it starts empty. What runs have requested is not run again."
            )
            return cls(version=3)

    def record(self, fingerprints: Mapping[str, str], now: float) -> None:
        """Replace the seen deliveries by the current ones; `now` is the time of the tick in seconds."""
        previous = self.seen
        self.seen = {}
        for name, fingerprint in fingerprints.items():
            seen = previous.get(name, SeenDelivery(fingerprint=fingerprint, since=now))
            if seen.fingerprint != fingerprint:
                seen = SeenDelivery(fingerprint=fingerprint, since=now, handled=seen.handled)
            self.seen[name] = seen

    def report(self, names: Sequence[str]) -> list[str]:
        """Record names as reported; return those that are new."""
        previous, digests = self.reported, {_digest(name): name for name in names}
        self.reported = sorted(digests) if len(digests) <= MAX_REPORTED else [_digest("\n".join(sorted(names)))]
        if self.reported == previous:
            return []
        return [name for digest, name in digests.items() if digest not in previous]


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


@dataclass(frozen=True)
class Tick:
    """The state of one tick of a sensor."""

    context: dg.SensorEvaluationContext
    raw: Store
    listing: DeliveryListing
    cursor: DeliveryCursor
    settings: Settings
    now: float
    """The time of the listing."""

    @classmethod
    def begin(
        cls, context: dg.SensorEvaluationContext, raw: Store, listings: ListingCache, settings: Settings, clock: Clock
    ) -> Tick:
        """Get the listing of the raw store and read the cursor."""
        newest = listings.list(raw, clock, context.sensor_name)
        return cls(context, raw, newest.listing, DeliveryCursor.read(context), settings, newest.time)

    def is_arriving(self, name: str, delivery: Delivery) -> bool:
        """Whether more files may follow: the delivery has just changed, or changed a while ago without a marker.

        A marker counts only if nothing has changed since an earlier tick: it may arrive first, and with an old time.
        """
        unchanged = self.now - self.cursor.seen[name].since
        is_complete = unchanged > 0 and delivery.is_marked_complete(self.raw, self.listing.hidden)
        return unchanged < self.settings.settle_seconds and not is_complete

    def result(
        self, requests: list[dg.RunRequest], reason: str, loads: Sequence[dg.AssetMaterialization] = ()
    ) -> dg.SensorResult:
        """Build the result of the tick from the requests, or from the reason for none; `loads` are recorded."""
        cursor = self.cursor.model_dump_json()
        return dg.SensorResult(requests, None if requests else reason, cursor=cursor, asset_events=loads)


@dg.sensor(
    job_name=MONTH_JOB,
    minimum_interval_seconds=SETTINGS.sensor_interval_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests the run of a month once for each complete content.",
)
def delivered_months(
    context: dg.SensorEvaluationContext,
    raw: dg.ResourceParam[Store],
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    listings: dg.ResourceParam[ListingCache],
    settings: dg.ResourceParam[Settings],
    clock: dg.ResourceParam[Clock],
) -> dg.SensorResult:
    """Request the months that are complete and not loaded, and report ignored files once.

    Months out of range are ignored too: a request for an unknown partition would fail the whole tick.
    """
    tick = Tick.begin(context, raw, listings, settings, clock)
    keys = set(monthly_partitions.get_partition_keys())
    months = {month.key: delivery for month, delivery in tick.listing.months.items() if month.key in keys}
    outside = [f"{month.key} (out of range)" for month in tick.listing.months if month.key not in keys]
    notes = tick.listing.notes
    warning = _describe_ignored(tick.cursor.report([*tick.listing.unknown, *outside, *notes]), notes)
    if warning:
        context.log.warning(warning)
    arrivals = {key: delivery.arrival_fingerprint(raw, tick.listing.hidden) for key, delivery in months.items()}
    tick.cursor.record(arrivals, tick.now)
    states = AssetStates(tick.listing, raw, lake, HeldVersions.from_records(context.instance))
    requests, reason = _request_months(tick, states, warehouse, months)
    return tick.result(requests, f"{reason} {warning}".rstrip())


def _describe_ignored(reported: Sequence[str], notes: Sequence[str]) -> str:
    """Describe new names of files and months that are not loaded, and new notes; empty without any."""
    names = [name for name in reported if name not in notes]
    ignored = f"Ignored, because they are no month that can be run: {join_names(names, MAX_SHOWN)}." if names else ""
    return " ".join([ignored, *(name for name in reported if name in notes)][:MAX_SHOWN]).strip()


def _request_months(
    tick: Tick, states: AssetStates, warehouse: Warehouse, months: Mapping[str, Delivery]
) -> tuple[list[dg.RunRequest], str]:
    """Return the requests of this tick, and the reason if there is none."""
    if not months:
        return [], f"No month is delivered under {tick.raw.root}; expected names such as i94_apr16_sub.sas7bdat."
    try:
        code_lists = run_inputs.require_code_list_versions(states, tick.context.instance)
    except run_inputs.ReferencesNotReady as reason:
        return [], str(reason)
    arriving = [key for key, delivery in months.items() if tick.is_arriving(key, delivery)]
    fingerprints = {
        key: run_inputs.compute_month_fingerprint(delivery, tick.raw, code_lists)
        for key, delivery in months.items()
        if key not in arriving
    }
    requests = _request_stale(tick, states, warehouse, fingerprints)
    if arriving:
        return requests, (
            f"Still arriving: {', '.join(arriving)}. A month is complete when it has not changed "
            f"for {tick.settings.settle_seconds:g} s, or for one tick if its folder has a _SUCCESS."
        )
    return requests, f"All {len(months)} delivered month(s) are loaded or requested in their newest content."


def _request_stale(
    tick: Tick, states: AssetStates, warehouse: Warehouse, fingerprints: Mapping[str, str]
) -> list[dg.RunRequest]:
    """Request the stale months whose content no run was requested to load, up to a limit; the rest follows.

    The warehouse may be paused, so its ledger is asked only about what would be requested.
    """
    requests: list[dg.RunRequest] = []
    instance, limit = tick.context.instance, tick.settings.sensor_max_requests
    states_by_ledger = replace(states, held=HeldVersions.from_records(instance, warehouse))
    for key, fingerprint in fingerprints.items():
        month, seen = Month.parse(key), tick.cursor.seen[key]
        handled = _digest(f"{fingerprint} {states.held.find_record(immigration.name, key)}")
        if seen.handled == handled:
            continue
        state = states.find_month(month)
        if not state.reason:
            seen.handled = handled
            continue
        previous = run_inputs.find_last_request(instance, MONTH_JOB, key)
        is_requested = previous is not None and previous.fingerprint == fingerprint and previous.is_newest([state])
        runs = [] if is_requested else run_inputs.find_unfinished_month_runs(instance, key)
        if manual := [run.run_id[:8] for run in runs if run_inputs.DELIVERED_TAG not in run.tags]:
            tick.context.log.info(f"{key} waits for the run {manual[0]}, which a person started.")
            continue
        if not is_requested and states_by_ledger.find_month(month).reason:
            if len(requests) == limit:
                tick.context.log.info(f"Requested {limit} month(s); the others follow at the next tick.")
                return requests
            requests.append(run_inputs.build_month_request(key, fingerprint, previous))
        seen.handled = handled
    return requests


@dg.sensor(
    job_name=REFERENCE_JOB,
    minimum_interval_seconds=SETTINGS.sensor_interval_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests the reference run when all reference files are complete and one has changed.",
)
def delivered_references(
    context: dg.SensorEvaluationContext,
    raw: dg.ResourceParam[Store],
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    listings: dg.ResourceParam[ListingCache],
    settings: dg.ResourceParam[Settings],
    clock: dg.ResourceParam[Clock],
) -> dg.SensorResult:
    """Request one run for all reference files together; after the loss of the history, record what is loaded."""
    tick = Tick.begin(context, raw, listings, settings, clock)
    fingerprints = json.dumps(run_inputs.compute_reference_fingerprints(tick.listing, raw))
    files = tuple(file for delivery in tick.listing.references.values() for file in delivery.files)
    delivered = Delivery(_REFERENCES, files)
    tick.cursor.record({_REFERENCES: delivered.arrival_fingerprint(raw, tick.listing.hidden)}, tick.now)
    states = AssetStates(tick.listing, raw, lake, HeldVersions.from_records(context.instance))
    stale = [state for state in states.find_references() if state.reason]
    seen, handled = tick.cursor.seen[_REFERENCES], _digest(f"{fingerprints} {[state.held for state in stale]}")
    previous = run_inputs.find_last_request(context.instance, REFERENCE_JOB)
    if not stale:
        return tick.result([], _REFERENCES_LOADED)
    if reason := _why_references_wait(tick, delivered, previous, stale):
        return tick.result([], reason)
    if seen.handled == handled:
        return tick.result([], _REFERENCES_LOADED)
    held = HeldVersions.from_records(context.instance, warehouse)
    loads = [] if previous else find_unrecorded_loads(held.read_ledger(), lake, context.instance)
    if not any(state.reason for state in replace(states, held=held).find_references()):
        seen.handled = handled
        return tick.result([], _REFERENCES_LOADED, loads)
    after = previous.runs[0].run_id if previous else "nothing"
    tags = run_inputs.reference_tags(tick.listing, raw)
    return tick.result([dg.RunRequest(run_key=f"{_digest(fingerprints)} after {after}", tags=tags)], "", loads)


def _why_references_wait(
    tick: Tick, delivered: Delivery, previous: run_inputs.RequestedContent | None, stale: Sequence[AssetState]
) -> str:
    """Say why no reference run is requested; empty if nothing speaks against one.

    The first run waits for every file. Later a missing or ambiguous file fails only what is made from it.
    """
    root, listing = tick.raw.root, tick.listing
    if previous is None:
        if missing := listing.missing_references:
            return (
                f"Missing under {root}: {', '.join(missing)}; "
                f"the first reference run needs all {len(REFERENCE_FILES)} files."
            )
        try:
            for name in REFERENCE_FILES:
                listing.require_reference(name, root)
        except PermanentError as error:
            return str(error)
    elif not run_inputs.find_changed_references(listing, tick.raw, previous) and previous.is_newest(stale):
        return _describe_last_run(previous)
    for run in run_inputs.find_unfinished_runs(tick.context.instance, REFERENCE_JOB):
        if run_inputs.DELIVERED_TAG not in run.tags:
            return f"The reference run {run.run_id[:8]} is in progress, which a person started."
    if tick.is_arriving(_REFERENCES, delivered):
        seconds = tick.settings.settle_seconds
        return (
            f"The reference files changed less than {seconds:g} s ago; their run is requested when they have settled."
        )
    return ""


def _describe_last_run(previous: run_inputs.RequestedContent) -> str:
    """Describe the last reference run, which had the current content."""
    if previous.is_running:
        return f"The reference run {previous.newest_run} is in progress."
    if previous.has_succeeded:
        return _REFERENCES_LOADED
    return f"{previous.failure_message[0].upper()}{previous.failure_message[1:]}."

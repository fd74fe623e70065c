"""Sensors on what lands: a delivered month, or a changed reference file, requests its run.

They decide when a delivery is complete and remember what they saw and requested. A tick lists the raw store and reads
no month; every quiet tick has a sentence that says why.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import dagster as dg
from pydantic import BaseModel, Field, ValidationError

from i94_platform.defs.deployment import SETTINGS
from i94_platform.defs.partitions import monthly_partitions
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Lake
from i94_platform.lake.store import Store
from i94_platform.settings import Settings
from i94_platform.sources.delivery import Delivery
from i94_platform.sources.listing import DeliveryListing, list_deliveries
from i94_platform.sources.registry import REFERENCE_FILES
from i94_platform.staleness import run_inputs
from i94_platform.staleness.job_names import MONTH_JOB, REFERENCE_JOB

MAX_REPORTED = 1_000
"""Names that are remembered one by one as reported. Of more, only a digest of all is remembered."""

MAX_SHOWN = 20
"""The most names in one message."""

_REFERENCES = "references"

Clock = Callable[[], float]
"""Returns the time in seconds since 1970."""


class SeenDelivery(BaseModel):
    """One delivery as it was last seen."""

    fingerprint: str
    since: float
    """When this fingerprint was first seen by our own clock: files may arrive with an old time."""
    requested: str = ""
    """The content that was last requested."""


class Cursor(BaseModel):
    """What a sensor remembers from tick to tick: no more than what lies there now."""

    version: Literal[2]
    seen: dict[str, SeenDelivery] = Field(default_factory=dict)
    reported: list[str] = Field(default_factory=list)
    newest: str = ""
    """The newest run whose request has been taken into account."""

    @classmethod
    def read(cls, context: dg.SensorEvaluationContext) -> Cursor:
        """The cursor of the last tick; an empty one, with a warning, if it can't be read."""
        if not context.cursor:
            return cls(version=2)
        try:
            return cls.model_validate_json(context.cursor)
        except ValidationError:
            context.log.warning(
                "The cursor can't be read and starts anew; what the last runs were asked to read is not run again."
            )
            return cls(version=2)

    def record(self, fingerprints: Mapping[str, str], now: float) -> None:
        """Record the deliveries that are there now."""
        previous = self.seen
        self.seen = {}
        for name, fingerprint in fingerprints.items():
            seen = previous.get(name, SeenDelivery(fingerprint=fingerprint, since=now))
            if seen.fingerprint != fingerprint:
                seen = SeenDelivery(fingerprint=fingerprint, since=now, requested=seen.requested)
            self.seen[name] = seen

    def report(self, names: Sequence[str]) -> list[str]:
        """Record names as reported; returns those that were not reported before."""
        previous, digests = self.reported, {_digest(name): name for name in names}
        self.reported = sorted(digests) if len(digests) <= MAX_REPORTED else [_digest("\n".join(sorted(names)))]
        if self.reported == previous:
            return []
        return [name for digest, name in digests.items() if digest not in previous]


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


@dataclass(frozen=True)
class Tick:
    """What one tick of a sensor works with."""

    context: dg.SensorEvaluationContext
    raw: Store
    listing: DeliveryListing
    cursor: Cursor
    settings: Settings
    now: float

    @classmethod
    def begin(cls, context: dg.SensorEvaluationContext, raw: Store, settings: Settings, clock: Clock) -> Tick:
        """List the raw store and read the cursor."""
        return cls(context, raw, list_deliveries(raw.list()), Cursor.read(context), settings, clock())

    def is_arriving(self, name: str, delivery: Delivery) -> bool:
        """Whether more files may come: the delivery is neither marked complete nor unchanged for long enough."""
        unchanged = self.now - self.cursor.seen[name].since
        return unchanged < self.settings.settle_seconds and not delivery.is_marked_complete(
            self.raw, self.listing.markers
        )

    def result(self, requests: list[dg.RunRequest], reason: str) -> dg.SensorResult:
        """The result of the tick: the requests, or the reason for none."""
        return dg.SensorResult(requests, None if requests else reason, cursor=self.cursor.model_dump_json())


@dg.sensor(
    job_name=MONTH_JOB,
    minimum_interval_seconds=SETTINGS.sensor_interval_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for the run of a month once for each content that was delivered whole.",
)
def delivered_months(
    context: dg.SensorEvaluationContext,
    raw: dg.ResourceParam[Store],
    lake: dg.ResourceParam[Lake],
    settings: dg.ResourceParam[Settings],
    clock: dg.ResourceParam[Clock],
) -> dg.SensorResult:
    """A request for an unknown partition would fail the whole tick, so months out of range are left out first."""
    tick = Tick.begin(context, raw, settings, clock)
    keys = set(monthly_partitions.get_partition_keys())
    months = {month.key: delivery for month, delivery in tick.listing.months.items() if month.key in keys}
    outside = [f"{month.key}, a month out of range" for month in tick.listing.months if month.key not in keys]
    news = tick.cursor.report([*tick.listing.unknown, *outside])
    warning = [_left_alone(news)] if news else []
    for sentence in warning:
        context.log.warning(sentence)
    tick.cursor.record({key: delivery.listing_fingerprint(raw) for key, delivery in months.items()}, tick.now)
    requests, reason = _request_months(tick, lake, months)
    return tick.result(requests, " ".join([reason, *warning]))


def _left_alone(names: Sequence[str]) -> str:
    hidden = f" and {len(names) - MAX_SHOWN:,} more" if len(names) > MAX_SHOWN else ""
    return f"Not a delivery that can be run, left alone: {'; '.join(names[:MAX_SHOWN])}{hidden}."


def _request_months(tick: Tick, lake: Lake, months: Mapping[str, Delivery]) -> tuple[list[dg.RunRequest], str]:
    """The requests of this tick, and the reason if there is none."""
    if not months:
        return [], f"No month is delivered under {tick.raw.root}; looked for are names such as i94_apr16_sub.sas7bdat."
    try:
        code_lists = run_inputs.require_code_list_versions(tick.listing, tick.raw, lake, tick.context.instance)
    except run_inputs.ReferencesNotReady as reason:
        return [], str(reason)
    arriving = [key for key, delivery in months.items() if tick.is_arriving(key, delivery)]
    fingerprints = {
        key: run_inputs.month_fingerprint(delivery, tick.raw, code_lists)
        for key, delivery in months.items()
        if key not in arriving
    }
    requests = _request_new(tick, fingerprints)
    if arriving:
        return requests, (
            f"Still arriving: {', '.join(arriving)}; a month is taken when it has not changed "
            f"for {tick.settings.settle_seconds:g} s, or when a _SUCCESS lies beside it."
        )
    return requests, f"Each of the {len(months)} delivered month(s) was asked for in its newest content."


def _request_new(tick: Tick, fingerprints: Mapping[str, str]) -> list[dg.RunRequest]:
    """Requests for the contents that nobody requested yet, up to a limit; the rest follows at the next tick."""
    requests: list[dg.RunRequest] = []
    instance, limit = tick.context.instance, tick.settings.sensor_max_requests
    runs = instance.get_runs(dg.RunsFilter(job_name=MONTH_JOB), limit=1)
    newest = runs[0].run_id if runs else ""
    for key, fingerprint in fingerprints.items():
        seen = tick.cursor.seen[key]
        if seen.requested == fingerprint and tick.cursor.newest == newest:
            continue
        previous = run_inputs.last_request(instance, MONTH_JOB, key)
        if fingerprint != (previous.delivered if previous else seen.requested):
            if len(requests) == limit:
                tick.context.log.info(f"Asked for {limit} month(s) at once; the others follow at the next tick.")
                return requests
            requests.append(run_inputs.build_month_request(key, fingerprint, previous))
        seen.requested = fingerprint
    tick.cursor.newest = newest
    return requests


@dg.sensor(
    job_name=REFERENCE_JOB,
    minimum_interval_seconds=SETTINGS.sensor_interval_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for the reference run when all reference files are there and one has changed.",
)
def delivered_references(
    context: dg.SensorEvaluationContext,
    raw: dg.ResourceParam[Store],
    settings: dg.ResourceParam[Settings],
    clock: dg.ResourceParam[Clock],
) -> dg.SensorResult:
    """One request for all reference files together."""
    tick = Tick.begin(context, raw, settings, clock)
    fingerprints = json.dumps(run_inputs.reference_fingerprints(tick.listing, raw))
    tick.cursor.record({_REFERENCES: fingerprints}, tick.now)
    previous = run_inputs.last_request(context.instance, REFERENCE_JOB)
    if reason := _why_references_wait(tick, previous):
        return tick.result([], reason)
    after = previous.runs[0].run_id if previous else "nothing"
    tags = run_inputs.reference_tags(tick.listing, raw)
    return tick.result([dg.RunRequest(run_key=f"{_digest(fingerprints)} after {after}", tags=tags)], "")


def _why_references_wait(tick: Tick, previous: run_inputs.RequestedContent | None) -> str:
    """Why the reference files are not to be loaded now; empty if they are."""
    root, listing = tick.raw.root, tick.listing
    if missing := listing.missing_references:
        return f"Not under {root}: {', '.join(missing)}; the reference run needs all {len(REFERENCE_FILES)} files."
    try:
        files = [file for name in REFERENCE_FILES for file in listing.require_reference(name, root).files]
    except PermanentError as error:
        return str(error)
    if previous is not None and not run_inputs.changed_references(listing, tick.raw, previous):
        return _describe_outcome(previous)
    if tick.is_arriving(_REFERENCES, Delivery(_REFERENCES, tuple(files))):
        settle = tick.settings.settle_seconds
        return f"The reference files changed less than {settle:g} s ago; they are taken when settled."
    return ""


def _describe_outcome(previous: run_inputs.RequestedContent) -> str:
    """How the last reference run ended."""
    if previous.is_running:
        return f"The reference run {previous.newest} is under way."
    if previous.succeeded:
        return "The reference files are loaded as they are."
    return f"{previous.failure[0].upper()}{previous.failure[1:]}."

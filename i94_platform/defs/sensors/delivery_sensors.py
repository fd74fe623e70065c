"""Sensors on what lands: a delivered month, or a changed reference file, asks for its run.

Here: when a delivery is complete, what was seen and asked for before, and a sentence for every quiet tick. A tick lists
the raw store and reads no month. Not here: what a run was asked to read (`requests`), and what it does (`jobs`).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import dagster as dg
from pydantic import BaseModel, Field, ValidationError

from i94_platform.defs.jobs import MONTH_JOB, REFERENCE_JOB
from i94_platform.defs.metadata import build_monthly_partitions
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Lake
from i94_platform.lake.store import Store
from i94_platform.sources.listing import REFERENCE_FILES, Delivery, DeliveryListing, list_deliveries
from i94_platform.staleness import run_inputs as requests

INTERVAL = 30
"""Seconds from one tick to the next, at least, unless the settings say otherwise."""

REPORTED = 1_000
"""Names that are remembered one by one as reported; of more only whether there are others than before."""

SHOWN = 20
"""The most names in one message."""

_REFERENCES = "references"


class SeenDelivery(BaseModel):
    """One delivery as it was last seen."""

    mark: str
    since: float
    """When this mark was first seen, in seconds since 1970 by our own clock: files may arrive with an old time."""
    asked: str = ""
    """The content that was last asked for."""


class Cursor(BaseModel):
    """What a sensor remembers from tick to tick: no more than what lies there now."""

    version: Literal[1]
    seen: dict[str, SeenDelivery] = Field(default_factory=dict)
    reported: list[str] = Field(default_factory=list)
    newest: str = ""
    """The newest run up to which others' requests are taken into account."""

    @classmethod
    def of(cls, context: dg.SensorEvaluationContext) -> Cursor:
        """The cursor of the last tick; an empty one, with a warning, where it can't be read."""
        if not context.cursor:
            return cls(version=1)
        try:
            return cls.model_validate_json(context.cursor)
        except ValidationError:
            context.log.warning(
                "The cursor can't be read and is begun anew; what the last runs were asked to read is not run again."
            )
            return cls(version=1)

    def look(self, marks: Mapping[str, str], now: float) -> None:
        """Take note of the deliveries that are there now."""
        before = self.seen
        self.seen = {}
        for name, mark in marks.items():
            known = before.get(name, SeenDelivery(mark=mark, since=now))
            self.seen[name] = known if known.mark == mark else SeenDelivery(mark=mark, since=now, asked=known.asked)

    def news(self, names: Sequence[str]) -> list[str]:
        """The names that were not reported before; they are now."""
        before, marks = self.reported, {_short(name): name for name in names}
        self.reported = sorted(marks) if len(marks) <= REPORTED else [_short("\n".join(sorted(names)))]
        return [] if self.reported == before else [name for mark, name in marks.items() if mark not in before]


def _short(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


@dataclass(frozen=True)
class Watch:
    """What the sensors go by."""

    partitions: dg.PartitionsDefinition[str]
    settle_seconds: float
    most: int
    """Requests in one tick."""
    now: Callable[[], float]

    def arriving(self, name: str, delivery: Delivery, found: DeliveryListing, raw: Store, cursor: Cursor) -> bool:
        """Whether more files may be on their way: neither declared whole nor unchanged for long enough."""
        unchanged = self.now() - cursor.seen[name].since
        return unchanged < self.settle_seconds and not delivery.is_marked_complete(raw, found.markers)


def sensors(
    first_month: str,
    settle_seconds: float,
    most: int,
    now: Callable[[], float] = time.time,
    every: int = INTERVAL,
) -> list[dg.SensorDefinition]:
    """Both sensors, which run unless they are stopped, `every` so many seconds; `now` is the clock."""
    watch = Watch(build_monthly_partitions(first_month), settle_seconds, most, now)

    @dg.sensor(
        job_name=MONTH_JOB,
        minimum_interval_seconds=every,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for the run of a month once for each content that was delivered whole.",
    )
    def delivered_months(
        context: dg.SensorEvaluationContext, raw: dg.ResourceParam[Store], lake: dg.ResourceParam[Lake]
    ) -> dg.SensorResult:
        return _months(context, raw, lake, watch)

    @dg.sensor(
        job_name=REFERENCE_JOB,
        minimum_interval_seconds=every,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for the reference run when all four files are there and one has changed.",
    )
    def delivered_references(context: dg.SensorEvaluationContext, raw: dg.ResourceParam[Store]) -> dg.SensorResult:
        return _references(context, raw, watch)

    return [delivered_months, delivered_references]


def _months(context: dg.SensorEvaluationContext, raw: Store, lake: Lake, watch: Watch) -> dg.SensorResult:
    """One tick of the sensor on months."""
    cursor, found = Cursor.of(context), list_deliveries(raw.list())
    keys = set(watch.partitions.get_partition_keys())  # one request for an unknown partition would fail the whole tick
    inside = {month.key: delivery for month, delivery in found.months.items() if month.key in keys}
    outside = [f"{month.key}, a month out of range" for month in found.months if month.key not in keys]
    if news := cursor.news([*found.unknown, *outside]):
        context.log.warning(_left_alone(news))
    cursor.look({key: delivery.listing_fingerprint(raw) for key, delivery in inside.items()}, watch.now())
    asked, quiet = _due(context, raw, lake, watch, cursor, found, inside)
    reason = " ".join([quiet, *([_left_alone(news)] if news else [])])
    return dg.SensorResult(asked, None if asked else reason, cursor=cursor.model_dump_json())


def _left_alone(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return f"Not a delivery that can be run, left alone: {'; '.join(names[:SHOWN])}{more}."


def _due(
    context: dg.SensorEvaluationContext,
    raw: Store,
    lake: Lake,
    watch: Watch,
    cursor: Cursor,
    found: DeliveryListing,
    inside: Mapping[str, Delivery],
) -> tuple[list[dg.RunRequest], str]:
    """The requests of this tick, and why there is none."""
    if not inside:
        return [], f"No month is delivered under {raw.root}; looked for are names such as i94_apr16_sub.sas7bdat."
    try:
        lists = requests.require_code_list_versions(found, raw, lake, context.instance)
    except requests.ReferencesNotReady as waiting:
        return [], str(waiting)
    arriving = [key for key, delivery in inside.items() if watch.arriving(key, delivery, found, raw, cursor)]
    contents = {
        key: requests.month_fingerprint(delivery, raw, lists) for key, delivery in inside.items() if key not in arriving
    }
    asked = _ask(context, watch, cursor, contents)
    if arriving:
        return asked, (
            f"Still arriving: {', '.join(arriving)}; a month is taken when it has not changed "
            f"for {watch.settle_seconds:g} s, or when a _SUCCESS lies beside it."
        )
    return asked, f"Each of the {len(inside)} delivered month(s) was asked for in its newest content."


def _ask(
    context: dg.SensorEvaluationContext, watch: Watch, cursor: Cursor, contents: Mapping[str, str]
) -> list[dg.RunRequest]:
    """Requests for the contents that nobody asked for yet, at most so many; the rest is due at the next tick."""
    asked: list[dg.RunRequest] = []
    runs = context.instance.get_runs(dg.RunsFilter(job_name=MONTH_JOB), limit=1)
    newest = runs[0].run_id if runs else ""
    for key, content in contents.items():
        seen = cursor.seen[key]
        if seen.asked == content and cursor.newest == newest:
            continue
        last = requests.last_request(context.instance, MONTH_JOB, key)
        if content != (last.delivered if last else seen.asked):
            if len(asked) == watch.most:
                context.log.info(f"Asked for {watch.most} month(s) at once; the others follow at the next tick.")
                return asked
            asked.append(requests.build_month_request(key, content, last))
        seen.asked = content
    cursor.newest = newest
    return asked


def _references(context: dg.SensorEvaluationContext, raw: Store, watch: Watch) -> dg.SensorResult:
    """One tick of the sensor on reference files."""
    cursor, found = Cursor.of(context), list_deliveries(raw.list())
    marks = requests.reference_fingerprints(found, raw)
    cursor.look({_REFERENCES: json.dumps(marks)}, watch.now())
    last = requests.last_request(context.instance, REFERENCE_JOB)
    reason = _quiet(raw, watch, cursor, found, last)
    if reason:
        return dg.SensorResult(skip_reason=reason, cursor=cursor.model_dump_json())
    tags = requests.reference_tags(found, raw)
    after = last.runs[0].run_id if last else "nothing"
    request = dg.RunRequest(run_key=f"{_short(json.dumps(marks))} after {after}", tags=tags)
    return dg.SensorResult([request], cursor=cursor.model_dump_json())


def _quiet(
    raw: Store, watch: Watch, cursor: Cursor, found: DeliveryListing, last: requests.RequestedContent | None
) -> str:
    """Why the reference files are not to be loaded now; empty where they are."""
    if missing := [file for name, file in REFERENCE_FILES.items() if name not in found.references]:
        return f"Not under {raw.root}: {', '.join(missing)}; the reference run needs all four files."
    try:
        files = [file for name in REFERENCE_FILES for file in found.require_reference(name, raw.root).files]
    except PermanentError as twice:
        return str(twice)
    if last is not None and not requests.changed_references(found, raw, last):
        return _became(last)
    if watch.arriving(_REFERENCES, Delivery(_REFERENCES, tuple(files)), found, raw, cursor):
        return f"The reference files changed less than {watch.settle_seconds:g} s ago; they are taken when settled."
    return ""


def _became(last: requests.RequestedContent) -> str:
    """What became of the last reference run."""
    if last.is_running:
        return f"The reference run {last.newest} is under way."
    if last.succeeded:
        return "The reference files are loaded as they are."
    return f"{last.failure[0].upper()}{last.failure[1:]}."

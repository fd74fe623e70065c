"""Ticks of sensors and schedules on an instance in memory, real stores, and a clock that the test moves.

A requested run is recorded as Dagster's daemon does it: with the request's tags, and never twice for one run key.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
from dagster._core.definitions.schedule_definition import ScheduleExecutionData
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.events import StepMaterializationData
from dagster._core.storage.tags import PARTITION_NAME_TAG, RUN_KEY_TAG

from i94_platform.defs.build import build_definitions
from i94_platform.defs.keys import to_key
from i94_platform.defs.schedules import last_month_delivered
from i94_platform.defs.sensors.delivery_sensors import delivered_months, delivered_references
from i94_platform.lake.datasets import Lake
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.pipeline.code_lists import LABELS
from i94_platform.pipeline.data_versions import CODE_LIST_DATASETS, compute_month_version
from i94_platform.settings import Settings
from i94_platform.sources.listing import list_deliveries
from i94_platform.sources.listing_cache import ListingCache
from i94_platform.sources.registry import REFERENCE_FILES
from i94_platform.staleness.asset_states import AssetStates
from i94_platform.staleness.held_versions import DATA_VERSION_TAG, LISTING_TAG, HeldVersions
from i94_platform.staleness.job_names import REFERENCE_JOB
from i94_platform.staleness.run_inputs import DELIVERED_TAG
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.duckdb import DuckDBWarehouse
from i94_platform_tests.support.commits import commit_files

MONTHS_SENSOR, REFERENCES_SENSOR = delivered_months.name, delivered_references.name
SENSORS = {sensor.name: sensor for sensor in (delivered_months, delivered_references)}
SETTLE_SECONDS = 60.0
MAX_AGE_SECONDS = 15.0
SUCCESS, FAILURE = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE
STARTED, NOT_STARTED = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED


@cache
def build_repository() -> dg.RepositoryDefinition:
    """Build the graph; its resources are not used."""
    return build_definitions(Settings()).get_repository_def()


@dataclass
class DaemonSimulator:
    """One deployment as its daemon sees it."""

    raw: Store
    lake: Lake
    warehouse: Warehouse = field(default_factory=lambda: DuckDBWarehouse(Path("nowhere.duckdb"), Path("nowhere")))
    """Without a database; the ledger is empty."""
    max_requests: int = 12
    now: float = 1_000_000.0
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)
    cursors: dict[str, str | None] = field(default_factory=dict)
    alerts: list[str] = field(default_factory=list)
    listings: ListingCache = field(default_factory=lambda: ListingCache(MAX_AGE_SECONDS))

    @property
    def resources(self) -> dict[str, Any]:
        """The resources of sensors and schedules."""
        return {
            "raw": self.raw,
            "lake": self.lake,
            "warehouse": self.warehouse,
            "settings": Settings(settle_seconds=SETTLE_SECONDS, sensor_max_requests=self.max_requests),
            "notifier": self.alerts.append,
            "clock": lambda: self.now,
            "listings": self.listings,
        }

    def tick(
        self, name: str = MONTHS_SENSOR, after: float = 30.0, status: dg.DagsterRunStatus = SUCCESS
    ) -> SensorExecutionData:
        """Tick a sensor; the runs that it requests end with `status`."""
        result = self.evaluate_sensor(name, after)
        self.cursors[name] = result.cursor
        states = self.states if result.run_requests else None
        for request in result.run_requests or ():
            self.launch_run(request, status, states)
        return result

    def evaluate_sensor(self, name: str = MONTHS_SENSOR, after: float = 30.0) -> SensorExecutionData:
        """Tick a sensor, but launch no requested run and do not store its cursor."""
        self.now += after
        context = dg.build_sensor_context(
            self.instance,
            self.cursors.get(name),
            repository_def=build_repository(),
            sensor_name=name,
            resources=self.resources,
        )
        return SENSORS[name].evaluate_tick(context)

    def tick_schedule(self, at: dt.datetime) -> ScheduleExecutionData:
        """Tick the monthly schedule at a time; Dagster opens the instance anew, so that it has to be on disk."""
        with dg.build_schedule_context(
            scheduled_execution_time=at,
            resources=self.resources,
            repository_def=build_repository(),
            instance_ref=self.instance.get_ref(),
        ) as context:
            return last_month_delivered.evaluate_tick(context)

    def launch_run(
        self, request: dg.RunRequest, status: dg.DagsterRunStatus = SUCCESS, states: AssetStates | None = None
    ) -> None:
        """Record the run of a request, unless one with its key is there."""
        key = {RUN_KEY_TAG: request.run_key} if request.run_key else {}
        if key and self.instance.get_runs(dg.RunsFilter(tags=key)):
            return
        self.record_run(request.job_name or _job_name(request), {**request.tags, **key}, status, states=states)

    def record_run(
        self,
        job: str,
        tags: dict[str, str],
        status: dg.DagsterRunStatus = SUCCESS,
        parent: str | None = None,
        states: AssetStates | None = None,
    ) -> str:
        """Record a run and return its id; `states` are those of now, so that many runs need one listing."""
        run = dg.DagsterRun(job_name=job, tags=tags, status=status, parent_run_id=parent, root_run_id=parent)
        run_id = self.instance.add_run(run).run_id
        if status is SUCCESS and DELIVERED_TAG in tags:
            self.load(tags.get(PARTITION_NAME_TAG, ""), run_id, states or self.states)
        return run_id

    def load(self, month: str, run_id: str, states: AssetStates) -> None:
        """Record what a successful run loads: a delivered month, or without a month the reference files."""
        if not month:
            self.commit_code_lists(states.listing.references[LABELS].fingerprint(self.raw))
            for state in self.states.find_references():
                if state.asset.startswith("warehouse/"):
                    self.materialize(state.asset, "", state.current_version, run_id)
        elif delivery := states.listing.months.get(Month.parse(month)):
            version = compute_month_version(delivery, self.raw, self.lake)
            tags = {LISTING_TAG: delivery.listing_fingerprint(self.raw)}
            self.materialize("warehouse/immigration", month, version, run_id, **tags)

    @property
    def states(self) -> AssetStates:
        """The states by Dagster's records."""
        return AssetStates(list_deliveries(self.raw), self.raw, self.lake, HeldVersions.from_records(self.instance))

    def materialize(self, asset: str, month: str, version: str, run_id: str, **tags: str) -> None:
        """Record that a run has brought an asset to a version."""
        tags = {DATA_VERSION_TAG: version, **tags}
        materialization = dg.AssetMaterialization(to_key(asset), partition=month or None, tags=tags)
        data = StepMaterializationData(materialization)
        event = dg.DagsterEvent(dg.DagsterEventType.ASSET_MATERIALIZATION.value, "job", event_specific_data=data)
        self.instance.report_dagster_event(event, run_id)

    def requested_months(self, after: float = SETTLE_SECONDS, status: dg.DagsterRunStatus = SUCCESS) -> list[str]:
        """Tick the sensor on months and return the months that it requests."""
        return [str(request.partition_key) for request in self.tick(MONTHS_SENSOR, after, status).run_requests or ()]

    def months_after_settling(self, status: dg.DagsterRunStatus = SUCCESS) -> list[str]:
        """Tick the sensor on months twice, so that new files settle in between; return the months that it requests."""
        return self.requested_months() + self.requested_months(status=status)

    def deliver(self, name: str, content: bytes = b"rows") -> None:
        """Land a file."""
        self.raw.put(name, content)

    def deliver_references(self) -> None:
        """Land every reference file, and load them when the sensor requests it."""
        for file in REFERENCE_FILES.values():
            self.deliver(file)
        self.tick(REFERENCES_SENSOR)
        assert self.tick(REFERENCES_SENSOR, SETTLE_SECONDS).run_requests, "the reference run is asked for"

    def commit_code_lists(self, version: str) -> None:
        """Commit the code lists, as the reference run does."""
        for dataset in CODE_LIST_DATASETS:
            commit_files(self.lake, dataset, version, {"list.csv": pa.table({"code": ["1"]})}, fingerprint=version)


def _job_name(request: dg.RunRequest) -> str:
    return "month" if PARTITION_NAME_TAG in request.tags else REFERENCE_JOB

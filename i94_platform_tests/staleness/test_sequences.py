"""Test with drawn sequences that all who ask name the same stale months and marts, with the reason of a plain model.

Deliveries, loads by every means, and crashes follow each other. What is asked for is loaded, and nothing is loaded a
second time. A load is simulated: what it commits to lake, ledger and Dagster is real.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from i94_platform.contracts import MONTHLY_MARTS, STAGED_MONTH, immigration, load_ledger
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.local import LocalStore
from i94_platform.marts import rendering
from i94_platform.partitions import Month
from i94_platform.pipeline.data_versions import compute_mart_version, compute_month_version, ledger_versions
from i94_platform.sources.listing import list_deliveries
from i94_platform.sources.registry import REFERENCE_FILES
from i94_platform.staleness.asset_states import AssetStates, Reason, find_mart_states
from i94_platform.staleness.completeness import FAILED, MISSING, NOT_LOADED, find_month_issues
from i94_platform.staleness.held_versions import LISTING_TAG, HeldVersions
from i94_platform.staleness.job_names import MONTH_JOB, REFERENCE_JOB
from i94_platform.staleness.plan import plan_runs
from i94_platform.staleness.run_inputs import PARTITION_TAG, find_failed_runs, input_tags
from i94_platform.warehouse.duckdb import DuckDBWarehouse
from i94_platform.warehouse.ledger import LedgerEntry, record_loads
from i94_platform_tests.support.commits import commit_files
from i94_platform_tests.support.daemon_simulator import (
    MONTHS_SENSOR,
    REFERENCES_SENSOR,
    SETTLE_SECONDS,
    DaemonSimulator,
)

MONTHS = tuple(Month(2016, number) for number in (1, 2, 3))
LABELS = REFERENCE_FILES["i94_labels"]
ASSET_JOB = "__ASSET_JOB"
"""The job of what a person materializes in the UI, or backfills."""

SUCCESS, BEFORE_COMMIT, AFTER_COMMIT = "success", "fails before the commit", "fails after the commit"
"""How a run ends."""

run_endings = st.sampled_from([SUCCESS, SUCCESS, BEFORE_COMMIT, AFTER_COMMIT])
months = st.sampled_from(MONTHS)


@dataclass
class Model:
    """What is delivered and held, in plain values."""

    delivered: dict[Month, str] = field(default_factory=dict)
    labels: str = ""
    loaded_labels: str = ""
    held: dict[Month, tuple[str, str]] = field(default_factory=dict)
    """The content and the labels of each loaded month."""
    failed: set[Month] = field(default_factory=set)
    """The months whose last run of the month's job failed since they were loaded."""
    sql: int = 0
    marts: dict[Month, tuple[tuple[str, str], int]] = field(default_factory=dict)
    """The fact and the SQL of each month's marts."""

    def reason(self, month: Month) -> Reason | None:
        """Why a delivered month is stale."""
        if month not in self.held:
            return Reason.NEVER_LOADED
        content, labels = self.held[month]
        if content != self.delivered.get(month, content):
            return Reason.DELIVERY_CHANGED
        if month in self.delivered and labels != self.loaded_labels:
            return Reason.CODE_LISTS_CHANGED
        return Reason.RUN_FAILED if month in self.failed else None

    def mart_reason(self, month: Month) -> Reason | None:
        """Why the marts of a loaded month are stale."""
        if month not in self.marts:
            return Reason.NEVER_LOADED
        fact, sql = self.marts[month]
        if fact != self.held[month]:
            return Reason.FACT_CHANGED
        return Reason.SQL_CHANGED if sql != self.sql else None


class Sequences(RuleBasedStateMachine):
    """One deployment with three months."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        root = Path(self.folder.name)
        self.raw, self.lake = LocalStore(root / "raw"), Lake(LocalStore(root / "lake"))
        self.warehouse = DuckDBWarehouse(root / "warehouse.duckdb", root)
        with self.warehouse.transaction(purpose="create the ledger") as transaction:
            transaction.execute("CREATE SCHEMA i94")
            columns = ", ".join(f"{column.name} {column.type.compile()}" for column in load_ledger.columns)
            transaction.execute(f"CREATE TABLE i94.load_ledger ({columns})")
        self.daemon = DaemonSimulator(self.raw, self.lake, self.warehouse, now=1_000.0)
        self.model, self.contents = Model(), iter(range(1_000_000))
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(rendering, "render_sql", lambda mart: f"{mart.name} {self.model.sql}")

    def teardown(self) -> None:
        """Let everything that is stale be loaded; nothing is stale then, and no sensor requests anything."""
        self.run_command()
        assert not [state for state in self.states(reads_files=True).find_references() if state.reason]
        assert {month: self.model.reason(month) for month in self.model.delivered} == dict.fromkeys(
            self.model.delivered
        )
        self.names_of_all_are_those_of_the_model()
        assert not self.tick(REFERENCES_SENSOR) + self.tick(MONTHS_SENSOR)
        self.patch.undo()
        self.daemon.instance.dispose()
        self.folder.cleanup()

    # --- deliveries ---------------------------------------------------------------------------------------------------

    @initialize()
    def deliver_references(self) -> None:
        for file in REFERENCE_FILES.values():
            self.raw.put(file, b"0")
        self.change_labels()
        self.load_references(self.record_run(REFERENCE_JOB, {}, SUCCESS))

    @rule()
    def change_labels(self) -> None:
        self.model.labels = f"labels {next(self.contents)}"
        self.raw.put(LABELS, self.model.labels.encode())

    @rule(month=months, content=st.sampled_from("AB"))
    def deliver(self, month: Month, content: str) -> None:
        """Deliver a new content, or one that returns with its old time, as after `cp -p`."""
        self.model.delivered[month] = content
        self.raw.put(f"{month.file_stem}.csv", content.encode())
        os.utime(Path(self.raw.root, f"{month.file_stem}.csv"), (ord(content), ord(content)))

    @rule(month=months)
    def touch(self, month: Month) -> None:
        if month in self.model.delivered:
            Path(self.raw.root, f"{month.file_stem}.csv").touch()

    @rule(month=months)
    def remove(self, month: Month) -> None:
        if self.model.delivered.pop(month, None):
            self.raw.delete([f"{month.file_stem}.csv"])

    @rule()
    def change_sql(self) -> None:
        self.model.sql += 1

    # --- loads --------------------------------------------------------------------------------------------------------

    @rule(month=months, job=st.sampled_from([MONTH_JOB, ASSET_JOB]), ending=run_endings)
    def load_by_hand(self, month: Month, job: str, ending: str) -> None:
        if month in self.model.delivered:
            self.run_month(month, job, {}, ending)

    @rule(month=months)
    def load_by_another_instance(self, month: Month) -> None:
        """Only the ledger knows of it."""
        if month in self.model.delivered and month not in self.model.failed:
            self.commit_month(month, "a run of another instance")

    @rule(ending=run_endings)
    def load_by_sensors(self, ending: str) -> None:
        for tags in self.tick(REFERENCES_SENSOR):
            assert self.model.labels != self.model.loaded_labels
            run_id = self.record_run(REFERENCE_JOB, tags, ending)
            if ending == SUCCESS:
                self.load_references(run_id)
        for tags in self.tick(MONTHS_SENSOR):
            month = Month.parse(tags[PARTITION_TAG])
            assert self.model.reason(month) not in (None, Reason.RUN_FAILED), "it is loaded a second time"
            self.run_month(month, MONTH_JOB, tags, ending)
        assert not self.tick(MONTHS_SENSOR), "each content is requested once"

    @rule()
    def run_command(self) -> None:
        plan = self.plan()
        assert plan.reference == (self.model.labels != self.model.loaded_labels)
        if plan.reference:
            tags = input_tags(None, list_deliveries(self.raw), self.raw, self.lake)
            self.load_references(self.record_run(REFERENCE_JOB, tags, SUCCESS))
        else:
            assert set(plan.months) == {month for month in self.model.delivered if self.model.reason(month)}
        for month in plan.months:
            if self.model.reason(month):
                tags = input_tags(month, list_deliveries(self.raw), self.raw, self.lake)
                self.run_month(month, MONTH_JOB, tags, SUCCESS)
        self.refresh_marts()

    @rule()
    def refresh_marts(self) -> None:
        ledger = self.warehouse.read_ledger()
        stale = [state for state in find_mart_states(ledger) if state.reason]
        with self.warehouse.transaction(purpose="load") as transaction:
            for state in stale:
                mart = next(mart for mart in MONTHLY_MARTS if state.asset == f"mart/{mart.name}")
                version = compute_mart_version(mart, state.month, ledger_versions(ledger))
                record_loads(transaction, [LedgerEntry(mart.name, state.month, "", version, "run", 1)])
        self.model.marts |= {
            Month.parse(state.month): (self.model.held[Month.parse(state.month)], self.model.sql) for state in stale
        }

    # --- what they all say --------------------------------------------------------------------------------------------

    @invariant()
    def names_of_all_are_those_of_the_model(self) -> None:
        expected = {month: self.model.reason(month) for month in self.model.delivered}
        by_ledger, by_records = self.states(reads_files=True), self.states(by_records=True)
        for states in (by_ledger, by_records):
            assert {month: states.find_month(month).reason for month in expected} == expected
        issues = {
            (issue.month, issue.state, issue.reason) for issue in find_month_issues(by_records, self.daemon.instance)
        }
        assert issues == self.expected_issues()
        marts = {(state.month, state.reason) for state in find_mart_states(self.warehouse.read_ledger())}
        assert marts == {(month.key, self.model.mart_reason(month)) for month in self.model.held}

    def expected_issues(self) -> set[tuple[str, str, str]]:
        """The issues of the model's months, from the first delivered one to the last."""
        delivered, issues = sorted(self.model.delivered), set()
        for month in delivered[0].through(delivered[-1]) if delivered else ():
            reason = self.model.reason(month)
            state = FAILED if month in self.model.failed else NOT_LOADED if month in self.model.delivered else MISSING
            if reason:
                issues.add((month.key, state, reason.value))
        return issues

    def states(self, *, reads_files: bool = False, by_records: bool = False) -> AssetStates:
        """The states as sensors see them, by records, or as commands do, by the ledger."""
        instance = self.daemon.instance
        held = (
            HeldVersions.from_records(instance, self.warehouse)
            if by_records
            else HeldVersions.from_ledger(self.warehouse.read_ledger(), instance)
        )
        listing = list_deliveries(self.raw)
        return AssetStates(listing, self.raw, self.lake, held, find_failed_runs(instance), reads_files)

    def plan(self) -> Any:
        return plan_runs(
            self.raw, self.lake, self.warehouse, self.daemon.instance, first_month=MONTHS[0], last_month=MONTHS[-1]
        )

    # --- runs ---------------------------------------------------------------------------------------------------------

    def tick(self, sensor: str) -> list[dict[str, str]]:
        """Tick a sensor until its files have settled; return the tags of the runs that it requests."""
        requests: list[dg.RunRequest] = []
        for _ in range(2):
            result = self.daemon.evaluate_sensor(sensor, SETTLE_SECONDS)
            self.daemon.cursors[sensor] = result.cursor
            requests += result.run_requests or []
        return [dict(request.tags) for request in requests]

    def record_run(self, job: str, tags: dict[str, str], ending: str) -> str:
        status = dg.DagsterRunStatus.SUCCESS if ending == SUCCESS else dg.DagsterRunStatus.FAILURE
        return self.daemon.instance.add_run(dg.DagsterRun(job_name=job, tags=tags, status=status)).run_id

    def run_month(self, month: Month, job: str, tags: dict[str, str], ending: str) -> None:
        """Run a month, which ends as drawn."""
        run_id = self.record_run(job, {**tags, PARTITION_TAG: month.key}, ending)
        if ending != BEFORE_COMMIT:
            self.commit_month(month, run_id)
        if ending == SUCCESS:
            delivery = list_deliveries(self.raw).months[month]
            tags = {LISTING_TAG: delivery.listing_fingerprint(self.raw)}
            version = compute_month_version(delivery, self.raw, self.lake)
            self.daemon.materialize(f"warehouse/{immigration.name}", month.key, version, run_id, **tags)
            self.model.failed.discard(month)
        elif job == MONTH_JOB:
            self.model.failed.add(month)
        elif ending == AFTER_COMMIT:
            self.model.failed.discard(month)

    def commit_month(self, month: Month, run_id: str) -> None:
        """Stage a month in the lake, and load it into the ledger."""
        version = compute_month_version(list_deliveries(self.raw).months[month], self.raw, self.lake)
        for contract in STAGED_MONTH:
            self.commit(Dataset(f"staged/{contract.name}", month.key), run_id, version)
        self.record_load(immigration.name, month.key, version, run_id)
        self.model.held[month] = (self.model.delivered[month], self.model.loaded_labels)

    def load_references(self, run_id: str) -> None:
        self.daemon.commit_code_lists(list_deliveries(self.raw).references["i94_labels"].fingerprint(self.raw))
        for state in self.states().find_references():
            layer, _, table = state.asset.partition("/")
            if layer == "warehouse" and state.reason:
                for dataset in (f"warehouse/{table}", f"staged/{table}"):
                    self.commit(Dataset(dataset), run_id, state.current_version)
                self.record_load(table, "", state.current_version, run_id)
                self.daemon.materialize(state.asset, "", state.current_version, run_id)
        self.model.loaded_labels = self.model.labels

    def commit(self, dataset: Dataset, run_id: str, version: str) -> None:
        commit_files(self.lake, dataset, run_id, {"rows.csv": pa.table({"row": [1]})}, fingerprint=version)

    def record_load(self, table: str, month: str, version: str, run_id: str) -> None:
        with self.warehouse.transaction(purpose="load") as transaction:
            record_loads(transaction, [LedgerEntry(table, month, "", version, run_id, 1)])


@pytest.mark.parametrize("examples", [12, pytest.param(60, marks=pytest.mark.slow)])
def test_all_name_the_same_stale_assets_and_nothing_is_loaded_twice(examples: int) -> None:
    options = settings(max_examples=examples, stateful_step_count=12, deadline=None, database=None)
    run_state_machine_as_test(Sequences, settings=options)


def test_content_that_returns_with_its_old_time_after_a_load_by_hand_is_requested_again() -> None:
    deployment, month = Sequences(), MONTHS[0]
    deployment.deliver_references()
    deployment.deliver(month, "A")
    deployment.load_by_sensors(SUCCESS)
    deployment.deliver(month, "B")
    deployment.load_by_hand(month, ASSET_JOB, SUCCESS)
    deployment.deliver(month, "A")
    deployment.load_by_sensors(SUCCESS)
    assert deployment.model.reason(month) is None
    deployment.teardown()

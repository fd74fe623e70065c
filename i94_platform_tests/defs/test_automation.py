"""Test the automation: marts follow what was loaded by whatever means, then the correlations, then the release.

Incidents that these tests prevent: a failing run that is requested again and again, marts of months that were never
loaded, a mart that stays old because it was refreshed just before its fact, and twelve runs of the correlations for
twelve months.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import dagster as dg
import pytest

from i94_platform.contracts import MONTHLY_MARTS, PUBLISHED, WAREHOUSE, immigration
from i94_platform.defs.automation import marts_and_release
from i94_platform.defs.build import build_definitions
from i94_platform.defs.keys import to_key
from i94_platform.defs.sensors.unrecorded_loads import find_unrecorded_loads
from i94_platform.marts.rendering import source_tables
from i94_platform.settings import Settings
from i94_platform.staleness.job_names import CORRELATIONS_JOB, MARTS_JOB, MONTH_JOB, PUBLISH_JOB, REFERENCE_JOB
from i94_platform_tests.support.deployment import Deployment

FACT = "warehouse/immigration"
REFERENCE_TABLES = [f"warehouse/{contract.name}" for contract in WAREHOUSE if contract is not immigration]
MARTS = {f"mart/{mart.name}" for mart in MONTHLY_MARTS}
APRIL, MAY = "2016-04", "2016-05"


@cache
def build_graph() -> dg.Definitions:
    """Build the graph; its resources are not used."""
    return build_definitions(Settings())


@dataclass
class Daemon:
    """The evaluations of Dagster's daemon on one instance."""

    instance: dg.DagsterInstance
    graph: dg.Definitions = field(default_factory=build_graph)
    cursor: Any = None
    evaluations: int = 0

    def evaluate(self) -> list[str]:
        """Evaluate the conditions; return the requested runs, such as `marts 2016-04`."""
        result = dg.evaluate_automation_conditions(
            self.graph, self.instance, marts_and_release.asset_selection, cursor=self.cursor
        )
        self.cursor, self.evaluations = result.cursor, self.evaluations + 1
        months: dict[str | None, set[str]] = {}
        for key in self.graph.resolve_asset_graph().get_all_asset_keys():
            for month in result.get_requested_partitions(key):
                months.setdefault(month, set()).add(key.to_user_string())
        return sorted(_describe(month, assets) for month, assets in months.items())

    def evaluate_while(self, happening: Callable[[], None]) -> list[str]:
        """Evaluate the conditions while something happens, after the updates were read and before the runs are."""
        storage = self.instance.event_log_storage
        name = "get_latest_asset_partition_materialization_attempts_without_materializations"
        read = getattr(storage, name)

        def read_late(*arguments: Any, **options: Any) -> Any:
            patch.undo()
            happening()
            return read(*arguments, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(storage, name, read_late)
            return self.evaluate()

    def materialize(self, asset: str, *months: str) -> None:
        """Record materializations by some other run."""
        for month in months or (None,):
            self.instance.report_runless_asset_event(dg.AssetMaterialization(to_key(asset), partition=month))

    def start_run(self, job: str, month: str = "") -> dg.DagsterRun:
        """Record a run in progress."""
        tags = {"dagster/partition": month} if month else {}
        definition = self.graph.resolve_job_def(job)
        return self.instance.create_run_for_job(definition, tags=tags, status=dg.DagsterRunStatus.STARTED)

    def execute(self, request: str) -> None:
        """Record what a requested run materializes."""
        name, _, month = request.partition(" ")
        if name == "marts":
            for mart in MARTS:
                self.materialize(mart, month)
        elif name == "correlations":
            self.materialize("mart/correlations")
        else:
            for contract in PUBLISHED:
                self.materialize(f"published/{contract.name}")

    def evaluate_until_idle(self) -> list[str]:
        """Evaluate and execute what is requested, until two times nothing is; return the runs in their order."""
        requests: list[str] = []
        idle = 0
        while idle < 2:
            new_requests = self.evaluate()
            idle = 0 if new_requests else idle + 1
            for request in new_requests:
                self.execute(request)
            requests += new_requests
        return requests


def _describe(month: str | None, assets: set[str]) -> str:
    if month is not None:
        return f"{'marts' if assets == MARTS else ', '.join(sorted(assets))} {month}"
    # the run of one published table publishes all
    return {"mart/correlations": "correlations", "published/correlations": "release"}[", ".join(sorted(assets))]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance in which the reference tables are materialized, and no month."""
    with dg.DagsterInstance.ephemeral() as instance:
        for table in REFERENCE_TABLES:
            Daemon(instance).materialize(table)
        yield instance


@pytest.fixture
def released(instance: dg.DagsterInstance) -> Daemon:
    """A daemon that has evaluated once, after April was loaded and published by other runs."""
    daemon = Daemon(instance)
    daemon.materialize(FACT, APRIL)
    for run in (f"marts {APRIL}", "correlations", "release"):
        daemon.execute(run)
    assert daemon.evaluate() == []
    return daemon


@pytest.mark.slow
def test_twelve_deliveries_cause_twelve_runs_of_marts_one_of_correlations_and_one_release(
    instance: dg.DagsterInstance,
) -> None:
    daemon, months = Daemon(instance), [f"2016-{number:02d}" for number in range(1, 13)]
    loads = {month: daemon.start_run(MONTH_JOB, month) for month in months}
    assert daemon.evaluate() == [], "no month has a fact"
    requests: list[str] = []
    for number, (month, run) in enumerate(loads.items(), start=1):
        daemon.materialize(FACT, month)
        instance.report_run_canceled(run)  # whatever its end, the run is no more in progress
        if number % 4 == 0:
            requests += (new_requests := daemon.evaluate())
            for request in new_requests:
                daemon.execute(request)
    assert requests == [f"marts {month}" for month in months], "nothing is published in between"
    assert daemon.evaluate_until_idle() == ["correlations", "release"]
    assert daemon.evaluations == 1 + 3 + 4


def test_months_that_were_loaded_before_the_first_evaluation_get_their_marts(instance: dg.DagsterInstance) -> None:
    daemon = Daemon(instance)
    daemon.materialize(FACT, APRIL, MAY)
    daemon.execute(f"marts {APRIL}")
    assert f"marts {MAY}" in daemon.evaluate()


@pytest.mark.parametrize("table", ["country", "calendar"])
def test_a_reloaded_reference_table_refreshes_what_reads_it_in_loaded_months_only(released: Daemon, table: str) -> None:
    readers = sorted(f"mart/{mart.name}" for mart in MONTHLY_MARTS if table in source_tables(mart))
    released.materialize(f"warehouse/{table}")
    assert released.evaluate() == ([f"{', '.join(readers)} {APRIL}"] if readers else [])


def test_a_missing_reference_table_holds_back_what_reads_it_and_the_release() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = Daemon(instance)
        for table in {*REFERENCE_TABLES} - {"warehouse/state"}:
            daemon.materialize(table)
        daemon.materialize(FACT, APRIL)
        (request,) = daemon.evaluate()
        requested = request.removesuffix(f" {APRIL}").split(", ")
        assert set(requested) == {f"mart/{mart.name}" for mart in MONTHLY_MARTS if "state" not in source_tables(mart)}
        for mart in requested:
            daemon.materialize(mart, APRIL)
        daemon.materialize("mart/correlations")
        assert daemon.evaluate() == []


def test_changed_code_refreshes_the_mart_in_loaded_months_only(released: Daemon) -> None:
    changed = to_key("mart/origin_climate")
    released.graph = build_graph().map_asset_specs(
        func=lambda spec: spec.replace_attributes(code_version="changed") if spec.key == changed else spec
    )
    assert released.evaluate() == [f"mart/origin_climate {APRIL}"]
    assert released.evaluate() == [], "requested once"


def test_marts_that_another_run_refreshed_are_not_requested(released: Daemon) -> None:
    released.materialize(FACT, APRIL)
    released.execute(f"marts {APRIL}")
    assert released.evaluate_until_idle() == ["correlations", "release"]


def test_a_fact_that_is_loaded_just_after_its_marts_is_not_forgotten(released: Daemon) -> None:
    released.execute(f"marts {APRIL}")
    released.materialize(FACT, APRIL)
    assert released.evaluate() == [f"marts {APRIL}"]


def test_a_failed_run_is_not_repeated_until_its_month_is_loaded_again(released: Daemon) -> None:
    released.materialize(FACT, APRIL)
    assert released.evaluate() == [f"marts {APRIL}"]
    released.instance.report_run_failed(released.start_run(MARTS_JOB, APRIL))
    assert [released.evaluate(), released.evaluate()] == [[], []], "and nothing is published with stale marts"
    released.materialize(FACT, APRIL)
    assert released.evaluate() == [f"marts {APRIL}"]


def test_a_failed_release_is_not_repeated_until_a_table_changes(released: Daemon) -> None:
    for _ in range(2):
        released.materialize("warehouse/i94addr")
        assert released.evaluate() == ["release"]
        released.instance.report_run_failed(released.start_run(PUBLISH_JOB))
    assert [released.evaluate(), released.evaluate()] == [[], []]


def test_marts_whose_run_ends_during_an_evaluation_are_not_requested_again(released: Daemon) -> None:
    released.materialize(FACT, APRIL)
    run = released.start_run(MARTS_JOB, APRIL)  # of a person, or of `i94 run`
    assert released.evaluate() == []

    def end_run() -> None:
        released.execute(f"marts {APRIL}")
        released.instance.report_run_canceled(run)

    assert released.evaluate_while(end_run) == []
    assert released.evaluate() == ["correlations"]


def test_a_month_whose_load_ends_during_an_evaluation_gets_all_its_marts_at_once(released: Daemon) -> None:
    run = released.start_run(MONTH_JOB, APRIL)
    released.materialize("warehouse/country")
    assert released.evaluate() == [], "the marts that read it wait for the load"

    def end_run() -> None:
        released.materialize(FACT, APRIL)
        released.instance.report_run_canceled(run)

    assert released.evaluate_while(end_run) == []
    assert released.evaluate() == [f"marts {APRIL}"]


@pytest.mark.parametrize("job", [MONTH_JOB, MARTS_JOB])
def test_a_month_with_a_run_in_progress_waits_and_others_do_not(released: Daemon, job: str) -> None:
    run = released.start_run(job, APRIL)
    released.materialize("warehouse/country")
    released.materialize(FACT, MAY)
    (request,) = released.evaluate()
    assert request == f"marts {MAY}"
    released.execute(request)
    assert released.evaluate() == [], "correlations and release wait for April"
    released.instance.report_run_canceled(run)
    requests = [*released.evaluate(), *released.evaluate()]
    assert any(request.endswith(APRIL) for request in requests)
    assert "release" not in requests


def test_the_release_waits_for_runs_in_progress(released: Daemon) -> None:
    for job in (REFERENCE_JOB, CORRELATIONS_JOB, PUBLISH_JOB):
        run = released.start_run(job)
        released.materialize("warehouse/i94addr")
        assert [released.evaluate(), released.evaluate()] == [[], []], job
        released.instance.report_run_canceled(run)
        assert [*released.evaluate(), *released.evaluate()] == ["release"], job
        released.execute("release")


def test_marts_wait_for_the_reference_run(released: Daemon) -> None:
    run = released.start_run(REFERENCE_JOB)
    released.materialize(FACT, MAY)
    assert released.evaluate() == []
    released.instance.report_run_canceled(run)
    assert released.evaluate() == [f"marts {MAY}"]


def test_marts_and_correlations_of_the_command_line_are_not_requested(loaded_deployment: Deployment) -> None:
    assert Daemon(loaded_deployment.instance).evaluate() == ["release"], "the deployment is not published"


def test_a_new_history_with_the_loads_of_the_ledger_repeats_nothing_and_goes_on(loaded_deployment: Deployment) -> None:
    """As after the loss of Dagster's database; the deployment was never published, and loaded in one second."""
    ledger = [
        replace(entry, loaded_at="2026-01-01T00:00:00+00:00") for entry in loaded_deployment.warehouse.read_ledger()
    ]
    with dg.DagsterInstance.ephemeral() as new:
        daemon = Daemon(new)
        assert daemon.evaluate() == []
        for load in find_unrecorded_loads(ledger, loaded_deployment.lake, new):
            new.report_runless_asset_event(load)
        assert find_unrecorded_loads(ledger, loaded_deployment.lake, new) == []
        assert daemon.evaluate_until_idle() == ["release"]
        daemon.materialize(FACT, MAY)
        assert daemon.evaluate_until_idle() == [f"marts {MAY}", "correlations", "release"]

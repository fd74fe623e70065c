"""Test the sensor of reference files tick by tick, and when months wait for reference files."""

from __future__ import annotations

import json

import dagster as dg
import pytest

from i94_platform.sources.registry import REFERENCE_FILES
from i94_platform.staleness.job_names import REFERENCE_JOB
from i94_platform.staleness.run_inputs import DELIVERED_TAG
from i94_platform_tests.support.daemon_simulator import (
    FAILURE,
    MONTHS_SENSOR,
    REFERENCES_SENSOR,
    SETTLE_SECONDS,
    STARTED,
    DaemonSimulator,
)
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment

APRIL = "i94_apr16_sub.sas7bdat"
LABELS = REFERENCE_FILES["i94_labels"]


def test_months_wait_until_the_reference_files_are_loaded(empty: DaemonSimulator) -> None:
    empty.deliver(APRIL)
    assert empty.months_after_settling() == []
    assert empty.tick().skip_message == "Months wait: the reference files were never loaded."
    empty.deliver_references()
    assert empty.requested_months(after=0) == ["2016-04"], "the month had settled before"


def test_months_wait_for_a_changed_label_file_until_its_run_has_ended(local: DaemonSimulator) -> None:
    local.deliver(APRIL)
    local.deliver(LABELS, b"2")
    local.tick()
    tick = local.tick(after=SETTLE_SECONDS)
    assert tick.skip_message == "Months wait: the reference run has to load i94_labels first."
    local.tick(REFERENCES_SENSOR)
    (request,) = local.evaluate_sensor(REFERENCES_SENSOR, SETTLE_SECONDS).run_requests or ()
    local.launch_run(request, STARTED)
    run = local.instance.get_runs()[0].run_id
    for name, start in ((MONTHS_SENSOR, "Months wait: the reference run"), (REFERENCES_SENSOR, "The reference run")):
        assert local.tick(name).skip_message == f"{start} {run[:8]} is in progress."


def test_months_go_on_with_the_loaded_code_lists_after_a_failed_reference_run(local: DaemonSimulator) -> None:
    local.deliver(APRIL)
    local.deliver(LABELS, b"2")
    local.tick(REFERENCES_SENSOR)
    local.tick(REFERENCES_SENSOR, SETTLE_SECONDS, FAILURE)
    local.tick()
    assert local.requested_months() == ["2016-04"]
    run = local.instance.get_runs(dg.RunsFilter(job_name=REFERENCE_JOB))[0].run_id
    message = local.tick(REFERENCES_SENSOR).skip_message
    assert message == f"The reference run {run[:8]} failed; fix the cause and re-execute it, or run: i94 run."


def test_months_wait_for_a_failed_reference_run_that_has_loaded_no_code_lists(empty: DaemonSimulator) -> None:
    empty.deliver(APRIL)
    for file in REFERENCE_FILES.values():
        empty.deliver(file)
    empty.tick(REFERENCES_SENSOR)
    empty.tick(REFERENCES_SENSOR, SETTLE_SECONDS, FAILURE)
    assert empty.months_after_settling() == []
    assert "failed; fix the cause" in (empty.tick().skip_message or "")


def test_months_do_not_wait_for_other_reference_files(local: DaemonSimulator) -> None:
    local.deliver(APRIL)
    local.deliver(REFERENCE_FILES["airport_codes"], b"2")
    assert local.months_after_settling() == ["2016-04"]


def test_months_that_went_on_are_requested_again_with_the_newest_code_lists(local: DaemonSimulator) -> None:
    local.deliver(APRIL)
    local.deliver(LABELS, b"2")
    local.tick(REFERENCES_SENSOR)
    (request,) = local.tick(REFERENCES_SENSOR, SETTLE_SECONDS, FAILURE).run_requests or ()
    local.tick()
    assert local.requested_months() == ["2016-04"]
    local.record_run(REFERENCE_JOB, dict(request.tags), parent=local.instance.get_runs()[-1].run_id)
    assert local.requested_months() == ["2016-04"]
    assert local.tick(REFERENCES_SENSOR).skip_message == "The reference files are loaded in their newest content."


def test_months_wait_if_the_lake_was_emptied(local: DaemonSimulator) -> None:
    local.deliver(APRIL)
    local.lake.store.delete([file.path for file in local.lake.store.list()])
    message = local.tick().skip_message or ""
    assert message.startswith(f"Months wait: the lake at {local.lake.store.root} lacks lookup/")
    assert message.endswith("run: i94 run.")


def test_the_reference_run_is_requested_when_all_files_are_there_and_settled(empty: DaemonSimulator) -> None:
    *first, last = REFERENCE_FILES.values()
    for file in first:
        empty.deliver(file)
    message = empty.tick(REFERENCES_SENSOR).skip_message
    assert (
        message
        == f"Missing under {empty.raw.root}: {last}; the first reference run needs all {len(REFERENCE_FILES)} files."
    )
    empty.deliver(f"deep/{last}")
    assert "when they have settled" in (empty.tick(REFERENCES_SENSOR).skip_message or "")
    (request,) = empty.tick(REFERENCES_SENSOR, SETTLE_SECONDS).run_requests or ()
    assert json.loads(request.tags[DELIVERED_TAG]).keys() == REFERENCE_FILES.keys()
    assert empty.tick(REFERENCES_SENSOR).skip_message == "The reference files are loaded in their newest content."


def test_a_changed_reference_file_is_requested_once_and_again_when_it_changes_back(ticks: DaemonSimulator) -> None:
    for content in (b"2", b"1"):
        ticks.deliver(LABELS, content)
        assert not ticks.tick(REFERENCES_SENSOR).run_requests
        assert len(ticks.tick(REFERENCES_SENSOR, SETTLE_SECONDS).run_requests or ()) == 1
        assert not ticks.tick(REFERENCES_SENSOR, SETTLE_SECONDS).run_requests
    assert len(ticks.instance.get_runs()) == 3


def test_the_first_reference_run_waits_for_a_file_that_is_delivered_twice(empty: DaemonSimulator) -> None:
    for file in (*REFERENCE_FILES.values(), f"old/{LABELS}"):
        empty.deliver(file)
    assert f"2 files are called {LABELS}" in (empty.tick(REFERENCES_SENSOR).skip_message or "")


@pytest.mark.parametrize("is_missing", [True, False])
def test_a_missing_or_ambiguous_file_does_not_hold_back_a_changed_one(local: DaemonSimulator, is_missing: bool) -> None:
    if is_missing:
        local.raw.delete([REFERENCE_FILES["airport_codes"]])
    else:
        local.deliver(f"old/{REFERENCE_FILES['airport_codes']}")
    local.deliver(LABELS, b"2")
    local.tick(REFERENCES_SENSOR)
    assert len(local.tick(REFERENCES_SENSOR, SETTLE_SECONDS).run_requests or ()) == 1


def test_months_do_not_wait_for_a_reference_file_that_was_removed_after_its_run(local: DaemonSimulator) -> None:
    local.raw.delete([LABELS])
    local.deliver(APRIL)
    assert local.months_after_settling() == ["2016-04"]


# --- with real runs ---------------------------------------------------------------------------------------------------


def test_a_new_history_records_what_the_ledger_knows_and_requests_nothing(loaded_deployment: Deployment) -> None:
    """As after the loss of Dagster's database."""
    lost = DaemonSimulator(loaded_deployment.raw_store, loaded_deployment.lake, loaded_deployment.warehouse)
    assert not lost.tick(REFERENCES_SENSOR).asset_events, "the files may still arrive"
    tick = lost.tick(REFERENCES_SENSOR, SETTLE_SECONDS)
    assert not tick.run_requests
    recorded = {(event.asset_key.to_user_string(), event.partition) for event in tick.asset_events}
    lines = {(line.table_name, line.partition_key or None) for line in loaded_deployment.warehouse.read_ledger()}
    assert {(asset.partition("/")[2], month) for asset, month in recorded} == lines
    assert ("warehouse/immigration", SAMPLE_MONTH) in recorded
    for event in tick.asset_events:
        lost.instance.report_runless_asset_event(event)
    again = lost.tick(REFERENCES_SENSOR)
    assert (again.run_requests or [], again.asset_events) == ([], [])
    assert lost.months_after_settling() == ["2016-02"], "which is delivered and not loaded"

"""The embedded instance: runs whose process is gone are failed, other runs are left alone."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import JobFailureData, RunFailureReason
from dagster._core.instance.config import PoolGranularity
from dagster._core.storage.tags import WILL_RETRY_TAG, TagType, get_tag_type

from i94_platform.cli.console import ConsoleHandler
from i94_platform.defs.execution import STAGING_POOL
from i94_platform.operations.dagster_instance import (
    PROCESS_TAG,
    fail_unstarted_runs,
    persistent_instance,
    set_pool_limit,
)
from i94_platform.operations.job_runs import run_job
from i94_platform.processes import ProcessIdentity
from i94_platform.staleness.run_inputs import DELIVERED_TAG
from i94_platform_tests.support.dev import LOCATION
from i94_platform_tests.support.processes import start_and_end_process

GONE, HERE = "the process is gone", "the process runs"


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ({PROCESS_TAG: GONE}, dg.DagsterRunStatus.FAILURE),
        ({PROCESS_TAG: HERE}, dg.DagsterRunStatus.STARTED),
        ({}, dg.DagsterRunStatus.STARTED),
    ],
)
def test_only_a_run_whose_process_is_gone_is_failed(
    tmp_path: Path, tags: dict[str, str], status: dg.DagsterRunStatus
) -> None:
    pids = {GONE: str(start_and_end_process()), HERE: str(os.getpid())}
    run = dg.DagsterRun(
        job_name="month", status=dg.DagsterRunStatus.STARTED, tags={k: pids[v] for k, v in tags.items()}
    )
    with persistent_instance(tmp_path) as instance:
        instance.add_run(run)
    with persistent_instance(tmp_path) as instance:
        recorded = instance.get_run_by_id(run.run_id)
    assert recorded is not None
    assert recorded.status == status


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells an ended process from a running one")
def test_a_run_whose_process_is_a_zombie_is_failed(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # and nobody takes its exit code
    run = dg.DagsterRun(job_name="month", status=dg.DagsterRunStatus.STARTED, tags={PROCESS_TAG: str(process.pid)})
    with persistent_instance(tmp_path) as instance:
        instance.add_run(run)
    with persistent_instance(tmp_path) as instance:
        recorded = instance.get_run_by_id(run.run_id)
    assert process.wait() == 0
    assert recorded is not None
    assert recorded.status == dg.DagsterRunStatus.FAILURE


@pytest.mark.parametrize(
    ("process", "status"), [(GONE, dg.DagsterRunStatus.FAILURE), (HERE, dg.DagsterRunStatus.STARTED)]
)
def test_a_run_of_the_ui_whose_process_was_killed_is_failed_frees_its_slot_and_is_retried(
    tmp_path: Path, process: str, status: dg.DagsterRunStatus
) -> None:
    pid = start_and_end_process() if process == GONE else os.getpid()
    run = dg.DagsterRun(job_name="month", status=dg.DagsterRunStatus.STARTED)
    start_event = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, job_name="month", message="started", pid=pid)
    with persistent_instance(tmp_path) as instance:
        set_pool_limit(instance, STAGING_POOL, 1)
        instance.add_run(run)
        instance.report_dagster_event(start_event, run.run_id)
        assert instance.event_log_storage.claim_concurrency_slot(STAGING_POOL, run.run_id, "stage").is_claimed
    with persistent_instance(tmp_path) as instance:
        recorded = instance.get_run_by_id(run.run_id)
        assert recorded is not None
        assert recorded.status == status
        free = instance.event_log_storage.claim_concurrency_slot(STAGING_POOL, "another", "stage").is_claimed
        assert free == (process == GONE)
        assert recorded.tags.get(WILL_RETRY_TAG) == ("true" if process == GONE else None)


def test_a_run_that_was_launched_and_never_began_is_failed_and_retried_by_the_next_ui(tmp_path: Path) -> None:
    run = dg.DagsterRun(job_name="month", status=dg.DagsterRunStatus.STARTING)
    with persistent_instance(tmp_path) as instance:
        instance.add_run(run)
        fail_unstarted_runs(instance, tmp_path)
        recorded = instance.get_run_by_id(run.run_id)
    assert recorded is not None
    assert recorded.status == dg.DagsterRunStatus.FAILURE
    assert recorded.tags.get(WILL_RETRY_TAG) == "true"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells when a process began")
@pytest.mark.parametrize("change", ["another start", "another boot", "started after the run"])
def test_a_process_that_has_the_id_of_the_dead_one_does_not_keep_its_run(tmp_path: Path, change: str) -> None:
    this = ProcessIdentity.of_this_process()
    others = {"another start": replace(this, start="1"), "another boot": replace(this, boot="another")}
    run = dg.DagsterRun(
        job_name="month",
        status=dg.DagsterRunStatus.STARTED,
        tags={PROCESS_TAG: str(others[change])} if change in others else {},
    )
    with persistent_instance(tmp_path) as instance:
        set_pool_limit(instance, STAGING_POOL, 1)
        instance.add_run(run)
        if not run.tags:
            event = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, "month", message="started", pid=os.getpid())
            entry = dg.EventLogEntry(None, 20, "", run.run_id, 1e9, dagster_event=event)  # type: ignore[no-untyped-call]
            instance.handle_new_event(entry)
        assert instance.event_log_storage.claim_concurrency_slot(STAGING_POOL, run.run_id, "stage").is_claimed
    with persistent_instance(tmp_path) as instance:
        recorded = instance.get_run_by_id(run.run_id)
        assert recorded is not None
        assert recorded.status == dg.DagsterRunStatus.FAILURE
        assert instance.event_log_storage.claim_concurrency_slot(STAGING_POOL, "another", "stage").is_claimed


CLAIM_SLOT = """
import os, signal, sys
from pathlib import Path
import dagster as dg
from i94_platform.operations.dagster_instance import PROCESS_TAG, persistent_instance
from i94_platform.processes import ProcessIdentity

assert os.getpid() == 1
with persistent_instance(Path(sys.argv[1])) as instance:
    tags = {PROCESS_TAG: str(ProcessIdentity.of_this_process())}
    run = instance.add_run(dg.DagsterRun(job_name="month", status=dg.DagsterRunStatus.STARTED, tags=tags))
    print(instance.event_log_storage.claim_concurrency_slot("warehouse", run.run_id, "load").is_claimed, flush=True)
    signal.pause()
"""
IN_OWN_NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "-c", CLAIM_SLOT)


def can_create_namespaces() -> bool:
    """Whether this user may start a process as the first one of its own PID namespace, as a container does."""
    command = shutil.which("unshare")
    return (
        command is not None
        and subprocess.run([command, "-p", "-f", "--mount-proc", "true"], check=False).returncode == 0
    )


@pytest.mark.slow
@pytest.mark.skipif(not can_create_namespaces(), reason="PID namespaces need rights that this user lacks")
def test_the_first_process_of_a_container_frees_the_slot_of_the_one_before(tmp_path: Path) -> None:
    with persistent_instance(tmp_path) as instance:
        set_pool_limit(instance, "warehouse", 1)
    claims = []
    for _ in range(2):
        with subprocess.Popen([*IN_OWN_NAMESPACE, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            claims.append(process.stdout.readline().strip())
            process.kill()
    assert claims == ["True", "True"]


def test_a_re_execution_is_not_judged_by_the_process_of_its_first_run(tmp_path: Path) -> None:
    """The daemon retries a run of a command that was killed, and Dagster copies the tags."""
    run = dg.DagsterRun(
        job_name="month",
        status=dg.DagsterRunStatus.STARTED,
        tags={PROCESS_TAG: str(start_and_end_process())},
        root_run_id="first",
        parent_run_id="first",
    )
    event = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, "month", message="started", pid=os.getpid())
    statuses = []
    with persistent_instance(tmp_path) as instance:
        instance.add_run(run)
    for events in ([event], []):
        with persistent_instance(tmp_path) as instance:
            statuses += [recorded.status for recorded in instance.get_runs()]
            for event in events:
                instance.report_dagster_event(event, run.run_id)
    assert statuses == [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTED]


def test_a_slot_that_an_ended_run_holds_is_freed(tmp_path: Path) -> None:
    run = dg.DagsterRun(job_name="month", status=dg.DagsterRunStatus.CANCELED)
    with persistent_instance(tmp_path) as instance:
        set_pool_limit(instance, STAGING_POOL, 1)
        instance.add_run(run)
        assert instance.event_log_storage.claim_concurrency_slot(STAGING_POOL, run.run_id, "stage").is_claimed
    with persistent_instance(tmp_path) as instance:
        assert instance.event_log_storage.claim_concurrency_slot(STAGING_POOL, "another", "stage").is_claimed


def test_a_warning_within_a_step_is_in_the_log_of_its_run_and_once_on_the_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logger, handler = logging.getLogger("i94_platform.warehouse.duckdb"), ConsoleHandler()

    @dg.asset
    def waits() -> None:
        logger.warning("held by %s", "python3.11 (PID 7)")

    @dg.asset(deps=[waits])
    def waits_again() -> None:
        waits()

    job = dg.Definitions([waits, waits_again], executor=dg.in_process_executor).resolve_implicit_global_asset_job_def()
    logging.getLogger().addHandler(handler)
    try:
        with persistent_instance(tmp_path) as instance:
            result = run_job(job, instance)
            messages = [entry.user_message for entry in instance.all_logs(result.run_id)]
    finally:
        logging.getLogger().removeHandler(handler)
    assert messages.count("held by python3.11 (PID 7)") == 2
    assert [line for line in capsys.readouterr().err.splitlines() if "held" in line] == [
        "WARNING held by python3.11 (PID 7)"
    ]


def test_the_page_of_a_job_finds_the_runs_of_the_command_line() -> None:
    @dg.asset
    def table() -> None: ...

    job = dg.Definitions([table]).resolve_implicit_global_asset_job_def()
    location = "{repositoryName}@{repositoryLocationName}".format_map(LOCATION)
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_job(job, instance)
        (run,) = instance.get_runs(dg.RunsFilter(job_name=job.name, tags={".dagster/repository": location}))
    assert run.run_id == result.run_id


def test_the_embedded_instance_limits_concurrency_and_ends_runs_that_hang(tmp_path: Path) -> None:
    with persistent_instance(tmp_path) as instance:
        concurrency = instance.get_concurrency_config()
        assert concurrency.pool_config.default_pool_limit == 1, "loads take turns"
        assert concurrency.pool_config.pool_granularity == PoolGranularity.OP, "staging goes on meanwhile"
        assert concurrency.run_queue_config is not None
        assert concurrency.run_queue_config.max_concurrent_runs == 2
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_runtime_seconds == 7200
        assert (instance.run_retries_enabled, instance.run_retries_max_retries) == (True, 2)
        assert not instance.run_retries_retry_on_asset_or_op_failure, "steps retry by themselves what may pass"


def test_a_run_is_retried_if_its_process_was_lost_and_not_if_a_step_failed(tmp_path: Path) -> None:
    with persistent_instance(tmp_path) as instance:
        lost, failed = (
            instance.add_run(dg.DagsterRun(job_name="month", status=dg.DagsterRunStatus.STARTED)) for _ in range(2)
        )
        instance.report_run_failed(lost, message="The process that ran this was ended from outside.")
        instance.report_run_failed(
            failed, "a step failed", JobFailureData(error=None, failure_reason=RunFailureReason.STEP_FAILURE)
        )
        tags = [recorded.tags for run in (lost, failed) if (recorded := instance.get_run_by_id(run.run_id))]
    assert [of_run[WILL_RETRY_TAG] for of_run in tags] == ["true", "false"]


def test_the_limit_of_a_pool_is_remembered_and_holds_over_all_runs(tmp_path: Path) -> None:
    for most in (1, 3):
        with persistent_instance(tmp_path) as instance:
            set_pool_limit(instance, STAGING_POOL, most)
        with persistent_instance(tmp_path) as instance:
            claimed = [
                instance.event_log_storage.claim_concurrency_slot(STAGING_POOL, f"run {n}", "stage") for n in range(4)
            ]
            assert sum(claim.is_claimed for claim in claimed) == most
            for n in range(4):
                instance.event_log_storage.free_concurrency_slots_for_run(f"run {n}")


def test_an_existing_home_keeps_its_configuration(tmp_path: Path) -> None:
    with persistent_instance(tmp_path):
        pass
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n# mine\n")
    with persistent_instance(tmp_path) as instance:
        assert not instance.telemetry_enabled
    assert "# mine" in (tmp_path / "dagster.yaml").read_text()


@pytest.mark.parametrize("tag", [PROCESS_TAG, DELIVERED_TAG])
def test_the_ui_hides_a_tag_that_only_the_platform_reads(tmp_path: Path, tag: str) -> None:
    assert get_tag_type(tag) == TagType.HIDDEN  # type: ignore[no-untyped-call]
    run = dg.DagsterRun(job_name="month", status=dg.DagsterRunStatus.FAILURE, tags={tag: "1"})
    with persistent_instance(tmp_path) as instance:
        instance.add_run(run)
        assert [stored.run_id for stored in instance.get_runs(dg.RunsFilter(tags={tag: "1"}))] == [run.run_id]

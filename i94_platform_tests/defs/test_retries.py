"""Pins what is tried again: what may pass by itself, later and later, and nothing else.

A wrong file that was tried four times kept a month busy for minutes, and ten runs that lost one lock together asked for
it together again. And a run that failed goes on where it failed: when nothing was kept on disk between steps, Dagster
refused, and so did every run that it started again after its process was lost.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from i94_platform.defs import execution
from i94_platform.defs.build import build_definitions
from i94_platform.defs.execution import RETRIES, raise_dagster_failures
from i94_platform.errors import PermanentError, TransientError
from i94_platform.partitions import Month
from i94_platform.settings import Settings
from i94_platform.staleness.job_names import MONTH_JOB
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment

QUICK = dg.RetryPolicy(max_retries=3, delay=0.02, backoff=RETRIES.backoff, jitter=RETRIES.jitter)


def failing(failures: list[Exception]) -> None:
    with raise_dagster_failures():
        if failures:
            raise failures.pop()


def an_asset(failures: list[Exception]) -> Any:
    @dg.asset
    def part() -> None:
        failing(failures)

    return part


def several_assets(failures: list[Exception]) -> Any:
    @dg.multi_asset(specs=[dg.AssetSpec("one"), dg.AssetSpec("other")])
    def part() -> Iterator[dg.MaterializeResult[Any]]:
        failing(failures)
        yield dg.MaterializeResult("one")
        yield dg.MaterializeResult("other")

    return part


def a_check(failures: list[Exception]) -> Any:
    @dg.asset_check(asset="something")
    def part() -> dg.AssetCheckResult:
        failing(failures)
        return dg.AssetCheckResult(passed=True)

    return part


def outcome(made: Any) -> tuple[bool, list[float]]:
    """Whether a run of it succeeded, and the seconds that it waited between its attempts."""
    checks = [made] if isinstance(made, dg.AssetChecksDefinition) else []
    definitions = dg.Definitions(assets=[] if checks else [made], asset_checks=checks)
    job = definitions.resolve_implicit_global_asset_job_def()
    done = job.execute_in_process(raise_on_error=False)
    again = [event for event in done.all_events if event.event_type == dg.DagsterEventType.STEP_UP_FOR_RETRY]
    return done.success, [float(event.step_retry_data.seconds_to_wait or 0) for event in again]


@pytest.mark.parametrize("make", [an_asset, several_assets, a_check])
def test_what_may_pass_is_tried_again_later_and_later(
    make: Callable[[list[Exception]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "RETRIES", QUICK)
    succeeded, waits = outcome(make([TransientError("busy")] * 3))
    assert succeeded
    assert [round(wait / (QUICK.delay or 1)) for wait in waits] == pytest.approx([1, 3, 7], abs=1)
    assert len({wait / (2**n - 1) for n, wait in enumerate(waits, 1)}) == 3, "no two wait by one clock"


def test_it_is_given_up_in_the_end_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "RETRIES", QUICK)
    left: list[Exception] = [TransientError("busy")] * 9
    assert outcome(an_asset(left))[0] is False
    assert len(left) == 5, "tried once, and three times again"


@pytest.mark.parametrize("failure", [PermanentError("a column is missing"), KeyError("a mistake")])
def test_what_fails_again_with_the_same_input_is_tried_once(failure: Exception) -> None:
    left = [failure] * 3
    assert outcome(an_asset(left)) == (False, [])
    assert len(left) == 2


def month_job() -> dg.JobDefinition:
    """The job of a month for the deployment in the environment."""
    return build_definitions(Settings.from_env()).resolve_job_def(MONTH_JOB)


def test_a_run_goes_on_where_it_failed(
    loaded_deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    for name, value in deployment.environment.items():
        monkeypatch.setenv(name, value)
    file = deployment.raw / f"{Month.parse(SAMPLE_MONTH).file_stem}.parquet"
    whole, before = file.read_bytes(), deployment.state()
    job, tags = dg.reconstructable(month_job), {"dagster/partition": SAMPLE_MONTH}
    with dg.DagsterInstance.local_temp(str(tmp_path)) as history:
        file.write_bytes(whole[:-1_000])
        failed = dg.execute_job(job, history, tags=tags)
        file.write_bytes(whole)
        options = dg.ReexecutionOptions.from_failure(failed.run_id, history)
        with dg.execute_job(job, history, tags=tags, reexecution_options=options) as again:
            assert again.success
            steps = {event.step_key for event in again.all_events if event.is_step_success}
    assert not failed.success
    assert "staged_immigration" in steps
    assert "raw__immigration" not in steps, "it had succeeded"
    assert deployment.state() == before

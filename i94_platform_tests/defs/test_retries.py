"""Test retries and re-executions: transient errors are retried with growing waits, permanent ones never.

Incidents: a wrong file was tried four times, which took minutes; ten runs that failed to get one lock retried at the
same moment; a failed run could not continue, because Dagster's IO manager had nothing on disk.
"""

import errno
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
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


def raise_next(failures: list[Exception]) -> None:
    with raise_dagster_failures():
        if failures:
            raise failures.pop()


def build_asset(failures: list[Exception]) -> Any:
    @dg.asset
    def part() -> None:
        raise_next(failures)

    return part


def build_multi_asset(failures: list[Exception]) -> Any:
    @dg.multi_asset(specs=[dg.AssetSpec("one"), dg.AssetSpec("other")])
    def part() -> Iterator[dg.MaterializeResult[Any]]:
        raise_next(failures)
        yield dg.MaterializeResult("one")
        yield dg.MaterializeResult("other")

    return part


def build_check(failures: list[Exception]) -> Any:
    @dg.asset_check(asset="something")
    def part() -> dg.AssetCheckResult:
        raise_next(failures)
        return dg.AssetCheckResult(passed=True)

    return part


def run_with_retries(definition: Any) -> tuple[bool, list[float]]:
    """Run an asset or a check; return whether the run succeeded, and the seconds of each wait before a retry."""
    checks = [definition] if isinstance(definition, dg.AssetChecksDefinition) else []
    definitions = dg.Definitions(assets=[] if checks else [definition], asset_checks=checks)
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(raise_on_error=False)
    retries = [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_UP_FOR_RETRY]
    return result.success, [float(event.step_retry_data.seconds_to_wait or 0) for event in retries]


@pytest.mark.parametrize("build", [build_asset, build_multi_asset, build_check])
def test_a_transient_error_is_retried_with_growing_waits(
    build: Callable[[list[Exception]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "RETRIES", QUICK)
    succeeded, waits = run_with_retries(build([TransientError("busy")] * 3))
    assert succeeded
    assert [round(wait / (QUICK.delay or 1)) for wait in waits] == pytest.approx([1, 3, 7], abs=1)
    assert len({wait / (2**n - 1) for n, wait in enumerate(waits, 1)}) == 3, "the jitter makes the waits differ"


def test_a_transient_error_fails_the_run_after_three_retries_and_warns_of_each(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(execution, "RETRIES", QUICK)
    failures: list[Exception] = [TransientError("busy")] * 9
    assert run_with_retries(build_asset(failures))[0] is False
    assert len(failures) == 9 - 4
    warnings = [record.getMessage() for record in caplog.records if record.name == execution.__name__]
    assert len(warnings) == 3
    assert all(message.startswith("busy part is tried again in ") for message in warnings)


@pytest.mark.parametrize("failure", [PermanentError("a column is missing"), KeyError("a mistake")])
def test_a_permanent_error_and_a_bug_are_not_retried(failure: Exception) -> None:
    failures = [failure] * 3
    assert run_with_retries(build_asset(failures)) == (False, [])
    assert len(failures) == 2


def test_an_error_of_a_library_is_a_failure_in_one_sentence_and_a_fault_is_said_to_be_one() -> None:
    with pytest.raises(dg.Failure, match="/data/lake: the disk is full") as failure:
        raise_next([OSError(errno.ENOSPC, "no space", "/data/lake")])
    assert failure.value.allow_retries is False
    with pytest.raises(dg.Failure, match=r"KeyError at .*fault of i94") as failure:
        raise_next([KeyError("55455455033")])
    assert "55455455033" not in str(failure.value.description)
    cause = failure.value.__cause__
    assert cause is not None
    assert traceback.extract_tb(cause.__traceback__)[-1].name == "raise_next", "the log has the traceback"


@pytest.mark.parametrize(
    "error",
    [
        duckdb.ConversionException("Could not convert string '55455455033x' to INT32"),
        pa.ArrowInvalid("CSV parse error: Expected 28 columns, got 29: 55455455033,NYC"),
        ValueError("invalid literal for int() with base 10: '55455455033x'"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_log_quotes_a_delivered_value_from_the_message_of_a_library(error: Exception) -> None:
    translated = PermanentError("A file can't be read; correct what was delivered.")
    translated.__cause__ = error
    in_context = PermanentError("A file can't be read.")
    in_context.__context__ = error
    for failing in (error, translated, in_context):
        with pytest.raises(dg.Failure) as failure:
            raise_next([failing])
        assert "55455455033" not in "".join(traceback.format_exception(failure.value))


def month_job() -> dg.JobDefinition:
    """Build the job of a month for the deployment in the environment."""
    return build_definitions(Settings.from_env()).resolve_job_def(MONTH_JOB)


@pytest.mark.slow
def test_a_re_execution_continues_where_the_run_failed(
    loaded_deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    for name, value in deployment.environment.items():
        monkeypatch.setenv(name, value)
    file = deployment.raw / f"{Month.parse(SAMPLE_MONTH).file_stem}.parquet"
    whole, before = file.read_bytes(), deployment.state()
    job, tags = dg.reconstructable(month_job), {"dagster/partition": SAMPLE_MONTH}
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        file.write_bytes(whole[:-1_000])
        failed = dg.execute_job(job, instance, tags=tags)
        file.write_bytes(whole)
        options = dg.ReexecutionOptions.from_failure(failed.run_id, instance)
        with dg.execute_job(job, instance, tags=tags, reexecution_options=options) as re_executed:
            assert re_executed.success
            steps = {event.step_key for event in re_executed.all_events if event.is_step_success}
    assert not failed.success
    assert "staged_immigration" in steps
    assert "raw__immigration" not in steps, "it had succeeded before"
    assert deployment.state() == before

"""Test that `i94 doctor --deep` does in small what a run does, leaves nothing behind, and finds what fails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
import pytest

from i94_platform import progress
from i94_platform.contracts import i94mode
from i94_platform.engine.duckdb import DuckDBEngine
from i94_platform.operations import doctor_deep
from i94_platform_tests.emulators.redshift.emulator import RedshiftEmulator
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.emulators.s3_roles import CLOCK_BEHIND, COPY, IGNORES_CONDITIONS, PLATFORM, SERVE, SPARK
from i94_platform_tests.support.command import CommandResult, run_command, run_command_in_process
from i94_platform_tests.support.deployment import Deployment
from i94_platform_tests.support.fake_connect import fake_connect_server
from i94_platform_tests.support.spark import JARS, s3_spark_skip_reason, spark_skip_reason, start_connect_server


def deep(deployment: Deployment, **environment: str) -> CommandResult:
    return run_command_in_process({**deployment.environment, **environment}, "doctor", "--deep")


def lines(result: CommandResult, subject: str) -> list[str]:
    """The findings about a subject, without the blanks between."""
    return [" ".join(line.split()) for line in result.output.splitlines() if line[2:].startswith(f"{subject} ")]


@pytest.fixture
def embedded(loaded_deployment: Deployment, tmp_path: Path) -> Deployment:
    return loaded_deployment.copy(tmp_path)


def test_the_embedded_deployment_is_tried_out_and_left_as_it_was(embedded: Deployment) -> None:
    def list_files() -> set[Path]:
        return {path for path in Path(embedded.settings.home).rglob("*") if path.is_file()}

    files, tables = list_files(), embedded.fingerprint_tables()
    result = deep(embedded)
    assert result.exit_code == 0, result.output
    assert [line[:1] for line in lines(result, "lake")] == ["✓", "✓"]
    assert lines(result, "engine")[0].startswith("✓ engine duckdb staged 3 of 3 rows")
    assert lines(result, "warehouse")[0].startswith(f"✓ warehouse {embedded.warehouse.address} loaded a row")
    assert not lines(result, "clock"), "everything is on this machine"
    assert (list_files(), embedded.fingerprint_tables()) == (files, tables)


def test_without_the_option_nothing_is_tried_out(embedded: Deployment) -> None:
    output = run_command_in_process(embedded.environment, "doctor").output
    assert "✓ I94_LAKE" in output
    assert "staged 3" not in output


def test_a_file_system_without_locks_is_reported(embedded: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filelock.FileLock, "_acquire", lambda self: setattr(self._context, "lock_file_fd", 0))
    monkeypatch.setattr(filelock.FileLock, "_release", lambda self: setattr(self._context, "lock_file_fd", None))
    result = deep(embedded)
    assert result.exit_code == 1
    assert "✗ lake" in result.output
    assert "lets two processes hold one lock" in result.output


def test_a_step_that_takes_long_says_so(embedded: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "INTERVAL_SECONDS", 0.02)
    monkeypatch.setattr(DuckDBEngine, "register_table", lambda *arguments: time.sleep(0.2))
    assert "engine: staging a few rows, 0 s" in deep(embedded).output


def test_an_engine_whose_files_do_not_reach_the_lake_is_reported(
    embedded: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a Spark server on another machine does with a lake in a folder of this one."""
    monkeypatch.setattr(DuckDBEngine, "write", lambda *arguments: None)
    result = deep(embedded)
    assert result.exit_code == 1
    assert lines(result, "engine")[0].startswith("✗ engine duckdb wrote ")


def test_a_spark_server_of_another_version_stages_nothing(embedded: Deployment) -> None:
    with fake_connect_server("3.5.6") as address:
        # not in this process, which may have a session of Spark
        result = run_command({**embedded.environment, "I94_ENGINE": address}, "doctor", "--deep")
    assert result.exit_code == 1
    assert "3.5.6" in lines(result, "engine")[0]
    assert lines(result, "engine")[0].startswith("✗")


@pytest.mark.slow
def test_a_session_of_spark_stages_a_few_rows(embedded: Deployment, tmp_path: Path) -> None:
    if reason := spark_skip_reason():
        pytest.skip(reason)
    with start_connect_server(tmp_path) as address:
        result = run_command({**embedded.environment, "I94_ENGINE": address}, "doctor", "--deep")
    assert lines(result, "engine")[0].startswith(f"✓ engine {address} staged 3 of 3 rows"), result.output
    assert "engine: staging a few rows" in result.output, "the first query of a server takes seconds"
    assert not list(Path(embedded.settings.lake, "scratch").rglob("*.parquet"))


# --- on S3 and Redshift -----------------------------------------------------------------------------------------------


@pytest.fixture
def on_aws(s3: S3Server, redshift_emulator: RedshiftEmulator, tmp_path: Path, monkeypatch: Any) -> Deployment:
    """An empty deployment as in the template, with the platform's role and that of Redshift."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", PLATFORM)
    bucket, role = s3.create_bucket(), f"arn:aws:iam::123456789012:role/{COPY}"
    deployment = Deployment(
        tmp_path,
        raw=f"s3://{bucket}/raw",
        lake=f"s3://{bucket}/lake",
        warehouse=redshift_emulator.address(redshift_emulator.create_database(), iam_role=role),
        s3_endpoint=s3.endpoint,
    )
    deployment.warehouse.create_tables()
    return deployment


def list_objects(server: S3Server, deployment: Deployment) -> list[str]:
    bucket = deployment.settings.lake.split("/")[2]
    return [item["Key"] for item in server.create_client().list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_the_roles_of_the_template_suffice_and_nothing_is_left(on_aws: Deployment, s3: S3Server) -> None:
    result = deep(on_aws)
    assert lines(result, "lake") == [
        f"✓ lake {on_aws.settings.lake} can be written, and obeys If-None-Match and If-Match"
    ]
    assert [line[:1] for name in ("engine", "clock", "warehouse") for line in lines(result, name)] == ["✓"] * 4
    assert list_objects(s3, on_aws) == []
    assert on_aws.query(f"SELECT * FROM {i94mode.fullname}") == []


@pytest.mark.slow
def test_the_role_of_spark_suffices_for_what_spark_does_on_s3(on_aws: Deployment, s3: S3Server) -> None:
    if reason := s3_spark_skip_reason():
        pytest.skip(reason)
    spark = {"I94_ENGINE": "local[*]", "I94_SPARK_JARS": JARS}
    result = run_command({**on_aws.environment, **spark}, "doctor", "--deep")
    assert lines(result, "engine")[-1].startswith("✓ engine local[*] staged 3 of 3 rows"), result.output
    decisions = {(action, decision) for role, action, decision in s3.read_permissions() if role == SPARK}
    assert ("s3:PutObject", "allowed") in decisions
    assert [action for action, decision in decisions if decision == "denied"] == []
    assert [key for key in list_objects(s3, on_aws) if not key.endswith("/")] == [], "Hadoop leaves markers of folders"


def test_a_role_that_may_not_copy_is_reported_with_its_cause(
    on_aws: Deployment, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = on_aws.settings.warehouse.replace(COPY, SERVE)  # reads releases only
    result = deep(on_aws, I94_WAREHOUSE=warehouse)
    assert result.exit_code == 1
    (line,) = lines(result, "warehouse")
    assert line.startswith("✗ warehouse Redshift can't read s3://")
    assert "Access Denied" in line
    assert list_objects(s3, on_aws) == []


def test_a_role_that_may_not_unload_is_reported(on_aws: Deployment, redshift_emulator: RedshiftEmulator) -> None:
    redshift_emulator.fail("UNLOAD", "S3ServiceException:Access Denied,Status 403")
    (line,) = lines(deep(on_aws), "warehouse")
    assert line.startswith("✗ warehouse Redshift can't write s3://")


def test_a_store_that_ignores_conditions_is_reported(on_aws: Deployment) -> None:
    result = deep(on_aws, AWS_ACCESS_KEY_ID=IGNORES_CONDITIONS)
    assert result.exit_code == 1
    assert lines(result, "lake")[0].startswith(
        f"✗ lake {on_aws.settings.lake} ignores If-None-Match and If-Match, so two runs could hold one lock"
    )


def test_who_may_not_write_the_lake_is_reported(on_aws: Deployment) -> None:
    assert "access is denied" in lines(deep(on_aws, AWS_ACCESS_KEY_ID=SERVE), "lake")[0]


def test_a_clock_of_s3_that_differs_is_reported(on_aws: Deployment) -> None:
    result = deep(on_aws, AWS_ACCESS_KEY_ID=CLOCK_BEHIND)
    assert result.exit_code == 1
    of_s3, of_redshift = lines(result, "clock")
    assert of_s3.startswith("✗ clock the clock of this machine is ")
    assert f"s ahead of that of {on_aws.settings.raw.removesuffix('/raw')}" in of_s3
    assert of_redshift.startswith("✓")


@contextmanager
def own_clock(seconds: float, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the clock of the check forward; S3's signatures keep the right time."""
    with monkeypatch.context() as patch:
        now = time.time
        clock = type("clock", (), {"time": staticmethod(lambda: now() + seconds), "monotonic": time.monotonic})
        patch.setattr(doctor_deep, "time", clock)
        yield


@pytest.mark.parametrize(("seconds", "side"), [(-600, "behind"), (600, "ahead of")])
def test_a_clock_of_this_machine_that_is_wrong_is_reported(
    on_aws: Deployment, monkeypatch: pytest.MonkeyPatch, seconds: float, side: str
) -> None:
    with own_clock(seconds, monkeypatch):
        findings = lines(deep(on_aws), "clock")
    assert len(findings) == 2
    assert all(
        line.startswith("✗ clock the clock of this machine is ") and f" s {side} that of " in line for line in findings
    )

"""What a command says of damaged files, wrong folders and errors of libraries: one sentence, and the documented code.

Incidents: a code list whose manifest was cut off was healed by no `i94 run`; a home that is a file, a low memory limit
and a damaged database ended in tracebacks; a mistyped variable sent the data elsewhere without a word.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from i94_platform import settings as settings_module
from i94_platform.cli import main as cli
from i94_platform.lake.datasets import Dataset
from i94_platform.lake.releases import RELEASE
from i94_platform.unknown_variables import find_unknown_variables
from i94_platform_tests.cli.command_line import I94, CommandOutput
from i94_platform_tests.support.command import run_command
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment

STAGED = Dataset("staged/immigration", SAMPLE_MONTH)


@pytest.fixture
def deployment(loaded_deployment: Deployment, tmp_path: Path) -> Deployment:
    """Return a copy of a loaded deployment with the delivery of the one month that is loaded."""
    copy = loaded_deployment.copy(tmp_path / "copy")
    (copy.raw / "i94_feb16_sub.parquet").unlink()
    return copy


def message_of(output: CommandOutput, exit_code: int) -> str:
    """Return what a command printed on standard error, as one line; it must be no traceback."""
    assert output.exit_code == exit_code, output.err
    assert "Traceback" not in output.err
    return " ".join(output.err.split())


def content_of(deployment: Deployment) -> tuple[object, object]:
    """Return the content of every table and dataset."""
    manifests = {name: (version, rows) for name, (version, rows, _) in deployment.read_manifests().items()}
    return deployment.fingerprint_tables(), manifests


@pytest.mark.slow
def test_damaged_manifests_are_named_and_healed_by_the_next_run(
    i94: I94, deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    assert i94("run", **deployment.environment).exit_code == 0
    before = content_of(deployment)
    datasets = (
        Dataset("lookup/i94port"),
        Dataset("staged/airport_codes"),
        STAGED,
        Dataset("staged/immigration_quarantine", SAMPLE_MONTH),
        Dataset("staged/immigration_unreadable", SAMPLE_MONTH),
        Dataset("warehouse/country"),
        RELEASE,
    )
    paths = [Path(deployment.lake.store.uri(dataset.manifest_path)) for dataset in datasets]
    for path in paths:
        path.write_bytes(path.read_bytes()[:-20])
    assert i94("status", **deployment.environment).exit_code == 0
    assert all(deployment.lake.store.uri(dataset.manifest_path) in caplog.text for dataset in (STAGED, RELEASE))
    doctor = i94("doctor", **deployment.environment)
    assert doctor.exit_code == 1
    assert all(str(path) in doctor.out for path in paths)
    healed = i94("run", **deployment.environment)
    assert healed.exit_code == 0, healed.err
    assert content_of(deployment) == before
    assert i94("doctor", **deployment.environment).exit_code == 0


@pytest.mark.slow
def test_damaged_manifests_of_derived_tables_are_healed_by_the_next_run(i94: I94, deployment: Deployment) -> None:
    assert i94("run", **deployment.environment).exit_code == 0
    before = content_of(deployment)
    for name in ("warehouse/state", "mart/correlations"):
        deployment.lake.store.put(Dataset(name).manifest_path, b"{")
    assert i94("run", **deployment.environment).exit_code == 0
    assert content_of(deployment) == before


@pytest.mark.slow
def test_missing_files_are_named_and_made_again_by_the_next_run(
    i94: I94, deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    assert i94("run", **deployment.environment).exit_code == 0
    before = content_of(deployment)
    files = [Path(deployment.manifest(*names).urls[0]) for names in (("lookup/i94port",), (STAGED.name, SAMPLE_MONTH))]
    for file in files:
        file.unlink()
    doctor = i94("doctor", **deployment.environment)
    assert doctor.exit_code == 1
    assert all(f"✗ manifests      {file} is missing; run: i94 run --" in doctor.out for file in files)
    assert i94("run", **deployment.environment).exit_code == 0
    assert all(str(file) in caplog.text for file in files)
    assert content_of(deployment) == before


@pytest.mark.slow
def test_an_altered_code_list_stops_a_month_until_the_command_of_the_message_is_called(
    i94: I94, deployment: Deployment
) -> None:
    assert i94("run", **deployment.environment).exit_code == 0
    before, file = content_of(deployment), Path(deployment.manifest("lookup/i94mode").urls[0])
    file.write_bytes(file.read_bytes().replace(b"Air", b"Sea"))
    message = message_of(i94("run", "-m", SAMPLE_MONTH, **deployment.environment), 1)
    assert str(file) in message
    assert "i94 run --select lookup/i94mode" in message
    assert i94("run", "--select", "lookup/i94mode", **deployment.environment).exit_code == 0
    assert i94("run", "-m", SAMPLE_MONTH, **deployment.environment).exit_code == 0
    assert content_of(deployment) == before


def test_a_staged_file_that_was_altered_at_the_same_length_is_not_loaded(i94: I94, deployment: Deployment) -> None:
    file = Path(deployment.manifest(STAGED.name, SAMPLE_MONTH).urls[0])
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    before = deployment.fingerprint_tables()
    load = i94("run", "-m", SAMPLE_MONTH, "--select", "warehouse/immigration", **deployment.environment)
    message = message_of(load, 1)
    assert str(file) in message
    assert f"i94 run --month {SAMPLE_MONTH}" in message
    assert deployment.fingerprint_tables() == before
    assert i94("run", "-m", SAMPLE_MONTH, **deployment.environment).exit_code == 0


@pytest.mark.parametrize("command", ["run", "status"])
def test_a_home_that_is_a_file_is_named(i94: I94, tmp_path: Path, command: str) -> None:
    home, raw = tmp_path / "home", tmp_path / "raw"
    home.touch()
    raw.mkdir()
    message = message_of(i94(command, I94_HOME=str(home), I94_RAW=str(raw)), 2)
    assert str(home) in message
    assert "a file is where a folder is needed" in message
    doctor = i94("doctor", I94_HOME=str(home), I94_RAW=str(raw))
    assert f"✗ I94_HOME       {home} is a file" in doctor.out


def test_a_low_memory_limit_is_named(i94: I94, deployment: Deployment) -> None:
    environment = {**deployment.environment, "I94_MEMORY_LIMIT": "1MB"}
    assert "raise I94_MEMORY_LIMIT" in message_of(i94("run", **environment), 2)
    assert "✗ I94_MEMORY_LIMIT 1MB is too low" in i94("doctor", **environment).out


@pytest.mark.parametrize("command", [("run",), ("backfill", "--from", "2016-01", "--to", "2016-02")])
def test_a_folder_of_deliveries_that_is_none_is_named(i94: I94, tmp_path: Path, command: tuple[str, ...]) -> None:
    home, raw = tmp_path / "home", tmp_path / "raw"
    message = message_of(i94(*command, I94_HOME=str(home), I94_RAW=str(raw)), 2)
    assert f"I94_RAW: {raw} does not exist" in message
    assert "i94 sample" in message
    raw.touch()
    assert f"I94_RAW: {raw} is a file" in message_of(i94(*command, I94_HOME=str(home), I94_RAW=str(raw)), 2)


def test_a_file_that_is_no_warehouse_is_named(i94: I94, deployment: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "x.duckdb"
    file.write_bytes(b"x" * 20_000)
    environment = {**deployment.environment, "I94_WAREHOUSE": f"duckdb:///{file}"}
    for command in (("run",), ("query", "SELECT 1"), ("status",)):
        message = message_of(i94(*command, **environment), 2)
        assert f"{file}: this is no DuckDB database" in message
    assert f"✗ I94_WAREHOUSE  {file}: this is no DuckDB database" in i94("doctor", **environment).out


def test_a_folder_of_deliveries_that_can_not_be_read_is_named(
    i94: I94, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != deployment.raw)  # root may read everything
    message = f"I94_RAW: {deployment.raw} can't be read"
    assert message in message_of(i94("run", "--month", SAMPLE_MONTH, **deployment.environment), 2)


def test_the_doctor_names_databases_that_can_not_be_written(
    i94: I94, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert i94("status", **deployment.environment).exit_code == 0
    monkeypatch.setattr(os, "access", lambda path, _: not Path(path).is_file())
    output = i94("doctor", **deployment.environment)
    assert output.exit_code == 1
    (runs,) = deployment.settings.dagster_home.rglob("runs.db")
    for file in (deployment.settings.warehouse_path, runs):
        assert f"{file} can't be written" in output.out


def test_a_damaged_configuration_of_dagster_is_named(i94: I94, deployment: Deployment) -> None:
    assert i94("status", **deployment.environment).exit_code == 0
    (deployment.settings.dagster_home / "dagster.yaml").write_text("{: x")
    assert "dagster.yaml" in message_of(i94("run", **deployment.environment), 2)
    assert "dagster.yaml" in i94("doctor", **deployment.environment).out


def test_the_doctor_names_a_home_whose_name_is_too_long(i94: I94, deployment: Deployment) -> None:
    output = i94("doctor", **{**deployment.environment, "I94_HOME": f"/tmp/{'x' * 300}"})
    assert output.exit_code == 1
    assert "✗ I94_HOME" in output.out


def test_a_damaged_run_history_is_named(i94: I94, deployment: Deployment) -> None:
    assert i94("status", **deployment.environment).exit_code == 0
    files = [*deployment.settings.dagster_home.rglob("*.db")]
    assert files
    for file in files:
        for suffix in ("-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
        file.write_bytes(b"x" * 20_000)
    status = run_command(deployment.environment, "status")  # this process has the files open
    assert status.exit_code == 2
    assert "is damaged" in status.output
    assert "Traceback" not in status.output
    doctor = i94("doctor", **deployment.environment)
    assert doctor.exit_code == 1
    assert all(f"✗ I94_HOME       {file} is damaged" in doctor.out for file in files)


def test_an_unknown_variable_is_named_with_the_nearest_setting(
    i94: I94, deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    settings_module._warn_once.cache_clear()
    environment = {**deployment.environment, "I94_LAEK": "/elsewhere", "I94_QUX": "1"}
    assert i94("status", **environment).exit_code == 0
    warnings = [record.message for record in caplog.records if record.name == settings_module.__name__]
    assert warnings[0] == "I94_LAEK is no setting; did you mean I94_LAKE?"
    assert len(warnings) == 2, "one warning a variable"
    assert warnings[1].startswith("I94_QUX is no setting")
    doctor = i94("doctor", **environment)
    assert doctor.exit_code == 1
    assert "✗ variables      I94_LAEK is no setting; did you mean I94_LAKE?" in doctor.out


def test_no_variable_of_the_deployment_is_unknown(i94: I94, deployment: Deployment) -> None:
    names = [f"I94_{name.upper()}" for name in settings_module.Settings.model_fields]
    names += ["I94_REDSHIFT_PASSWORD", "i94_raw", "PATH"]
    assert find_unknown_variables(names, settings_module.Settings.model_fields) == []


def test_a_fault_in_the_code_is_said_to_be_one_and_its_traceback_is_for_debugging(
    i94: I94, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    value = "55455455033"

    def fail() -> None:
        raise KeyError(value)

    monkeypatch.setattr(cli, "app", fail)
    message = message_of(i94("status"), 1)
    assert "An unexpected KeyError at test_errors.py:" in message
    assert "fault of i94" in message
    assert value not in message
    caplog.set_level(logging.DEBUG, cli.__name__)  # as --debug does
    debugged = i94("status").err
    assert "test_errors.py" in debugged
    assert value not in debugged


def test_debug_prints_the_traceback_of_an_error(i94: I94, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.touch()
    output = i94("--debug", "status", I94_HOME=str(home))
    assert output.exit_code == 2
    assert "Traceback" in output.err
    assert "Traceback" not in i94("status", I94_HOME=str(home)).err

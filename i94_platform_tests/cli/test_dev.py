"""`i94 doctor` on the embedded default; `operations/test_doctor.py` has the other addresses."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from i94_platform.sources.registry import REFERENCE_FILES
from i94_platform_tests.cli.command_line import I94
from i94_platform_tests.support.deployment import Deployment


def test_the_doctor_finds_no_problem_in_a_loaded_deployment(i94: I94, loaded_deployment: Deployment) -> None:
    output = i94("doctor", **loaded_deployment.environment)
    assert output.exit_code == 0, output.out
    assert "2 month(s) delivered" in output.out
    assert "1 month(s) loaded" in output.out
    assert "✗" not in output.out


def test_status_and_doctor_name_the_file_of_the_release(
    i94: I94, loaded_deployment: Deployment, tmp_path: Path
) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    path = tmp_path / "home" / "i94.duckdb"
    assert not path.exists()
    assert str(path) not in i94("status", **deployment.environment).out + i94("doctor", **deployment.environment).out
    assert deployment.run_publish().succeeded
    assert f"notebooks: {path}\n" in i94("status", **deployment.environment).out
    assert f"✓ release        {path}" in i94("doctor", **deployment.environment).out
    path.unlink()
    assert (
        f"✗ release        {path} does not exist; run 'i94 run --select" in i94("doctor", **deployment.environment).out
    )


def find_modes(folder: Path) -> set[tuple[str, str]]:
    """The kinds and the permissions of all that is in a folder, and of the folder."""
    paths = [path for path in (folder, *folder.rglob("*")) if not path.is_symlink()]
    return {("folder" if path.is_dir() else "file", f"{path.stat().st_mode & 0o777:03o}") for path in paths}


@pytest.mark.parametrize(
    ("umask", "modes"),
    [("", {("folder", "700"), ("file", "600")}), ("027", {("folder", "750"), ("file", "640"), ("file", "600")})],
)
def test_what_commands_write_is_for_their_user_alone(
    i94: I94, sample: Path, tmp_path: Path, umask: str, modes: set[tuple[str, str]]
) -> None:
    os.umask(0o022)
    home = tmp_path / "home"
    environment = {"I94_HOME": str(home), "I94_RAW": str(sample), "I94_UMASK": umask}
    assert i94("run", "--select", "lookup", **environment).exit_code == 0
    assert i94("keys", "add", "reader", **environment).exit_code == 0
    assert (home / "lake" / "lookup" / "i94mode" / "manifest.json").exists()
    assert (home / "dagster" / "history").exists()
    assert find_modes(home) == modes
    assert "✗ permissions" not in i94("doctor", **environment).out


def test_the_doctor_names_what_others_may_use_and_how_to_mend_it(
    i94: I94, loaded_deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    warehouse = deployment.settings.warehouse_path
    warehouse.chmod(0o644)
    assert "✗ permissions" not in i94("doctor", **deployment.environment, I94_UMASK="022").out
    (line,) = [line for line in i94("doctor", **deployment.environment).out.splitlines() if "✗" in line]
    assert line.startswith(f"✗ permissions    others may use 1 file(s) and folder(s), such as {warehouse}; run: ")
    subprocess.run(line.partition("run: ")[2], shell=True, check=True)  # noqa: S602 - as a person does
    assert i94("doctor", **deployment.environment).exit_code == 0
    monkeypatch.setattr(os, "geteuid", lambda: 10_094)
    assert (
        f"✗ permissions    {deployment.home} belongs to the user with the id"
        in i94("doctor", **deployment.environment).out
    )


def test_the_doctor_says_what_to_do_if_nothing_was_delivered(i94: I94, tmp_path: Path) -> None:
    output = i94("doctor", I94_HOME=str(tmp_path / "home"), I94_RAW=str(tmp_path / "raw"))
    assert output.exit_code == 1
    assert (
        f"✗ I94_RAW        {tmp_path / 'raw'} does not exist; set I94_RAW, or write samples: i94 sample --out"
        in output.out
    )
    assert not (tmp_path / "home").exists(), "looking changes nothing"


def test_the_doctor_names_missing_reference_files(i94: I94, loaded_deployment: Deployment, tmp_path: Path) -> None:
    shutil.copy(loaded_deployment.raw / "i94_jan16_sub.parquet", tmp_path)
    output = i94("doctor", I94_HOME=str(tmp_path / "home"), I94_RAW=str(tmp_path))
    assert output.exit_code == 1
    (line,) = [line for line in output.out.splitlines() if "references" in line]
    assert "✗" in line
    assert all(file in line for file in REFERENCE_FILES.values())


def test_the_doctor_names_a_reference_file_that_can_not_be_opened_or_is_there_twice(
    i94: I94, loaded_deployment: Deployment, tmp_path: Path
) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    cities, airports = deployment.raw / "us-cities-demographics.csv", deployment.raw / "airport-codes_csv.csv"
    cities.unlink()
    os.mkfifo(cities)
    (deployment.raw / "copy").mkdir()
    shutil.copy(airports, deployment.raw / "copy")
    output = i94("doctor", **deployment.environment)
    assert output.exit_code == 1
    odd, twice = sorted(line for line in output.out.splitlines() if "✗" in line)[::-1]
    assert (cities.name in odd, "FIFO" in odd) == (True, True)
    assert f"copy/{airports.name}" in twice


def test_the_doctor_checks_java_if_spark_runs_in_this_process(
    i94: I94, loaded_deployment: Deployment, tmp_path: Path
) -> None:
    output = i94("doctor", I94_ENGINE="local[*]", JAVA_HOME=str(tmp_path), **loaded_deployment.environment)
    assert output.exit_code == 1
    assert "no Java found; install Java 17 or 21 and set JAVA_HOME" in output.out

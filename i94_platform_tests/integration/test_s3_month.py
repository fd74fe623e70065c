"""Test that a month whose lake and deliveries are on S3 ends in the tables of the local run, and that no key leaks.

The embedded engine and warehouse work on copies of objects; what they left behind, or a copy that was taken for the
object of another run, would show here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Double

from i94_platform.contracts import delivered_immigration, immigration_quarantine
from i94_platform.defs.build import build_resources
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.integration.conftest import deploy_on_s3
from i94_platform_tests.support.command import run_command_in_process
from i94_platform_tests.support.deployment import MONTHLY, SAMPLE_MONTH, Deployment
from i94_platform_tests.support.sas import load_readstat, write_sas

STEM = "i94_jan16_sub"


@pytest.fixture(scope="module")
def on_s3(module_s3: S3Server, loaded_deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A deployment on S3 with the deliveries of the loaded one."""
    deployment = deploy_on_s3(module_s3, tmp_path_factory.mktemp("on_s3"), lake_path="lake/of arrivals")
    deployment.deliver(*loaded_deployment.raw.iterdir())
    results = deployment.run(SAMPLE_MONTH)
    assert all(result.succeeded for result in results), results
    return deployment


def without_fingerprints(committed: dict[str, Any]) -> dict[str, Any]:
    """Drop the fingerprints of the deliveries: a folder hashes files, a bucket has ETags."""
    return {dataset: stats[1:] for dataset, stats in committed.items()}


def assert_nothing_is_left_behind(deployment: Deployment) -> None:
    assert {dataset: runs for dataset, runs in deployment.list_run_folders().items() if len(runs) != 1} == {}
    assert [file.path for file in deployment.lake.store.list("scratch")] == []
    assert [path for path in deployment.settings.scratch.rglob("*") if path.is_file()] == []


def test_the_tables_are_those_of_the_local_run(on_s3: Deployment, loaded_deployment: Deployment) -> None:
    assert on_s3.fingerprint_tables() == loaded_deployment.fingerprint_tables()
    assert without_fingerprints(on_s3.read_manifests()) == without_fingerprints(loaded_deployment.read_manifests())
    assert all(
        url.startswith(on_s3.settings.lake) for name in MONTHLY for url in on_s3.manifest(name, SAMPLE_MONTH).urls
    )
    assert_nothing_is_left_behind(on_s3)


@pytest.mark.slow
def test_a_second_run_changes_nothing_but_the_run(on_s3: Deployment) -> None:
    before = on_s3.state()
    assert on_s3.run_month(SAMPLE_MONTH).succeeded
    assert on_s3.state() == before
    assert_nothing_is_left_behind(on_s3)


def csv(rows: pa.Table, folder: Path) -> Path:
    pc.write_csv(rows, folder / f"{STEM}.csv")
    return folder / f"{STEM}.csv"


def sas(rows: pa.Table, folder: Path) -> Path:
    if load_readstat() is None:
        pytest.skip("pyreadstat does not carry ReadStat's functions for writing")
    widths = {c.name: None if isinstance(c.type, Double) else 24 for c in delivered_immigration.columns}
    path = folder / f"{STEM}.sas7bdat"
    write_sas(path, widths, rows.to_pylist(), rows.num_rows)
    return path


def parts(rows: pa.Table, folder: Path) -> Path:
    """Parts whose names mean something to a shell, a URL or a pattern."""
    path = folder / f"{STEM}.parquet"
    path.mkdir()
    for number, name in enumerate(("part [0]", "part*1", "é%20+2", "part?3=&#")):
        pq.write_table(rows.slice(number * 600, 600), path / f"{name}.parquet")
    return path


@pytest.mark.parametrize(
    "write", [parts, pytest.param(csv, marks=pytest.mark.slow), pytest.param(sas, marks=pytest.mark.slow)]
)
def test_the_same_month_delivered_another_way_gives_the_same_fact(
    on_s3: Deployment, loaded_deployment: Deployment, tmp_path: Path, write: Any
) -> None:
    rows = pq.read_table(loaded_deployment.raw / f"{STEM}.parquet")
    on_s3.deliveries.delete([f"{STEM}.parquet"])
    path = write(rows, tmp_path)
    on_s3.deliver(path)
    try:
        result = on_s3.run_month(SAMPLE_MONTH)
        assert result.succeeded, result
        assert on_s3.fingerprint_tables() == loaded_deployment.fingerprint_tables()
        rejected = on_s3.read_rows(immigration_quarantine, "staged/immigration_quarantine", SAMPLE_MONTH)
        assert set(rejected["source_file"].to_pylist()) <= {file.path for file in on_s3.raw_store.list()}
        assert_nothing_is_left_behind(on_s3)
    finally:
        on_s3.deliveries.delete([file.path for file in on_s3.raw_store.list() if file.path.startswith(path.name)])
        on_s3.deliver(loaded_deployment.raw / f"{STEM}.parquet")


# --- no secret leaks --------------------------------------------------------------------------------------------------

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIAPLANTEDPLANTED00",
    "AWS_SECRET_ACCESS_KEY": "planted/secret+access/key0000000000000000",
    "AWS_SESSION_TOKEN": "plantedSessionToken0000000000",
}


def test_keys_in_the_environment_are_found_nowhere(
    on_s3: Deployment,
    s3_server: S3Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Output, errors, logs, what objects say of themselves, and everything that Dagster wrote down."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    lake = f"s3://{s3_server.create_bucket()}"
    there = {"I94_HOME": str(tmp_path), "I94_LAKE": lake, "I94_RAW": on_s3.settings.raw}  # and I94_S3_ENDPOINT
    missing = "s3://nobody-made-it/raw"
    run = run_command_in_process(there, "run", "--select", "lookup")
    doctors = [run_command_in_process(there, "doctor"), run_command_in_process({**there, "I94_RAW": missing}, "doctor")]
    assert (run.exit_code, *(one.exit_code for one in doctors)) == (0, 0, 1), run.output
    assert f"{missing}: the bucket does not exist" in doctors[1].output

    failing = Deployment(tmp_path / "failing", lake=lake, raw=missing, s3_endpoint=s3_server.endpoint)
    result = failing.run_reference()
    assert any(f"{missing}: the bucket does not exist" in error for error in result.errors), result
    events = [repr(entry) + entry.to_json() for entry in failing.instance.all_logs(result.run_id)]  # type: ignore[no-untyped-call]
    assert any("botocore" in event for event in events), "the test reads the traces of errors too"

    built = build_resources(failing.settings)
    printed = [run.output, *(one.output for one in doctors), repr(result), *events, caplog.text]
    printed += [repr(failing.settings), repr(built), repr(vars(failing.lake.store)), repr(failing.raw_store)]
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in written), "the test reads Dagster's storage too"
    for secret in SECRETS.values():
        assert not [text for text in printed if secret in text]
        assert not [path for path in written if secret.encode() in path.read_bytes()]

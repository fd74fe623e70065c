"""What the doctor says of addresses on S3 and of Spark; `cli/test_dev.py` has the embedded default."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.support.command import CommandResult, run_command_in_process
from i94_platform_tests.support.fake_connect import fake_connect_server


def doctor(home: Path, **environment: str) -> CommandResult:
    return run_command_in_process({"I94_HOME": str(home), **environment}, "doctor")


def test_a_bucket_that_answers_is_ok_and_missing_files_are_named(s3: S3Server, home: Path) -> None:
    bucket = s3.create_bucket()
    s3.create_client().put_object(Bucket=bucket, Key="lake/raw/i94_jan16_sub.parquet", Body=b"x")
    result = doctor(home, I94_LAKE=f"s3://{bucket}/lake")
    assert f"✓ I94_RAW        s3://{bucket}/lake/raw: 1 month(s) delivered, 0 other file(s)" in result.output
    assert f"✓ I94_LAKE       s3://{bucket}/lake, the bucket answers" in result.output
    assert "✗ references     missing: " in result.output
    assert "I94_SAS_Labels_Descriptions.SAS" in result.output
    assert not home.exists(), "looking changes nothing"


def test_a_missing_bucket_and_missing_credentials_are_reported(
    s3: S3Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = doctor(home, I94_LAKE="s3://nobody-made-it/lake")
    assert result.exit_code == 1
    for subject, address in (("I94_RAW ", "s3://nobody-made-it/lake/raw"), ("I94_LAKE", "s3://nobody-made-it/lake")):
        assert f"✗ {subject}       {address}: the bucket does not exist; create it, or correct the" in result.output
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    result = doctor(home, I94_LAKE=f"s3://{s3.create_bucket()}")
    assert result.exit_code == 1
    assert "there are no AWS credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE" in result.output


@pytest.fixture
def listening() -> Iterator[str]:
    """Host and port of something that listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


NOBODY = "127.0.0.1:9"


def test_a_spark_server_that_answers_is_ok_and_one_that_does_not_is_reported(home: Path, listening: str) -> None:
    assert f"✓ spark          spark://{listening} answers\n" in doctor(home, I94_ENGINE=f"spark://{listening}").output
    with fake_connect_server("4.0.9") as address:
        assert f"✓ spark          {address} runs Spark 4.0.9, and PySpark " in doctor(home, I94_ENGINE=address).output
    with fake_connect_server("3.5.6") as address:
        assert f"✗ spark          {address}: it runs Spark 3.5.6, and" in doctor(home, I94_ENGINE=address).output
    result = doctor(home, I94_ENGINE=f"sc://{NOBODY}")
    assert result.exit_code == 1
    assert f"✗ spark          nothing answers at sc://{NOBODY}; i94 dev starts a server there" in result.output
    result = doctor(home, I94_ENGINE=f"spark://{NOBODY}")
    assert f"✗ spark          nothing answers at spark://{NOBODY}; start it, or correct I94_ENGINE" in result.output


def test_a_spark_server_on_s3_is_said_to_need_jars_of_its_own(s3: S3Server, home: Path) -> None:
    with fake_connect_server("4.0.2") as address:
        result = doctor(home, I94_ENGINE=address, I94_LAKE=f"s3://{s3.create_bucket()}")
    assert "here; its jars and configuration for s3:// are its own: docs/how-to/spark.md" in result.output
    assert "jars  " not in result.output


def test_jars_are_checked_if_spark_in_this_process_needs_them(s3: S3Server, home: Path, tmp_path: Path) -> None:
    there = {"I94_ENGINE": "local[*]", "I94_LAKE": f"s3://{s3.create_bucket()}"}
    result = doctor(home, **there, I94_SPARK_JARS=str(tmp_path))
    assert f"✗ jars           none in {tmp_path}, and Spark needs them for s3://; run: make jars, or" in result.output
    (tmp_path / "hadoop-aws.jar").touch()
    assert f"✓ jars           1 for s3:// in {tmp_path}" in doctor(home, **there, I94_SPARK_JARS=str(tmp_path)).output
    assert "✓ jars           Spark fetches a:b:1 by itself" in doctor(home, **there, I94_SPARK_JARS="a:b:1").output
    assert "jars  " not in doctor(home, I94_ENGINE="local[*]").output


def test_a_yarn_cluster_without_configuration_is_reported(s3: S3Server, home: Path, tmp_path: Path) -> None:
    there = {"I94_ENGINE": "yarn", "I94_LAKE": f"s3://{s3.create_bucket()}", "HADOOP_CONF_DIR": str(tmp_path)}
    assert (
        "✗ spark          set HADOOP_CONF_DIR to the folder that holds the cluster's yarn-"
        in doctor(home, **there).output
    )
    (tmp_path / "yarn-site.xml").touch()
    assert f"✓ spark          the cluster of {tmp_path}" in doctor(home, **there).output


def test_an_application_on_emr_serverless_that_can_not_be_reached_is_reported(home: Path) -> None:
    role = "arn:aws:iam::123456789012:role/spark"
    result = doctor(home, I94_ENGINE=f"emr-serverless://00f1?role={role}&region=us-west-2", I94_LAKE="s3://bucket/lake")
    assert result.exit_code == 1
    assert (
        "✗ application    The EMR Serverless application 00f1 in us-west-2: there are no AWS credent" in result.output
    )

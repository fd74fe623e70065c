"""Pins what Spark is configured with for buckets, and where: what runs in this process only. `test_cluster` uses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from i94_platform.defs.resources import SparkEngineResource
from i94_platform.engine.spark import S3_CONFIG, s3_config
from i94_platform.errors import PermanentError


def options(**fields: Any) -> dict[str, str]:
    return SparkEngineResource(**fields)._options()


def test_buckets_configure_what_runs_in_this_process_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    (tmp_path / "hadoop-aws.jar").touch()
    there: dict[str, Any] = {"on_s3": True, "s3_endpoint": "http://minio:9000"}
    for address in ("local[*]", "spark://master:7077", "yarn"):
        found = options(address=address, jars=str(tmp_path), **there)
        assert found.items() >= S3_CONFIG.items()
        assert found["spark.jars"] == str(tmp_path / "hadoop-aws.jar")
        assert found["spark.hadoop.fs.s3a.endpoint"] == "http://minio:9000"
        assert found["spark.hadoop.fs.s3a.path.style.access"] == "true"
        assert found["spark.hadoop.fs.s3a.endpoint.region"] == "us-west-2"
    assert not [name for name in options(address="sc://host", **there) if "s3a" in name or "jars" in name]
    assert not [name for name in options(address="local[*]") if "s3a" in name or "jars" in name]


def test_a_cluster_reaches_the_driver_and_a_local_session_is_reached_by_nobody() -> None:
    assert options(address="local[*]")["spark.driver.bindAddress"] == "127.0.0.1"
    assert not {"spark.driver.bindAddress", "spark.driver.host"} & options(address="spark://master:7077").keys()


def test_without_jars_it_is_told_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=rf"jars that are not in {tmp_path}; run: make jars, or set I94_SPARK_J"):
        s3_config(str(tmp_path))


def test_spark_may_fetch_its_jars_itself() -> None:
    coordinates = "org.apache.hadoop:hadoop-aws:3.5.0,org.apache.spark:spark-hadoop-cloud_2.13:4.1.2"
    found = s3_config(coordinates)
    assert found["spark.jars.packages"] == coordinates
    assert "spark.jars" not in found

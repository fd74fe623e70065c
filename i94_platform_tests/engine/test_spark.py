"""The configuration of Spark sessions by address, and for buckets; `test_cluster` uses it against a server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from i94_platform.defs import resources
from i94_platform.defs.resources import SparkEngineResource
from i94_platform.engine.spark import CONFIG, S3_CONFIG, count_files, s3_config
from i94_platform.errors import PermanentError


def session_options(**fields: Any) -> dict[str, str]:
    return SparkEngineResource(**fields)._options()


def test_only_a_driver_in_this_process_is_configured_for_buckets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    (tmp_path / "hadoop-aws.jar").touch()
    on_s3: dict[str, Any] = {"on_s3": True, "s3_endpoint": "http://minio:9000"}
    for address in ("local[*]", "spark://master:7077", "yarn"):
        options = session_options(address=address, jars=str(tmp_path), **on_s3)
        assert options.items() >= S3_CONFIG.items()
        assert options["spark.jars"] == str(tmp_path / "hadoop-aws.jar")
        assert options["spark.hadoop.fs.s3a.endpoint"] == "http://minio:9000"
        assert options["spark.hadoop.fs.s3a.path.style.access"] == "true"
        assert options["spark.hadoop.fs.s3a.endpoint.region"] == "us-west-2"
    assert not [name for name in session_options(address="local[*]") if "s3a" in name or "jars" in name]


def test_a_local_session_listens_on_loopback_and_a_clusters_driver_does_not() -> None:
    assert session_options(address="local[*]")["spark.driver.bindAddress"] == "127.0.0.1"
    assert not {"spark.driver.bindAddress", "spark.driver.host"} & session_options(address="spark://master:7077").keys()


def test_what_a_cluster_sets_itself_stays_and_a_person_sets_the_rest() -> None:
    cluster = session_options(address="spark://master:7077")
    assert cluster.keys() - CONFIG.keys() <= {
        "spark.master",
        "spark.hadoop.fs.permissions.umask-mode",
        "spark.ui.showConsoleProgress",
    }
    assert int(session_options(address="local[64]")["spark.sql.shuffle.partitions"]) == 64
    options = {"spark.driver.memory": "8g", "spark.sql.ansi.enabled": "false"}
    configured = session_options(address="local[2]", options=options)
    assert configured["spark.driver.memory"] == "8g"
    assert configured["spark.sql.ansi.enabled"] == "true", "the queries rely on it"


def test_the_months_of_a_process_share_one_session_on_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def open_session(address: str, options: Mapping[str, str]) -> Mock:
        opened.append(address)
        return Mock()

    monkeypatch.setattr(resources, "open_session", open_session)
    for _month in range(3):
        engine = SparkEngineResource(address="sc://shared:1").build()
        engine.register_files("staged", ["/nowhere.parquet"])
    assert opened == ["sc://shared:1"]


def test_the_files_of_a_write_grow_with_its_rows() -> None:
    assert [count_files(rows) for rows in (0, 1_000_000, 10_000_000, 300_000_000)] == [8, 8, 40, 1200]


def test_missing_jars_are_reported_with_their_folder(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=rf"{tmp_path}.*I94_SPARK_JARS"):
        s3_config(str(tmp_path))


def test_maven_coordinates_let_spark_fetch_the_jars() -> None:
    coordinates = "org.apache.hadoop:hadoop-aws:3.5.0,org.apache.spark:spark-hadoop-cloud_2.13:4.1.2"
    config = s3_config(coordinates)
    assert config["spark.jars.packages"] == coordinates
    assert "spark.jars" not in config

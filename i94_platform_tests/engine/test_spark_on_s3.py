"""Pins that Spark stages a month from a bucket to a bucket as DuckDB stages it from folder to folder, and tells no key.

Spark spells addresses of buckets in its own way (`s3a:`, percent-encoded): a name that got lost on the way would lose
the delivered file of each refused row. Failed attempts must leave nothing that a manifest could take up. Credentials
are not in Spark's configuration, and what Spark writes down of its environment by itself has none either.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from i94_platform.assets.resources import SparkEngineResource
from i94_platform.engine.spark import S3_CONFIG, s3_config
from i94_platform.failures import PermanentFailure
from i94_platform_tests.engine.arrivals import APRIL
from i94_platform_tests.engine.spark import JARS, lacking_for_s3
from i94_platform_tests.engine.staging import Staged, assert_same_months, stage_through, staged, store_at

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIAPLANTEDPLANTED00",
    "AWS_SECRET_ACCESS_KEY": "planted/secret+access/key0000000000000000",
    "AWS_SESSION_TOKEN": "plantedSessionToken0000000000",
}


@pytest.mark.spark
@pytest.mark.xdist_group("spark_on_s3")
def test_a_month_goes_from_bucket_to_bucket_and_no_key_is_told(
    dirty_on_s3: str, dirty_by_duckdb: Staged, tmp_path: Path
) -> None:
    if reason := lacking_for_s3():
        pytest.skip(reason)
    (tmp_path / "events").mkdir()
    (tmp_path / "spark-defaults.conf").write_text(
        f"spark.eventLog.enabled true\nspark.eventLog.dir file://{tmp_path}/events\n"
    )
    raw, lake = f"{dirty_on_s3}/raw", f"{dirty_on_s3}/the lake"
    printed = stage_through("local[2]", (raw, lake, [APRIL.key]), SPARK_CONF_DIR=str(tmp_path), **SECRETS)

    found = staged(lake, APRIL)
    assert_same_months(found, dirty_by_duckdb)
    assert all(url.startswith(f"{lake}/staged/") for url in (*found.accepted.urls, *found.refused.urls))
    assert_the_magic_committer_wrote(found)
    assert not [file.path for file in store_at(lake).list() if "__magic" in file.path or "_temporary" in file.path]

    events = b"".join(path.read_bytes() for path in (tmp_path / "events").rglob("*") if path.is_file())
    assert b"fs.s3a.committer.name" in events, "the configuration is in the events that are looked through"
    for secret in SECRETS.values():
        assert secret not in printed
        assert secret.encode() not in events


def assert_the_magic_committer_wrote(found: Staged) -> None:
    """It says so in the file that marks a success; another one would leave that file empty."""
    folder = found.accepted.urls[0].rpartition("/")[0]
    assert b'"committer":"magic"' in store_at(folder).read("_SUCCESS").replace(b" ", b"")


def options(**fields: Any) -> dict[str, str]:
    return SparkEngineResource(jars=JARS, **fields)._options()


def test_buckets_configure_what_runs_in_this_process_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    (tmp_path / "hadoop-aws.jar").touch()
    there: dict[str, Any] = {"on_s3": True, "s3_endpoint": "http://minio:9000"}
    for address in ("local[*]", "spark://master:7077", "yarn"):
        found = SparkEngineResource(address=address, jars=str(tmp_path), **there)._options()
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
    with pytest.raises(PermanentFailure, match=rf"jars that are not in {tmp_path}; run: make jars, or set I94_SPARK_J"):
        s3_config(str(tmp_path))


def test_spark_may_fetch_its_jars_itself() -> None:
    coordinates = "org.apache.hadoop:hadoop-aws:3.5.0,org.apache.spark:spark-hadoop-cloud_2.13:4.1.2"
    found = s3_config(coordinates)
    assert found["spark.jars.packages"] == coordinates
    assert "spark.jars" not in found

"""Pins that a month staged by a standalone cluster, bucket to bucket, has the rows that DuckDB stages from folders.

The master, both workers and their executors are processes of their own, and so is the driver: jars, addresses and
credentials that only the driver knows do not reach the executors, and a query that needs them there fails here. Spark
spells addresses of buckets in its own way (`s3a:`, percent-encoded): a name that got lost would lose the delivered file
of each refused row. Failed attempts must leave nothing that a manifest could take up. No key is in Spark's
configuration, nor in what Spark writes down of its environment by itself.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.support.arrivals import APRIL
from i94_platform_tests.support.spark import Cluster, s3_spark_skip_reason
from i94_platform_tests.support.staging import (
    Location,
    StagedMonth,
    assert_equal_months,
    copy_files,
    open_store,
    read_staged_month,
    stage_in_subprocess,
)

pytestmark = [pytest.mark.spark]

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIAPLANTEDPLANTED00",
    "AWS_SECRET_ACCESS_KEY": "planted/secret+access/key0000000000000000",
    "AWS_SESSION_TOKEN": "plantedSessionToken0000000000",
}


def test_a_month_goes_from_bucket_to_bucket_through_a_cluster_and_no_key_is_told(
    standalone: Cluster, s3: S3Server, dirty: Path, dirty_by_duckdb: StagedMonth, tmp_path: Path
) -> None:
    if reason := s3_spark_skip_reason():
        stage_and_compare(standalone, dirty, tmp_path / "lake", dirty_by_duckdb, tmp_path, I94_S3_ENDPOINT="")
        pytest.skip(f"{reason}; staged from folder to folder only")
    bucket = f"s3://{s3.bucket()}"
    raw, lake = copy_files(dirty, f"{bucket}/raw"), f"{bucket}/the lake"
    written = stage_and_compare(standalone, raw, lake, dirty_by_duckdb, tmp_path, **SECRETS)
    assert "fs.s3a.committer.name" in written, "the configuration is in the events that are looked through"
    for secret in SECRETS.values():
        assert secret not in written
    assert_the_magic_committer_wrote(read_staged_month(lake, APRIL))


def stage_and_compare(
    standalone: Cluster, raw: Location, lake: Location, expected: StagedMonth, folder: Path, **environment: str
) -> str:
    """Stage on both workers; what Spark printed, and its log of events."""
    (folder / "events").mkdir()
    defaults = (
        "spark.eventLog.enabled true",
        f"spark.eventLog.dir file://{folder}/events",
        "spark.eventLog.compress false",
    )
    (folder / "spark-defaults.conf").write_text("\n".join(defaults))
    here = {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_CONF_DIR": str(folder)}
    printed = stage_in_subprocess(standalone.address, raw, lake, APRIL.key, **here, **environment)
    assert_equal_months(read_staged_month(lake, APRIL), expected)
    (application,) = standalone.fetch_status()["completedapps"]
    assert application["cores"] == 2, "both workers had a part"
    return printed + "".join(file.read_text() for file in (folder / "events").rglob("events_*"))


def assert_the_magic_committer_wrote(found: StagedMonth) -> None:
    """It says so in the file that marks a success, which another one leaves empty; and it has cleared what it used."""
    url = found.accepted.urls[0]
    lake, _, path = url.partition("/staged/")
    folder = f"staged/{path.rpartition('/')[0]}"
    assert b'"committer":"magic"' in open_store(lake).read(f"{folder}/_SUCCESS").replace(b" ", b"")
    names = {file.path.removeprefix(f"{folder}/") for file in open_store(lake).list(folder)}
    assert not [name for name in names if "/" in name]

"""A month staged by a standalone cluster, from bucket to bucket, has the rows that DuckDB stages from folders.

Master, workers, executors and driver are separate processes, so jars, addresses and credentials that only the driver
knows do not reach the executors. Spark has its own form of bucket addresses (`s3a:`, percent-encoded), from which each
rejected row must still find its delivered file. A failed task attempt must leave no file that a manifest could list. No
secret may be in Spark's configuration or event log.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from i94_platform.engine.base import Engine
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.support.arrivals import ACCEPTED_ROWS, APRIL, REJECTED_ROWS, delivered_table
from i94_platform_tests.support.spark import Cluster, s3_spark_skip_reason
from i94_platform_tests.support.staging import (
    Location,
    StagedMonth,
    assert_equal_months,
    copy_files,
    open_store,
    read_staged_month,
    stage_in_subprocess,
    stage_into_lake,
)

pytestmark = [pytest.mark.spark, pytest.mark.slow]

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIAPLANTEDPLANTED00",
    "AWS_SECRET_ACCESS_KEY": "planted/secret+access/key0000000000000000",
    "AWS_SESSION_TOKEN": "plantedSessionToken0000000000",
}


ODD_NAMES = ("part 1+1=2 100%.parquet", "part%201.parquet", "é [1] {a,b}*? & ñ;a,b#c.parquet")


@pytest.fixture
def dirty(tmp_path: Path) -> Path:
    """A raw folder with every dirty row but the duplicates, spread over files of odd names."""
    folder = tmp_path / "raw" / "2016" / "i94_apr16_sub.parquet"
    folder.mkdir(parents=True)
    unique = [row for row, reasons in REJECTED_ROWS if "duplicate_key" not in reasons]
    rows = [*unique, *(row for row, _ in ACCEPTED_ROWS)]
    for number, name in enumerate(ODD_NAMES):
        pq.write_table(delivered_table(rows[number :: len(ODD_NAMES)]), folder / name)
    return tmp_path / "raw"


def test_a_cluster_stages_a_month_from_bucket_to_bucket_and_writes_no_secret(
    standalone: Cluster, s3: S3Server, duckdb: Engine, dirty: Path, tmp_path: Path
) -> None:
    expected = stage_into_lake(duckdb, dirty, tmp_path / "by_duckdb", APRIL)
    if reason := s3_spark_skip_reason():
        stage_and_compare(standalone, dirty, tmp_path / "lake", expected, tmp_path, I94_S3_ENDPOINT="")
        pytest.skip(f"{reason}; staged from folder to folder only")
    bucket = f"s3://{s3.create_bucket()}"
    raw, lake = copy_files(dirty, f"{bucket}/raw"), f"{bucket}/the lake"
    written = stage_and_compare(standalone, raw, lake, expected, tmp_path, **SECRETS)
    assert "fs.s3a.committer.name" in written, "the event log holds no configuration"
    for secret in SECRETS.values():
        assert secret not in written
    assert_magic_committer_wrote(read_staged_month(lake, APRIL))


def stage_and_compare(
    standalone: Cluster, raw: Location, lake: Location, expected: StagedMonth, folder: Path, **environment: str
) -> str:
    """Stage on both workers and compare the rows; return Spark's output and its event log."""
    (folder / "events").mkdir()
    defaults = (
        "spark.eventLog.enabled true",
        f"spark.eventLog.dir file://{folder}/events",
        "spark.eventLog.compress false",
        # the first tasks wait for both executors
        "spark.scheduler.minRegisteredResourcesRatio 1.0",
        "spark.scheduler.maxRegisteredResourcesWaitingTime 120s",
    )
    (folder / "spark-defaults.conf").write_text("\n".join(defaults))
    variables = {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_CONF_DIR": str(folder)}
    output = stage_in_subprocess(standalone.address, raw, lake, APRIL.key, **variables, **environment)
    assert_equal_months(read_staged_month(lake, APRIL), expected)
    (application,) = standalone.fetch_status()["completedapps"]
    assert application["cores"] == 2, "only one worker took part"
    events = "".join(file.read_text() for file in (folder / "events").rglob("events_*"))
    written = count_written_rows(events)
    assert sorted(written) == ["0", "1"], "both executors write rows"
    assert sum(written.values()) >= expected.accepted.rows + expected.rejected.rows
    return output + events


def count_written_rows(events: str) -> Counter[str]:
    """Count the rows that each executor wrote, from the tasks of an event log."""
    rows: Counter[str] = Counter()
    for event in map(json.loads, events.splitlines()):
        if event["Event"] == "SparkListenerTaskEnd":
            rows[event["Task Info"]["Executor ID"]] += event["Task Metrics"]["Output Metrics"]["Records Written"]
    return +rows


def assert_magic_committer_wrote(month: StagedMonth) -> None:
    """Check its name in `_SUCCESS`, which another committer leaves empty, and that it removed its work folders."""
    url = month.accepted.urls[0]
    lake, _, path = url.partition("/staged/")
    folder = f"staged/{path.rpartition('/')[0]}"
    assert b'"committer":"magic"' in open_store(lake).read(f"{folder}/_SUCCESS").replace(b" ", b"")
    names = {file.path.removeprefix(f"{folder}/") for file in open_store(lake).list(folder)}
    assert not [name for name in names if "/" in name]

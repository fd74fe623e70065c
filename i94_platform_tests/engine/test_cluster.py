"""Pins that a month staged by a standalone cluster has the rows that DuckDB stages, in folders and in buckets.

The master, both workers and their executors are processes of their own, and so is the driver: jars, addresses and
credentials that only the driver knows do not reach the executors, and a query that needs them there fails here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from i94_platform_tests.engine.arrivals import APRIL
from i94_platform_tests.engine.spark import Cluster, lacking_for_s3
from i94_platform_tests.engine.staging import Order, Staged, assert_same_months, stage_through, staged

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("cluster")]


def test_a_cluster_stages_from_folder_to_folder_and_from_bucket_to_bucket(
    standalone: Cluster, dirty: Path, dirty_on_s3: str, dirty_by_duckdb: Staged, tmp_path: Path
) -> None:
    lakes: list[Path | str] = [tmp_path / "lake"]
    orders: list[Order] = [(dirty, lakes[0], [APRIL.key])]
    if not (reason := lacking_for_s3()):
        lakes.append(f"{dirty_on_s3}/lake")
        orders.append((f"{dirty_on_s3}/raw", lakes[1], [APRIL.key]))
    environment = {"SPARK_LOCAL_IP": "127.0.0.1"} | ({"I94_S3_ENDPOINT": ""} if reason else {})
    stage_through(standalone.address, *orders, **environment)
    for lake in lakes:
        assert_same_months(staged(lake, APRIL), dirty_by_duckdb)
    (application,) = standalone.status()["completedapps"]
    assert application["cores"] == 2, "both workers had a part"
    if reason:
        pytest.skip(f"{reason}; staged from folder to folder only")

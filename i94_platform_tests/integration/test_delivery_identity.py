"""Test end to end that the newest version of a month is loaded, and that a refused one leaves everything as it was."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from i94_platform_tests.cli.command_line import I94
from i94_platform_tests.cli.conftest import i94
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment, rewrite_delivery

__all__ = ["i94"]

JANUARY, FEBRUARY = "i94_jan16_sub.parquet", "i94_feb16_sub.parquet"


@pytest.fixture
def deployment(loaded_deployment: Deployment, tmp_path: Path) -> Deployment:
    """A deployment with January, to which nothing of February is delivered."""
    deployment = loaded_deployment.copy(tmp_path)
    (deployment.raw / FEBRUARY).unlink()
    return deployment


def set_airline(rows: pa.Table) -> pa.Table:
    """Correct one column of every row."""
    return rows.set_column(rows.column_names.index("airline"), "airline", pa.array(["ZZ"] * rows.num_rows))


def test_a_correction_in_a_newer_folder_replaces_the_month_and_the_older_file_is_reported(
    deployment: Deployment,
) -> None:
    rows = deployment.query_value("SELECT count(*) FROM i94.immigration")
    newer = deployment.raw / "2016-06-01" / JANUARY
    newer.parent.mkdir()
    rewrite_delivery(deployment.raw / JANUARY, set_airline, newer)
    os.utime(deployment.raw / JANUARY, (1_000, 1_000))
    result = deployment.run_month(SAMPLE_MONTH)
    assert result.succeeded, result
    assert deployment.query("SELECT airline, count(*) AS n FROM i94.immigration GROUP BY 1") == [
        {"airline": "ZZ", "n": rows}
    ]
    (record,) = deployment.instance.fetch_observations(dg.AssetKey(["raw", "immigration"]), limit=1).records
    assert record.asset_observation is not None
    assert record.asset_observation.metadata["superseded"].value == [JANUARY]
    stats = deployment.manifest("staged/immigration", SAMPLE_MONTH).stats
    assert (stats["delivered_files"], stats["superseded"]) == ([f"2016-06-01/{JANUARY}"], [JANUARY])


def test_a_table_format_fails_the_run_by_name_and_everything_stays(deployment: Deployment) -> None:
    before = deployment.state()
    delivery = deployment.raw / JANUARY
    content = delivery.read_bytes()
    delivery.unlink()
    (delivery / "_delta_log").mkdir(parents=True)
    (delivery / "part-0.parquet").write_bytes(content)
    (delivery / "_delta_log" / "00000000000000000000.json").write_text("{}")
    result = deployment.run_month(SAMPLE_MONTH)
    assert not result.succeeded
    assert f"{JANUARY} is a Delta table" in str(result)
    assert deployment.state() == before


def test_a_folder_of_other_names_is_loaded_as_the_month_of_its_footers(
    deployment: Deployment, loaded_deployment: Deployment
) -> None:
    folder = deployment.raw / "sas_data"
    folder.mkdir()
    rows = pq.read_table(loaded_deployment.raw / FEBRUARY)
    rows = rows.filter((pc.field("i94yr") == 2016) & (pc.field("i94mon") == 2))
    for part in range(2):
        pq.write_table(rows.slice(part * 1_000, 1_000), folder / f"part-{part:05d}-a1b2-c000.snappy.parquet")
    (folder / "_SUCCESS").touch()
    result = deployment.run_month("2016-02")
    assert result.succeeded, result
    months = deployment.query("SELECT i94mon FROM i94.immigration GROUP BY 1 ORDER BY 1")
    assert [row["i94mon"] for row in months] == [1, 2]


def test_a_command_fails_where_no_delivered_file_can_be_used_and_goes_on_past_a_link_loop_and_a_fifo(
    deployment: Deployment, i94: I94
) -> None:
    before = deployment.fingerprint_tables()
    (deployment.raw / JANUARY).rename(deployment.raw / "i94_jan16_sub.parquet.bak")
    (deployment.raw / "loop").symlink_to("loop")
    os.mkfifo(deployment.raw / "pipe")
    (deployment.raw / "outside").symlink_to("/etc")
    output = i94("run", **deployment.environment)
    text = " ".join(output.err.split())
    assert output.exit_code == 1
    assert all(
        name in text for name in ("i94_jan16_sub.parquet.bak", "loop is a link", "pipe is a FIFO", "outside is a link")
    )
    assert f"Nothing that was delivered under {deployment.raw} can be used" in text
    assert deployment.fingerprint_tables() == before
    assert i94("status", **deployment.environment).exit_code == 0
    assert "pipe is a FIFO" in i94("doctor", **deployment.environment).out


@pytest.mark.slow
def test_a_month_that_is_a_fifo_fails_by_name_and_other_months_go_on(
    deployment: Deployment, loaded_deployment: Deployment, i94: I94
) -> None:
    shutil.copy(loaded_deployment.raw / FEBRUARY, deployment.raw)
    (deployment.raw / JANUARY).unlink()
    os.mkfifo(deployment.raw / JANUARY)
    output = i94("run", **deployment.environment)
    assert output.exit_code == 1
    assert f"2016-01 is refused: {JANUARY} is a FIFO" in " ".join(output.err.split())
    months = deployment.query("SELECT i94mon FROM i94.immigration GROUP BY 1 ORDER BY 1")
    assert [row["i94mon"] for row in months] == [1, 2]

"""Test a tiny month end to end: every row accounted for, every load repeatable, no failed month ever visible."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Column, Table

from i94_platform.contracts import WAREHOUSE, immigration
from i94_platform.partitions import Month
from i94_platform.sample import accepted_row_count, expected_rejects, expected_unreadable, write_sample
from i94_platform.sample.immigration import JUNE_EXTRAS
from i94_platform_tests.support.deployment import MONTHLY, SAMPLE_MONTH, Deployment, rewrite_delivery

FILE = f"{Month.parse(SAMPLE_MONTH).file_stem}.parquet"
REJECTED = expected_rejects(2_000)
CHILDREN = [(contract, col) for contract in WAREHOUSE for col in contract.columns if col.foreign_keys]


def test_every_table_has_rows(loaded_deployment: Deployment) -> None:
    assert {name for name, (rows, _) in loaded_deployment.fingerprint_tables().items() if not rows} == set()


def test_every_delivered_row_is_staged_or_quarantined_for_the_reason_it_was_corrupted_for(
    loaded_deployment: Deployment,
) -> None:
    staged, rejected, unreadable = (loaded_deployment.manifest(name, SAMPLE_MONTH) for name in MONTHLY)
    delivered = pq.ParquetFile(loaded_deployment.raw / FILE).metadata.num_rows
    assert staged.stats["delivered_rows"] == delivered == staged.rows + rejected.rows
    assert staged.rows == accepted_row_count(Month.parse(SAMPLE_MONTH), 2_000)
    assert rejected.stats["reasons"] == REJECTED
    assert staged.stats["unreadable"] == expected_unreadable(2_000)
    assert unreadable.rows == sum(expected_unreadable(2_000).values())


@pytest.mark.parametrize(
    ("name", "count"), [("immigration", "dagster/partition_row_count"), ("land_temperatures", "dagster/row_count")]
)
def test_what_has_landed_is_observed_with_its_rows(loaded_deployment: Deployment, name: str, count: str) -> None:
    (record,) = loaded_deployment.instance.fetch_observations(dg.AssetKey(["raw", name]), limit=1).records
    assert record.asset_observation is not None
    metadata = record.asset_observation.metadata
    staged = {
        "immigration": ("staged/immigration", SAMPLE_MONTH),
        "land_temperatures": ("staged/world_temperature", ""),
    }
    assert metadata[count].value == loaded_deployment.manifest(*staged[name]).stats["delivered_rows"]


def test_every_staged_row_is_loaded(loaded_deployment: Deployment) -> None:
    staged = loaded_deployment.manifest("staged/immigration", SAMPLE_MONTH).rows
    assert loaded_deployment.query_value("SELECT count(*) FROM i94.immigration") == staged
    (line,) = [line for line in loaded_deployment.read_ledger() if line["table_name"] == "immigration"]
    assert (line["partition_key"], line["loaded_rows"]) == (SAMPLE_MONTH, staged)


@pytest.mark.parametrize(("child", "col"), CHILDREN, ids=lambda named: named.name)
def test_no_row_refers_to_one_that_is_not_there(loaded_deployment: Deployment, child: Table, col: Column[Any]) -> None:
    parent, code = next(iter(col.foreign_keys)).target_fullname.rsplit(".", 1)
    orphans = f"SELECT {col.name} FROM {child.fullname} WHERE {col.name} NOT IN (SELECT {code} FROM {parent})"
    assert loaded_deployment.query(orphans) == []


def test_unlisted_country_codes_are_kept_and_labelled(loaded_deployment: Deployment) -> None:
    delivered = pq.read_table(loaded_deployment.raw / FILE, columns=["cicid", "i94cit", "i94res"]).to_pandas()
    listed = {row["code"] for row in loaded_deployment.query("SELECT code FROM i94.i94cit_res")}
    unlisted = {int(code) for name in ("i94cit", "i94res") for code in delivered[name].dropna()} - listed
    assert 148 in unlisted, "every German citizen carries it"
    rows = loaded_deployment.query("SELECT code, label FROM i94.country WHERE status = 'unlisted' ORDER BY code")
    assert rows == [{"code": code, "label": f"unlisted code {code}"} for code in sorted(unlisted)]
    assert loaded_deployment.query_value("SELECT count(*) FROM i94.immigration WHERE i94cit = 148") > 0


def test_a_second_run_changes_nothing_but_the_run(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    before, runs = deployment.state(), run_ids(deployment)
    assert all(result.succeeded for result in deployment.run(SAMPLE_MONTH))
    assert deployment.state() == before
    assert not runs & run_ids(deployment)
    assert deployment.list_superseded_runs() == {}


def run_ids(deployment: Deployment) -> set[str]:
    return {row["run_id"] for row in deployment.query("SELECT run_id FROM i94.load_ledger")}


def test_a_month_delivered_again_replaces_itself_and_no_other(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    assert deployment.run_month("2016-02").succeeded
    february = deployment.fingerprint("(SELECT * FROM i94.immigration WHERE i94mon = 2)")
    rewrite_delivery(deployment.raw / FILE, lambda rows: rows.slice(0, 1_700))
    result = deployment.run_month(SAMPLE_MONTH)
    assert result.succeeded
    assert result.rows["staged/immigration"] == result.rows["warehouse/immigration"] == 1_700
    assert deployment.query_value("SELECT count(*) FROM i94.immigration WHERE i94mon = 1") == 1_700
    assert deployment.fingerprint("(SELECT * FROM i94.immigration WHERE i94mon = 2)") == february
    assert len(deployment.list_run_folders()["staged/immigration/month=2016-01"]) == 1


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "truncated",
            lambda rows: rows.drop_columns(["i94addr"]),
            f"{FILE} lacks the column i94addr; deliver it with every column.",
        ),
        (
            "retyped",
            lambda rows: rows.set_column(0, "cicid", rows.column("cicid").cast(pa.string())),
            f"{FILE} has columns of another type: cicid is string, expected a number; deliver them in that type.",
        ),
    ],
)
def test_a_delivery_with_a_broken_column_fails_by_its_name_and_the_old_month_stays(
    loaded_deployment: Deployment, tmp_path: Path, name: str, change: Any, message: str
) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    before = deployment.state()
    rewrite_delivery(deployment.raw / FILE, change)
    result = deployment.run_month(SAMPLE_MONTH)
    assert not result.succeeded, name
    assert result.errors == [f"staged_immigration: {message}"]
    assert result.rows == {}
    assert deployment.state() == before
    assert deployment.list_superseded_runs() == {}


def test_a_cut_file_fails_by_its_name_and_the_old_month_stays(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    before, delivery = deployment.state(), deployment.raw / FILE
    delivery.write_bytes(delivery.read_bytes()[:-100])
    result = deployment.run_month(SAMPLE_MONTH)
    assert not result.succeeded
    assert len(result.errors) == 1
    assert f"{FILE} can't be read as Parquet" in result.errors[0]
    assert deployment.state() == before


def test_a_month_that_was_not_delivered_fails_and_names_the_expected_files(
    loaded_deployment: Deployment, tmp_path: Path
) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    result = deployment.run_month("2016-03")
    assert not result.succeeded
    assert any(
        f"No delivery for 2016-03 under {deployment.raw}; expected i94_mar16_sub.sas7bdat, .parquet (file" in message
        for message in result.errors
    )
    assert "staged/immigration" not in result.rows


@pytest.mark.slow
def test_the_same_month_as_csv_gives_the_same_fact(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    before, rejected = (
        deployment.fingerprint_tables(),
        deployment.manifest("staged/immigration_quarantine", SAMPLE_MONTH).stats["reasons"],
    )
    delivery = deployment.raw / FILE
    rows = pq.read_table(delivery)
    indexed = rows.add_column(0, "", pa.array(range(rows.num_rows)))
    pc.write_csv(indexed, delivery.with_suffix(".csv"))
    delivery.unlink()
    result = deployment.run_month(SAMPLE_MONTH)
    assert result.succeeded, result
    assert deployment.fingerprint_tables() == before
    again = deployment.manifest("staged/immigration_quarantine", SAMPLE_MONTH)
    assert again.stats["reasons"] == rejected
    assert again.stats["extra_columns"] == []


@pytest.mark.slow
def test_the_same_month_in_parts_gives_the_same_fact(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    before, delivery = deployment.fingerprint_tables(), deployment.raw / FILE
    rows = pq.read_table(delivery)
    delivery.unlink()
    delivery.mkdir()
    for part, start in enumerate(range(0, rows.num_rows, 500)):
        pq.write_table(rows.slice(start, 500), delivery / f"part-{part:05d}.parquet")
    (delivery / "_SUCCESS").touch()
    assert deployment.run_month(SAMPLE_MONTH).succeeded
    assert deployment.fingerprint_tables() == before


def test_the_six_more_columns_of_a_june_are_reported_and_left_out(
    loaded_deployment: Deployment, tmp_path: Path
) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    write_sample(tmp_path / "june", first="2016-06", last="2016-06", rows=500)
    deployment.deliver(tmp_path / "june" / "i94_jun16_sub.parquet")
    result = deployment.run_month("2016-06")
    assert result.succeeded
    assert deployment.manifest("staged/immigration", "2016-06").stats["extra_columns"] == sorted(JUNE_EXTRAS)
    records = deployment.instance.get_latest_materialization_events([dg.AssetKey(["staged", "immigration"])])
    (event,) = records.values()
    assert event is not None
    materialization = event.asset_materialization
    assert materialization is not None
    assert materialization.metadata["extra_columns"].value == ", ".join(sorted(JUNE_EXTRAS))
    file = Path(deployment.manifest("staged/immigration", "2016-06").urls[0])
    assert pq.read_schema(file).names == [c.name for c in immigration.columns]

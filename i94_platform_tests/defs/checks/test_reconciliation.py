"""Pins the checks that count: delivered = staged + quarantined, staged = loaded, and the files of the manifests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from i94_platform.contracts import MONTHLY_MARTS, WAREHOUSE, immigration
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment

STAGED, BALANCE = "staged/immigration", "delivered_equals_staged_plus_quarantined"


def test_a_lost_row_is_told_from_both_counts(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    rows = deployment.read_rows(immigration, STAGED, SAMPLE_MONTH)
    refused = deployment.manifest("staged/immigration_quarantine", SAMPLE_MONTH).rows
    deployment.rewrite_dataset(immigration, STAGED, rows.slice(1), SAMPLE_MONTH)
    result = deployment.run_check(STAGED, BALANCE, SAMPLE_MONTH)
    assert not result.passed
    assert result.blocking
    assert {name: metadata.value for name, metadata in result.metadata.items()} == {
        "delivered": rows.num_rows + refused,
        "staged": rows.num_rows - 1,
        "quarantined": refused,
        "difference": 1,
        "bound": 0,
    }
    assert f"{rows.num_rows - 1:,} staged, {refused} quarantined, difference 1" in result.description


def test_counts_that_agree_by_chance_fail_where_they_come_from_two_runs(
    loaded_deployment: Deployment, tmp_path: Path
) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    deployment.rewrite_dataset(
        immigration, STAGED, deployment.read_rows(immigration, STAGED, SAMPLE_MONTH), SAMPLE_MONTH
    )
    result = deployment.run_check(STAGED, BALANCE, SAMPLE_MONTH)
    assert not result.passed
    assert result.metadata["difference"].value == 0
    assert "the two come from different runs" in result.description


@pytest.mark.parametrize("dataset", [STAGED, "staged/immigration_quarantine"])
def test_a_file_that_is_gone_or_cut_is_named(loaded_deployment: Deployment, tmp_path: Path, dataset: str) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    assert deployment.run_check(STAGED, "files_complete", SAMPLE_MONTH).passed
    file = Path(deployment.manifest(dataset, SAMPLE_MONTH).urls[0])

    content = file.read_bytes()
    file.write_bytes(content[:-1])
    cut = deployment.run_check(STAGED, "files_complete", SAMPLE_MONTH)
    assert not cut.passed
    assert cut.blocking
    assert cut.metadata["problems"].value == 1
    assert f"{file} has {len(content) - 1:,} bytes, the manifest says {len(content):,}" in cut.description

    file.unlink()
    gone = deployment.run_check(STAGED, "files_complete", SAMPLE_MONTH)
    assert not gone.passed
    assert f"{file} is missing" in gone.description


CHANGES = {
    "lost": "DELETE FROM {table} WHERE rowid = (SELECT min(rowid) FROM {table})",
    "doubled": "INSERT INTO {table} SELECT * FROM {table} LIMIT 1",
}


@pytest.fixture(scope="module", params=CHANGES)
def changed(
    request: pytest.FixtureRequest, loaded_deployment: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """Every table with a row lost, then with one doubled: by table what was staged, what is loaded, and the check."""
    deployment = loaded_deployment.copy(tmp_path_factory.mktemp(request.param))
    staged = {
        contract.name: deployment.query_value(f"SELECT count(*) FROM i94.{contract.name}") for contract in WAREHOUSE
    }
    for name in staged:
        deployment.execute(CHANGES[request.param].format(table=f"i94.{name}"))
    results = deployment.run_checks([(f"warehouse/{name}", "staged_equals_loaded") for name in staged], SAMPLE_MONTH)
    more = -1 if request.param == "lost" else 1
    return {
        name: (rows, rows + more, results[f"warehouse/{name}", "staged_equals_loaded"]) for name, rows in staged.items()
    }


@pytest.mark.parametrize("name", [contract.name for contract in WAREHOUSE])
def test_a_row_lost_or_doubled_by_a_load_is_counted(changed: Any, name: str) -> None:
    staged, loaded_rows, result = changed[name]
    assert not result.passed
    assert result.blocking
    assert {name: metadata.value for name, metadata in result.metadata.items()} == {
        "staged": staged,
        "loaded": loaded_rows,
        "difference": staged - loaded_rows,
        "bound": 0,
    }
    assert result.description == f"{staged:,} rows staged, {loaded_rows:,} loaded."


def test_another_month_in_the_table_is_not_counted(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    deployment.execute("INSERT INTO i94.immigration SELECT * REPLACE (2 AS i94mon) FROM i94.immigration")
    assert deployment.run_check("warehouse/immigration", "staged_equals_loaded", SAMPLE_MONTH).passed


@pytest.fixture(scope="module")
def unbalanced(loaded_deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Every mart with two visitors too many and another month beside it: the arrivals, and the check of each mart."""
    deployment = loaded_deployment.copy(tmp_path_factory.mktemp("marts"))
    names = [contract.name for contract in MONTHLY_MARTS]
    for name in names:
        deployment.execute(f"UPDATE mart.{name} SET visitors = visitors + 2 WHERE rowid = 0")
        deployment.execute(f"INSERT INTO mart.{name} SELECT * REPLACE (2 AS i94mon) FROM mart.{name}")
    results = deployment.run_checks([(f"mart/{name}", "visitors_equal_arrivals") for name in names], SAMPLE_MONTH)
    arrivals = deployment.query_value("SELECT count(*) FROM i94.immigration")
    return arrivals, {name: results[f"mart/{name}", "visitors_equal_arrivals"] for name in names}


@pytest.mark.parametrize("name", [contract.name for contract in MONTHLY_MARTS])
def test_visitors_that_do_not_add_up_to_the_arrivals_are_told(unbalanced: Any, name: str) -> None:
    arrivals, results = unbalanced
    result = results[name]
    assert not result.passed
    assert result.blocking
    assert {name: metadata.value for name, metadata in result.metadata.items()} == {
        "visitors": arrivals + 2,
        "arrivals": arrivals,
        "difference": 2,
        "bound": 0,
    }
    assert result.description == f"{arrivals + 2:,} visitors in the mart, {arrivals:,} arrivals in the fact."

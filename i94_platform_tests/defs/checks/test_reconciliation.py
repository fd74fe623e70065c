"""Test the reconciliation checks: delivered = staged + quarantined, staged = loaded, complete files, sums of marts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from i94_platform.contracts import MONTHLY_MARTS, WAREHOUSE, immigration
from i94_platform_tests.support.deployment import MONTHLY, SAMPLE_MONTH, Deployment

STAGED, BALANCE = "staged/immigration", "delivered_equals_staged_plus_quarantined"


def test_a_lost_row_fails_with_all_counts(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    rows = deployment.read_rows(immigration, STAGED, SAMPLE_MONTH)
    quarantined = deployment.manifest("staged/immigration_quarantine", SAMPLE_MONTH).rows
    deployment.rewrite_dataset(immigration, STAGED, rows.slice(1), SAMPLE_MONTH)
    result = deployment.run_check(STAGED, BALANCE, SAMPLE_MONTH)
    assert not result.passed
    assert result.blocking
    assert {name: metadata.value for name, metadata in result.metadata.items()} == {
        "delivered": rows.num_rows + quarantined,
        "staged": rows.num_rows - 1,
        "quarantined": quarantined,
        "difference": 1,
        "bound": "0",
    }
    assert f"{rows.num_rows - 1:,} staged, {quarantined} quarantined, difference 1" in result.description


def test_equal_counts_of_two_different_runs_fail(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    deployment.rewrite_dataset(
        immigration, STAGED, deployment.read_rows(immigration, STAGED, SAMPLE_MONTH), SAMPLE_MONTH
    )
    result = deployment.run_check(STAGED, BALANCE, SAMPLE_MONTH)
    assert not result.passed
    assert result.metadata["difference"].value == 0
    assert "the two come from different runs" in result.description


def test_a_missing_or_truncated_file_is_named(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    assert deployment.run_check(STAGED, "files_complete", SAMPLE_MONTH).passed
    truncated, missing, other = (Path(deployment.manifest(name, SAMPLE_MONTH).urls[0]) for name in MONTHLY)
    content = truncated.read_bytes()
    truncated.write_bytes(content[:-1])
    missing.unlink()
    other.unlink()
    result = deployment.run_check(STAGED, "files_complete", SAMPLE_MONTH)
    assert not result.passed
    assert result.blocking
    assert result.metadata["problems"].value == 3
    assert f"{truncated} has {len(content) - 1:,} bytes, the manifest says {len(content):,}" in result.description
    assert all(f"{file} is missing" in result.description for file in (missing, other))


CHANGES = {
    "lost": "DELETE FROM {table} WHERE rowid = (SELECT min(rowid) FROM {table})",
    "doubled": "INSERT INTO {table} SELECT * FROM {table} LIMIT 1",
}


@pytest.fixture(scope="module", params=CHANGES)
def load_results(
    request: pytest.FixtureRequest, loaded_deployment: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """Of each table with a lost or a doubled row: the staged rows, the loaded rows and the result of the check."""
    deployment = loaded_deployment.copy(tmp_path_factory.mktemp(request.param))
    names = [contract.name for contract in WAREHOUSE]
    staged = {name: deployment.query_value(f"SELECT count(*) FROM i94.{name}") for name in names}
    staged["country"] = deployment.query_value("SELECT count(*) FROM i94.country WHERE status <> 'unlisted'")
    for name in staged:
        deployment.execute(CHANGES[request.param].format(table=f"i94.{name}"))
    results = deployment.run_checks([(f"warehouse/{name}", "staged_equals_loaded") for name in staged], SAMPLE_MONTH)
    change = -1 if request.param == "lost" else 1
    return {
        name: (rows, rows + change, results[f"warehouse/{name}", "staged_equals_loaded"])
        for name, rows in staged.items()
    }


@pytest.mark.parametrize("name", [contract.name for contract in WAREHOUSE])
def test_a_row_that_a_load_loses_or_doubles_is_counted(load_results: Any, name: str) -> None:
    staged, loaded_rows, result = load_results[name]
    assert not result.passed
    assert result.blocking
    assert {name: metadata.value for name, metadata in result.metadata.items()} == {
        "staged": staged,
        "loaded": loaded_rows,
        "difference": staged - loaded_rows,
        "bound": "0",
    }
    assert result.description == f"{staged:,} rows staged, {loaded_rows:,} loaded."


def test_rows_of_another_month_are_not_counted(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    deployment.execute("INSERT INTO i94.immigration SELECT * REPLACE (2 AS i94mon) FROM i94.immigration")
    assert deployment.run_check("warehouse/immigration", "staged_equals_loaded", SAMPLE_MONTH).passed


@pytest.fixture(scope="module")
def mart_results(loaded_deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The arrivals, and the result of each mart that has two visitors too many and another month."""
    deployment = loaded_deployment.copy(tmp_path_factory.mktemp("marts"))
    names = [contract.name for contract in MONTHLY_MARTS]
    for name in names:
        deployment.execute(f"UPDATE mart.{name} SET visitors = visitors + 2 WHERE rowid = 0")
        if name == "stays":
            deployment.execute("UPDATE mart.stays SET stay_days = stay_days + 1 WHERE rowid = 0")
        deployment.execute(f"INSERT INTO mart.{name} SELECT * REPLACE (2 AS i94mon) FROM mart.{name}")
    results = deployment.run_checks([(f"mart/{name}", "visitors_equal_arrivals") for name in names], SAMPLE_MONTH)
    arrivals = deployment.query_value("SELECT count(*) FROM i94.immigration")
    return arrivals, {name: results[f"mart/{name}", "visitors_equal_arrivals"] for name in names}


@pytest.mark.parametrize("name", [contract.name for contract in MONTHLY_MARTS])
def test_visitors_that_do_not_add_up_to_the_arrivals_fail(mart_results: Any, name: str) -> None:
    arrivals, results = mart_results
    result = results[name]
    assert not result.passed
    assert result.blocking
    assert {name: metadata.value for name, metadata in result.metadata.items()} == {
        "visitors": arrivals + 2,
        "arrivals": arrivals,
        "difference": 3 if name == "stays" else 2,
        "bound": "0",
    }
    assert result.description.startswith(f"{arrivals + 2:,} visitors in the mart, {arrivals:,} in the fact")
    assert ("stay_days in the mart" in result.description) == (name in ("arrivals_cube", "stays"))

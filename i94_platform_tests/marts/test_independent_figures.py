"""Test that every figure of the marts is what plain SQL over the fact gives, cell by cell: of a month and of a year.

The real April is in `integration/test_real_month.py`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from i94_platform.contracts import MONTHLY_MARTS
from i94_platform.sample import write_sample
from i94_platform_tests.marts.independent_figures import QUERIES, find_differences
from i94_platform_tests.support.deployment import Deployment


def test_every_cell_of_the_sample_is_that_of_plain_sql(loaded_deployment: Deployment) -> None:
    cells, differences = find_differences(loaded_deployment.settings.warehouse_path)
    assert not differences
    assert cells > 30_000
    assert set(QUERIES) == {mart.name for mart in MONTHLY_MARTS}


def test_each_cell_that_differs_is_named(loaded_deployment: Deployment, tmp_path: Path) -> None:
    copy = Path(shutil.copy(loaded_deployment.settings.warehouse_path, tmp_path / "changed.duckdb"))
    another = "SELECT * REPLACE ('ZZZ' AS airline, 1 AS visitors) FROM mart.visitors_by_airline LIMIT 1"
    with duckdb.connect(str(copy)) as connection:
        connection.execute("ALTER TABLE mart.ports ALTER port DROP NOT NULL")
        connection.execute("UPDATE mart.ports SET port = NULL WHERE rowid = 0")
        connection.execute("UPDATE mart.stays SET mean_stay = mean_stay * 1.0001 WHERE rowid = 1")
        connection.execute("DELETE FROM mart.state_climate WHERE i94addr = 'NY'")
        connection.execute(f"INSERT INTO mart.visitors_by_airline {another}")
    _, differences = find_differences(loaded_deployment.settings.warehouse_path, copy)
    columns = {line.partition(":")[0] for line in differences}
    assert columns >= {"ports.port", "stays.mean_stay", "state_climate.visitors", "visitors_by_airline.visitors"}
    assert {column.partition(".")[0] for column in columns} == {
        "ports",
        "stays",
        "state_climate",
        "visitors_by_airline",
    }


@pytest.mark.slow
def test_every_published_cell_of_a_synthetic_year_is_that_of_plain_sql(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path / "year", last_month="2016-12")
    write_sample(deployment.raw, first="2016-01", last="2016-12", rows=2_000)
    results = [*deployment.run(*(f"2016-{month:02}" for month in range(1, 13))), deployment.run_publish()]
    assert all(result.succeeded for result in results), results
    cells, differences = find_differences(deployment.settings.warehouse_path, deployment.home / "i94.duckdb")
    assert not differences
    assert cells > 12 * 30_000

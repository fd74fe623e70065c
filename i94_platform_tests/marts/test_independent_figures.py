"""Test that every figure of the marts is what plain SQL over the fact gives, cell by cell: of a month and of a year.

The correlations, which one month has twice, are compared row by row.

The real April is in `integration/test_real_month.py`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from i94_platform.contracts import MONTHLY_MARTS
from i94_platform.sample import write_sample
from i94_platform_tests.marts.correlation_differences import (
    compare_rows,
    find_correlation_differences,
    read_rows,
)
from i94_platform_tests.marts.independent_correlations import Row
from i94_platform_tests.marts.independent_figures import QUERIES, find_differences
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment


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


ONE_CITY = """
    DELETE FROM i94.world_temperature
    WHERE iso3 = 'USA' AND city <> (SELECT min(city) FROM i94.world_temperature WHERE iso3 = 'USA')
"""
WARMER_CITIES = """
    INSERT INTO i94.world_temperature
    WITH city AS (SELECT state_code, min(city) AS city FROM i94.us_cities_demographics GROUP BY ALL),
    listed AS (SELECT city, row_number() OVER (ORDER BY md5(city)) AS warmth FROM city)
    SELECT t.* REPLACE (listed.city AS city, t.average_temperature + 0.2 * listed.warmth ** 1.5 AS average_temperature)
    FROM i94.world_temperature AS t JOIN listed ON listed.warmth <= 14 AND listed.city <> t.city
    WHERE t.iso3 = 'USA'
"""
"""Gives temperatures to cities of 14 states. With the sample's four states, intervals reach from -1 to 1.

No two states are equally warm, also where one has two cities, because equal sums of floats differ by their order.
"""


@pytest.fixture(scope="module")
def correlation_rows(
    loaded_deployment: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Row], list[Row]]:
    """The correlations of the sample, computed from the fact and as in the mart."""
    deployment = loaded_deployment.copy(tmp_path_factory.mktemp("warmer"))
    deployment.execute(ONE_CITY)
    deployment.execute(WARMER_CITIES)
    results = [deployment.run_marts(SAMPLE_MONTH), deployment.run_correlations()]
    assert all(result.succeeded for result in results), results
    return read_rows(deployment.settings.warehouse_path)


def test_every_correlation_of_the_sample_is_that_of_plain_sql(correlation_rows: tuple[list[Row], list[Row]]) -> None:
    expected, published = correlation_rows
    assert compare_rows(expected, published) == []
    assert len(expected) == len(published) == 71 + 31
    assert sum("samples" in row for row in expected) == 2 * 19 + 2 * 18, "each Pearson coefficient has a bootstrap"
    assert [row for row in expected if row["coefficient"] is None] == []


@pytest.mark.parametrize(
    ("method", "change"),
    [
        ("pearson", {"coefficient": 1e-6}),
        ("weighted_pearson", {"p_value": 0.1}),
        ("spearman", {"ci_low": 1e-6}),
        ("spearman", {"p_value": 1e-6}),
        ("spearman", {"adjusted_p_value": 1e-6}),
        ("cramers_v", {"coefficient": 1e-6}),
        ("cramers_v", {"n": 1}),
        ("pearson", {"clusters": 1, "excluded": 1}),
        ("pearson", {"excluded_visitors": 1, "coverage": 1e-6}),
    ],
)
def test_each_figure_of_a_correlation_that_differs_is_named(
    correlation_rows: tuple[list[Row], list[Row]], method: str, change: dict[str, float]
) -> None:
    expected, published = correlation_rows
    rows = [dict(row) for row in published]
    changed = next(row for row in rows if row["method"] == method and row["coefficient"] is not None)
    changed |= {name: changed[name] + gap for name, gap in change.items()}
    differences = compare_rows(expected, rows)
    assert all(any(f" {name}: " in line and changed["y"] in line for line in differences) for name in change)


@pytest.mark.parametrize("method", ["pearson", "weighted_pearson"])
@pytest.mark.parametrize("end", ["ci_low", "ci_high"])
def test_an_interval_that_differs_by_half_its_width_is_named(
    correlation_rows: tuple[list[Row], list[Row]], method: str, end: str
) -> None:
    expected, published = correlation_rows
    for sign in (-1, 1):
        halves = ((row["ci_high"] - row["ci_low"]) / 2 if row["method"] == method else 0 for row in published)
        changed = [
            {**row, end: row[end] and row[end] + sign * half} for row, half in zip(published, halves, strict=True)
        ]
        differences = compare_rows(expected, changed)
        assert len(differences) == sum(row["method"] == method for row in published)
        assert all(f"'{method}') {end}: " in line for line in differences)


def test_a_correlation_that_only_one_side_has_is_named(correlation_rows: tuple[list[Row], list[Row]]) -> None:
    expected, published = correlation_rows
    differences = compare_rows(expected[1:], published[:-1])
    assert any("not published" in line and published[-1]["y"] in line for line in differences)
    assert any("not computed again" in line and expected[0]["y"] in line for line in differences)


@pytest.mark.slow
def test_every_published_cell_of_a_synthetic_year_is_that_of_plain_sql(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path / "year", last_month="2016-12")
    write_sample(deployment.raw, first="2016-01", last="2016-12", rows=2_000)
    results = [*deployment.run(*(f"2016-{month:02}" for month in range(1, 13))), deployment.run_publish()]
    assert all(result.succeeded for result in results), results
    cells, differences = find_differences(deployment.settings.warehouse_path, deployment.home / "i94.duckdb")
    assert not differences
    assert cells > 12 * 30_000
    rows, differences = find_correlation_differences(deployment.settings.warehouse_path, deployment.home / "i94.duckdb")
    assert not differences
    assert rows == 71 + 12 * 31

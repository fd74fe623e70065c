"""Test the delivered April 2016: its known figures after a run of the command line, twice, within its memory.

The figures are those of the delivered files, counted without this platform. The first 20,000 rows, which the SAS file
holds too, stand for the month in `make test`.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from i94_platform.contracts import MONTHLY_MARTS
from i94_platform_tests.marts.correlation_differences import find_correlation_differences
from i94_platform_tests.marts.independent_figures import find_differences
from i94_platform_tests.serving.live_server import run_server
from i94_platform_tests.support.command import CommandResult, run_command_measuring_memory
from i94_platform_tests.support.deployment import Deployment
from i94_platform_tests.support.documented_queries import format_cell, read_questions, read_statements, run_statement
from i94_platform_tests.support.processes import wait_for

pytestmark = [pytest.mark.real_data]

MONTH = "2016-04"
REFERENCES = (
    "I94_SAS_Labels_Descriptions.SAS",
    "us-cities-demographics.csv",
    "airport-codes_csv.csv",
    "GlobalLandTemperaturesByCity.csv",
)
UNLISTED = "i94cit IN (SELECT code FROM i94.country WHERE status = 'unlisted')"
FIGURES = {
    "SELECT count(*) FROM i94.immigration": 3_096_313,
    "SELECT count(*) FROM i94.immigration WHERE i94addr = '99'": 179_166,
    f"SELECT count(*) FROM i94.immigration WHERE {UNLISTED}": 386_189,
    "SELECT round(avg(stay_days), 4) FROM i94.immigration WHERE stay_days BETWEEN 0 AND 365": 14.1081,
    "SELECT sum(city_population) FROM i94.state": 116_712_213,
    "SELECT count(*) FROM i94.immigration WHERE i94cit NOT IN (SELECT code FROM i94.country)": 0,
    "SELECT count(*) FROM i94.immigration WHERE i94res NOT IN (SELECT code FROM i94.country)": 0,
    "SELECT count(*) FROM i94.immigration WHERE i94port NOT IN (SELECT code FROM i94.i94port)": 0,
    "SELECT count(*) FROM i94.immigration WHERE i94addr NOT IN (SELECT code FROM i94.i94addr)": 0,
    "SELECT count(*) FROM i94.immigration WHERE i94mode NOT IN (SELECT code FROM i94.i94mode)": 0,
    "SELECT count(*) FROM i94.immigration WHERE i94visa NOT IN (SELECT code FROM i94.i94visa)": 0,
    "SELECT count(*) FROM i94.immigration WHERE arrdate NOT IN (SELECT date FROM i94.calendar)": 0,
    "SELECT count(*) FROM i94.immigration WHERE admnum > 2147483647": 3_015_215,
    "SELECT count(*) FROM i94.immigration WHERE duration_of_status": 45_343,
    "SELECT count(*) FROM i94.immigration WHERE stay_days < 0": 375,
    "SELECT sum(visitors) FROM mart.destination_by_origin WHERE i94addr = 'FL'": 621_701,
    "SELECT sum(visitors) FROM mart.destination_by_climate WHERE state = 'Florida'": 621_701,
    "SELECT sum(visitors) FROM mart.visitor_demographics_by_state WHERE i94addr = 'FL'": 621_701,
    "SELECT visitors FROM mart.visitors_by_nationality WHERE i94cit = 135 AND nationality = 'United Kingdom'": 360_157,
    "SELECT visitors FROM mart.visitors_by_airline WHERE airline = 'AA'": 310_091,
    "SELECT visitors FROM mart.visitors_by_airline WHERE airline = 'not given'": 83_627,
    "SELECT sum(visitors) FROM mart.visitors_by_airline WHERE airline_name NOT LIKE 'code %'": 3_092_506,
    "SELECT visitors FROM mart.destination_by_port WHERE i94addr = 'NE' AND possible_meaning = 'New York, NY'": 12_165,
    "SELECT sum(visitors - usual_visitors) FROM mart.destination_by_port WHERE possible_meaning IS NOT NULL": 21_904,
    "SELECT visitors FROM mart.destination_by_origin WHERE i94addr = 'FL' AND origin = 'United Kingdom'": 101_913,
    "SELECT sum(visitors) FROM mart.visitors_by_nationality WHERE status = 'unlisted'": 386_189,
    "SELECT hint_likely_residence_visitors FROM mart.visitors_by_nationality WHERE i94cit = 148": 148_689,
    "SELECT sum(visitors) FROM mart.visitor_demographics_by_state WHERE gender = 'not given'": 414_269,
    "SELECT sum(visitors) FROM mart.origin_climate WHERE climate_band = 'unknown'": 539_977,
    "SELECT max(excluded_visitors) FROM mart.correlations WHERE question = 'origin_climate'": 539_977,
    **{f"SELECT sum(visitors) FROM {mart.fullname}": 3_096_313 for mart in MONTHLY_MARTS},
}
CORRELATIONS = {
    ("state", "country of residence", "cramers_v", "all states"): (0.135, None, None),
    ("visitors expected from%", "visitors", "pearson", "all states"): (0.77, 0.66, 0.94),
    ("visitors expected from%", "visitors", "pearson", "without the largest states"): (0.66, 0.64, 0.91),
    ("mean yearly temperature%", "log of visitors", "pearson", "all states"): (-0.37, -0.53, -0.18),
    ("log of people%", "log of visitors", "pearson", "all states"): (0.77, 0.59, 0.88),
    ("median age%", "share of visitors below 18", "pearson", "all states"): (0.49, 0.18, 0.71),
    ("median age%", "share of visitors below 18", "weighted_pearson", "all states"): (0.72, 0.09, 0.94),
}
"""Coefficient and interval by x, y, method and variant, by a bootstrap of the states without this platform."""
FOUR_GB = 4 * 10**9


@pytest.fixture(scope="module")
def april(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Deployment, CommandResult]:
    """The whole April, read where it lies."""
    deployment = Deployment(tmp_path_factory.mktemp("april"), raw=str(real_data))
    return deployment, run_command_measuring_memory(deployment.environment, "run", "--month", MONTH)


@pytest.mark.slow
def test_the_command_loads_the_month_within_four_gigabytes(april: tuple[Deployment, CommandResult]) -> None:
    deployment, result = april
    assert result.exit_code == 0, result.output
    assert "3,096,313" in result.output
    assert 0 < result.peak_bytes < FOUR_GB
    assert deployment.manifest("staged/immigration", MONTH).stats["delivered_rows"] == 3_096_313
    assert deployment.manifest("staged/immigration_quarantine", MONTH).rows == 0


@pytest.mark.slow
def test_april_has_its_known_figures(april: tuple[Deployment, CommandResult]) -> None:
    deployment, _ = april
    assert {sql: deployment.query_value(sql) for sql in FIGURES} == pytest.approx(FIGURES, abs=1e-9)


@pytest.mark.slow
def test_the_documented_share_of_women_is_that_of_visitors_recorded_as_f_or_m(
    april: tuple[Deployment, CommandResult],
) -> None:
    deployment, _ = april
    (sql,) = [sql for sql in read_statements("reference/marts.md") if "share_of_women" in sql]
    columns, rows = run_statement(deployment.settings.release_path, sql)
    shares = {row[0]: float(row[columns.index("share_of_women")]) for row in rows}
    assert shares["Florida"] == pytest.approx(274_136 / (274_136 + 261_275), abs=1e-12)
    assert len(shares) == 55


@pytest.mark.slow
def test_the_questions_have_the_documented_figures_by_sql_and_by_the_api(
    april: tuple[Deployment, CommandResult],
) -> None:
    deployment, _ = april
    with run_server(deployment.folder) as server:
        wait_for(lambda: server.service.release_store.release, "the release to be served")
        for question in read_questions():
            columns, rows = run_statement(deployment.settings.release_path, question.sql)
            answered = [[row[name] for name in columns] for row in server.get(question.path).json()["data"]]
            assert columns == question.columns
            for figures in (rows, answered):
                assert [[format_cell(value) for value in row] for row in figures] == question.figures, question.title


@pytest.mark.slow
def test_april_has_its_known_correlations(april: tuple[Deployment, CommandResult]) -> None:
    deployment, _ = april
    sql = (
        "SELECT coefficient, ci_low, ci_high FROM mart.correlations "
        "WHERE x LIKE :x AND y = :y AND method = :method AND variant = :variant"
    )
    for key, figures in CORRELATIONS.items():
        rows = deployment.warehouse.query(sql, dict(zip(("x", "y", "method", "variant"), key, strict=True))).to_pylist()
        assert len(rows) == (2 if key[-1] == "all states" else 1), "over all months and in the only one"
        for row in rows:
            assert tuple(row.values()) == pytest.approx(figures, abs=0.02), key


@pytest.mark.slow
def test_every_published_cell_of_april_is_that_of_plain_sql(april: tuple[Deployment, CommandResult]) -> None:
    deployment, _ = april
    cells, differences = find_differences(deployment.settings.warehouse_path, deployment.home / "i94.duckdb")
    assert not differences
    assert cells > 14_000_000


@pytest.mark.slow
def test_every_published_correlation_of_april_is_that_of_plain_sql(april: tuple[Deployment, CommandResult]) -> None:
    deployment, _ = april
    rows, differences = find_correlation_differences(deployment.settings.warehouse_path, deployment.home / "i94.duckdb")
    assert not differences
    assert rows == 71 + 31


@pytest.mark.slow
def test_a_second_command_changes_nothing_but_the_run(april: tuple[Deployment, CommandResult]) -> None:
    deployment, _ = april
    sql = "SELECT run_id FROM i94.load_ledger WHERE partition_key <> ''"
    before, run_ids = deployment.state(), {row["run_id"] for row in deployment.query(sql)}
    result = run_command_measuring_memory(deployment.environment, "run", "--month", MONTH)
    assert result.exit_code == 0, result.output
    assert result.peak_bytes < FOUR_GB
    assert deployment.state() == before
    assert not run_ids & {row["run_id"] for row in deployment.query(sql)}


@pytest.fixture(scope="module")
def slice_of_april(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """The first 20,000 rows of April, which the SAS file holds too, as Parquet."""
    deployment = Deployment(tmp_path_factory.mktemp("slice"))
    deployment.deliver(*(real_data / name for name in REFERENCES))
    first = ds.dataset(real_data / "i94_apr16_sub.parquet", format="parquet").head(20_000)
    pq.write_table(first, deployment.raw / "i94_apr16_sub.parquet")
    results = deployment.run(MONTH)
    assert all(result.succeeded for result in results), results
    return deployment


@pytest.mark.slow
def test_the_sas_file_gives_the_same_fact_as_parquet(
    slice_of_april: Deployment, real_data: Path, tmp_path: Path
) -> None:
    deployment = slice_of_april.copy(tmp_path)
    before = deployment.fingerprint_tables()
    os.unlink(deployment.raw / "i94_apr16_sub.parquet")
    shutil.copy(real_data / "i94_apr16_sub_20k.sas7bdat", deployment.raw / "i94_apr16_sub.sas7bdat")
    result = deployment.run_month(MONTH)
    assert result.succeeded, result
    assert result.rows["staged/immigration"] == result.rows["warehouse/immigration"] == 20_000
    assert deployment.manifest("staged/immigration", MONTH).stats["delivered_files"] == ["i94_apr16_sub.sas7bdat"]
    assert deployment.fingerprint_tables() == before


@pytest.mark.slow
def test_the_slice_has_every_row_and_no_orphan(slice_of_april: Deployment) -> None:
    for sql, figure in FIGURES.items():
        if figure == 0:
            assert slice_of_april.query_value(sql) == 0
    assert slice_of_april.query_value("SELECT count(*) FROM i94.immigration") == 20_000
    assert slice_of_april.query_value("SELECT sum(city_population) FROM i94.state") == 116_712_213

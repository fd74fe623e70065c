"""Test the plan of a command: which months and whether the reference files are stale, and what the plan ignores."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Table

from i94_platform.contracts import immigration, state
from i94_platform.contracts.rendering import types
from i94_platform.errors import PermanentError
from i94_platform.partitions import Month
from i94_platform.pipeline import data_versions
from i94_platform.staleness.job_names import MONTH_JOB
from i94_platform.staleness.plan import RunPlan, plan_runs
from i94_platform.staleness.run_inputs import PARTITION_TAG
from i94_platform_tests.support.deployment import Deployment

JANUARY, FEBRUARY, MARCH = (Month(2016, number) for number in (1, 2, 3))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance without a record; the ledger says what is loaded."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def plan(deployment: Deployment, instance: dg.DagsterInstance, *requested: Month, **options: Any) -> RunPlan:
    options = {"first_month": JANUARY, "last_month": Month(2016, 12), **options}
    return plan_runs(
        deployment.raw_store, deployment.lake, deployment.warehouse, instance, requested=requested, **options
    )


def test_a_delivered_month_that_is_not_loaded_is_stale(
    loaded_deployment: Deployment, instance: dg.DagsterInstance
) -> None:
    assert plan(loaded_deployment, instance) == RunPlan(reference=False, months=(FEBRUARY,))


def test_a_requested_month_runs_even_if_it_is_loaded(
    loaded_deployment: Deployment, instance: dg.DagsterInstance
) -> None:
    assert plan(loaded_deployment, instance, JANUARY, JANUARY) == RunPlan(False, (JANUARY,), requested=(JANUARY,))


def test_only_stale_months_of_the_requested_ones_run_with_only_stale(
    loaded_deployment: Deployment, instance: dg.DagsterInstance
) -> None:
    result = plan(loaded_deployment, instance, JANUARY, FEBRUARY, MARCH, only_stale=True)
    assert result.months == (FEBRUARY,)
    ((month, message),) = result.undelivered
    assert month == MARCH
    assert "i94_mar16_sub" in message


def test_a_loaded_month_whose_last_run_failed_is_stale(
    loaded_deployment: Deployment, instance: dg.DagsterInstance
) -> None:
    tags = {PARTITION_TAG: JANUARY.key}
    instance.add_run(dg.DagsterRun(job_name=MONTH_JOB, tags=tags, status=dg.DagsterRunStatus.FAILURE))
    assert plan(loaded_deployment, instance, JANUARY, only_stale=True).months == (JANUARY,)


def test_a_changed_label_file_makes_every_month_stale(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    with (deployment.raw / "I94_SAS_Labels_Descriptions.SAS").open("a") as file:
        file.write("\n")
    result = plan(deployment, deployment.instance)
    assert result.reference
    assert result.months == (JANUARY, FEBRUARY)


@pytest.mark.parametrize(
    ("contract", "expected"), [(immigration, (False, (JANUARY, FEBRUARY))), (state, (True, (FEBRUARY,)))]
)
def test_a_new_column_makes_stale_what_lacks_it(
    loaded_deployment: Deployment,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    contract: Table,
    expected: tuple[bool, tuple[Month, ...]],
) -> None:
    def render_columns(table: Table) -> list[str]:
        return [*types.render_columns(table), *(["added INT"] if table is contract else [])]

    monkeypatch.setattr(data_versions, "render_columns", render_columns)
    result = plan(loaded_deployment, instance)
    assert (result.reference, result.months) == expected


def test_the_plan_says_what_it_ignores(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    (deployment.raw / "notes.txt").touch()
    result = plan(deployment, deployment.instance, first_month=FEBRUARY)
    assert result.months == (FEBRUARY,)
    files, months = result.notes
    assert "notes.txt" in files
    assert "2016-01" in months


def test_a_refused_month_is_stale_and_only_its_run_says_why(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    (deployment.raw / "i94_jan16_sub.csv").touch()
    result = plan(deployment, deployment.instance)
    assert result.months == (JANUARY, FEBRUARY)
    assert not any("2016-01 is refused" in note for note in result.notes)
    others = plan(deployment, deployment.instance, first_month=FEBRUARY)
    assert any("2016-01 is refused" in note for note in others.notes)
    assert result.problem == ""


def test_a_superseded_version_is_named_in_the_plan(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    shutil.copytree(deployment.raw, deployment.raw / "backup", ignore=shutil.ignore_patterns("*.csv", "*.SAS"))
    result = plan(deployment, deployment.instance)
    assert result.months == (FEBRUARY,), "a copy with the same time changes nothing"
    assert sum("backup/i94_jan16_sub.parquet" in note for note in result.notes) == 1


@pytest.mark.parametrize("name", ["i94_jan16_sub.xlsx", "arrivals.zip"])
def test_deliveries_that_are_all_of_other_names_are_a_problem(
    loaded_deployment: Deployment, tmp_path: Path, name: str
) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    for file in deployment.raw.glob("i94_*_sub.*"):
        file.unlink()
    assert plan(deployment, deployment.instance).problem == ""
    (deployment.raw / name).touch()
    result = plan(deployment, deployment.instance)
    assert str(deployment.raw) in result.problem
    assert any(name in note for note in result.notes)
    assert plan(deployment, deployment.instance, JANUARY).problem == ""


def test_a_requested_month_out_of_range_is_an_error(
    loaded_deployment: Deployment, instance: dg.DagsterInstance
) -> None:
    with pytest.raises(PermanentError, match=r"2015-12 .* 2016-01 to 2016-12"):
        plan(loaded_deployment, instance, Month(2015, 12))

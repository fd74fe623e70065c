"""Pins that every loaded month is drawn once, after its run and not in it, and again when it is loaded again."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from i94_platform.assets.charts import CHARTED
from i94_platform.automation.charts import CHARTS_JOB, charts_sensor, due
from i94_platform.automation.jobs import MONTH_JOB
from i94_platform_tests.integration.deployment import Deployment
from i94_platform_tests.integration.fixtures import MONTH, loaded

__all__ = ["loaded"]

FACT = CHARTED[0].asset_key


@pytest.fixture
def deployment(loaded: Deployment, tmp_path: Path) -> Deployment:
    """A copy of the loaded deployment whose history knows that its month was loaded."""
    copy = loaded.copy(tmp_path)
    load(copy.history)
    return copy


def load(history: dg.DagsterInstance, month: str = MONTH) -> None:
    history.report_runless_asset_event(dg.AssetMaterialization(FACT, partition=month))


def tick(history: dg.DagsterInstance) -> dg.RunRequest | dg.SkipReason:
    with dg.build_sensor_context(instance=history) as context:
        answer = charts_sensor()(context)
    assert isinstance(answer, dg.RunRequest | dg.SkipReason)
    return answer


def draw(deployment: Deployment) -> None:
    job = deployment.definitions.resolve_job_def(CHARTS_JOB)
    assert job.execute_in_process(instance=deployment.history).success


def test_a_loaded_month_is_drawn_once(deployment: Deployment) -> None:
    assert isinstance(tick(deployment.history), dg.RunRequest)
    draw(deployment)
    (record,) = deployment.history.fetch_observations(FACT, limit=5).records
    assert record.partition_key == MONTH
    assert record.asset_observation is not None
    assert "data:image/png;base64," in str(record.asset_observation.metadata["chart"].value)
    assert due(deployment.history) == {}
    assert tick(deployment.history) == dg.SkipReason("Every loaded month is drawn.")
    draw(deployment)
    assert len(deployment.history.fetch_observations(FACT, limit=5).records) == 1


def test_a_month_that_is_loaded_again_is_drawn_again(deployment: Deployment) -> None:
    first = tick(deployment.history)
    draw(deployment)
    load(deployment.history)
    again = tick(deployment.history)
    assert isinstance(first, dg.RunRequest)
    assert isinstance(again, dg.RunRequest)
    assert first.run_key != again.run_key
    assert [month for _, month in due(deployment.history)] == [MONTH]


def test_what_could_not_be_drawn_is_not_asked_for_again(deployment: Deployment) -> None:
    asked = [tick(deployment.history) for _ in range(2)]
    assert all(isinstance(answer, dg.RunRequest) for answer in asked)
    assert len({answer.run_key for answer in asked if isinstance(answer, dg.RunRequest)}) == 1


def test_no_chart_is_asked_for_while_a_month_is_under_way(deployment: Deployment) -> None:
    job = deployment.definitions.resolve_job_def(MONTH_JOB)
    run = deployment.history.create_run_for_job(
        job, status=dg.DagsterRunStatus.STARTED, tags={"dagster/partition": MONTH}
    )
    assert tick(deployment.history) == dg.SkipReason("A month is under way; the charts follow it.")
    deployment.history.delete_run(run.run_id)
    assert isinstance(tick(deployment.history), dg.RunRequest)


def test_nothing_is_asked_for_before_anything_is_loaded() -> None:
    assert tick(dg.DagsterInstance.ephemeral()) == dg.SkipReason("Every loaded month is drawn.")

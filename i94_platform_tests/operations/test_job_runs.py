"""Tests the subset of a job that a selection names."""

from __future__ import annotations

import pytest

from i94_platform.defs.build import build_definitions
from i94_platform.operations.job_runs import subset_job
from i94_platform.settings import Settings
from i94_platform.staleness.job_names import MONTH_JOB, REFERENCE_JOB


@pytest.mark.parametrize("name", [REFERENCE_JOB, MONTH_JOB])
def test_a_selection_of_all_its_layers_is_the_job_with_its_own_checks(name: str) -> None:
    job = build_definitions(Settings()).resolve_job_def(name)
    assert subset_job(job, ["raw", "lookup", "staged", "warehouse"]) is job
    assert subset_job(job, ["warehouse"]) is not job
    assert subset_job(job, ["mart"]) is None

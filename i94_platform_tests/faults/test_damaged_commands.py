"""Test what `i94 run` says of damaged deliveries in a process of its own: one sentence, and everything is as before.

The cases are those that follow the ones of `test_damaged_deliveries`, one for each source and format in turn.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from i94_platform.lake.releases import RELEASE
from i94_platform.sources.registry import REFERENCE_FILES
from i94_platform_tests.faults.test_damaged_deliveries import CASES, FOREIGN, MONTH_BUILDERS
from i94_platform_tests.support.command import COMMAND, TIMEOUT_SECONDS
from i94_platform_tests.support.damage import oracle
from i94_platform_tests.support.damage.cases import FAMILIES, draw_case
from i94_platform_tests.support.damage.label_files import build_labels
from i94_platform_tests.support.damage.model import Case, Reading
from i94_platform_tests.support.damage.platform_base import MONTH, NAME, ROWS, PlatformBase, delivered_table
from i94_platform_tests.support.damage.reference_files import build_table
from i94_platform_tests.support.deployment import Deployment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def base(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> PlatformBase:
    """Make the undamaged files."""
    return PlatformBase(tmp_path_factory.mktemp("base"), sample)


@pytest.fixture(scope="module")
def undamaged(base: PlatformBase, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Load the undamaged files into a deployment. Tests change only a copy of it."""
    import pyarrow.parquet as pq

    deployment = Deployment(tmp_path_factory.mktemp("undamaged"))
    for name, content in base.files.items():
        deployment.raw_store.put(REFERENCE_FILES[name], content)
    pq.write_table(delivered_table(base.rows), deployment.raw / NAME)
    results = deployment.run(MONTH.key)
    assert all(result.succeeded for result in [*results, deployment.run_publish()]), results
    return deployment


def read_content(deployment: Deployment) -> dict[str, Any]:
    """Read all that a run may replace, without the results of checks, which the release lists."""
    state = deployment.state()
    version, rows, _ = state["manifests"].pop(RELEASE.folder)
    return {**state, "release": (version, rows)}


def damage_delivery(deployment: Deployment, base: PlatformBase, case: Case, scratch: Path) -> bool | None:
    """Deliver what a case damages; return whether it is loaded, or None where only the run can say."""
    if case.family in MONTH_BUILDERS:
        delivery = MONTH_BUILDERS[case.family](case, [dict(row) for row in base.rows], scratch)
        (deployment.raw / NAME).unlink()
        for path, content in delivery.files.items():
            deployment.raw_store.put(path, content)
        expected = oracle.expect_month(delivery.rows, MONTH)
        if delivery.reading == Reading.UNCERTAIN:
            return None
        return delivery.reading == Reading.READABLE and not expected.list_blocking(ROWS)
    name = "i94_labels" if case.family == "labels" else case.family
    if case.family == "labels":
        labels = build_labels(case, base.files[name])
        content, reading = labels.content, labels.reading
    else:
        table = build_table(case, base.files[name], ";" if name == "us_cities_demographics" else ",")
        content, reading = table.content, table.reading
    deployment.raw_store.put(REFERENCE_FILES[name], content)
    return False if reading == Reading.UNUSABLE else None


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.id) for case in map(draw_case, range(CASES, CASES + len(FAMILIES)))]
)
def test_a_run_of_a_damaged_delivery_ends_in_plain_words_and_leaves_everything(
    undamaged: Deployment, base: PlatformBase, case: Case, tmp_path: Path
) -> None:
    deployment, scratch = undamaged.copy(tmp_path / "copy"), tmp_path / "scratch"
    scratch.mkdir()
    before = read_content(deployment)
    is_loaded = damage_delivery(deployment, base, case, scratch)
    process = subprocess.run(
        [*COMMAND, "run"],
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", "HOME": str(tmp_path), **deployment.environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    said = f"{case.description}\n{process.stdout}\n{process.stderr}"
    assert process.returncode in ((0, 1) if is_loaded is None else (0,) if is_loaded else (1,)), said
    assert not FOREIGN.search(process.stdout + process.stderr), said
    assert "fault of i94" not in said, said
    if process.returncode:
        assert read_content(deployment) == before, said
        message = " ".join(process.stderr.split())
        assert (
            "i94_jan16_sub" in message
            or any(name in message for name in REFERENCE_FILES.values())
            or ('i94 run --month 2016-01 --accept "reason"' in message or 'i94 run --accept "reason"' in message)
        ), said

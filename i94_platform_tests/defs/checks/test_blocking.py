"""Test what a failed check does to its run: a blocking check stops everything downstream, a warning stops nothing.

A corrupting engine or warehouse causes the faults, because no delivery can.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from i94_platform.settings import Settings
from i94_platform_tests.support.deployment import MONTHLY, SAMPLE_MONTH, Deployment
from i94_platform_tests.support.faulty_resources import (
    Change,
    CorruptingEngine,
    CorruptingWarehouse,
    override_resource,
    repeat_first_row,
    replace_value,
)


def broken_copy(loaded_deployment: Deployment, folder: Path, make: Any) -> Deployment:
    """Copy a deployment, with the resource overrides that `make` builds from the settings of the copy."""
    settings = Settings(home=str(folder / "home"), raw=str(folder / "raw"))
    overrides: Mapping[str, Any] = make(settings)
    return loaded_deployment.copy(folder, overrides)


FAULTS: dict[str, tuple[Change, str, str]] = {
    # the overwritten row may be one of a duplicate pair of the delivery, so one or two keys are broken
    "a repeated key": (repeat_first_row, "contract", "key_unique cicid, i94yr, i94mon: "),
    "a missing value": (lambda rows: replace_value(rows, "i94port", None), "contract", "not_null i94port: 1 of"),
    "a row too many": (
        lambda rows: pa.concat_tables([rows, rows.slice(0, 1)]),
        "delivered_equals_staged_plus_quarantined",
        "difference -1",
    ),
}
"""Of each fault: the change of the rows, the check that fails, and what it says."""
SLOW_FAULTS = ("a missing value", "a repeated key")


@pytest.mark.parametrize("fault", ["a row too many", *(pytest.param(f, marks=pytest.mark.slow) for f in SLOW_FAULTS)])
def test_a_blocking_check_stops_the_month_and_the_warehouse_is_unchanged(
    loaded_deployment: Deployment, tmp_path: Path, fault: str
) -> None:
    change, check, reason = FAULTS[fault]
    deployment = broken_copy(
        loaded_deployment,
        tmp_path,
        lambda settings: override_resource("engine", CorruptingEngine(settings, "staged/immigration", change)),
    )
    tables, ledger = deployment.fingerprint_tables(), deployment.read_ledger()
    result = deployment.run_month(SAMPLE_MONTH)
    assert not result.succeeded
    assert [failed for failed in result.failed_checks if f"staged/immigration {check}: " in failed and reason in failed]
    assert set(result.rows) == set(MONTHLY), "nothing downstream was materialized"
    assert not result.errors
    assert deployment.fingerprint_tables() == tables
    assert deployment.read_ledger() == ledger


def test_a_warning_is_reported_and_the_month_is_loaded(loaded_deployment: Deployment, tmp_path: Path) -> None:
    def change(rows: pa.Table) -> pa.Table:
        return replace_value(replace_value(rows, "i94bir", 200), "gender", "Q", rows=2)

    deployment = broken_copy(
        loaded_deployment,
        tmp_path,
        lambda settings: override_resource("engine", CorruptingEngine(settings, "staged/immigration", change)),
    )
    result = deployment.run_month(SAMPLE_MONTH)
    assert result.succeeded
    assert not result.failed_checks
    (warning,) = result.warnings
    assert warning.startswith("staged/immigration contract: ")
    assert "allowed_values gender: 2 of" in warning
    assert "ranges i94bir: 1 of" in warning
    assert deployment.query_value("SELECT count(*) FROM i94.immigration WHERE i94bir = 200") == 1


def test_a_reference_table_that_breaks_its_contract_stays(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = broken_copy(
        loaded_deployment,
        tmp_path,
        lambda settings: override_resource(
            "embedded_engine", CorruptingEngine(settings, "staged/world_temperature", repeat_first_row)
        ),
    )
    tables = deployment.fingerprint_tables()
    result = deployment.run_reference()
    assert not result.succeeded
    assert [error.partition(":")[0] for error in result.errors] == ["staged__world_temperature"]
    assert not {"staged/world_temperature", "warehouse/world_temperature", "warehouse/country"} & set(result.rows)
    assert {"warehouse/i94addr", "warehouse/calendar"} <= set(result.rows)
    assert deployment.fingerprint_tables() == tables


@pytest.mark.parametrize(
    ("statement", "check"),
    [
        ("INSERT INTO i94.country SELECT * FROM i94.country LIMIT 1", "warehouse/country contract"),
        pytest.param(
            "DELETE FROM i94.country WHERE code = 582",
            "warehouse/country staged_equals_loaded",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_dimension_that_fails_its_check_fails_the_reference_run(
    loaded_deployment: Deployment, tmp_path: Path, statement: str, check: str
) -> None:
    deployment = broken_copy(
        loaded_deployment,
        tmp_path,
        lambda settings: override_resource("warehouse", CorruptingWarehouse(settings, "country", statement)),
    )
    result = deployment.run_reference()
    assert not result.succeeded
    assert check in [failed.partition(":")[0] for failed in result.failed_checks]


def test_a_fact_that_fails_its_check_fails_the_run(loaded_deployment: Deployment, tmp_path: Path) -> None:
    statement = "DELETE FROM i94.immigration WHERE rowid = (SELECT min(rowid) FROM i94.immigration)"
    deployment = broken_copy(
        loaded_deployment,
        tmp_path,
        lambda settings: override_resource("warehouse", CorruptingWarehouse(settings, "immigration", statement)),
    )
    result = deployment.run_month(SAMPLE_MONTH)
    assert not result.succeeded
    assert [failed.partition(":")[0] for failed in result.failed_checks] == [
        "warehouse/immigration staged_equals_loaded"
    ]

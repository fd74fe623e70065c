"""Test the checks that warn: shares of unusual rows, rejected rows, and code lists with drift.

Each share is tested at its bound, where it passes, and with one row more, where it warns.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from i94_platform.contracts import LOOKUPS, i94addr, immigration, immigration_quarantine
from i94_platform.defs.checks.plausibility import QUARANTINE_BOUND, SHARES
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment
from i94_platform_tests.support.faulty_resources import replace_value

# For each share: its column, a value that counts and one that does not.
UNUSUAL: dict[str, tuple[str, Any, Any]] = {
    "share_of_unknown_state": ("i94addr", "99", "CA"),
    "share_of_unlisted_citizenship": ("i94cit", 148, 209),
    "share_of_unlisted_residence": ("i94res", 1234, 209),
    "share_of_null_departure": ("depdate", None, immigration.columns["arrdate"]),
    "share_of_negative_stay": ("stay_days", -1, 7),
}
BOUNDS = {share.name: share.bound for share in SHARES}


def with_share(rows: pa.Table, name: str, count: int) -> pa.Table:
    """Return the rows with exactly `count` rows that count for a share."""
    column, unusual, usual = UNUSUAL[name]
    usual_value = rows.column("arrdate").to_pylist()[0] if name == "share_of_null_departure" else usual
    return replace_value(replace_value(rows, column, usual_value, rows.num_rows), column, unusual, count)


def test_every_share_is_tested() -> None:
    assert set(UNUSUAL) == set(BOUNDS)


@pytest.mark.parametrize("name", BOUNDS)
def test_a_share_warns_above_its_bound_and_not_at_it(loaded_deployment: Deployment, tmp_path: Path, name: str) -> None:
    deployment, dataset = loaded_deployment.copy(tmp_path), "staged/immigration"
    rows = deployment.read_rows(immigration, dataset, SAMPLE_MONTH)
    rows = rows.slice(0, rows.num_rows // 1000 * 1000)
    at_most = math.floor(rows.num_rows * BOUNDS[name])

    deployment.rewrite_dataset(immigration, dataset, with_share(rows, name, at_most), SAMPLE_MONTH)
    at_bound = deployment.run_check(dataset, name, SAMPLE_MONTH)
    assert at_bound.passed
    assert at_bound.metadata["rows"].value == at_most > 0
    assert at_bound.metadata["sample"].value == "No rows."

    deployment.rewrite_dataset(immigration, dataset, with_share(rows, name, at_most + 1), SAMPLE_MONTH)
    above = deployment.run_check(dataset, name, SAMPLE_MONTH)
    assert not above.passed
    assert above.severity == dg.AssetCheckSeverity.WARN
    assert not above.blocking
    assert above.metadata["rows"].value == at_most + 1
    assert above.metadata["share"].value == pytest.approx((at_most + 1) / rows.num_rows)
    assert above.metadata["bound"].value == f"{BOUNDS[name]:.1%}"
    assert f"{at_most + 1:,} of {rows.num_rows:,} rows " in above.description
    lines = above.metadata["sample"].value.splitlines()
    assert lines[0] == "| i94cit | i94res | i94addr | arrdate | depdate | stay_days |"
    assert len(lines) == 2 + min(at_most + 1, 5)


def test_shares_pass_on_a_month_without_accepted_rows(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    empty = deployment.read_rows(immigration, "staged/immigration", SAMPLE_MONTH).slice(0, 0)
    deployment.rewrite_dataset(immigration, "staged/immigration", empty, SAMPLE_MONTH)
    for name in BOUNDS:
        result = deployment.run_check("staged/immigration", name, SAMPLE_MONTH)
        assert result.passed
        assert result.metadata["share"].value == 0.0


def test_many_rejected_rows_warn_and_are_shown(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment, dataset = loaded_deployment.copy(tmp_path), "staged/immigration_quarantine"
    rejected = deployment.read_rows(immigration_quarantine, dataset, SAMPLE_MONTH)
    result = deployment.run_check(dataset, "share_of_delivered", SAMPLE_MONTH)
    assert result.passed
    assert result.metadata["rows"].value == rejected.num_rows

    delivered = math.floor(rejected.num_rows / QUARANTINE_BOUND) - 1
    deployment.rewrite_dataset(immigration_quarantine, dataset, rejected, SAMPLE_MONTH, delivered_rows=delivered)
    above = deployment.run_check(dataset, "share_of_delivered", SAMPLE_MONTH)
    assert not above.passed
    assert above.severity == dg.AssetCheckSeverity.WARN
    assert not above.blocking
    assert above.metadata["share"].value == pytest.approx(rejected.num_rows / delivered)
    assert above.metadata["bound"].value == f"{QUARANTINE_BOUND:.0%}"
    assert f"{rejected.num_rows} of {delivered:,} delivered rows rejected" in above.description
    reasons = rejected.column("reasons").to_pylist()
    assert all(reason in reasons for reason in markdown_column(above.metadata["sample"].value, "reasons"))


def markdown_column(markdown: str, name: str) -> list[str]:
    """Return the cells of one column of a Markdown table."""
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines())
    assert rows
    return [row[head.index(name)] for row in rows]


@pytest.mark.parametrize("name", [contract.name for contract in LOOKUPS])
def test_the_code_lists_of_the_sample_equal_the_reviewed_ones(loaded_deployment: Deployment, name: str) -> None:
    result = loaded_deployment.run_check(f"lookup/{name}", "equals_reviewed")
    assert result.passed
    assert result.metadata["differences"].value == 0


def test_a_code_list_with_drift_warns_and_names_the_codes(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment, dataset = loaded_deployment.copy(tmp_path), "lookup/i94addr"
    rows = deployment.read_rows(i94addr, dataset).to_pylist()
    assert [row["code"] for row in rows[:2]] == ["AL", "AK"]
    rows[0]["label"] = "ALABAMA AGAIN"
    rows[1]["code"] = "ZZ"
    deployment.rewrite_dataset(i94addr, dataset, pa.Table.from_pylist(rows))
    result = deployment.run_check(dataset, "equals_reviewed")
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.WARN
    assert not result.blocking
    assert result.metadata["differences"].value == 3
    assert result.metadata["bound"].value == "0"
    assert set(result.metadata["sample"].value.split(", ")) == {"ZZ", "AK", "AL"}
    assert "1 added (ZZ), 1 removed (AK), 1 changed (AL)" in result.description
    assert deployment.run_check("lookup/i94visa", "equals_reviewed").passed

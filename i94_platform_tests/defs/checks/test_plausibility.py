"""Test the checks that warn: shares of unusual rows, rejected rows, and code lists with drift.

Each share is tested at its bound, where it passes, and with one row more, where it warns.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from i94_platform.contracts import LOOKUPS, i94addr, i94cit_res, immigration, immigration_quarantine
from i94_platform.defs.checks.plausibility import QUARANTINE_BOUND, SHARES
from i94_platform.lake.datasets import Dataset
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment
from i94_platform_tests.support.faulty_resources import replace_value
from i94_platform_tests.support.processes import TIMEOUT_SECONDS

UNUSUAL: dict[str, tuple[str, str, Any, Any]] = {
    "unknown_state": ("i94addr", "i94addr", "99", "CA"),
    "unlisted_citizenship": ("i94cit", "i94cit", 148, 209),
    "unlisted_residence": ("i94res", "i94res", 1234, 209),
    "null_departure": ("depdate", "depdate", None, dt.date(2016, 1, 31)),
    "negative_stay": ("depdate", "stay_days", -1, 7),
}
"""For each share: the column that staging counts it under, the column of the rows, a value that counts, one that does
not."""
BOUNDS = {share.name: share.bound for share in SHARES}


def with_shares(stats: dict[str, Any], rows: int, unusual_rows: dict[str, int]) -> dict[str, Any]:
    """Return the counts of a month that has these unusual rows, by the name of the share."""
    values = {column: {"values": rows, "implausible": 0} for column in stats["values"]}
    for name, count in unusual_rows.items():
        if name == "null_departure":
            values["depdate"]["values"] -= count
        else:
            values[UNUSUAL[name][0]]["implausible"] = count
    return {**stats, "values": values}


def test_every_share_is_tested() -> None:
    assert set(UNUSUAL) == set(BOUNDS)


def test_a_share_warns_above_its_bound_and_not_at_it(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment, dataset = loaded_deployment.copy(tmp_path), "staged/immigration"
    stats = deployment.manifest(dataset, SAMPLE_MONTH).stats
    rows = deployment.read_rows(immigration, dataset, SAMPLE_MONTH)
    rows = rows.slice(0, rows.num_rows // 1000 * 1000)
    at_most = {name: math.floor(rows.num_rows * bound) for name, bound in BOUNDS.items()}

    def run_check(excess: int) -> Any:
        changed = rows
        for name, (_, column, unusual, usual) in UNUSUAL.items():
            changed = replace_value(changed, column, usual, rows.num_rows)
            changed = replace_value(changed, column, unusual, at_most[name] + excess)
        counts = with_shares(stats, rows.num_rows, {name: count + excess for name, count in at_most.items()})
        deployment.rewrite_dataset(immigration, dataset, changed, SAMPLE_MONTH, **counts)
        return deployment.run_check(dataset, "plausible_shares", SAMPLE_MONTH)

    at_bound = run_check(0)
    assert at_bound.passed
    assert set(at_bound.metadata) == set(BOUNDS)
    above = run_check(1)
    assert not above.passed
    assert above.severity == dg.AssetCheckSeverity.WARN
    assert not above.blocking
    for name, count in at_most.items():
        assert at_bound.metadata[name].value == pytest.approx(count / rows.num_rows)
        assert above.metadata[name].value == pytest.approx((count + 1) / rows.num_rows)
        assert f"{count + 1:,} of {rows.num_rows:,} rows " in above.description, name
        lines = above.metadata[f"sample of {name}"].value.splitlines()
        assert lines[0] == "| cicid | i94yr | i94mon |", name
        assert len(lines) == 2 + min(count + 1, 5), name


def test_rows_that_another_run_replaces_meanwhile_are_sampled_from_the_new_files(
    loaded_deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment, dataset = loaded_deployment.copy(tmp_path), "staged/immigration"
    rows = deployment.read_rows(immigration, dataset, SAMPLE_MONTH)
    late = replace_value(rows, "stay_days", -1, rows.num_rows)
    stats = deployment.manifest(dataset, SAMPLE_MONTH).stats
    counts = with_shares(stats, rows.num_rows, {"negative_stay": rows.num_rows})
    deployment.rewrite_dataset(immigration, dataset, late, SAMPLE_MONTH, **counts)
    holds, waits = threading.Event(), threading.Event()
    monkeypatch.setattr(logging.getLogger("i94_platform.lake.local"), "warning", lambda *_: waits.set())

    def replace_rows() -> None:
        with deployment.lake.write_lock(Dataset(dataset, SAMPLE_MONTH)):
            holds.set()
            assert waits.wait(TIMEOUT_SECONDS)
            deployment.rewrite_dataset(immigration, dataset, late, SAMPLE_MONTH, run_id="another", **counts)

    with ThreadPoolExecutor(1) as threads:
        other_run = threads.submit(replace_rows)
        assert holds.wait(TIMEOUT_SECONDS)
        result = deployment.run_check(dataset, "plausible_shares", SAMPLE_MONTH)
        other_run.result()
    assert not result.passed
    assert len(result.metadata["sample of negative_stay"].value.splitlines()) == 2 + 5


def test_staging_counts_what_the_shares_read(loaded_deployment: Deployment) -> None:
    manifest = loaded_deployment.manifest("staged/immigration", SAMPLE_MONTH)
    rows = loaded_deployment.read_rows(immigration, "staged/immigration", SAMPLE_MONTH).to_pylist()
    codes = set(
        loaded_deployment.read_rows(i94cit_res, "lookup/i94cit_res").column("code").to_pylist(),
    )
    expected = {
        "unknown_state": sum(row["i94addr"] == "99" for row in rows),
        "unlisted_citizenship": sum(row["i94cit"] is not None and row["i94cit"] not in codes for row in rows),
        "unlisted_residence": sum(row["i94res"] is not None and row["i94res"] not in codes for row in rows),
        "null_departure": sum(row["depdate"] is None for row in rows),
        "negative_stay": sum((row["stay_days"] or 0) < 0 for row in rows),
    }
    assert {share.name: share.count(manifest) for share in SHARES} == expected
    assert expected["unknown_state"] > 0 < expected["unlisted_citizenship"]


def test_shares_pass_on_a_month_without_accepted_rows(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    empty = deployment.read_rows(immigration, "staged/immigration", SAMPLE_MONTH).slice(0, 0)
    deployment.rewrite_dataset(immigration, "staged/immigration", empty, SAMPLE_MONTH, values={})
    result = deployment.run_check("staged/immigration", "plausible_shares", SAMPLE_MONTH)
    assert result.passed
    assert {result.metadata[name].value for name in BOUNDS} == {0.0}


def test_a_state_whose_code_is_written_for_another_place_warns(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment, asset = loaded_deployment.copy(tmp_path), "mart/destination_by_port"
    deployment.execute("UPDATE mart.destination_by_port SET possible_meaning = NULL")
    assert deployment.run_check(asset, "plausible_states", SAMPLE_MONTH).passed
    deployment.execute(
        "UPDATE mart.destination_by_port SET possible_meaning = 'Newark, NJ', usual_visitors = 1 "
        "WHERE i94addr = 'NY' AND i94port = 'NYC'"
    )
    visitors, total = deployment.query(
        "SELECT sum(visitors) FILTER (i94port = 'NYC') AS nyc, sum(visitors) AS total "
        "FROM mart.destination_by_port WHERE i94addr = 'NY'"
    )[0].values()
    result = deployment.run_check(asset, "plausible_states", SAMPLE_MONTH)
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert result.metadata["NY"].value == pytest.approx(float((visitors - 1) / total))
    for fact in ("NY (New York)", "Newark, NJ (NYC: ", f"{visitors:,}, usual 1)"):
        assert fact in result.description


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

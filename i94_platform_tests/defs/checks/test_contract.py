"""Pins the checks generated from the contracts: each passes on good data, and each fails on one broken row.

A check that can't fail is worse than none: every pair of table and rule is broken here once, behind the platform's
back, and the result must say how many rows, what the bound was, and show the row.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from sqlalchemy import Column, Double, Integer, Table

import i94_platform_tests
from i94_platform.contracts import ALL, DIMENSIONS, MONTHLY_MARTS, immigration, immigration_quarantine
from i94_platform.contracts.model import key_columns
from i94_platform.defs.checks.completeness import CHECK_KEY
from i94_platform_tests.support.deployment import MONTHLY, SAMPLE_MONTH, Deployment
from i94_platform_tests.support.faulty_resources import repeat_first_row, replace_value

CONTRACTS = {contract.name: contract for contract in ALL}
STOPPING = {"not_null", "key_unique", "foreign_keys"}

RULES = ("not_null", "key_unique", "allowed_values", "ranges", "foreign_keys")


def read_checked_rules(*layers: str) -> dict[str, tuple[str, ...]]:
    """Read the tables of some layers, each with the rules that the reviewed snapshot of the graph has checks for."""
    snapshot = Path(i94_platform_tests.__file__).parent / "snapshots" / "graph.json"
    assets = json.loads(snapshot.read_text("utf-8"))["assets"]
    rules = {name: tuple(r for r in RULES if r in a["checks"]) for name, a in assets.items() if a["group"] in layers}
    return {name: checked for name, checked in rules.items() if checked}


IN_LAKE = read_checked_rules("lookup", "staged")
"""Rules of rows, checked before the rows are loaded."""
IN_WAREHOUSE = read_checked_rules("warehouse", "mart")
"""Rules between tables, and those of what the warehouse computes."""


def pairs(tables: dict[str, tuple[str, ...]]) -> list[Any]:
    return [pytest.param(asset, kind, id=f"{asset}-{kind}") for asset, kinds in tables.items() for kind in kinds]


def month_of(asset: str) -> str | None:
    monthly = (*MONTHLY, "warehouse/immigration", *(f"mart/{mart.name}" for mart in MONTHLY_MARTS))
    return SAMPLE_MONTH if asset in monthly else None


def broken_column(contract: Table, kind: str) -> tuple[Column[Any], Any]:
    """The last column that has a rule of this kind, and a value that breaks it."""
    last: dict[str, tuple[Column[Any], Any]] = {}
    for col in contract.columns:
        if not col.nullable:
            last["not_null"] = col, None
        if col.info["allowed"]:
            last["allowed_values"] = col, 7 if col.name == "count" else "?"
        low, high = col.info["low"], col.info["high"]
        if high is not None or low is not None:
            value = one_beyond(high, 1) if high is not None else one_beyond(low, -1)
            last["ranges"] = col, float(value) if isinstance(col.type, Double) else value
        if col.foreign_keys:
            last["foreign_keys"] = col, 9999 if isinstance(col.type, Integer) else "??"
    return last[kind]


def one_beyond(bound: Any, direction: int) -> Any:
    step = dt.timedelta(days=direction) if isinstance(bound, dt.date) else direction
    return bound + step


def test_every_generated_check_is_one_of_these_and_only_those_that_must_hold_block(
    loaded_deployment: Deployment,
) -> None:
    kinds = {kind for _, kind in (p.values for p in pairs(IN_LAKE | IN_WAREHOUSE))}
    specs = [spec for check in loaded_deployment.checks for spec in check.check_specs]
    generated = {("/".join(spec.asset_key.path), spec.name): spec.blocking for spec in specs if spec.name in kinds}
    assert generated == {p.values: p.values[1] in STOPPING for p in pairs(IN_LAKE | IN_WAREHOUSE)}


def test_every_check_of_the_graph_is_evaluated_and_passes_on_the_sample(loaded_deployment: Deployment) -> None:
    specs = [spec for check in loaded_deployment.checks for spec in check.check_specs if spec.key != CHECK_KEY]
    found = {
        name: result
        for run in loaded_deployment.instance.get_runs()
        for name, result in loaded_deployment.read_check_evaluations(run.run_id).items()
    }
    assert set(found) >= {f"{'/'.join(spec.asset_key.path)} {spec.name}" for spec in specs}
    assert {name for name, result in found.items() if not result.passed} == set()
    assert (
        found["staged/immigration not_null"].metadata["rows"].value
        == loaded_deployment.manifest("staged/immigration", SAMPLE_MONTH).rows
    )


@dataclass(frozen=True)
class Broken:
    """One row that breaks one rule of a table: where, the value that is shown, the table's rows, the check's result."""

    names: str
    shown: str
    rows: int
    result: Any


Breaking = Callable[[Deployment, str, str], tuple[str, str, int]]
"""Breaks a rule of a table of a deployment by one row; the columns, the value, the table's rows."""


def broken_by(loaded_deployment: Deployment, folder: Path, tables: dict[str, tuple[str, ...]], break_: Breaking) -> Any:
    """Break every table by one kind of rule at a time, each kind in a copy of its own, and run all its checks once."""

    @cache
    def of_kind(kind: str) -> dict[str, Broken]:
        deployment = loaded_deployment.copy(folder / kind)
        having = [asset for asset, kinds in tables.items() if kind in kinds]
        told = {asset: break_(deployment, asset, kind) for asset in having}
        results = deployment.run_checks([(asset, kind) for asset in having], SAMPLE_MONTH)
        return {asset: Broken(*told[asset], results[asset, kind]) for asset in having}

    return of_kind


@pytest.fixture(scope="module")
def in_lake(loaded_deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The staged datasets with one row of each broken, by kind of rule."""
    return broken_by(loaded_deployment, tmp_path_factory.mktemp("lake"), IN_LAKE, break_in_lake)


@pytest.fixture(scope="module")
def in_warehouse(loaded_deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The loaded tables with one row of each broken, by kind of rule."""
    return broken_by(loaded_deployment, tmp_path_factory.mktemp("warehouse"), IN_WAREHOUSE, break_in_warehouse)


def break_in_lake(deployment: Deployment, asset: str, kind: str) -> tuple[str, str, int]:
    contract, month = CONTRACTS[asset.split("/")[1]], month_of(asset)
    rows = deployment.read_rows(contract, asset, month or "")
    if kind == "key_unique":
        shown, names = "2", ", ".join(key_columns(contract))
        rows = repeat_first_row(rows)
    else:
        col, value = broken_column(contract, kind)
        shown, names = "" if value is None else str(value), col.name
        rows = replace_value(rows, col.name, value)
    deployment.rewrite_dataset(contract, asset, rows, month or "")
    return names, shown, rows.num_rows


def break_in_warehouse(deployment: Deployment, asset: str, kind: str) -> tuple[str, str, int]:
    contract = CONTRACTS[asset.split("/")[1]]
    table = contract.fullname
    if kind == "key_unique":
        shown, names = "2", ", ".join(key_columns(contract))
        deployment.execute(f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1")
    else:
        col, value = broken_column(contract, kind)
        shown, names = "" if value is None else str(value), col.name
        if kind == "not_null":
            deployment.execute(f"ALTER TABLE {table} ALTER COLUMN {col.name} DROP NOT NULL")
        one = f"rowid = (SELECT min(rowid) FROM {table} WHERE {col.name} IS NOT NULL)"
        deployment.execute(f"UPDATE {table} SET {col.name} = :value WHERE {one}", value=value)
    return names, shown, deployment.query_value(f"SELECT count(*) FROM {table}")


@pytest.mark.parametrize(("asset", "kind"), pairs(IN_LAKE))
def test_a_broken_row_in_the_lake_is_counted_and_shown(in_lake: Any, asset: str, kind: str) -> None:
    broken: Broken = in_lake(kind)[asset]
    assert_found(broken, kind)
    sample = broken.result.metadata["sample"].value
    assert sample.startswith(f"**{broken.names}**")
    assert cells(sample.splitlines()[-1])[-1] == broken.shown


@pytest.mark.parametrize(("asset", "kind"), pairs(IN_WAREHOUSE))
def test_a_broken_row_in_the_warehouse_is_counted_and_shown(in_warehouse: Any, asset: str, kind: str) -> None:
    broken: Broken = in_warehouse(kind)[asset]
    assert_found(broken, kind)
    last = cells(broken.result.metadata["sample"].value.splitlines()[-1])
    assert last[-2:] == [broken.shown, "1"] if kind == "foreign_keys" else last[-1] == broken.shown


def cells(line: str) -> list[str]:
    """The cells of a line of a Markdown table."""
    return [cell.strip() for cell in line.split("|")[1:-1]]


def assert_found(broken: Broken, kind: str) -> None:
    """One row breaks one rule: the figure, the bound, the table's size and how much it weighs."""
    result = broken.result
    assert not result.passed
    figures = {name: result.metadata[name].value for name in ("broken", "bound", "rows")}
    assert figures == {"broken": 1, "bound": 0, "rows": broken.rows}
    assert result.severity == (dg.AssetCheckSeverity.ERROR if kind in STOPPING else dg.AssetCheckSeverity.WARN)
    assert result.blocking == (kind in STOPPING)
    assert f"{broken.names}: 1 of {broken.rows:,} rows, must be " in result.description
    of_rule = [line for line in result.metadata["figures"].value.splitlines() if line.startswith(f"| {broken.names} |")]
    assert len(of_rule) == 1
    assert of_rule[0].endswith("| 1 |")


def test_many_broken_rows_are_all_counted_and_five_are_shown(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    rows = replace_value(deployment.read_rows(immigration, "staged/immigration", SAMPLE_MONTH), "i94bir", 200, rows=7)
    deployment.rewrite_dataset(immigration, "staged/immigration", rows, SAMPLE_MONTH)
    result = deployment.run_check("staged/immigration", "ranges", SAMPLE_MONTH)
    assert result.metadata["broken"].value == 7
    assert [line for line in result.metadata["sample"].value.splitlines() if line.endswith("| 200 |")] == [
        f"| {row['cicid']} | {row['i94yr']} | {row['i94mon']} | 200 |" for row in rows.slice(0, 5).to_pylist()
    ]
    assert "i94bir: 7 of " in result.description
    assert result.description == f"i94bir: 7 of {rows.num_rows:,} rows, must be -5 to 125"


def test_orphans_are_counted_by_row_and_shown_by_code(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    arrivals = deployment.query_value("SELECT count(*) FROM i94.immigration WHERE i94port = 'NYC'")
    deployment.execute("DELETE FROM i94.i94port WHERE code = 'NYC'")
    result = deployment.run_check("warehouse/immigration", "foreign_keys", SAMPLE_MONTH)
    assert result.metadata["broken"].value == arrivals > 1
    assert f"| NYC | {arrivals} |" in result.metadata["sample"].value


def test_only_the_month_of_the_run_is_checked(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    february = "SELECT * REPLACE (2 AS i94mon, '??' AS i94port) FROM i94.immigration LIMIT 3"
    deployment.execute(f"INSERT INTO i94.immigration {february}")
    result = deployment.run_check("warehouse/immigration", "foreign_keys", SAMPLE_MONTH)
    assert result.passed
    assert result.metadata["rows"].value == deployment.manifest("staged/immigration", SAMPLE_MONTH).rows


@pytest.mark.parametrize("contract", [immigration, immigration_quarantine], ids=lambda contract: contract.name)
def test_a_month_without_rows_keeps_every_rule(loaded_deployment: Deployment, tmp_path: Path, contract: Table) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    dataset = f"staged/{contract.name}"
    empty = deployment.read_rows(contract, dataset, SAMPLE_MONTH).slice(0, 0)
    deployment.rewrite_dataset(contract, dataset, empty, SAMPLE_MONTH)
    for kind in IN_LAKE[dataset]:
        result = deployment.run_check(dataset, kind, SAMPLE_MONTH)
        assert result.passed
        assert result.metadata["rows"].value == 0
    assert isinstance(empty, pa.Table)


def test_dimensions_are_checked_for_every_rule_that_their_contracts_have() -> None:
    assert {f"warehouse/{contract.name}" for contract in DIMENSIONS} <= set(IN_WAREHOUSE)

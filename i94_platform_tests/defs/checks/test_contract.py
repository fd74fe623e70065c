"""Test the checks that follow from the contracts: each passes on good data, and each fails on one broken row.

A check that can't fail is worse than none. So these tests break each pair of table and rule once, and the result must
have the number of broken rows, the bound and the row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Column, Double, Integer, Table

from i94_platform.contracts import (
    ALL,
    DIMENSIONS,
    LOOKUPS,
    MARTS,
    MONTHLY_MARTS,
    REFERENCES,
    STAGED_MONTH,
    immigration,
)
from i94_platform.contracts.model import key_columns, public_columns
from i94_platform.defs.checks.completeness import CHECK_KEY
from i94_platform_tests.support.deployment import MONTHLY, SAMPLE_MONTH, Deployment
from i94_platform_tests.support.faulty_resources import repeat_first_row, replace_value

CONTRACTS = {contract.name: contract for contract in ALL}
BLOCKING = {"not_null", "key_unique", "foreign_keys"}
RULE_TYPES = ("not_null", "key_unique", "allowed_values", "ranges", "foreign_keys")


def list_rule_types(assets: Iterable[str], types: Collection[str] = RULE_TYPES) -> dict[str, tuple[str, ...]]:
    """List the types of the rules that the contract of each asset has, of those that are checked there."""
    rule_types = {}
    for asset in assets:
        present = {"key_unique", *columns_to_break(CONTRACTS[asset.split("/")[1]])}
        rule_types[asset] = tuple(name for name in RULE_TYPES if name in types and name in present)
    return {asset: names for asset, names in rule_types.items() if names}


def columns_to_break(contract: Table) -> dict[str, tuple[Column[Any], Any]]:
    """Return the last column that has a rule of each type, and a value that breaks it."""
    last: dict[str, tuple[Column[Any], Any]] = {}
    for col in contract.columns:
        if not col.nullable:
            last["not_null"] = col, None
        if col.info["allowed"]:
            last["allowed_values"] = col, 7 if col.name == "count" else "?"
        low, high = col.info["low"], col.info["high"]
        if high is not None or low is not None:
            value = value_beyond(high, 1) if high is not None else value_beyond(low, -1)
            last["ranges"] = col, float(value) if isinstance(col.type, Double) else value
        if col.foreign_keys:
            last["foreign_keys"] = col, 9999 if isinstance(col.type, Integer) else "??"
    return last


def value_beyond(bound: Any, direction: int) -> Any:
    step = dt.timedelta(days=direction) if isinstance(bound, dt.date) else direction
    return bound + step


ROW_RULES = RULE_TYPES[:-1]
IN_LAKE = list_rule_types(
    [
        *(f"lookup/{contract.name}" for contract in LOOKUPS),
        *(f"staged/{contract.name}" for contract in (*REFERENCES, *STAGED_MONTH)),
    ],
    ROW_RULES,
)
"""Rules about rows, checked before the load."""
IN_WAREHOUSE = {
    **list_rule_types((f"warehouse/{c.name}" for c in (*LOOKUPS, *REFERENCES, immigration)), ("foreign_keys",)),
    **list_rule_types(f"warehouse/{contract.name}" for contract in DIMENSIONS),
    **list_rule_types((f"mart/{contract.name}" for contract in MARTS), ROW_RULES),
}
"""Rules between tables, and rules of the tables that the warehouse computes."""


def table_rules(tables: dict[str, tuple[str, ...]]) -> list[Any]:
    return [
        pytest.param(asset, rule_type, id=f"{asset}-{rule_type}")
        for asset, rule_types in tables.items()
        for rule_type in rule_types
    ]


def month_of(asset: str) -> str | None:
    monthly = (*MONTHLY, "warehouse/immigration", *(f"mart/{mart.name}" for mart in MONTHLY_MARTS))
    return SAMPLE_MONTH if asset in monthly else None


def test_the_graph_has_exactly_these_checks_and_each_can_block(loaded_deployment: Deployment) -> None:
    specs = [spec for check in loaded_deployment.checks for spec in check.check_specs if spec.name == "contract"]
    assert {"/".join(spec.asset_key.path) for spec in specs} == {*IN_LAKE, *IN_WAREHOUSE}
    assert all(spec.blocking for spec in specs)


def test_every_check_is_evaluated_and_passes_on_the_sample(loaded_deployment: Deployment) -> None:
    specs = [spec for check in loaded_deployment.checks for spec in check.check_specs if spec.key != CHECK_KEY]
    results = {
        name: result
        for run in loaded_deployment.instance.get_runs()
        for name, result in loaded_deployment.read_check_evaluations(run.run_id).items()
    }
    assert set(results) >= {f"{'/'.join(spec.asset_key.path)} {spec.name}" for spec in specs}
    assert {name for name, result in results.items() if not result.passed} == set()
    assert (
        results["staged/immigration contract"].metadata["rows"].value
        == loaded_deployment.manifest("staged/immigration", SAMPLE_MONTH).rows
    )


@dataclass(frozen=True)
class BrokenTable:
    """A table with one row that breaks one rule."""

    columns: str
    """The columns of the rule, as the result names them."""
    value: str
    """The broken value, as the sample shows it."""
    rows: int
    """All rows of the table."""
    result: Any
    """The result of the check."""


BreakRule = Callable[[Deployment, str, str], tuple[str, str, int]]
"""Breaks a rule of a table by one row; returns the columns, the value and the number of rows."""


def break_and_check(
    loaded_deployment: Deployment, folder: Path, tables: dict[str, tuple[str, ...]], break_rule: BreakRule
) -> Any:
    """Return a function that breaks a rule type in every table of a copy, and runs the checks of that type once."""

    @cache
    def by_rule_type(rule_type: str) -> dict[str, BrokenTable]:
        deployment = loaded_deployment.copy(folder / rule_type)
        assets = [asset for asset, rule_types in tables.items() if rule_type in rule_types]
        broken = {asset: break_rule(deployment, asset, rule_type) for asset in assets}
        results = deployment.run_checks([(asset, "contract") for asset in assets], SAMPLE_MONTH)
        return {asset: BrokenTable(*broken[asset], results[asset, "contract"]) for asset in assets}

    return by_rule_type


@pytest.fixture(scope="module")
def in_lake(loaded_deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The datasets with one broken row each, by rule type."""
    return break_and_check(loaded_deployment, tmp_path_factory.mktemp("lake"), IN_LAKE, break_in_lake)


@pytest.fixture(scope="module")
def in_warehouse(loaded_deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The tables with one broken row each, by rule type."""
    return break_and_check(loaded_deployment, tmp_path_factory.mktemp("warehouse"), IN_WAREHOUSE, break_in_warehouse)


def break_in_lake(deployment: Deployment, asset: str, rule_type: str) -> tuple[str, str, int]:
    contract, month = CONTRACTS[asset.split("/")[1]], month_of(asset)
    rows = deployment.read_rows(contract, asset, month or "")
    if rule_type == "key_unique":
        value_shown, columns = "2", ", ".join(key_columns(contract))
        rows = repeat_first_row(rows)
    else:
        col, value = columns_to_break(contract)[rule_type]
        value_shown, columns = "" if value is None else str(value), col.name
        rows = replace_value(rows, col.name, value)
    deployment.rewrite_dataset(contract, asset, rows, month or "")
    return columns, value_shown, rows.num_rows


def break_in_warehouse(deployment: Deployment, asset: str, rule_type: str) -> tuple[str, str, int]:
    contract = CONTRACTS[asset.split("/")[1]]
    table = contract.fullname
    if rule_type == "key_unique":
        value_shown, columns = "2", ", ".join(key_columns(contract))
        deployment.execute(f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1")
    else:
        col, value = columns_to_break(contract)[rule_type]
        value_shown, columns = "" if value is None else str(value), col.name
        if rule_type == "not_null":
            deployment.execute(f"ALTER TABLE {table} ALTER COLUMN {col.name} DROP NOT NULL")
        one = f"rowid = (SELECT min(rowid) FROM {table} WHERE {col.name} IS NOT NULL)"
        deployment.execute(f"UPDATE {table} SET {col.name} = :value WHERE {one}", value=value)
    return columns, value_shown, deployment.query_value(f"SELECT count(*) FROM {table}")


@pytest.mark.parametrize(("asset", "rule_type"), table_rules(IN_LAKE))
def test_a_broken_row_in_the_lake_is_counted_and_shown(in_lake: Any, asset: str, rule_type: str) -> None:
    broken: BrokenTable = in_lake(rule_type)[asset]
    assert_one_broken_row(broken, rule_type)
    sample = broken.result.metadata["sample"].value
    assert sample.startswith(f"**{rule_type} {broken.columns}**")
    header, *_, row = (cells(line) for line in sample.splitlines() if line.startswith("|"))
    shown = "times" if rule_type == "key_unique" else broken.columns
    hidden = {c.name for c in CONTRACTS[asset.split("/")[1]].columns} - {
        *public_columns(CONTRACTS[asset.split("/")[1]])
    }
    assert not hidden & {*header}
    assert shown in hidden or row[header.index(shown)] == broken.value


@pytest.mark.parametrize(("asset", "rule_type"), table_rules(IN_WAREHOUSE))
def test_a_broken_row_in_the_warehouse_is_counted_and_shown(in_warehouse: Any, asset: str, rule_type: str) -> None:
    broken: BrokenTable = in_warehouse(rule_type)[asset]
    assert_one_broken_row(broken, rule_type)
    last = cells(broken.result.metadata["sample"].value.splitlines()[-1])
    assert last[-2:] == [broken.value, "1"] if rule_type == "foreign_keys" else last[-1] == broken.value


def cells(line: str) -> list[str]:
    """The cells of a line of a Markdown table."""
    return [cell.strip() for cell in line.split("|")[1:-1]]


def assert_one_broken_row(broken: BrokenTable, rule_type: str) -> None:
    """Assert that the result has one broken row, the bound, the number of rows and the severity."""
    result = broken.result
    assert not result.passed
    figures = {name: result.metadata[name].value for name in ("broken", "bound", "rows")}
    assert figures == {"broken": 1, "bound": "0", "rows": broken.rows}
    assert result.severity == (dg.AssetCheckSeverity.ERROR if rule_type in BLOCKING else dg.AssetCheckSeverity.WARN)
    assert f"{rule_type} {broken.columns}: 1 of {broken.rows:,} rows, must be " in result.description
    of_rule = [
        line
        for line in result.metadata["figures"].value.splitlines()
        if line.startswith(f"| {rule_type} | {broken.columns} |")
    ]
    assert len(of_rule) == 1
    assert of_rule[0].endswith("| 1 |")


def test_many_broken_rows_are_all_counted_and_five_are_shown(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    rows = replace_value(deployment.read_rows(immigration, "staged/immigration", SAMPLE_MONTH), "i94bir", 200, rows=7)
    deployment.rewrite_dataset(immigration, "staged/immigration", rows, SAMPLE_MONTH)
    result = deployment.run_check("staged/immigration", "contract", SAMPLE_MONTH)
    assert result.metadata["broken"].value == 7
    assert result.metadata["sample"].value.splitlines()[4:] == [
        f"| {row['cicid']} | {row['i94yr']} | {row['i94mon']} |" for row in rows.slice(0, 5).to_pylist()
    ]
    assert result.description == f"ranges i94bir: 7 of {rows.num_rows:,} rows, must be -5 to 125"


def test_a_rule_that_blocks_is_named_before_one_that_warns(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    rows = replace_value(deployment.read_rows(immigration, "staged/immigration", SAMPLE_MONTH), "i94bir", 200)
    deployment.rewrite_dataset(immigration, "staged/immigration", replace_value(rows, "i94port", None), SAMPLE_MONTH)
    result = deployment.run_check("staged/immigration", "contract", SAMPLE_MONTH)
    assert result.severity == dg.AssetCheckSeverity.ERROR
    blocks, warns = result.description.split("; ")
    assert blocks.startswith("not_null i94port: 1 of ")
    assert warns.startswith("ranges i94bir: 1 of ")


def test_orphans_are_counted_by_row_and_shown_by_code(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    arrivals = deployment.query_value("SELECT count(*) FROM i94.immigration WHERE i94port = 'NYC'")
    deployment.execute("DELETE FROM i94.i94port WHERE code = 'NYC'")
    result = deployment.run_check("warehouse/immigration", "contract", SAMPLE_MONTH)
    assert result.metadata["broken"].value == arrivals > 1
    assert f"| NYC | {arrivals} |" in result.metadata["sample"].value


def test_a_check_reads_only_the_month_of_its_run(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    february = "SELECT * REPLACE (2 AS i94mon, '??' AS i94port) FROM i94.immigration LIMIT 3"
    deployment.execute(f"INSERT INTO i94.immigration {february}")
    result = deployment.run_check("warehouse/immigration", "contract", SAMPLE_MONTH)
    assert result.passed
    assert result.metadata["rows"].value == deployment.manifest("staged/immigration", SAMPLE_MONTH).rows


def test_an_empty_month_satisfies_every_rule(loaded_deployment: Deployment, tmp_path: Path) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    datasets = {f"staged/{contract.name}": contract for contract in STAGED_MONTH}
    for dataset, contract in datasets.items():
        empty = deployment.read_rows(contract, dataset, SAMPLE_MONTH).slice(0, 0)
        deployment.rewrite_dataset(contract, dataset, empty, SAMPLE_MONTH)
    results = deployment.run_checks([(dataset, "contract") for dataset in datasets], SAMPLE_MONTH)
    assert len(results) == 3
    for result in results.values():
        assert result.passed
        assert result.metadata["rows"].value == 0

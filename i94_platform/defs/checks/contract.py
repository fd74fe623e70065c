"""Checks generated from the contracts: required values, unique keys, allowed values, ranges, foreign keys.

Here: where each contract is checked. Code lists and staged datasets are checked by the engine before they are loaded;
dimensions, foreign keys and marts in the warehouse, where they are made or their parents are. Not here: the rules'
queries.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import dagster as dg
from sqlalchemy import Table

from i94_platform.contracts import (
    DIMENSIONS,
    LOOKUPS,
    MONTHLY_MARTS,
    REFERENCES,
    correlations,
    immigration,
    immigration_quarantine,
)
from i94_platform.defs.metadata import layer_key, raise_dagster_failures, run_month
from i94_platform.defs.table_metadata import render_markdown_table
from i94_platform.engine.base import Engine
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.partitions import Month
from i94_platform.sql.dialects import requote
from i94_platform.sql.query import Query
from i94_platform.sql.rules import (
    BLOCKING_RULE_TYPES,
    RULE_TYPES,
    ColumnStats,
    ContractRule,
    contract_rules,
    render_counts,
    render_row_counts,
    rule_types,
)
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.loading import month_condition

Subject = tuple[dg.AssetKey, Table, tuple[str, ...]]
"""What is checked: an asset, its contract, and the kinds of rules."""
Rows = Callable[[str], list[dict[str, Any]]]
"""Runs Spark SQL wherever the data is."""

_OF_ROWS = ("not_null", "key_unique", "allowed_values", "ranges")


def contract_checks(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetChecksDefinition]:
    """The generated checks of every table."""
    in_warehouse = [
        (layer_key("warehouse", c.name), c, RULE_TYPES if c in DIMENSIONS else ("foreign_keys",))
        for c in (*LOOKUPS, *REFERENCES, *DIMENSIONS)
    ]
    return [
        _in_lake("lookup_contract", [(layer_key("lookup", c.name), c, _OF_ROWS) for c in LOOKUPS]),
        _in_lake("staged_contract", [(layer_key("staged", c.name), c, _OF_ROWS) for c in REFERENCES]),
        _in_lake(
            "staged_immigration_contract",
            [(layer_key("staged", c.name), c, _OF_ROWS) for c in (immigration, immigration_quarantine)],
            partitions,
        ),
        _in_warehouse("warehouse_contract", in_warehouse),
        _in_warehouse(
            "warehouse_immigration_contract",
            [(layer_key("warehouse", "immigration"), immigration, ("foreign_keys",))],
            partitions,
        ),
        _in_warehouse("mart_contract", [(layer_key("mart", c.name), c, _OF_ROWS) for c in MONTHLY_MARTS], partitions),
        _in_warehouse("mart_correlations_contract", [(layer_key("mart", correlations.name), correlations, _OF_ROWS)]),
    ]


def _specs(subjects: Iterable[Subject], partitions: dg.PartitionsDefinition[str] | None) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            kind,
            asset=asset_key,
            blocking=kind in BLOCKING_RULE_TYPES,
            description=_DESCRIPTIONS[kind],
            partitions_def=partitions,
        )
        for asset_key, contract, kinds in subjects
        for kind in rule_types(contract, kinds)
    ]


_DESCRIPTIONS = {
    "not_null": "Required columns hold a value in every row.",
    "key_unique": "No two rows share a key.",
    "allowed_values": "Closed domains hold listed values only.",
    "ranges": "Figures and dates lie within the contract's range.",
    "foreign_keys": "Every code and date has its row in the dimension.",
}


def _in_lake(
    name: str, subjects: Sequence[Subject], partitions: dg.PartitionsDefinition[str] | None = None
) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(name=name, specs=_specs(subjects, partitions), can_subset=True)
    def checked(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], engine: dg.ResourceParam[Engine]
    ) -> Iterator[dg.AssetCheckResult]:
        month = run_month(context) if partitions else ""
        for asset_key, contract, kinds in _asked(context, subjects):
            dataset = Dataset("/".join(asset_key.path), month)
            with (
                raise_dagster_failures(),
                lake.write_lock(dataset),
                engine.session(),
            ):  # no other run sweeps the files meanwhile
                manifest = lake.require_manifest(dataset)
                spans: dict[str, ColumnStats] = {}
                if manifest.urls and manifest.urls[0].endswith(".parquet"):
                    engine.register_files(contract.name, manifest.urls)
                    spans = lake.read_column_stats(manifest)
                else:
                    engine.register_table(contract.name, lake.read_table(manifest, contract))
                yield from _judge(
                    asset_key,
                    contract,
                    kinds,
                    f"`{contract.name}`",
                    "",
                    lambda sql: engine.fetch(Query(sql, is_portable=True)).to_pylist(),
                    engine.has_duplicates,
                    spans,
                )

    return checked


def _in_warehouse(
    name: str, subjects: Sequence[Subject], partitions: dg.PartitionsDefinition[str] | None = None
) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(name=name, specs=_specs(subjects, partitions), can_subset=True)
    def checked(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.AssetCheckResult]:
        where, values = month_condition(Month.parse(run_month(context)) if partitions else None)
        with raise_dagster_failures(), warehouse.transaction(purpose="check", read_only=True) as transaction:
            for asset_key, contract, kinds in _asked(context, subjects):
                yield from _judge(
                    asset_key,
                    contract,
                    kinds,
                    contract.fullname,
                    where,
                    lambda sql: transaction.execute(requote(sql), values).to_pylist(),
                )

    return checked


def _asked(context: dg.AssetCheckExecutionContext, subjects: Iterable[Subject]) -> Iterator[Subject]:
    """The subjects, each with the kinds that this run asks for."""
    asked = {(check.asset_key, check.name) for check in context.selected_asset_check_keys}
    for asset_key, contract, kinds in subjects:
        if wanted := tuple(kind for kind in kinds if (asset_key, kind) in asked):
            yield asset_key, contract, wanted


def _judge(
    asset_key: dg.AssetKey,
    contract: Table,
    kinds: Sequence[str],
    relation: str,
    where: str,
    run: Rows,
    repeats: Callable[[str, str], bool] | None = None,
    spans: Mapping[str, ColumnStats] = MappingProxyType({}),
) -> Iterator[dg.AssetCheckResult]:
    """One result per kind: how many rows break which rule, of how many, with a sample.

    Where there are such, `repeats` looks quickly whether a column of the contract's relation repeats a value, and
    `spans` tell of columns whose rows need not be looked at.
    """
    found = contract_rules(contract, relation, kinds, where)
    broken = {id(rule): 0 for rule in found if rule.column in spans and rule.satisfied_by(spans[rule.column])}
    counting, by_row = render_row_counts([rule for rule in found if id(rule) not in broken], relation, where)
    totals = run(counting)[0]
    broken |= {id(rule): int(totals[f"r{i}"]) for i, rule in enumerate(by_row)}
    if repeats:
        broken |= {
            id(rule): 0 for rule in found if rule.unique_column and not repeats(contract.name, rule.unique_column)
        }
    if left := [rule for rule in found if id(rule) not in broken]:
        counted = run(render_counts(left))[0]
        broken |= {id(rule): int(counted[f"r{i}"]) for i, rule in enumerate(left)}
    for kind in kinds:
        of_kind = [(rule, broken[id(rule)]) for rule in found if rule.rule_type == kind]
        yield _result(asset_key, kind, of_kind, totals["row_count"], run)


def _result(
    asset_key: dg.AssetKey, kind: str, of_kind: Sequence[tuple[ContractRule, int]], rows: int, run: Rows
) -> dg.AssetCheckResult:
    failed = [(rule, count) for rule, count in of_kind if count]
    figures = [{"column": rule.column, "bound": rule.bound, "broken": count} for rule, count in of_kind]
    samples = "\n\n".join(f"**{rule.column}**\n\n{render_markdown_table(run(rule.sample))}" for rule, _ in failed)
    return dg.AssetCheckResult(
        asset_key=asset_key,
        check_name=kind,
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if kind in BLOCKING_RULE_TYPES else dg.AssetCheckSeverity.WARN,
        description="; ".join(
            f"{rule.column}: {count:,} of {rows:,} rows, must be {rule.bound}" for rule, count in failed
        )
        or f"All {rows:,} rows keep the rule.",
        metadata={
            "broken": sum(count for _, count in of_kind),
            "bound": 0,
            "rows": rows,
            "figures": dg.MetadataValue.md(render_markdown_table(figures, 100)),
            "sample": dg.MetadataValue.md(samples or "No rows."),
        },
    )

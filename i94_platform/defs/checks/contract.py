"""Checks generated from the contracts: required values, unique keys, allowed values, ranges, foreign keys.

Code lists and staged datasets are checked by the engine before they are loaded. Dimensions, foreign keys and marts are
checked in the warehouse, where they are computed or their parents are. The queries come from `sql.rules`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from i94_platform.defs.execution import month_key, raise_dagster_failures
from i94_platform.defs.keys import to_key
from i94_platform.defs.metadata import render_markdown_table
from i94_platform.defs.partitions import monthly_partitions
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

_DESCRIPTIONS = {
    "not_null": "Required columns hold a value in every row.",
    "key_unique": "No two rows share a key.",
    "allowed_values": "Closed domains hold listed values only.",
    "ranges": "Figures and dates lie within the contract's range.",
    "foreign_keys": "Every code and date has its row in the dimension.",
}
_ROW_RULES = ("not_null", "key_unique", "allowed_values", "ranges")

FetchRows = Callable[[str], list[dict[str, Any]]]
"""Runs Spark SQL where the data is, and returns the rows."""


@dataclass(frozen=True)
class Subject:
    """What is checked: an asset, its contract, and the types of rules."""

    asset_key: dg.AssetKey
    contract: Table
    rule_types: tuple[str, ...]


def _subjects(layer: str, contracts: Iterable[Table], types: tuple[str, ...]) -> list[Subject]:
    return [Subject(to_key(f"{layer}/{contract.name}"), contract, types) for contract in contracts]


def _specs(subjects: Iterable[Subject], partitions_def: dg.PartitionsDefinition[str] | None) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            rule_type,
            asset=subject.asset_key,
            blocking=rule_type in BLOCKING_RULE_TYPES,
            description=_DESCRIPTIONS[rule_type],
            partitions_def=partitions_def,
        )
        for subject in subjects
        for rule_type in rule_types(subject.contract, subject.rule_types)
    ]


def _check_in_lake(
    name: str, subjects: Sequence[Subject], partitions_def: dg.PartitionsDefinition[str] | None = None
) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(name=name, specs=_specs(subjects, partitions_def), can_subset=True)
    def check(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], engine: dg.ResourceParam[Engine]
    ) -> Iterator[dg.AssetCheckResult]:
        month = month_key(context) if partitions_def else ""
        for subject in _select(context, subjects):
            dataset = Dataset("/".join(subject.asset_key.path), month)
            # the lock keeps another run from sweeping the files meanwhile
            with raise_dagster_failures(), lake.write_lock(dataset), engine.session():
                stats = _register(dataset, subject.contract, lake, engine)
                yield from _evaluate(
                    subject,
                    f"`{subject.contract.name}`",
                    "",
                    lambda sql: engine.fetch(Query(sql, is_portable=True)).to_pylist(),
                    engine.has_duplicates,
                    stats,
                )

    return check


def _register(dataset: Dataset, contract: Table, lake: Lake, engine: Engine) -> Mapping[str, ColumnStats]:
    """Register a dataset under its contract's name; returns what its footers say of the columns."""
    manifest = lake.require_manifest(dataset)
    if manifest.urls and manifest.urls[0].endswith(".parquet"):
        engine.register_files(contract.name, manifest.urls)
        return lake.read_column_stats(manifest)
    engine.register_table(contract.name, lake.read_table(manifest, contract))
    return {}


def _check_in_warehouse(
    name: str, subjects: Sequence[Subject], partitions_def: dg.PartitionsDefinition[str] | None = None
) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(name=name, specs=_specs(subjects, partitions_def), can_subset=True)
    def check(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.AssetCheckResult]:
        where, values = month_condition(Month.parse(month_key(context)) if partitions_def else None)
        with raise_dagster_failures(), warehouse.transaction(purpose="check", read_only=True) as transaction:
            for subject in _select(context, subjects):
                yield from _evaluate(
                    subject,
                    subject.contract.fullname,
                    where,
                    lambda sql: transaction.execute(requote(sql), values).to_pylist(),
                )

    return check


def _select(context: dg.AssetCheckExecutionContext, subjects: Iterable[Subject]) -> Iterator[Subject]:
    """The subjects with the rule types that this run selects."""
    selected = {(check.asset_key, check.name) for check in context.selected_asset_check_keys}
    for subject in subjects:
        if types := tuple(name for name in subject.rule_types if (subject.asset_key, name) in selected):
            yield Subject(subject.asset_key, subject.contract, types)


def _evaluate(
    subject: Subject,
    relation: str,
    where: str,
    fetch: FetchRows,
    has_duplicates: Callable[[str, str], bool] | None = None,
    stats: Mapping[str, ColumnStats] = MappingProxyType({}),
) -> Iterator[dg.AssetCheckResult]:
    """One result per rule type: how many rows break which rule, of how many, with a sample.

    `has_duplicates` is a quick test of one column, and `stats` settle rules without looking at rows; both are optional.
    """
    rules = contract_rules(subject.contract, relation, subject.rule_types, where)
    broken = {id(rule): 0 for rule in rules if rule.column in stats and rule.satisfied_by(stats[rule.column])}
    sql, row_rules = render_row_counts([rule for rule in rules if id(rule) not in broken], relation, where)
    totals = fetch(sql)[0]
    broken |= {id(rule): int(totals[f"r{i}"]) for i, rule in enumerate(row_rules)}
    if has_duplicates:
        name = subject.contract.name
        broken |= {id(r): 0 for r in rules if r.unique_column and not has_duplicates(name, r.unique_column)}
    if remaining := [rule for rule in rules if id(rule) not in broken]:
        counts = fetch(render_counts(remaining))[0]
        broken |= {id(rule): int(counts[f"r{i}"]) for i, rule in enumerate(remaining)}
    for rule_type in subject.rule_types:
        counted = [(rule, broken[id(rule)]) for rule in rules if rule.rule_type == rule_type]
        yield _result(subject.asset_key, rule_type, counted, totals["row_count"], fetch)


def _result(
    asset_key: dg.AssetKey, rule_type: str, counted: Sequence[tuple[ContractRule, int]], rows: int, fetch: FetchRows
) -> dg.AssetCheckResult:
    failed = [(rule, count) for rule, count in counted if count]
    figures = [{"column": rule.column, "bound": rule.bound, "broken": count} for rule, count in counted]
    samples = "\n\n".join(f"**{rule.column}**\n\n{render_markdown_table(fetch(rule.sample))}" for rule, _ in failed)
    reasons = "; ".join(f"{rule.column}: {count:,} of {rows:,} rows, must be {rule.bound}" for rule, count in failed)
    return dg.AssetCheckResult(
        asset_key=asset_key,
        check_name=rule_type,
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if rule_type in BLOCKING_RULE_TYPES else dg.AssetCheckSeverity.WARN,
        description=reasons or f"All {rows:,} rows keep the rule.",
        metadata={
            "broken": sum(count for _, count in counted),
            "bound": 0,
            "rows": rows,
            "figures": dg.MetadataValue.md(render_markdown_table(figures, 100)),
            "sample": dg.MetadataValue.md(samples or "No rows."),
        },
    )


lookup_contract = _check_in_lake("lookup_contract", _subjects("lookup", LOOKUPS, _ROW_RULES))
staged_contract = _check_in_lake("staged_contract", _subjects("staged", REFERENCES, _ROW_RULES))
staged_immigration_contract = _check_in_lake(
    "staged_immigration_contract",
    _subjects("staged", (immigration, immigration_quarantine), _ROW_RULES),
    monthly_partitions,
)
warehouse_contract = _check_in_warehouse(
    "warehouse_contract",
    [
        *_subjects("warehouse", (*LOOKUPS, *REFERENCES), ("foreign_keys",)),
        *_subjects("warehouse", DIMENSIONS, RULE_TYPES),
    ],
)
warehouse_immigration_contract = _check_in_warehouse(
    "warehouse_immigration_contract", _subjects("warehouse", [immigration], ("foreign_keys",)), monthly_partitions
)
mart_contract = _check_in_warehouse("mart_contract", _subjects("mart", MONTHLY_MARTS, _ROW_RULES), monthly_partitions)
mart_correlations_contract = _check_in_warehouse(
    "mart_correlations_contract", _subjects("mart", [correlations], _ROW_RULES)
)

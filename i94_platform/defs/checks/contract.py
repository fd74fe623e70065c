"""The checks that follow from the contracts: required values, unique keys, allowed values, ranges, foreign keys.

The engine checks code lists and staged datasets in the lake, before the load. The warehouse checks what is computed
there, and foreign keys, because it has the parent tables. `sql.rules` renders the queries.
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
    STAGED_MONTH,
    correlations,
    immigration,
)
from i94_platform.defs.execution import month_key, raise_dagster_failures
from i94_platform.defs.keys import to_key
from i94_platform.defs.metadata import render_markdown_table
from i94_platform.defs.partitions import monthly_partitions
from i94_platform.engine.base import Engine
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Manifest
from i94_platform.partitions import Month
from i94_platform.sql.dialects import requote
from i94_platform.sql.query import Query
from i94_platform.sql.rules import (
    BLOCKING_RULE_TYPES,
    ColumnStats,
    ContractRule,
    contract_rules,
    render_counts,
    render_row_counts,
    rule_types,
)
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.loading import month_condition
from i94_platform.warehouse.transaction import Transaction

_DESCRIPTIONS = {
    "not_null": "Required columns hold a value in every row.",
    "key_unique": "No two rows share a key.",
    "allowed_values": "Closed domains hold listed values only.",
    "ranges": "Figures and dates lie within the contract's range.",
    "foreign_keys": "Every code and date has its row in the dimension.",
}
INDEPENDENT_TABLES: Mapping[str, Sequence[Table]] = {
    "lookup": LOOKUPS,
    **{contract.name: (contract,) for contract in (*REFERENCES, *DIMENSIONS)},
}
"""The tables that fail together, by a name of the group.

Each group has steps of its own, because Dagster skips a whole step if one of its inputs has failed.
"""
ROW_RULES = ("not_null", "key_unique", "allowed_values", "ranges")

FetchRows = Callable[[str], list[dict[str, Any]]]
"""Runs Spark SQL in the engine or in the warehouse, and returns the rows."""


@dataclass(frozen=True)
class Subject:
    """An asset to check, with its contract and the types of rules."""

    asset_key: dg.AssetKey
    contract: Table
    rule_types: tuple[str, ...]


def build_subjects(layer: str, contracts: Iterable[Table], types: tuple[str, ...]) -> list[Subject]:
    """Build the subjects of some tables of a layer."""
    return [Subject(to_key(f"{layer}/{contract.name}"), contract, types) for contract in contracts]


def build_specs(
    subjects: Iterable[Subject], partitions_def: dg.PartitionsDefinition[str] | None
) -> list[dg.AssetCheckSpec]:
    """Build the specs of all rules of the subjects."""
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
    @dg.multi_asset_check(name=name, specs=build_specs(subjects, partitions_def), can_subset=True)
    def check(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], engine: dg.ResourceParam[Engine]
    ) -> Iterator[dg.AssetCheckResult]:
        yield from check_in_lake(context, subjects, lake, engine, month_key(context) if partitions_def else "")

    return check


def check_in_lake(
    context: dg.AssetCheckExecutionContext, subjects: Sequence[Subject], lake: Lake, engine: Engine, month: str = ""
) -> Iterator[dg.AssetCheckResult]:
    """Check the selected rules of datasets in the lake, or of a month of them."""
    for subject in _select_subjects(context, subjects):
        with raise_dagster_failures():
            dataset = Dataset("/".join(subject.asset_key.path), month)
            yield from _evaluate_dataset(subject, dataset, lake.require_newest, lake, engine)


def require_contract(dataset: Dataset, contract: Table, lake: Lake, engine: Engine) -> None:
    """Raise PermanentError if the committed rows of a dataset, which a load reads, break a blocking rule."""
    blocking = tuple(name for name in rule_types(contract, ROW_RULES) if name in BLOCKING_RULE_TYPES)
    subject = Subject(to_key(dataset.name), contract, blocking)
    results = _evaluate_dataset(subject, dataset, lake.require_manifest, lake, engine)
    if broken := [result for result in results if not result.passed]:
        raise PermanentError(f"{dataset} breaks its contract: {' '.join(str(r.description) for r in broken)}")


def _evaluate_dataset(
    subject: Subject, dataset: Dataset, read_manifest: Callable[[Dataset], Manifest], lake: Lake, engine: Engine
) -> Iterator[dg.AssetCheckResult]:
    """Yield one result per rule type of a dataset in the lake; `read_manifest` says which content of it."""
    # the lock prevents that another run sweeps the files
    with lake.write_lock(dataset), engine.session():
        stats = _register_dataset(read_manifest(dataset), subject.contract, lake, engine)
        yield from _evaluate_rules(
            subject,
            f"`{subject.contract.name}`",
            "",
            lambda sql: engine.fetch(Query(sql, is_portable=True)).to_pylist(),
            engine.has_duplicates,
            stats,
        )


def _register_dataset(manifest: Manifest, contract: Table, lake: Lake, engine: Engine) -> Mapping[str, ColumnStats]:
    """Register a dataset under its contract's name; return the column statistics of its Parquet files."""
    if manifest.urls and manifest.urls[0].endswith(".parquet"):
        engine.register_files(contract.name, manifest.urls)
        return lake.read_column_stats(manifest)
    engine.register_table(contract.name, lake.read_table(manifest, contract))
    return {}


def _check_in_warehouse(
    name: str, subjects: Sequence[Subject], partitions_def: dg.PartitionsDefinition[str] | None = None
) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(name=name, specs=build_specs(subjects, partitions_def), can_subset=True)
    def check(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.AssetCheckResult]:
        month = Month.parse(month_key(context)) if partitions_def else None
        with raise_dagster_failures(), warehouse.transaction(purpose="check", read_only=True) as transaction:
            yield from check_in_warehouse(context, subjects, transaction, month)

    return check


def check_in_warehouse(
    context: dg.AssetCheckExecutionContext,
    subjects: Sequence[Subject],
    transaction: Transaction,
    month: Month | None = None,
) -> Iterator[dg.AssetCheckResult]:
    """Check the selected rules of tables of the warehouse, or of a month of them."""
    where, values = month_condition(month)
    for subject in _select_subjects(context, subjects):
        yield from _evaluate_rules(
            subject,
            subject.contract.fullname,
            where,
            lambda sql: transaction.execute(requote(sql), values).to_pylist(),
        )


def _select_subjects(context: dg.AssetCheckExecutionContext, subjects: Iterable[Subject]) -> Iterator[Subject]:
    """Yield the selected subjects, with the selected rule types only."""
    selected = {(check.asset_key, check.name) for check in context.selected_asset_check_keys}
    for subject in subjects:
        if types := tuple(name for name in subject.rule_types if (subject.asset_key, name) in selected):
            yield Subject(subject.asset_key, subject.contract, types)


def _evaluate_rules(
    subject: Subject,
    relation: str,
    where: str,
    fetch: FetchRows,
    has_duplicates: Callable[[str, str], bool] | None = None,
    stats: Mapping[str, ColumnStats] = MappingProxyType({}),
) -> Iterator[dg.AssetCheckResult]:
    """Yield one result per rule type: how many rows break each rule, of how many, with a sample.

    Two shortcuts avoid scans: `stats` can prove that a rule holds, and `has_duplicates` tests one column quickly.
    """
    rules = contract_rules(subject.contract, relation, subject.rule_types, where)
    rows, broken_rows = _count_broken_rows(rules, subject.contract.name, relation, where, fetch, has_duplicates, stats)
    for rule_type in subject.rule_types:
        rule_counts = [(rule, broken_rows[id(rule)]) for rule in rules if rule.rule_type == rule_type]
        yield _build_result(subject.asset_key, rule_type, rule_counts, rows, fetch)


def _count_broken_rows(
    rules: Sequence[ContractRule],
    name: str,
    relation: str,
    where: str,
    fetch: FetchRows,
    has_duplicates: Callable[[str, str], bool] | None,
    stats: Mapping[str, ColumnStats],
) -> tuple[int, dict[int, int]]:
    """Return the number of rows, and the number of rows that break each rule, by the rule's `id`."""
    broken_rows = {id(rule): 0 for rule in rules if rule.column in stats and rule.satisfied_by(stats[rule.column])}
    sql, row_rules = render_row_counts([rule for rule in rules if id(rule) not in broken_rows], relation, where)
    totals = fetch(sql)[0]
    broken_rows |= {id(rule): int(totals[f"r{i}"]) for i, rule in enumerate(row_rules)}
    if has_duplicates:
        broken_rows |= {id(r): 0 for r in rules if r.unique_column and not has_duplicates(name, r.unique_column)}
    if remaining := [rule for rule in rules if id(rule) not in broken_rows]:
        counts = fetch(render_counts(remaining))[0]
        broken_rows |= {id(rule): int(counts[f"r{i}"]) for i, rule in enumerate(remaining)}
    return totals["row_count"], broken_rows


def _build_result(
    asset_key: dg.AssetKey, rule_type: str, rule_counts: Sequence[tuple[ContractRule, int]], rows: int, fetch: FetchRows
) -> dg.AssetCheckResult:
    broken = [(rule, count) for rule, count in rule_counts if count]
    figures = [{"column": rule.column, "bound": rule.bound, "broken": count} for rule, count in rule_counts]
    samples = "\n\n".join(f"**{rule.column}**\n\n{render_markdown_table(fetch(rule.sample))}" for rule, _ in broken)
    reasons = "; ".join(f"{rule.column}: {count:,} of {rows:,} rows, must be {rule.bound}" for rule, count in broken)
    return dg.AssetCheckResult(
        asset_key=asset_key,
        check_name=rule_type,
        passed=not broken,
        severity=dg.AssetCheckSeverity.ERROR if rule_type in BLOCKING_RULE_TYPES else dg.AssetCheckSeverity.WARN,
        description=reasons or f"All {rows:,} rows satisfy the rule.",
        metadata={
            "broken": sum(count for _, count in rule_counts),
            "bound": "0",
            "rows": rows,
            "figures": dg.MetadataValue.md(render_markdown_table(figures, 100)),
            "sample": dg.MetadataValue.md(samples or "No rows."),
        },
    )


staged_immigration_contract = _check_in_lake(
    "staged_immigration_contract",
    build_subjects("staged", STAGED_MONTH, ROW_RULES),
    monthly_partitions,
)
warehouse_immigration_contract = _check_in_warehouse(
    "warehouse_immigration_contract", build_subjects("warehouse", [immigration], ("foreign_keys",)), monthly_partitions
)
mart_contract = _check_in_warehouse(
    "mart_contract", build_subjects("mart", MONTHLY_MARTS, ROW_RULES), monthly_partitions
)
mart_correlations_contract = _check_in_warehouse(
    "mart_correlations_contract", build_subjects("mart", [correlations], ROW_RULES)
)

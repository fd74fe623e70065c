"""The check `contract` of a table: required values, unique keys, allowed values, ranges, foreign keys.

The engine checks code lists and staged datasets in the lake, before the load. The warehouse checks what is computed
there, and foreign keys, because it has the parent tables. `sql.rules` renders the queries.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import dagster as dg
from sqlalchemy import Table

from i94_platform.defs.keys import to_key
from i94_platform.defs.metadata import render_markdown_table
from i94_platform.engine.base import Engine
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Manifest
from i94_platform.partitions import Month
from i94_platform.pipeline.immigration import KEYS_ARE_UNIQUE
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
)
from i94_platform.warehouse.loading import month_condition
from i94_platform.warehouse.transaction import Transaction

CHECK_NAME = "contract"
ROW_RULES = frozenset(RULE_TYPES) - {"foreign_keys"}

FetchRows = Callable[[str], list[dict[str, Any]]]
"""Runs Spark SQL in the engine or in the warehouse, and returns the rows."""


@dataclass(frozen=True)
class Subject:
    """An asset to check, with its contract and the types of rules."""

    asset_key: dg.AssetKey
    contract: Table
    rule_types: Collection[str]


@dataclass(frozen=True)
class KnownRows:
    """What is known of the rows of a dataset without a scan, or by a quick one."""

    rows: int
    has_duplicates: Callable[[str, str], bool]
    """Tests one column of a relation."""
    stats: Mapping[str, ColumnStats]
    """What the footers say of each column."""


def build_subjects(layer: str, contracts: Iterable[Table], types: Collection[str]) -> Iterator[Subject]:
    """Build the subjects of those tables of a layer that have rules of these types."""
    for contract in contracts:
        if present := {rule.rule_type for rule in contract_rules(contract, "t", types)}:
            yield Subject(to_key(f"{layer}/{contract.name}"), contract, present)


def build_contract_specs(
    subjects: Iterable[Subject], partitions_def: dg.PartitionsDefinition[str] | None = None
) -> list[dg.AssetCheckSpec]:
    """Build the spec of the check of each subject."""
    return [
        dg.AssetCheckSpec(
            CHECK_NAME,
            asset=subject.asset_key,
            blocking=True,
            description=_describe_rules(subject),
            partitions_def=partitions_def,
        )
        for subject in subjects
    ]


def _describe_rules(subject: Subject) -> str:
    effects = (
        f"{name} {'blocks' if name in BLOCKING_RULE_TYPES else 'warns'}"
        for name in RULE_TYPES
        if name in subject.rule_types
    )
    return f"The rows hold to the rules of the contract: {', '.join(effects)}."


def check_in_lake(
    context: dg.AssetCheckExecutionContext, subjects: Sequence[Subject], lake: Lake, engine: Engine, month: str = ""
) -> Iterator[dg.AssetCheckResult]:
    """Check the selected datasets in the lake, or a month of them."""
    for subject in _select_subjects(context, subjects):
        dataset = Dataset(subject.asset_key.to_user_string(), month)
        yield _evaluate_dataset(subject, dataset, lake.require_newest, lake, engine)


def require_contract(dataset: Dataset, contract: Table, lake: Lake, engine: Engine) -> None:
    """Raise PermanentError if the committed rows of a dataset, which a load reads, break a blocking rule."""
    subject = Subject(to_key(dataset.name), contract, ROW_RULES & BLOCKING_RULE_TYPES)
    result = _evaluate_dataset(subject, dataset, lake.require_manifest, lake, engine)
    if not result.passed:
        raise PermanentError(f"{dataset} breaks its contract: {result.description}")


def _evaluate_dataset(
    subject: Subject, dataset: Dataset, read_manifest: Callable[[Dataset], Manifest], lake: Lake, engine: Engine
) -> dg.AssetCheckResult:
    """Check a dataset in the lake; `read_manifest` says which content of it."""
    # the lock prevents that another run sweeps the files
    with lake.write_lock(dataset), engine.session():
        manifest = read_manifest(dataset)
        is_parquet = bool(manifest.urls) and manifest.urls[0].endswith(".parquet")

        @cache
        def register() -> None:  # only if a query needs it: an engine may take a minute to start
            if is_parquet:
                engine.register_files(subject.contract.name, manifest.urls)
            else:
                engine.register_table(subject.contract.name, lake.read_table(manifest, subject.contract))

        def fetch(sql: str) -> list[dict[str, Any]]:
            register()
            return engine.fetch(Query(sql, is_portable=True)).to_pylist()

        def has_duplicates(relation: str, column: str) -> bool:
            if manifest.stats.get(KEYS_ARE_UNIQUE) and not engine.has_cheap_key_check:
                return False
            register()
            return engine.has_duplicates(relation, column)

        stats = lake.read_column_stats(manifest) if is_parquet else {}
        known = KnownRows(manifest.rows, has_duplicates, stats)
        return _evaluate_rules(subject, f"`{subject.contract.name}`", "", fetch, known)


def check_in_warehouse(
    context: dg.AssetCheckExecutionContext,
    subjects: Sequence[Subject],
    transaction: Transaction,
    month: Month | None = None,
) -> Iterator[dg.AssetCheckResult]:
    """Check the selected tables of the warehouse, or a month of them."""
    where, values = month_condition(month)
    for subject in _select_subjects(context, subjects):
        yield _evaluate_rules(
            subject,
            subject.contract.fullname,
            where,
            lambda sql: transaction.execute(requote(sql), values).to_pylist(),
        )


def _select_subjects(context: dg.AssetCheckExecutionContext, subjects: Iterable[Subject]) -> Iterator[Subject]:
    selected = context.selected_asset_check_keys
    return (subject for subject in subjects if dg.AssetCheckKey(subject.asset_key, CHECK_NAME) in selected)


def _evaluate_rules(
    subject: Subject,
    relation: str,
    where: str,
    fetch: FetchRows,
    known: KnownRows | None = None,
) -> dg.AssetCheckResult:
    """Return how many rows break each rule, of how many, with a sample; what is `known` avoids scans."""
    rules = contract_rules(subject.contract, relation, subject.rule_types, where)
    rows, broken_rows = _count_broken_rows(rules, subject.contract.name, relation, where, fetch, known)
    # the rules that block come first
    rule_counts = sorted(((r, broken_rows[id(r)]) for r in rules), key=lambda count: not count[0].is_blocking)
    return _build_result(subject.asset_key, rule_counts, rows, fetch)


def _count_broken_rows(
    rules: Sequence[ContractRule],
    name: str,
    relation: str,
    where: str,
    fetch: FetchRows,
    known: KnownRows | None,
) -> tuple[int, dict[int, int]]:
    """Return the number of rows, and the number of rows that break each rule, by the rule's `id`."""
    stats = known.stats if known else {}
    broken_rows = {id(rule): 0 for rule in rules if rule.column in stats and rule.satisfied_by(stats[rule.column])}
    sql, row_rules = render_row_counts([rule for rule in rules if id(rule) not in broken_rows], relation, where)
    totals = fetch(sql)[0] if row_rules or known is None else {"row_count": known.rows}
    broken_rows |= {id(rule): int(totals[f"r{i}"]) for i, rule in enumerate(row_rules)}
    if known:
        broken_rows |= {id(r): 0 for r in rules if r.unique_column and not known.has_duplicates(name, r.unique_column)}
    if remaining := [rule for rule in rules if id(rule) not in broken_rows]:
        counts = fetch(render_counts(remaining))[0]
        broken_rows |= {id(rule): int(counts[f"r{i}"]) for i, rule in enumerate(remaining)}
    return totals["row_count"], broken_rows


def _build_result(
    asset_key: dg.AssetKey, rule_counts: Sequence[tuple[ContractRule, int]], rows: int, fetch: FetchRows
) -> dg.AssetCheckResult:
    broken = [(rule, count) for rule, count in rule_counts if count]
    is_blocked = any(rule.is_blocking for rule, _ in broken)
    figures = [
        {"rule": rule.rule_type, "column": rule.column, "bound": rule.bound, "broken": count}
        for rule, count in rule_counts
    ]
    samples = "\n\n".join(f"**{rule.name}**\n\n{render_markdown_table(fetch(rule.sample))}" for rule, _ in broken)
    reasons = "; ".join(f"{rule.name}: {count:,} of {rows:,} rows, must be {rule.bound}" for rule, count in broken)
    return dg.AssetCheckResult(
        asset_key=asset_key,
        check_name=CHECK_NAME,
        passed=not broken,
        severity=dg.AssetCheckSeverity.ERROR if is_blocked else dg.AssetCheckSeverity.WARN,
        description=reasons or f"All {rows:,} rows hold to the {len(rule_counts)} rules.",
        metadata={
            "broken": sum(count for _, count in broken),
            "bound": "0",
            "rows": rows,
            "rules": len(rule_counts),
            "figures": dg.MetadataValue.md(render_markdown_table(figures, 100)),
            "sample": dg.MetadataValue.md(samples or "No rows."),
        },
    )

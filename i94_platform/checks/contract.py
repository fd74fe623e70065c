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

from i94_platform.assets.common import key, month_of, told
from i94_platform.assets.tabular import markdown
from i94_platform.contracts import (
    DIMENSIONS,
    LOOKUPS,
    MONTHLY_MARTS,
    REFERENCES,
    correlations,
    immigration,
    immigration_quarantine,
)
from i94_platform.engine.base import Engine
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.partitions import Month
from i94_platform.transforms.rules import KINDS, MUST_HOLD, Rule, Span, count_all, count_each, kinds_of, rules
from i94_platform.transforms.sql import Query, plain
from i94_platform.warehouse.base import Warehouse, of_month

Subject = tuple[dg.AssetKey, Table, tuple[str, ...]]
"""What is checked: an asset, its contract, and the kinds of rules."""
Rows = Callable[[str], list[dict[str, Any]]]
"""Runs Spark SQL wherever the data is."""

_OF_ROWS = ("not_null", "key_unique", "allowed_values", "ranges")


def contract_checks(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetChecksDefinition]:
    """The generated checks of every table."""
    in_warehouse = [
        (key("warehouse", c.name), c, KINDS if c in DIMENSIONS else ("foreign_keys",))
        for c in (*LOOKUPS, *REFERENCES, *DIMENSIONS)
    ]
    return [
        _in_lake("lookup_contract", [(key("lookup", c.name), c, _OF_ROWS) for c in LOOKUPS]),
        _in_lake("staged_contract", [(key("staged", c.name), c, _OF_ROWS) for c in REFERENCES]),
        _in_lake(
            "staged_immigration_contract",
            [(key("staged", c.name), c, _OF_ROWS) for c in (immigration, immigration_quarantine)],
            partitions,
        ),
        _in_warehouse("warehouse_contract", in_warehouse),
        _in_warehouse(
            "warehouse_immigration_contract",
            [(key("warehouse", "immigration"), immigration, ("foreign_keys",))],
            partitions,
        ),
        _in_warehouse("mart_contract", [(key("mart", c.name), c, _OF_ROWS) for c in MONTHLY_MARTS], partitions),
        _in_warehouse("mart_correlations_contract", [(key("mart", correlations.name), correlations, _OF_ROWS)]),
    ]


def _specs(subjects: Iterable[Subject], partitions: dg.PartitionsDefinition[str] | None) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            kind,
            asset=asset_key,
            blocking=kind in MUST_HOLD,
            description=_DESCRIPTIONS[kind],
            partitions_def=partitions,
        )
        for asset_key, contract, kinds in subjects
        for kind in kinds_of(contract, kinds)
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
        month = month_of(context) if partitions else ""
        for asset_key, contract, kinds in _asked(context, subjects):
            dataset = Dataset("/".join(asset_key.path), month)
            with told(), lake.writing(dataset), engine.step():  # no other run sweeps the files meanwhile
                manifest = lake.committed(dataset)
                spans: dict[str, Span] = {}
                if manifest.urls and manifest.urls[0].endswith(".parquet"):
                    engine.view_files(contract.name, manifest.urls)
                    spans = lake.spans(manifest)
                else:
                    engine.view_rows(contract.name, lake.read_table(manifest, contract))
                yield from _judge(
                    asset_key,
                    contract,
                    kinds,
                    f"`{contract.name}`",
                    "",
                    lambda sql: engine.table(Query(sql, is_plain=True)).to_pylist(),
                    engine.repeats,
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
        where, values = of_month(Month.parse(month_of(context)) if partitions else None)
        with told(), warehouse.transaction(purpose="check", read_only=True) as transaction:
            for asset_key, contract, kinds in _asked(context, subjects):
                yield from _judge(
                    asset_key,
                    contract,
                    kinds,
                    contract.fullname,
                    where,
                    lambda sql: transaction.execute(plain(sql), values).to_pylist(),
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
    spans: Mapping[str, Span] = MappingProxyType({}),
) -> Iterator[dg.AssetCheckResult]:
    """One result per kind: how many rows break which rule, of how many, with a sample.

    Where there are such, `repeats` looks quickly whether a column of the contract's relation repeats a value, and
    `spans` tell of columns whose rows need not be looked at.
    """
    found = rules(contract, relation, kinds, where)
    broken = {id(rule): 0 for rule in found if rule.column in spans and rule.kept_within(spans[rule.column])}
    counting, by_row = count_all([rule for rule in found if id(rule) not in broken], relation, where)
    totals = run(counting)[0]
    broken |= {id(rule): int(totals[f"r{i}"]) for i, rule in enumerate(by_row)}
    if repeats:
        broken |= {id(rule): 0 for rule in found if rule.settled_by and not repeats(contract.name, rule.settled_by)}
    if left := [rule for rule in found if id(rule) not in broken]:
        counted = run(count_each(left))[0]
        broken |= {id(rule): int(counted[f"r{i}"]) for i, rule in enumerate(left)}
    for kind in kinds:
        of_kind = [(rule, broken[id(rule)]) for rule in found if rule.kind == kind]
        yield _result(asset_key, kind, of_kind, totals["row_count"], run)


def _result(
    asset_key: dg.AssetKey, kind: str, of_kind: Sequence[tuple[Rule, int]], rows: int, run: Rows
) -> dg.AssetCheckResult:
    failed = [(rule, count) for rule, count in of_kind if count]
    figures = [{"column": rule.column, "bound": rule.bound, "broken": count} for rule, count in of_kind]
    samples = "\n\n".join(f"**{rule.column}**\n\n{markdown(run(rule.sample))}" for rule, _ in failed)
    return dg.AssetCheckResult(
        asset_key=asset_key,
        check_name=kind,
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if kind in MUST_HOLD else dg.AssetCheckSeverity.WARN,
        description="; ".join(
            f"{rule.column}: {count:,} of {rows:,} rows, must be {rule.bound}" for rule, count in failed
        )
        or f"All {rows:,} rows keep the rule.",
        metadata={
            "broken": sum(count for _, count in of_kind),
            "bound": 0,
            "rows": rows,
            "figures": dg.MetadataValue.md(markdown(figures, 100)),
            "sample": dg.MetadataValue.md(samples or "No rows."),
        },
    )

"""The protocol of a load in an open transaction: delete, append, compare the numbers, audit, record.

A difference raises, so that the transaction rolls back and the table keeps its rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from sqlalchemy import BigInteger, ColumnElement, Table, case, cast, delete, func, select

from i94_platform.contracts import immigration
from i94_platform.contracts.groups import LONGEST_STAY
from i94_platform.errors import PermanentError
from i94_platform.lake.acceptance import read_acceptance
from i94_platform.lake.footers import verify_footer
from i94_platform.lake.manifest import Manifest
from i94_platform.partitions import Month
from i94_platform.sql.dialects import requote
from i94_platform.sql.rules import contract_rules, render_counts
from i94_platform.warehouse.inferred_members import add_inferred_members
from i94_platform.warehouse.ledger import LedgerEntry, record_loads
from i94_platform.warehouse.transaction import Transaction

_known_stay = immigration.c.stay_days.between(0, LONGEST_STAY)

_ADDITIVE_MEASURES: Mapping[str, ColumnElement[Any]] = {
    "visitors": func.count(),
    "no_departure": func.count() - func.count(immigration.c.depdate),
    "stays": func.count(case((_known_stay, 1))),
    "stay_days": func.sum(case((_known_stay, immigration.c.stay_days))),
}
"""By the name of a measure that the rows of each mart add up to, what it is in the fact."""


def load_label(contract: Table, month: Month | None) -> str:
    """Name what a load replaces, for people, such as `i94.immigration 2016-04`."""
    return f"{contract.fullname} {month.key}" if month else contract.fullname


def verify_files(contract: Table, manifest: Manifest, open_file: Callable[[str], BinaryIO]) -> None:
    """Compare the files of a manifest with the contract.

    A load takes a file with two columns swapped, or listed twice, without an error.

    Raises:
        PermanentError: a file is listed twice, is gone or differs from the contract.
    """
    if duplicates := sorted({url for url in manifest.urls if manifest.urls.count(url) > 1}):
        raise PermanentError(f"{manifest.address} lists {', '.join(duplicates)} more than once; materialize it again.")
    for url in manifest.urls:
        try:
            with open_file(url) as content:
                verify_footer(content, url, contract)
        except FileNotFoundError as error:
            raise PermanentError(f"{url}, which {manifest.address} lists, is gone; materialize it again.") from error


def load_manifest(transaction: Transaction, contract: Table, manifest: Manifest, run_id: str) -> int:
    """Replace a table, or the manifest's month of it, by the files that the manifest lists; return the rows.

    Raises:
        PermanentError: the rows break a rule of the table, differ in number from the manifest's, or are orphans.
    """
    month = Month.parse(manifest.partition) if manifest.partition else None
    _delete_rows(transaction, contract, month)
    transaction.copy(contract, manifest)
    rows = count_rows(transaction, contract, month)
    if rows != manifest.rows:
        raise PermanentError(
            f"{load_label(contract, month)} would hold {rows:,} rows where the manifest counts {manifest.rows:,}; "
            "nothing was loaded. Materialize the manifest again."
        )
    add_inferred_members(transaction, contract, in_month(contract, month))
    _reject_orphans(transaction, contract, month)
    acceptance = read_acceptance(manifest)
    entry = LedgerEntry(
        contract.name,
        manifest.partition,
        manifest=manifest.address,
        fingerprint=manifest.fingerprint,
        run_id=run_id,
        loaded_rows=rows,
        acceptance=acceptance.describe() if acceptance else "",
    )
    record_loads(transaction, [entry])
    return rows


@dataclass(frozen=True)
class MartQuery:
    """The query for a month of a mart."""

    mart: Table
    sql: str
    """In the warehouse's SQL, with the mart's columns in their order; the month is bound to `:year` and `:month`."""
    version: str
    """The data version of what it reads, for the ledger."""


@dataclass(frozen=True)
class RefreshedMart:
    """A month of a mart after its refresh."""

    mart: Table
    version: str
    rows: int
    seconds: float


def load_marts(
    transaction: Transaction, month: Month, queries: Sequence[MartQuery], run_id: str
) -> list[RefreshedMart]:
    """Replace a month of some marts by the rows of their queries.

    Raises:
        PermanentError: visitors or stays do not add up to those of the fact, or the rows break a rule of the table.
    """
    expected = sum_fact(transaction, month)
    refreshed = [_load_mart(transaction, month, query, expected) for query in queries]
    entries = [
        LedgerEntry(m.mart.name, month.key, manifest="", fingerprint=m.version, run_id=run_id, loaded_rows=m.rows)
        for m in refreshed
    ]
    record_loads(transaction, entries)
    return refreshed


def _load_mart(transaction: Transaction, month: Month, query: MartQuery, expected: Mapping[str, int]) -> RefreshedMart:
    started, mart = time.perf_counter(), query.mart
    _delete_rows(transaction, mart, month)
    transaction.insert(mart, query.sql, month_condition(month)[1])
    rows, sums = sum_mart(transaction, mart, month)
    if wrong := [
        f"{n:,} {name} where the fact has {expected[name]:,}" for name, n in sums.items() if n != expected[name]
    ]:
        raise PermanentError(
            f"{load_label(mart, month)} would hold {', '.join(wrong)}; it is left as it was. "
            "Its SQL loses or doubles arrivals: correct it, or load the dimensions that it joins."
        )
    return RefreshedMart(mart, query.version, rows, time.perf_counter() - started)


def month_condition(month: Month | None) -> tuple[str, dict[str, int]]:
    """Return the SQL condition for the rows of a month, with the values of its markers; empty for no month."""
    return ("i94yr = :year AND i94mon = :month", {"year": month.year, "month": month.month}) if month else ("", {})


def count_rows(transaction: Transaction, contract: Table, month: Month | None = None) -> int:
    """Count the rows of a table, or of one month of it."""
    return transaction.fetch_int(select(func.count()).select_from(contract).where(*in_month(contract, month)))


def sum_fact(transaction: Transaction, month: Month) -> dict[str, int]:
    """Compute each additive measure over the arrivals of a month, by the measure's name in the marts."""
    columns = [_to_whole_number(measure).label(name) for name, measure in _ADDITIVE_MEASURES.items()]
    (sums,) = transaction.execute(
        select(*columns).select_from(immigration).where(*in_month(immigration, month))
    ).to_pylist()
    return sums


def sum_mart(transaction: Transaction, mart: Table, month: Month) -> tuple[int, dict[str, int]]:
    """Count the rows of a month of a mart, and sum each of its additive measures, by name."""
    names = [name for name in _ADDITIVE_MEASURES if name in mart.c]
    columns = [_to_whole_number(func.sum(mart.c[name])).label(name) for name in names]
    (sums,) = transaction.execute(
        select(func.count().label("row_count"), *columns).where(*in_month(mart, month))
    ).to_pylist()
    return sums.pop("row_count"), sums


def _to_whole_number(measure: ColumnElement[Any]) -> ColumnElement[int]:
    """Cast a sum, which is null over no rows and may be a decimal, to a whole number."""
    return cast(func.coalesce(measure, 0), BigInteger)


def _delete_rows(transaction: Transaction, contract: Table, month: Month | None) -> None:
    transaction.execute(delete(contract).where(*in_month(contract, month)))


def in_month(contract: Table, month: Month | None) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for the rows of a month, for SQLAlchemy's `where`; none for no month."""
    return (contract.c.i94yr == month.year, contract.c.i94mon == month.month) if month else ()


def _reject_orphans(transaction: Transaction, contract: Table, month: Month | None) -> None:
    """Audit the foreign keys before the commit, so that no reader ever sees an orphan."""
    where, values = month_condition(month)
    rules = contract_rules(contract, contract.fullname, ["foreign_keys"], where)
    if not rules:
        return
    (counts,) = transaction.execute(requote(render_counts(rules)), values).to_pylist()
    problems = []
    for rule, orphans in zip(rules, counts.values(), strict=True):
        if orphans:
            sample = transaction.execute(requote(rule.sample), values).to_pylist()
            codes = ", ".join(str(row[rule.column]) for row in sample)
            problems.append(f"{rule.column} of {orphans:,} rows ({codes}) is not {rule.bound}")
    if problems:
        raise PermanentError(
            f"{contract.fullname} was not loaded: {'; '.join(problems)}. Load what it refers to first, or correct it."
        )

"""The protocol of a load in an open transaction: delete, append, compare the numbers, audit, record.

A difference raises, so that the transaction rolls back and the table keeps its rows.
"""

from __future__ import annotations

from collections.abc import Callable
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
from i94_platform.warehouse.ledger import record_load
from i94_platform.warehouse.transaction import Transaction


def load_label(contract: Table, month: Month | None) -> str:
    """What a load replaces, for people: `i94.immigration 2016-04`."""
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
    record_load(
        transaction,
        contract.name,
        manifest.partition,
        manifest=manifest.address,
        fingerprint=manifest.fingerprint,
        run_id=run_id,
        rows=rows,
        acceptance=acceptance.describe() if acceptance else "",
    )
    return rows


def load_mart(transaction: Transaction, mart: Table, month: Month, query: str, version: str, run_id: str) -> int:
    """Replace a month of a mart by the rows of a query; return the rows.

    Args:
        transaction: An open transaction.
        mart: The mart.
        month: The month, which is bound to `:year` and `:month`.
        query: The query in the warehouse's SQL, with the mart's columns in their order.
        version: The data version of what the query reads, for the ledger.
        run_id: The run, for the ledger.

    Raises:
        PermanentError: visitors or stays do not add up to those of the fact, or the rows break a rule of the table.
    """
    _delete_rows(transaction, mart, month)
    transaction.insert(mart, query, month_condition(month)[1])
    sums = sum_measures(transaction, mart, month)
    if wrong := [
        f"{n:,} {name} where the fact has {expected:,}" for name, (n, expected) in sums.items() if n != expected
    ]:
        raise PermanentError(
            f"{load_label(mart, month)} would hold {', '.join(wrong)}; it is left as it was. "
            "Its SQL loses or doubles arrivals: correct it, or load the dimensions that it joins."
        )
    rows = count_rows(transaction, mart, month)
    record_load(transaction, mart.name, month.key, manifest="", fingerprint=version, run_id=run_id, rows=rows)
    return rows


def month_condition(month: Month | None) -> tuple[str, dict[str, int]]:
    """The SQL condition for the rows of a month, and the values of its markers; empty for no month."""
    return ("i94yr = :year AND i94mon = :month", {"year": month.year, "month": month.month}) if month else ("", {})


def count_rows(transaction: Transaction, contract: Table, month: Month | None = None) -> int:
    """Count the rows of a table, or of one month of it."""
    return transaction.fetch_int(select(func.count()).select_from(contract).where(*in_month(contract, month)))


def sum_measures(transaction: Transaction, mart: Table, month: Month) -> dict[str, tuple[int, int]]:
    """Sum each additive measure of a month of a mart, beside what the fact has, by the measure's name."""
    fact = immigration.c
    known_stay = fact.stay_days.between(0, LONGEST_STAY)
    measures: dict[str, ColumnElement[Any]] = {
        "visitors": func.count(),
        "no_departure": func.count() - func.count(fact.depdate),
        "stays": func.count(case((known_stay, 1))),
        "stay_days": func.sum(case((known_stay, fact.stay_days))),
    }
    names = [name for name in measures if name in mart.c]
    in_fact = [cast(func.coalesce(measures[name], 0), BigInteger).label(name) for name in names]
    in_mart = [cast(func.coalesce(func.sum(mart.c[name]), 0), BigInteger).label(name) for name in names]
    (expected,) = transaction.execute(
        select(*in_fact).select_from(immigration).where(*in_month(immigration, month))
    ).to_pylist()
    (sums,) = transaction.execute(select(*in_mart).where(*in_month(mart, month))).to_pylist()
    return {name: (sums[name], expected[name]) for name in names}


def _delete_rows(transaction: Transaction, contract: Table, month: Month | None) -> None:
    transaction.execute(delete(contract).where(*in_month(contract, month)))


def in_month(contract: Table, month: Month | None) -> tuple[ColumnElement[bool], ...]:
    """The conditions for the rows of a month; none for no month."""
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

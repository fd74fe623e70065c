"""Inferred members: rows of `country` for codes that arrivals carry and the code list lacks.

A load of a month adds those that it carries, and a load of `country` those that the fact refers to, each in its own
transaction. So no load has to wait for another one, and no arrival loses its country. The code list decides about every
other row.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, String, Table, case, cast, func, insert, literal, select, union

from i94_platform.contracts import country, immigration
from i94_platform.contracts.codes import read_unlisted_names
from i94_platform.warehouse.transaction import Transaction

UNLISTED = "unlisted"
"""The status of an inferred member."""


def add_inferred_members(
    transaction: Transaction, contract: Table, conditions: tuple[ColumnElement[bool], ...]
) -> None:
    """Add the members that the rows just loaded need.

    Args:
        transaction: The transaction of the load.
        contract: The loaded table; only the fact and `country` need members.
        conditions: The conditions for the loaded rows of the fact; none for all of it.
    """
    if contract not in (immigration, country) or not transaction.fetch_int(count_delivered_rows(country)):
        return  # without a code list every code would seem unlisted
    codes = union(*(select(column.label("code")).where(*conditions) for column in _code_columns())).subquery("codes")
    known = select(country.c.code)
    code = cast(codes.c.code, String(11))
    name = case(read_unlisted_names(), value=codes.c.code, else_=literal("code ") + code)
    members = select(codes.c.code, literal("unlisted code ") + code, literal(UNLISTED), name).where(
        codes.c.code.is_not(None), codes.c.code.not_in(known)
    )
    transaction.execute(insert(country).from_select(["code", "label", "status", "name"], members))


def count_delivered_rows(contract: Table) -> Select[tuple[int]]:
    """Return the query that counts the rows of a table without its inferred members."""
    query = select(func.count()).select_from(contract)
    return query.where(country.c.status != UNLISTED) if contract is country else query


def _code_columns() -> list[ColumnElement[int]]:
    """Return the columns of the fact that refer to `country`."""
    return [foreign.parent for foreign in immigration.foreign_keys if foreign.column.table is country]

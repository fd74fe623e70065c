"""The tables that the tests of contracts run over: all of them, those that are loaded, and one with every type."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Date, Double, Integer, MetaData, String, Table

from i94_platform.contracts import ALL, MARTS, WAREHOUSE, delivered_immigration, load_ledger
from i94_platform.contracts.model import column, table

EVERY = (*ALL, delivered_immigration)
LOADED = (*WAREHOUSE, load_ledger, *MARTS)


def every_type() -> Table:
    """A table with a column of each type that contracts may use, one of them required."""
    return table(
        MetaData(schema="test"),
        "every_type",
        "A row of every type.",
        column("whole", Integer(), "A whole number.", source="the test", key=True),
        column("long", BigInteger(), "A long whole number.", source="the test"),
        column("fraction", Double(), "A fraction.", source="the test"),
        column("day", Date(), "A day.", source="the test"),
        column("flag", Boolean(), "True or false.", source="the test"),
        column("text", String(14), "A text.", source="the test"),
        column("order", String(), "A text without limit under a reserved word.", source="the test"),
        domain="codes",
        grain="one row per whole number",
    )

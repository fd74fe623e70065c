"""The contracts as a data dictionary in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Column, String, Table

from i94_platform.contracts.disclosure import describe_control
from i94_platform.contracts.model import text_limit
from i94_platform.contracts.rendering.types import sql_type

_HEADING = """\
# Data dictionary

Generated from `i94_platform/contracts` by `i94 dictionary --write`; change the contracts, not this page.
"""

_TABLE_HEADING = """\
| column | type | null | key | unit | description | rule | source |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def render_dictionary(contracts: Sequence[Table]) -> str:
    """The data dictionary, one section a table."""
    return "\n".join((_HEADING, *map(_render_section, contracts)))


def _render_section(contract: Table) -> str:
    heading = f"## {contract.schema}.{contract.name}\n\n{contract.comment}\n\nGrain: {contract.info['grain']}.\n\n"
    return heading + _TABLE_HEADING + "".join(map(_render_row, contract.columns))


def _render_row(col: Column[Any]) -> str:
    limit = text_limit(col)
    varchar = f"VARCHAR({limit})" if limit else "VARCHAR"
    cells = [
        f"`{col.name}`",
        varchar if isinstance(col.type, String) else sql_type(col),
        "yes" if col.nullable else "no",
        "yes" if col.info["key"] else "",
        col.info["unit"],
        str(col.comment),
        " · ".join(_render_rules(col)),
        col.info["source"],
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _render_rules(col: Column[Any]) -> Iterator[str]:
    yield from (f"references {key.target_fullname}" for key in col.foreign_keys)
    if col.info["allowed"]:
        yield f"one of {', '.join(map(str, col.info['allowed']))}"
    low, high = ("" if col.info[bound] is None else str(col.info[bound]) for bound in ("low", "high"))
    if low or high:
        yield f"{low} to {high}".strip()
    if col.info["personal"]:
        yield "personal"
    if col.info["quasi_identifier"]:
        yield "quasi-identifier"
    if control := describe_control(col):
        yield f"for readers {control}"

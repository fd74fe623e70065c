"""Small tables as Markdown and as metadata of Dagster.

Here: the conversions that several assets and checks share. Not here: anything of the size of a month.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg


def render_markdown_table(rows: Iterable[Mapping[str, Any]], most: int = 10) -> str:
    """Rows as a Markdown table, nulls as empty cells; a sentence where there are none."""
    shown = list(rows)[:most]
    if not shown:
        return "No rows."
    names = list(shown[0])
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    lines += [
        "| " + " | ".join("" if row[n] is None else str(row[n]).replace("|", "\\|") for n in names) + " |"
        for row in shown
    ]
    return "\n".join(lines)


def to_table_metadata(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> dg.TableMetadataValue:
    """Rows as a table of the UI, which knows texts, numbers and booleans; all others (dates) are written as text."""
    schema = dg.TableSchema([dg.TableColumn(name) for name in columns])
    records = [dg.TableRecord({name: _cell(row[name]) for name in columns}) for row in rows]
    return dg.MetadataValue.table(records, schema)


def _cell(value: Any) -> str | int | float | bool | None:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float) else str(value)

"""The rules of a contract that a small table must keep before it is committed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlalchemy import Table

from i94_platform.contracts.model import key_columns
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.errors import PermanentError

if TYPE_CHECKING:
    import pyarrow as pa

_EXAMPLES = 5


def require_valid_rows(rows: pa.Table, contract: Table, *, closed_domains: bool = False) -> None:
    """Compare rows with a contract: columns, types, nulls, keys, and with `closed_domains` also the allowed values.

    Other values than the allowed ones are normal in delivered tables, where a check warns of them.

    Raises:
        PermanentError: a rule is broken; the message names the column and some of the values.
    """
    problems = [*_compare_schema(rows.schema, arrow_schema(contract))]
    if not problems:
        problems = [*_find_nulls(rows, contract), *_find_duplicate_keys(rows, contract)]
    if not problems and closed_domains:
        problems = [*_find_values_outside_domain(rows, contract)]
    if problems:
        raise PermanentError(
            f"The rows for {contract.name} break its contract: {'; '.join(problems)}. Nothing was written; correct the "
            "delivered file."
        )


def _compare_schema(schema: pa.Schema, expected: pa.Schema) -> Iterator[str]:
    if schema.names != expected.names:
        yield f"the columns are {', '.join(schema.names)}, expected {', '.join(expected.names)}"
        return
    for field, wanted in zip(schema, expected, strict=True):
        if field.type != wanted.type:
            yield f"{field.name} is {field.type}, expected {wanted.type}"


def _find_nulls(rows: pa.Table, contract: Table) -> Iterator[str]:
    for column in contract.columns:
        if not column.nullable and (nulls := rows.column(column.name).null_count):
            yield f"{column.name} is null in {nulls:,} of {rows.num_rows:,} rows"


def _find_duplicate_keys(rows: pa.Table, contract: Table) -> Iterator[str]:
    keys = key_columns(contract)
    groups = rows.select(keys).group_by(keys, use_threads=False).aggregate([([], "count_all")])
    if groups.num_rows == rows.num_rows:
        return
    duplicates = [group for group in groups.to_pylist() if group["count_all"] > 1]
    examples = [", ".join(str(group[key]) for key in keys) for group in duplicates[:_EXAMPLES]]
    yield f"{len(duplicates):,} keys ({', '.join(keys)}) repeat, such as {'; '.join(examples)}"


def _find_values_outside_domain(rows: pa.Table, contract: Table) -> Iterator[str]:
    for column in contract.columns:
        if allowed := column.info["allowed"]:
            values = {value for value in rows.column(column.name).unique().to_pylist() if value is not None}
            if others := sorted(values - set(allowed)):
                examples = ", ".join(map(str, others[:_EXAMPLES]))
                yield f"{column.name} is {examples}, expected one of {', '.join(map(str, allowed))}"

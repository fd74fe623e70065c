"""Small published tables with plausible rows for every contract, in a warehouse or as a release.

The rows are made from the contracts, so a new mart needs nothing here.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Integer, Table

from i94_platform.contracts import PUBLISHED, arrivals_cube, mart_metadata
from i94_platform.contracts.model import column_names, is_monthly, key_columns, text_limit
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.contracts.rendering.ddl import render_create_schema, render_ddl
from i94_platform.lake.datasets import Lake
from i94_platform.lake.releases import RELEASE, CheckState, Release, ReleasedTable, commit_release, prepare_release
from i94_platform.warehouse.base import Warehouse

MONTHS = ("2016-01", "2016-02", "2016-03")
AWKWARD = (
    "Côte d'Ivoire",
    'a "quoted" name',
    "comma, here",
    "100% _sure_",
    "line\nbreak",
    "",
    "99",
    "NULL",
    "日本",
    "=1+1",
)
"""Texts that formats and filters often get wrong."""


def make_rows(
    contract: Table, seed: int = 94, per_month: int = 40, months: Sequence[str] = MONTHS, most: int = 5_000
) -> pa.Table:
    """Make rows with unique keys, some nulls and awkward texts, and counts up to `most`; a seed gives equal rows."""
    rng = random.Random(f"{contract.name} {seed}")
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for month in months if is_monthly(contract) else months[:1]:
        for number in range(per_month):
            row = {c.name: _make_value(c, rng, number, most) for c in contract.columns}
            if is_monthly(contract):
                row |= {"i94yr": int(month[:4]), "i94mon": int(month[5:])}
            rows[tuple(row[name] for name in key_columns(contract))] = row
    return pa.Table.from_pylist(sorted(rows.values(), key=lambda row: _sort_key(row, contract)), arrow_schema(contract))


def _sort_key(row: Mapping[str, Any], contract: Table) -> list[Any]:
    # both warehouses compare texts as UTF-8
    return [value.encode() if isinstance(value := row[n], str) else value for n in key_columns(contract)]


def _make_value(col: Column[Any], rng: random.Random, number: int, most: int) -> Any:  # noqa: PLR0911
    if col.nullable and rng.random() < 0.3:
        return None
    if col.info["allowed"]:
        return rng.choice(col.info["allowed"])
    low, high = col.info["low"], col.info["high"]
    if isinstance(col.type, BigInteger | Integer):
        highest = most if col.info["statistic"] else 5_000
        return rng.randint(0 if low is None else int(low), highest if high is None else int(high))
    if isinstance(col.type, Double):
        return round(rng.uniform(-50 if low is None else low, 50 if high is None else high), 3)
    if isinstance(col.type, Boolean):
        return rng.random() < 0.5
    if isinstance(col.type, Date):
        return dt.date(2016, 1, 1) + dt.timedelta(days=number)
    limit = text_limit(col) or 64
    awkward = [text for text in AWKWARD if len(text.encode()) <= limit] if limit > 3 else []
    plain = f"{number:03}"[-limit:] if limit <= 3 else f"{col.name[: limit - 4]} {number:03}"
    return rng.choice([plain, plain, *awkward])


def fill_warehouse(warehouse: Warehouse, seed: int = 94) -> None:
    """Replace the rows of every published table of a warehouse."""
    with warehouse.transaction(purpose="prepare a test") as transaction:
        transaction.execute(render_create_schema(str(mart_metadata.schema), warehouse.dialect))
        for contract in PUBLISHED:
            transaction.execute(render_ddl(contract, warehouse.dialect))
            transaction.execute(f"DELETE FROM {contract.fullname}")
            columns = ", ".join(f'"{name}"' for name in column_names(contract))
            rows = [list(row.values()) for row in make_rows(contract, seed, per_month=6).to_pylist()]
            parameters = {f"p{r}_{c}": value for r, row in enumerate(rows) for c, value in enumerate(row)}
            values = ", ".join(f"({', '.join(f':p{r}_{c}' for c in range(len(row)))})" for r, row in enumerate(rows))
            transaction.execute(f"INSERT INTO {contract.fullname} ({columns}) VALUES {values}", parameters)


def _split_by_month(contract: Table, rows: pa.Table, months: Sequence[str]) -> Iterator[tuple[str, pa.Table]]:
    """Yield the folder and the rows of each file."""
    if not is_monthly(contract):
        yield contract.name, rows
        return
    for month in months:
        is_month = (pc.field("i94yr") == int(month[:4])) & (pc.field("i94mon") == int(month[5:]))
        yield f"{contract.name}/{month}", rows.filter(is_month)


def _add_codes(rows: pa.Table, codes: Iterable[Any]) -> pa.Table:
    """Add a row for each code that is not there."""
    added = [rows.slice(0, 1).to_pylist()[0] | {"code": code} for code in codes if code not in rows["code"].to_pylist()]
    return pa.concat_tables([rows, pa.Table.from_pylist(added, rows.schema)]) if added else rows


def publish_release(
    lake: Lake,
    run: str,
    *,
    seed: int = 94,
    per_month: int = 40,
    most: int = 5_000,
    months: Sequence[str] = MONTHS,
    make_cube: Callable[[str], pa.Table] | None = None,
    codes: Mapping[str, Iterable[Any]] | None = None,
    checks: dict[str, CheckState] | None = None,
) -> Release:
    """Publish a release without a warehouse; another seed gives other rows.

    Args:
        lake: where it is published.
        run: the id of its run.
        seed: what its rows follow from.
        per_month: rows of each month and mart.
        most: the largest count.
        months: the months of each monthly mart.
        make_cube: makes a month of `arrivals_cube` in the place of such rows.
        codes: the codes that a dimension has beside those of such rows, by its name.
        checks: the results of checks by table.
    """
    import pyarrow.parquet as pq

    tables = {}
    with lake.write_lock(RELEASE):
        for contract in PUBLISHED:
            if make_cube and contract is arrivals_cube:
                parts: Iterable[tuple[str, pa.Table]] = ((f"{contract.name}/{m}", make_cube(m)) for m in months)
            else:
                rows = make_rows(contract, seed, per_month, months, most)
                parts = _split_by_month(contract, _add_codes(rows, (codes or {}).get(contract.name, ())), months)
            count = 0
            for folder, part in parts:
                with lake.store.create(f"{RELEASE.folder}/run={run}/{folder}/part-0.parquet") as file:
                    pq.write_table(part, file)
                count += part.num_rows
            state = (checks or {}).get(contract.name, CheckState())
            tables[contract.name] = ReleasedTable(count, tuple(months) if is_monthly(contract) else (), state)
        return commit_release(lake, prepare_release(lake, run, PUBLISHED, tables, "2016-04-10T06:00:00+00:00"))

"""The commands on the warehouse: `query`, `ddl`, `create-tables`."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape

from i94_platform.cli.console import RowFormat, out, print_rows
from i94_platform.cli.platform import load_platform
from i94_platform.errors import PermanentError
from i94_platform.settings import Settings


class Dialect(StrEnum):
    """The SQL dialects of the warehouses."""

    duckdb = "duckdb"
    redshift = "redshift"


def query(
    sql: Annotated[str, typer.Argument(help="One SELECT statement.")],
    format_: Annotated[RowFormat, typer.Option("--format", help="How rows are printed.")] = RowFormat.table,
    keep_formulas: Annotated[
        bool, typer.Option("--keep-formulas", help="In CSV, no ' before a text that a spreadsheet would run.")
    ] = False,
) -> None:
    """Run a read-only query on the warehouse.

    BI tools and notebooks, which stay open, read the file of the release instead; [bold]i94 status[/bold] names it.

    Examples:
      [bold]i94 query "SELECT i94mode, count(*) FROM i94.immigration GROUP BY 1 ORDER BY 2 DESC"[/bold]
      [bold]i94 query "SELECT * FROM mart.visitors_by_origin" --format csv > visitors.csv[/bold]
    """
    if any("\ud800" <= letter <= "\udfff" for letter in sql):  # how Python holds bytes that are no UTF-8
        raise PermanentError("The query is not UTF-8; nothing was run.")
    platform = load_platform()
    from i94_platform.engine.duckdb import parse_bytes
    from i94_platform.operations.query_limits import limit_process

    platform.audit.record("query", warehouse=platform.warehouse.address, sql=sql)
    settings = platform.settings
    with limit_process(
        settings.lock_timeout + settings.query_timeout, parse_bytes(settings.memory_limit), settings.scratch
    ):
        rows = platform.warehouse.run_user_query(sql)
    print_rows(rows, format_, keep_formulas=keep_formulas)


def ddl(dialect: Annotated[Dialect, typer.Option(help="The dialect of the statements.")] = Dialect.duckdb) -> None:
    """Print the statements that create the schemas and tables, for Redshift also roles, grants and comments.

    Example: [bold]i94 ddl --dialect redshift > tables.sql[/bold]
    """
    from i94_platform.contracts.access import render_access
    from i94_platform.warehouse.base import render_table_ddl
    from i94_platform.warehouse.redshift.comments import render_redshift_comments
    from i94_platform.warehouse.redshift.warehouse import render_redshift_ddl

    if dialect is Dialect.redshift:
        tables = render_redshift_ddl(Settings.from_env().fact_diststyle)
        statements = [*tables, *render_access(), *render_redshift_comments()]
    else:
        statements = [*render_table_ddl(dialect.value)]
    sys.stdout.write("".join(f"{statement};\n\n" for statement in statements))


def create_tables() -> None:
    """Create the schemas and tables that do not exist yet, on Redshift also roles and comments. Can be repeated."""
    platform = load_platform()
    platform.warehouse.create_tables()
    out.print(f"The tables are in {escape(platform.warehouse.address)}", highlight=False)

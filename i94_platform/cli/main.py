"""The command line: `i94 …`.

Here: arguments and exit codes; 1 says that a run or a check failed, 2 that the call or the settings are wrong. Not
here: what the commands do (`automation`, `warehouse`, `sample`), and how it looks (`console`).
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.logging import RichHandler
from rich.markup import escape

from i94_platform.cli import console
from i94_platform.cli.console import err, out
from i94_platform.errors import PermanentError, PlatformError
from i94_platform.partitions import Month
from i94_platform.serving import commands as serving
from i94_platform.settings import PROJECT, Settings

if TYPE_CHECKING:
    import dagster as dg

    from i94_platform.operations.platform import Platform
    from i94_platform.operations.runner import Runner, StepCallback
    from i94_platform.staleness.plan import RunPlan

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)


class Dialect(StrEnum):
    """The dialects that contracts are rendered to."""

    duckdb = "duckdb"
    redshift = "redshift"


def _platform() -> Platform:
    from i94_platform.operations.platform import Platform
    from i94_platform.operations.process_tuning import collect_garbage_rarely

    collect_garbage_rarely()
    return Platform(Settings.from_env())


def main() -> None:
    """Entry point: run a command; a platform failure is one sentence on standard error and exit code 1 or 2."""
    # what Dagster calls beta or preview is pinned exactly in uv.lock
    warnings.filterwarnings("ignore", message=".*currently in (beta|preview)")
    logging.basicConfig(
        level=logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=err, show_path=False, show_time=False)],
    )
    try:
        app()
    except PlatformError as failure:
        err.print(f"[red]{type(failure).__name__}[/red]: {escape(str(failure))}", highlight=False, soft_wrap=True)
        _exit(2 if isinstance(failure, PermanentError) else 1)
    except SystemExit as ended:
        _exit(ended.code)


def _exit(code: str | int | None) -> NoReturn:
    """End the process; at once where the definitions were loaded, since Python takes a second to tear them down."""
    if "dagster" in sys.modules and isinstance(code, int | None) and threading.active_count() == 1:
        from i94_platform.operations.process_tuning import exit_at_once

        exit_at_once(code or 0)
    sys.exit(code)


def _print_version(wanted: bool) -> None:
    if wanted:
        from i94_platform import __version__

        out.print(f"i94 {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _described(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Monthly I-94 arrivals as a checked analytics warehouse.

    Settings come from the environment: I94_RAW (deliveries), I94_HOME, I94_LAKE, I94_ENGINE, I94_WAREHOUSE.
    Examples: [bold]I94_RAW=deliveries i94 run --month 2016-04[/bold] ·
    [bold]i94 backfill --from 2016-01 --to 2016-12[/bold] · [bold]i94 status[/bold]
    """


Months = Annotated[list[str] | None, typer.Option("--month", "-m", help="A month, such as 2016-04; repeatable.")]
From = Annotated[str | None, typer.Option("--from", help="First month of a range.")]
To = Annotated[str | None, typer.Option("--to", help="Last month of a range.")]
Select = Annotated[
    list[str] | None, typer.Option("--select", help="A layer or asset, such as staged or warehouse/state; repeatable.")
]


@app.command()
def run(month: Months = None, from_: From = None, to: To = None, select: Select = None) -> None:
    """Materialize: the reference part when stale, then the months with their marts, then the correlations.

    Without months, what is delivered and not loaded, and every mart that is older than what it is made from.

    Examples: [bold]i94 run[/bold] · [bold]i94 run -m 2016-04[/bold] · [bold]i94 run --from 2016-01 --to 2016-12[/bold]
    """
    from i94_platform.operations import dagster_instance as history

    platform = _platform()
    asked = _asked_months(month or [], from_, to)
    with history.persistent_instance(platform.settings.dagster_home) as opened, console.steps() as steps:
        due = _plan(platform, opened, asked)
        outcomes = list(_runner(platform, opened, steps, select=select or ()).run(due))
    if not outcomes:
        out.print("Nothing to do: every delivered month is loaded in its newest content.")
        return
    console.print_results(outcomes)
    if not all(outcome.succeeded for outcome in outcomes):
        raise typer.Exit(1)


@app.command()
def backfill(
    from_: Annotated[str, typer.Option("--from", help="First month of the range.")],
    to: Annotated[str, typer.Option("--to", help="Last month of the range.")],
    force: Annotated[bool, typer.Option("--force", help="Run every month of the range, loaded or not.")] = False,
) -> None:
    """Load what is missing of a range of months, or failed: a run for each, one after the other, in this process.

    It may be stopped and called again: months that are loaded in their newest content are left out. A failed month
    does not stop the others; it is listed at the end with the reason and what to do.

    Examples: [bold]i94 backfill --from 2016-01 --to 2016-12[/bold] · [bold]… --force[/bold]
    """
    from i94_platform.operations import backfill as backfills
    from i94_platform.operations import dagster_instance as history

    platform = _platform()
    asked = _asked_months([], from_, to)
    with history.persistent_instance(platform.settings.dagster_home) as opened, console.steps() as steps:
        due = _plan(platform, opened, asked, only_due=not force)
        work = backfills.BackfillProgress(asked, due)
        out.print(work.intention(), highlight=False)
        try:
            for outcome in _runner(platform, opened, steps, tags=work.tags, label=work.label).run(due):
                err.print(work.ended(outcome), highlight=False)
        except KeyboardInterrupt:
            err.print(f"Stopped. What is loaded stays; go on with: i94 backfill --from {from_} --to {to}")
            raise typer.Exit(130) from None
        finally:
            if work.outcomes:
                console.print_results(work.outcomes)
    for reason in work.not_run():
        err.print(f"[red]not run[/red] {escape(reason)}", highlight=False)
    if not work.succeeded:
        raise typer.Exit(1)


def _plan(platform: Platform, opened: dg.DagsterInstance, asked: Sequence[Month], *, only_due: bool = False) -> RunPlan:
    """What is due; what is worth knowing about it is printed."""
    from i94_platform.staleness.plan import plan_runs

    due = plan_runs(
        platform.raw,
        platform.lake,
        platform.warehouse,
        opened,
        requested=asked,
        only_stale=only_due,
        first_month=Month.parse(platform.settings.first_month),
        last_month=_last_month(platform.settings),
    )
    for note in due.notes:
        err.print(escape(note), style="yellow")
    return due


def _runner(platform: Platform, opened: dg.DagsterInstance, steps: StepCallback, **options: Any) -> Runner:
    from i94_platform.operations.runner import Runner

    return Runner(
        platform.definitions, opened, platform.raw, platform.lake, platform.warehouse, on_step=steps, **options
    )


def _asked_months(months: Sequence[str], first: str | None, last: str | None) -> list[Month]:
    try:
        asked = [Month.parse(month) for month in months]
        if bool(first) != bool(last):
            raise ValueError("--from and --to go together")
        if first and last:
            span = Month.parse(first).through(Month.parse(last))
            if not span:
                raise ValueError(f"--from {first} is later than --to {last}")
            asked += span
    except ValueError as error:
        raise PermanentError(str(error)) from None
    return asked


def _last_month(settings: Settings) -> Month:
    from i94_platform.defs.partitions import monthly_partitions

    return Month.parse(str(monthly_partitions.get_last_partition_key()))


@app.command()
def status() -> None:
    """Months and what each layer holds of them: rows, quarantined, checks, when."""
    from i94_platform.operations import dagster_instance as history
    from i94_platform.operations.status import month_statuses

    platform = _platform()
    with history.persistent_instance(platform.settings.dagster_home) as opened:
        statuses = month_statuses(platform.raw, platform.lake, platform.warehouse, opened)
    if not statuses:
        out.print(f"No months yet. Deliveries are looked for under {escape(platform.settings.raw)}.")
        return
    console.print_statuses(statuses)


@app.command()
def query(
    sql: str,
    format_: Annotated[console.Format, typer.Option("--format", help="How rows are printed.")] = console.Format.table,
) -> None:
    """Run a read-only query on the warehouse.

    Example: [bold]i94 query "SELECT i94mode, count(*) FROM i94.immigration GROUP BY 1 ORDER BY 2 DESC"[/bold]
    """
    import duckdb

    warehouse = _platform().warehouse
    warehouse.require_read_only(sql)
    try:
        rows = warehouse.query(sql)
    except duckdb.Error as error:
        raise PermanentError(f"The warehouse refused the query: {error}") from None
    console.print_rows(rows, format_)


@app.command()
def sample(
    out_: Annotated[Path, typer.Option("--out", help="Folder to write into.")],
    from_: Annotated[str, typer.Option("--from", help="First month.")] = "2016-01",
    to: Annotated[str, typer.Option("--to", help="Last month.")] = "2016-03",
    rows: Annotated[int, typer.Option(help="Rows of a month of April's size.")] = 50_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 94,
) -> None:
    """Write synthetic deliveries: months and every reference file.

    Example: [bold]i94 sample --out deliveries --from 2016-01 --to 2016-03 --rows 50000 --seed 94[/bold]
    """
    from i94_platform.sample import write_sample

    def told(name: str, done: int, total: int) -> None:
        if done == total:
            err.print(f"{name}  {total:,} rows" if total > 1 else name, highlight=False)

    written = write_sample(out_, first=from_, last=to, rows=rows, seed=seed, on_progress=told)
    out.print(f"{len(written)} files in {escape(str(out_))}", highlight=False)


@app.command()
def ddl(dialect: Annotated[Dialect, typer.Option(help="Whose SQL.")] = Dialect.duckdb) -> None:
    """Print the statements that create the schema and its tables; on Redshift also roles and what they may see."""
    from i94_platform.contracts.access import render_access
    from i94_platform.warehouse.base import render_table_ddl
    from i94_platform.warehouse.redshift.warehouse import render_redshift_ddl

    if dialect is Dialect.redshift:
        statements = [*render_redshift_ddl(Settings.from_env().fact_diststyle), *render_access()]
    else:
        statements = [*render_table_ddl(dialect.value)]
    sys.stdout.write("".join(f"{statement};\n\n" for statement in statements))


@app.command("create-tables")
def create_tables() -> None:
    """Create the schema and the tables that are not there yet, on Redshift also the roles; it can be repeated."""
    platform = _platform()
    platform.warehouse.create_tables()
    out.print(f"The tables are in {escape(platform.warehouse.address)}", highlight=False)


def _require_checkout() -> Path:
    """Return the folder of the checkout; raise `PermanentFailure` where the package is installed without one."""
    if not (PROJECT / "pyproject.toml").exists():
        raise PermanentError(
            "--check and --write concern files of the project's checkout, and this i94 is installed without one: "
            "run it in a clone of the project, after make test."
        )
    return PROJECT


@app.command()
def dictionary(
    write: Annotated[bool, typer.Option("--write", help="Write docs/data-dictionary.md.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Fail where docs/data-dictionary.md is stale.")] = False,
) -> None:
    """Print the data dictionary, generated from the contracts."""
    from i94_platform.contracts import ALL
    from i94_platform.contracts.rendering.dictionary import render_dictionary as rendered

    text = rendered(ALL)
    if not (write or check):
        sys.stdout.write(text)
        return
    page = _require_checkout() / "docs" / "data-dictionary.md"
    if write:
        page.write_text(text, "utf-8")
    elif not page.exists() or page.read_text("utf-8") != text:
        raise PermanentError("docs/data-dictionary.md is stale; run: i94 dictionary --write")


@app.command()
def lineage(
    write: Annotated[bool, typer.Option("--write", help="Write the file that the assets read.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Fail where that file is stale.")] = False,
) -> None:
    """Print the lineage of every column, found from the SQL and what the transforms declare, as JSON."""
    from i94_platform.defs.column_lineage.lineage_file import FILE, render_lineage_file

    text = render_lineage_file()
    if not (write or check):
        sys.stdout.write(text)
        return
    checkout = _require_checkout()
    if write:
        FILE.write_text(text, "utf-8")
    elif not FILE.exists() or FILE.read_text("utf-8") != text:
        raise PermanentError(f"{FILE.relative_to(checkout)} is stale; run: i94 lineage --write")


@app.command()
def doctor() -> None:
    """Look at Python, Java, the addresses and the folders, and say what to do."""
    from i94_platform.operations.doctor import examine

    platform = _platform()
    findings = list(examine(platform.settings, platform.raw, platform.lake, platform.warehouse))
    for finding in findings:
        mark = "[green]✓[/green]" if finding.fine else "[red]✗[/red]"
        out.print(f"{mark} {finding.subject:<14} {escape(finding.message)}", highlight=False, soft_wrap=True)
    if not all(finding.fine for finding in findings):
        raise typer.Exit(1)


@app.command()
def dev(port: Annotated[int, typer.Option(help="Port of the lineage UI on 127.0.0.1.")] = 3000) -> None:
    """Serve the lineage UI with the daemon, over the history that the command line writes. One Ctrl-C stops all.

    Where I94_ENGINE is sc:// on this machine and nothing listens there, a Spark Connect server is started beside it.
    """
    from i94_platform.operations.ui import serve_ui

    settings = Settings.from_env()
    sys.exit(serve_ui(settings, port, lambda told: err.print(escape(told), highlight=False)))


serving.add_to(app)

if __name__ == "__main__":
    main()

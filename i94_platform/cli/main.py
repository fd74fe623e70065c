"""The entry point of `i94`: which commands there are, its options, and its exit codes.

0 is success, 1 a failed run or check, 2 a call, setting or machine to change first, 130 Ctrl-C.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer
from rich.markup import escape

from i94_platform.cli import dev, env, load, render, sample, serve, status, warehouse
from i94_platform.cli.console import ConsoleHandler, err, out
from i94_platform.cli.keys import keys
from i94_platform.errors import PermanentError
from i94_platform.foreign_errors import describe_fault, hide_values, translate_error
from i94_platform.umask import apply_umask

logger = logging.getLogger(__name__)

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)

_COMMANDS: dict[str, list[Callable[..., None]]] = {
    "Load": [sample.sample, load.run, load.backfill, status.status],
    "Warehouse": [warehouse.query, warehouse.ddl, warehouse.create_tables],
    "Serve": [serve.serve],
    "Operate": [dev.dev, dev.doctor, env.env],
    "Develop": [render.dictionary, render.lineage],
}
"""The commands by the heading under which the help lists them."""

for _heading, _commands in _COMMANDS.items():
    for _command in _commands:
        app.command(rich_help_panel=_heading)(_command)
app.add_typer(keys, name="keys", rich_help_panel="Serve")


def main() -> None:
    """Run a command. An error is printed as one sentence on standard error; `--debug` adds its traceback."""
    apply_umask()
    # uv.lock pins Dagster, so that its beta features can't change unnoticed
    warnings.filterwarnings("ignore", message=".*currently in (beta|preview)")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[ConsoleHandler()])
    try:
        app()
    except SystemExit as ended:
        _exit(ended.code)
    except Exception as error:
        _print_error(error)
        _exit(2 if isinstance(translate_error(error), PermanentError) else 1)


def _print_error(error: Exception) -> None:
    if logger.isEnabledFor(logging.DEBUG):
        err.print("".join(traceback.format_exception(hide_values(error))), markup=False, highlight=False)
    translated = translate_error(error)
    message = str(translated) if translated else f"{describe_fault(error)}; call 'i94 --debug …' to see the traceback."
    err.print(f"[red]Error[/red]: {escape(message)}", highlight=False, soft_wrap=True)


def _exit(code: str | int | None) -> NoReturn:
    """End the process; at once if the definitions were loaded, since Python takes a second to tear them down."""
    if "dagster" in sys.modules and isinstance(code, int | None) and threading.active_count() == 1:
        from i94_platform.operations.process_tuning import exit_at_once

        exit_at_once(code or 0)
    sys.exit(code)


def _print_version(requested: bool) -> None:
    if requested:
        from i94_platform import __version__

        out.print(f"i94 {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def set_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Print the traceback of an error.")] = False,
) -> None:
    """Load monthly I-94 arrivals into a checked analytics warehouse.

    Settings come from the environment: I94_RAW (deliveries), I94_HOME, I94_LAKE, I94_ENGINE, I94_WAREHOUSE.

    Examples:
      [bold]i94 sample --out deliveries[/bold]
      [bold]I94_RAW=deliveries i94 run[/bold]
      [bold]i94 status[/bold]
    """
    logger.setLevel(logging.DEBUG if debug else logging.NOTSET)


if __name__ == "__main__":
    main()

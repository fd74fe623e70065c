"""The command `env`, which prints what Dagster's own commands need in the environment."""

from __future__ import annotations

import json
import shlex
from typing import Annotated

import typer

from i94_platform.settings import Settings


def env(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object of variables and values.")] = False,
) -> None:
    """Print the exports with which `dagster` and `dg` work on this deployment from any folder. Never prints a secret.

    Also creates the Dagster instance, if it is not there yet.

    Examples:
      [bold]eval "$(i94 env)"[/bold]
      [bold]dagster asset materialize -m i94_platform.definitions --select staged/immigration --partition 2016-04[/bold]
    """
    from i94_platform.operations.dagster_environment import build_environment, find_secret_variables
    from i94_platform.operations.dagster_instance import create_home

    settings = Settings.from_env()
    create_home(settings.dagster_home)
    variables = build_environment(settings)
    if as_json:
        typer.echo(json.dumps(variables, indent=2))
        return
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")
    for name in find_secret_variables():
        typer.echo(f"# {name} is a secret and is not printed; the commands need it from where this environment has it.")

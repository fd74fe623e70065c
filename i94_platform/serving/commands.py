"""The commands `i94 serve` and `i94 keys`.

Here: their arguments and what they print. Not here: what they do (`server`, `keys`), and how failures are told (`cli`).
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from i94_platform.errors import PermanentError
from i94_platform.serving.auth.api_keys import SCOPES, Key, Keys
from i94_platform.settings import Settings

out = Console(soft_wrap=True, emoji=False)
keys = typer.Typer(no_args_is_help=True, help="API keys: add, list, revoke.")


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command()(serve)
    app.add_typer(keys, name="keys")


def serve(
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8094,
    host: Annotated[str, typer.Option(help="Address to listen on; other machines' needs a key.")] = "127.0.0.1",
) -> None:
    """Serve the published release: the web API, and the dashboard at /. One Ctrl-C ends it.

    Without any key (i94 keys add) it listens on this machine only and prints a URL that works once.
    """
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError:
        raise PermanentError("The web API is not installed; run: pip install 'i94-platform[serve]'.") from None
    from i94_platform.serving.server import serve as run_server

    run_server(Settings.from_env(), host, port, lambda told: out.print(escape(told), highlight=False))


@keys.command()
def add(
    name: Annotated[str, typer.Argument(help="Whose it is, or what for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help=f"What it opens, repeatable: {', '.join(SCOPES)}; all that reads unless given."),
    ] = None,
) -> None:
    """Make a key and print it, once: only its hash is kept.

    Example: [bold]i94 keys add backend --scope read:marts --scope read:dimensions[/bold]
    """
    key, secret = _keys().add(name, scope or [s for s in SCOPES if s.startswith("read:")])
    out.print(f"Key {key.id} for {escape(name)}, with {', '.join(sorted(key.scopes))}. It is shown this once:")
    typer.echo(secret)


@keys.command("list")
def list_() -> None:
    """Every key with its scopes, last use and revocation; never a secret."""
    found = _keys().all()
    if not found:
        out.print("No keys yet; make one: i94 keys add NAME")
        return
    table = Table("id", "name", "scopes", "created", "last used", "revoked")
    for key in found:
        table.add_row(*map(escape, _row(key)))
    out.print(table)


def _keys() -> Keys:
    from i94_platform.serving.server import keys_of

    return keys_of(Settings.from_env())


def _row(key: Key) -> list[str]:
    times = (key.created_at, key.used_at, key.revoked_at)
    return [key.id, key.name, " ".join(sorted(key.scopes)), *(time[:16].replace("T", " ") for time in times)]


@keys.command()
def revoke(id_: Annotated[str, typer.Argument(metavar="ID", help="As i94 keys list shows it.")]) -> None:
    """End a key at once, with the sessions that it opened."""
    key = _keys().revoke(id_)
    out.print(f"Key {key.id} of {escape(key.name)} is revoked.")

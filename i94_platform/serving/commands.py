"""The commands `i94 serve` and `i94 keys`: their arguments and what they print."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from i94_platform.errors import PermanentError
from i94_platform.serving.auth.api_keys import SCOPES, ApiKey, KeyStore
from i94_platform.settings import Settings

out = Console(soft_wrap=True, emoji=False)
keys = typer.Typer(no_args_is_help=True, help="API keys: add, list, revoke.")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(serve)
    app.add_typer(keys, name="keys")


def serve(
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8094,
    host: Annotated[str, typer.Option(help="Address to listen on; any but loopback needs a key.")] = "127.0.0.1",
) -> None:
    """Serve the published release: the web API, and the dashboard at /. One Ctrl-C stops it.

    Without any key (i94 keys add) it listens on this machine only, and prints a URL that works once.
    """
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError:
        raise PermanentError("The web API is not installed; run: pip install 'i94-platform[serve]'.") from None
    from i94_platform.serving.server import serve as run_server

    run_server(Settings.from_env(), host, port, lambda line: out.print(escape(line), highlight=False))


@keys.command()
def add(
    name: Annotated[str, typer.Argument(help="Who or what the key is for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help=f"A scope of the key, repeatable: {', '.join(SCOPES)}; all read: scopes unless given."),
    ] = None,
) -> None:
    """Create a key and print it once: only its hash is stored.

    Example: [bold]i94 keys add backend --scope read:marts --scope read:dimensions[/bold]
    """
    key, text = _open_key_store().add(name, scope or [s for s in SCOPES if s.startswith("read:")])
    out.print(f"Key {key.id} for {escape(name)}, with {', '.join(sorted(key.scopes))}. It is shown only this once:")
    typer.echo(text)


@keys.command("list")
def list_keys() -> None:
    """List every key with its scopes, last use and revocation, never with its secret."""
    all_keys = _open_key_store().list_all()
    if not all_keys:
        out.print("No keys yet; create one: i94 keys add NAME")
        return
    table = Table("id", "name", "scopes", "created", "last used", "revoked")
    for key in all_keys:
        table.add_row(*map(escape, _format_key(key)))
    out.print(table)


def _open_key_store() -> KeyStore:
    from i94_platform.serving.server import open_key_store

    return open_key_store(Settings.from_env())


def _format_key(key: ApiKey) -> list[str]:
    times = (key.created_at, key.used_at, key.revoked_at)
    return [key.id, key.name, " ".join(sorted(key.scopes)), *(time[:16].replace("T", " ") for time in times)]


@keys.command()
def revoke(id_: Annotated[str, typer.Argument(metavar="ID", help="The id that i94 keys list shows.")]) -> None:
    """Revoke a key at once, with the sessions that it opened."""
    key = _open_key_store().revoke(id_)
    out.print(f"Key {key.id} of {escape(key.name)} is revoked.")

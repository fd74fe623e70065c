"""The commands `keys add`, `keys list`, `keys rotate` and `keys revoke`."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from i94_platform.cli.console import out, print_table
from i94_platform.errors import PermanentError
from i94_platform.serving.auth.api_keys import DEFAULT_SCOPES, SCOPES, ApiKey, KeyStore
from i94_platform.settings import Settings

_MAX_DAYS = 3_650

keys = typer.Typer(no_args_is_help=True, help="Add, list, rotate and revoke API keys.")


@keys.command()
def add(
    name: Annotated[str, typer.Argument(help="Who or what the key is for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help=f"A scope of the key, repeatable: {', '.join(SCOPES)}; {', '.join(DEFAULT_SCOPES)} unless given."
        ),
    ] = None,
    expires: Annotated[str, typer.Option(metavar="DAYS", help="Days until it expires, or never.")] = "365",
) -> None:
    """Create a key and print it once: only its hash is stored.

    Example: [bold]i94 keys add backend --scope read:marts --scope read:dimensions --expires 90[/bold]
    """
    if expires != "never" and not (expires.isdecimal() and 0 < int(expires) <= _MAX_DAYS):
        raise PermanentError(f"--expires {expires!r} is no number of days; valid are: never, 1 to {_MAX_DAYS}.")
    lifetime = None if expires == "never" else dt.timedelta(days=int(expires))
    _print_key(*_open_key_store().add(name, scope or DEFAULT_SCOPES, lifetime))


@keys.command("list")
def list_keys() -> None:
    """List every key with its scopes, last use and revocation, never with its secret."""
    all_keys = _open_key_store().list_all()
    if not all_keys:
        out.print("No keys yet; create one: i94 keys add NAME")
        return
    table = Table("id", "name", "scopes", "created", "expires", "last used", "revoked")
    for key in all_keys:
        table.add_row(*map(escape, _format_key(key)))
    print_table(table)


@keys.command()
def rotate(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The id that i94 keys list shows.")],
    overlap: Annotated[int, typer.Option(metavar="HOURS", min=0, max=720, help="Hours for which both keys work.")] = 24,
) -> None:
    """Create a key with the name, scopes and lifetime of another one, which expires after the overlap.

    Example: [bold]i94 keys rotate 0f3a9c1e --overlap 48[/bold]
    """
    _print_key(*_open_key_store().rotate(id_, dt.timedelta(hours=overlap)))
    out.print(f"The key {id_} still works for {overlap} hours, with the sessions that it opened.")


@keys.command()
def revoke(id_: Annotated[str, typer.Argument(metavar="ID", help="The id that i94 keys list shows.")]) -> None:
    """Revoke a key at once, with the sessions that it opened.

    Example: [bold]i94 keys revoke 0f3a9c1e[/bold]
    """
    key = _open_key_store().revoke(id_)
    out.print(f"Key {key.id} of {escape(key.name)} is revoked.")


def _open_key_store() -> KeyStore:
    from i94_platform.serving.server import open_key_store

    return open_key_store(Settings.from_env())


def _print_key(key: ApiKey, text: str) -> None:
    end = f"until {key.expires_at[:10]}" if key.expires_at else "without an end"
    out.print(f"Key {key.id} for {escape(key.name)}, with {', '.join(sorted(key.scopes))}, {end}.")
    out.print("It is shown only this once:")
    typer.echo(text)


def _format_key(key: ApiKey) -> list[str]:
    times = (key.created_at, key.expires_at, key.used_at, key.revoked_at)
    return [key.id, key.name, " ".join(sorted(key.scopes)), *(time[:16].replace("T", " ") for time in times)]

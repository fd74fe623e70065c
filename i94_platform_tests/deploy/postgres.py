"""A PostgreSQL server for the tests of Dagster's history: in a folder of its own, reached by its socket there.

Here: starting and stopping it, as another user where we are root, whom it refuses. Not here: what is kept in it.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from i94_platform_tests.processes import wait_for

_SETTINGS = ("listen_addresses=", "fsync=off", "synchronous_commit=off", "shared_buffers=32MB", "autovacuum=off")
_ACCESS = "local all postgres trust\nlocal all all scram-sha-256\n"
"""Everyone but the administrator needs a password."""


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    folder: Path
    """Where its socket is."""

    def execute(self, *statements: str) -> None:
        """Run statements as the administrator, each in a transaction of its own."""
        import psycopg2

        with contextlib.closing(psycopg2.connect(host=str(self.folder), user="postgres")) as connection:
            connection.autocommit = True
            for statement in statements:
                connection.cursor().execute(statement)


@cache
def programs() -> Path | None:
    """The folder of `initdb` and `postgres`; None where there is no server."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if config := shutil.which("pg_config"):
        told = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True).stdout
        folders.insert(0, Path(told.strip()))
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def lacking() -> str | None:
    """What this machine lacks to run PostgreSQL, as a sentence; None where it lacks nothing."""
    return None if programs() else "there is no PostgreSQL server (Debian: apt-get install postgresql)"


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A server that runs as long as the context."""
    found, account = programs(), _account()
    assert found, lacking()
    folder = Path(tempfile.mkdtemp(prefix="i94-pg-", dir="/tmp"))  # a socket's path has at most 107 bytes
    data = folder / "data"
    try:
        if account:
            os.chown(folder, account["user"], account["group"])
        make = [str(found / "initdb"), "-D", str(data), "-U", "postgres", "--no-sync", "--locale=C", "-E", "UTF8"]
        subprocess.run([*make, "-A", "trust"], cwd=folder, capture_output=True, check=True, **account)
        (data / "pg_hba.conf").write_text(_ACCESS)
        serve = [str(found / "postgres"), "-D", str(data), "-k", str(folder)]
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(
                [*serve, *(word for setting in _SETTINGS for word in ("-c", setting))],
                cwd=folder,
                stdout=log,
                stderr=log,
                **account,
            ) as server,
        ):
            try:
                wait_for(lambda: _answers(folder, server), "PostgreSQL to answer")
                yield Postgres(folder)
            finally:
                server.send_signal(signal.SIGQUIT)  # at once; killed outright it would leave shared memory
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answers(folder: Path, server: subprocess.Popen[bytes]) -> bool:
    import psycopg2

    assert server.poll() is None, (folder / "log").read_text()
    with contextlib.suppress(psycopg2.OperationalError):
        psycopg2.connect(host=str(folder), user="postgres").close()
        return True
    return False


def _account() -> dict[str, Any]:
    """Another user than root, as arguments of a process; nothing where we are not root."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

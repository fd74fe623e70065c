"""A PostgreSQL server for tests: in a folder of its own, reached by its socket there, gone when the tests end.

PostgreSQL refuses to run as root, so that root's tests start it as another user. It syncs nothing to disk.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from i94_platform_tests.support.processes import kill_process_tree

START_SECONDS, STOP_SECONDS = 30.0, 10.0

_OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "autovacuum": "off",
    "log_statement": "all",
    "log_min_messages": "warning",
    "log_line_prefix": "%p %d ",
    "timezone": "UTC",
}

ACCESS = """\
local all postgres trust
local all awsuser trust
local all all scram-sha-256
host all all 127.0.0.0/8 scram-sha-256
"""
"""Everyone but the two administrators needs a password."""


@dataclass
class Postgres:
    """A server; its user `postgres` may do everything without a password."""

    folder: Path
    address: str = ""
    """Where it listens beside its socket."""
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = [word for name, value in _OPTIONS.items() for word in ("-c", f"{name}={value}")]
        options += ["-c", f"listen_addresses={self.address}", "-k", str(self.folder), "-p", "5432"]
        command = [str(find_program("postgres")), "-D", str(self.folder / "data"), *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, **_account())
        _wait_until_ready(self, self._process)

    @property
    def is_running(self) -> bool:
        """Whether its first process runs."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """Kill all its processes, as an out-of-memory killer would; what it has committed stays in the folder."""
        assert self._process is not None
        kill_process_tree(self._process)

    def stop(self) -> None:
        """End it at once: nobody needs its data again."""
        for sign in (signal.SIGQUIT, signal.SIGKILL):
            if self._process and self.is_running:
                self._process.send_signal(sign)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(STOP_SECONDS)

    @property
    def socket(self) -> str:
        """The path of its Unix socket."""
        return str(self.folder / ".s.PGSQL.5432")

    @property
    def log(self) -> str:
        """Everything it has logged so far: each statement, and what went wrong."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def connect(self, database: str = "postgres", user: str = "postgres") -> Any:
        """A connection in autocommit."""
        import psycopg2

        connection = psycopg2.connect(host=str(self.folder), dbname=database, user=user)
        connection.autocommit = True
        return connection

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements, each in a transaction of its own."""
        with contextlib.closing(self.connect(database)) as connection:
            for statement in statements:
                connection.cursor().execute(statement)


@cache
def find_programs() -> Path | None:
    """Find the folder of `initdb` and `postgres`; None where there is none."""
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/opt/homebrew/opt").glob("postgresql@*/bin")]
    folders.sort(reverse=True)
    if on_path := shutil.which("initdb"):
        folders.insert(0, Path(on_path).parent)
    if config := shutil.which("pg_config"):
        bindir = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True).stdout
        folders.insert(0, Path(bindir.strip()))
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


def missing_server() -> str | None:
    """Why this machine can't run PostgreSQL, as a sentence; None where it can."""
    if find_programs() is None:
        return "there is no PostgreSQL server (Debian: apt-get install postgresql), or run tools/postgres.sh"
    return None


@contextlib.contextmanager
def run_postgres(address: str = "") -> Iterator[Postgres]:
    """Run a server until the context ends; it also listens at the address, if there is one."""
    folder = Path(tempfile.mkdtemp(prefix="i94-pg-", dir="/tmp"))  # a socket's path has at most 107 bytes
    try:
        account = _account()
        if account:
            os.chown(folder, account["user"], account["group"])
        _initialize(folder, account)
        server = Postgres(folder, address)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_program(name: str) -> Path:
    """Find a program of the server, such as `pg_dump`."""
    folder = find_programs()
    assert folder is not None, missing_server()
    return folder / name


def _account() -> dict[str, Any]:
    """Another user than root, as arguments of a process; nothing where we are not root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = names.get("postgres") or names["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _initialize(folder: Path, account: dict[str, Any]) -> None:
    options = ("--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
    command = [str(find_program("initdb")), f"--pgdata={folder / 'data'}", *options]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **account)
    assert result.returncode == 0, result.stderr
    (folder / "data" / "pg_hba.conf").write_text(ACCESS)


def _wait_until_ready(server: Postgres, process: subprocess.Popen[bytes]) -> None:
    import psycopg2

    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            server.connect().close()
        except psycopg2.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"PostgreSQL did not start: {error}\n{server.log[-4000:]}") from None
            time.sleep(0.02)
        else:
            return

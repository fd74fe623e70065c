"""The sessions of the emulator's clients, each over a connection to PostgreSQL of its own."""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from i94_platform_tests.emulators.redshift.copy import Column, LoadError, parse_copy
from i94_platform_tests.emulators.redshift.protocol import (
    CANCEL_REQUEST,
    GSS_REQUEST,
    SSL_REQUEST,
    pack_message,
    pack_query,
    read_columns,
    read_exactly,
    read_fields,
    read_message,
    read_values,
)
from i94_platform_tests.emulators.redshift.recorded import (
    CANCELLED,
    SERIALIZATION,
    SHA256_METHOD,
    SNAPSHOT_CONFLICT,
    RecordedError,
)
from i94_platform_tests.emulators.redshift.statements import (
    NO_OPERATION,
    RefusedStatement,
    find_role,
    refuse_read_only,
    translate,
)
from i94_platform_tests.emulators.redshift.unload import parse_unload, render_parquet

if TYPE_CHECKING:
    from i94_platform_tests.emulators.redshift.emulator import Fault, RedshiftEmulator

_COLUMNS = """
SELECT a.attname, t.typname, CASE WHEN t.typname IN ('varchar', 'bpchar') THEN a.atttypmod - 4 END, a.attnotnull
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = '{table}'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_LEVELS = {"SERIALIZABLE": "serializable", "SNAPSHOT": "repeatable\\ read"}
"""Redshift's isolation levels, and PostgreSQL's as an option of a connection."""
_ERROR_DETAILS = (
    "CREATE TEMP TABLE IF NOT EXISTS sys_load_error_detail (session_id int, start_time timestamp, "
    "file_name varchar(256), column_name varchar(127), error_message varchar(512))"
)


@contextlib.contextmanager
def listen(emulator: RedshiftEmulator, port: int = 0) -> Iterator[int]:
    """Answer clients on a port, a free one by default, until the context ends; the port."""
    with _Listener(("127.0.0.1", port), emulator) as listener:
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield listener.server_address[1]
        listener.shutdown()
        thread.join()


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 32

    def __init__(self, address: tuple[str, int], emulator: RedshiftEmulator) -> None:
        super().__init__(address, Session)
        self.emulator = emulator
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(emulator.certificate)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report every fault but those of clients that were killed."""
        import sys

        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError):
            super().handle_error(request, client_address)


class Session(socketserver.BaseRequestHandler):
    """One client, with a connection to PostgreSQL of its own."""

    server: _Listener

    def handle(self) -> None:
        self.client, self.emulator = self.request, self.server.emulator
        self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.status, self.errors, self.is_read_only = b"I", list[LoadError](), False
        startup = self._startup()
        if startup is None:
            return
        with socket.socket(socket.AF_UNIX) as self.backend:
            self.backend.connect(self.emulator.server.socket)
            self.backend.sendall(startup)
            if self._authenticate():
                self._serve()

    def _startup(self) -> bytes | None:
        """The client's first message, after TLS is agreed on."""
        while True:
            length, code = struct.unpack("!ii", read_exactly(self.client, 8))
            body = read_exactly(self.client, length - 8)
            if code == SSL_REQUEST:
                self.client.sendall(b"S")
                self.client = self.server.tls.wrap_socket(self.client, server_side=True)
            elif code == GSS_REQUEST:
                self.client.sendall(b"N")
            elif code == CANCEL_REQUEST:
                return None
            else:
                names = body.decode().split("\0")
                self.database, user = (names[names.index(name) + 1] for name in ("database", "user"))
                if user in self.emulator.sha256_users:
                    self.client.sendall(pack_message(b"R", struct.pack("!i", SHA256_METHOD)))
                    return None
                self.isolation = self.emulator.isolation.get(self.database, "SERIALIZABLE")
                level = _LEVELS[self.isolation]
                options = f"options\0-c default_transaction_isolation={level}\0".encode()
                return struct.pack("!ii", length + len(options), code) + body[:-1] + options + b"\0"

    def _authenticate(self) -> bool:
        """Relay the messages of the login; whether the client is logged in."""
        while True:
            kind, body = read_message(self.backend)
            self.client.sendall(pack_message(kind, body))
            if kind == b"E":
                return False
            if kind == b"Z":
                return True
            asks_client = kind == b"R" and struct.unpack("!i", body[:4])[0] in (3, 5, 10, 11)
            if asks_client:
                self.backend.sendall(pack_message(*read_message(self.client)))

    def _serve(self) -> None:
        while True:
            kind, body = read_message(self.client)
            if kind == b"X":
                return
            assert kind == b"Q", f"the emulator knows simple queries only, not {kind!r}"
            sql = body[:-1].decode()
            self.emulator.statements.append((self.database, sql))
            fault = self.emulator.next_fault(sql)
            if fault and fault.error is None:
                return  # closes both sides: PostgreSQL rolls back
            try:
                if fault:
                    self._raise_fault(fault, sql)
                self._run(sql)
            except RefusedStatement as refusal:
                self._relay(_render_error(refusal))

    def _raise_fault(self, fault: Fault, sql: str) -> None:
        if sql.upper().startswith("COMMIT"):
            self._fetch("ROLLBACK")
        assert fault.error is not None
        message, detail, code = fault.error
        raise RefusedStatement(message, detail, code)

    def _run(self, sql: str) -> None:
        if self.status == b"E":
            self._relay(sql)  # PostgreSQL refuses it, unless it ends the transaction
            return
        if re.match(r"\s*COPY\b", sql, re.IGNORECASE):
            self._copy(sql)
            return
        if re.match(r"\s*UNLOAD\b", sql, re.IGNORECASE):
            if self.is_read_only:
                refuse_read_only(sql)
            self._unload(sql)
            return
        self.is_read_only = self.status == b"T" and self.is_read_only
        if re.match(r"\s*(BEGIN|START TRANSACTION|SET TRANSACTION)\b.*\bREAD ONLY\b", sql, re.IGNORECASE):
            self.is_read_only = True
        elif self.is_read_only:
            refuse_read_only(sql)
        if re.match(r"\s*LOCK\b", sql, re.IGNORECASE) and self.status == b"T":
            self._lock(sql)
            return
        if "pg_cancel_backend" in sql and self.emulator.ignores_cancellation:
            sql = "SELECT true"
        if "sys_load_error_detail" in sql:
            self._create_error_details()
        translation = translate(sql)
        if translation.layout:
            self.emulator.layouts[self.database, translation.table] = translation.layout
        truncates = re.match(r"\s*TRUNCATE\b", sql, re.IGNORECASE) and self.status == b"T"
        self._relay(translation.sql + ("; COMMIT" if truncates else ""))

    def _lock(self, sql: str) -> None:
        """Wait for a lock without a limit: whether `statement_timeout` ends that wait is unproven."""
        ((timeout,),) = self._fetch("SHOW statement_timeout")
        self._fetch("SET LOCAL statement_timeout = 0")
        self._relay(translate(sql).sql)
        if self.status == b"T":
            self._fetch(f"SET LOCAL statement_timeout = '{timeout}'")

    def _copy(self, sql: str) -> None:
        copy = parse_copy(sql)
        is_alone = self.status == b"I"
        if is_alone:
            self._fetch("BEGIN")
        try:
            columns = [
                Column(name or "", type_ or "", int(length) if length else None, required == "t")
                for name, type_, length, required in self._fetch(_COLUMNS.format(table=copy.table.replace("'", "''")))
            ]
            for _, rows in copy.rows(columns, partial(self.emulator.read, role=find_role(sql))):
                self._load(copy.table, rows)
        except RefusedStatement as refusal:
            if is_alone:
                self._fetch("ROLLBACK")
            if isinstance(refusal, LoadError):
                self.errors.append(refusal)
            raise
        self._relay("COMMIT" if is_alone else NO_OPERATION)

    def _unload(self, sql: str) -> None:
        unload = parse_unload(sql)
        columns = list[tuple[str, int]]()
        rows = self._fetch(translate(unload.query).sql, columns)
        if rows:
            content, role = render_parquet(columns, rows), find_role(sql)
            self.emulator.write(unload.file, content, unload.overwrites, role, **unload.encryption)
        self._relay(NO_OPERATION)

    def _load(self, table: str, rows: bytes) -> None:
        """Send rows through PostgreSQL's own COPY, within the client's transaction."""
        self.backend.sendall(pack_query(f"COPY {table} FROM STDIN (FORMAT csv)"))
        kind, body = read_message(self.backend)
        if kind == b"G":
            self.backend.sendall(pack_message(b"d", rows) + pack_message(b"c", b""))
            kind, body = read_message(self.backend)
        while kind != b"Z":
            if kind == b"E":
                error = read_fields(body)
                self._until_ready()
                raise RefusedStatement(error["M"], error.get("D", ""), error["C"])
            kind, body = read_message(self.backend)
        self.status = body

    def _create_error_details(self) -> None:
        self._fetch(_ERROR_DETAILS)
        for error in self.errors:
            values = ", ".join("'" + text.replace("'", "''") + "'" for text in (error.file, error.column, error.reason))
            self._fetch(f"INSERT INTO sys_load_error_detail VALUES (pg_backend_pid(), getdate(), {values})")
        self.errors.clear()

    def _relay(self, sql: str) -> None:
        """Let PostgreSQL run a statement and pass on its answer."""
        self.backend.sendall(pack_query(sql))
        while True:
            kind, body = read_message(self.backend)
            if kind == b"E":
                body = _to_redshift_error(body, self.isolation)
            self.client.sendall(pack_message(kind, body))
            if kind == b"Z":
                self.status = body
                return

    def _fetch(self, sql: str, columns: list[tuple[str, int]] | None = None) -> list[list[str | None]]:
        """Run a statement without an answer to the client; its rows. Adds names and types to `columns`."""
        self.backend.sendall(pack_query(sql))
        rows, failed = [], None
        while True:
            kind, body = read_message(self.backend)
            if kind == b"D":
                rows.append(read_values(body))
            elif kind == b"T" and columns is not None:
                columns.extend(read_columns(body))
            elif kind == b"E":
                failed = read_fields(body)
            elif kind == b"Z":
                self.status = body
                if failed:
                    raise RefusedStatement(failed["M"], failed.get("D", ""), failed["C"])
                return rows

    def _until_ready(self) -> None:
        kind, body = read_message(self.backend)
        while kind != b"Z":
            kind, body = read_message(self.backend)
        self.status = body


def _render_error(refusal: RefusedStatement) -> str:
    """Render a statement that fails like this, so that PostgreSQL itself aborts the transaction."""
    message, detail = (text.replace("'", "''").replace("%", "%%") for text in (refusal.message, refusal.detail))
    options = f"MESSAGE = '{message}', ERRCODE = '{refusal.code}'" + (f", DETAIL = '{detail}'" if detail else "")
    return f"DO $raise$ BEGIN RAISE EXCEPTION USING {options}; END $raise$"


def _to_redshift_error(body: bytes, isolation: str) -> bytes:
    """An error of PostgreSQL as Redshift would put it."""
    error = read_fields(body)
    conflict = SERIALIZATION if isolation == "SERIALIZABLE" else SNAPSHOT_CONFLICT
    recorded: dict[str, RecordedError] = {"40001": conflict, "57014": CANCELLED}
    if error["C"] not in recorded:
        return body
    answer = recorded[error["C"]]
    fields = {**error, "C": answer.code, "M": answer.message, **({"D": answer.detail} if answer.detail else {})}
    return b"".join(name.encode() + text.encode() + b"\0" for name, text in fields.items()) + b"\0"

"""Not Redshift: PostgreSQL behind a proxy that speaks its protocol and interprets Redshift's own statements.

Any client of any process connects to it as to a cluster, with TLS and passwords. Statements are rewritten, refused as
Redshift refuses them (a refusal aborts the transaction, for PostgreSQL itself raises it), or carried out: COPY reads
the manifest and its objects from an S3 server and loads them in the client's own transaction, UNLOAD writes what a
query finds to that server. Everything runs at
PostgreSQL's serializable level, and its conflicts reach the client as Redshift's error 1023.

What it can't catch: IAM (any role may read), skew, encodings and sort order, WLM and queues, the real timing of 1023,
Redshift's own functions and system tables (`svv_roles`, `sys_load_error_detail` and `getdate` are there), its other
types, its 8.0-old parser (PostgreSQL takes more), lengths in bytes outside COPY, and how Redshift's security policies
treat views. What a real cluster must confirm is in `warehouse/test_redshift_cluster.py`.

Here: the server, its databases and faults, and the session of one client. Not here: which statements there are
(`redshift_sql`), and the rules of COPY (`redshift_copy`) and UNLOAD (`redshift_unload`).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import re
import socket
import socketserver
import ssl
import struct
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from i94_platform_tests.emulators import redshift_unload
from i94_platform_tests.emulators.postgres import Postgres, postgres
from i94_platform_tests.emulators.redshift_copy import Column, LoadError, parse
from i94_platform_tests.emulators.redshift_sql import NOTHING, Layout, Refused, interpret
from i94_platform_tests.emulators.s3 import S3Server

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102

ADMINISTRATOR = "awsuser"
ROLE = "arn:aws:iam::123456789012:role/i94-redshift"

_TEMPLATE = (
    "CREATE VIEW svv_roles AS SELECT oid AS role_id, rolname::varchar AS role_name FROM pg_roles WHERE NOT rolcanlogin",
    "GRANT SELECT ON svv_roles TO public",
    "CREATE FUNCTION getdate() RETURNS timestamp LANGUAGE sql AS $$ SELECT now() AT TIME ZONE 'utc' $$",
    "CREATE TABLE rls_policies (name text, condition text)",
    "CREATE FUNCTION redshift_policy(text, text) RETURNS void LANGUAGE sql AS "
    "$$ INSERT INTO rls_policies VALUES ($1, $2) $$",
    "CREATE FUNCTION redshift_attach(policy text, target text, role text) RETURNS void LANGUAGE plpgsql AS $$ "
    "BEGIN EXECUTE format('CREATE POLICY %I ON %s TO %s USING (true)', policy || '_admits_' || role, target, role); "
    # all that a user has must hold, as on Redshift
    "EXECUTE format('CREATE POLICY %I ON %s AS RESTRICTIVE TO %s USING (%s)', policy || '_' || role, target, role, "
    "(SELECT condition FROM rls_policies WHERE name = policy)); END $$",
)
_COLUMNS = """
SELECT a.attname, t.typname, CASE WHEN t.typname IN ('varchar', 'bpchar') THEN a.atttypmod - 4 END, a.attnotnull
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = '{table}'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_DETAILS = (
    "CREATE TEMP TABLE IF NOT EXISTS sys_load_error_detail (session_id int, start_time timestamp, "
    "file_name varchar(256), column_name varchar(127), error_message varchar(512))"
)


@dataclass
class Fault:
    """What happens instead of the next statements that match a pattern: an error, or the line is cut."""

    pattern: str
    error: tuple[str, str, str] | None
    """Message, detail and SQLSTATE; None cuts the line."""
    times: int


@dataclass
class Redshift:
    """The running emulator."""

    server: Postgres
    s3: S3Server
    port: int = 0
    certificate: Path = Path()
    statements: list[tuple[str, str]] = field(default_factory=list)
    """Every statement as a client sent it, after its database."""
    layouts: dict[tuple[str, str], Layout] = field(default_factory=dict)
    """How a table of a database was asked to be laid out."""
    faults: list[Fault] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def database(self) -> str:
        """Make an empty database; its name."""
        name = f"db{next(self._numbers)}"
        self.server.execute(f"CREATE DATABASE {name} TEMPLATE redshift OWNER {ADMINISTRATOR} STRATEGY file_copy")
        return name

    def drop(self, database: str) -> None:
        """Remove a database, its clients too: hundreds would fill the disk."""
        self.server.execute(f"DROP DATABASE {database} WITH (FORCE)")

    def address(self, database: str, user: str = ADMINISTRATOR, sslmode: str = "disable") -> str:
        """What `I94_WAREHOUSE` would be."""
        return f"redshift://{user}@localhost:{self.port}/{database}?iam_role={ROLE}&sslmode={sslmode}"

    def sent(self, database: str) -> list[str]:
        """The statements that clients of a database have sent."""
        return [sql for name, sql in self.statements if name == database]

    def fail(self, pattern: str, message: str, detail: str = "", code: str = "XX000", times: int = 1) -> None:
        """Answer the next statements that match with an error; a COMMIT is rolled back."""
        self.faults.append(Fault(pattern, (message, detail, code), times))

    def cut(self, pattern: str, times: int = 1) -> None:
        """Cut the line instead of running the next statements that match."""
        self.faults.append(Fault(pattern, None, times))

    def due(self, sql: str) -> Fault | None:
        """The fault that this statement meets."""
        for fault in self.faults:
            if fault.times and re.match(fault.pattern, sql, re.IGNORECASE):
                fault.times -= 1
                return fault
        return None

    @cached_property
    def _objects(self) -> Any:
        return self.s3.client()

    def read(self, url: str) -> bytes | None:
        """An object of the S3 server, over HTTP."""
        parts, client = urlsplit(url), self._objects
        try:
            content: bytes = client.get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))["Body"].read()
        except (client.exceptions.NoSuchKey, client.exceptions.NoSuchBucket):
            return None
        return content

    def write(self, url: str, content: bytes, overwrites: bool) -> None:
        """Put an object on the S3 server.

        Raises:
            Refused: it is there already, or its bucket is not.
        """
        parts, client = urlsplit(url), self._objects
        if not overwrites and self.read(url) is not None:
            raise Refused("Specified unload destination on S3 is not empty", code="XX000")
        try:
            client.put_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"), Body=content)
        except client.exceptions.NoSuchBucket:
            raise Refused(f"S3ServiceException: The specified bucket does not exist: {url}", code="XX000") from None


@contextlib.contextmanager
def redshift(s3: S3Server) -> Iterator[Redshift]:
    """An emulator that runs as long as the context, over its own PostgreSQL."""
    with postgres() as server, tempfile.TemporaryDirectory() as folder:
        server.execute(f"CREATE USER {ADMINISTRATOR} SUPERUSER", "CREATE DATABASE redshift")
        server.execute(*_TEMPLATE, database="redshift")
        emulator = Redshift(server, s3)
        emulator.certificate = _certificate(Path(folder))
        with serving(emulator) as port:
            emulator.port = port
            yield emulator


@contextlib.contextmanager
def serving(emulator: Redshift, port: int = 0) -> Iterator[int]:
    """Let the emulator answer on a port (a free one unless given) as long as the context; which it is."""
    with _Listener(("127.0.0.1", port), emulator) as listener:
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield listener.server_address[1]
        listener.shutdown()
        thread.join()


def _certificate(folder: Path) -> Path:
    """A certificate for localhost that no authority has signed, with its key, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "localhost.pem"
    plain = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, plain, serialization.NoEncryption())
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 32

    def __init__(self, address: tuple[str, int], emulator: Redshift) -> None:
        super().__init__(address, _Session)
        self.emulator = emulator
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(emulator.certificate)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that are killed; any other fault is told."""
        import sys

        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError):
            super().handle_error(request, client_address)


class _Session(socketserver.BaseRequestHandler):
    """One client, with a connection to PostgreSQL of its own."""

    server: _Listener

    def handle(self) -> None:
        self.client, self.emulator = self.request, self.server.emulator
        self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.status, self.errors = b"I", list[LoadError]()
        startup = self._startup()
        if startup is None:
            return
        with socket.socket(socket.AF_UNIX) as self.backend:
            self.backend.connect(self.emulator.server.socket)
            self.backend.sendall(startup)
            if self._log_in():
                self._serve()

    def _startup(self) -> bytes | None:
        """The client's first message, after TLS is agreed on."""
        while True:
            length, code = struct.unpack("!ii", _exactly(self.client, 8))
            body = _exactly(self.client, length - 8)
            if code == SSL_REQUEST:
                self.client.sendall(b"S")
                self.client = self.server.tls.wrap_socket(self.client, server_side=True)
            elif code == GSS_REQUEST:
                self.client.sendall(b"N")
            elif code == CANCEL_REQUEST:
                return None
            else:
                names = body.split(b"\0")
                self.database = names[names.index(b"database") + 1].decode()
                options = b"options\0-c default_transaction_isolation=serializable\0"
                return struct.pack("!ii", length + len(options), code) + body[:-1] + options + b"\0"

    def _log_in(self) -> bool:
        """Pass on what either side says until the client is in; whether it is."""
        while True:
            kind, body = _message(self.backend)
            self.client.sendall(_packed(kind, body))
            if kind == b"E":
                return False
            if kind == b"Z":
                return True
            asks = kind == b"R" and struct.unpack("!i", body[:4])[0] in (3, 5, 10, 11)
            if asks:
                self.backend.sendall(_packed(*_message(self.client)))

    def _serve(self) -> None:
        while True:
            kind, body = _message(self.client)
            if kind == b"X":
                return
            assert kind == b"Q", f"the emulator knows simple queries only, not {kind!r}"
            sql = body[:-1].decode()
            self.emulator.statements.append((self.database, sql))
            fault = self.emulator.due(sql)
            if fault and fault.error is None:
                return  # closes both sides: PostgreSQL rolls back
            try:
                if fault:
                    self._meet(fault, sql)
                self._run(sql)
            except Refused as refusal:
                self._relay(_raising(refusal))

    def _meet(self, fault: Fault, sql: str) -> None:
        if sql.upper().startswith("COMMIT"):
            self._ask("ROLLBACK")
        assert fault.error is not None
        message, detail, code = fault.error
        raise Refused(message, detail, code)

    def _run(self, sql: str) -> None:
        if self.status == b"E":
            self._relay(sql)  # PostgreSQL refuses it, unless it ends the transaction
            return
        if re.match(r"\s*COPY\b", sql, re.IGNORECASE):
            self._copy(sql)
            return
        if re.match(r"\s*UNLOAD\b", sql, re.IGNORECASE):
            self._unload(sql)
            return
        if "sys_load_error_detail" in sql:
            self._tell_details()
        found = interpret(sql)
        if found.layout:
            self.emulator.layouts[self.database, found.table] = found.layout
        truncates = re.match(r"\s*TRUNCATE\b", sql, re.IGNORECASE) and self.status == b"T"
        self._relay(found.sql + ("; COMMIT" if truncates else ""))

    def _copy(self, sql: str) -> None:
        copy = parse(sql)
        alone = self.status == b"I"
        if alone:
            self._ask("BEGIN")
        try:
            columns = [
                Column(name or "", type_ or "", int(length) if length else None, required == "t")
                for name, type_, length, required in self._ask(_COLUMNS.format(table=copy.table.replace("'", "''")))
            ]
            for _, rows in copy.rows(columns, self.emulator.read):
                self._load(copy.table, rows)
        except Refused as refusal:
            if alone:
                self._ask("ROLLBACK")
            if isinstance(refusal, LoadError):
                self.errors.append(refusal)
            raise
        self._relay("COMMIT" if alone else NOTHING)

    def _unload(self, sql: str) -> None:
        unload = redshift_unload.parse(sql)
        columns = list[tuple[str, int]]()
        rows = self._ask(interpret(unload.query).sql, columns)
        if rows:
            self.emulator.write(unload.file, redshift_unload.as_parquet(columns, rows), unload.overwrites)
        self._relay(NOTHING)

    def _load(self, table: str, rows: bytes) -> None:
        """Send rows through PostgreSQL's own COPY, within the client's transaction."""
        self.backend.sendall(_query(f"COPY {table} FROM STDIN (FORMAT csv)"))
        kind, body = _message(self.backend)
        if kind == b"G":
            self.backend.sendall(_packed(b"d", rows) + _packed(b"c", b""))
            kind, body = _message(self.backend)
        while kind != b"Z":
            if kind == b"E":
                error = _fields(body)
                self._until_ready()
                raise Refused(error["M"], error.get("D", ""), error["C"])
            kind, body = _message(self.backend)
        self.status = body

    def _tell_details(self) -> None:
        self._ask(_DETAILS)
        for error in self.errors:
            values = ", ".join("'" + text.replace("'", "''") + "'" for text in (error.file, error.column, error.told))
            self._ask(f"INSERT INTO sys_load_error_detail VALUES (pg_backend_pid(), getdate(), {values})")
        self.errors.clear()

    def _relay(self, sql: str) -> None:
        """Let PostgreSQL run a statement and pass on its answer."""
        self.backend.sendall(_query(sql))
        while True:
            kind, body = _message(self.backend)
            if kind == b"E":
                body = _as_redshift_tells(body)
            self.client.sendall(_packed(kind, body))
            if kind == b"Z":
                self.status = body
                return

    def _ask(self, sql: str, columns: list[tuple[str, int]] | None = None) -> list[list[str | None]]:
        """The rows of a statement that the client hears nothing of; names and types are added to `columns`."""
        self.backend.sendall(_query(sql))
        rows, failed = [], None
        while True:
            kind, body = _message(self.backend)
            if kind == b"D":
                rows.append(_values(body))
            elif kind == b"T" and columns is not None:
                columns.extend(_described(body))
            elif kind == b"E":
                failed = _fields(body)
            elif kind == b"Z":
                self.status = body
                if failed:
                    raise Refused(failed["M"], failed.get("D", ""), failed["C"])
                return rows

    def _until_ready(self) -> None:
        kind, body = _message(self.backend)
        while kind != b"Z":
            kind, body = _message(self.backend)
        self.status = body


def _raising(refusal: Refused) -> str:
    """A statement that fails like this: the transaction is then aborted by PostgreSQL itself."""
    message, detail = (text.replace("'", "''").replace("%", "%%") for text in (refusal.message, refusal.detail))
    told = f"MESSAGE = '{message}', ERRCODE = '{refusal.code}'" + (f", DETAIL = '{detail}'" if detail else "")
    return f"DO $raise$ BEGIN RAISE EXCEPTION USING {told}; END $raise$"


def _as_redshift_tells(body: bytes) -> bytes:
    error = _fields(body)
    if error["C"] != "40001":
        return body
    told = {**error, "C": "XX000", "M": "1023", "D": f"Serializable isolation violation on table: {error['M']}"}
    return b"".join(name.encode() + text.encode() + b"\0" for name, text in told.items()) + b"\0"


def _fields(body: bytes) -> dict[str, str]:
    return {part[:1].decode(): part[1:].decode() for part in body.split(b"\0") if part}


def _values(body: bytes) -> list[str | None]:
    count, position, found = struct.unpack("!h", body[:2])[0], 2, list[str | None]()
    for _ in range(count):
        (length,) = struct.unpack("!i", body[position : position + 4])
        position += 4
        found.append(None if length < 0 else body[position : position + length].decode())
        position += max(length, 0)
    return found


def _described(body: bytes) -> Iterator[tuple[str, int]]:
    """Names and types of a result's columns."""
    position = 2
    for _ in range(struct.unpack("!h", body[:2])[0]):
        end = body.index(b"\0", position)
        yield body[position:end].decode(), struct.unpack("!i", body[end + 7 : end + 11])[0]
        position = end + 19


def _query(sql: str) -> bytes:
    return _packed(b"Q", sql.encode() + b"\0")


def _packed(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _message(source: socket.socket) -> tuple[bytes, bytes]:
    kind, length = struct.unpack("!ci", _exactly(source, 5))
    return kind, _exactly(source, length - 4)


def _exactly(source: socket.socket, count: int) -> bytes:
    parts = []
    while count:
        part = source.recv(min(count, 1 << 20))
        if not part:
            raise ConnectionResetError("the other side is gone")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)

"""The running emulator: its databases, the faults that it raises, and the objects of its S3 server."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from i94_platform_tests.emulators.postgres import Postgres, run_postgres
from i94_platform_tests.emulators.redshift.recorded import RecordedError
from i94_platform_tests.emulators.redshift.session import listen
from i94_platform_tests.emulators.redshift.statements import Layout, RefusedStatement
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.emulators.s3_roles import ROLES

ADMINISTRATOR = "awsuser"
ROLE = "arn:aws:iam::123456789012:role/i94-redshift"

_BLANK_COMPARISONS = dict.fromkeys(("eq", "ne", "lt", "le", "gt", "ge"), "boolean") | {"cmp": "int"}
"""PostgreSQL's comparisons of `char`, which ignore trailing blanks, as Redshift's of `varchar` do."""

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
    "CREATE VIEW svv_role_grants AS SELECT r.rolname::varchar AS role_name, g.rolname::varchar AS granted_role_name "
    "FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member JOIN pg_roles g ON g.oid = m.roleid "
    "WHERE NOT r.rolcanlogin",
    "GRANT SELECT ON svv_role_grants TO public",
    # that Redshift refuses to repeat a grant is an assumption
    "CREATE FUNCTION redshift_grant_role(role text, target text) RETURNS void LANGUAGE plpgsql AS $$ "
    "BEGIN IF EXISTS (SELECT FROM pg_auth_members WHERE roleid = role::regrole AND member = target::regrole) THEN "
    "RAISE EXCEPTION 'role % is already granted to %', role, target; END IF; "
    "EXECUTE format('GRANT %I TO %I', role, target); END $$",
    # what reaches a user by a role only is left out
    "CREATE VIEW redshift_visible_tables AS "
    "SELECT n.nspname::varchar AS table_schema, c.relname::varchar AS table_name, c.relkind = 'v' AS is_view "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'v') AND "
    "(pg_get_userbyid(c.relowner) = session_user OR EXISTS "
    "(SELECT FROM aclexplode(c.relacl) a WHERE a.grantee IN (0, session_user::regrole)))",
    "CREATE VIEW redshift_visible_views AS SELECT table_schema, table_name FROM redshift_visible_tables WHERE is_view",
    "GRANT SELECT ON redshift_visible_tables, redshift_visible_views TO public",
    "CREATE FUNCTION redshift_too_long(bytes int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN "
    "RAISE EXCEPTION 'value too long for type character varying(%)', bytes USING ERRCODE = '22001'; END $$",
    *(
        f"CREATE FUNCTION blank_{name}(varchar, varchar) RETURNS {type_} LANGUAGE internal IMMUTABLE STRICT "
        f"AS 'bpchar{name}'"
        for name, type_ in _BLANK_COMPARISONS.items()
    ),
    "CREATE FUNCTION blank_hash(varchar) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'hashbpchar'",
    "CREATE OPERATOR = (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = blank_eq, COMMUTATOR = =, NEGATOR = <>, "
    "RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES)",
    "CREATE OPERATOR <> (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = blank_ne, COMMUTATOR = <>, NEGATOR = =)",
    "CREATE OPERATOR < (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = blank_lt, COMMUTATOR = >, NEGATOR = >=)",
    "CREATE OPERATOR <= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = blank_le, COMMUTATOR = >=, NEGATOR = >)",
    "CREATE OPERATOR > (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = blank_gt, COMMUTATOR = <, NEGATOR = <=)",
    "CREATE OPERATOR >= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = blank_ge, COMMUTATOR = <=, NEGATOR = <)",
    # for GROUP BY, DISTINCT, UNION, joins and ORDER BY
    "CREATE OPERATOR CLASS blank_order DEFAULT FOR TYPE varchar USING btree AS OPERATOR 1 <, OPERATOR 2 <=, "
    "OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 blank_cmp(varchar, varchar)",
    "CREATE OPERATOR CLASS blank_hashes DEFAULT FOR TYPE varchar USING hash AS OPERATOR 1 =, "
    "FUNCTION 1 blank_hash(varchar)",
)


@dataclass
class Fault:
    """An error, or a cut connection, instead of the next statements that match a pattern."""

    pattern: str
    error: tuple[str, str, str] | None
    """Message, detail and SQLSTATE; None cuts the connection."""
    times: int


@dataclass
class RedshiftEmulator:
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
    isolation: dict[str, str] = field(default_factory=dict)
    """By database, SNAPSHOT instead of SERIALIZABLE; Redshift has both, and new databases the first."""
    ignores_cancellation: bool = False
    """Whether a request to cancel a statement has no effect."""
    sha256_users: set[str] = field(default_factory=set)
    """The users whose password is kept as SHA-256, which libpq can't use."""
    _clients: dict[str, Any] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def create_database(self, template: str = "redshift") -> str:
        """Create a database, empty or as a copy of `template`; its name."""
        name = f"db{next(self._numbers)}"
        self._copy_database(template, name)
        return name

    def replace_database(self, name: str, template: str) -> None:
        """Replace a database by a copy of `template`."""
        self.drop_database(name)
        self._copy_database(template, name)

    def _copy_database(self, template: str, name: str) -> None:
        self.server.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {ADMINISTRATOR} STRATEGY file_copy")

    def drop_database(self, database: str) -> None:
        """Drop a database and end its clients: hundreds would fill the disk."""
        self.server.execute(f"DROP DATABASE {database} WITH (FORCE)")

    def address(self, database: str, user: str = ADMINISTRATOR, sslmode: str = "disable", iam_role: str = ROLE) -> str:
        """The value of `I94_WAREHOUSE`."""
        return f"redshift://{user}@localhost:{self.port}/{database}?iam_role={iam_role}&sslmode={sslmode}"

    def sent_statements(self, database: str) -> list[str]:
        """The statements that clients of a database have sent."""
        return [sql for name, sql in self.statements if name == database]

    def play(self, pattern: str, error: RecordedError, times: int = 1) -> None:
        """Answer the next statements that match with an error of a real cluster."""
        self.fail(pattern, error.message, error.detail, error.code, times)

    def fail(self, pattern: str, message: str, detail: str = "", code: str = "XX000", times: int = 1) -> None:
        """Answer the next statements that match with an error; a COMMIT is rolled back."""
        self.faults.append(Fault(pattern, (message, detail, code), times))

    def cut(self, pattern: str, times: int = 1) -> None:
        """Cut the connection instead of running the next statements that match."""
        self.faults.append(Fault(pattern, None, times))

    def next_fault(self, sql: str) -> Fault | None:
        """The fault that happens instead of this statement."""
        for fault in self.faults:
            if fault.times and re.match(fault.pattern, sql, re.IGNORECASE):
                fault.times -= 1
                return fault
        return None

    def _connect(self, role: str) -> Any:
        """A client with the permissions of a role, which the S3 server knows by its name."""
        if role not in self._clients:
            server = self.s3.as_role(role) if role in ROLES else self.s3
            self._clients[role] = server.create_client()
        return self._clients[role]

    def read(self, url: str, role: str = "") -> bytes | None:
        """An object of the S3 server, over HTTP.

        Raises:
            RefusedStatement: the role may not read it.
        """
        parts, client = urlsplit(url), self._connect(role)
        with _refuse_access(url):
            try:
                content: bytes = client.get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))["Body"].read()
            except (client.exceptions.NoSuchKey, client.exceptions.NoSuchBucket):
                return None
        return content

    def write(self, url: str, content: bytes, overwrites: bool, role: str = "", **encryption: str) -> None:
        """Put an object on the S3 server, encrypted as its bucket says unless told otherwise.

        Raises:
            RefusedStatement: it is there already, its bucket is not, or the role may not write it.
        """
        parts, client = urlsplit(url), self._connect(role)
        if not overwrites and self.read(url, role) is not None:
            raise RefusedStatement("Specified unload destination on S3 is not empty", code="XX000")
        with _refuse_access(url):
            try:
                client.put_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"), Body=content, **encryption)
            except client.exceptions.NoSuchBucket:
                message = f"S3ServiceException: The specified bucket does not exist: {url}"
                raise RefusedStatement(message, code="XX000") from None


@contextlib.contextmanager
def _refuse_access(url: str) -> Iterator[None]:
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        raise RefusedStatement(f"S3ServiceException:Access Denied,Status 403: {url}", code="XX000") from None


@contextlib.contextmanager
def run_redshift(s3: S3Server) -> Iterator[RedshiftEmulator]:
    """An emulator that runs as long as the context, over its own PostgreSQL."""
    with run_postgres() as server, tempfile.TemporaryDirectory() as folder:
        server.execute(f"CREATE USER {ADMINISTRATOR} SUPERUSER", "CREATE DATABASE redshift")
        server.execute(*_TEMPLATE, database="redshift")
        emulator = RedshiftEmulator(server, s3)
        emulator.certificate = _create_certificate(Path(folder))
        with listen(emulator) as port:
            emulator.port = port
            yield emulator


def _create_certificate(folder: Path) -> Path:
    """A certificate for localhost that no authority has signed, with its key, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
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
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path

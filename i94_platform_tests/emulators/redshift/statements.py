"""Redshift's statements as PostgreSQL can run them, and a refusal of those that Redshift refuses.

Layout (DISTKEY, SORTKEY, ENCODE) is checked, cut out and returned. Keys are cut out, since Redshift does not enforce
them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from i94_platform_tests.emulators.redshift.functions import find_unknown_functions
from i94_platform_tests.emulators.redshift.recorded import PERMISSION_DENIED, READ_ONLY, RecordedError

NO_OPERATION = "DO 'BEGIN END'"

ENCODINGS = {
    "az64", "bytedict", "delta", "delta32k", "lzo", "mostly8", "mostly16", "mostly32", "raw", "runlength", "text255",
    "text32k", "zstd", "auto",
}  # fmt: skip
SYSTEM_PERMISSIONS = "ANALYZE|VACUUM|TRUNCATE TABLE|CANCEL|CREATE USER|CREATE ROLE|CREATE SCHEMA|IGNORE RLS|EXPLAIN RLS"

REFUSED_PATTERNS: tuple[tuple[str, str], ...] = (
    (r"\bON CONFLICT\b", 'syntax error at or near "ON"'),
    (r"\bRETURNING\b", 'syntax error at or near "RETURNING"'),
    (r"^(SAVEPOINT|RELEASE|ROLLBACK( WORK| TRANSACTION)? TO)\b", "SQL command is not supported: savepoints"),
    (r"^CREATE( UNIQUE)? INDEX\b", "SQL command is not supported: CREATE INDEX"),
    (r"^CREATE (TRIGGER|SEQUENCE|TYPE|DOMAIN|EXTENSION|RULE)\b", "SQL command is not supported"),
    (r"\b(BIG|SMALL)?SERIAL\b", "type serial is not supported"),
    (r"\bFOR (UPDATE|SHARE)\b", "SELECT FOR UPDATE is not supported"),
    (r"\bDISTINCT ON\b", "SELECT DISTINCT ON is not supported"),
    (r"\bLATERAL\b", 'syntax error at or near "LATERAL"'),
    (r"^(LISTEN|NOTIFY|REINDEX|CLUSTER)\b", "SQL command is not supported"),
    (r"^LOCK\b.*\b(MODE|NOWAIT)\b", "syntax error: LOCK takes names only"),
    (r"^CREATE (ROLE|USER) IF NOT EXISTS\b", 'syntax error at or near "NOT"'),
    (r"^DO\b", 'syntax error at or near "DO"'),
    (r"\bpg_advisory", "function pg_advisory_lock does not exist"),
    (r"^COPY\b.*\b(FROM STDIN|TO STDOUT)\b", "COPY reads from Amazon S3 and the like only"),
    (r"^ALTER TABLE \S+ APPEND\b", "the emulator does not know this statement"),
    (r"^ALTER TABLE \S+ ADD COLUMN .*, ?ADD\b", 'syntax error at or near ","'),
    (
        r"^ALTER TABLE \S+ ADD COLUMN (?!.*\bDEFAULT\b).*\bNOT NULL\b",
        "ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression",
    ),
    (r"\bFILTER ?\( ?WHERE\b", 'syntax error at or near "FILTER"'),
    (r"\bARRAY ?\[|\w\[\]", 'syntax error at or near "["'),
    (r"\bIS (NOT )?DISTINCT FROM\b", 'syntax error at or near "DISTINCT"'),
    (r"\b(FROM|JOIN|,) ?\( ?VALUES\b", 'syntax error at or near "VALUES"'),
    (r"\binformation_schema\.(?!tables|views)", "the emulator knows its tables and views only"),
    (r"\bWITH ORDINALITY\b", 'syntax error at or near "ORDINALITY"'),
)
ADMINISTRATOR_VIEWS = ("svv_table_info", "stv_locks", "stv_blocklist", "stl_tr_conflict")
"""They answer superusers only, and some not on Serverless; the emulator never answers."""
_CALLS_FUNCTIONS = re.compile(
    r"^(SELECT|WITH|INSERT|UPDATE|DELETE|CREATE (OR REPLACE )?VIEW|CREATE (TEMP(ORARY)? )?TABLE \S+ AS)\b",
    re.IGNORECASE,
)
_NEEDS_TEMPORARY_TABLE = re.compile(r"\bWITH\b|\( ?SELECT\b|^UNLOAD\b", re.IGNORECASE)
"""What Redshift may compute by a temporary table of its own, which a read-only transaction refuses."""


class RefusedStatement(Exception):
    """The error of Redshift for a statement that it does not take."""

    def __init__(self, message: str, detail: str = "", code: str = "0A000") -> None:
        super().__init__(message)
        self.message, self.detail, self.code = message, detail, code

    @classmethod
    def play(cls, error: RecordedError) -> RefusedStatement:
        """The error as a cluster has answered it."""
        return cls(error.message, error.detail, error.code)


@dataclass
class Layout:
    """The layout that a CREATE TABLE asks for."""

    diststyle: str = "AUTO"
    distkey: str = ""
    sortkey: tuple[str, ...] = ()
    encodings: dict[str, str] = field(default_factory=dict)


@dataclass
class Translation:
    """The statement for PostgreSQL, and the layout that was cut out of it."""

    sql: str
    table: str = ""
    layout: Layout | None = None


class MaskedStatement:
    """A statement in which marks stand for texts and quoted names, and comments are gone, for patterns to match."""

    def __init__(self, sql: str) -> None:
        self._masked: list[str] = []
        pattern = r"--[^\n]*|/\*.*?\*/|E?'(?:[^'\\]|''|\\.)*'|\"(?:[^\"]|\"\")*\""
        text = re.sub(pattern, self._mask, sql, flags=re.DOTALL)
        self.text = " ".join(text.split()).rstrip("; ")

    def _mask(self, match: re.Match[str]) -> str:
        if match[0].startswith(("--", "/*")):
            return " "
        self._masked.append(match[0])
        return f"\x01{len(self._masked) - 1}\x02"

    def unmask(self, text: str) -> str:
        """Put texts and names back into a part of the statement."""
        return re.sub(r"\x01(\d+)\x02", lambda match: self._masked[int(match[1])], text)


def translate(sql: str) -> Translation:
    """Translate a statement to PostgreSQL.

    Raises:
        RefusedStatement: Redshift does not take it.
    """
    masked = MaskedStatement(sql)
    if not all(part.strip().startswith("COMMENT ON") for part in masked.text.split(";")[1:]):
        raise RefusedStatement("the emulator takes one statement at a time, but for comments")
    for pattern, message in REFUSED_PATTERNS:
        if re.search(pattern, masked.text, re.IGNORECASE):
            raise RefusedStatement(message, code="42601" if "syntax" in message else "0A000")
    for view in ADMINISTRATOR_VIEWS:
        if re.search(rf"\b{view}\b", masked.text, re.IGNORECASE):
            raise RefusedStatement(PERMISSION_DENIED.message.format(view), code=PERMISSION_DENIED.code)
    if _CALLS_FUNCTIONS.match(masked.text) and (unknown := find_unknown_functions(masked.text)):
        raise RefusedStatement(f"function {unknown[0]}() does not exist", code="42883")
    if match := re.match(r"CREATE (?:TEMP(?:ORARY)? )?TABLE (?:IF NOT EXISTS )?([^\s(]+)", masked.text, re.IGNORECASE):
        text, layout = _cut_layout(masked.text, masked)
        return Translation(masked.unmask(text), masked.unmask(match[1]).replace('"', ""), layout)
    if match := re.match(r"(ALTER TABLE \S+ ADD COLUMN )(.+)", masked.text, re.IGNORECASE):
        text, _ = _cut_layout(f"({match[2]})", masked)
        return Translation(masked.unmask(match[1] + text[1:-1]))
    text = masked.text
    for pattern, replacement in REWRITES:
        text = re.sub(pattern, replacement, text, flags=re.IGNORECASE)
    return Translation(masked.unmask(text))


def refuse_read_only(sql: str) -> None:
    """Refuse what fails in a read-only transaction of Redshift.

    Raises:
        RefusedStatement: the statement may need a temporary table.
    """
    if _NEEDS_TEMPORARY_TABLE.search(MaskedStatement(sql).text):
        raise RefusedStatement.play(READ_ONLY)


def _attach(match: re.Match[str]) -> str:
    """Redshift creates a policy once and attaches it to tables; PostgreSQL creates one for each table."""
    return f"SELECT redshift_attach('{match['policy']}', '{match['table']}', '{match['role']}')"


REWRITES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (rf"^(GRANT|REVOKE) ({SYSTEM_PERMISSIONS}) (TO|FROM) ROLE \S+$", NO_OPERATION),
    (
        r"^(GRANT|REVOKE) ASSUMEROLE ON .+ (TO|FROM) (PUBLIC|ROLE \S+) FOR [A-Z, ]+$",
        NO_OPERATION,
    ),
    (r"^GRANT ROLE (\S+) TO (?:ROLE )?(\S+)$", r"SELECT redshift_grant_role('\1', '\2')"),
    (r"^REVOKE ROLE (\S+) FROM (ROLE )?", r"REVOKE \1 FROM "),
    (r"\binformation_schema\.(tables|views)\b", r"redshift_visible_\1"),
    (r"\b(TO|FROM) ROLE (?=\S)", r"\1 "),
    (r"\bFOR USER\b", "FOR ROLE"),
    (r"\bPASSWORD DISABLE\b", "PASSWORD NULL"),
    (r"^(SET|RESET|SHOW) query_group\b", r"\1 redshift.query_group"),
    (r" WITH NO SCHEMA BINDING$", ""),
    (
        r"^CREATE RLS POLICY (\w+)( WITH \(.*?\))?( AS \w+)? USING \((.*)\)$",
        r"SELECT redshift_policy('\1', $policy$\4$policy$)",
    ),
    (r"^ATTACH RLS POLICY (?P<policy>\w+) ON (TABLE )?(?P<table>\S+) TO (ROLE )?(?P<role>\w+)$", _attach),
    (r"^ALTER TABLE (\S+) ROW LEVEL SECURITY ON\b.*$", r"ALTER TABLE \1 ENABLE ROW LEVEL SECURITY"),
    (r"^ALTER TABLE (\S+) ROW LEVEL SECURITY OFF$", r"ALTER TABLE \1 DISABLE ROW LEVEL SECURITY"),
)


def _cut_layout(text: str, masked: MaskedStatement) -> tuple[str, Layout]:
    layout = Layout()
    for column, type_, encoding in re.findall(
        r"[(,] ?([^\s(,]+) ((?:DOUBLE PRECISION|\w+)(?: ?\([\d, ]+\))?)[^,]*? ENCODE (\w+)", text, re.IGNORECASE
    ):
        _refuse_encoding(column, type_.lower(), encoding.lower())
        layout.encodings[masked.unmask(column).strip('"')] = encoding.lower()
    text = re.sub(r" ENCODE \w+", "", text, flags=re.IGNORECASE)
    # PostgreSQL counts letters, and Redshift bytes
    text = re.sub(
        r"(?<=[(,])( ?)(\S+) ((?:VAR)?CHAR|CHARACTER(?: VARYING)?) ?\((\d+)\)",
        r"\1\2 \3(\4) CHECK (CASE WHEN octet_length(\2) > \4 THEN redshift_too_long(\4) ELSE true END)",
        text,
        flags=re.IGNORECASE,
    )
    if match := re.search(r" (?:COMPOUND |INTERLEAVED )?SORTKEY ?(?:AUTO\b|\(([^)]*)\))", text, re.IGNORECASE):
        layout.sortkey = tuple(masked.unmask(name).strip(' "') for name in (match[1] or "").split(",") if name)
        text = text.replace(match[0], "")
    if match := re.search(r" DISTKEY ?\(([^)]*)\)", text, re.IGNORECASE):
        layout.diststyle, layout.distkey = "KEY", masked.unmask(match[1]).strip(' "')
        text = text.replace(match[0], "")
    if match := re.search(r" DISTSTYLE (\w+)", text, re.IGNORECASE):
        style = match[1].upper()
        if style not in ("ALL", "EVEN", "KEY", "AUTO") or (style == "KEY") != bool(layout.distkey):
            raise RefusedStatement(f"DISTSTYLE {style} does not go with DISTKEY ({layout.distkey})", code="42601")
        layout.diststyle = style
        text = text.replace(match[0], "")
    text = re.sub(r", (?:CONSTRAINT \S+ )?(?:PRIMARY KEY|UNIQUE|FOREIGN KEY) ?\([^)]*\)", "", text, flags=re.IGNORECASE)
    text = re.sub(r" (?:PRIMARY KEY|UNIQUE)\b|\bREFERENCES \S+( ?\([^)]*\))?", "", text, flags=re.IGNORECASE)
    _refuse_unknown_columns(text, masked, (layout.distkey, *layout.sortkey))
    return text, layout


def _refuse_encoding(column: str, type_: str, encoding: str) -> None:
    if encoding not in ENCODINGS:
        raise RefusedStatement(f'invalid encoding type "{encoding}" specified for column "{column}"', code="42P17")
    if encoding == "az64" and type_.startswith(("varchar", "char", "bool", "double", "real", "super")):
        raise RefusedStatement(f'invalid encoding type specified for column "{column}"', code="42P17")


def _refuse_unknown_columns(text: str, masked: MaskedStatement, names: Iterable[str]) -> None:
    columns = masked.unmask(text).lower()
    for name in filter(None, names):
        if not re.search(rf"[(,]\s*\"?{re.escape(name.lower())}\"?\s", columns):
            raise RefusedStatement(f'column "{name}" named in key does not exist', code="42703")


def parse_options(text: str, patterns: Iterable[str], refusal: str) -> list[str]:
    """Read the options of a COPY or UNLOAD, in capital letters; `refusal` is the message for one that fits no pattern.

    Raises:
        RefusedStatement: an option is unknown, or IAM_ROLE is missing.
    """
    options = []
    while text:
        option = next((match for pattern in patterns if (match := re.match(pattern, text, re.IGNORECASE))), None)
        if option is None:
            raise RefusedStatement(refusal.format(text.split(maxsplit=1)[0].upper()))
        options.append(option[0].upper())
        text = text[option.end() :].strip()
    if not any(option.startswith("IAM_ROLE") for option in options):
        raise RefusedStatement("COPY and UNLOAD need credentials: IAM_ROLE", code="42601")
    return options


def find_role(sql: str) -> str:
    """The name of the role by which a COPY or UNLOAD reaches S3; empty for the default one."""
    match = re.search(r"IAM_ROLE 'arn:[^']*:role/([^',]+)'", sql, re.IGNORECASE)
    return match[1] if match else ""

"""UNLOAD to one Parquet file, as strict as Redshift is.

A query without rows writes no file: of the two things that a cluster might do, that is the harder one for a reader.
"""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from i94_platform_tests.emulators.redshift.statements import MaskedStatement, RefusedStatement, parse_options

OPTIONS = (
    r"IAM_ROLE (?:\x01\d+\x02|default\b)",
    r"(?:FORMAT (?:AS )?)?PARQUET\b",
    r"PARALLEL OFF\b",
    r"ALLOWOVERWRITE\b",
    r"ENCRYPTED AUTO\b",
)
"""Of all that Redshift takes, what writes one Parquet file."""

# PostgreSQL's number of a type → its name in Arrow, and what its text means
VALUES: dict[int, tuple[str, Callable[[str], Any]]] = {
    16: ("bool", lambda text: text == "t"),
    20: ("int64", int),
    21: ("int16", int),
    23: ("int32", int),
    700: ("float32", float),
    701: ("float64", float),
    1042: ("string", str),
    1043: ("string", str),
    1082: ("date32", dt.date.fromisoformat),
}


@dataclass(frozen=True)
class Unload:
    """An UNLOAD statement that Redshift takes."""

    query: str
    prefix: str
    overwrites: bool
    is_encrypted_by_bucket: bool

    @property
    def encryption(self) -> dict[str, str]:
        """S3's own key, unless the bucket's is asked for: https://dev.classmethod.jp/en/articles/redshift-sse-kms-s3-unload"""
        return {} if self.is_encrypted_by_bucket else {"ServerSideEncryption": "AES256"}

    @property
    def file(self) -> str:
        """The one file that is written."""
        return f"{self.prefix}000.parquet"


def parse_unload(sql: str) -> Unload:
    """Read an UNLOAD statement.

    Raises:
        RefusedStatement: Redshift does not take it, or the emulator does not know how.
    """
    masked = MaskedStatement(sql)
    match = re.match(r"UNLOAD ?\((\x01\d+\x02)\) TO (\x01\d+\x02) (?P<rest>.*)$", masked.text, re.IGNORECASE)
    if not match:
        raise RefusedStatement('syntax error at or near "UNLOAD"', code="42601")
    query, prefix = (masked.unmask(match[part])[1:-1].replace("''", "'") for part in (1, 2))
    options = parse_options(match["rest"], OPTIONS, "the emulator unloads to one Parquet file, without {}")
    if "PARALLEL OFF" not in options or not any(option.endswith("PARQUET") for option in options):
        raise RefusedStatement("the emulator unloads to one Parquet file")
    if not prefix.startswith("s3://"):
        raise RefusedStatement(f"invalid UNLOAD destination {prefix}", code="22023")
    if re.search(r"\bLIMIT \d+\s*$", query, re.IGNORECASE):
        raise RefusedStatement("Limit clause is not supported in the outer SELECT of UNLOAD")
    return Unload(query, prefix, "ALLOWOVERWRITE" in options, "ENCRYPTED AUTO" in options)


def render_parquet(columns: Sequence[tuple[str, int]], rows: Sequence[Sequence[str | None]]) -> bytes:
    """Render a file with these rows; `columns` are names and PostgreSQL's numbers of types.

    Raises:
        RefusedStatement: the emulator does not write a type.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if unknown := [name for name, number in columns if number not in VALUES]:
        raise RefusedStatement(f"the emulator unloads no column like {', '.join(unknown)}")
    arrays = []
    for place, (_, number) in enumerate(columns):
        alias, read = VALUES[number]
        values = [None if row[place] is None else read(str(row[place])) for row in rows]
        arrays.append(pa.array(values, pa.type_for_alias(alias)))  # type: ignore[call-overload]  # of a name that is not a literal
    target = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, [name for name, _ in columns]), target)
    return target.getvalue()

"""COPY from Parquet by manifest, as strict as Redshift is.

Columns are matched by position, their number and types must be equal, texts are measured in bytes, and a file that the
manifest lists twice is loaded twice.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from i94_platform_tests.emulators.redshift.recorded import (
    KEY_GONE,
    MANIFEST_WITHOUT_META,
    SCAN_ERROR,
    WRONG_LENGTH,
)
from i94_platform_tests.emulators.redshift.statements import MaskedStatement, RefusedStatement, parse_options

if TYPE_CHECKING:
    import pyarrow as pa

ReadObject = Callable[[str], "bytes | None"]
"""Reads an object by its address; None where there is none."""

# PostgreSQL's name of a type → Arrow's names of the Parquet types that Redshift loads into it
TYPES: dict[str, set[str]] = {
    "int2": {"int16"},
    "int4": {"int32"},
    "int8": {"int64"},
    "float4": {"float"},
    "float8": {"double"},
    "bool": {"bool"},
    "date": {"date32[day]"},
    "varchar": {"string", "large_string"},
    "bpchar": {"string", "large_string"},
}
OPTIONS = (
    r"IAM_ROLE (?:DEFAULT\b|\x01\d+\x02)",
    r"FORMAT (?:AS )?PARQUET\b",
    r"MANIFEST\b",
    r"FILLRECORD\b",
    r"ACCEPTINVCHARS(?: AS)?(?: \x01\d+\x02)?",
    r"STATUPDATE(?: ON\b| OFF\b)?",
    r"EXPLICIT_IDS\b",
    r"SERIALIZETOJSON\b",
)


@dataclass(frozen=True)
class Column:
    """A column of the target: its type, its length in bytes where it has one, and whether it may be null."""

    name: str
    type: str
    length: int | None
    required: bool


class LoadError(RefusedStatement):
    """A refusal that has a line in SYS_LOAD_ERROR_DETAIL."""

    def __init__(self, file: str, column: str, context: str) -> None:
        super().__init__(SCAN_ERROR.message, SCAN_ERROR.detail.format(code=15007, context=context), SCAN_ERROR.code)
        self.file, self.column, self.reason = file, column, context


@dataclass(frozen=True)
class Copy:
    """A COPY statement that Redshift takes."""

    table: str
    manifest: str

    def rows(self, columns: Sequence[Column], read: ReadObject) -> Iterator[tuple[int, bytes]]:
        """Each file's number of rows, and the rows as CSV.

        Raises:
            RefusedStatement: something differs from the target.
        """
        for url in self._files(read):
            yield _render_csv(url, read(url) or b"", columns)

    def _files(self, read: ReadObject) -> Iterator[str]:
        manifest = read(self.manifest)
        if manifest is None:
            raise RefusedStatement.play(KEY_GONE)
        entries: list[dict[str, Any]] = json.loads(manifest)["entries"]
        if not entries:
            raise RefusedStatement(f"The manifest {self.manifest} names no file", code="XX000")
        for entry in entries:
            url, length = entry["url"], entry.get("meta", {}).get("content_length")
            if length is None:
                raise RefusedStatement.play(MANIFEST_WITHOUT_META)
            content = read(url)
            if content is None and not entry.get("mandatory", False):
                continue
            if content is None:
                raise LoadError(url, "", f"The mandatory file {url} does not exist")
            if len(content) != length:
                raise RefusedStatement.play(WRONG_LENGTH)
            yield url


def parse_copy(sql: str) -> Copy:
    """Read a COPY statement.

    Raises:
        RefusedStatement: Redshift does not take it, or not for Parquet.
    """
    masked = MaskedStatement(sql)
    match = re.match(r"COPY (?P<table>\S+) FROM (?P<address>\x01\d+\x02) (?P<rest>.*)$", masked.text, re.IGNORECASE)
    if not match:
        raise RefusedStatement('syntax error at or near "COPY"', code="42601")
    options = parse_options(match["rest"], OPTIONS, "{} is not supported for PARQUET based COPY")
    if not any(option.endswith("PARQUET") for option in options) or "MANIFEST" not in options:
        raise RefusedStatement("the emulator copies Parquet by manifest only")
    address = masked.unmask(match["address"])[1:-1].replace("''", "'")
    if not address.startswith("s3://"):
        raise RefusedStatement(f"invalid COPY source {address}", code="22023")
    return Copy(masked.unmask(match["table"]), address)


def _render_csv(url: str, content: bytes, columns: Sequence[Column]) -> tuple[int, bytes]:
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    rows = pq.read_table(io.BytesIO(content), partitioning=None)
    if rows.num_columns != len(columns):
        counts = f"Table columns: {len(columns)}, Data columns: {rows.num_columns}"
        raise LoadError(url, "", f"Unmatched number of columns between table and file. {counts}, File name: {url}")
    for column, values in zip(columns, rows.columns, strict=True):
        _check_values(url, column, values)
    target = io.BytesIO()
    # numbered, since two columns of a file may have one name
    numbered = pa.Table.from_arrays(rows.columns, names=[str(i) for i in range(rows.num_columns)])
    pc.write_csv(numbered, target, pc.WriteOptions(include_header=False))
    return rows.num_rows, target.getvalue()


def _check_values(url: str, column: Column, values: pa.ChunkedArray[Any]) -> None:
    import pyarrow.compute as pc

    if str(values.type) not in TYPES.get(column.type, set()):
        raise LoadError(
            url, column.name, f"column {column.name}: the file's type {values.type} is incompatible with {column.type}"
        )
    if column.required and values.null_count:
        raise LoadError(url, column.name, f"Missing data for not-null field {column.name}")
    if column.length is not None:
        longest = pc.max(pc.binary_length(values)).as_py() or 0
        if longest > column.length:
            raise LoadError(
                url, column.name, f"The length of the data column {column.name} is longer than the length defined "
                f"in the table. Table: {column.length}, Data: {longest}",
            )  # fmt: skip

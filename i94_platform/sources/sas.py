"""Delivered SAS files (`.sas7bdat`), read in chunks of bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

from i94_platform.errors import PermanentError
from i94_platform.lake.store import Store, StoredFile
from i94_platform.sources.column_names import list_extra_columns
from i94_platform.sources.compression import decompress_to_local
from i94_platform.sources.immigration import DELIVERED_COLUMNS, check_columns
from i94_platform.sources.sas_pages import declare_latin_1, read_sas_pages

if TYPE_CHECKING:
    import pandas as pd

_NO_ENCODING = 0
_CODECS = {_NO_ENCODING: "utf-8", 20: "utf-8", 28: "ascii", 29: "latin-1", 40: "iso8859-15"} | {
    number: f"cp{1190 + number}" for number in range(60, 69)
}
"""Python's names of the encodings by SAS's numbers. A file that declares none may be in UTF-8."""


@dataclass
class SasReport:
    """What is known of a SAS file when its chunks have been read."""

    rows: int = 0
    """The rows on the file's pages without those that are marked as deleted, counted without the reader."""

    deleted_rows: int = 0
    """The rows that the file marks as deleted."""

    extra_columns: tuple[str, ...] = ()
    """The columns without contract."""

    latin_1_texts: Counter[str] = field(default_factory=Counter)
    """By column, the texts that can't be decoded in the declared encoding and were read as Latin-1."""

    def list_remarks(self, path: str) -> tuple[str, ...]:
        """List what a person should know of the file, one sentence each."""
        remarks = []
        if self.deleted_rows:
            remarks.append(f"{path} marks {self.deleted_rows:,} rows as deleted, which are left out.")
        if self.latin_1_texts:
            columns = ", ".join(f"{name} ({count:,})" for name, count in sorted(self.latin_1_texts.items()))
            remarks.append(
                f"{path} has texts that can't be decoded in its encoding and are read as Latin-1, in {columns}."
            )
        return tuple(remarks)


@dataclass(frozen=True)
class SasPart:
    """A range of the rows of a SAS file, which any process can read by itself."""

    path: str
    content: bytes
    """A SAS file of these rows with all metadata."""
    columns: list[str]
    """The file's names of the delivered contract's columns."""
    encoding: int


def split_sas(store: Store, file: StoredFile, part_rows: int, report: SasReport) -> Iterator[SasPart]:
    """Split a file of a month into parts of about `part_rows` rows, in order, and report on the file.

    Raises:
        PermanentError: the file can't be read, states other rows than it holds, or a column is missing or of another
            kind.
    """
    with decompress_to_local(store, file.path) as path, path.open("rb") as content:
        pages = read_sas_pages(content, file.path, path.stat().st_size)
        report.rows, report.deleted_rows = pages.rows, pages.deleted_rows
        columns: list[str] = []
        for part in pages.read_parts(content, part_rows):
            columns = columns or _read_columns(file.path, part, report)
            yield SasPart(file.path, part, columns, pages.header.encoding)


def count_sas_rows(store: Store, file: StoredFile) -> int:
    """Count the rows on the pages, without those that are marked as deleted.

    Raises:
        PermanentError: the file is damaged or incomplete, or states other rows than it holds.
    """
    with decompress_to_local(store, file.path) as path, path.open("rb") as content:
        return read_sas_pages(content, file.path, path.stat().st_size).rows


def _read_columns(path: str, part: bytes, report: SasReport) -> list[str]:
    """Read the names of the contract's columns, and report the others."""
    _, meta = _read(path, part, metadataonly=True)
    types: dict[str, str] = meta.readstat_variable_types
    names = check_columns(
        path, {name: ("text" if type_ == "string" else "number", type_) for name, type_ in types.items()}
    )
    report.extra_columns = tuple(list_extra_columns(types, DELIVERED_COLUMNS))
    return list(names.values())


def read_sas_part(part: SasPart) -> tuple[pd.DataFrame, Counter[str]]:
    """Read the delivered columns of a part without deleted rows; dates stay the numbers that the file stores.

    Returns:
        The rows, and by column the texts that were read as Latin-1, though the file declares another encoding.

    Raises:
        PermanentError: it can't be read.
    """
    if part.encoding != _NO_ENCODING:
        with suppress(*_parse_errors()):
            return _parse(part.content, usecols=part.columns)[0], Counter()
    return _read_latin_1(part.path, part.content, part.columns, part.encoding)


def _read_latin_1(path: str, part: bytes, columns: list[str], encoding: int) -> tuple[pd.DataFrame, Counter[str]]:
    """Read a part as Latin-1, which can decode anything, and decode each text as declared, if that can be done."""
    frame, _ = _read(path, declare_latin_1(part), usecols=columns)
    latin_1_texts: Counter[str] = Counter()
    codec = _CODECS.get(encoding)
    for name in map(str, frame.select_dtypes(exclude="number")):
        texts = frame[name].tolist()
        for position, text in enumerate(texts):
            if text and not text.isascii():
                try:
                    texts[position] = text.encode("latin-1").decode(codec or "ascii")
                except UnicodeDecodeError:
                    latin_1_texts[name] += 1
        frame[name] = texts
    return frame, latin_1_texts


def _read(path: str, part: bytes, **options: Any) -> tuple[pd.DataFrame, Any]:
    """Parse a part, as Latin-1 where the declared encoding is wrong or unknown.

    Raises:
        PermanentError: the part can't be parsed in any encoding.
    """
    try:
        return _parse(part, **options)
    except _parse_errors():
        pass  # tried once more as Latin-1, which reads any bytes
    try:
        return _parse(declare_latin_1(part), **options)
    except _parse_errors() as error:
        raise PermanentError(
            f"{path} can't be read as SAS, because it is damaged or encrypted; "
            "ask for it to be delivered again, unencrypted."
        ) from error


def _parse(part: bytes, **options: Any) -> tuple[pd.DataFrame, Any]:
    import pyreadstat

    return pyreadstat.read_sas7bdat(BytesIO(part), disable_datetime_conversion=True, **options)


def _parse_errors() -> tuple[type[Exception], ...]:
    """What pyreadstat raises on damaged bytes and on texts that it can't decode, which is a ValueError."""
    import pyreadstat

    return (pyreadstat.ReadstatError, ValueError, TypeError, LookupError, ArithmeticError)

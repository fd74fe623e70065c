"""A release as a data package: a zip archive with each table as CSV, and what the columns mean.

`datapackage.json` follows Frictionless Data's Data Package, `csv-metadata.json` the W3C's CSV on the Web. Archive and
tables are made while they are sent, so that they need no memory.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import zipfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from sqlalchemy import Boolean, Column, Date, Double, String, Table, select

from i94_platform.contracts.model import key_columns
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.lake.releases import Release
from i94_platform.serving import serializers
from i94_platform.serving.disclosure import DisclosureControl
from i94_platform.serving.snapshot import Snapshot

Json = dict[str, Any]

_TYPES: dict[type, str] = {Double: "number", Boolean: "boolean", Date: "date", String: "string"}
_TITLE = "Monthly I-94 arrivals"


@dataclass
class _CsvFile:
    """A table on its way into the archive."""

    contract: Table
    rows: int = 0
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    @property
    def path(self) -> str:
        return f"{self.contract.name}.csv"


def stream_package(
    snapshot: Snapshot, contracts: Sequence[Table], disclosure: DisclosureControl, keep_formulas: bool
) -> Generator[bytes]:
    """Yield the archive of a release, as the caller may see it.

    Args:
        snapshot: the release, which stays open meanwhile.
        contracts: the tables to include.
        disclosure: what the caller may see.
        keep_formulas: leave texts as they are that a spreadsheet would run as a formula.
    """
    files = [_CsvFile(contract) for contract in contracts]

    def list_members() -> Iterator[tuple[str, Iterable[bytes]]]:
        for file in files:
            yield file.path, _write_csv(file, snapshot, disclosure, keep_formulas)
        yield "csv-metadata.json", [serializers.to_json(_describe_csv(files))]
        yield "datapackage.json", [serializers.to_json(_describe_package(snapshot.release, files, disclosure))]

    yield from _stream_zip(list_members(), dt.datetime.fromisoformat(snapshot.release.published_at))


class _Pipe(io.RawIOBase):
    """Takes what is written, until it is read."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _stream_zip(members: Iterable[tuple[str, Iterable[bytes]]], moment: dt.datetime) -> Iterator[bytes]:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        for name, chunks in members:
            info = zipfile.ZipInfo(name, moment.timetuple()[:6])
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            with archive.open(info, "w", force_zip64=True) as member:
                for chunk in chunks:
                    member.write(chunk)
                    yield pipe.take()
    yield pipe.take()


def _write_csv(
    file: _CsvFile, snapshot: Snapshot, disclosure: DisclosureControl, keep_formulas: bool
) -> Iterator[bytes]:
    import pyarrow as pa

    header = arrow_schema(file.contract).empty_table()
    batches = snapshot.stream(select(disclosure.get_rows(file.contract)))
    for number, rows in enumerate(chain([header], (pa.Table.from_batches([batch]) for batch in batches))):
        chunk = serializers.serialize_csv(rows, file.contract, keep_formulas=keep_formulas, has_header=number == 0)
        file.rows += rows.num_rows
        file.size += len(chunk)
        file.digest.update(chunk)
        yield chunk


# --- metadata ---------------------------------------------------------------------------------------------------------


def _describe_package(release: Release, files: Sequence[_CsvFile], disclosure: DisclosureControl) -> Json:
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "i94-arrivals",
        "title": _TITLE,
        "version": release.version,
        "created": release.published_at,
        "data_as_of": release.data_as_of,
        "months": list(release.months),
        "disclosure_control": disclosure.name,
        "resources": [_describe_resource(file, disclosure) for file in files],
    }


def _describe_resource(file: _CsvFile, disclosure: DisclosureControl) -> Json:
    withheld = disclosure.describe_withheld(file.contract)
    return {
        "name": file.contract.name,
        "type": "table",
        "path": file.path,
        "description": f"{file.contract.comment} Grain: {file.contract.info['grain']}.",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": file.size,
        "hash": f"sha256:{file.digest.hexdigest()}",
        "rows": file.rows,
        "schema": {
            "fields": [_describe_field(c, withheld.get(c.name, "")) for c in file.contract.columns],
            "primaryKey": key_columns(file.contract),
            "missingValues": [""],
        },
    }


def _describe_field(column: Column[Any], withheld: str) -> Json:
    return {
        "name": column.name,
        "type": _TYPES.get(type(column.type), "integer"),
        "description": str(column.comment),
        **({"unit": column.info["unit"]} if column.info["unit"] else {}),
        **({"withheld": withheld} if withheld else {}),
    }


def _describe_csv(files: Sequence[_CsvFile]) -> Json:
    return {
        "@context": "http://www.w3.org/ns/csvw",
        "dc:title": _TITLE,
        "tables": [
            {
                "url": file.path,
                "dc:description": str(file.contract.comment),
                "tableSchema": {
                    "columns": [_describe_csv_column(c) for c in file.contract.columns],
                    "primaryKey": key_columns(file.contract),
                },
            }
            for file in files
        ],
    }


def _describe_csv_column(column: Column[Any]) -> Json:
    datatype = _TYPES.get(type(column.type), "integer")
    return {"name": column.name, "titles": column.name, "dc:description": str(column.comment), "datatype": datatype}

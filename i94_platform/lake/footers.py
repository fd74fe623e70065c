"""Parquet footers: whether a file has the columns of a contract, by name, order and type.

Here: one comparison, that a commit makes when a file is written and a load makes again before it is copied. Not here:
which files are looked at, and the rows in them.
"""

from __future__ import annotations

from typing import BinaryIO

from sqlalchemy import Table

from i94_platform.contracts.render import arrow_schema
from i94_platform.failures import PermanentFailure


def verified(content: BinaryIO, name: str, contract: Table) -> int:
    """The rows of a Parquet file that matches a contract; `name` is what the file is called in a message.

    Raises:
        PermanentFailure: its columns differ from the contract in name, order or type, or it is no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    expected = arrow_schema(contract)
    try:
        footer = pq.ParquetFile(content)
    except pa.ArrowInvalid as error:
        raise PermanentFailure(f"{name} can't be read as Parquet ({error}); materialize it again.") from error
    found, rows = footer.schema_arrow, footer.metadata.num_rows
    differences = [
        f"column {i + 1} is {f.name} {f.type}, expected {e.name} {e.type}"
        for i, (f, e) in enumerate(zip(found, expected, strict=False))
        if (f.name, f.type) != (e.name, e.type)
    ]
    if len(found) != len(expected):
        differences.append(f"{len(found)} columns, expected {len(expected)}")
    if differences:
        raise PermanentFailure(f"{name} does not match the contract of {contract.name}: {'; '.join(differences)}.")
    return int(rows)

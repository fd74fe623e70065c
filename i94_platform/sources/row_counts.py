"""How many rows a delivered file has, where finding that out is cheap."""

from __future__ import annotations

from i94_platform.lake.store import Store, StoredFile
from i94_platform.sources.compression import detect_compression
from i94_platform.sources.csv import count_csv_rows
from i94_platform.sources.parquet import read_footer
from i94_platform.sources.sas import count_sas_rows

MAX_COUNTED_BYTES = 100_000_000
"""A file that is longer is not read only to be counted."""


def count_rows(file: StoredFile, store: Store) -> int | None:
    """Count the rows by footer, by header or by reading the file; None where it is too long or compressed.

    Raises:
        PermanentError: the file can't be read.
    """
    extension = file.path.rpartition(".")[2].lower()
    if detect_compression(file.path):
        return None
    if extension == "parquet":
        return read_footer(store, file.path, file.path)[1]
    if file.size > MAX_COUNTED_BYTES:
        return None
    if extension == "sas7bdat":
        return count_sas_rows(store, file)
    return count_csv_rows(store, file) if extension == "csv" else store.read(file.path).count(b"\n")

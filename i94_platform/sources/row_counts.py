"""How many rows a delivered file has, where finding that out is cheap."""

from __future__ import annotations

from collections.abc import Callable

from i94_platform.lake.store import Store, StoredFile
from i94_platform.sources.compression import detect_compression
from i94_platform.sources.csv import count_csv_rows
from i94_platform.sources.parquet import read_footer
from i94_platform.sources.sas import count_sas_rows

MAX_COUNTED_BYTES = 100_000_000
"""A file that is longer is not read only to be counted."""


_COUNTERS: dict[str, Callable[[Store, StoredFile], int]] = {
    "sas7bdat": count_sas_rows,
    "csv": count_csv_rows,
    "sas": lambda store, file: store.read(file.path).count(b"\n"),
}
"""By ending, what counts the rows of a file of another format than Parquet, whose parts may have any ending or none."""


def count_rows(file: StoredFile, store: Store) -> int | None:
    """Count the rows by footer, by header or by reading the file; None where it is too long or compressed.

    Raises:
        PermanentError: the file can't be read.
    """
    if detect_compression(file.path):
        return None
    count = _COUNTERS.get(file.path.rpartition(".")[2].lower())
    if count is None:
        return read_footer(store, file.path, file.path)[1]
    return None if file.size > MAX_COUNTED_BYTES else count(store, file)

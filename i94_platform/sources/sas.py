"""Delivered SAS files (`.sas7bdat`), read in chunks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from i94_platform.lake.store import Store, StoredFile
from i94_platform.sources.immigration import check_columns
from i94_platform.sources.read_errors import translate_read_errors

if TYPE_CHECKING:
    import pandas as pd


def read_sas_chunks(store: Store, file: StoredFile, chunk_rows: int) -> Iterator[pd.DataFrame]:
    """Read the rows of a month in chunks; dates stay the numbers that the file stores.

    Raises:
        PermanentError: the file can't be read, or a column is missing or of another kind.
    """
    import pyreadstat

    with store.local_copy(file.path) as path, translate_read_errors(file.path, "SAS", pyreadstat.ReadstatError):
        empty, meta = pyreadstat.read_sas7bdat(str(path), metadataonly=True)
        types = meta.readstat_variable_types
        check_columns(file.path, {name: ("text" if t == "string" else "number", t) for name, t in types.items()})
        if not meta.number_rows:
            yield empty
        chunks = pyreadstat.read_file_in_chunks(
            pyreadstat.read_sas7bdat, str(path), chunksize=chunk_rows, disable_datetime_conversion=True
        )
        for frame, _ in chunks:
            yield frame


def count_sas_rows(store: Store, file: StoredFile) -> int | None:
    """Read the number of rows from the header, None where it does not say."""
    import pyreadstat

    with store.local_copy(file.path) as path, translate_read_errors(file.path, "SAS", pyreadstat.ReadstatError):
        return pyreadstat.read_sas7bdat(str(path), metadataonly=True)[1].number_rows

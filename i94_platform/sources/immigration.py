"""The monthly arrivals, as SAS, Parquet or CSV: which columns a delivered file must have, and of which kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from sqlalchemy import Double

from i94_platform.contracts import delivered_immigration, immigration, immigration_quarantine
from i94_platform.contracts.model import column_names
from i94_platform.errors import PermanentError
from i94_platform.sources.source import Source

DELIVERED_COLUMNS = tuple(column_names(delivered_immigration))
NUMBER_COLUMNS = frozenset(c.name for c in delivered_immigration.columns if isinstance(c.type, Double))

ColumnKind = Literal["number", "text", "null", "other"]
"""What a column holds; `null` where a format stores a column that has no value at all without a type."""


def check_columns(path: str, columns: Mapping[str, tuple[ColumnKind, str]]) -> None:
    """Compare a file's columns with the contract `delivered_immigration`; further columns are ignored.

    `columns` maps each name to its kind and to its type as the format calls it.

    Raises:
        PermanentError: columns are missing or of another kind.
    """
    if missing := [name for name in DELIVERED_COLUMNS if name not in columns]:
        raise PermanentError(f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}.")
    retyped = []
    for name in DELIVERED_COLUMNS:
        kind, type_ = columns[name]
        expected = "number" if name in NUMBER_COLUMNS else "text"
        if kind not in ("null", expected):
            retyped.append(f"{name} is {type_}, expected {'a number' if expected == 'number' else expected}")
    if retyped:
        raise PermanentError(f"{path} has columns of another type: {'; '.join(retyped)}.")


SOURCE = Source(
    name="immigration",
    description="The I-94 records of a month; Parquet may be a folder of parts.",
    file_name="i94_<mon><yy>_sub",
    formats=("sas", "parquet", "csv"),
    notes={c.name: c.comment or "" for c in delivered_immigration.columns},
    contracts=(immigration, immigration_quarantine),
    is_monthly=True,
    module=__name__,
)

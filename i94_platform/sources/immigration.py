"""The monthly arrivals, as SAS, Parquet or CSV: which columns a delivered file must have, and of which kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from i94_platform.contracts import STAGED_MONTH, delivered_immigration
from i94_platform.contracts.immigration import NUMBER_COLUMNS
from i94_platform.contracts.model import column_names
from i94_platform.errors import PermanentError
from i94_platform.sources.column_names import match_columns
from i94_platform.sources.source import Source

DELIVERED_COLUMNS = tuple(column_names(delivered_immigration))

LONG_NUMBER_COLUMNS = frozenset({"cicid", "admnum"})
"""The columns whose numbers have more than the seven digits that a number of 32 bits keeps."""

ColumnKind = Literal["number", "short number", "text", "null", "other"]
"""What a column holds: `null` where a format stores a column that has no value at all without a type, `short number`
for a floating point number of 32 bits."""


def check_columns(path: str, columns: Mapping[str, tuple[ColumnKind, str]]) -> dict[str, str]:
    """Compare a file's columns with the contract `delivered_immigration`; further columns are ignored.

    `columns` maps each name to its kind and to its type as the format calls it.

    Returns:
        The file's name of each column, by the contract's name. Case and outer blanks do not matter.

    Raises:
        PermanentError: columns are missing, of one name, or of another kind.
    """
    names = match_columns(path, columns, DELIVERED_COLUMNS)
    retyped = []
    for column, name in names.items():
        kind, type_ = columns[name]
        if kind not in ("null", *_allowed_kinds(column)):
            retyped.append(f"{column} is {type_}, expected {_expected_type(column, kind)}")
    if retyped:
        raise PermanentError(f"{path} has columns of another type: {'; '.join(retyped)}; deliver them in that type.")
    return names


def _allowed_kinds(column: str) -> tuple[ColumnKind, ...]:
    if column not in NUMBER_COLUMNS:
        return ("text",)
    return ("number",) if column in LONG_NUMBER_COLUMNS else ("number", "short number")


def _expected_type(column: str, kind: ColumnKind) -> str:
    if column not in NUMBER_COLUMNS:
        return "text"
    return "a number of more than 7 digits" if kind == "short number" else "a number"


def is_arrival(row: Mapping[str, str]) -> bool:
    """Whether a row of texts has a year and a month where the contract expects them."""
    try:
        year, month = (float(row[name].replace(",", ".")) for name in ("i94yr", "i94mon"))
    except ValueError:
        return False
    return 2000 <= year <= 2099 and 1 <= month <= 12


SOURCE = Source(
    name="immigration",
    description="The I-94 records of a month; Parquet may be a folder of parts.",
    file_name="i94_<mon><yy>_sub",
    formats=("sas", "parquet", "csv"),
    notes={c.name: c.comment or "" for c in delivered_immigration.columns},
    contracts=STAGED_MONTH,
    is_monthly=True,
    module=__name__,
)

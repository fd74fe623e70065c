"""The sample of a source without a generator of its own: valid rows from its contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from sqlalchemy import Column, Integer, String

from i94_platform.contracts.codes import CODE_LISTS, read_reviewed_list
from i94_platform.contracts.model import key_columns

if TYPE_CHECKING:
    import pandas as pd

    from i94_platform.sources.source import Source

ROWS = 200
"""Rows before duplicate keys are dropped."""

_MISSING_SHARE = 0.05
_LISTS_OF_DIMENSIONS = {"country": "i94cit_res", "state": "i94addr"}


def generate_file(source: Source, seed: int) -> bytes:
    """Generate a delimited file with valid rows of the source's contract; its keys are unique."""
    import pandas as pd

    (contract,) = source.contracts
    rng = np.random.default_rng([seed, crc32(source.name.encode())])
    frame = pd.DataFrame({column.name: _draw_column(column, rng) for column in contract.columns})
    frame = frame.drop_duplicates(key_columns(contract) or None).rename(columns=dict(source.headers))
    return frame.to_csv(index=False, sep=source.separator, lineterminator="\n").encode()


def _draw_column(column: Column[Any], rng: np.random.Generator) -> pd.Series[Any]:
    import pandas as pd

    values = pd.Series(_draw_values(column, rng), dtype=object)
    return values.mask(rng.random(ROWS) < _MISSING_SHARE) if column.nullable else values


def _draw_values(column: Column[Any], rng: np.random.Generator) -> Any:
    if valid := _valid_codes(column):
        return rng.choice(np.array(valid, dtype=object), ROWS)
    if isinstance(column.type, String):
        return [f"{column.name}-{number}"[-(column.type.length or 50) :] for number in range(ROWS)]
    low = 0 if column.info["low"] is None else column.info["low"]
    high = low + 1_000 if column.info["high"] is None else column.info["high"]
    if isinstance(column.type, Integer):
        return rng.integers(low, high, ROWS, endpoint=True)
    return rng.uniform(low, high, ROWS).round(2)


def _valid_codes(column: Column[Any]) -> list[Any]:
    """Return the values of a closed domain or of the code list that the column refers to; empty for neither."""
    if column.info["allowed"]:
        return list(column.info["allowed"])
    for key in column.foreign_keys:
        parent = key.target_fullname.split(".")[1]
        name = _LISTS_OF_DIMENSIONS.get(parent, parent)
        if name in CODE_LISTS:
            return read_reviewed_list(name)["code"].tolist()
    return []

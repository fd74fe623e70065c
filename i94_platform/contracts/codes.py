"""The reviewed code lists: reading them, comparing them with a delivered list, and the encoders of unlisted codes.

Each function that reads a file raises a PermanentError if the file is missing, can't be read or lacks a column.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from sqlalchemy import Integer, Table

from i94_platform.contracts.model import column_names
from i94_platform.contracts.reference import LOOKUPS
from i94_platform.errors import PermanentError

if TYPE_CHECKING:
    import pandas as pd

FOLDER = Path(__file__).parent.parent / "lookup"
"""The folder of the reviewed files: in a checkout a link to `lookup/` at its top."""

CODE_LISTS: Mapping[str, Table] = MappingProxyType({contract.name: contract for contract in LOOKUPS})
"""The contracts of the code lists by name."""

_MAX_CODES = 10
"""Codes that a message lists."""


@dataclass(frozen=True)
class Encoder:
    """What becomes of a code of the arrivals that its code list does not hold."""

    column: str
    """The column of the arrivals."""
    list_name: str
    """Its list in `CODE_LISTS`."""
    unknown: str | int | None
    """The code of the list that replaces an unlisted one."""
    policy: Literal["replace", "keep", "reject"]
    """`replace` puts `unknown` there; `keep` leaves the code, and a dimension labels it; `reject` rejects the row."""
    fills_missing: bool = False
    """Whether a null becomes `unknown` too."""


ENCODERS: Mapping[str, Encoder] = MappingProxyType(
    {
        e.column: e
        for e in (
            Encoder("i94cit", "i94cit_res", None, "keep"),
            Encoder("i94res", "i94cit_res", None, "keep"),
            Encoder("i94port", "i94port", "XXX", "replace", fills_missing=True),
            Encoder("i94mode", "i94mode", 9, "replace"),
            Encoder("i94addr", "i94addr", "99", "replace", fills_missing=True),
            Encoder("i94visa", "i94visa", None, "reject"),
        )
    }
)
"""The encoder of each coded column of the arrivals, by column."""


@dataclass(frozen=True)
class Drift:
    """How a delivered code list differs from the reviewed one: codes added, removed, or with another meaning."""

    name: str
    added: tuple[str | int, ...] = ()
    removed: tuple[str | int, ...] = ()
    changed: tuple[str | int, ...] = ()

    @property
    def has_differences(self) -> bool:
        """Whether the two lists differ at all."""
        return bool(self.added or self.removed or self.changed)

    def describe(self) -> str:
        """Say in one sentence what differs and what to do about it."""
        if not self.has_differences:
            return f"The delivered {self.name} equals lookup/{self.name}.csv."
        changes = (("added", self.added), ("removed", self.removed), ("changed", self.changed))
        differences = ", ".join(f"{len(codes)} {change} ({_format_codes(codes)})" for change, codes in changes if codes)
        return (
            f"The delivered {self.name} differs from lookup/{self.name}.csv, codes {differences}; "
            "review the difference and refresh the file as lookup/README.md says."
        )


def _format_codes(codes: tuple[str | int, ...]) -> str:
    first = ", ".join(str(code) for code in codes[:_MAX_CODES])
    return f"{first} and {len(codes) - _MAX_CODES} more" if len(codes) > _MAX_CODES else first


def cast_to_contract(frame: pd.DataFrame, contract: Table) -> pd.DataFrame:
    """Take the contract's columns in its order, whole numbers as Int64 and text as pandas strings."""
    types: dict[str, str] = {c.name: "Int64" if isinstance(c.type, Integer) else "string" for c in contract.columns}
    return frame[column_names(contract)].astype(types)


def read_reviewed_list(name: str) -> pd.DataFrame:
    """Read the reviewed code list `name`, in the file's order; the text NA is text, and an empty cell is missing.

    The file is read once; each caller has a frame of its own.

    Raises:
        PermanentError: there is no such code list, or its file breaks its contract.
    """
    return _read_reviewed(name).copy()


@cache
def _read_reviewed(name: str) -> pd.DataFrame:
    contract = CODE_LISTS.get(name)
    if contract is None:
        raise PermanentError(f"There is no code list {name!r}; the code lists are {', '.join(CODE_LISTS)}.")
    frame = _read_file(f"{name}.csv", column_names(contract))
    try:
        return cast_to_contract(frame, contract)
    except ValueError as error:
        raise PermanentError(f"lookup/{name}.csv breaks its contract ({error}); restore it from git.") from error


@cache
def read_port_corrections() -> pd.DataFrame:
    """Read what the rules for port labels misread: text columns city, state and country, by the exact label.

    Raises:
        PermanentError: the file repeats a label.
    """
    frame = _read_file("port_corrections.csv", ["label", "city", "state", "country", "reason"])
    duplicates = frame["label"][frame["label"].duplicated()]
    if len(duplicates):
        raise PermanentError(
            f"lookup/port_corrections.csv repeats the label {duplicates.iloc[0]!r} in column label; "
            "keep one of the rows."
        )
    return frame.set_index("label").drop(columns="reason")


@cache
def read_port_names() -> Mapping[str, str]:
    """Read the names of ports whose label is misspelled or spells no name, by the exact label."""
    return _read_pairs("port_names.csv")


@cache
def read_states() -> pd.DataFrame:
    """Read the code, name, neighbours (codes, parted by blanks) and inhabitants of each state.

    The inhabitants are those of the census of 2010 (US Census Bureau).
    """
    return _read_file("states.csv", ["code", "name", "neighbours", "inhabitants"]).astype({"inhabitants": "Int64"})


@cache
def read_airline_names() -> Mapping[str, str]:
    """Read the names of the airlines that bring most visitors, by code."""
    return _read_pairs("airlines.csv")


@cache
def read_country_corrections() -> pd.DataFrame:
    """Read what ISO 3166 can't know of a country's name: text columns list, key, iso3 (null: none), name, reason."""
    return _read_file("country_corrections.csv", ["list", "key", "iso3", "name", "reason"])


@cache
def read_country_positions() -> pd.DataFrame:
    """Read where a map labels each country: iso3, latitude, longitude (degrees)."""
    columns = ["iso3", "latitude", "longitude"]
    return _read_file("country_positions.csv", columns).astype(dict.fromkeys(columns[1:], "Float64"))


@cache
def read_unlisted_names() -> Mapping[int, str]:
    """Read the names of codes that arrivals carry and no list holds: the code, and where most of its citizens live."""
    likely = _read_pairs("unlisted_countries.csv")
    return {int(code): f"code {code} (likely {country})" for code, country in likely.items()}


def _read_pairs(file: str) -> Mapping[str, str]:
    """Map the first column of a file to its second, without pandas, which a load of a month has no need of."""
    try:
        with (FOLDER / file).open(encoding="utf-8", newline="") as lines:
            return {row[0]: row[1] for row in list(csv.reader(lines))[1:]}
    except (OSError, ValueError, IndexError) as error:
        raise PermanentError(f"lookup/{file} can't be read ({error}); restore it from git.") from error


def _read_file(file: str, columns: list[str]) -> pd.DataFrame:
    import pandas as pd

    path = FOLDER / file
    try:
        frame = pd.read_csv(path, dtype="string", keep_default_na=False, na_values=[""], encoding="utf-8")
    except (OSError, ValueError) as error:
        raise PermanentError(f"lookup/{file} can't be read ({error}); restore it from git.") from error
    if list(frame.columns) != columns:
        raise PermanentError(
            f"lookup/{file} has the columns {', '.join(map(str, frame.columns))} instead of {', '.join(columns)}; "
            "restore it from git."
        )
    return frame


def detect_drift(name: str, delivered: pd.DataFrame) -> Drift:
    """Compare a delivered list, in the contract's columns and any order of rows, with the reviewed list `name`.

    Raises:
        PermanentError: there is no such code list, or the delivered list repeats a code.
    """
    old = read_reviewed_list(name).set_index("code")
    new = cast_to_contract(delivered, CODE_LISTS[name]).set_index("code")
    if not new.index.is_unique:
        duplicates = _sort_codes(new.index[new.index.duplicated()].unique())
        raise PermanentError(
            f"The delivered code list {name} repeats the codes {_format_codes(duplicates)} in column code; "
            "have the label file corrected."
        )
    common = old.index.intersection(new.index)
    before, after = (frame.loc[common].fillna("") for frame in (old, new))
    return Drift(
        name,
        added=_sort_codes(new.index.difference(old.index)),
        removed=_sort_codes(old.index.difference(new.index)),
        changed=_sort_codes(common[(before != after).any(axis=1).to_numpy(bool)]),
    )


def _sort_codes(index: pd.Index) -> tuple[str | int, ...]:
    return tuple(sorted(index.tolist()))

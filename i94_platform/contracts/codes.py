"""The reviewed code lists: what they hold, how a delivered list differs from them, what becomes of unlisted codes.

Here: reading `lookup/*.csv` in contract types, drift against a delivery, and the encoders that say per column of the
arrivals where an unlisted code goes. Not here: how a label file is parsed (`transforms.labels`), or how a code is
encoded in a query (`transforms`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from sqlalchemy import Integer, Table

import i94_platform
from i94_platform.contracts.model import column_names
from i94_platform.contracts.reference import i94addr, i94cit_res, i94mode, i94port, i94visa
from i94_platform.errors import PermanentError

if TYPE_CHECKING:
    import pandas as pd

FOLDER: Path = Path(i94_platform.__file__).parent / "lookup"
"""The reviewed files: in a checkout a link to the `lookup/` at its top, in an installed package a folder."""

CODE_LISTS: Mapping[str, Table] = MappingProxyType(
    {t.name: t for t in (i94cit_res, i94port, i94mode, i94addr, i94visa)}
)
"""The five code lists by name, each with its contract."""

_SHOWN = 10


@dataclass(frozen=True)
class Encoder:
    """What becomes of a code of the arrivals that its code list does not hold.

    `column` is the column of the arrivals and `list_name` its list in `CODE_LISTS`. Policy `replace` puts `unknown`, a
    code of the list itself, in the place of an unlisted code; `keep` leaves it as it is, to be labelled as unlisted in
    a dimension; `reject` sends the row to quarantine. `fills_missing` says whether a null becomes `unknown` too.
    """

    column: str
    list_name: str
    unknown: str | int | None
    policy: Literal["replace", "keep", "reject"]
    fills_missing: bool = False


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
        """True where the two lists differ at all."""
        return bool(self.added or self.removed or self.changed)

    def describe(self) -> str:
        """One sentence for people: what differs and what to do about it."""
        if not self.has_differences:
            return f"The delivered {self.name} equals lookup/{self.name}.csv."
        kinds = (("added", self.added), ("removed", self.removed), ("changed", self.changed))
        differences = ", ".join(f"{len(codes)} {kind} ({_shown(codes)})" for kind, codes in kinds if codes)
        return (
            f"The delivered {self.name} differs from lookup/{self.name}.csv, codes {differences}; "
            "review the difference and refresh the file as lookup/README.md says."
        )


def _shown(codes: tuple[str | int, ...]) -> str:
    listed = ", ".join(str(code) for code in codes[:_SHOWN])
    return f"{listed} and {len(codes) - _SHOWN} more" if len(codes) > _SHOWN else listed


def cast_to_contract(frame: pd.DataFrame, contract: Table) -> pd.DataFrame:
    """The contract's columns in its order, whole numbers as Int64 and text as pandas strings; other columns go."""
    types: dict[str, str] = {c.name: "Int64" if isinstance(c.type, Integer) else "string" for c in contract.columns}
    return frame[column_names(contract)].astype(types)


def read_reviewed_list(name: str) -> pd.DataFrame:
    """The reviewed code list `name` in the file's order; text such as NA is text, and an empty cell is missing.

    The file is read once; the frame is the caller's own. Raises `PermanentFailure` for a name that is no code list,
    and for a file that is absent, can't be read, or has other columns or types than its contract.
    """
    return _reviewed(name).copy()


@cache
def _reviewed(name: str) -> pd.DataFrame:
    contract = CODE_LISTS.get(name)
    if contract is None:
        raise PermanentError(f"There is no code list {name!r}; the code lists are {', '.join(CODE_LISTS)}.")
    frame = _read(f"{name}.csv", column_names(contract))
    try:
        return cast_to_contract(frame, contract)
    except ValueError as error:
        raise PermanentError(f"lookup/{name}.csv breaks its contract ({error}); restore it from git.") from error


@cache
def read_port_corrections() -> pd.DataFrame:
    """Where the rules for port labels misread: text columns city, state and country, by the exact label.

    Raises `PermanentFailure` for a file that is absent, lacks a column or repeats a label.
    """
    frame = _read("port_corrections.csv", ["label", "city", "state", "country", "reason"])
    repeated = frame["label"][frame["label"].duplicated()]
    if len(repeated):
        raise PermanentError(
            f"lookup/port_corrections.csv repeats the label {repeated.iloc[0]!r} in column label; keep one of the rows."
        )
    return frame.set_index("label").drop(columns="reason")


@cache
def read_country_corrections() -> pd.DataFrame:
    """The countries of names that ISO 3166 spells otherwise: text columns list, key, iso3 (empty: none) and reason.

    Raises `PermanentError` for a file that is absent or lacks a column.
    """
    return _read("country_corrections.csv", ["list", "key", "iso3", "reason"])


def _read(file: str, columns: list[str]) -> pd.DataFrame:
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
    """How `delivered`, in the contract's columns, differs from the reviewed list `name`; the order of rows is free.

    Raises `PermanentFailure` for a name that is no code list and for a delivered list that repeats a code.
    """
    old = read_reviewed_list(name).set_index("code")
    new = cast_to_contract(delivered, CODE_LISTS[name]).set_index("code")
    if not new.index.is_unique:
        repeated = _codes(new.index[new.index.duplicated()].unique())
        raise PermanentError(
            f"The delivered code list {name} repeats the codes {_shown(repeated)} in column code; "
            "have the label file corrected."
        )
    common = old.index.intersection(new.index)
    before, after = (frame.loc[common].fillna("") for frame in (old, new))
    return Drift(
        name,
        added=_codes(new.index.difference(old.index)),
        removed=_codes(old.index.difference(new.index)),
        changed=_codes(common[(before != after).any(axis=1).to_numpy(bool)]),
    )


def _codes(index: pd.Index) -> tuple[str | int, ...]:
    return tuple(sorted(index.tolist()))

"""What a source is: how it is delivered, how it is read, and which tables are made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sqlalchemy import Table

from i94_platform.contracts.model import Domain, column_names
from i94_platform.errors import PermanentError

if TYPE_CHECKING:
    from pandas import DataFrame

TableReader = Callable[[Path | BinaryIO, str], "DataFrame"]
"""Reads a delivered file, called by its name in messages, as a frame in the columns and types of a contract."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The declaration of one delivered source. Listing, raw assets, staging, lineage and sample go by it."""

    name: str
    """The asset below `raw/`."""
    description: str
    """One sentence about what the source holds."""
    file_name: str
    """The name of its file, matched at any depth and in any case; of a monthly source the pattern without extension."""
    formats: tuple[str, ...]
    """The formats that it may be delivered in, such as `csv`."""
    contracts: tuple[Table, ...]
    """The tables that are made from it alone: its code lists, or its staged table."""
    module: str
    """The module that declares it (`__name__`), which also knows how to read it."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """The delivered column behind each column of its contract, where one file becomes one table."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Descriptions of delivered columns that are not those of the contract."""
    separator: str = ","
    """What separates the cells of a text file."""
    read: TableReader | None = None
    """Reads the whole file as rows of its one contract; None where an engine or a parser of its own reads it."""
    is_monthly: bool = False
    """Whether each month has a delivery of its own."""

    def __post_init__(self) -> None:
        expected = column_names(self.contracts[0])
        if self.read and list(self.headers) != expected:
            raise PermanentError(
                f"{self.code_file}: the headers name {', '.join(self.headers)}, but the columns of the contract "
                f"{self.contracts[0].name} are {', '.join(expected)}; name each of them once, in this order."
            )

    @property
    def columns(self) -> dict[str, str]:
        """The delivered columns, each with its description."""
        comments = {c.name: c.comment or "" for c in self.contracts[0].columns}
        return {header: comments[name] for name, header in self.headers.items()} | dict(self.notes)

    @property
    def domain(self) -> Domain:
        """What it is about: what its contracts are about."""
        domain: Domain = self.contracts[0].info["domain"]
        return domain

    @property
    def code_file(self) -> str:
        """The file of its module, relative to the package."""
        return self.module.partition(".")[2].replace(".", "/") + ".py"

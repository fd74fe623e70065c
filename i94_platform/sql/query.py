"""A query and the values that are bound to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Query:
    """Spark SQL with the values of its named markers (`:first_day`). Values are bound, never formatted in.

    `is_portable` says that only the quotes around names are Spark's, so that no dialect needs a translation.
    """

    text: str
    values: Mapping[str, Any] = field(default_factory=dict)
    is_portable: bool = False

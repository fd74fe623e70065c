"""The names of delivered columns, matched with a contract's: case, outer blanks, and `_` for a blank do not count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from i94_platform.errors import PermanentError

INDEX_NAMES = frozenset({"", "unnamed: 0", "index level 0"})
"""The normalized names of an index that was written as a column."""


def normalize_name(name: str) -> str:
    """The form of a name in which names are compared."""
    return " ".join(name.replace("_", " ").lower().split())


def match_columns(path: str, names: Iterable[str], columns: Sequence[str]) -> dict[str, str]:
    """Map each of `columns` to the name that the file gives it.

    Raises:
        PermanentError: the file lacks a column, or two of its columns have the name of one.
    """
    by_name = defaultdict(list)
    for name in names:
        by_name[normalize_name(name)].append(name)
    candidates = {column: by_name.get(normalize_name(column), []) for column in columns}
    if missing := [column for column, same in candidates.items() if not same]:
        raise PermanentError(
            f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; deliver it with every column."
        )
    if duplicates := {column: same for column, same in candidates.items() if len(same) > 1}:
        listed = "; ".join(f"{column} ({', '.join(map(repr, same))})" for column, same in duplicates.items())
        raise PermanentError(f"{path} has more than one column of the name {listed}; deliver one of them.")
    return {column: same[0] for column, same in candidates.items()}


def list_extra_columns(names: Iterable[str], columns: Iterable[str]) -> list[str]:
    """List the names that belong to none of `columns` and to no index."""
    known = {*map(normalize_name, columns), *INDEX_NAMES}
    return [name for name in names if normalize_name(name) not in known]

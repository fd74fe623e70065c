"""Parquet of any name as a month: its footers must hold every delivered column and one month.

Only footers are read, and each one once in a process as long as its file does not change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from i94_platform.errors import PermanentError
from i94_platform.lake.store import Store, StoredFile
from i94_platform.partitions import DeliveryName, Month, is_hidden
from i94_platform.sources.column_names import normalize_name
from i94_platform.sources.delivery_versions import NamedFile
from i94_platform.sources.hive_partitions import parse_partition_values
from i94_platform.sources.immigration import DELIVERED_COLUMNS

if TYPE_CHECKING:
    import pyarrow.parquet as pq

ENDINGS = ("parquet", "parq", "pq", "")
"""The endings of files whose footers are read. Hive writes parts without an ending."""

_SHORTEST_FILE = 12
"""The bytes of a Parquet file without content: no shorter file is opened."""

_MOST_CACHED = 100_000


@dataclass(frozen=True)
class ArrivalsFooter:
    """What a footer says about a file."""

    problem: str = ""
    """Why the file is no month of arrivals."""
    month: Month | None = None
    """The only month of the file; None if the file has no rows."""
    has_columns: bool = True
    """Whether the file holds arrivals at all."""


@dataclass
class FooterMonths:
    """The months that were recognized by their footers."""

    files: dict[Month, list[NamedFile]] = field(default_factory=lambda: defaultdict(list))
    problems: list[str] = field(default_factory=list)
    """A sentence about each folder that holds arrivals, but not one month in each file."""


_footers: dict[tuple[str, StoredFile], ArrivalsFooter] = {}


def recognize_months(files: Iterable[StoredFile], raw: Store) -> FooterMonths:
    """Find the months among files of other names; a folder counts if all of its Parquet files do."""
    folders: dict[str, list[StoredFile]] = defaultdict(list)
    for file in filter(_can_be_parquet, files):
        folders[_delivery_folder(file.path)].append(file)
    months = FooterMonths()
    for folder, parts in folders.items():
        footers = {file: _read_cached(file, raw) for file in parts}
        if not any(footer.has_columns for footer in footers.values()):
            continue
        if problem := next((f"{file.path} {f.problem}" for file, f in footers.items() if f.problem), ""):
            months.problems.append(
                f"{folder or 'I94_RAW'} holds arrivals that can't be used: {problem}. Deliver each month as a folder "
                "i94_<mon><yy>_sub.parquet, or keep in a folder nothing but Parquet files of one month each."
            )
            continue
        present = {footer.month for footer in footers.values() if footer.month}
        for file, footer in footers.items():
            month = footer.month or (min(present) if len(present) == 1 else None)
            if month:
                months.files[month].append((DeliveryName(month, "parquet", root=f"{folder}/"), file))
    return months


def _can_be_parquet(file: StoredFile) -> bool:
    name = file.path.rpartition("/")[2]
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    return ending in ENDINGS and not file.problem and not is_hidden(file.path)


def _delivery_folder(path: str) -> str:
    """The folder of a file, above the folders of a Hive partition."""
    folders = path.split("/")[:-1]
    depth = next((number for number, name in enumerate(folders) if "=" in name), len(folders))
    return "/".join(folders[:depth])


def _read_cached(file: StoredFile, raw: Store) -> ArrivalsFooter:
    key = (raw.root, file)
    if key not in _footers:
        if len(_footers) >= _MOST_CACHED:
            _footers.clear()
        try:
            _footers[key] = _read_footer(file, raw)
        except (OSError, PermanentError):  # a lost share, or a missing right: the next listing may read the file
            return ArrivalsFooter("can't be read", has_columns=False)
    return _footers[key]


def _read_footer(file: StoredFile, raw: Store) -> ArrivalsFooter:
    """Read the footer of a file, whose other columns are in the names of its folders."""
    damaged = ArrivalsFooter("is no whole Parquet file", has_columns=False)
    if file.size < _SHORTEST_FILE:
        return damaged
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with raw.open(file.path) as content:
            metadata = pq.ParquetFile(content).metadata
            names = [normalize_name(name) for name in metadata.schema.names]
            values = parse_partition_values(file.path, DELIVERED_COLUMNS, names)
            if missing := set(DELIVERED_COLUMNS) - {*names, *values}:
                return ArrivalsFooter(f"lacks {len(missing)} of the columns of a month", has_columns=False)
            ranges = {name: _read_range(metadata, names, values, name) for name in ("i94yr", "i94mon")}
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        return damaged
    return _to_month(metadata.num_rows, ranges)


def _read_range(
    metadata: pq.FileMetaData, names: list[str], partition_values: Mapping[str, str | None], name: str
) -> tuple[float, float] | None:
    """The least and the greatest value of a column over all row groups; None if the footer does not say."""
    values: list[Any] = []
    if name in names:
        groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
        for group in (group for group in groups if group.num_rows):
            statistics = group.column(names.index(name)).statistics
            if statistics is None or not statistics.has_min_max:
                return None
            values += [statistics.min, statistics.max]
    else:
        values.append(partition_values[name])
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        return None
    return (min(numbers), max(numbers)) if numbers else None


def _to_month(rows: int, ranges: Mapping[str, tuple[float, float] | None]) -> ArrivalsFooter:
    if not rows:
        return ArrivalsFooter()
    years, months = ranges["i94yr"], ranges["i94mon"]
    if years is None or months is None:
        return ArrivalsFooter("does not say in its footer which month it holds")
    if years[0] != years[1] or months[0] != months[1]:
        return ArrivalsFooter(
            f"holds more than one month (i94yr {years[0]:g} to {years[1]:g}, i94mon {months[0]:g} to {months[1]:g})"
        )
    try:
        return ArrivalsFooter(month=Month(int(years[0]), int(months[0])))
    except ValueError:
        return ArrivalsFooter(f"holds no month (i94yr {years[0]:g}, i94mon {months[0]:g})")

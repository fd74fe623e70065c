"""The versions of one month: which one counts, and why it may be refused.

The files below one folder are the parts of one version, and so is a single file. The version with the newest file
counts. What can't be understood for certain is refused by name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from i94_platform.lake.store import StoredFile
from i94_platform.partitions import DeliveryName, Month
from i94_platform.sources.delivery import Delivery

TABLE_FORMATS = {
    "_delta_log": "a Delta",
    ".hoodie": "a Hudi",
    "_spark_metadata": "a Spark streaming",
    "metadata": "an Iceberg",
}
"""The table formats, each with its article, by the folder of their log.

Files that the log has removed still lie beside the others.
"""

_HUDI_MARKER = ".hoodie_partition_metadata"

NamedFile = tuple[DeliveryName, StoredFile]


def find_table_folder(path: str) -> tuple[str, str] | None:
    """Return the folder of the table whose log a file belongs to, and the folder of the log; None for other files."""
    *folders, name = path.split("/")
    if name == _HUDI_MARKER:
        return "/".join(folders), ".hoodie"
    for depth, folder in enumerate(folders):
        if folder in TABLE_FORMATS and (folder != "metadata" or name.endswith(".metadata.json")):
            return "/".join(folders[:depth]), folder
    return None


@dataclass(frozen=True)
class _Version:
    """One version of a month."""

    root: str
    """The folder with a slash at its end, or the path of the file."""
    files: tuple[NamedFile, ...]

    @property
    def location(self) -> str:
        """The folder, or the path of the file."""
        return self.root.rstrip("/") or "."

    @property
    def parent(self) -> str:
        """The folder that the folder or the file lies in."""
        return self.root.rstrip("/").rpartition("/")[0]

    @property
    def is_usable(self) -> bool:
        """Whether any of its files can be opened."""
        return any(not file.problem for _, file in self.files)

    @property
    def formats(self) -> set[str]:
        """The formats of its files, such as `csv` and `csv.gz`."""
        return {f"{name.format}.{name.compression}".rstrip(".") for name, _ in self.files if name.format}


def choose_version(
    month: Month, files: Iterable[NamedFile], tables: Mapping[str, str], modified_at: Callable[[StoredFile], float]
) -> Delivery:
    """Return the newest version of a month as a delivery, with the locations of the others and its problem.

    Args:
        tables: the folder of each table's log by the folder of the table.
    """
    by_root: dict[str, list[NamedFile]] = defaultdict(list)
    for name, file in files:
        by_root[name.root].append((name, file))
    versions = [_Version(root, tuple(sorted(parts, key=lambda part: part[1].path))) for root, parts in by_root.items()]
    usable = [version for version in versions if version.is_usable] or versions
    newest = max(usable, key=lambda version: (max(modified_at(file) for _, file in version.files), version.root))
    return Delivery(
        month.key,
        tuple(file for _, file in newest.files),
        folder=newest.root.rstrip("/") if newest.root.endswith("/") else "",
        superseded=tuple(sorted(version.location for version in versions if version is not newest)),
        problem=_describe_problem(month, newest, usable, tables),
    )


def _describe_problem(month: Month, version: _Version, versions: Sequence[_Version], tables: Mapping[str, str]) -> str:
    """Say why a version is refused and what to do; empty if it is not."""
    reason = (
        _describe_table(version, tables)
        or _describe_odd_files(version)
        or _describe_formats(version, versions)
        or _describe_unknown_endings(version)
    )
    return f"{month.key} is refused: {reason}" if reason else ""


def _describe_table(version: _Version, tables: Mapping[str, str]) -> str:
    for folder, log in tables.items():
        is_inside = any(file.path.startswith(f"{folder}/") for _, file in version.files) if folder else False
        if is_inside or f"{folder}/" == version.root:
            return (
                f"{folder or 'I94_RAW'} is {TABLE_FORMATS[log]} table, which may hold files that its log ({log}) "
                "has removed. Export its current rows as plain Parquet into a new folder, and move the table out."
            )
    return ""


def _describe_odd_files(version: _Version) -> str:
    return next((f"{file.path} {file.problem}." for _, file in version.files if file.problem), "")


def _describe_formats(version: _Version, versions: Sequence[_Version]) -> str:
    neighbours = [other for other in versions if other.parent == version.parent]
    formats = sorted(set().union(*(other.formats for other in neighbours)))
    if len(formats) < 2:
        return ""
    locations = sorted({file.path for other in neighbours for _, file in other.files[:2]} | {version.location})
    return (
        f"{version.parent or 'I94_RAW'} holds the month as {' and as '.join(formats)} ({', '.join(locations[:4])}). "
        "Keep one of them, or put the newer one into a folder of its own."
    )


def _describe_unknown_endings(version: _Version) -> str:
    unknown = [file.path for name, file in version.files if not name.format]
    if not unknown:
        return ""
    return (
        f"{version.location} holds files that may be parts but do not end like the format ({len(unknown)} of them): "
        f"{', '.join(unknown[:4])}. Rename parts so that they end in .parquet, .csv or .sas7bdat, and move other files "
        "out."
    )

"""A release: the published tables, all of one moment and with one version.

A release is committed as one dataset, `published`, whose manifest names the files of all tables. A monthly table has
files for each month, and a month that did not change keeps those of an older run. The files of the release before stay
for those who still read them.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import Table

from i94_platform.contracts.model import is_monthly
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import DamagedManifestError, Entry, Manifest

logger = logging.getLogger(__name__)

RELEASE = Dataset("published")

_PUBLISH_AGAIN = "run 'i94 run', which publishes again."
_VERSION = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class FailedCheck:
    """A check that did not pass."""

    check: str
    month: str
    """Empty for a check of no month."""
    blocking: bool
    """Whether it is an error; otherwise it is a warning."""
    message: str


@dataclass(frozen=True)
class CheckState:
    """The latest results of a table's checks, in every month."""

    passed: int = 0
    failed_checks: tuple[FailedCheck, ...] = ()

    @property
    def state(self) -> str:
        """`passed`, `warned`, `failed`, or `unchecked` if none has run."""
        if any(check.blocking for check in self.failed_checks):
            return "failed"
        if self.failed_checks:
            return "warned"
        return "passed" if self.passed else "unchecked"


@dataclass(frozen=True)
class ReleasedTable:
    """One table of a release."""

    rows: int
    months: tuple[str, ...]
    """The months that it has rows of; empty for a table that is not monthly."""
    checks: CheckState = field(default_factory=CheckState)
    versions: Mapping[str, str] = field(default_factory=dict)
    """By month, the version of its rows; a month without one is exported again."""


@dataclass(frozen=True)
class ReleasedMonth:
    """One month of a table of a release."""

    version: str
    entries: tuple[Entry, ...]

    @property
    def rows(self) -> int:
        """Rows of all its files together."""
        return sum(entry.rows for entry in self.entries)


@dataclass(frozen=True)
class Release:
    """The published tables."""

    version: str
    """The version of the content, which is equal for equal tables."""
    published_at: str
    """Empty before it is committed."""
    data_as_of: str
    """When the newest data was loaded."""
    months: tuple[str, ...]
    """The months that every monthly table covers."""
    tables: Mapping[str, ReleasedTable]
    manifest: Manifest

    @cached_property
    def _entries_by_folder(self) -> dict[str, list[Entry]]:
        return _group_by_folder(self.manifest.entries)

    def entries(self, name: str, month: str = "") -> list[Entry]:
        """The files of a table that is not monthly, or of a month of one that is; none if it has no rows."""
        return self._entries_by_folder.get(f"{name}/{month}" if month else name, [])

    def urls(self, name: str) -> list[str]:
        """The addresses of a table's files; none if it has no rows."""
        return [entry.url for entry in self.manifest.entries if _path_in_run(entry.url).startswith(f"{name}/")]


def prepare_release(
    lake: Lake,
    run_id: str,
    contracts: Sequence[Table],
    tables: Mapping[str, ReleasedTable],
    data_as_of: str,
    unchanged: Sequence[Entry] = (),
) -> Release:
    """Verify what a run has exported, and return it as the release that it will be.

    Args:
        lake: The lake.
        run_id: The run.
        contracts: The tables.
        tables: What each table holds, by its name.
        data_as_of: When the newest data was loaded.
        unchanged: The files of the release before that are those of this one, too.

    Raises:
        PermanentError: a file differs from its contract, or a table's files hold other rows than the table.
    """
    entries, old = list[Entry](), _group_by_folder(unchanged)
    for contract in contracts:
        table_entries = _collect_entries(lake, run_id, contract, tables[contract.name], old)
        exported, expected = sum(entry.rows for entry in table_entries), tables[contract.name].rows
        if exported != expected:
            raise PermanentError(
                f"{contract.fullname} has {expected:,} rows, and its extract in {lake.run_folder(RELEASE, run_id)} has "
                f"{exported:,}; nothing was published, run 'i94 run --select published'."
            )
        entries += table_entries
    stats = {
        "data_as_of": data_as_of,
        "months": _common_months(tables),
        "tables": {name: asdict(table) for name, table in tables.items()},
    }
    version, address = _compute_version(entries), lake.store.uri(RELEASE.manifest_path)
    return parse_release(Manifest(RELEASE.name, "", run_id, version, "", address, tuple(entries), stats))


def _collect_entries(
    lake: Lake, run_id: str, contract: Table, table: ReleasedTable, old: Mapping[str, list[Entry]]
) -> list[Entry]:
    """Collect the files of a table, in the order of its months; those in `old` are by folder."""
    entries: list[Entry] = []
    for folder in [f"{contract.name}/{month}" for month in table.months] if is_monthly(contract) else [contract.name]:
        entries += old.get(folder) or lake.collect_entries(RELEASE, f"{run_id}/{folder}", contract)
    return entries


def commit_release(lake: Lake, release: Release) -> Release:
    """Make a prepared release the current one, and return it as its readers get it. Hold the `write_lock`."""
    previous, prepared = lake.read_manifest(RELEASE), release.manifest
    manifest = lake.commit(
        RELEASE,
        prepared.run_id,
        prepared.entries,
        fingerprint=prepared.fingerprint,
        stats=prepared.stats,
        retain_urls=previous.urls if previous else (),
    )
    return parse_release(Manifest.from_json(manifest.to_json(), manifest.address))


def read_current_release(lake: Lake) -> Release | None:
    """Read the current release; None before the first one, and if its manifest is damaged."""
    manifest = lake.read_manifest(RELEASE)
    try:
        return parse_release(manifest) if manifest else None
    except DamagedManifestError as error:
        logger.warning("%s", error)
        return None


def read_released_months(lake: Lake) -> dict[str, dict[str, ReleasedMonth]]:
    """Read the months of each table in the current release whose files are all as they were committed."""
    release = read_current_release(lake)
    if release is None:
        return {}
    intact = lake.find_intact_urls(release.manifest)
    months: dict[str, dict[str, ReleasedMonth]] = {}
    for name, table in release.tables.items():
        released = {month: ReleasedMonth(v, tuple(release.entries(name, month))) for month, v in table.versions.items()}
        months[name] = {month: r for month, r in released.items() if {entry.url for entry in r.entries} <= intact}
    return months


def parse_release(manifest: Manifest) -> Release:
    """Parse the release that a manifest describes.

    Raises:
        DamagedManifestError: the manifest does not describe a release.
    """
    try:
        stats = manifest.stats
        tables = {name: _parse_table(table) for name, table in stats["tables"].items()}
        months, data_as_of = tuple(stats["months"]), stats["data_as_of"]
    except (KeyError, TypeError, AttributeError) as error:
        raise DamagedManifestError(f"{manifest.address} does not describe a release; {_PUBLISH_AGAIN}") from error
    if not _VERSION.fullmatch(manifest.fingerprint):
        raise DamagedManifestError(f"{manifest.address} has no version of a release; {_PUBLISH_AGAIN}")
    return Release(manifest.fingerprint, manifest.created_at, data_as_of, months, tables, manifest)


def _parse_table(table: Mapping[str, Any]) -> ReleasedTable:
    failed_checks = tuple(FailedCheck(**check) for check in table["checks"]["failed_checks"])
    checks = CheckState(table["checks"]["passed"], failed_checks)
    return ReleasedTable(table["rows"], tuple(table["months"]), checks, table["versions"])


def _common_months(tables: Mapping[str, ReleasedTable]) -> list[str]:
    monthly = [set(table.months) for table in tables.values() if table.months]
    return sorted(set.intersection(*monthly)) if monthly else []


def _compute_version(entries: Sequence[Entry]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for path, version in sorted((_path_in_run(entry.url), entry.content_version) for entry in entries):
        digest.update(f"{path} {version}\n".encode())
    return digest.hexdigest()


def _group_by_folder(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Group files by their folder below that of the run, such as `state` or `stays/2016-04`."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(_path_in_run(entry.url).rpartition("/")[0], []).append(entry)
    return groups


def _path_in_run(url: str) -> str:
    """The path of a file below the folder of the run that wrote it, such as `state/part-0.parquet`."""
    return url.rpartition("/run=")[2].partition("/")[2]

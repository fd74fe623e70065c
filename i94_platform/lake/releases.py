"""A release: the tables that the outside reads, published together, of one moment and with one version.

Here: what a release says about itself, and its commit by the lake's own protocol: one manifest, that of `published`,
names the files of all tables, and the release before it stays for those who are still reading it. Not here: how tables
are exported (`warehouse`), and who serves them (`serving`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Table

from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Entry, Manifest

RELEASE = Dataset("published")

_VERSION = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class FailedCheck:
    """A check that did not pass."""

    check: str
    month: str
    """Empty for a check of no month."""
    blocking: bool
    """Whether it counts as an error; otherwise it is a warning."""
    message: str


@dataclass(frozen=True)
class CheckState:
    """What the checks of a table said last, each for each of its months."""

    passed: int = 0
    failed_checks: tuple[FailedCheck, ...] = ()

    @property
    def state(self) -> str:
        """`passed`, `warned`, `failed`, or `unchecked` where none has run."""
        if any(complaint.blocking for complaint in self.failed_checks):
            return "failed"
        if self.failed_checks:
            return "warned"
        return "passed" if self.passed else "unchecked"


@dataclass(frozen=True)
class ReleasedTable:
    """One table of a release."""

    rows: int
    months: tuple[str, ...]
    """The months that it has rows of; empty for a table without months."""
    checks: CheckState = field(default_factory=CheckState)


@dataclass(frozen=True)
class Release:
    """What is published."""

    version: str
    """Of the content: equal for equal tables."""
    published_at: str
    data_as_of: str
    """When the newest of the data was loaded."""
    months: tuple[str, ...]
    """The months that every monthly table covers."""
    tables: Mapping[str, ReleasedTable]
    manifest: Manifest

    def urls(self, name: str) -> list[str]:
        """The files of a table; none for a table without rows."""
        folder = f"/run={self.manifest.run_id}/{name}/"
        return [url for url in self.manifest.urls if folder in url]


def commit_release(
    lake: Lake,
    run_id: str,
    contracts: Sequence[Table],
    tables: Mapping[str, ReleasedTable],
    data_as_of: str,
) -> Release:
    """Make what a run has exported the release; call it while `writing`.

    Raises:
        PermanentFailure: a file differs from its contract, or a table has other rows in its files than it had.
    """
    entries: list[Entry] = []
    for contract in contracts:
        found = lake.collect_entries(RELEASE, f"{run_id}/{contract.name}", contract)
        rows = sum(entry.rows for entry in found)
        if rows != tables[contract.name].rows:
            raise PermanentError(
                f"{contract.fullname} has {tables[contract.name].rows:,} rows, and its extract in "
                f"{lake.run_folder(RELEASE, run_id)} {rows:,}; nothing was published, run 'i94 run --select published'."
            )
        entries += found
    before = lake.read_manifest(RELEASE)
    stats = {
        "data_as_of": data_as_of,
        "months": _common_months(tables),
        "tables": {name: asdict(table) for name, table in tables.items()},
    }
    kept = before.run_id if before else ""
    version = _version(lake, run_id)
    manifest = lake.commit(RELEASE, run_id, tuple(entries), fingerprint=version, stats=stats, kept=kept)
    return parse_release(Manifest.from_json(manifest.to_json()))  # as every reader has it


def read_current_release(lake: Lake) -> Release | None:
    """What is published now; None before the first release."""
    manifest = lake.read_manifest(RELEASE)
    return parse_release(manifest) if manifest else None


def parse_release(manifest: Manifest) -> Release:
    """A release as its manifest describes it.

    Raises:
        PermanentFailure: the manifest is not one of a release.
    """
    try:
        stats = manifest.stats
        tables = {name: _table(described) for name, described in stats["tables"].items()}
        months, data_as_of = tuple(stats["months"]), stats["data_as_of"]
    except (KeyError, TypeError, AttributeError) as error:
        raise PermanentError(f"{manifest.address} does not describe a release ({error!r}); publish again.") from error
    if not _VERSION.fullmatch(manifest.fingerprint):
        raise PermanentError(f"{manifest.address} has no version of a release; publish again.")
    return Release(manifest.fingerprint, manifest.created_at, data_as_of, months, tables, manifest)


def _table(described: Mapping[str, Any]) -> ReleasedTable:
    complaints = tuple(FailedCheck(**complaint) for complaint in described["checks"]["failed_checks"])
    checks = CheckState(described["checks"]["passed"], complaints)
    return ReleasedTable(described["rows"], tuple(described["months"]), checks)


def _common_months(tables: Mapping[str, ReleasedTable]) -> list[str]:
    monthly = [set(table.months) for table in tables.values() if table.months]
    return sorted(set.intersection(*monthly)) if monthly else []


def _version(lake: Lake, run_id: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for line in _contents(lake, f"{RELEASE.folder}/run={run_id}/"):
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def _contents(lake: Lake, folder: str) -> Iterator[str]:
    for file in lake.store.list(folder.rstrip("/")):
        if file.path.endswith(".parquet"):
            yield f"{file.path.removeprefix(folder)} {lake.store.content_version(file)}"

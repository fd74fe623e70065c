"""A release: the published tables, all of one moment and with one version.

A release is committed as one dataset, `published`, whose manifest names the files of all tables. The files of the
release before it stay for those who still read them.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Table

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

    def urls(self, name: str) -> list[str]:
        """The addresses of a table's files; none if it has no rows."""
        folder = f"/run={self.manifest.run_id}/{name}/"
        return [url for url in self.manifest.urls if folder in url]


def prepare_release(
    lake: Lake,
    run_id: str,
    contracts: Sequence[Table],
    tables: Mapping[str, ReleasedTable],
    data_as_of: str,
) -> Release:
    """Verify what a run has exported, and return it as the release that it will be.

    Raises:
        PermanentError: a file differs from its contract, or a table's files hold other rows than the table.
    """
    entries: list[Entry] = []
    for contract in contracts:
        table_entries = lake.collect_entries(RELEASE, f"{run_id}/{contract.name}", contract)
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
    version, address = (
        _compute_version(entries, lake.run_folder(RELEASE, run_id)),
        lake.store.uri(RELEASE.manifest_path),
    )
    return parse_release(Manifest(RELEASE.name, "", run_id, version, "", address, tuple(entries), stats))


def commit_release(lake: Lake, release: Release) -> Release:
    """Make a prepared release the current one, and return it as its readers get it. Hold the `write_lock`."""
    previous, prepared = lake.read_manifest(RELEASE), release.manifest
    manifest = lake.commit(
        RELEASE,
        prepared.run_id,
        prepared.entries,
        fingerprint=prepared.fingerprint,
        stats=prepared.stats,
        retain_run=previous.run_id if previous else "",
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
    return ReleasedTable(table["rows"], tuple(table["months"]), CheckState(table["checks"]["passed"], failed_checks))


def _common_months(tables: Mapping[str, ReleasedTable]) -> list[str]:
    monthly = [set(table.months) for table in tables.values() if table.months]
    return sorted(set.intersection(*monthly)) if monthly else []


def _compute_version(entries: Sequence[Entry], folder: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for entry in sorted(entries, key=lambda entry: entry.url):
        digest.update(f"{entry.url.removeprefix(f'{folder}/')} {entry.content_version}\n".encode())
    return digest.hexdigest()

"""The release that is served, and how a newer one replaces it between two requests.

The release before stays open for cursors and requests in progress. If a new release can't be loaded, the old one is
served on, and the error says why.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from i94_platform.contracts import PUBLISHED
from i94_platform.contracts.disclosure import has_statistics, select_unprotected
from i94_platform.errors import PermanentError, PlatformError
from i94_platform.foreign_errors import describe_fault, translate_error
from i94_platform.lake.datasets import Lake
from i94_platform.lake.manifest import Manifest
from i94_platform.lake.release_database import build_database
from i94_platform.lake.releases import RELEASE, Release, parse_release
from i94_platform.serving.disclosure import ROUNDED
from i94_platform.serving.snapshot import Snapshot

logger = logging.getLogger(__name__)

RETRY_SECONDS = 30.0
"""The time until a release that could not be loaded is tried again."""

_ABANDONED_SECONDS = 3_600.0
"""A database file that is older was left by a server that was killed."""

NOTHING_PUBLISHED = "Nothing is published yet; run 'i94 run', which publishes at its end."


class ReleaseStore:
    """The newest release, and the one before it."""

    def __init__(self, lake: Lake, folder: Path, memory_limit: str = "1GB") -> None:
        self._lake, self._folder, self._memory_limit = lake, folder, memory_limit
        self._base = folder / "base.duckdb"
        self._lock = threading.Lock()
        self._snapshots: list[Snapshot] = []  # newest first
        self._served_manifest, self._tried_manifest, self._retry_at = b"", b"", 0.0
        self.error = NOTHING_PUBLISHED
        """Why the newest release is not served, for the log; empty if it is."""

    @property
    def release(self) -> Release | None:
        """The release that is served."""
        with self._lock:
            return self._snapshots[0].release if self._snapshots else None

    @property
    def releases(self) -> list[Release]:
        """The releases that are open, newest first."""
        with self._lock:
            return [snapshot.release for snapshot in self._snapshots]

    @property
    def public_error(self) -> str:
        """What callers are told of the error, which may name addresses and exact rows; empty without one."""
        return "The newest release can't be loaded; the log of the server says why." if self.error else ""

    @contextmanager
    def lease(self, version: str = "") -> Iterator[Snapshot | None]:
        """Keep the newest release, or that of a version, open for the length of the context; None if there is none."""
        with ExitStack() as leases:
            with self._lock:
                matching = [s for s in self._snapshots if version in ("", s.release.version)]
                snapshot = leases.enter_context(matching[0].lease()) if matching else None
            yield snapshot

    def refresh(self) -> bool:
        """Load the newest release, if it is not served yet. Returns whether the served release has changed."""
        import duckdb

        try:
            manifest = self._lake.store.read(RELEASE.manifest_path)
            if manifest == self._served_manifest and not self.error:
                return False
            if manifest == self._tried_manifest and time.monotonic() < self._retry_at:
                return False
            self._tried_manifest, self._retry_at = manifest, time.monotonic() + RETRY_SECONDS
            address = self._lake.store.uri(RELEASE.manifest_path)
            self._replace(parse_release(Manifest.from_json(manifest, address)))
        except FileNotFoundError:
            self._set_error(
                "The published release is gone; run 'i94 run'." if self._served_manifest else NOTHING_PUBLISHED
            )
            return False
        except (PlatformError, duckdb.Error, OSError) as error:
            self._set_error(f"The published release can't be loaded: {translate_error(error) or describe_fault(error)}")
            return False
        self._served_manifest = manifest
        return True

    def close(self) -> None:
        """Close every release."""
        with self._lock:
            snapshots, self._snapshots = self._snapshots, []
        for snapshot in snapshots:
            snapshot.retire()

    def _replace(self, release: Release) -> None:
        with self._lock:
            if self._snapshots and self._snapshots[0].release.version == release.version:
                self._snapshots[0].release = release  # equal tables; times and checks may be newer
                self.error = ""
                return
        snapshot = self._load(release)
        with self._lock:
            self.error = ""
            self._snapshots, superseded = [snapshot, *self._snapshots[:1]], self._snapshots[1:]
        for old in superseded:
            old.retire()
        logger.info("Serving release %s of %s", release.version, release.published_at)

    def _load(self, release: Release) -> Snapshot:
        """Load every file of a release into a database and open that.

        Raises:
            PermanentError: a file is missing, has other content, or is not what contract or manifest say; or a caller
                without exact access would see what disclosure control withholds.
        """
        manifest = release.manifest
        if problems := self._lake.find_missing_files(manifest) or self._lake.find_altered_files(manifest):
            raise PermanentError(f"{'; '.join(problems)}. Publish again: i94 run --select published.")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._remove_abandoned_files()
        path = self._folder / f"{release.version}-{uuid.uuid4().hex}.duckdb"
        try:
            build_database(release, self._lake, path, self._memory_limit, self._base)
            snapshot = Snapshot(release, path, self._memory_limit)
            try:
                _require_protection(snapshot)
            except BaseException:
                snapshot.retire()
                raise
            path.replace(self._base)  # the file before it stays readable without a name while it is open
            return snapshot
        finally:
            path.unlink(missing_ok=True)

    def _remove_abandoned_files(self) -> None:
        for path in self._folder.iterdir():
            if path != self._base and path.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
                path.unlink(missing_ok=True)

    def _set_error(self, error: str) -> None:
        if error != self.error:
            logger.warning("%s%s", error, " The release before is still served." if self._snapshots else "")
        self.error = error


def _require_protection(snapshot: Snapshot) -> None:
    for contract in filter(has_statistics, PUBLISHED):
        count = select_unprotected(contract, ROUNDED.get_rows(contract))
        if number := snapshot.fetch(count).column("n")[0].as_py():
            raise PermanentError(
                f"{number} row(s) of {contract.name} would show figures that disclosure control withholds, so the "
                "release is not served; correct the statistics of its columns (contracts/marts.py)."
            )

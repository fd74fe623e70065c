"""The location of a store, which another process can open too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from i94_platform.lake.local import LocalStore
from i94_platform.lake.s3 import S3Store
from i94_platform.lake.s3_lease import LEASE_SECONDS
from i94_platform.lake.store import Store
from i94_platform_tests.emulators.s3 import S3Server

SHORT_LEASE_SECONDS = 2.0
"""For tests that wait until the lease of a killed process expires."""


@dataclass(frozen=True)
class StoreLocation:
    """An address, and its server if it is on S3."""

    root: str
    server: S3Server | None = None
    scratch: Path = Path()

    def open_store(self, lock_timeout: float = 20.0, lease_seconds: float = LEASE_SECONDS) -> Store:
        """Open the store at the address."""
        if self.server is None:
            return LocalStore(self.root, lock_timeout)
        return S3Store(self.root, self.server.create_client, self.scratch, lock_timeout, lease_seconds)

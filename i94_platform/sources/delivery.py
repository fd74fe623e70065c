"""The identity of a delivery: its files, and the versions that tell whether it changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from i94_platform.lake.store import Store, StoredFile


@dataclass(frozen=True)
class Delivery:
    """Every file of one source: the parts of a month, or the one file of a reference."""

    name: str
    files: tuple[StoredFile, ...]

    @property
    def size(self) -> int:
        """Length of all files in bytes."""
        return sum(file.size for file in self.files)

    def fingerprint(self, store: Store) -> str:
        """Compute the data version: a hash over each file's path and content version."""
        return self._hash(store.content_version)

    def listing_fingerprint(self, store: Store) -> str:
        """Compute a hash over each file's path and listing version, which needs no file to be read."""
        return self._hash(store.listing_version)

    def _hash(self, file_version: Callable[[StoredFile], str]) -> str:
        digest = hashlib.blake2b(digest_size=16)
        for file in self.files:
            digest.update(f"{file.path}\0{file_version(file)}\n".encode())
        return digest.hexdigest()

    def is_marked_complete(self, store: Store, markers: Mapping[str, StoredFile]) -> bool:
        """Say whether each file has a `_SUCCESS`, in its folder or above, that is not older than the newest file."""
        newest = max(map(store.modified_at, self.files))
        complete = {folder for folder, marker in markers.items() if store.modified_at(marker) >= newest}
        return all(complete & set(_parent_folders(file.path)) for file in self.files)


def _parent_folders(path: str) -> Iterator[str]:
    """The folders that a file lies in, from its own up to the root."""
    while path:
        path = path.rpartition("/")[0]
        yield path

"""The identity of a delivery: its files, and the versions that tell whether it changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from i94_platform.lake.store import Store, StoredFile

MARKER = "_SUCCESS"
"""The empty file by which a writer, Spark among them, says that a folder is complete."""


@dataclass(frozen=True)
class Delivery:
    """Every file of one source: the parts of a month, or the one file of a reference."""

    name: str
    files: tuple[StoredFile, ...]
    folder: str = ""
    """The folder of its own that its parts lie in; empty for a single file."""
    superseded: tuple[str, ...] = ()
    """The files and folders of older versions of the month, which are not read."""
    problem: str = ""
    """Why it is refused and what to do; then its content is never read."""

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
        digest.update(self.problem.encode())  # what was refused is another content once it is mended
        return digest.hexdigest()

    def arrival_fingerprint(self, store: Store, hidden: Iterable[StoredFile]) -> str:
        """Compute a hash that changes as long as the delivery arrives.

        It is over the delivery's files, over hidden files in its folder, where `rsync` writes a part before it renames
        it, and over the markers that complete it.
        """
        own_folder, parents = f"{self.folder}/", self._parent_folders()
        neighbours = [
            f"{file.path}\0{store.listing_version(file)}\0{store.modified_at(file)}"
            for file in hidden
            if (self.folder and file.path.startswith(own_folder)) or _marked_folder(file) in parents
        ]
        return hashlib.blake2b("\n".join([self.listing_fingerprint(store), *neighbours]).encode()).hexdigest()[:32]

    def is_marked_complete(self, store: Store, hidden: Iterable[StoredFile]) -> bool:
        """Whether each file has a `_SUCCESS`, in its folder or above, that is not older than the newest file.

        Files may arrive with old times, so a marker counts only if nothing changed for a while.
        """
        newest = max(map(store.modified_at, self.files))
        markers = [file for file in hidden if _marked_folder(file) is not None]
        complete = {_marked_folder(marker) for marker in markers if store.modified_at(marker) >= newest}
        return all(complete & set(_parent_folders(file.path)) for file in self.files)

    def _parent_folders(self) -> set[str]:
        return {folder for file in self.files for folder in _parent_folders(file.path)}


def _marked_folder(file: StoredFile) -> str | None:
    """The folder that a marker completes, which is empty for the root; None for other files."""
    folder, _, name = file.path.rpartition("/")
    return folder if name == MARKER else None


def _parent_folders(path: str) -> Iterator[str]:
    """The folders that a file lies in, from its own up to the root."""
    while path:
        path = path.rpartition("/")[0]
        yield path

"""The interface to a tree of files: a local folder, or a bucket under a prefix.

It offers only what an object store can offer: no rename, no append, no directories.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True, order=True, slots=True)
class StoredFile:
    """One file: path relative to the root, size in bytes, and a stamp that changes with every write."""

    path: str
    size: int
    stamp: str
    problem: str = ""
    """Why it can't be read, such as `is a FIFO, not a file`; then it is never opened."""


def is_skipped_folder(name: str) -> bool:
    """Whether a listing skips a folder: locks and other hidden folders, but not the log of a Hudi table."""
    return name.startswith(".") and name != ".hoodie"


class Store(ABC):
    """A tree of files below one address.

    Paths are relative to the root and use `/`. `open`, `fetch_local_paths` and `write_folder` also take full
    addresses, inside the root or outside, since engines and warehouses know files by their addresses.
    """

    root: str
    """The address: an absolute folder, or `s3://bucket/prefix`."""
    lock_timeout: float
    """Seconds to wait for a lock."""

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        """Yield every file below the folder `prefix` in path order; nothing if there is no such folder.

        What is no file, can't be read or leaves the root by a link is yielded with its problem.
        """

    @abstractmethod
    def open(self, path: str) -> BinaryIO:
        """Open a file for reading.

        Raises:
            FileNotFoundError: there is no such file.
        """

    @abstractmethod
    def local_copy(self, path: str) -> AbstractContextManager[Path]:
        """Give a file a local path: its own, or that of a copy which lasts as long as the context.

        Raises:
            FileNotFoundError: there is no such file.
        """

    @abstractmethod
    def put(self, path: str, data: bytes) -> None:
        """Write a small file in one atomic step: readers see the old content or the new, never a part.

        Raises:
            TransientError: a lock of this store was lost to another process.
        """

    @abstractmethod
    def create(self, path: str) -> AbstractContextManager[BinaryIO]:
        """Open a file of any size for writing. It appears whole when the context ends, and never after a failure."""

    @abstractmethod
    def delete(self, paths: Iterable[str]) -> None:
        """Delete files; a missing file is no error."""

    @abstractmethod
    def content_version(self, file: StoredFile) -> str:
        """Identify the content by a hash or an ETag, which is equal for equal content."""

    @abstractmethod
    def listing_version(self, file: StoredFile) -> str:
        """Identify the content by its listing alone; other content has another version.

        A bucket gives equal content an equal version. A folder gives a rewritten file a new one.
        """

    @abstractmethod
    def modified_at(self, file: StoredFile) -> float:
        """When the file was last written, in seconds since 1970; a file that was moved keeps its time."""

    @abstractmethod
    def arrived_at(self, file: StoredFile) -> float:
        """When the file came to its place, in seconds since 1970 by the store's clock: a kept time does not count."""

    @abstractmethod
    def lock(self, name: str, waiting: str) -> AbstractContextManager[None]:
        """Lock `name` against other processes. Log the message `waiting`, unless it is empty, if the lock is not free.

        Raises:
            TransientError: another process held the lock until the timeout.
        """

    @abstractmethod
    def fetch_local_paths(self, addresses: Iterable[str]) -> dict[str, str]:
        """Map each address to a local path. Copies of objects last until `drop_local_copies`; one thread at a time.

        Raises:
            FileNotFoundError: there is no such object.
        """

    @abstractmethod
    def write_folder(self, address: str) -> AbstractContextManager[Path]:
        """Give an empty local folder; its files are at the address when the context ends. The address must be new."""

    @abstractmethod
    def drop_local_copies(self) -> None:
        """Remove the copies that `fetch_local_paths` and `write_folder` left."""

    def uri(self, path: str) -> str:
        """The full address of a file or folder, as engines and manifests write it."""
        return f"{self.root}/{path}".rstrip("/")

    def path(self, uri: str) -> str:
        """The path of an address below the root.

        Raises:
            ValueError: the address is elsewhere.
        """
        if not uri.startswith(f"{self.root}/"):
            raise ValueError(f"{uri} is not below {self.root}")
        return uri[len(self.root) + 1 :]

    def read(self, path: str) -> bytes:
        """Read a small file as a whole.

        Raises:
            FileNotFoundError: there is no such file.
        """
        with self.open(path) as file:
            return file.read()

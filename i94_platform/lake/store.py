"""The interface to a tree of files: a local folder or a bucket under a prefix.

Here: the least that the lake needs, so that an object store can offer it: no rename, no append, no directories.
Paths are relative to the store's root and use `/`. Not here: what the files mean.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True, order=True)
class StoredFile:
    """One file: path relative to the root, size in bytes, and a stamp that changes whenever it is written again."""

    path: str
    size: int
    stamp: str


class Store(ABC):
    """A tree of files at one address."""

    root: str
    """The address: an absolute folder, or `s3://bucket/prefix`."""

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        """Every file whose path starts with the folder `prefix`, in path order; nothing where it does not exist."""

    @abstractmethod
    def open(self, path: str) -> BinaryIO:
        """The file for reading; FileNotFoundError where there is none."""

    @abstractmethod
    def local_copy(self, path: str) -> AbstractContextManager[Path]:
        """The file at a local path, a copy where it lies elsewhere; FileNotFoundError where there is none."""

    @abstractmethod
    def put(self, path: str, data: bytes) -> None:
        """Write a small file in one atomic step: readers see the old content or the new, never a part."""

    @abstractmethod
    def create(self, path: str) -> AbstractContextManager[BinaryIO]:
        """A file of any size for writing: it is there, whole, after the context, and not at all after a failure."""

    @abstractmethod
    def delete(self, paths: Iterable[str]) -> None:
        """Remove files; a path that is already gone is no error."""

    @abstractmethod
    def content_version(self, file: StoredFile) -> str:
        """An identifier of the content: a hash or an ETag, equal for equal content."""

    @abstractmethod
    def listing_version(self, file: StoredFile) -> str:
        """What a listing alone tells of the content: other content has another mark.

        On a bucket equal content has an equal one; in a folder a file that was written again has not.
        """

    @abstractmethod
    def modified_at(self, file: StoredFile) -> float:
        """When it was last written, in seconds since 1970; a file that was moved into a folder keeps its time."""

    @abstractmethod
    def lock(self, name: str, waiting: str) -> AbstractContextManager[None]:
        """Hold `name` against other processes that ask for it; `waiting` is logged where one has to wait."""

    def uri(self, path: str) -> str:
        """The full address of a file or folder, as engines and manifests write it."""
        return f"{self.root}/{path}".rstrip("/")

    def path(self, uri: str) -> str:
        """The path of an address below the root; ValueError for one elsewhere."""
        if not uri.startswith(f"{self.root}/"):
            raise ValueError(f"{uri} is not below {self.root}")
        return uri[len(self.root) + 1 :]

    def read(self, path: str) -> bytes:
        """The whole of a small file; FileNotFoundError where there is none."""
        with self.open(path) as file:
            return file.read()

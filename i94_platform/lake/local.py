"""A local folder as a store."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO

from i94_platform.errors import TransientError
from i94_platform.lake.local_files import walk_files
from i94_platform.lake.store import Store, StoredFile

logger = logging.getLogger(__name__)


class LocalStore(Store):
    """Files below one folder. A write goes to a temporary file that is then renamed within the folder."""

    def __init__(self, root: str | Path, lock_timeout: float = 600.0) -> None:
        self.root = str(Path(root).resolve())
        self.lock_timeout = lock_timeout

    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        yield from sorted(walk_files(self.root, str(Path(self.root, prefix))), key=attrgetter("path"))

    def open(self, path: str) -> BinaryIO:
        return Path(self.root, path).open("rb")

    @contextmanager
    def local_copy(self, path: str) -> Iterator[Path]:
        file = Path(self.root, path)
        if not file.exists():
            raise FileNotFoundError(f"{file} does not exist")
        yield file

    def put(self, path: str, data: bytes) -> None:
        with self.create(path) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def create(self, path: str) -> Iterator[BinaryIO]:
        target = Path(self.root, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            with temporary.open("wb") as file:
                yield file
            temporary.replace(target)
        except OSError as error:
            error.filename = error.filename or str(target)  # a failed write names no file
            raise
        finally:
            temporary.unlink(missing_ok=True)

    def delete(self, paths: Iterable[str]) -> None:
        folders = set()
        for path in paths:
            target = Path(self.root, path)
            target.unlink(missing_ok=True)
            folders.add(target.parent)
        for folder in sorted(folders, reverse=True):
            self._remove_empty(folder)

    def _remove_empty(self, folder: Path) -> None:
        while folder != Path(self.root):
            try:
                folder.rmdir()
            except OSError:
                return  # not empty, perhaps filled by another process just now, or already gone
            folder = folder.parent

    def content_version(self, file: StoredFile) -> str:
        if file.problem:
            return self.listing_version(file)
        path = Path(self.root, file.path)
        status = path.stat()
        # a file that changed just now may change again within one tick of the file system's clock
        is_settled = time.time() - status.st_ctime > 2
        identity = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        return f"{file.size}-{_cached_digest(path, identity) if is_settled else _digest(path)}"

    def listing_version(self, file: StoredFile) -> str:
        return f"{file.size}-{file.stamp}"

    def modified_at(self, file: StoredFile) -> float:
        return int(file.stamp) / 1e9

    def arrived_at(self, file: StoredFile) -> float:
        try:
            return Path(self.root, file.path).lstat().st_ctime
        except OSError:
            return self.modified_at(file)  # deleted since it was listed

    @contextmanager
    def lock(self, name: str, waiting: str) -> Iterator[None]:
        from filelock import FileLock, Timeout

        path = Path(self.root, ".locks", name.replace("/", "."))
        path.parent.mkdir(parents=True, exist_ok=True)
        # the kernel frees it when the process ends, however it ends; any thread may release it
        lock = FileLock(path, thread_local=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            if waiting:
                logger.warning("%s", waiting)
            try:
                lock.acquire(self.lock_timeout)
            except Timeout:
                raise TransientError(
                    f"Another process has held {name} in {self.root} for {self.lock_timeout:.0f} s; "
                    "let it finish or stop it, then run again."
                ) from None
        try:
            yield
        finally:
            lock.release()

    def fetch_local_paths(self, addresses: Iterable[str]) -> dict[str, str]:
        return {address: str(Path(self.root, address)) for address in addresses}

    @contextmanager
    def write_folder(self, address: str) -> Iterator[Path]:
        folder = Path(self.root, address)
        folder.mkdir(parents=True)
        yield folder

    def drop_local_copies(self) -> None:
        """Do nothing: local files are used where they are."""


def _digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


@lru_cache(maxsize=4096)
def _cached_digest(path: Path, identity: tuple[int, ...]) -> str:
    """The digest of a file of this identity; one run asks for it several times."""
    return _digest(path)

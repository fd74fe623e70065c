"""A local folder as a store."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from i94_platform.errors import TransientError
from i94_platform.lake.store import Store, StoredFile

logger = logging.getLogger(__name__)


class LocalStore(Store):
    """Files below one folder. Writes are atomic by temporary file and rename within the folder."""

    def __init__(self, root: str | Path, lock_timeout: float = 600.0) -> None:
        self.root = str(Path(root).resolve())
        self.lock_timeout = lock_timeout

    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        top = Path(self.root, prefix)
        found = []
        for folder, folders, names in os.walk(top, followlinks=True):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                path = Path(folder, name)
                try:
                    status = path.stat()
                except FileNotFoundError:
                    continue  # deleted between the listing and the look
                found.append(
                    StoredFile(path.relative_to(self.root).as_posix(), status.st_size, str(status.st_mtime_ns))
                )
        yield from sorted(found)

    def open(self, path: str) -> BinaryIO:
        return Path(self.root, path).open("rb")

    @contextmanager
    def local_copy(self, path: str) -> Iterator[Path]:
        found = Path(self.root, path)
        if not found.exists():
            raise FileNotFoundError(f"{found} does not exist")
        yield found

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
                return  # not empty, perhaps only just filled by another process, or already gone
            folder = folder.parent

    def content_version(self, file: StoredFile) -> str:
        path = Path(self.root, file.path)
        status = path.stat()
        # what was changed just now may change again within one tick of the file system's clock
        rested = time.time() - status.st_ctime > 2
        mark = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        return f"{file.size}-{_digest_of(path, mark) if rested else _digest(path)}"

    def listing_version(self, file: StoredFile) -> str:
        return f"{file.size}-{file.stamp}"

    def modified_at(self, file: StoredFile) -> float:
        return int(file.stamp) / 1e9

    @contextmanager
    def lock(self, name: str, waiting: str) -> Iterator[None]:
        """Hold an advisory lock; the kernel frees it when the process ends, however it ends.

        Raises:
            TransientFailure: another process held it for longer than the timeout.
        """
        path = Path(self.root, ".locks", name.replace("/", "."))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            deadline, told = time.monotonic() + self.lock_timeout, False
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise TransientError(
                            f"Another process has held {name} in {self.root} for {self.lock_timeout:.0f} s; "
                            "let it finish or stop it, then run again."
                        ) from None
                    if not told:
                        logger.warning("%s", waiting)
                        told = True
                    time.sleep(0.1)
            yield


def _digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


@lru_cache(maxsize=4096)
def _digest_of(path: Path, mark: tuple[int, ...]) -> str:
    """The digest of a file that bears this mark; one run asks for it several times."""
    return _digest(path)

"""A bucket, under a prefix, as a store; and local copies of objects, for what reads local files only.

Here: requests to S3 by a boto3 client that is handed in. Nothing relies on more than S3 offers: no rename and no
folder. Not here: where the client and its credentials come from (`assets.resources`), what errors mean
(`s3_failures`), and how a lock works (`lease`).
"""

from __future__ import annotations

import datetime as dt
import io
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from i94_platform.lake.files import Files
from i94_platform.lake.s3_errors import response_error, translate_s3_errors
from i94_platform.lake.s3_lease import LEASE_SECONDS, Lease, hold_lease
from i94_platform.lake.store import Store, StoredFile

Connect = Callable[[], Any]
"""Gives a boto3 client of S3; called when the first request is made."""

SCHEME = "s3://"

READ_BYTES = 8 << 20
"""What reading a file from front to back asks for at a time."""

DOWNLOADS = 4
"""Objects that are copied at a time; a large one comes in several parts at once by itself."""

DELETE_KEYS = 1_000
"""The most that S3 deletes by one request."""


class S3Store(Store):
    """Objects below one prefix of a bucket.

    A stamp is ETag and time. A version is the ETag: equal for equal content that was uploaded alike. The ETag of a
    multipart upload depends on the size of the parts, and with a KMS key on the upload, so a file that was delivered
    again another way can be news although its content is the same, but never the other way round.
    """

    def __init__(
        self,
        root: str,
        connect: Connect,
        scratch: Path,
        lock_timeout: float = 600.0,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self.root, self.lock_timeout, self.lease_seconds = root.rstrip("/"), lock_timeout, lease_seconds
        self._connect, self._scratch = connect, scratch
        self._bucket, self._prefix = _parsed(self.root)
        self._held: list[Lease] = []

    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        start = "".join(f"{part}/" for part in (self._prefix, prefix) if part)
        with self._asking(prefix) as client:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=start)
            for page in pages:
                yield from filter(_is_file, map(self._stored, page.get("Contents", [])))

    def _stored(self, listed: dict[str, Any]) -> StoredFile:
        path = listed["Key"][len(self._prefix) + 1 if self._prefix else 0 :]
        etag = listed["ETag"].strip('"')
        return StoredFile(path, listed["Size"], f"{etag} {listed['LastModified'].isoformat()}")

    def open(self, path: str) -> BinaryIO:
        return io.BufferedReader(_Object(self._client, self._bucket, self._key(path)), READ_BYTES)

    def read(self, path: str) -> bytes:
        with self._asking(path) as client:
            content: bytes = client.get_object(Bucket=self._bucket, Key=self._key(path))["Body"].read()
        return content

    @contextmanager
    def local_copy(self, path: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="object-", dir=_made(self._scratch)) as folder:
            copy = Path(folder, path.rpartition("/")[2])
            _download(self._client, self.uri(path), copy)
            yield copy

    def put(self, path: str, data: bytes) -> None:
        for held in self._held:
            held.check()
        with self._asking(path) as client:
            client.put_object(Bucket=self._bucket, Key=self._key(path), Body=data)

    @contextmanager
    def create(self, path: str) -> Iterator[BinaryIO]:
        with tempfile.TemporaryFile(dir=_made(self._scratch)) as file:
            yield file
            file.seek(0)
            with self._asking(path) as client:
                client.upload_fileobj(file, self._bucket, self._key(path))

    def delete(self, paths: Iterable[str]) -> None:
        keys = [{"Key": self._key(path)} for path in paths]
        for first in range(0, len(keys), DELETE_KEYS):
            batch = {"Objects": keys[first : first + DELETE_KEYS], "Quiet": True}
            with self._asking() as client:
                answer = client.delete_objects(Bucket=self._bucket, Delete=batch)
            for error in answer.get("Errors", []):
                raise response_error(f"{SCHEME}{self._bucket}/{error['Key']} can't be deleted", {"Error": error})

    def content_version(self, file: StoredFile) -> str:
        return file.stamp.partition(" ")[0]

    def listing_version(self, file: StoredFile) -> str:
        return self.content_version(file)

    def modified_at(self, file: StoredFile) -> float:
        return dt.datetime.fromisoformat(file.stamp.partition(" ")[2]).timestamp()

    @contextmanager
    def lock(self, name: str, waiting: str) -> Iterator[None]:
        """Hold a lease that is renewed until the end; a killed holder's is taken over after `lease_seconds`.

        Raises:
            TransientFailure: another process held it for longer than the timeout.
        """
        key = self._key(f".locks/{name.replace('/', '.')}")
        limits = {"timeout": self.lock_timeout, "seconds": self.lease_seconds}
        with hold_lease(self._client, self._bucket, key, waiting=waiting, **limits) as held:
            self._held.append(held)
            try:
                yield
            finally:
                self._held.remove(held)

    @contextmanager
    def _asking(self, path: str = "") -> Iterator[Any]:
        """The client, for requests about a path."""
        client = self._client
        with translate_s3_errors(self.uri(path)):
            yield client

    @cached_property
    def _client(self) -> Any:
        return self._connect()

    def _key(self, path: str) -> str:
        return f"{self._prefix}/{path}".lstrip("/")


class S3Files(Files):
    """Local files where they lie, and objects as copies in a folder of their own.

    Objects are read many times by one step and from all ends: one download costs less than many small requests.
    """

    def __init__(self, connect: Connect, scratch: Path) -> None:
        self._connect, self._scratch = connect, scratch
        self._copies: dict[str, str] = {}
        self._folder: Path | None = None

    def local(self, urls: Iterable[str]) -> dict[str, str]:
        asked = list(urls)
        new = [url for url in dict.fromkeys(asked) if url.startswith(SCHEME) and url not in self._copies]
        if new:
            client, folder, first = self._client, self._made, len(self._copies)
            copies = {url: folder / f"{first + number}.parquet" for number, url in enumerate(new)}
            with ThreadPoolExecutor(DOWNLOADS) as pool:
                list(pool.map(lambda url: _download(client, url, copies[url]), new))
            self._copies |= {url: str(copy) for url, copy in copies.items()}
        return {url: self._copies.get(url, url) for url in asked}

    def open(self, url: str) -> BinaryIO:
        if not url.startswith(SCHEME):
            return super().open(url)
        return io.BufferedReader(_Object(self._client, *_parsed(url)), READ_BYTES)

    @contextmanager
    def writing(self, folder: str) -> Iterator[Path]:
        if not folder.startswith(SCHEME):
            with super().writing(folder) as made:
                yield made
            return
        made = Path(tempfile.mkdtemp(prefix="written-", dir=self._made))
        yield made
        for file in sorted(made.rglob("*")):
            url = f"{folder}/{file.relative_to(made).as_posix()}"
            client, (bucket, key) = self._client, _parsed(url)
            with translate_s3_errors(url), file.open("rb") as content:
                client.upload_fileobj(content, bucket, key)
            self._copies[url] = str(file)  # what was written is often read next

    def forget(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder)
        self._copies, self._folder = {}, None

    @property
    def _made(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="objects-", dir=_made(self._scratch)))
        return self._folder

    @cached_property
    def _client(self) -> Any:
        return self._connect()


class _Object(io.RawIOBase):
    """An object for reading at any place, by requests for ranges of it."""

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        self._client, self._where, self._place = client, {"Bucket": bucket, "Key": key}, 0
        self._address = f"{SCHEME}{bucket}/{key}"
        with translate_s3_errors(self._address):
            head = client.head_object(**self._where)
        self._size, self._etag = head["ContentLength"], head["ETag"]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, start + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        content = self._range(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def readall(self) -> bytes:
        return self._range(self._size)

    def _range(self, most: int) -> bytes:
        """The next bytes, all of those that are asked for and there."""
        wanted = min(most, self._size - self._place)
        if wanted <= 0:
            return b""
        span = f"bytes={self._place}-{self._place + wanted - 1}"
        with translate_s3_errors(self._address):
            # the ETag makes sure that every range is of one and the same content
            answer = self._client.get_object(**self._where, Range=span, IfMatch=self._etag)
            content: bytes = answer["Body"].read()
        self._place += len(content)
        return content


def _parsed(address: str) -> tuple[str, str]:
    """Bucket and key, or prefix, of an address."""
    bucket, _, key = address.removeprefix(SCHEME).partition("/")
    return bucket, key


def _download(client: Any, url: str, copy: Path) -> None:
    with translate_s3_errors(url), copy.open("wb") as file:
        client.download_fileobj(*_parsed(url), file)


def _is_file(file: StoredFile) -> bool:
    """Not a folder's marker, as consoles and Hadoop leave them, and not in a hidden folder."""
    *folders, name = file.path.split("/")
    return bool(name) and not any(folder.startswith(".") for folder in folders)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder

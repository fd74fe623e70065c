"""A bucket under a prefix as a store. It relies on nothing but S3: no rename, no folders."""

from __future__ import annotations

import datetime as dt
import io
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from i94_platform.lake.local import LocalStore
from i94_platform.lake.s3_errors import response_error, translate_s3_errors
from i94_platform.lake.s3_lease import LEASE_SECONDS, Lease, hold_lease
from i94_platform.lake.s3_probe import fetch_time, find_ignored_conditions
from i94_platform.lake.store import Store, StoredFile, is_skipped_folder

SCHEME = "s3://"

READ_BYTES = 8 << 20
"""How much a sequential reader requests at a time."""

DOWNLOADS = 4
"""Objects downloaded at a time; boto3 splits a large one into parallel parts itself."""

DELETE_KEYS = 1_000
"""The most keys that S3 deletes in one request."""


class S3Store(Store):
    """Objects below one prefix of a bucket.

    A stamp is ETag and time. A version is the ETag, which is equal for equal content that was uploaded alike. The ETag
    of a multipart upload depends on the part size, and with a KMS key on the upload. So a file that is delivered again
    may get another version although its content is the same, but new content always gets one.
    """

    def __init__(
        self,
        root: str,
        connect: Callable[[], Any],
        scratch: Path,
        lock_timeout: float = 600.0,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        """`connect` gives the boto3 client when the first request is made; `scratch` is a local folder for copies.

        An engine's store may have `s3://` itself as its root, since an engine gives full addresses only.
        """
        self.root, self.lock_timeout, self.lease_seconds = root.rstrip("/"), lock_timeout, lease_seconds
        self._connect, self._scratch = connect, scratch
        self._bucket, self._prefix = _split(self.root)
        self._local = LocalStore("/")  # deliveries may lie in a folder while the lake is a bucket
        self._leases: list[Lease] = []
        self._copies: dict[str, str] = {}
        self._copies_folder: Path | None = None

    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        start = "".join(f"{part}/" for part in (self._prefix, prefix) if part)
        with self._requests(prefix) as client:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=start)
            for page in pages:
                yield from filter(_is_file, map(self._stored_file, page.get("Contents", [])))

    def _stored_file(self, item: dict[str, Any]) -> StoredFile:
        path, etag = item["Key"].removeprefix(f"{self._prefix}/"), item["ETag"].strip('"')
        return StoredFile(path, item["Size"], f"{etag} {item['LastModified'].isoformat()}")

    def open(self, path: str) -> BinaryIO:
        if path.startswith("/"):
            return self._local.open(path)
        return io.BufferedReader(_ObjectReader(self._client, self._full_address(path)), READ_BYTES)

    def read(self, path: str) -> bytes:
        with self._requests(path) as client:
            content: bytes = client.get_object(Bucket=self._bucket, Key=self._key(path))["Body"].read()
        return content

    @contextmanager
    def local_copy(self, path: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="object-", dir=self._make_scratch()) as folder:
            copy = Path(folder, path.rpartition("/")[2])
            _download(self._client, self.uri(path), copy)
            yield copy

    def put(self, path: str, data: bytes) -> None:
        for lease in self._leases:
            lease.require_held()
        address = self._full_address(path)
        client, (bucket, key) = self._client, _split(address)
        with translate_s3_errors(address):
            client.put_object(Bucket=bucket, Key=key, Body=data)

    @contextmanager
    def create(self, path: str) -> Iterator[BinaryIO]:
        with tempfile.TemporaryFile(dir=self._make_scratch()) as file:
            yield file
            file.seek(0)
            with self._requests(path) as client:
                client.upload_fileobj(file, self._bucket, self._key(path))

    def delete(self, paths: Iterable[str]) -> None:
        keys = [{"Key": self._key(path)} for path in paths]
        for first in range(0, len(keys), DELETE_KEYS):
            batch = {"Objects": keys[first : first + DELETE_KEYS], "Quiet": True}
            with self._requests() as client:
                response = client.delete_objects(Bucket=self._bucket, Delete=batch)
            for error in response.get("Errors", []):
                raise response_error(f"{SCHEME}{self._bucket}/{error['Key']} can't be deleted", {"Error": error})

    def content_version(self, file: StoredFile) -> str:
        return file.stamp.partition(" ")[0]

    def listing_version(self, file: StoredFile) -> str:
        return self.content_version(file)

    def modified_at(self, file: StoredFile) -> float:
        return dt.datetime.fromisoformat(file.stamp.partition(" ")[2]).timestamp()

    def arrived_at(self, file: StoredFile) -> float:
        return self.modified_at(file)

    @contextmanager
    def lock(self, name: str, waiting: str) -> Iterator[None]:
        key = self._key(f".locks/{name.replace('/', '.')}")
        limits = {"timeout": self.lock_timeout, "seconds": self.lease_seconds}
        with hold_lease(self._client, self._bucket, key, waiting=waiting, **limits) as lease:
            self._leases.append(lease)
            try:
                yield
            finally:
                self._leases.remove(lease)

    def find_ignored_conditions(self) -> Sequence[str]:
        """Find the headers of conditional writes that the store ignores: then locks would keep nobody out."""
        with self._requests() as client:
            return find_ignored_conditions(client, self._bucket, self._key(f".locks/doctor-{uuid.uuid4().hex}"))

    def fetch_time(self) -> float:
        """Fetch the store's time, in seconds since 1970."""
        with self._requests() as client:
            return fetch_time(client, self._bucket, self._key(""))

    def fetch_local_paths(self, addresses: Iterable[str]) -> dict[str, str]:
        # engines read an object many times and from both ends: one download costs less than many small requests
        addresses = list(addresses)
        missing = [a for a in dict.fromkeys(addresses) if a.startswith(SCHEME) and a not in self._copies]
        if missing:
            client, folder, first = self._client, self._make_copies_folder(), len(self._copies)
            copies = {address: folder / f"{first + number}.parquet" for number, address in enumerate(missing)}
            with ThreadPoolExecutor(DOWNLOADS) as pool:
                list(pool.map(lambda address: _download(client, address, copies[address]), missing))
            self._copies |= {address: str(copy) for address, copy in copies.items()}
        return {address: self._copies.get(address, address) for address in addresses}

    @contextmanager
    def write_folder(self, address: str) -> Iterator[Path]:
        if not address.startswith(SCHEME):
            with self._local.write_folder(address) as folder:
                yield folder
            return
        folder = Path(tempfile.mkdtemp(prefix="folder-", dir=self._make_copies_folder()))
        yield folder
        for file in sorted(folder.rglob("*")):
            target = f"{address}/{file.relative_to(folder).as_posix()}"
            client, (bucket, key) = self._client, _split(target)
            with translate_s3_errors(target), file.open("rb") as content:
                client.upload_fileobj(content, bucket, key)
            self._copies[target] = str(file)  # an engine often reads next what it wrote

    def drop_local_copies(self) -> None:
        if self._copies_folder is not None:
            shutil.rmtree(self._copies_folder)
        self._copies, self._copies_folder = {}, None

    def _make_copies_folder(self) -> Path:
        if self._copies_folder is None:
            self._copies_folder = Path(tempfile.mkdtemp(prefix="objects-", dir=self._make_scratch()))
        return self._copies_folder

    def _make_scratch(self) -> Path:
        self._scratch.mkdir(parents=True, exist_ok=True)
        return self._scratch

    @contextmanager
    def _requests(self, path: str = "") -> Iterator[Any]:
        """The client, for requests about a path."""
        client = self._client
        with translate_s3_errors(self.uri(path)):
            yield client

    @cached_property
    def _client(self) -> Any:
        return self._connect()

    def _full_address(self, path: str) -> str:
        return path if path.startswith(SCHEME) else self.uri(path)

    def _key(self, path: str) -> str:
        return f"{self._prefix}/{path}".lstrip("/")


class _ObjectReader(io.RawIOBase):
    """Reads an object from any position by range requests."""

    def __init__(self, client: Any, address: str) -> None:
        self._client, self._address, self._position = client, address, 0
        bucket, key = _split(address)
        self._object = {"Bucket": bucket, "Key": key}
        with translate_s3_errors(address):
            head = client.head_object(**self._object)
        self._size, self._etag = head["ContentLength"], head["ETag"]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        content = self._read_range(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def readall(self) -> bytes:
        return self._read_range(self._size)

    def _read_range(self, limit: int) -> bytes:
        """Read up to `limit` bytes from the current position."""
        count = min(limit, self._size - self._position)
        if count <= 0:
            return b""
        span = f"bytes={self._position}-{self._position + count - 1}"
        with translate_s3_errors(self._address):
            # the ETag makes sure that all ranges belong to the same content
            response = self._client.get_object(**self._object, Range=span, IfMatch=self._etag)
            content: bytes = response["Body"].read()
        self._position += len(content)
        return content


def _split(address: str) -> tuple[str, str]:
    """Bucket and key, or prefix, of an address."""
    bucket, _, key = address.removeprefix(SCHEME).partition("/")
    return bucket, key


def _download(client: Any, address: str, copy: Path) -> None:
    with translate_s3_errors(address), copy.open("wb") as file:
        client.download_fileobj(*_split(address), file)


def _is_file(file: StoredFile) -> bool:
    """Whether this is neither a folder marker, as consoles and Hadoop leave them, nor in a hidden folder."""
    *folders, name = file.path.split("/")
    return bool(name) and not any(map(is_skipped_folder, folders))

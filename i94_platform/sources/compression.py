"""Delivered files that are compressed: `.gz`, and `.zip` with one file in it."""

from __future__ import annotations

import errno
import gzip
import lzma
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, cast

from i94_platform.errors import PermanentError
from i94_platform.lake.store import Store, StoredFile
from i94_platform.sources.sniffing import HEAD_BYTES, ExpectedFormat, check_bytes, check_content

Compression = Literal["gz", "zip"]

COPY_BYTES = 1 << 20
"""How much of a file is decompressed at a time."""

_MAGIC: dict[Compression, bytes] = {"gz": b"\x1f\x8b", "zip": b"PK"}
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError, OverflowError)
_ENCRYPTED = 1  # a bit of a member's flags


def detect_compression(path: str) -> Compression | None:
    """Say by its ending how a file is compressed."""
    ending = path.rpartition(".")[2].lower()
    return ending if ending in _MAGIC else None


@contextmanager
def open_decompressed(store: Store, path: str) -> Iterator[BinaryIO]:
    """Open a file for reading; one that is compressed is decompressed while it is read.

    Raises:
        PermanentError: the file is not compressed as its ending says, is encrypted or damaged, or is a zip file with
            other than one file in it.
    """
    compression = detect_compression(path)
    with store.open(path) as content:
        if compression is None:
            yield content
            return
        if not content.read(2).startswith(_MAGIC[compression]):
            raise PermanentError(f"{path} is no {compression} file; deliver it without the ending .{compression}.")
        content.seek(0)
        with (
            _translate_damage(path),
            _open_gzip(content) if compression == "gz" else _open_zip(content, path) as decompressed,
        ):
            yield decompressed


@contextmanager
def _translate_damage(path: str) -> Iterator[None]:
    try:
        yield
    except (*_DAMAGE, OSError) as error:
        # an offset in a damaged zip file may be one that no file has
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise PermanentError(
            f"{path} can't be decompressed, because it is damaged or incomplete; ask for it to be delivered again."
        ) from error


@contextmanager
def decompress_to_local(store: Store, path: str) -> Iterator[Path]:
    """Give a file a local path where it is not compressed: its own, or that of a copy.

    Raises:
        PermanentError: as `open_decompressed`.
    """
    if detect_compression(path) is None:
        with store.local_copy(path) as local:
            yield local
        return
    with tempfile.NamedTemporaryFile(prefix="decompressed-") as copy:
        with open_decompressed(store, path) as content:
            shutil.copyfileobj(content, copy, COPY_BYTES)
        copy.flush()
        yield Path(copy.name)


def check_delivered(store: Store, file: StoredFile, expected: ExpectedFormat) -> None:
    """Refuse a file that is of another format than `expected`, compressed or not.

    Raises:
        PermanentError: as `check_content` and `open_decompressed`.
    """
    if detect_compression(file.path) is None:
        check_content(store, file, expected)
    elif not file.size:
        check_bytes(file.path, b"", b"", expected)
    else:
        with open_decompressed(store, file.path) as content:
            head = content.read(HEAD_BYTES)
        # the end of a longer file is not known before it has been read; the reader of the footer finds a missing one
        tail = head if len(head) < HEAD_BYTES else head + head[:4]
        check_bytes(file.path, head, tail, expected)


def _open_gzip(content: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", gzip.GzipFile(fileobj=content))


def _open_zip(content: BinaryIO, path: str) -> BinaryIO:
    archive = zipfile.ZipFile(content)
    # macOS adds a file of its own for every file
    members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
    if len(members) != 1:
        raise PermanentError(f"{path} holds {len(members)} files; deliver each one in a zip file of its own.")
    if members[0].flag_bits & _ENCRYPTED:
        raise PermanentError(f"{path} is an encrypted zip file; deliver it without encryption.")
    return cast("BinaryIO", archive.open(members[0]))

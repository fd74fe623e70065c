"""Delivered text as bytes of UTF-8 with `\\n` after each line, and one scan of it that decides and counts."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from i94_platform.errors import PermanentError
from i94_platform.lake.store import Store
from i94_platform.sources.compression import open_decompressed
from i94_platform.sources.sniffing import UTF_16_MARKS

CHUNK_BYTES = 1 << 20
MAX_LINE_BYTES = 1 << 20
"""A longer line is no row, and would have to be in memory as a whole."""


@dataclass(frozen=True)
class TextScan:
    """What one pass over a file of lines found."""

    encoding: str
    """The codec: utf-8, utf-16 or latin-1."""
    has_bare_returns: bool
    """Whether lines end with a carriage return alone, as on an old Macintosh."""
    records: int
    """Lines that are not empty, the header among them. This is the count that no parser takes part in."""
    lines: int
    has_last_newline: bool


def scan_text(store: Store, path: str) -> TextScan:
    """Read a file through once: count its lines, decide its encoding by all its bytes, and look for NUL bytes.

    Raises:
        PermanentError: a NUL byte, UTF-16 that can't be decoded, or a compressed file that can't be decompressed.
    """
    with open_decompressed(store, path) as content:
        head = content.read(CHUNK_BYTES)
    encoding = "utf-16" if head.startswith(UTF_16_MARKS) else "utf-8"
    newline, bare_return = ("\n", "\r") if encoding == "utf-8" else ("\n\0", "\r\0")
    has_bare_returns = newline.encode() not in head and bare_return.encode() in head
    try:
        return _scan(store, path, encoding, has_bare_returns)
    except UnicodeDecodeError as error:
        if encoding == "utf-16":
            raise PermanentError(
                f"{path} is incomplete or damaged UTF-16; ask for it to be delivered again."
            ) from error
        return _scan(store, path, "latin-1", has_bare_returns)


def _scan(store: Store, path: str, encoding: str, has_bare_returns: bool) -> TextScan:
    lines = empty_lines = 0
    rest = b""
    check = codecs.getincrementaldecoder("utf-8")()
    with open_decompressed(store, path) as content:
        for chunk in _iterate_utf8(content, encoding, has_bare_returns):
            if not chunk.isascii() or check.getstate()[0]:
                check.decode(chunk)
            if b"\0" in chunk:
                line = lines + chunk[: chunk.index(b"\0")].count(b"\n") + 1
                raise PermanentError(f"{path}, line {line} has a NUL byte; ask for it to be delivered again.")
            whole, newline, rest = (rest + chunk).rpartition(b"\n")
            if len(rest) > MAX_LINE_BYTES:
                raise PermanentError(f"{path}, line {lines + 1} is longer than any row; deliver a table of lines.")
            whole += newline
            lines += whole.count(b"\n")
            empty_lines += _count_empty_lines(whole)
    check.decode(b"", final=True)
    has_rest = bool(rest.strip(b"\r"))
    return TextScan(encoding, has_bare_returns, lines - empty_lines + has_rest, lines + has_rest, not has_rest)


def _count_empty_lines(lines: bytes) -> int:
    may_have = lines.startswith((b"\n", b"\r")) or b"\n\n" in lines or b"\n\r" in lines
    return sum(not line.strip(b"\r") for line in lines.split(b"\n")[:-1]) if may_have else 0


@contextmanager
def open_utf8(store: Store, path: str, scan: TextScan) -> Iterator[BinaryIO]:
    """Open a scanned file as UTF-8 without a byte order mark, with `\\n` or `\\r\\n` after each line."""
    with open_decompressed(store, path) as content:
        chunks = _iterate_utf8(content, scan.encoding, scan.has_bare_returns)
        reader = io.BufferedReader(_ChunkReader(chunks), CHUNK_BYTES)
        if reader.peek(3).startswith(codecs.BOM_UTF8):
            reader.read(3)
        yield cast("BinaryIO", reader)


def _iterate_utf8(content: BinaryIO, encoding: str, has_bare_returns: bool) -> Iterator[bytes]:
    decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)()
    while True:
        chunk = content.read(CHUNK_BYTES)
        is_last = not chunk
        if decoder:
            chunk = decoder.decode(chunk, final=is_last).encode("utf-8", "surrogatepass")
        if has_bare_returns:
            chunk = chunk.replace(b"\r", b"\n")
        if chunk:
            yield chunk
        if is_last:
            return


class _ChunkReader(io.RawIOBase):
    """A file over chunks of bytes."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # narrower than Buffer
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

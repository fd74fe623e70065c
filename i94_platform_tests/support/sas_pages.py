"""Make variants of a SAS file at the byte level: rows marked as deleted, compressed rows, another encoding, more rows.

The offsets are those of the public description of the format ("SAS7BDAT Database Binary Format", M. Shotwell). The
input is a 64-bit little-endian file as `write_sas` writes it: pages of metadata, then pages of rows.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

PAGE_HEADER, POINTER = 40, 24
_ROW_SIZE_SIGNATURE = b"\xf7\xf7\xf7\xf7"
_META, _DATA, _MIX, _HAS_DELETED = 0x0000, 0x0100, 0x0200, 0x0080
_PLAIN, _MOVED_FROM, _COMPRESSED, _COMPRESSED_DELETED, _MOVED_TO = 0, 3, 4, 5, 6


@dataclass(frozen=True)
class SasImage:
    """The parts of a SAS file: its header, its metadata pages and the bytes of each row.

    The last metadata page may have rows, too: the first `mixed_rows` of a file that is not compressed.
    """

    header: bytes
    metadata: bytes
    page_size: int
    rows: list[bytes]
    mixed_rows: int

    @classmethod
    def read(cls, path: Path) -> SasImage:
        """Take a file apart."""
        data = path.read_bytes()
        header_size, page_size = struct.unpack_from("<II", data, sizes_offset(data))
        pages = [data[start : start + page_size] for start in range(header_size, len(data), page_size)]
        metadata = b"".join(page for page in pages if not _counts(page)[0] & _DATA)
        row_length = struct.unpack_from("<Q", metadata, metadata.index(_ROW_SIZE_SIGNATURE) + 40)[0]
        rows, mixed_rows = list[bytes](), 0
        for page in pages:
            type_, items, pointers = _counts(page)
            if type_ & (_DATA | _MIX):
                first, count = PAGE_HEADER + pointers * POINTER, items - pointers
                rows += [page[first + n * row_length : first + (n + 1) * row_length] for n in range(count)]
                mixed_rows += count if type_ & _MIX else 0
        return cls(data[:header_size], metadata, page_size, rows, mixed_rows)

    def write(
        self,
        path: Path,
        *,
        deleted: Collection[int] = (),
        moved: Collection[int] = (),
        plain: Collection[int] = (),
        is_compressed: bool = False,
        encoding: int | None = None,
        repeat: int = 1,
        header_rows: int | None = None,
    ) -> None:
        """Write the file anew.

        Args:
            path: The file to write.
            deleted: The positions of the rows to mark as deleted.
            moved: The positions of the compressed rows that stand on other pages, as after an update.
            plain: The positions of the rows of a compressed file that are not compressed.
            is_compressed: Whether the rows are compressed by SAS's run-length encoding (`COMPRESS=CHAR`).
            encoding: The code of the declared encoding: 0 none, 20 UTF-8, 29 Latin-1, 62 Windows-1252.
            repeat: How many times the pages of rows are written.
            header_rows: The number of rows that the file states, if not the true one.
        """
        pages = list(self._compressed_pages(deleted, moved, plain) if is_compressed else self._plain_pages(deleted))
        metadata_pages = len(self.metadata) // self.page_size
        header = bytearray(self.header)
        metadata = bytearray(self.metadata if is_compressed else self._mix_rows(deleted))
        if is_compressed and self.mixed_rows:
            last = len(metadata) - self.page_size
            struct.pack_into("<HH", metadata, last + 32, _META, _counts(metadata[last:])[2])
        struct.pack_into("<Q", header, sizes_offset(header) + 8, metadata_pages + len(pages) * repeat)
        if encoding is not None:
            header[70] = header[71] = encoding
        row_size = metadata.index(_ROW_SIZE_SIGNATURE)
        rows = len(self.rows) * repeat if header_rows is None else header_rows
        struct.pack_into("<QQ", metadata, row_size + 48, rows, len(deleted) * repeat)
        with path.open("wb") as file:
            file.write(header + metadata)
            _write_pages(file, pages, repeat)

    def _mix_rows(self, deleted: Collection[int]) -> bytes:
        """Put the first rows, and which of them are deleted, on the last metadata page."""
        if not self.mixed_rows:
            return self.metadata
        last, content = len(self.metadata) - self.page_size, bytearray(self.metadata)
        first = last + PAGE_HEADER + _counts(self.metadata[last:])[2] * POINTER
        flags = _flags(deleted, 0, self.mixed_rows)
        mixed = b"".join(self.rows[: self.mixed_rows]) + flags
        content[first : first + len(mixed)] = mixed
        struct.pack_into("<QH", content, last + 24, 0, _MIX | (_HAS_DELETED if any(flags) else 0))
        return bytes(content)

    def _plain_pages(self, deleted: Collection[int]) -> Iterator[bytes]:
        """Lay rows out side by side; one bit for each row stands at the page's end and says whether it is deleted."""
        length = len(self.rows[0])
        per_page = 8 * (self.page_size - PAGE_HEADER) // (1 + 8 * length)
        for first in range(self.mixed_rows, len(self.rows), per_page):
            rows = self.rows[first : first + per_page]
            flags = _flags(deleted, first, len(rows))
            unused = self.page_size - PAGE_HEADER - len(rows) * length - len(flags)
            type_ = _DATA | (_HAS_DELETED if any(flags) else 0)
            yield _page_header(unused, type_, len(rows), 0) + b"".join(rows) + bytes(unused) + flags

    def _compressed_pages(
        self, deleted: Collection[int], moved: Collection[int], plain: Collection[int]
    ) -> Iterator[bytes]:
        """Lay compressed rows out from the page's end; the page starts with a pointer to each."""
        packed = [compress_row(row) for row in self.rows]
        blocks = [(_COMPRESSED_DELETED if n in deleted else _COMPRESSED, row) for n, row in enumerate(packed)]
        for number in plain:
            blocks[number] = (_PLAIN, self.rows[number])
        for number in moved:
            blocks[number] = (_MOVED_FROM, b"")
        pages = self._split_into_pages(blocks + [(_MOVED_TO, packed[number]) for number in sorted(moved)])
        first = len(self.metadata) // self.page_size + 1
        places = [
            (page_number, block_number)
            for page_number, page in enumerate(pages, first)
            for block_number, (kind, _) in enumerate(page, 1)
            if kind == _MOVED_TO
        ]
        next_place = iter(places)
        for page in pages:
            pointers, content, end = bytearray(), bytearray(), self.page_size
            for kind, data in page:
                end -= len(data)
                offset, length = next(next_place) if kind == _MOVED_FROM else (end, len(data))
                pointers += struct.pack("<QQBB6x", offset, length, kind, 1)
                content[:0] = data
            unused = self.page_size - PAGE_HEADER - len(pointers) - len(content)
            yield _page_header(unused, _META, len(page), len(page)) + pointers + bytes(unused) + content

    def _split_into_pages(self, blocks: list[tuple[int, bytes]]) -> list[list[tuple[int, bytes]]]:
        pages: list[list[tuple[int, bytes]]] = [[]]
        free = self.page_size - PAGE_HEADER
        for kind, data in blocks:
            if POINTER + len(data) > free:
                pages.append([])
                free = self.page_size - PAGE_HEADER
            free -= POINTER + len(data)
            pages[-1].append((kind, data))
        return pages


def compress_row(row: bytes) -> bytes:
    """Compress a row by SAS's run-length encoding: runs of blanks and zeros, and copies of at most 16 bytes."""
    packed, copied, position = bytearray(), bytearray(), 0

    def flush() -> None:
        for start in range(0, len(copied), 16):
            piece = copied[start : start + 16]
            packed.extend(bytes([0x80 | len(piece) - 1]) + piece)
        copied.clear()

    while position < len(row):
        byte, run = row[position], 1
        while run < 17 and position + run < len(row) and row[position + run] == byte:
            run += 1
        if byte in b"\0 " and run >= 2:
            flush()
            packed.append((0xE0 if byte == 0x20 else 0xF0) | run - 2)
        else:
            run = 1
            copied.append(byte)
        position += run
    flush()
    return bytes(packed)


def sizes_offset(header: bytes | bytearray) -> int:
    """Return where the sizes of the header and of a page stand, and behind them the number of pages."""
    return 200 if header[35] == ord("3") else 196


def _write_pages(file: BinaryIO, pages: list[bytes], repeat: int) -> None:
    for _ in range(repeat):
        file.writelines(pages)


def _page_header(unused: int, type_: int, blocks: int, subheaders: int) -> bytes:
    return struct.pack("<24xQHHH2x", unused, type_, blocks, subheaders)


def _flags(deleted: Collection[int], first: int, count: int) -> bytes:
    """One bit for each of `count` rows, set where the row is deleted."""
    flags = bytearray((count + 7) // 8)
    for number in range(count):
        if first + number in deleted:
            flags[number // 8] |= 0x80 >> number % 8
    return bytes(flags)


def _counts(page: bytes | bytearray) -> tuple[int, int, int]:
    """The type of a page, its rows and pointers together, and its pointers alone."""
    type_, items, pointers = struct.unpack_from("<HHH", page, 32)
    return type_, items, pointers

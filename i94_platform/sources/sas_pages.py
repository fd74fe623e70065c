"""The pages of a SAS file: the rows on each, the rows that are marked as deleted, and parts of a file as small files.

The offsets are those of the public description of the format: M. Shotwell, "SAS7BDAT Database Binary Format". Not here:
columns and values, which pyreadstat reads.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO, Literal

from i94_platform.errors import PermanentError

LATIN_1 = 29
"""SAS's number of the encoding Latin-1."""

_MAGIC = bytes.fromhex("000000000000000000000000c2ea8160b31411cfbd92080009c7318c181f1011")
_CATALOG_MAGIC = _MAGIC.replace(b"\x60", b"\x63")
_HEADER_FIELDS = 512
"""The bytes at the start of a file that hold every field which is read here."""
_PAGE_SIZES = range(1024, (1 << 24) + 1)
_ENCODING_OFFSETS = (70, 71)

_ROW_SIZE, _COLUMN_SIZE, _FIRST_OTHER = 0xF7F7F7F7, 0xF6F6F6F6, 0xFFFFFB00
"""How metadata blocks begin; all other kinds begin with a number from the last one on."""

_DATA, _MIX, _FULL_TYPE, _INDEX = 0x0100, 0x0200, 0x0F00, 0x9000
"""Types of pages: rows, metadata and rows; the bits that hold them; the bits of a page with neither."""

_HAS_DELETED = 0x0080
"""The bit in a page's type that says that the page has a bit for each row, set where the row is deleted."""

_PLAIN, _SKIPPED, _MOVED, _COMPRESSED, _COMPRESSED_DELETED = 0, 1, 3, 4, 5
"""How a block is stored. A moved row has no block here: its pointer has the numbers of another page and block."""

_ROWS = (_MOVED, _COMPRESSED, _COMPRESSED_DELETED)


@dataclass(frozen=True)
class SasHeader:
    """What the header of a SAS file says about its layout."""

    content: bytes
    byte_order: Literal["<", ">"]
    word_size: Literal[4, 8]
    page_size: int
    page_count: int
    page_count_offset: int

    @property
    def encoding(self) -> int:
        """SAS's number of the encoding of texts; 0 where none is declared."""
        return self.content[_ENCODING_OFFSETS[0]]

    @property
    def page_header_size(self) -> int:
        """The bytes of a page before its pointers or rows."""
        return 40 if self.word_size == 8 else 24

    @property
    def word(self) -> str:
        """The format of the file's integers, for `struct`."""
        return self.byte_order + ("Q" if self.word_size == 8 else "I")


@dataclass(frozen=True, slots=True)
class SasPage:
    """One page: its rows, how many of them are marked as deleted, and whether it holds metadata."""

    rows: int
    deleted_rows: int
    has_metadata: bool
    moved_to: frozenset[int]
    """The numbers, from 1, of the pages that hold rows of this page."""


@dataclass(frozen=True)
class SasPages:
    """All pages of a SAS file in its order."""

    header: SasHeader
    pages: Sequence[SasPage]

    @property
    def rows(self) -> int:
        """The rows on all pages, without those that are marked as deleted."""
        return sum(page.rows - page.deleted_rows for page in self.pages)

    @property
    def deleted_rows(self) -> int:
        """The rows that are marked as deleted."""
        return sum(page.deleted_rows for page in self.pages)

    def read_parts(self, file: BinaryIO, part_rows: int) -> Iterator[bytes]:
        """Read the file in parts of about `part_rows` rows, in order; each part is a SAS file with all metadata.

        A file without rows has one part. So a file is read once, while a reader that skips rows starts anew for each
        part.
        """
        part, rows, is_first = set[int](), 0, True
        for index, page in enumerate(self.pages):
            if page.rows:
                part.add(index)
                rows += page.rows
            if rows >= part_rows:
                yield self._render_part(file, part)
                part, rows, is_first = set(), 0, False
        if part or is_first:
            yield self._render_part(file, part)

    @cached_property
    def _metadata(self) -> set[int]:
        return {index for index, page in enumerate(self.pages) if page.has_metadata}

    def _render_part(self, file: BinaryIO, part: set[int]) -> bytes:
        """Render a file of all metadata and of the rows of the pages `part`."""
        moved = {number - 1 for index in part for number in self.pages[index].moved_to}
        included = sorted(part | moved | self._metadata)
        numbers = {index + 1: number for number, index in enumerate(included, 1)}
        rows = sum(self.pages[index].rows for index in part)
        deleted_rows = sum(self.pages[index].deleted_rows for index in part)
        header = bytearray(self.header.content)
        struct.pack_into(self.header.word, header, self.header.page_count_offset, len(included))
        content = [bytes(header)]
        for index in included:
            file.seek(len(header) + index * self.header.page_size)
            data = file.read(self.header.page_size)
            if index not in part:
                data = _drop_rows(self.header, data)
            elif self.pages[index].moved_to:
                data = _renumber_pages(self.header, data, numbers)
            content.append(_state_rows(self.header, data, rows, deleted_rows) if index in self._metadata else data)
        return b"".join(content)


def read_sas_pages(file: BinaryIO, path: str, size: int) -> SasPages:
    """Read where the rows of a file are; `path` and `size` are those of the file.

    Raises:
        PermanentError: the file is no SAS data set, damaged or incomplete, or states other rows than it holds.
    """
    header = _read_header(file, path, size)
    pages, row_size = list[SasPage](), _RowSize(0, 0, 0)
    for number in range(1, header.page_count + 1):
        data = file.read(header.page_size)
        try:
            row_size = _find_row_size(header, data) or row_size
            page = _describe_page(header, data, row_size.row_length)
        except (struct.error, IndexError, OverflowError) as error:
            raise _refuse(path, f"page {number} of {header.page_count} is damaged") from error
        if page.moved_to and max(page.moved_to) > header.page_count:
            raise _refuse(path, f"page {number} of {header.page_count} leads to pages that are not in the file")
        pages.append(page)
    result = SasPages(header, pages)
    _check_stated(path, "deleted rows", row_size.deleted_rows, result.deleted_rows)
    _check_stated(path, "rows", row_size.rows, result.rows + result.deleted_rows)
    return result


def declare_latin_1(part: bytes) -> bytes:
    """Declare that the texts of a file are in Latin-1, whatever they were said to be in."""
    content = bytearray(part)
    for offset in _ENCODING_OFFSETS:
        content[offset] = LATIN_1
    return bytes(content)


def _read_header(file: BinaryIO, path: str, size: int) -> SasHeader:
    start = file.read(_HEADER_FIELDS)
    if start.startswith(_CATALOG_MAGIC):
        raise PermanentError(
            f"{path} can't be read as SAS, because it is a SAS catalog, which has no rows; deliver the data set."
        )
    if not start.startswith(_MAGIC):
        raise PermanentError(
            f"{path} can't be read as SAS, because it is another file or encrypted; deliver the data set, unencrypted."
        )
    if len(start) < _HEADER_FIELDS:
        raise _refuse(path, "it ends in its header")
    byte_order: Literal["<", ">"] = "<" if start[37] == 1 else ">"
    word_size: Literal[4, 8] = 8 if start[32] == ord("3") else 4
    sizes_offset = 196 + (4 if start[35] == ord("3") else 0)
    header_size, page_size = struct.unpack_from(byte_order + "II", start, sizes_offset)
    page_count = struct.unpack_from(byte_order + ("Q" if word_size == 8 else "I"), start, sizes_offset + 8)[0]
    if header_size not in _PAGE_SIZES or page_size not in _PAGE_SIZES or not page_count:
        raise _refuse(path, "its header is damaged")
    expected_size = header_size + page_count * page_size
    if not expected_size <= size < expected_size + page_size:
        raise _refuse(path, f"it has {size:,} bytes, and its header says {expected_size:,}")
    file.seek(0)
    return SasHeader(file.read(header_size), byte_order, word_size, page_size, page_count, sizes_offset + 8)


def _check_stated(path: str, what: str, stated: int, counted: int) -> None:
    if stated != counted:
        raise _refuse(path, f"its header says {stated:,} {what}, and its pages have {counted:,}")


def _refuse(path: str, reason: str) -> PermanentError:
    return PermanentError(f"{path} can't be read as SAS, because {reason}; ask for it to be delivered again.")


@dataclass(frozen=True, slots=True)
class _Block:
    """A piece of a page that is stored as it is behind a pointer: metadata, or a row of a compressed file."""

    pointer: int
    offset: int
    signature: int
    is_variable: bool

    @property
    def is_row(self) -> bool:
        """Whether it is a row that compression would have made longer."""
        is_metadata = self.signature in (_ROW_SIZE, _COLUMN_SIZE) or self.signature >= _FIRST_OTHER
        return self.is_variable and not is_metadata


def _unpack_type(header: SasHeader, page: bytes) -> tuple[int, int, int]:
    """The type of a page, its rows and pointers together, and its pointers alone."""
    type_, items, pointers = struct.unpack_from(header.byte_order + "HHH", page, header.page_header_size - 8)
    return type_, items, pointers


def _unpack_pointers(header: SasHeader, page: bytes) -> list[tuple[int, int, int, int]]:
    """The pointers of a page: a block's offset, its length, how it is stored, whether its length varies."""
    type_, _, count = _unpack_type(header, page)
    if type_ & _FULL_TYPE == _DATA or type_ & _INDEX:
        return []
    start, size = header.page_header_size, count * 3 * header.word_size
    if start + size > len(page):
        raise IndexError(size)
    return list(
        struct.iter_unpack(header.word + header.word[1] + f"BB{header.word_size - 2}x", page[start : start + size])
    )


def _plain_blocks(header: SasHeader, page: bytes, pointers: list[tuple[int, int, int, int]]) -> list[_Block]:
    return [
        _Block(
            header.page_header_size + number * 3 * header.word_size,
            offset,
            struct.unpack_from(header.byte_order + "I", page, offset)[0],
            bool(is_variable),
        )
        for number, (offset, length, storage, is_variable) in enumerate(pointers)
        if storage == _PLAIN and length
    ]


@dataclass(frozen=True, slots=True)
class _RowSize:
    """The block of the metadata that states the rows."""

    row_length: int
    rows: int
    deleted_rows: int


def _find_row_size(header: SasHeader, page: bytes) -> _RowSize | None:
    for block in _plain_blocks(header, page, _unpack_pointers(header, page)):
        if block.signature == _ROW_SIZE:
            return _RowSize(
                *struct.unpack_from(header.word + 2 * header.word[1], page, block.offset + 5 * header.word_size)
            )
    return None


def _describe_page(header: SasHeader, page: bytes, row_length: int) -> SasPage:
    type_, items, count = _unpack_type(header, page)
    pointers = _unpack_pointers(header, page)
    storages = [storage for _, _, storage, _ in pointers]
    deleted_rows = storages.count(_COMPRESSED_DELETED)
    rows = sum(map(storages.count, _ROWS))
    blocks = _plain_blocks(header, page, pointers) if _PLAIN in storages else []
    rows += sum(block.is_row for block in blocks)
    if type_ & _FULL_TYPE in (_DATA, _MIX):
        rows += items - count
        if type_ & _HAS_DELETED:
            deleted_rows += _count_deleted(header, page, count, items - count, row_length)
    moved_to = (number for number, _, storage, _ in pointers if storage == _MOVED) if _MOVED in storages else ()
    return SasPage(rows, deleted_rows, any(not block.is_row for block in blocks), frozenset(moved_to))


def _count_deleted(header: SasHeader, page: bytes, pointers: int, rows: int, row_length: int) -> int:
    """Count the rows whose bit is set; the bits stand behind the rows and the unused bytes of a page."""
    unused = struct.unpack_from(header.word, page, header.page_header_size - 2 * header.word_size)[0]
    first_row = -(-(header.page_header_size + pointers * 3 * header.word_size) // 8) * 8
    start, length = first_row + rows * row_length + unused, -(-rows // 8)
    if start + length > len(page):
        raise IndexError(start)
    return (int.from_bytes(page[start : start + length], "big") >> (8 * length - rows)).bit_count()


def _drop_rows(header: SasHeader, page: bytes) -> bytes:
    """Leave a page its metadata alone."""
    content, pointers = bytearray(page), _unpack_pointers(header, page)
    plain_rows = {block.pointer for block in _plain_blocks(header, page, pointers) if block.is_row}
    for number, (_, _, storage, _) in enumerate(pointers):
        pointer = header.page_header_size + number * 3 * header.word_size
        if storage in _ROWS or pointer in plain_rows:
            content[pointer + 2 * header.word_size] = _SKIPPED
    type_ = _unpack_type(header, page)[0] & ~_MIX
    struct.pack_into(header.byte_order + "HH", content, header.page_header_size - 8, type_, len(pointers))
    return bytes(content)


def _renumber_pages(header: SasHeader, page: bytes, numbers: Mapping[int, int]) -> bytes:
    """Let the pointers of moved rows lead to pages by their numbers in a part."""
    content = bytearray(page)
    for index, (number, _, storage, _) in enumerate(_unpack_pointers(header, page)):
        if storage == _MOVED:
            pointer = header.page_header_size + index * 3 * header.word_size
            struct.pack_into(header.word, content, pointer, numbers[number])
    return bytes(content)


def _state_rows(header: SasHeader, page: bytes, rows: int, deleted_rows: int) -> bytes:
    """State other rows, if the page is the one that states them."""
    content = bytearray(page)
    for block in _plain_blocks(header, page, _unpack_pointers(header, page)):
        if block.signature == _ROW_SIZE:
            position = block.offset + 6 * header.word_size
            struct.pack_into(header.word + header.word[1], content, position, rows, deleted_rows)
    return bytes(content)

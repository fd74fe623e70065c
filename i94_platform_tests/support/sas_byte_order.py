"""Turn a SAS file of little-endian numbers, as `write_sas` writes it, into one of big-endian numbers, as of AIX.

The offsets are those of the public description of the format: M. Shotwell, "SAS7BDAT Database Binary Format".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from i94_platform_tests.support.sas_pages import PAGE_HEADER, POINTER, sizes_offset

_COLUMN = 16
_ROW_SIZE, _COLUMN_SIZE = b"\xf7\xf7\xf7\xf7", b"\xf6\xf6\xf6\xf6"
_TEXT, _NAMES, _ATTRIBUTES, _FORMAT = b"\xfd\xff", b"\xff\xff", b"\xfc\xff", b"\xfe\xfb"
_DATA, _MIX, _NUMBER = 0x0100, 0x0200, 1


def to_big_endian(data: bytes) -> bytes:
    """Reverse the bytes of every number of an uncompressed 64-bit file."""
    content = bytearray(data)
    sizes = sizes_offset(data)
    header_size, page_size = struct.unpack_from("<II", data, sizes)
    content[37] = 0
    _reverse(content, range(sizes - 32, sizes, 8), 8)
    _reverse(content, (sizes, sizes + 4), 4)
    _reverse(content, (sizes + 8,), 8)
    row_length, numbers = 0, list[int]()
    for page in range(header_size, len(data), page_size):
        type_, items, pointers = struct.unpack_from("<HHH", data, page + 32)
        for pointer in range(page + PAGE_HEADER, page + PAGE_HEADER + pointers * POINTER, POINTER):
            offset, length = struct.unpack_from("<QQ", data, pointer)
            block = data[page + offset : page + offset + length]
            if block.startswith(_ROW_SIZE):
                row_length = struct.unpack_from("<Q", block, 40)[0]
            if block.startswith(_ATTRIBUTES):
                numbers += _list_number_offsets(block)
            _reverse_block(content, page + offset, block)
            _reverse(content, (pointer, pointer + 8), 8)
        if type_ & (_DATA | _MIX):
            first = page + PAGE_HEADER + pointers * POINTER
            for row in range(first, first + (items - pointers) * row_length, row_length):
                _reverse(content, (row + number for number in numbers), 8)
        _reverse(content, (page + 24,), 8)
        _reverse(content, range(page + 32, page + 38, 2), 2)
    return bytes(content)


def _list_number_offsets(block: bytes) -> list[int]:
    columns = (struct.unpack_from("<QIHB", block, start) for start in range(16, len(block) - 12, _COLUMN))
    return [offset for offset, _, _, type_ in columns if type_ == _NUMBER]


def _reverse_block(content: bytearray, start: int, block: bytes) -> None:
    """Reverse the numbers of a block of metadata; those that no reader uses stay as they are."""
    end = start + len(block)
    if block.startswith(_ROW_SIZE):
        _reverse(content, (start + 40, start + 48, start + 56, start + 120), 8)
        _reverse(content, range(end - 136, end - 100, 2), 2)
    elif block.startswith(_COLUMN_SIZE):
        _reverse(content, (start + 8,), 8)
    elif block:
        _reverse(content, (start,), 8)
        if block.startswith((_TEXT, _NAMES, _ATTRIBUTES)):
            _reverse(content, (start + 8,), 2)
        if block.startswith(_NAMES):
            _reverse(content, range(start + 16, end - 12, 2), 2)
        elif block.startswith(_ATTRIBUTES):
            for column in range(start + 16, end - 12, _COLUMN):
                _reverse(content, (column,), 8)
                _reverse(content, (column + 8,), 4)
                _reverse(content, (column + 12,), 2)
        elif block.startswith(_FORMAT):
            _reverse(content, range(start + 24, start + 58, 2), 2)


def _reverse(content: bytearray, offsets: Iterable[int], size: int) -> None:
    for offset in offsets:
        content[offset : offset + size] = content[offset : offset + size][::-1]

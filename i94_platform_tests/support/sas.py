"""A writer of SAS files for tests, on the ReadStat library that pyreadstat carries but offers for reading only."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

_STRING, _DOUBLE = 0, 5
_WRITER = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "readstat_writer_init": (ctypes.c_void_p, []),
    "readstat_set_data_writer": (ctypes.c_int, [ctypes.c_void_p, _WRITER]),
    "readstat_add_variable": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t]),
    "readstat_variable_set_label": (None, [ctypes.c_void_p, ctypes.c_char_p]),
    "readstat_writer_set_file_format_is_64bit": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_int]),
    "readstat_begin_writing_sas7bdat": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long]),
    "readstat_begin_row": (ctypes.c_int, [ctypes.c_void_p]),
    "readstat_insert_double_value": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_double]),
    "readstat_insert_string_value": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p]),
    "readstat_insert_missing_value": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_void_p]),
    "readstat_end_row": (ctypes.c_int, [ctypes.c_void_p]),
    "readstat_end_writing": (ctypes.c_int, [ctypes.c_void_p]),
    "readstat_writer_free": (None, [ctypes.c_void_p]),
}


def load_readstat() -> ctypes.CDLL | None:
    """Load pyreadstat's copy of ReadStat; None if that has no functions for writing."""
    from pyreadstat import _readstat_writer

    try:
        readstat = ctypes.CDLL(_readstat_writer.__file__)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(readstat, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError):
        return None
    return readstat


def write_sas(
    path: Path,
    columns: Mapping[str, int | None],
    rows: Iterable[Mapping[str, Any]],
    count: int,
    *,
    is_64_bit: bool = True,
) -> None:
    """Write `count` rows; `columns` maps a name to the width of its texts in bytes, None for numbers."""
    readstat = load_readstat()
    assert readstat is not None, "call load_readstat() first"
    with path.open("wb") as file:
        sink = _sink(file)
        writer = readstat.readstat_writer_init()
        try:
            _check(readstat.readstat_set_data_writer(writer, sink))
            _check(readstat.readstat_writer_set_file_format_is_64bit(writer, int(is_64_bit)))
            variables = {name: _variable(readstat, writer, name, width) for name, width in columns.items()}
            _check(readstat.readstat_begin_writing_sas7bdat(writer, None, count))
            for row in rows:
                _check(readstat.readstat_begin_row(writer))
                for name, variable in variables.items():
                    _insert(readstat, writer, variable, row[name], columns[name])
                _check(readstat.readstat_end_row(writer))
            _check(readstat.readstat_end_writing(writer))
        finally:
            readstat.readstat_writer_free(writer)


def _sink(file: BinaryIO) -> Any:
    return _WRITER(lambda data, size, _context: file.write(ctypes.string_at(data, size)))


def _variable(readstat: ctypes.CDLL, writer: int, name: str, width: int | None) -> int:
    kind = (_DOUBLE, 8) if width is None else (_STRING, width)
    variable: int = readstat.readstat_add_variable(writer, name.encode(), *kind)
    readstat.readstat_variable_set_label(variable, name.encode())
    return variable


def _insert(readstat: ctypes.CDLL, writer: int, variable: int, value: Any, width: int | None) -> None:
    if width is not None:
        readstat.readstat_insert_string_value(writer, variable, (value or "").encode())
    elif value is None:
        readstat.readstat_insert_missing_value(writer, variable)
    else:
        readstat.readstat_insert_double_value(writer, variable, value)


def _check(code: int) -> None:
    assert code == 0, f"ReadStat reports error {code}"

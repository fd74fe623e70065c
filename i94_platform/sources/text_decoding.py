"""The encoding of a delivered text file, decided by its bytes."""

from __future__ import annotations

import codecs

from i94_platform.errors import PermanentError
from i94_platform.sources.sniffing import UTF_16_MARKS

_CHUNK_BYTES = 2**16


def encode_utf8(data: bytes, name: str) -> bytes:
    """Return a file as UTF-8 without its mark. What is UTF-8 already is not decoded as a whole.

    Raises what `decode_text` raises.
    """
    if b"\x00" in data or not _is_utf8(data):
        return decode_text(data, name).encode()
    return data.removeprefix(codecs.BOM_UTF8)


def _is_utf8(data: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), _CHUNK_BYTES):
            decoder.decode(data[start : start + _CHUNK_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def decode_text(data: bytes, name: str) -> str:
    """Decode a file, called `name` in messages: UTF-16 with its mark, UTF-8, or Latin-1.

    The lines are decoded one by one where the whole is no UTF-8, so that one odd byte does not garble the other lines.

    Raises:
        PermanentError: the file is cut within a character of UTF-16, or holds NUL characters.
    """
    try:
        text = data.decode("utf-16" if data.startswith(UTF_16_MARKS) else "utf-8-sig")
    except UnicodeDecodeError as error:
        if data.startswith(UTF_16_MARKS):
            raise PermanentError(
                f"{name} can't be read as UTF-16 from byte {error.start}; deliver it again."
            ) from error
        text = "".join(map(_decode_line, data.removeprefix(codecs.BOM_UTF8).splitlines(keepends=True)))
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise PermanentError(f"{name} has a NUL character in line {line}; deliver it again.")
    return text


def _decode_line(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")

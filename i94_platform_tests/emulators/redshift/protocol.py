"""The messages of PostgreSQL's wire protocol, as bytes."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102


def read_fields(body: bytes) -> dict[str, str]:
    """The fields of an error, by their letter."""
    return {part[:1].decode(): part[1:].decode() for part in body.split(b"\0") if part}


def read_values(body: bytes) -> list[str | None]:
    """The values of a row, as text."""
    count, position, values = struct.unpack("!h", body[:2])[0], 2, list[str | None]()
    for _ in range(count):
        (length,) = struct.unpack("!i", body[position : position + 4])
        position += 4
        values.append(None if length < 0 else body[position : position + length].decode())
        position += max(length, 0)
    return values


def read_columns(body: bytes) -> Iterator[tuple[str, int]]:
    """Names and types of a result's columns."""
    position = 2
    for _ in range(struct.unpack("!h", body[:2])[0]):
        end = body.index(b"\0", position)
        yield body[position:end].decode(), struct.unpack("!i", body[end + 7 : end + 11])[0]
        position = end + 19


def pack_query(sql: str) -> bytes:
    """The message of a simple query."""
    return pack_message(b"Q", sql.encode() + b"\0")


def pack_message(kind: bytes, body: bytes) -> bytes:
    """A message of that type."""
    return kind + struct.pack("!i", len(body) + 4) + body


def read_message(source: socket.socket) -> tuple[bytes, bytes]:
    """Read the next message: its type and body."""
    kind, length = struct.unpack("!ci", read_exactly(source, 5))
    return kind, read_exactly(source, length - 4)


def read_exactly(source: socket.socket, count: int) -> bytes:
    """Read that many bytes; ConnectionResetError where the other side closes first."""
    parts = []
    while count:
        part = source.recv(min(count, 1 << 20))
        if not part:
            raise ConnectionResetError("the other side is gone")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)

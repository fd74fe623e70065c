"""What a delivered file is by its first and last bytes, whatever its name says."""

from __future__ import annotations

import re
from typing import Literal

from i94_platform.errors import PermanentError
from i94_platform.lake.store import Store, StoredFile

ExpectedFormat = Literal["parquet", "sas7bdat", "csv", "text"]
"""A format by the ending of its files; `text` is any text, such as a SAS program."""

HEAD_BYTES = 4096

UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
"""The byte order marks of UTF-16."""

_EXPECTED_NAMES = {"parquet": "a Parquet file", "sas7bdat": "a SAS file", "csv": "a CSV file", "text": "a text file"}
_NO_COMPRESSION = "deliver it uncompressed, or compressed under the ending .gz or .zip"
_OWN_ENDING = "deliver it under the ending of its format"
_EXPORT = "export its table as CSV"
_AGAIN = "ask for it to be delivered again"

_SAS = bytes.fromhex("c2ea8160b31411cfbd92080009c7318c181f1011")
_SAS_OFFSET = 12
_TAR_OFFSET = 257
_PARQUET = b"PAR1"
_CONTROL_CODES = re.compile(rb"[\x00-\x08\x0e-\x1f]")

# the first bytes, what they are the sign of, and what to do
_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"PARE", "an encrypted Parquet file", "deliver it without encryption"),
    (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer", "run git lfs pull and deliver the file itself"),
    (b"\x00\x05\x16\x07", "an AppleDouble file of macOS", "deliver the file without ._ before its name"),
    (b"\x00\x05\x16\x00", "an AppleSingle file", "deliver the file itself"),
    (b"PK\x05\x06", "an empty zip file", _AGAIN),
    (b"\x1f\x8b", "a gzip file", _NO_COMPRESSION),
    (b"BZh", "a bzip2 file", _NO_COMPRESSION),
    (b"\xfd7zXZ\x00", "an xz file", _NO_COMPRESSION),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", _NO_COMPRESSION),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _NO_COMPRESSION),
    (b"Rar!\x1a\x07", "a RAR archive", _NO_COMPRESSION),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of an old office program (.xls)", _EXPORT),
    (b"%PDF-", "a PDF document", _EXPORT),
    (bytes(12) + b"\xc2\xea\x81\x63", "a SAS catalog, which has no rows", "deliver the data set"),
    (b"HEADER RECORD*******", "a SAS transport file (.xpt)", "deliver the .sas7bdat file"),
    (b"ORC", "an ORC file", "deliver it as Parquet"),
    (b"Obj\x01", "an Avro file", "deliver it as Parquet"),
    (b"ARROW1", "an Arrow file", "deliver it as Parquet"),
    (b"SQLite format 3\x00", "an SQLite database", _EXPORT),
    (b"-----BEGIN PGP", "an encrypted file (PGP)", "deliver it without encryption"),
    (b"Salted__", "an encrypted file (OpenSSL)", "deliver it without encryption"),
)  # fmt: skip

_MARKUP = (
    (re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE), "an HTML page"),
    (re.compile(rb"<\?xml\b|<[A-Za-z][\w:.-]*[\s>/]"), "an XML document"),
    (re.compile(rb"\{\s*(?:\"|\})|\[\s*[\[{\"\d\]-]"), "a JSON document"),
)


def check_content(store: Store, file: StoredFile, expected: ExpectedFormat) -> None:
    """Refuse a file whose first or last bytes are those of something else than `expected`. It must not be compressed.

    Raises:
        PermanentError: the file is of another kind, empty or incomplete. The message says which, and what to do.
    """
    with store.open(file.path) as content:
        head = content.read(HEAD_BYTES)
        tail = head
        if expected == "parquet" and file.size > len(head):
            content.seek(file.size - len(_PARQUET) - 1)
            tail = content.read()
    check_bytes(file.path, head, tail, expected)


def check_bytes(path: str, head: bytes, tail: bytes, expected: ExpectedFormat) -> None:
    """Refuse the first bytes `head` and the last bytes `tail` of a file as `check_content` does."""
    if sign := _describe_foreign(head, tail, expected):
        kind, cure = sign
        contrast = f", not {_EXPECTED_NAMES[expected]}" if kind.startswith("is ") else ""
        raise PermanentError(f"{path} {kind}{contrast}; {cure}.")


def _describe_foreign(head: bytes, tail: bytes, expected: ExpectedFormat) -> tuple[str, str] | None:
    """What the bytes are, and what to do about it; None where they may be of the expected format."""
    if not head.strip(b"\x00"):
        return ("begins with nothing but NUL bytes" if head else "is empty (0 bytes)"), _AGAIN
    if actual := _detect_data_format(head):
        if actual != expected:
            return f"is {_EXPECTED_NAMES[actual]}", _OWN_ENDING
        return ("can't be read as Parquet, because its end is missing", _AGAIN) if _is_truncated(actual, tail) else None
    if sign := _find_signature(head):
        return f"is {sign[0]}", sign[1]
    return _describe_other(head, expected)


def _describe_other(head: bytes, expected: ExpectedFormat) -> tuple[str, str] | None:
    is_text = not _CONTROL_CODES.search(head) or head.startswith(UTF_16_MARKS)
    if expected not in ("csv", "text"):
        return ("is text", _OWN_ENDING) if is_text else ("is of an unknown format", _AGAIN)
    has_nul = b"\x00" in head and not is_text
    return ("has NUL bytes", _AGAIN) if has_nul else None


def _detect_data_format(head: bytes) -> Literal["parquet", "sas7bdat"] | None:
    if head.startswith(_PARQUET):
        return "parquet"
    return "sas7bdat" if head[_SAS_OFFSET:].startswith(_SAS) else None


def _is_truncated(format_: str, tail: bytes) -> bool:
    return format_ == "parquet" and (tail == _PARQUET or not tail.endswith(_PARQUET))


def _find_signature(head: bytes) -> tuple[str, str] | None:
    if head.startswith(b"PK\x03\x04"):
        return _describe_zip(head)
    if head[_TAR_OFFSET:].startswith(b"ustar"):
        return "a tar archive", _NO_COMPRESSION
    if kind := _detect_markup(head):
        return kind, "deliver the data file itself"
    return next((sign[1:] for sign in _SIGNATURES if head.startswith(sign[0])), None)


def _describe_zip(head: bytes) -> tuple[str, str]:
    if b"[Content_Types].xml" in head or b"xl/" in head:
        return "a spreadsheet or another office document (.xlsx)", _EXPORT
    if b"mimetypeapplication/vnd.oasis.opendocument" in head:
        return "an OpenDocument file (.ods)", _EXPORT
    is_encrypted = head[6] & 1 if len(head) > 6 else 0
    return (
        ("an encrypted zip file", "deliver it without encryption") if is_encrypted else ("a zip file", _NO_COMPRESSION)
    )


def _detect_markup(head: bytes) -> str | None:
    text = head.removeprefix(b"\xef\xbb\xbf")
    if head.startswith(UTF_16_MARKS):
        text = text[2:].replace(b"\x00", b"")
    text = text.lstrip()
    return next((kind for pattern, kind in _MARKUP if pattern.match(text)), None)

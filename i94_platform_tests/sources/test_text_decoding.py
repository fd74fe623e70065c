"""Test that the bytes of a text file decide its encoding. Read as Latin-1, a label file in UTF-8 had `MÃ‰XICO`."""

from __future__ import annotations

import pytest

from i94_platform.errors import PermanentError
from i94_platform.sources.text_decoding import decode_text, encode_utf8

TEXT = "582 = 'MÉXICO'\r\n111 = 'FRANCE'\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_the_bytes_decide_the_encoding(encoding: str) -> None:
    assert decode_text(TEXT.encode(encoding), "labels.sas") == TEXT
    assert encode_utf8(TEXT.encode(encoding), "labels.sas") == TEXT.encode()


def test_an_odd_byte_changes_its_own_line_only() -> None:
    data = TEXT.encode() + "'Århus'\n".encode("latin-1")
    assert decode_text(data, "labels.sas") == TEXT + "'Århus'\n"


@pytest.mark.parametrize("data", [TEXT.encode("utf-16")[:-1], b"\xff\xfe\x00\xd8"])
def test_cut_utf_16_is_refused(data: bytes) -> None:
    with pytest.raises(PermanentError, match=r"labels\.sas can't be read as UTF-16"):
        decode_text(data, "labels.sas")


def test_a_nul_character_is_refused_with_its_line() -> None:
    with pytest.raises(PermanentError, match=r"labels\.sas has a NUL character in line 2"):
        decode_text(b"a\nb\x00\n", "labels.sas")

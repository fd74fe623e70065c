"""Keys at rest: hashes in a file of their owner."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from i94_platform.errors import PermanentError
from i94_platform.serving.auth.api_keys import KeyStore
from i94_platform_tests.serving.live_server import LiveServer


def test_keys_are_stored_as_hashes_in_a_file_of_their_owner(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path / "home" / "keys.sqlite")
    key, text = keys.add("backend", ["read:marts"])
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    content = keys.path.read_bytes()
    assert text.encode() not in content
    assert text.split("_", 2)[2].encode() not in content
    assert keys.list_all() == [key]
    assert text not in repr(keys.list_all())


def test_an_unknown_scope_or_key_is_named(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path / "keys.sqlite")
    with pytest.raises(PermanentError, match=r"write.*read:marts, read:dimensions"):
        keys.add("a", ["write"])
    with pytest.raises(PermanentError, match="none"):
        keys.add("a", [])
    with pytest.raises(PermanentError, match="'nothing'"):
        keys.revoke("nothing")
    assert keys.list_all() == []


def test_the_last_use_is_recorded(server: LiveServer) -> None:
    assert server.keys.list_all()[0].used_at == ""
    server.get("/api/v1/marts")
    (key,) = server.keys.list_all()
    assert key.used_at >= key.created_at
    with sqlite3.connect(server.keys.path) as database:
        assert database.execute("SELECT count(*) FROM keys WHERE used_at <> ''").fetchone() == (1,)

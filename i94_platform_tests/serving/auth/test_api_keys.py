"""Keys at rest: hashes in a file of their owner."""

from __future__ import annotations

import datetime as dt
import sqlite3
import stat
from pathlib import Path

import pytest

from i94_platform.errors import PermanentError
from i94_platform.serving.auth.api_keys import KeyStore, KeyVerifier
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
    with pytest.raises(PermanentError, match=r"\\udcff"):
        keys.add("a\n\udcff", ["read:marts"])
    with pytest.raises(PermanentError, match="'nothing'"):
        keys.revoke("nothing")
    assert keys.list_all() == []


def test_a_rotated_key_expires_after_the_overlap_and_its_successor_has_its_rights(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path / "keys.sqlite")
    old, _ = keys.add("backend", ["read:marts", "metrics"], dt.timedelta(days=90))
    new, text = keys.rotate(old.id, dt.timedelta(hours=24))
    assert (new.name, new.scopes) == (old.name, old.scopes)
    created, expires = (dt.datetime.fromisoformat(time) for time in (new.created_at, new.expires_at))
    assert expires - created == dt.timedelta(days=90)
    rotated = next(key for key in keys.list_all() if key.id == old.id)
    assert dt.timedelta(hours=23) < dt.datetime.fromisoformat(rotated.expires_at) - dt.datetime.now(dt.UTC)
    assert rotated.expires_at < old.expires_at
    verifier = KeyVerifier(keys)
    assert verifier.verify(text) == new
    assert verifier.get_active(old.id)
    keys.rotate(old.id, dt.timedelta(0))
    assert verifier.get_active(old.id) is None
    with pytest.raises(PermanentError, match=old.id):
        keys.rotate(old.id, dt.timedelta(0))


def test_a_file_of_keys_from_before_they_expired_is_read(tmp_path: Path) -> None:
    path = tmp_path / "keys.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE keys (id PRIMARY KEY, name, digest, scopes, created_at, used_at, revoked_at)")
        database.execute("INSERT INTO keys VALUES ('0123abcd', 'old', x'00', 'metrics', '2016-04-30', '', '')")
    (key,) = KeyStore(path).list_all()
    assert (key.name, key.expires_at, key.is_active) == ("old", "", True)


def test_a_running_server_reads_the_file_that_replaced_that_of_its_keys(tmp_path: Path) -> None:
    keys, verifier = KeyStore(tmp_path / "keys.sqlite"), KeyVerifier(KeyStore(tmp_path / "keys.sqlite"))
    _, old = keys.add("old", ["read:marts"])
    assert verifier.verify(old)
    keys.path.unlink()
    _, new = keys.add("new", ["read:marts"])
    assert verifier.verify(new)
    assert verifier.verify(old) is None


def test_the_last_use_is_recorded(server: LiveServer) -> None:
    assert server.keys.list_all()[0].used_at == ""
    server.get("/api/v1/marts")
    (key,) = server.keys.list_all()
    assert key.used_at >= key.created_at
    with sqlite3.connect(server.keys.path) as database:
        assert database.execute("SELECT count(*) FROM keys WHERE used_at <> ''").fetchone() == (1,)

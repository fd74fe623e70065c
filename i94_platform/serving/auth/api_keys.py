"""API keys: create, verify and revoke them in one SQLite file that only its owner can read.

A key is `i94_<id>_<secret>`. The secret is 256 random bits, and only its SHA-256 is stored. A slow hash would protect a
password that people choose; nobody guesses 256 bits, and every request would pay for the hash.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import os
import re
import secrets
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i94_platform.audit import AuditLog
from i94_platform.errors import PermanentError

DEFAULT_SCOPES = ("read:marts", "read:dimensions", "read:status")
EXACT_SCOPE = "read:exact"
SCOPES = (*DEFAULT_SCOPES, EXACT_SCOPE, "metrics")

KEY_PATTERN = re.compile(r"i94_[0-9a-f]{8}_[A-Za-z0-9_-]{43}")

_USE_RECORDED_EVERY = 60.0
"""Seconds between two writes of a key's last use, so that not every request writes."""

_CREATE_TABLE = (
    "CREATE TABLE IF NOT EXISTS keys (id TEXT PRIMARY KEY, name TEXT NOT NULL, digest BLOB NOT NULL, "
    "scopes TEXT NOT NULL, created_at TEXT NOT NULL, used_at TEXT NOT NULL DEFAULT '', "
    "revoked_at TEXT NOT NULL DEFAULT '', expires_at TEXT NOT NULL DEFAULT '')"
)
_SELECT = "SELECT id, name, scopes, created_at, expires_at, used_at, revoked_at, digest FROM keys"

LIFETIME = dt.timedelta(days=365)
"""After this time a key expires, unless another one is given."""


@dataclass(frozen=True)
class ApiKey:
    """A key without its secret. Times are UTC in ISO 8601, empty for never."""

    id: str
    name: str
    scopes: frozenset[str]
    created_at: str
    expires_at: str
    used_at: str
    revoked_at: str

    @property
    def is_active(self) -> bool:
        """Whether it is neither revoked nor expired."""
        return not self.revoked_at and not (self.expires_at and self.expires_at <= _now())


class KeyStore:
    """The keys of a deployment."""

    def __init__(self, path: Path) -> None:
        self.path, self._audit = path, AuditLog(path.parent)

    def add(self, name: str, scopes: Iterable[str], lifetime: dt.timedelta | None = LIFETIME) -> tuple[ApiKey, str]:
        """Create a key. Returns it with its text, which is not stored.

        Args:
            name: who or what it is for.
            scopes: what it opens.
            lifetime: the time until it expires; None for never.

        Raises:
            PermanentError: a scope is unknown, or none is given, or the name is not printable.
        """
        if not name.isprintable():
            raise PermanentError(f"The name of a key has printable characters only, not {name!a}.")
        granted = frozenset(scopes)
        unknown = granted - set(SCOPES)
        if unknown or not granted:
            named = ", ".join(sorted(unknown)) or "none"
            raise PermanentError(f"Not a scope: {named}; valid are: {', '.join(SCOPES)}.")
        expires_at = _now(lifetime) if lifetime else ""
        key = ApiKey(secrets.token_hex(4), name, granted, _now(), expires_at, "", "")
        secret = secrets.token_urlsafe(32)
        self._audit.record("key.add", key=key.id, name=name, scopes=sorted(granted), expires=expires_at)
        with closing(self.open()) as database, database:
            database.execute(
                "INSERT INTO keys (id, name, digest, scopes, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
                (key.id, name, hash_secret(secret), " ".join(sorted(granted)), key.created_at, expires_at),
            )
        return key, f"i94_{key.id}_{secret}"

    def list_all(self) -> list[ApiKey]:
        """Return every key, also revoked ones, oldest first."""
        if not self.path.exists():
            return []
        with closing(self.open()) as database:
            return [_to_key(row) for row in database.execute(f"{_SELECT} ORDER BY created_at, id")]

    def has_active_key(self) -> bool:
        """Whether any key is neither revoked nor expired."""
        return any(key.is_active for key in self.list_all())

    def rotate(self, id_: str, overlap: dt.timedelta) -> tuple[ApiKey, str]:
        """Create a key with the name, scopes and lifetime of another one, which expires after the overlap.

        Raises:
            PermanentError: there is no such key, or it is revoked or expired.
        """
        old = self._get(id_)
        if not old.is_active:
            raise PermanentError(f"The key {old.id} is revoked or expired; i94 keys add creates a new one.")
        created, expires = old.created_at, old.expires_at
        lifetime = dt.datetime.fromisoformat(expires) - dt.datetime.fromisoformat(created) if expires else None
        key, text = self.add(old.name, old.scopes, lifetime)
        end = _now(overlap)
        self._audit.record("key.rotate", key=old.id, name=old.name, new_key=key.id, expires=end)
        with closing(self.open()) as database, database:
            database.execute("UPDATE keys SET expires_at = ? WHERE id = ?", (min(end, expires or end), id_))
        return key, text

    def revoke(self, id_: str) -> ApiKey:
        """Revoke a key. Running servers refuse it from the next request on.

        Raises:
            PermanentError: there is no such key.
        """
        key = self._get(id_)
        self._audit.record("key.revoke", key=key.id, name=key.name)
        with closing(self.open()) as database, database:
            database.execute("UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at = ''", (_now(), id_))
        return key

    def _get(self, id_: str) -> ApiKey:
        key = next((key for key in self.list_all() if key.id == id_), None)
        if key is None:
            raise PermanentError(f"There is no key {id_[:8]!r}; i94 keys list shows all keys.")
        return key

    def open(self) -> sqlite3.Connection:
        """Connect to the file, which is created with mode 0600 where it is absent."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        database = sqlite3.connect(self.path)
        database.execute(_CREATE_TABLE)
        if "expires_at" not in {row[1] for row in database.execute("PRAGMA table_info(keys)")}:
            database.execute("ALTER TABLE keys ADD COLUMN expires_at TEXT NOT NULL DEFAULT ''")  # a file of version 0.1
        return database


class KeyVerifier:
    """Looks up keys for a running server, in the thread of its event loop."""

    def __init__(self, store: KeyStore) -> None:
        self._store, self._last_recorded = store, dict[str, float]()
        self._database: sqlite3.Connection | None = None
        self._inode = 0

    def verify(self, text: str) -> ApiKey | None:
        """Return the active key that a text is, or None for any other text."""
        if not KEY_PATTERN.fullmatch(text):
            return None
        id_, _, secret = text.removeprefix("i94_").partition("_")
        row = self._find(id_)
        # compare also for an unknown id, so that it takes as long as a wrong secret
        matches = hmac.compare_digest(hash_secret(secret), row[7] if row else bytes(32))
        return self.get_active(id_) if row and matches else None

    def get_active(self, id_: str) -> ApiKey | None:
        """Return the key with an id, or None if it is unknown, revoked or expired."""
        row = self._find(id_)
        key = _to_key(row) if row else None
        return key if key and key.is_active else None

    def record_use(self, id_: str) -> None:
        """Store that a key was used now, at most once a minute."""
        now = time.monotonic()
        if now - self._last_recorded.get(id_, float("-inf")) > _USE_RECORDED_EVERY:
            self._last_recorded[id_] = now
            with self._connect() as database:
                database.execute("UPDATE keys SET used_at = ? WHERE id = ?", (_now(), id_))

    def _find(self, id_: str) -> tuple[Any, ...] | None:
        if not self._store.path.exists():
            return None
        if self._store.path.stat().st_ino != self._inode and self._database:
            self._database.close()  # another file has replaced it, such as a restored one
            self._database = None
        row: tuple[Any, ...] | None = self._connect().execute(f"{_SELECT} WHERE id = ?", (id_,)).fetchone()
        return row

    def _connect(self) -> sqlite3.Connection:
        if self._database is None:
            self._database = self._store.open()
            self._inode = self._store.path.stat().st_ino
        return self._database


def _to_key(row: tuple[Any, ...]) -> ApiKey:
    id_, name, scopes, created_at, expires_at, used_at, revoked_at, _ = row
    return ApiKey(id_, name, frozenset(scopes.split()), created_at, expires_at, used_at, revoked_at)


def hash_secret(secret: str) -> bytes:
    """Return the SHA-256 of a secret, the only form in which it is kept."""
    return hashlib.sha256(secret.encode()).digest()


def _now(later: dt.timedelta = dt.timedelta()) -> str:
    return (dt.datetime.now(dt.UTC) + later).isoformat(timespec="seconds")

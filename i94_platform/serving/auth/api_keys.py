"""API keys: made, looked up and revoked in one file that only its owner reads.

A key is `i94_<id>_<secret>`; the secret is 256 random bits and kept as its SHA-256 only. A slow hash protects what
people choose and others guess; no one guesses 256 bits, and each request pays for the hash. Not here: sessions of
browsers (`sessions`), and what a scope opens (`app`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import os
import re
import secrets
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i94_platform.errors import PermanentError

SCOPES = ("read:marts", "read:dimensions", "read:status", "metrics")

SECRET = re.compile(r"i94_[0-9a-f]{8}_[A-Za-z0-9_-]{43}")
"""What a key looks like, wherever it is written."""

_USED_SECONDS = 60.0
"""How exactly the last use is remembered: a write a minute, not one a request."""

_TABLE = (
    "CREATE TABLE IF NOT EXISTS keys (id TEXT PRIMARY KEY, name TEXT NOT NULL, digest BLOB NOT NULL, "
    "scopes TEXT NOT NULL, created_at TEXT NOT NULL, used_at TEXT NOT NULL DEFAULT '', "
    "revoked_at TEXT NOT NULL DEFAULT '')"
)


@dataclass(frozen=True)
class Key:
    """A key without its secret; times are UTC, ISO 8601, empty for never."""

    id: str
    name: str
    scopes: frozenset[str]
    created_at: str
    used_at: str
    revoked_at: str


class Keys:
    """The keys of a deployment."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, name: str, scopes: Iterable[str]) -> tuple[Key, str]:
        """Make a key; it, and the text that its holder sends. That text is not kept.

        Raises:
            PermanentError: a scope is unknown, or there is none.
        """
        asked = frozenset(scopes)
        if not asked or asked - set(SCOPES):
            raise PermanentError(
                f"Not a scope: {', '.join(sorted(asked - set(SCOPES))) or 'none'}; valid are: {', '.join(SCOPES)}."
            )
        key, secret = Key(secrets.token_hex(4), name, asked, _now(), "", ""), secrets.token_urlsafe(32)
        with closing(self._open()) as file, file:
            file.execute(
                "INSERT INTO keys (id, name, digest, scopes, created_at) VALUES (?, ?, ?, ?, ?)",
                (key.id, name, _digest(secret), " ".join(sorted(asked)), key.created_at),
            )
        return key, f"i94_{key.id}_{secret}"

    def all(self) -> list[Key]:
        """Every key, also the revoked, oldest first."""
        if not self.path.exists():
            return []
        with closing(self._open()) as file:
            return [_key(row) for row in file.execute(f"{_SELECT} ORDER BY created_at, id")]

    def active(self) -> bool:
        """Whether any key opens anything."""
        return any(not key.revoked_at for key in self.all())

    def revoke(self, id_: str) -> Key:
        """End a key, at once also for servers that run.

        Raises:
            PermanentError: there is no such key.
        """
        found = next((key for key in self.all() if key.id == id_), None)
        if found is None:
            raise PermanentError(f"There is no key {id_[:8]!r}; i94 keys list shows them.")
        with closing(self._open()) as file, file:
            file.execute("UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at = ''", (_now(), id_))
        return found

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # made with these permissions, not given them afterwards
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        file = sqlite3.connect(self.path)
        file.execute(_TABLE)
        return file


class Doorkeeper:
    """Looks keys up for a running server, in the thread of its event loop."""

    def __init__(self, keys: Keys) -> None:
        self._keys, self._used = keys, dict[str, float]()
        self._file: sqlite3.Connection | None = None

    def holder(self, text: str) -> Key | None:
        """The key that a text is the whole of; None for any other text, and for a revoked key."""
        id_, _, secret = text.removeprefix("i94_").partition("_")
        if not SECRET.fullmatch(text):
            return None
        row = self._row(id_)
        # as long for an unknown id as for a wrong secret
        same = hmac.compare_digest(_digest(secret), row[6] if row else bytes(32))
        return self.current(id_) if row and same else None

    def current(self, id_: str) -> Key | None:
        """The key with an id, unless it is revoked."""
        row = self._row(id_)
        key = _key(row) if row else None
        return None if key is None or key.revoked_at else key

    def used(self, id_: str, now: float) -> None:
        """Remember that a key was used."""
        if now - self._used.get(id_, float("-inf")) > _USED_SECONDS:
            self._used[id_] = now
            file = self._opened()
            with file:
                file.execute("UPDATE keys SET used_at = ? WHERE id = ?", (_now(), id_))

    def _row(self, id_: str) -> tuple[Any, ...] | None:
        if not self._keys.path.exists():
            return None
        found: tuple[Any, ...] | None = self._opened().execute(f"{_SELECT} WHERE id = ?", (id_,)).fetchone()
        return found

    def _opened(self) -> sqlite3.Connection:
        if self._file is None:
            self._file = self._keys._open()
        return self._file


_SELECT = "SELECT id, name, scopes, created_at, used_at, revoked_at, digest FROM keys"


def _key(row: tuple[Any, ...]) -> Key:
    return Key(row[0], row[1], frozenset(row[2].split()), row[3], row[4], row[5])


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")

"""A lock on S3 that machines share: one object, which holders replace by conditional writes only.

The object names its holder. Its age is S3's own date minus the object's date, so machines need not agree on the time.
A heartbeat renews the lease several times before it expires; another process may take over an expired one. Each write
names the ETag that it replaces, so of several processes that try at once only one succeeds.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from i94_platform.errors import PlatformError, TransientError
from i94_platform.lake.aws_errors import error_code
from i94_platform.lake.s3_errors import CHANGED, MISSING, translate_s3_errors

logger = logging.getLogger(__name__)

LEASE_SECONDS = 60.0
"""How long a lock outlives a holder that was killed. Every machine that shares a lake must use the same."""

HEARTBEATS = 4
"""Renewals per lease: three may fail before the lock is lost."""

_POLL_SECONDS = 0.5

_CLOCK_SECONDS = 1.0
"""S3 gives times in whole seconds."""


@dataclass(frozen=True)
class _LockState:
    """The lock's object as it is on S3."""

    etag: str
    holder: str
    """The id of the lease that holds the lock; empty if it was released."""
    process: str
    """Host and process of the holder, for people."""
    age: float
    """Seconds since the last write, by the clock of S3."""


class Lease:
    """One process's hold on one lock."""

    def __init__(self, client: Any, bucket: str, key: str, seconds: float) -> None:
        self._client, self._bucket, self._key, self._seconds = client, bucket, key, seconds
        self._id = uuid.uuid4().hex
        self._etag, self._renewed_at, self._is_lost = "", 0.0, False

    def acquire(self) -> str:
        """Try once to take the lock; return the process that holds it instead, or an empty text on success."""
        previous, started = self._read(), time.time()
        is_expired = previous is not None and previous.age > self._seconds + _CLOCK_SECONDS
        if previous is None or not previous.holder or is_expired:
            self._write(previous.etag if previous else "")
            state = self._read()
        else:
            state = previous
        if state is not None and state.holder == self._id:  # also if the answer to our own write got lost
            self._etag, self._renewed_at = state.etag, started
            if previous is not None and previous.holder not in ("", self._id):
                logger.warning(
                    "Took over %s: %s has not renewed it for %.0f s", self._address, previous.process, previous.age
                )
            return ""
        # a faster process may have taken and released it in between: the lock is free, but not ours
        return state.process if state and state.holder else "another process"

    def require_held(self) -> None:
        """Check that nobody can have taken the lock over, as after a long sleep of this machine.

        Raises:
            TransientError: the lease was not renewed in time.
        """
        if self._is_lost or time.time() - self._renewed_at > self._seconds:
            raise TransientError(
                f"The lock {self._address} was not renewed in time and may be another process's; run again."
            )

    def run_heartbeat(self, stop: threading.Event) -> None:
        """Renew the lease until `stop` is set or the lock is lost."""
        while not self._is_lost and not stop.wait(self._seconds / HEARTBEATS):
            try:
                self.renew()
            except PlatformError as error:
                logger.warning("The lock %s could not be renewed: %s", self._address, error)

    def renew(self) -> None:
        """Renew the lease once; notice if another process has taken it over."""
        started = time.time()
        if not self._write(self._etag):
            state = self._read()
            if state is None or state.holder != self._id:
                self._is_lost = True
                return
            self._etag = state.etag
        self._renewed_at = started

    def release(self) -> None:
        """Leave the object without a holder, unless another process has taken it over."""
        try:
            self._put(b"", self._etag)
        except PlatformError as error:
            logger.warning("The lock %s could not be released and expires instead: %s", self._address, error)

    def _write(self, replaced_etag: str) -> bool:
        """Write ourselves as the holder; False if the object changed since `replaced_etag`."""
        # each write differs from the last, or an old ETag would fit again
        body = {"holder": self._id, "process": f"{socket.gethostname()}:{os.getpid()}", "nonce": uuid.uuid4().hex}
        etag = self._put(json.dumps(body).encode(), replaced_etag)
        self._etag = etag or self._etag
        return bool(etag)

    def _put(self, body: bytes, replaced_etag: str) -> str:
        """Replace the object with that ETag, or create it without one; return the new ETag, or "" if it changed."""
        from botocore.exceptions import ClientError

        condition = {"IfMatch": replaced_etag} if replaced_etag else {"IfNoneMatch": "*"}
        with translate_s3_errors(self._address):
            try:
                response = self._client.put_object(Bucket=self._bucket, Key=self._key, Body=body, **condition)
            except ClientError as error:
                if error_code(error.response) in CHANGED | MISSING:
                    return ""
                raise
        return str(response["ETag"])

    def _read(self) -> _LockState | None:
        try:
            with translate_s3_errors(self._address):
                response = self._client.get_object(Bucket=self._bucket, Key=self._key)
                body = response["Body"].read()
        except FileNotFoundError:
            return None
        now = parsedate_to_datetime(response["ResponseMetadata"]["HTTPHeaders"]["date"])
        content = json.loads(body) if body else {"holder": "", "process": ""}
        age = (now - response["LastModified"]).total_seconds()
        return _LockState(response["ETag"], content["holder"], content["process"], age)

    @property
    def _address(self) -> str:
        return f"s3://{self._bucket}/{self._key}"


@contextmanager
def hold_lease(client: Any, bucket: str, key: str, *, waiting: str, timeout: float, seconds: float) -> Iterator[Lease]:
    """Hold the lock at `key`. Log the message `waiting` once, unless it is empty, if the lock is not free.

    Raises:
        TransientError: another process held the lock until the timeout.
    """
    lease = Lease(client, bucket, key, seconds)
    _wait(lease, f"s3://{bucket}/{key}", waiting, timeout, min(_POLL_SECONDS, seconds / HEARTBEATS))
    stop = threading.Event()
    heartbeat = threading.Thread(target=lease.run_heartbeat, args=(stop,), name=f"heartbeat of {key}", daemon=True)
    heartbeat.start()
    try:
        yield lease
    finally:
        stop.set()
        heartbeat.join()
        lease.release()


def _wait(lease: Lease, address: str, waiting: str, timeout: float, poll_seconds: float) -> None:
    deadline, is_logged = time.monotonic() + timeout, not waiting
    while holder := lease.acquire():
        if time.monotonic() > deadline:
            raise TransientError(
                f"Another process ({holder}) has held {address} for {timeout:.0f} s; "
                "let it finish or stop it, then run again."
            )
        if not is_logged:
            logger.warning("%s", waiting)
            is_logged = True
        time.sleep(poll_seconds)

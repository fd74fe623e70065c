"""A lock on S3 that machines share: one object, taken, renewed and given back by conditional writes only.

The object says who holds it. Its age is told by S3's own clock (the answer's date minus the object's), so machines
need not agree on the time. The holder writes it again several times per lease; one that was not written for a whole
lease is taken over. Every write names the ETag that it replaces, so of many who try one succeeds. Not here: what the
lock protects.
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
from i94_platform.lake.s3_errors import CHANGED, MISSING, error_code, translate_s3_errors

logger = logging.getLogger(__name__)

LEASE_SECONDS = 60.0
"""How long a lock outlives a holder that was killed. Every machine that shares a lake must use the same."""

BEATS = 4
"""Renewals per lease: three may fail before the lock is lost."""

_POLL_SECONDS = 0.5

_CLOCK_SECONDS = 1.0
"""S3 tells times in whole seconds."""


@dataclass(frozen=True)
class _Seen:
    """The lock's object as it was found."""

    etag: str
    holder: str
    """Empty where it was given back."""
    told: str
    age: float


class Lease:
    """One holder's view of one lock."""

    def __init__(self, client: Any, bucket: str, key: str, seconds: float) -> None:
        self._client, self._bucket, self._key, self._seconds = client, bucket, key, seconds
        self._me = uuid.uuid4().hex
        self._etag, self._renewed, self._lost = "", 0.0, False

    def blocked_by(self) -> str:
        """Try to take it; who holds it instead, empty where it is ours now."""
        found, begun = self._look(), time.time()
        expired = found is not None and found.age > self._seconds + _CLOCK_SECONDS
        if found is None or not found.holder or expired:
            self._write(found.etag if found else "")
            seen = self._look()
        else:
            seen = found
        if seen is not None and seen.holder == self._me:  # also where the answer to our own write got lost
            self._etag, self._renewed = seen.etag, begun
            if found is not None and found.holder not in ("", self._me):
                logger.warning("Took over %s: %s has not renewed it for %.0f s", self._address, found.told, found.age)
            return ""
        # nobody holds it any more where whoever was faster has given it back already: that does not make it ours
        return seen.told if seen and seen.holder else "another process"

    def check(self) -> None:
        """Fail where it may be another's by now, as after a long sleep of this machine."""
        if self._lost or time.time() - self._renewed > self._seconds:
            raise TransientError(
                f"The lock {self._address} was not renewed in time and may be another process's; run again."
            )

    def keep(self, over: threading.Event) -> None:
        """Renew it until it is over."""
        while not self._lost and not over.wait(self._seconds / BEATS):
            try:
                self._renew()
            except PlatformError as failure:
                logger.warning("The lock %s could not be renewed: %s", self._address, failure)

    def give_back(self) -> None:
        """Leave the object without a holder; nothing where it is another's already."""
        try:
            self._put(b"", self._etag)
        except PlatformError as failure:
            logger.warning("The lock %s is given back by its age only: %s", self._address, failure)

    def _renew(self) -> None:
        begun = time.time()
        if not self._write(self._etag):
            seen = self._look()
            if seen is None or seen.holder != self._me:
                self._lost = True
                return
            self._etag = seen.etag
        self._renewed = begun

    def _write(self, replaced: str) -> bool:
        """Put the object in place of the one with that ETag, or of none; False where another was faster."""
        # each write differs from the last, or an old ETag would fit again
        body = {"holder": self._me, "told": f"{socket.gethostname()}:{os.getpid()}", "beat": uuid.uuid4().hex}
        etag = self._put(json.dumps(body).encode(), replaced)
        self._etag = etag or self._etag
        return bool(etag)

    def _put(self, body: bytes, replaced: str) -> str:
        from botocore.exceptions import ClientError

        condition = {"IfMatch": replaced} if replaced else {"IfNoneMatch": "*"}
        with translate_s3_errors(self._address):
            try:
                answer = self._client.put_object(Bucket=self._bucket, Key=self._key, Body=body, **condition)
            except ClientError as error:
                if error_code(error.response) in CHANGED | MISSING:
                    return ""
                raise
        return str(answer["ETag"])

    def _look(self) -> _Seen | None:
        try:
            with translate_s3_errors(self._address):
                answer = self._client.get_object(Bucket=self._bucket, Key=self._key)
                body = answer["Body"].read()
        except FileNotFoundError:
            return None
        now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        found = json.loads(body) if body else {"holder": "", "told": ""}
        return _Seen(answer["ETag"], found["holder"], found["told"], (now - answer["LastModified"]).total_seconds())

    @property
    def _address(self) -> str:
        return f"s3://{self._bucket}/{self._key}"


@contextmanager
def hold_lease(client: Any, bucket: str, key: str, *, waiting: str, timeout: float, seconds: float) -> Iterator[Lease]:
    """Hold the lock at `key`; `waiting` is logged once where one has to wait.

    Raises:
        TransientFailure: another process held it for longer than the timeout.
    """
    one = Lease(client, bucket, key, seconds)
    deadline, said = time.monotonic() + timeout, False
    while holder := one.blocked_by():
        if time.monotonic() > deadline:
            raise TransientError(
                f"Another process ({holder}) has held s3://{bucket}/{key} for {timeout:.0f} s; "
                "let it finish or stop it, then run again."
            )
        if not said:
            logger.warning("%s", waiting)
            said = True
        time.sleep(min(_POLL_SECONDS, seconds / BEATS))
    over = threading.Event()
    beats = threading.Thread(target=one.keep, args=(over,), name=f"lease of {key}", daemon=True)
    beats.start()
    try:
        yield one
    finally:
        over.set()
        beats.join()
        one.give_back()

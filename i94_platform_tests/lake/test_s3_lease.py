"""Leases: a lock on S3 has one holder at a time, also when clocks, networks or machines fail.

The incident to prevent: a machine slept through its lease and then committed over its successor.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from i94_platform.errors import TransientError
from i94_platform.lake.s3 import S3Store
from i94_platform.lake.s3_lease import Lease
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.lake.conftest import error_message


def create_lease(server: S3Server, bucket: str, seconds: float = 60.0) -> Lease:
    return Lease(server.create_client(), bucket, "lock", seconds)


def test_an_expired_lease_is_taken_over_and_a_renewed_one_is_not(
    s3_server: S3Server, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    dead, other = (create_lease(s3_server, bucket, 0.5) for _ in range(2))
    patient = create_lease(s3_server, bucket)
    assert not dead.acquire()
    while other.acquire():
        time.sleep(0.1)
    assert f"s3://{bucket}/lock: {socket.gethostname()}:{os.getpid()} has not renewed it" in caplog.text
    assert not other.acquire(), "a holder may acquire again"
    assert patient.acquire(), "it is held"
    error_message(dead.require_held, TransientError)
    other.release()
    assert not patient.acquire(), "a released lock is free at once"


def test_the_age_of_a_lease_comes_from_the_clock_of_s3(
    s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, waiter = create_lease(s3_server, bucket), create_lease(s3_server, bucket)
    assert not holder.acquire()
    tomorrow = time.time() + 86_400
    monkeypatch.setattr(time, "time", lambda: tomorrow)
    assert waiter.acquire(), "a machine with a wrong clock took a lock that is held"


def test_one_of_two_processes_that_see_a_free_lock_gets_it(s3_server: S3Server, bucket: str) -> None:
    first, second = create_lease(s3_server, bucket), create_lease(s3_server, bucket)
    assert not first.acquire()
    first.release()
    state = second._read()
    assert state is not None
    assert not first.acquire()
    assert not second._write(state.etag), "an old ETag fits"
    assert second.acquire()


def test_a_lock_that_a_faster_process_took_and_released_is_not_ours(s3_server: S3Server, bucket: str) -> None:
    faster, third = create_lease(s3_server, bucket), create_lease(s3_server, bucket)

    class SlowLease(Lease):
        """A faster process comes between its read and its write."""

        def _write(self, replaced_etag: str) -> bool:
            if not faster._renewed_at:
                assert not faster.acquire()
                faster.release()
            return super()._write(replaced_etag)

    slow = SlowLease(s3_server.create_client(), bucket, "lock", 60.0)
    assert slow.acquire(), "the write came too late"
    error_message(slow.require_held, TransientError)
    assert not slow.acquire(), "the next attempt gets it"
    slow.require_held()
    assert third.acquire()


def test_a_write_whose_response_was_lost_is_recognized(
    s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3 repeats such a write, and S3 answers that the condition does not hold."""
    lease = create_lease(s3_server, bucket)
    put = lease._put

    def put_twice(body: bytes, replaced_etag: str) -> str:
        put(body, replaced_etag)
        return put(body, replaced_etag)

    monkeypatch.setattr(lease, "_put", put_twice)
    assert not lease.acquire()
    lease.renew()
    lease.require_held()


def test_a_network_failure_of_a_moment_loses_no_lock(
    s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lease, stop, attempts = create_lease(s3_server, bucket, 2.0), threading.Event(), []
    assert not lease.acquire()
    renew = lease.renew

    def fail_once() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise TransientError("the network is down")
        renew()
        stop.set()

    monkeypatch.setattr(lease, "renew", fail_once)
    with caplog.at_level(logging.WARNING):
        lease.run_heartbeat(stop)
    lease.require_held()
    assert "the network is down" in caplog.text


def test_nothing_is_written_under_a_lock_that_was_not_renewed(
    s3_store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a sleep of the machine: its successor may have committed."""
    s3_store.put("manifest.json", b"old")
    later = time.time() + 3_600
    with s3_store.lock("x", "waiting"):
        monkeypatch.setattr(time, "time", lambda: later)
        error_message(lambda: s3_store.put("manifest.json", b"new"), TransientError)
    monkeypatch.undo()
    assert s3_store.read("manifest.json") == b"old"
    s3_store.put("manifest.json", b"new")  # allowed without a lock


def test_a_lock_that_another_process_took_over_is_not_released(
    s3_store: S3Store, s3_server: S3Server, bucket: str
) -> None:
    key = "lake/.locks/x"
    with s3_store.lock("x", "waiting"):
        body = json.dumps({"holder": "another", "process": "elsewhere:1", "nonce": ""}).encode()
        s3_server.create_client().put_object(Bucket=bucket, Key=key, Body=body)
    assert s3_server.create_client().get_object(Bucket=bucket, Key=key)["Body"].read() == body
    assert "elsewhere:1" in error_message(lambda: s3_store.lock("x", "").__enter__(), TransientError)


@pytest.mark.slow
def test_a_lock_outlives_its_lease_while_its_holder_works(s3_server: S3Server, bucket: str, tmp_path: Path) -> None:
    root = f"s3://{bucket}/lake"
    holder = S3Store(root, s3_server.create_client, tmp_path, lease_seconds=1.5)
    waiter = S3Store(root, s3_server.create_client, tmp_path, lock_timeout=3.5, lease_seconds=1.5)
    with holder.lock("x", "waiting"):
        error_message(lambda: waiter.lock("x", "waiting").__enter__(), TransientError)
        holder.put("f", b"still mine")
    assert waiter.read("f") == b"still mine"

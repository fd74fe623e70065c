"""Pins what a bucket does beyond the suite of every store (`test_store`): what its errors mean, and leases.

A machine that slept through its lease and then committed over its successor, a wrong key reported as a damaged file,
and a deletion that was refused key by key within an answer of 200 are what these tests keep away.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import Config
from botocore.stub import Stubber

from i94_platform.errors import PermanentError, TransientError
from i94_platform.lake.s3 import SCHEME, S3Store
from i94_platform.lake.s3_lease import Lease
from i94_platform_tests.emulators.s3 import REGION, S3Server


@pytest.fixture
def bucket(s3_server: S3Server) -> str:
    return s3_server.bucket()


@pytest.fixture
def store(s3_server: S3Server, bucket: str, tmp_path: Path) -> S3Store:
    return S3Store(f"s3://{bucket}/lake", s3_server.client, tmp_path, lock_timeout=0.3)


@pytest.fixture
def stubbed(tmp_path: Path) -> tuple[S3Store, Stubber]:
    """A store whose answers the test writes."""
    client = boto3.client("s3", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")
    stubber = Stubber(client)
    stubber.activate()
    return S3Store("s3://bucket/lake", lambda: client, tmp_path), stubber


def told(action: Callable[[], Any], failure: type[Exception]) -> str:
    with pytest.raises(failure) as caught:
        action()
    return str(caught.value)


# --- listing and reading ----------------------------------------------------------------------------------------------


def test_a_whole_bucket_is_a_store_too(s3_server: S3Server, bucket: str, tmp_path: Path) -> None:
    store = S3Store(f"s3://{bucket}", s3_server.client, tmp_path)
    store.put("a/b", b"1")
    assert [file.path for file in store.list()] == [file.path for file in store.list("a")] == ["a/b"]
    assert store.uri("a/b") == f"s3://{bucket}/a/b"
    assert store.read("a/b") == b"1"


def test_markers_of_folders_and_what_lies_beside_the_prefix_are_no_files(
    store: S3Store, s3_server: S3Server, bucket: str
) -> None:
    """Consoles and Hadoop leave empty objects whose names end in a slash."""
    for key in ("lake/", "lake/staged/", "lakes/x", "other"):
        s3_server.client().put_object(Bucket=bucket, Key=key, Body=b"")
    store.put("staged/x", b"1")
    assert [file.path for file in store.list()] == ["staged/x"]


def test_a_stamp_changes_with_the_content_and_a_version_is_the_etag(store: S3Store) -> None:
    store.put("f", b"1")
    (before,) = store.list()
    store.put("f", b"2")
    (after,) = store.list()
    assert before.stamp != after.stamp
    assert store.content_version(after) == "c81e728d9d4c2f636f067f89cc14862c"  # MD5 of "2"


def test_the_same_upload_in_parts_has_the_same_version(store: S3Store) -> None:
    for path in ("a", "b"):
        with store.create(path) as file:
            file.write(b"x" * (17 << 20))
    a, b = store.list()
    assert store.content_version(a) == store.content_version(b)
    assert store.content_version(a).endswith("-3"), "three parts of 8 MB"


def test_a_file_that_changes_while_it_is_read_is_no_mixture(store: S3Store) -> None:
    store.put("f", b"1" * 9_000_000)
    with store.open("f") as file:
        file.read(10)
        store.put("f", b"2" * 9_000_000)
        assert "/lake/f was changed by another process" in told(file.read, TransientError)


# --- what errors mean -------------------------------------------------------------------------------------------------

ANSWERS = [
    ("NoSuchBucket", 404, PermanentError, "the bucket does not exist; create it"),
    ("AccessDenied", 403, PermanentError, "access is denied; allow this user or role to list, read, write"),
    ("InvalidAccessKeyId", 403, PermanentError, "S3 does not know the access key; set AWS_ACCESS_KEY_ID"),
    ("SignatureDoesNotMatch", 403, PermanentError, "S3 does not accept the secret key; set AWS_ACCESS_KEY_ID"),
    ("ExpiredToken", 400, PermanentError, "the temporary credentials have expired; renew them"),
    ("PermanentRedirect", 301, PermanentError, "the bucket is in another region; set AWS_REGION"),
    ("MadeUp", 400, PermanentError, "S3 refused the request (MadeUp: because)"),
    ("SlowDown", 503, TransientError, "S3 is busy (SlowDown: because); run again later"),
    ("InternalError", 500, TransientError, "S3 is busy (InternalError: because); run again later"),
    ("PreconditionFailed", 412, TransientError, "was changed by another process"),
]


@pytest.mark.parametrize(("code", "status", "failure", "said"), ANSWERS, ids=[answer[0] for answer in ANSWERS])
def test_an_answer_is_told_in_one_sentence_that_says_what_to_do(
    stubbed: tuple[S3Store, Stubber], code: str, status: int, failure: type[Exception], said: str
) -> None:
    store, stubber = stubbed
    for operation in ("put_object", "list_objects_v2"):
        stubber.add_client_error(operation, code, "because.", status)
    for action, address in ((lambda: store.put("f", b""), "lake/f"), (lambda: list(store.list("x")), "lake/x")):
        sentence = told(action, failure)
        assert sentence.startswith(f"s3://bucket/{address}")
        assert said in sentence


def test_keys_that_could_not_be_deleted_are_told_although_the_answer_is_fine(
    stubbed: tuple[S3Store, Stubber],
) -> None:
    store, stubber = stubbed
    for code in ("AccessDenied", "InternalError"):
        stubber.add_response("delete_objects", {"Errors": [{"Key": "lake/f", "Code": code, "Message": "We"}]})
    assert "s3://bucket/lake/f can't be deleted: access is denied" in told(lambda: store.delete(["f"]), PermanentError)
    assert "S3 is busy (InternalError: We)" in told(lambda: store.delete(["f"]), TransientError)


def test_a_missing_bucket_is_told_by_a_real_server(s3_server: S3Server, tmp_path: Path) -> None:
    store = S3Store("s3://nobody-made-it/lake", s3_server.client, tmp_path)
    for action in (lambda: list(store.list()), lambda: store.put("f", b""), lambda: store.lock("x", "").__enter__()):
        assert "the bucket does not exist; create it, or correct the address" in told(action, PermanentError)


def test_a_wrong_secret_is_told_by_a_real_server_and_not_shown(second_s3_server: S3Server, tmp_path: Path) -> None:
    wrong = S3Server(second_s3_server.endpoint, secret_key="wrong-secret-key")
    store = S3Store(f"s3://{second_s3_server.bucket()}/lake", wrong.client, tmp_path)
    sentence = told(lambda: list(store.list()), PermanentError)
    assert "S3 does not accept the secret key" in sentence
    assert "wrong-secret" not in sentence


def test_without_credentials_it_is_told_how_to_give_some(s3_server: S3Server, tmp_path: Path) -> None:
    store = S3Store("s3://bucket/lake", lambda: boto3.client("s3", endpoint_url=s3_server.endpoint), tmp_path)
    assert "there are no AWS credentials; set AWS_ACCESS_KEY_ID" in told(lambda: store.put("f", b""), PermanentError)


def test_an_endpoint_that_does_not_answer_is_worth_another_attempt(tmp_path: Path) -> None:
    def connect() -> Any:
        return boto3.client(
            "s3",
            endpoint_url="http://127.0.0.1:9",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=Config(retries={"total_max_attempts": 1}),
        )

    store = S3Store("s3://bucket/lake", connect, tmp_path)
    assert "can't be reached" in told(lambda: store.read("f"), TransientError)


# --- leases -----------------------------------------------------------------------------------------------------------


def lease(server: S3Server, bucket: str, seconds: float = 60.0) -> Lease:
    return Lease(server.client(), bucket, "lock", seconds)


def test_a_lease_that_ended_is_taken_over_and_one_that_was_renewed_is_not(
    s3_server: S3Server, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    dead, other = (lease(s3_server, bucket, 0.5) for _ in range(2))
    patient = lease(s3_server, bucket)
    assert not dead.acquire()
    while other.acquire():
        time.sleep(0.1)
    assert f"Took over s3://{bucket}/lock: {socket.gethostname()}:{os.getpid()} has not renewed it" in caplog.text
    assert not other.acquire(), "it is the other's"
    assert patient.acquire(), "it is held"
    assert "not renewed in time" in told(dead.require_held, TransientError)
    other.release()
    assert not patient.acquire(), "what was given back is free at once"


def test_the_age_of_a_lease_is_told_by_the_clock_of_s3(
    s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, waiter = lease(s3_server, bucket), lease(s3_server, bucket)
    assert not holder.acquire()
    tomorrow = time.time() + 86_400
    monkeypatch.setattr(time, "time", lambda: tomorrow)
    assert waiter.acquire(), "a machine whose clock is wrong takes a lock that is held"


def test_of_two_who_see_a_free_lock_one_takes_it(s3_server: S3Server, bucket: str) -> None:
    first, second = lease(s3_server, bucket), lease(s3_server, bucket)
    assert not first.acquire()
    first.release()
    seen = second._read()
    assert seen is not None
    assert not first.acquire()
    assert not second._write(seen.etag), "an ETag of the past fits"
    assert second.acquire()


def test_a_lock_that_a_faster_one_took_and_gave_back_meanwhile_is_not_ours(s3_server: S3Server, bucket: str) -> None:
    faster, free = lease(s3_server, bucket), lease(s3_server, bucket)

    class Slow(Lease):
        """Meets a faster one between its look and its write."""

        def _write(self, replaced: str) -> bool:
            if not faster._renewed_at:
                assert not faster.acquire()
                faster.release()
            return super()._write(replaced)

    slow = Slow(s3_server.client(), bucket, "lock", 60.0)
    assert slow.acquire(), "the write came too late"
    with pytest.raises(TransientError, match="was not renewed"):
        slow.require_held()
    assert not slow.acquire(), "the next try takes it"
    slow.require_held()
    assert free.acquire()


def test_a_write_whose_answer_got_lost_is_recognized_as_ones_own(
    s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3 sends such a write again, and is told that the condition does not hold."""
    one = lease(s3_server, bucket)
    real = one._put

    def lost(body: bytes, replaced: str) -> str:
        real(body, replaced)
        return real(body, replaced)

    monkeypatch.setattr(one, "_put", lost)
    assert not one.acquire()
    one.renew()
    one.require_held()


def test_nothing_is_written_under_a_lock_that_was_not_renewed(
    store: S3Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As where the machine slept: its successor may have committed meanwhile."""
    store.put("manifest.json", b"old")
    later = time.time() + 3_600
    with store.lock("x", "waiting"):
        monkeypatch.setattr(time, "time", lambda: later)
        assert "run again" in told(lambda: store.put("manifest.json", b"new"), TransientError)
    monkeypatch.undo()
    assert store.read("manifest.json") == b"old"
    store.put("manifest.json", b"new")  # without a lock anybody may


def test_a_lock_that_another_took_over_is_not_given_back(
    store: S3Store, s3_server: S3Server, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    key = "lake/.locks/x"
    with store.lock("x", "waiting"):
        body = json.dumps({"holder": "another", "process": "elsewhere:1", "nonce": ""}).encode()
        s3_server.client().put_object(Bucket=bucket, Key=key, Body=body)
    assert s3_server.client().get_object(Bucket=bucket, Key=key)["Body"].read() == body
    assert "Another process (elsewhere:1) has held" in told(lambda: store.lock("x", "").__enter__(), TransientError)


def test_a_lock_outlives_its_lease_as_long_as_its_holder_works(
    s3_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    root = f"s3://{bucket}/lake"
    holder = S3Store(root, s3_server.client, tmp_path, lease_seconds=1.5)
    waiter = S3Store(root, s3_server.client, tmp_path, lock_timeout=3.5, lease_seconds=1.5)
    with holder.lock("x", "waiting"):
        told(lambda: waiter.lock("x", "waiting").__enter__(), TransientError)
        holder.put("f", b"still mine")
    assert waiter.read("f") == b"still mine"


def test_a_network_that_fails_for_a_moment_costs_no_lock(
    s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import threading

    one, over, tries = lease(s3_server, bucket, 2.0), threading.Event(), []
    assert not one.acquire()
    real = one.renew

    def renew() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise TransientError("S3 can't be reached")
        real()
        over.set()

    monkeypatch.setattr(one, "renew", renew)
    with caplog.at_level(logging.WARNING):
        one.run_heartbeat(over)
    one.require_held()
    assert "could not be renewed: S3 can't be reached" in caplog.text


# --- copies for what reads local files --------------------------------------------------------------------------------


@pytest.fixture
def files(s3_server: S3Server, tmp_path: Path) -> S3Store:
    return S3Store(SCHEME, s3_server.client, tmp_path / "scratch")


def test_objects_are_copied_once_and_local_files_are_read_where_they_lie(
    files: S3Store, store: S3Store, tmp_path: Path
) -> None:
    store.put("odd *[1].parquet", b"x")
    url = store.uri("odd *[1].parquet")
    local = files.fetch_local_paths([url, "/data/y.parquet"])
    assert Path(local[url]).read_bytes() == b"x"
    assert local["/data/y.parquet"] == "/data/y.parquet"
    store.delete(["odd *[1].parquet"])
    assert files.fetch_local_paths([url]) == {url: local[url]}
    files.drop_local_copies()
    assert list((tmp_path / "scratch").iterdir()) == []
    assert "does not exist" in told(lambda: files.fetch_local_paths([url]), FileNotFoundError)


def test_what_is_written_into_a_folder_is_uploaded_at_the_end_or_not_at_all(files: S3Store, store: S3Store) -> None:
    def fail(folder: Path) -> None:
        (folder / "half.parquet").write_bytes(b"x")
        raise RuntimeError

    def write(action: Callable[[Path], Any]) -> None:
        with files.write_folder(store.uri("staged/run=r1")) as folder:
            action(folder)
            assert list(store.list()) == []

    with pytest.raises(RuntimeError):
        write(fail)
    assert list(store.list()) == []
    write(lambda folder: (folder / "part-0.parquet").write_bytes(b"whole"))
    assert [file.path for file in store.list()] == ["staged/run=r1/part-0.parquet"]
    url = store.uri("staged/run=r1/part-0.parquet")
    assert Path(files.fetch_local_paths([url])[url]).read_bytes() == b"whole"
    files.drop_local_copies()


def test_a_local_folder_is_written_where_it_is(files: S3Store, tmp_path: Path) -> None:
    with files.write_folder(str(tmp_path / "run=r1")) as folder:
        (folder / "part-0.parquet").write_bytes(b"x")
    assert (tmp_path / "run=r1" / "part-0.parquet").read_bytes() == b"x"

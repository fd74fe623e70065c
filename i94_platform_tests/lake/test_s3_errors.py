"""Errors of S3: each says which address, what is wrong and what to do, and whether another attempt may help.

Incidents to prevent: a wrong key that was reported as a damaged file, and a deletion that was refused key by key in a
response with status 200.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import Config
from botocore.stub import Stubber

from i94_platform.errors import PermanentError, TransientError
from i94_platform.lake.s3 import S3Store
from i94_platform_tests.emulators.s3 import REGION, S3Server
from i94_platform_tests.lake.conftest import error_message


@pytest.fixture
def stubbed(tmp_path: Path) -> tuple[S3Store, Stubber]:
    """A store whose responses the test defines."""
    client = boto3.client("s3", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")
    stubber = Stubber(client)
    stubber.activate()
    return S3Store("s3://bucket/lake", lambda: client, tmp_path), stubber


@pytest.mark.parametrize(
    ("code", "status", "error", "fact"),
    [
        ("NoSuchBucket", 404, PermanentError, "the bucket does not exist"),
        ("AccessDenied", 403, PermanentError, "access is denied"),
        ("InvalidAccessKeyId", 403, PermanentError, "AWS_ACCESS_KEY_ID"),
        ("SignatureDoesNotMatch", 403, PermanentError, "AWS_SECRET_ACCESS_KEY"),
        ("ExpiredToken", 400, PermanentError, "expired"),
        ("PermanentRedirect", 301, PermanentError, "AWS_REGION"),
        ("MadeUp", 400, PermanentError, "(MadeUp: because)"),
        ("SlowDown", 503, TransientError, "(SlowDown: because)"),
        ("InternalError", 500, TransientError, "(InternalError: because)"),
        ("PreconditionFailed", 412, TransientError, "changed by another process"),
    ],
)
def test_an_error_names_the_address_and_the_cause(
    stubbed: tuple[S3Store, Stubber], code: str, status: int, error: type[Exception], fact: str
) -> None:
    store, stubber = stubbed
    actions: dict[str, Callable[[], Any]] = {
        "put_object": lambda: store.put("f", b""),
        "list_objects_v2": lambda: list(store.list("f")),
    }
    for operation, action in actions.items():
        stubber.add_client_error(operation, code, "because.", status)
        message = error_message(action, error)
        assert message.startswith("s3://bucket/lake/f")
        assert fact in message


def test_keys_that_could_not_be_deleted_are_named_although_the_status_is_200(
    stubbed: tuple[S3Store, Stubber],
) -> None:
    store, stubber = stubbed
    for code, error in (("AccessDenied", PermanentError), ("InternalError", TransientError)):
        stubber.add_response("delete_objects", {"Errors": [{"Key": "lake/f", "Code": code, "Message": "We"}]})
        message = error_message(lambda: store.delete(["f"]), error)
        assert "s3://bucket/lake/f" in message
        assert code in message


def test_a_real_server_reports_a_missing_bucket(s3_server: S3Server, tmp_path: Path) -> None:
    store = S3Store("s3://no-such-bucket/lake", s3_server.create_client, tmp_path)
    actions: list[Callable[[], Any]] = [
        lambda: list(store.list()),
        lambda: store.put("f", b""),
        lambda: store.lock("x", "").__enter__(),
    ]
    for action in actions:
        assert "the bucket does not exist" in error_message(action, PermanentError)


def test_a_real_server_reports_a_wrong_secret_and_the_message_hides_it(
    second_s3_server: S3Server, tmp_path: Path
) -> None:
    wrong = S3Server(second_s3_server.endpoint, secret_key="wrong-secret-key")
    store = S3Store(f"s3://{second_s3_server.create_bucket()}/lake", wrong.create_client, tmp_path)
    message = error_message(lambda: list(store.list()), PermanentError)
    assert "S3 does not accept the secret key" in message
    assert "wrong-secret" not in message


def test_without_credentials_the_message_says_how_to_give_some(s3_server: S3Server, tmp_path: Path) -> None:
    store = S3Store("s3://bucket/lake", lambda: boto3.client("s3", endpoint_url=s3_server.endpoint), tmp_path)
    assert "AWS_ACCESS_KEY_ID" in error_message(lambda: store.put("f", b""), PermanentError)


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
    assert "I94_S3_ENDPOINT" in error_message(lambda: store.read("f"), TransientError)

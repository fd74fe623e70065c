"""A session on EMR Serverless starts once, is waited for, gets a fresh token for each call, and ends at exit.

botocore's own model of the service checks every request and response. The calls of Spark Connect go to a server that
records their headers. Nothing here talks to AWS itself.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from typing import Any

import boto3
import grpc
import pytest
from botocore.stub import Stubber
from pyspark.sql.connect import proto

from i94_platform.engine import emr
from i94_platform.engine.emr import Application, EmrSession
from i94_platform.errors import PermanentError, PlatformError, TransientError
from i94_platform_tests.support.fake_connect import start_fake_server

ROLE = "arn:aws:iam::123456789012:role/team/i94-spark"
ADDRESS = f"emr-serverless://00f1abcdefghij?role={ROLE}&region=us-west-2"
APPLICATION = Application("00f1abcdefghij", ROLE, "us-west-2")
NAMES = {"applicationId": APPLICATION.id, "sessionId": "00session1"}
START = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
TOKENS = ("planted-token-one", "planted-token-two")


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> dt.datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += dt.timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def aws() -> Iterator[Stubber]:
    """EMR Serverless as botocore models it; every prepared response must be requested."""
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    with Stubber(boto3.client("emr-serverless", region_name="us-west-2", **keys)) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def session(aws: Stubber, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> EmrSession:
    """A session with a fake Spark session."""
    monkeypatch.setattr(EmrSession, "_connect", Spark)
    return EmrSession(APPLICATION, {}, {}, lambda: aws.client, clock.sleep, clock)


class Spark:
    """A fake Spark session."""

    stopped, release_session_on_close = False, True

    def stop(self) -> None:
        self.stopped = True


def expect_start(aws: Stubber, session_id: str = "00session1") -> None:
    request = {
        "applicationId": APPLICATION.id,
        "executionRoleArn": ROLE,
        "idleTimeoutMinutes": emr.IDLE_MINUTES,
        "name": "i94-platform",
    }
    arn = f"arn:aws:emr-serverless:us-west-2:123456789012:/applications/{APPLICATION.id}/sessions/{session_id}"
    aws.add_response("start_session", {**NAMES, "sessionId": session_id, "arn": arn}, request)


def expect_state(aws: Stubber, state: str, session_id: str = "00session1") -> None:
    names = {**NAMES, "sessionId": session_id}
    session = {
        **names,
        "arn": f"arn:aws:emr-serverless:us-west-2:123456789012:/applications/{APPLICATION.id}/sessions/{session_id}",
        "state": state,
        "stateDetails": "as it is.",
        "releaseLabel": "emr-spark-8.0.0",
        "executionRoleArn": ROLE,
        "createdBy": "arn:aws:iam::123456789012:user/me",
        "createdAt": START,
        "updatedAt": START,
    }
    aws.add_response("get_session", {"session": session}, names)


def expect_token(
    aws: Stubber, token: str, expires: dt.datetime, host: str = "spark.example", session_id: str = "00session1"
) -> None:
    names = {**NAMES, "sessionId": session_id}
    response = {**names, "endpoint": f"https://{host}", "authToken": token, "authTokenExpiresAt": expires}
    aws.add_response("get_session_endpoint", response, names)


def expect_end(aws: Stubber) -> None:
    aws.add_response("terminate_session", NAMES, NAMES)


def open_session(aws: Stubber, session: EmrSession) -> Any:
    expect_start(aws)
    expect_state(aws, "STARTED")
    expect_token(aws, TOKENS[0], START + dt.timedelta(hours=1))
    return session.open()


def test_an_address_names_application_role_and_region() -> None:
    assert Application.parse(ADDRESS) == APPLICATION
    plus = f"emr-serverless://00f1?role={ROLE}+a@b"
    assert Application.parse(plus, "eu-west-1") == Application("00f1", f"{ROLE}+a@b", "eu-west-1")


def test_a_session_starts_once_and_ends_once(
    aws: Stubber, session: EmrSession, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    expect_start(aws)
    for state in ("SUBMITTED", "STARTING", "IDLE"):
        expect_state(aws, state)
    expect_token(aws, TOKENS[0], START + dt.timedelta(hours=1))
    spark: Any = session.open()
    assert clock.now - START == dt.timedelta(seconds=2 * emr.POLL_SECONDS)
    again: Any = session.open()
    assert again is spark
    assert caplog.messages == ["Waiting for session 00session1 on EMR Serverless, which takes a minute or two …"]
    expect_end(aws)
    session.close()
    session.close()
    assert spark.stopped
    assert not spark.release_session_on_close, "a server that may be gone would be called"


def test_a_session_that_was_never_opened_needs_no_request(aws: Stubber, session: EmrSession) -> None:
    session.close()  # the stub raises on any request
    aws.assert_no_pending_responses()


def test_a_token_is_replaced_shortly_before_it_expires(aws: Stubber, session: EmrSession, clock: Clock) -> None:
    open_session(aws, session)
    clock.now = START + dt.timedelta(minutes=54)
    assert session.current_token() == TOKENS[0]
    clock.now = START + dt.timedelta(minutes=55)
    expect_token(aws, TOKENS[1], clock.now + dt.timedelta(hours=1))
    assert session.current_token() == TOKENS[1]
    assert session.current_token() == TOKENS[1]


def test_a_session_that_has_ended_is_replaced_between_two_steps(
    aws: Stubber, session: EmrSession, clock: Clock
) -> None:
    first: Any = open_session(aws, session)
    clock.sleep(61)
    expect_state(aws, "BUSY")
    unchanged: Any = session.open()
    assert unchanged is first
    clock.sleep(61)
    expect_state(aws, "TERMINATED")
    expect_start(aws, "00session2")
    expect_state(aws, "STARTED", "00session2")
    expect_token(aws, TOKENS[1], clock.now + dt.timedelta(hours=1), session_id="00session2")
    second: Any = session.open()
    assert second is not first
    assert first.stopped


@pytest.mark.parametrize("state", ["FAILED", "TERMINATING", "TERMINATED"])
def test_a_session_that_fails_to_start_is_ended_and_its_state_reported(
    aws: Stubber, session: EmrSession, state: str
) -> None:
    expect_start(aws)
    expect_state(aws, state)
    expect_end(aws)
    with pytest.raises(PermanentError, match=f"00f1abcdefghij in us-west-2.*{state}, as it is"):
        session.open()


def test_a_session_that_takes_too_long_to_start_is_ended_and_worth_another_attempt(
    aws: Stubber, session: EmrSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emr, "START_SECONDS", 4.0)
    expect_start(aws)
    expect_state(aws, "STARTING")
    expect_state(aws, "STARTING")
    expect_end(aws)
    with pytest.raises(TransientError, match=r"within 4 s \(as it is\)"):
        session.open()


@pytest.mark.parametrize(
    ("code", "error", "fact"),
    [
        ("AccessDeniedException", PermanentError, f"allow StartSession, .* and iam:PassRole of {ROLE} "),
        ("ResourceNotFoundException", PermanentError, "00f1abcdefghij in us-west-2 does not exist"),
        ("ValidationException", PermanentError, r"\(ValidationException: said\)"),
        ("ConflictException", TransientError, "is busy .*: said"),
        ("ServiceQuotaExceededException", TransientError, "is busy .*: said"),
        ("InternalServerException", TransientError, "is busy .*: said"),
    ],
)
def test_an_error_names_the_cause(
    aws: Stubber, session: EmrSession, code: str, error: type[PlatformError], fact: str
) -> None:
    aws.add_client_error("start_session", code, "said.")
    with pytest.raises(error, match=fact):
        session.open()


def test_a_session_that_can_not_be_ended_is_only_a_warning(
    aws: Stubber, session: EmrSession, caplog: pytest.LogCaptureFixture
) -> None:
    open_session(aws, session)
    aws.add_client_error("terminate_session", "InternalServerException", "said")
    caplog.clear()
    session.close()
    assert caplog.messages[0].startswith(f"The session 00session1 ends by itself in {emr.IDLE_MINUTES} minutes: ")


def test_a_missing_region_and_missing_credentials_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PermanentError, match="You must specify a region"):
        Application("00f1", ROLE, "").create_client()
    with pytest.raises(PermanentError, match="AWS_ACCESS_KEY_ID"):
        EmrSession(APPLICATION, {}).open()


@pytest.mark.parametrize(
    ("enabled", "release", "problem"),
    [
        (True, "emr-spark-8.0.0", ""),
        (False, "emr-spark-8.0.0", "sessionEnabled"),
        (True, "emr-7.13.0", "emr-spark-8.0.0 or later"),
    ],
)
def test_an_application_without_sessions_or_spark_4_is_reported_before_a_run(
    aws: Stubber, enabled: bool, release: str, problem: str
) -> None:
    application = {
        "applicationId": APPLICATION.id,
        "arn": f"arn:aws:emr-serverless:us-west-2:123456789012:/applications/{APPLICATION.id}",
        "releaseLabel": release,
        "type": "Spark",
        "state": "STARTED",
        "createdAt": START,
        "updatedAt": START,
        "interactiveConfiguration": {"sessionEnabled": enabled},
    }
    aws.add_response("get_application", {"application": application}, {"applicationId": APPLICATION.id})
    if not problem:
        assert APPLICATION.fetch_state(aws.client) == "STARTED"
    else:
        with pytest.raises(PermanentError, match=problem):
            APPLICATION.fetch_state(aws.client)


@pytest.fixture
def connect_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that accepts options and records the headers of each call, with credentials for loopback only."""
    headers: list[dict[str, str]] = []

    def config(request: Any, context: Any) -> Any:
        headers.append(dict(context.invocation_metadata()))
        return proto.ConfigResponse(session_id=request.session_id)

    server, port = start_fake_server("4.0.2", config, grpc.local_server_credentials())
    monkeypatch.setattr(grpc, "ssl_channel_credentials", grpc.local_channel_credentials)
    monkeypatch.setenv("SPARK_CONNECT_MODE_ENABLED", "1")  # undone at the end, for the tests that follow
    yield f"127.0.0.1:{port}", headers
    server.stop(0).wait()


def test_every_call_carries_the_current_token_and_no_output_shows_it(
    aws: Stubber,
    clock: Clock,
    connect_server: tuple[str, list[dict[str, str]]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    host, headers = connect_server
    session = EmrSession(APPLICATION, {"spark.sql.ansi.enabled": "true"}, {}, lambda: aws.client, clock.sleep, clock)
    expect_start(aws)
    expect_state(aws, "STARTED")
    expect_token(aws, TOKENS[0], START + dt.timedelta(hours=1), host)
    spark = session.open()
    first_calls = len(headers)
    clock.now = START + dt.timedelta(hours=1)
    expect_token(aws, TOKENS[1], clock.now + dt.timedelta(hours=1), host)
    spark.conf.set("spark.sql.shuffle.partitions", "8")
    assert first_calls
    assert {header["x-aws-proxy-auth"] for header in headers[:first_calls]} == {TOKENS[0]}
    assert {header["x-aws-proxy-auth"] for header in headers[first_calls:]} == {TOKENS[1]}
    shown = [caplog.text, repr(session), str(session), repr(spark), str(APPLICATION), repr(APPLICATION)]
    expect_end(aws)
    session.close()
    for token in TOKENS:
        assert not [text for text in shown if token in text]

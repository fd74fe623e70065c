"""Spark on EMR Serverless: a session that is started with the first query, reached by Spark Connect, ended at exit.

Here: EMR Serverless's operations, and the token of a session, which every call carries in its newest edition; so one
session on the server outlives any token. The token is in no URL, configuration, message or log. Not here: what is
asked of the session (`spark`), and the application itself, which is made with the infrastructure.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from i94_platform.engine.spark import SPARK_NOT_INSTALLED
from i94_platform.errors import PermanentError, PlatformError, TransientError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

logger = logging.getLogger(__name__)

START_SECONDS, PAUSE_SECONDS = 900.0, 5.0
IDLE_MINUTES = 20
"""After which EMR Serverless ends a session that nobody uses, such as that of a killed process."""
LOOK_AGAIN = dt.timedelta(minutes=1)
"""How long a session that was seen alive is taken for alive."""
RENEW_BEFORE = dt.timedelta(minutes=5)
"""How long before its end a token is replaced."""

WAITING, READY = ("SUBMITTED", "STARTING"), ("STARTED", "IDLE", "BUSY")

NEEDED = "StartSession, GetSession, GetSessionEndpoint and TerminateSession of emr-serverless, and iam:PassRole"
_TRANSIENT = (
    "ConflictException",
    "InternalServerException",
    "ServiceQuotaExceededException",
    "ThrottlingException",
    "TooManyRequestsException",
)


@dataclass(frozen=True)
class Application:
    """What an address `emr-serverless://application?role=arn&region=name` says."""

    id: str
    role: str
    region: str

    @classmethod
    def parse(cls, address: str, region: str = "") -> Self:
        """The application of an address; `region` where the address names none."""
        parts = urlsplit(address)
        asked = {name: values[0] for name, values in parse_qs(parts.query.replace("+", "%2B")).items()}
        return cls(parts.netloc, asked["role"], asked.get("region", region))

    def client(self) -> Any:
        """A boto3 client; credentials come from AWS's own chain.

        Raises:
            PermanentFailure: the aws extra is not installed, or no region is set.
        """
        try:
            import boto3
        except ModuleNotFoundError as error:
            raise PermanentError(
                "I94_ENGINE names EMR Serverless, and the AWS part is not installed; run: pip install "
                "'i94-platform[aws]'."
            ) from error
        with _told(self):
            return boto3.client("emr-serverless", region_name=self.region or None)

    def fetch_state(self, client: Any) -> str:
        """Its state, where it takes sessions.

        Raises:
            PermanentFailure: it is not there, or takes none.
        """
        with _told(self):
            found = client.get_application(applicationId=self.id)["application"]
        if not found.get("interactiveConfiguration", {}).get("sessionEnabled"):
            raise PermanentError(
                f"{self} takes no interactive sessions; enable them in its interactive configuration (sessionEnabled, "
                "from release emr-7.13.0 on)."
            )
        return str(found["state"])

    def __str__(self) -> str:
        return f"The EMR Serverless application {self.id}" + (f" in {self.region}" if self.region else "")


class EmrSession:
    """The one session of a process on an application; `open` starts it, and another where it has ended meanwhile."""

    def __init__(
        self,
        application: Application,
        options: dict[str, str],
        connect: Callable[[], Any] | None = None,
        pause: Callable[[float], None] = time.sleep,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._application, self._options = application, options
        self._connect, self._pause, self._now = connect or application.client, pause, now
        self._client: Any = None
        self._id, self._token, self._host = "", "", ""
        self._expires = self._seen = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._spark: SparkSession | None = None

    def open(self) -> SparkSession:
        """The session, which may take minutes to start.

        Raises:
            PermanentFailure: the application, the role, a permission or the spark extra is missing.
            TransientFailure: EMR Serverless has no room or is out of reach.
        """
        if self._spark is None or not self._alive():
            self._forget()
            self._start()
            try:
                self._wait(self._now() + dt.timedelta(seconds=START_SECONDS))
                self._fetch_endpoint()
                self._spark = self._reach()
            except Exception:
                self.close()  # it would cost money until it is idle for long enough
                raise
        return self._spark

    def current_token(self) -> str:
        """The token for a call that is made now."""
        if self._now() >= self._expires - RENEW_BEFORE:
            self._fetch_endpoint()
        return self._token

    def close(self) -> None:
        """End the session, so that it costs nothing more; that it can't be ended is said and no failure."""
        if not self._id:
            return
        self._forget()
        try:
            with _told(self._application):
                self._client.terminate_session(applicationId=self._application.id, sessionId=self._id)
        except PlatformError as failure:
            logger.warning("The session %s ends by itself in %d minutes: %s", self._id, IDLE_MINUTES, failure)
        self._id = ""

    def _forget(self) -> None:
        if self._spark is not None:
            self._spark.release_session_on_close = False  # type: ignore[attr-defined]  # there may be nobody to tell
            self._spark.stop()
            self._spark = None

    def _alive(self) -> bool:
        if self._now() - self._seen < LOOK_AGAIN:
            return True
        state, _ = self._state()
        return state in READY

    def _start(self) -> None:
        if self._client is None:
            self._client = self._connect()
        with _told(self._application):
            started = self._client.start_session(
                applicationId=self._application.id,
                executionRoleArn=self._application.role,
                idleTimeoutMinutes=IDLE_MINUTES,
                name="i94-platform",
            )
        self._id = started["sessionId"]
        logger.warning("Waiting for session %s on EMR Serverless, which takes a minute or two …", self._id)

    def _wait(self, deadline: dt.datetime) -> None:
        state, details = self._state()
        while state in WAITING:
            if self._now() > deadline:
                raise TransientError(
                    f"{self._application} did not start a session within {START_SECONDS:.0f} s ({details}); look at "
                    "its limits, or run again later."
                )
            self._pause(PAUSE_SECONDS)
            state, details = self._state()
        if state not in READY:
            raise PermanentError(f"{self._application} started no session: {state}, {details}.")

    def _state(self) -> tuple[str, str]:
        with _told(self._application):
            found = self._client.get_session(applicationId=self._application.id, sessionId=self._id)["session"]
        self._seen = self._now()
        return str(found["state"]), str(found["stateDetails"]).rstrip(".")

    def _fetch_endpoint(self) -> None:
        with _told(self._application):
            found = self._client.get_session_endpoint(applicationId=self._application.id, sessionId=self._id)
        self._host, self._token = urlsplit(found["endpoint"]).netloc, found["authToken"]
        self._expires = found["authTokenExpiresAt"]

    def _reach(self) -> SparkSession:
        try:
            from pyspark.sql.connect.session import SparkSession
        except ModuleNotFoundError as error:
            raise PermanentError(SPARK_NOT_INSTALLED) from error
        # by this PySpark tells that functions are Spark Connect's; its own builder sets it where a URL is given
        os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
        builder = SparkSession.builder.channelBuilder(_channel_builder(self._host, self.current_token))
        return builder.config(map=dict(self._options)).create()  # type: ignore[return-value]


def _channel_builder(host: str, token: Callable[[], str]) -> Any:
    """A channel to a host, by TLS, that adds the token of the moment to each call."""
    import grpc
    from pyspark.sql.connect.client import DefaultChannelBuilder

    class Call(grpc.ClientCallDetails):  # type: ignore[misc]
        def __init__(self, call: Any) -> None:
            for name in ("method", "timeout", "credentials", "wait_for_ready", "compression"):
                setattr(self, name, getattr(call, name, None))
            self.metadata = [*(call.metadata or ()), ("x-aws-proxy-auth", token())]

    clients: Any = (
        grpc.UnaryUnaryClientInterceptor,
        grpc.UnaryStreamClientInterceptor,
        grpc.StreamUnaryClientInterceptor,
    )

    class WithToken(*clients):  # type: ignore[misc]
        def intercept_unary_unary(self, proceed: Any, call: Any, request: Any) -> Any:
            return proceed(Call(call), request)

        intercept_unary_stream = intercept_stream_unary = intercept_unary_unary

    builder = DefaultChannelBuilder(f"sc://{host if ':' in host else f'{host}:443'}/;use_ssl=true")
    builder.add_interceptor(WithToken())
    return builder


@contextmanager
def _told(application: Application) -> Iterator[None]:
    """Turn what boto3 raises about an application into the platform's failures."""
    from botocore import exceptions as b

    try:
        yield
    except b.ClientError as error:
        raise _refused(application, error.response.get("Error", {})) from error
    except (b.NoRegionError, b.ProfileNotFound, b.ConfigParseError) as error:
        raise PermanentError(f"{application}: the AWS configuration is not usable: {error}.") from error
    except (b.NoCredentialsError, b.PartialCredentialsError, b.CredentialRetrievalError) as error:
        raise PermanentError(
            f"{application}: there are no AWS credentials; set AWS_PROFILE, or give this machine a role."
        ) from error
    except b.BotoCoreError as error:
        raise TransientError(
            f"{application} can't be reached ({type(error).__name__}); look at the network."
        ) from error


def _refused(application: Application, answer: dict[str, Any]) -> PlatformError:
    code, said = str(answer.get("Code", "")), str(answer.get("Message", "")).rstrip(".")
    if code in ("AccessDeniedException", "AccessDenied"):
        return PermanentError(f"{application}: access is denied; allow {NEEDED} of {application.role} ({said}).")
    if code == "ResourceNotFoundException":
        return PermanentError(f"{application} is not there; correct I94_ENGINE or the region ({said}).")
    if code in _TRANSIENT:
        return TransientError(f"{application} is busy ({code}: {said}); run again later.")
    return PermanentError(f"{application} refused the request ({code}: {said}).")

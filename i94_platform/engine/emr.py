"""Spark on EMR Serverless: a session that starts with the first query, is reached by Spark Connect, and ends at exit.

Every call carries the session's current token, so a session outlives its tokens. The token is in no URL, configuration,
message or log. The application itself is part of the infrastructure.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from i94_platform.engine.spark_version import SPARK_NOT_INSTALLED, require_compatible
from i94_platform.errors import PermanentError, PlatformError, TransientError
from i94_platform.lake.aws_errors import error_code, error_text, translate_aws_errors

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

logger = logging.getLogger(__name__)

RELEASES = "emr-spark-"
"""The releases with Spark 4; those called emr-7 have Spark 3.5."""

START_SECONDS, POLL_SECONDS = 900.0, 5.0
IDLE_MINUTES = 20
"""EMR Serverless ends a session after so many minutes without use, such as that of a killed process."""
STATE_MAX_AGE = dt.timedelta(minutes=1)
"""How long the last known state of a session counts."""
RENEW_BEFORE = dt.timedelta(minutes=5)
"""How long before its expiry a token is replaced."""

STARTING, READY = ("SUBMITTED", "STARTING"), ("STARTED", "IDLE", "BUSY")

PERMISSIONS = "StartSession, GetSession, GetSessionEndpoint and TerminateSession of emr-serverless, and iam:PassRole"
_TRANSIENT = (
    "ConflictException",
    "InternalServerException",
    "ServiceQuotaExceededException",
    "ThrottlingException",
    "TooManyRequestsException",
)


@dataclass(frozen=True)
class Application:
    """An application, as the address `emr-serverless://application?role=arn&region=name` names it."""

    id: str
    role: str
    region: str

    @classmethod
    def parse(cls, address: str, region: str = "") -> Self:
        """Parse an address; `region` counts if the address names none."""
        parts = urlsplit(address)
        options = {name: values[0] for name, values in parse_qs(parts.query.replace("+", "%2B")).items()}
        return cls(parts.netloc, options["role"], options.get("region", region))

    def create_client(self) -> Any:
        """Create a boto3 client; credentials come from AWS's own chain.

        Raises:
            PermanentError: the aws extra is not installed, or no region is set.
        """
        try:
            import boto3
        except ModuleNotFoundError as error:
            raise PermanentError(
                "I94_ENGINE names EMR Serverless, and the AWS part is not installed; run: pip install "
                "'i94-platform[aws]'."
            ) from error
        with self.translate_errors():
            return boto3.client("emr-serverless", region_name=self.region or None)

    def fetch_state(self, client: Any) -> str:
        """Fetch the application's state.

        Raises:
            PermanentError: it does not exist, takes no sessions, or has a release without Spark 4.
        """
        with self.translate_errors():
            application = client.get_application(applicationId=self.id)["application"]
        if not application.get("interactiveConfiguration", {}).get("sessionEnabled"):
            raise PermanentError(
                f"{self} takes no interactive sessions; enable them in its interactive configuration (sessionEnabled)."
            )
        if not application["releaseLabel"].startswith(RELEASES):
            raise PermanentError(
                f"{self} has the release {application['releaseLabel']}, whose Spark is too old; choose "
                "emr-spark-8.0.0 or later."
            )
        return str(application["state"])

    def translate_errors(self) -> AbstractContextManager[None]:
        """Turn what boto3 raises about the application into the platform's errors."""
        return translate_aws_errors(str(self), partial(_response_error, self))

    def __str__(self) -> str:
        return f"The EMR Serverless application {self.id}" + (f" in {self.region}" if self.region else "")


class EmrSession:
    """The one session of a process on an application; `open` starts it, and another one if it has ended."""

    def __init__(
        self,
        application: Application,
        config: Mapping[str, str],
        options: Mapping[str, str] = MappingProxyType({}),
        create_client: Callable[[], Any] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        """`config` is set in the session; with `options` it starts, such as the memory of an executor."""
        self._application, self._config, self._options = application, config, options
        self._create_client, self._sleep, self._now = create_client or application.create_client, sleep, now
        self._id, self._token, self._host = "", "", ""
        self._expires_at = self._checked_at = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._spark: SparkSession | None = None

    @cached_property
    def _client(self) -> Any:
        return self._create_client()

    def open(self) -> SparkSession:
        """Open the session, which may take minutes to start.

        Raises:
            PermanentError: the application, the role, a permission or the spark extra is missing.
            TransientError: EMR Serverless has no capacity or can't be reached.
        """
        if self._spark is None or not self._is_ready():
            self._disconnect()
            self._start()
            try:
                self._wait(self._now() + dt.timedelta(seconds=START_SECONDS))
                self._fetch_endpoint()
                self._spark = self._connect()
            except Exception:
                self.close()  # an idle session costs money
                raise
        return self._spark

    def current_token(self) -> str:
        """The token for a call now; a new one if the last expires soon."""
        if self._now() >= self._expires_at - RENEW_BEFORE:
            self._fetch_endpoint()
        return self._token

    def close(self) -> None:
        """End the session, so that it costs nothing more; log a warning if that fails."""
        if not self._id:
            return
        self._disconnect()
        try:
            with self._application.translate_errors():
                self._client.terminate_session(applicationId=self._application.id, sessionId=self._id)
        except PlatformError as error:
            logger.warning("The session %s ends by itself in %d minutes: %s", self._id, IDLE_MINUTES, error)
        self._id = ""

    def _disconnect(self) -> None:
        if self._spark is not None:
            self._spark.release_session_on_close = False  # type: ignore[attr-defined]  # the server may be gone
            self._spark.stop()
            self._spark = None

    def _is_ready(self) -> bool:
        return self._now() - self._checked_at < STATE_MAX_AGE or self._fetch_state()[0] in READY

    def _start(self) -> None:
        client = self._client
        with self._application.translate_errors():
            session = client.start_session(
                applicationId=self._application.id,
                executionRoleArn=self._application.role,
                idleTimeoutMinutes=IDLE_MINUTES,
                name="i94-platform",
                **_override(self._options),
            )
        self._id = session["sessionId"]
        logger.warning("Waiting for session %s on EMR Serverless, which takes a minute or two …", self._id)

    def _wait(self, deadline: dt.datetime) -> None:
        state, details = self._fetch_state()
        while state in STARTING:
            if self._now() > deadline:
                raise TransientError(
                    f"{self._application} did not start a session within {START_SECONDS:.0f} s ({details}); check its "
                    "limits, or run again later."
                )
            self._sleep(POLL_SECONDS)
            state, details = self._fetch_state()
        if state not in READY:
            raise PermanentError(f"{self._application} started no session: {state}, {details}.")

    def _fetch_state(self) -> tuple[str, str]:
        """Fetch the session's state and what EMR Serverless says about it."""
        with self._application.translate_errors():
            session = self._client.get_session(applicationId=self._application.id, sessionId=self._id)["session"]
        self._checked_at = self._now()
        return str(session["state"]), str(session["stateDetails"]).rstrip(".")

    def _fetch_endpoint(self) -> None:
        with self._application.translate_errors():
            response = self._client.get_session_endpoint(applicationId=self._application.id, sessionId=self._id)
        self._host, self._token = urlsplit(response["endpoint"]).netloc, response["authToken"]
        self._expires_at = response["authTokenExpiresAt"]

    def _connect(self) -> SparkSession:
        try:
            from pyspark.sql.connect.session import SparkSession
        except ModuleNotFoundError as error:
            raise PermanentError(SPARK_NOT_INSTALLED) from error
        # PySpark's functions are those of Spark Connect only with this; its own builder sets it if given a URL
        os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
        builder = SparkSession.builder.channelBuilder(_channel_builder(self._host, self.current_token))
        session = builder.create()
        require_compatible(session.version, str(self._application))
        for name, value in self._config.items():
            session.conf.set(name, value)
        return session  # type: ignore[return-value]


def _override(options: Mapping[str, str]) -> dict[str, Any]:
    """Build the argument of StartSession that overrides the application's defaults; none where nothing does."""
    defaults = {"classification": "spark-defaults", "properties": dict(options)}
    return {"configurationOverrides": {"runtimeConfiguration": [defaults]}} if options else {}


def _channel_builder(host: str, token: Callable[[], str]) -> Any:
    """Build TLS channels to a host, whose calls carry the current token."""
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


def _response_error(application: Application, response: dict[str, Any]) -> PlatformError:
    """The error that an answer of EMR Serverless means."""
    code, text = error_code(response), error_text(response)
    if code in ("AccessDeniedException", "AccessDenied"):
        return PermanentError(f"{application}: access is denied; allow {PERMISSIONS} of {application.role} ({text}).")
    if code == "ResourceNotFoundException":
        return PermanentError(f"{application} does not exist; correct I94_ENGINE or the region ({text}).")
    if code in _TRANSIENT:
        return TransientError(f"{application} is busy ({text}); run again later.")
    return PermanentError(f"{application} refused the request ({text}).")

"""The versions of PySpark here and of Spark on a server: whether the two understand each other."""

from __future__ import annotations

import re
import uuid
from typing import Any

from i94_platform.errors import PermanentError

LEAST_VERSION = (4, 0)
"""Older Spark can't exchange Arrow tables with a client."""

ANSWER_SECONDS = 10.0

SPARK_NOT_INSTALLED = (
    "I94_ENGINE names Spark, which is not installed; run: pip install 'i94-platform[spark]', or for a server of Spark "
    "Connect 'i94-platform[connect]'."
)


def client_version() -> str:
    """Return the version of PySpark here.

    Raises:
        PermanentError: it is not installed.
    """
    try:
        from pyspark.version import __version__
    except ModuleNotFoundError as error:
        raise PermanentError(SPARK_NOT_INSTALLED) from error
    return __version__


def find_version_problem(server: str, client: str) -> str:
    """Say in a clause why a client can't work with a server of this version; empty if it can."""
    theirs, ours = _parse(server), _parse(client)
    if theirs < LEAST_VERSION:
        return f"it runs Spark {server}, and this platform needs 4.0 or later; choose a release with Spark 4"
    if ours > theirs:
        minor = f"{theirs[0]}.{theirs[1]}"
        return (
            f"it runs Spark {server}, which a newer client such as PySpark {client} here fails on; run: pip install "
            f"'pyspark[connect]=={minor}.*', or where no Java is, 'pyspark-client=={minor}.*'"
        )
    return ""


def require_compatible(server: str, address: str) -> None:
    """Require that PySpark here can work with the server at an address.

    Raises:
        PermanentError: the server is too old, or older than PySpark here.
    """
    if problem := find_version_problem(server, client_version()):
        raise PermanentError(f"{address} can't be used: {problem}.")


def _parse(version: str) -> tuple[int, int]:
    """Return major and minor version; vendors add words such as `-amzn-0`."""
    match = re.match(r"(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def fetch_server_version(address: str, seconds: float = ANSWER_SECONDS) -> str:
    """Ask the Spark Connect server at an address for its version, without a session of the platform.

    Raises:
        PermanentError: what listens there is no Spark Connect server, or refuses us.
    """
    client_version()
    import grpc
    from pyspark.sql.connect import proto
    from pyspark.sql.connect.client import DefaultChannelBuilder

    session: dict[str, Any] = {"session_id": str(uuid.uuid4()), "user_context": proto.UserContext(user_id="i94")}
    request = proto.AnalyzePlanRequest(spark_version=proto.AnalyzePlanRequest.SparkVersion(), **session)
    try:
        with DefaultChannelBuilder(address).toChannel() as channel:
            server = proto.SparkConnectServiceStub(channel)  # type: ignore[no-untyped-call]
            version = str(server.AnalyzePlan(request, timeout=seconds).spark_version.version)
            server.ReleaseSession(proto.ReleaseSessionRequest(**session), timeout=seconds)
    except grpc.RpcError as error:
        code = error.code().name if isinstance(error, grpc.Call) else type(error).__name__
        raise PermanentError(f"What listens at {address} does not answer as Spark Connect: {code}.") from error
    return version

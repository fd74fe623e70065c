"""A fake Spark Connect server: it answers with a version, and accepts sessions, without Java."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
from pyspark.sql.connect import proto


def start_fake_server(
    version: str, config: Callable[[Any, Any], Any] | None = None, credentials: Any = None
) -> tuple[grpc.Server, int]:
    """Start a server of a version of Spark on a free port; `config` answers what a client asks of a configuration."""

    def answer_config(request: Any, context: Any) -> Any:
        return proto.ConfigResponse(session_id=request.session_id)

    def analyze(request: Any, context: Any) -> Any:
        answer = proto.AnalyzePlanResponse.SparkVersion(version=version)
        return proto.AnalyzePlanResponse(session_id=request.session_id, spark_version=answer)

    def release(request: Any, context: Any) -> Any:
        return proto.ReleaseSessionResponse(session_id=request.session_id)

    handlers = {
        "Config": _build_handler(config or answer_config, proto.ConfigRequest),
        "AnalyzePlan": _build_handler(analyze, proto.AnalyzePlanRequest),
        "ReleaseSession": _build_handler(release, proto.ReleaseSessionRequest),
    }
    server = grpc.server(futures.ThreadPoolExecutor(2))
    service = grpc.method_handlers_generic_handler("spark.connect.SparkConnectService", handlers)
    server.add_generic_rpc_handlers((service,))
    place = "127.0.0.1:0"
    port = server.add_secure_port(place, credentials) if credentials else server.add_insecure_port(place)
    server.start()
    return server, port


def _build_handler(answer: Callable[[Any, Any], Any], request: Any) -> Any:
    return grpc.unary_unary_rpc_method_handler(
        answer, request_deserializer=request.FromString, response_serializer=lambda message: message.SerializeToString()
    )


@contextmanager
def fake_connect_server(version: str) -> Iterator[str]:
    """Run a fake server as long as the context, and give its address."""
    server, port = start_fake_server(version)
    try:
        yield f"sc://127.0.0.1:{port}"
    finally:
        server.stop(0).wait()

"""The roles of the CloudFormation template, in front of the S3 server: they answer 403 as IAM does.

An access key that is called like a role of the template has that role's permissions on every bucket. Any other key may
do everything. Spark in the platform's process has the platform's key, but the role of Spark, as on EMR Serverless.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from i94_platform_tests.support.iam import Request, Statement, is_allowed
from i94_platform_tests.support.s3_permissions import list_needed_permissions

PLATFORM, SPARK, COPY, SERVE = "PlatformRole", "SparkRole", "CopyRole", "ServeRole"
ROLES = (PLATFORM, SPARK, COPY, SERVE)

IGNORES_CONDITIONS, CLOCK_BEHIND = "ignores-conditions", "clock-behind"
"""Access keys for which the server ignores If-Match and If-None-Match, or has a clock that is ten minutes slow."""

_KEY = re.compile(r"Credential=([^/]+)/")
_CONDITIONS = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")
_ANSWER = b"<Error><Code>AccessDenied</Code><Message>%s</Message></Error>"


class RoleGuard:
    """A WSGI application in front of another one, which lets pass what the roles of the template allow."""

    def __init__(self, application: Callable[..., Iterable[bytes]], log: Path) -> None:
        """`log` gets a line for each permission that a role has needed: role, action, resource, and the decision."""
        self._application, self._log = application, log

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        role = self._find_role(environ)
        if role == IGNORES_CONDITIONS:
            environ = {name: value for name, value in environ.items() if name not in _CONDITIONS}
        if role not in ROLES:
            return self._application(environ, start_response)
        needed = self._list_needed(environ)
        denied = [request for request in needed if not is_allowed(self._statements[role], request)]
        with self._log.open("a") as log:
            log.writelines(
                f"{role}\t{one.action}\t{one.resource}\t{'denied' if one in denied else 'allowed'}\n" for one in needed
            )
        if denied:
            return _deny(start_response, role, denied[0])
        return self._application(environ, self._hide_missing(environ, role, start_response))

    @staticmethod
    def _find_role(environ: dict[str, Any]) -> str:
        match = _KEY.search(environ.get("HTTP_AUTHORIZATION", ""))
        key = match[1] if match else ""
        return SPARK if key == PLATFORM and "Hadoop" in environ.get("HTTP_USER_AGENT", "") else key

    @staticmethod
    def _list_needed(environ: dict[str, Any]) -> list[Request]:
        body = b""
        if environ["REQUEST_METHOD"] == "POST" and "delete" in environ["QUERY_STRING"]:
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        path = environ["PATH_INFO"].encode("latin-1").decode()
        needed = list_needed_permissions(environ["REQUEST_METHOD"], path, environ["QUERY_STRING"], headers, body)
        return [Request(r.action, _to_template_bucket(r.resource), r.context) for r in needed]

    def _hide_missing(self, environ: dict[str, Any], role: str, start_response: Any) -> Any:
        """S3 says that an object is missing only to who may list the bucket without a prefix."""
        bucket = _to_template_bucket(f"arn:aws:s3:::{environ['PATH_INFO'].split('/')[1]}")

        def start(status: str, *others: Any) -> Any:
            hidden = status.startswith("404") and not is_allowed(
                self._statements[role], Request("s3:ListBucket", bucket)
            )
            return start_response("403 FORBIDDEN" if hidden else status, *others)

        return start

    @cached_property
    def _statements(self) -> dict[str, list[Statement]]:
        """By role; read when the first request comes, since most tests need no role."""
        from i94_platform_tests.deploy.stack import Stack

        statements = Stack(WithSpark="true").statements()
        return {role: [one for one in statements if one.owner in (role, "BucketPolicy")] for role in ROLES}


def _to_template_bucket(resource: str) -> str:
    return re.sub(r"^arn:aws:s3:::[^/]+", "arn:aws:s3:::i94-test-bucket", resource)


def _deny(start_response: Any, role: str, request: Request) -> Iterable[bytes]:
    answer = _ANSWER % f"{role} is not authorized to perform {request.action} on {request.resource}".encode()
    start_response("403 FORBIDDEN", [("Content-Type", "application/xml"), ("Content-Length", str(len(answer)))])
    return [answer]

"""Which permissions the calls of AWS need that are not S3's, and the check that the template allows them.

Only what a test calls shows. So each call of the suite is looked up here, and an unknown one fails its test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest

from i94_platform_tests.emulators.s3_roles import PLATFORM
from i94_platform_tests.support.iam import Request, Statement, is_allowed

APPLICATION = "arn:aws:emr-serverless:us-west-2:123456789012:/applications/00application"
SESSION = f"{APPLICATION}/sessions/00session"
SPARK_ROLE = "arn:aws:iam::123456789012:role/SparkRole"
WORKGROUP = "Workgroup.Workgroup.WorkgroupArn"

_PASS_ROLE = Request("iam:PassRole", SPARK_ROLE, {"iam:PassedToService": "emr-serverless.amazonaws.com"})

CALLS: Mapping[tuple[str, str], tuple[Request, ...]] = {
    ("emr-serverless", "GetApplication"): (Request("emr-serverless:GetApplication", APPLICATION),),
    ("emr-serverless", "StartSession"): (
        Request("emr-serverless:StartSession", APPLICATION),
        Request("emr-serverless:StartApplication", APPLICATION),  # the application starts with its first session
        _PASS_ROLE,
    ),
    ("emr-serverless", "GetSession"): (Request("emr-serverless:GetSession", SESSION),),
    ("emr-serverless", "GetSessionEndpoint"): (Request("emr-serverless:GetSessionEndpoint", SESSION),),
    ("emr-serverless", "TerminateSession"): (Request("emr-serverless:TerminateSession", SESSION),),
    ("redshift-serverless", "GetCredentials"): (Request("redshift-serverless:GetCredentials", WORKGROUP),),
    ("redshift", "GetClusterCredentials"): (),  # of a cluster of one's own, which is no part of the template
}
"""By service and operation, on the template's resources."""


@cache
def list_statements() -> tuple[Statement, ...]:
    """The statements of the template with Spark."""
    from i94_platform_tests.deploy.stack import Stack

    return tuple(Stack(WithSpark="true").statements())


def is_role_allowed(role: str, request: Request) -> bool:
    """Whether a role or a policy for people allows a request, and the bucket's policy does not deny it."""
    return is_allowed([one for one in list_statements() if one.owner in (role, "BucketPolicy")], request)


def require_allowed(service: str, operation: str) -> None:
    """Check a call of the platform that is not one of S3.

    Raises:
        AssertionError: it is unknown, or the platform's role may not make it.
    """
    assert (service, operation) in CALLS, f"{service} {operation} is a new call: give its permissions here"
    for request in CALLS[service, operation]:
        assert is_role_allowed(PLATFORM, request), f"{PLATFORM} may not {request.action} on {request.resource}"


@contextmanager
def check_calls() -> Iterator[None]:
    """Check each call of any client of boto3 in this process for the length of the context."""
    from botocore.client import BaseClient

    call: Callable[..., Any] = BaseClient._make_api_call

    def check_and_call(client: Any, operation: str, parameters: Any) -> Any:
        service = client.meta.service_model.service_name
        if service != "s3":  # the S3 server knows the role by the access key, and answers 403
            require_allowed(service, operation)
        return call(client, operation, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", check_and_call)
        yield

"""What the answers of S3 mean: permanent or transient, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from i94_platform.errors import PermanentError, TransientError
from i94_platform.lake.aws_errors import GIVE_CREDENTIALS, error_code, error_text, translate_aws_errors

_REGION = "set AWS_REGION to the bucket's region"

PERMANENT = {
    "NoSuchBucket": "the bucket does not exist; create it, or correct the address",
    "InvalidBucketName": "S3 takes no bucket of that name; correct the address",
    "AccessDenied": "access is denied; allow this user or role to list, read, write and delete there",
    "AllAccessDisabled": "access is denied; allow this user or role to list, read, write and delete there",
    "InvalidAccessKeyId": f"S3 does not know the access key; {GIVE_CREDENTIALS}",
    "SignatureDoesNotMatch": f"S3 does not accept the secret key; {GIVE_CREDENTIALS}",
    "InvalidToken": f"S3 does not accept the session token; {GIVE_CREDENTIALS}",
    "ExpiredToken": "the temporary credentials have expired; renew them",
    "TokenRefreshRequired": "the temporary credentials have expired; renew them",
    "PermanentRedirect": f"the bucket is in another region; {_REGION}",
    "AuthorizationHeaderMalformed": f"the bucket is in another region; {_REGION}",
    "IllegalLocationConstraintException": f"the bucket is in another region; {_REGION}",
    "RequestTimeTooSkewed": "the clock of this machine is wrong; set it",
    "NotImplemented": "the store lacks an operation that the lake needs; use one that knows conditional writes",
    "InvalidObjectState": "the object is archived; restore it first",
}
"""Error codes that a later attempt meets again, and what to do."""

TRANSIENT = frozenset(
    [
        "InternalError",
        "RequestTimeout",
        "RequestTimeTooShort",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
    ]
)
MISSING = frozenset(["NoSuchKey", "404", "NotFound"])
CHANGED = frozenset(["PreconditionFailed", "412", "ConditionalRequestConflict"])
"""Answers to a request whose condition did not hold."""

_BY_STATUS = {"301": "PermanentRedirect", "403": "AccessDenied"}
"""An answer to HEAD has no body, so its status is all that is known."""


@contextmanager
def translate_s3_errors(address: str) -> Iterator[None]:
    """Turn what boto3 raises about an address into the platform's errors.

    Raises:
        FileNotFoundError: there is no such object.
        PermanentError: bucket, credentials, permissions or region are wrong.
        TransientError: S3 is busy or can't be reached, or another process changed the object.
    """
    from s3transfer.exceptions import RetriesExceededError

    try:
        with translate_aws_errors(address, partial(response_error, address), "check the network and I94_S3_ENDPOINT"):
            yield
    except RetriesExceededError as error:
        raise TransientError(f"{address}: the transfer was cut off again and again; run again later.") from error


def response_error(address: str, response: dict[str, Any]) -> Exception:
    """The error that an answer of S3 means."""
    code = _BY_STATUS.get(error_code(response), error_code(response))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in PERMANENT:
        return PermanentError(f"{address}: {PERMANENT[code]} ({code}).")
    if code in MISSING:
        return FileNotFoundError(f"{address} does not exist")
    if code in CHANGED:
        return TransientError(f"{address} was changed by another process; run again.")
    if code in TRANSIENT or status >= 500:
        return TransientError(f"{address}: S3 is busy ({error_text(response)}); run again later.")
    return PermanentError(f"{address}: S3 refused the request ({error_text(response)}).")

"""What S3's errors mean: one sentence each, and whether trying again can help.

Here: the translation. Not here: the requests (`s3`, `lease`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from i94_platform.errors import PermanentError, PlatformError, TransientError

_CREDENTIALS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give this machine a role"
_REGION = "set AWS_REGION to the bucket's region"

PERMANENT = {
    "NoSuchBucket": "the bucket does not exist; create it, or correct the address",
    "InvalidBucketName": "S3 takes no bucket of that name; correct the address",
    "AccessDenied": "access is denied; allow this user or role to list, read, write and delete there",
    "AllAccessDisabled": "access is denied; allow this user or role to list, read, write and delete there",
    "InvalidAccessKeyId": f"S3 does not know the access key; {_CREDENTIALS}",
    "SignatureDoesNotMatch": f"S3 does not accept the secret key; {_CREDENTIALS}",
    "InvalidToken": f"S3 does not accept the session token; {_CREDENTIALS}",
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
    """Turn what boto3 raises about an address into the platform's failures.

    Raises:
        FileNotFoundError: there is no such object.
        PermanentFailure: bucket, credentials, permissions or region are wrong.
        TransientFailure: S3 is busy or out of reach, or the object changed meanwhile.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from s3transfer.exceptions import RetriesExceededError

    try:
        yield
    except ClientError as error:
        raise response_error(address, error.response) from error
    except RetriesExceededError as error:
        raise TransientError(f"{address}: the transfer was cut off again and again; run again later.") from error
    except BotoCoreError as error:
        raise _broken(address, error) from error


def error_code(response: dict[str, Any]) -> str:
    """The error code of an answer, or its HTTP status where it has none."""
    return str(response.get("Error", {}).get("Code", ""))


def response_error(address: str, response: dict[str, Any]) -> Exception:
    """The failure that an answer of S3 means."""
    found = _BY_STATUS.get(error_code(response), error_code(response))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if found in PERMANENT:
        return PermanentError(f"{address}: {PERMANENT[found]} ({found}).")
    if found in MISSING:
        return FileNotFoundError(f"{address} does not exist")
    if found in CHANGED:
        return TransientError(f"{address} was changed by another process meanwhile; run again.")
    said = str(response.get("Error", {}).get("Message", "")).rstrip(".")
    if found in TRANSIENT or status >= 500:
        return TransientError(f"{address}: S3 is busy ({found}: {said}); run again later.")
    return PermanentError(f"{address}: S3 refused the request ({found}: {said}).")


def _broken(address: str, error: Exception) -> PlatformError:
    """The failure that an error without an answer means."""
    from botocore import exceptions as b

    missing = (b.NoCredentialsError, b.PartialCredentialsError, b.CredentialRetrievalError, b.TokenRetrievalError)
    if isinstance(error, missing):
        return PermanentError(f"{address}: there are no AWS credentials; {_CREDENTIALS}.")
    if isinstance(error, b.ProfileNotFound | b.ConfigParseError | b.ConfigNotFound | b.NoRegionError):
        return PermanentError(f"{address}: the AWS configuration is not usable: {error}.")
    if isinstance(error, b.ConnectionError | b.HTTPClientError | b.ResponseStreamingError | b.IncompleteReadError):
        return TransientError(
            f"{address}: S3 can't be reached ({type(error).__name__}); look at the network and at I94_S3_ENDPOINT."
        )
    if isinstance(error, b.FlexibleChecksumError):
        return TransientError(f"{address} did not arrive as it was sent ({error}); run again.")
    return PermanentError(f"{address}: the request can't be made: {error}.")

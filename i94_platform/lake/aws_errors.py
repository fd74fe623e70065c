"""What the errors of AWS's clients mean: permanent or transient, and what to do.

What a service answers differs, so each service translates its own answers. Everything else (credentials, configuration,
network) means the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from i94_platform.errors import PermanentError, PlatformError, TransientError

GIVE_CREDENTIALS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give this machine a role"


@contextmanager
def translate_aws_errors(
    subject: str, response_error: Callable[[dict[str, Any]], Exception], check_network: str = "check the network"
) -> Iterator[None]:
    """Turn what boto3 raises about `subject` into the platform's errors.

    Args:
        response_error: makes an error from a service's answer.
        check_network: what to do if the service can't be reached.

    Raises:
        PermanentError: credentials or configuration are missing or wrong.
        TransientError: the service can't be reached.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise response_error(error.response) from error
    except BotoCoreError as error:
        raise _request_error(subject, error, check_network) from error


def error_code(response: dict[str, Any]) -> str:
    """The error code of an answer, or its HTTP status if it has none."""
    return str(response.get("Error", {}).get("Code", ""))


def error_text(response: dict[str, Any]) -> str:
    """The code and the message of an answer, such as `SlowDown: Reduce your request rate`."""
    message = str(response.get("Error", {}).get("Message", "")).rstrip(".")
    return f"{error_code(response)}: {message}"


def _request_error(subject: str, error: Exception, check_network: str) -> PlatformError:
    """The error that a request without an answer means."""
    from botocore import exceptions as b

    credentials = (b.NoCredentialsError, b.PartialCredentialsError, b.CredentialRetrievalError, b.TokenRetrievalError)
    configuration = (b.ProfileNotFound, b.ConfigParseError, b.ConfigNotFound, b.NoRegionError)
    network = (b.ConnectionError, b.HTTPClientError, b.ResponseStreamingError, b.IncompleteReadError)
    if isinstance(error, credentials):
        return PermanentError(f"{subject}: there are no AWS credentials; {GIVE_CREDENTIALS}.")
    if isinstance(error, configuration):
        return PermanentError(f"{subject}: the AWS configuration is not usable: {error}.")
    if isinstance(error, network):
        return TransientError(f"{subject} can't be reached ({type(error).__name__}); {check_network}.")
    if isinstance(error, b.FlexibleChecksumError):
        return TransientError(f"{subject} did not arrive as it was sent ({error}); run again.")
    return PermanentError(f"{subject}: the request can't be made: {error}.")

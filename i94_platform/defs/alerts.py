"""Alerts: messages without secrets for the log and, if `I94_ALERT_WEBHOOK` is set, for a webhook like Slack's."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import SecretStr

if TYPE_CHECKING:
    import requests

ATTEMPTS, BACKOFF_SECONDS, TIMEOUT_SECONDS = 3, 0.5, 2.5
"""How often an alert is sent at most, the factor of the pauses between, and the limit of one attempt.

Dagster gives a tick of the failure sensor up to five runs and 60 seconds: five alerts that fail must fit into it.
"""

HIDDEN = "***"

logger = logging.getLogger(__name__)

Notify = Callable[[str], None]
"""Sends a message to people."""


@dataclass(frozen=True)
class WebhookNotifier:
    """Logs a message and posts it to a webhook. A message that can't be sent is only an error in the log."""

    webhook: SecretStr | None = None

    def __call__(self, message: str) -> None:
        """Send a message without its secrets."""
        message = redact_secrets(message)
        logger.warning("%s", message)
        url = self.webhook.get_secret_value() if self.webhook else ""
        if not url:
            return
        with _hide_path_in_logs(urlsplit(url).path):
            error = _post(url, message)
        if error:
            error = redact_secrets(error.replace(url, HIDDEN).replace(urlsplit(url).path, HIDDEN))
            logger.error("The alert was not sent to I94_ALERT_WEBHOOK: %s.", error)


def _post(url: str, message: str) -> str:
    """Post a message, and return what went wrong; empty if nothing did.

    A redirect is an error: a redirected POST becomes a GET without the message.
    """
    import requests

    try:
        with (
            _retrying_session() as session,
            session.post(
                url, json=webhook_body(message), timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True
            ) as response,
        ):
            return "" if 200 <= response.status_code < 300 else f"it answered {response.status_code}"
    except requests.RequestException as error:
        cause = error.args[0] if error.args else error
        return f"{type(error).__name__}: {getattr(cause, 'reason', cause)}"


@contextmanager
def _hide_path_in_logs(path: str) -> Iterator[None]:
    """Drop what urllib3 logs about a URL's path, which is the secret of a webhook."""

    def has_no_path(record: logging.LogRecord) -> bool:
        return path not in record.getMessage()

    loggers = [logging.getLogger(f"urllib3.{name}") for name in ("connectionpool", "util.retry")]
    for of_urllib3 in loggers:
        of_urllib3.addFilter(has_no_path)
    try:
        yield
    finally:
        for of_urllib3 in loggers:
            of_urllib3.removeFilter(has_no_path)


def _retrying_session() -> requests.Session:
    """Open a session that tries again when the receiver can't be reached or is at fault."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    retry = Retry(
        total=ATTEMPTS - 1,
        backoff_factor=BACKOFF_SECONDS,
        status_forcelist=[429, *range(500, 600)],
        allowed_methods=None,
        raise_on_status=False,
        respect_retry_after_header=False,
    )
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return session


def webhook_body(message: str) -> dict[str, str]:
    """Return the JSON that Slack, Mattermost and Rocket.Chat take, with the characters of their markup escaped."""
    return {"text": message.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}


_SECRET_NAME = re.compile(r"(PASSWORD|SECRET|TOKEN|WEBHOOK|ACCESS_KEY(_ID)?)\Z", re.IGNORECASE)
_SECRET_VALUE = re.compile(
    r"(?<=://)[^/\s@]+(?=@)"  # user and password in an address
    r"|(?<=hooks\.slack\.com/)\S+"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"  # AWS's access keys
    r"|(?:(?<=password=)|(?<=secret=)|(?<=token=)|(?<=signature=)|(?<=credential=))[^\s&;,'\")]+",
    re.IGNORECASE,
)


def redact_secrets(text: str) -> str:
    """Replace what looks like a secret, and the values of the environment's secrets.

    The platform's own messages hold none, but the messages of libraries may.
    """
    secrets = [value for name, value in os.environ.items() if _SECRET_NAME.search(name) and len(value) > 3]
    for value in sorted(secrets, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return _SECRET_VALUE.sub(HIDDEN, text)

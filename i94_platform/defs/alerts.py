"""Alerts: a message in the log and, if `I94_ALERT_WEBHOOK` is set, at that webhook.

An alert that can't be sent is logged and stops nothing. Secrets are redacted from every message.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from pydantic import SecretStr

ATTEMPTS, PAUSE, TIMEOUT = 3, 0.5, 2.5
"""How often an alert is sent, and seconds between attempts and for one: five alerts fit into one tick of a sensor."""

HIDDEN = "***"

logger = logging.getLogger(__name__)

Notify = Callable[[str], None]
"""Sends a message to people."""


@dataclass(frozen=True)
class WebhookNotifier:
    """Sends a message to the log and, if there is one, to a webhook that takes Slack's JSON."""

    webhook: SecretStr | None = None

    def __call__(self, message: str) -> None:
        """Send the message; no failure to send it reaches the caller."""
        message = redact_secrets(message)
        logger.warning("%s", message)
        if url := self.webhook and self.webhook.get_secret_value():
            _send(url, message)


def _send(url: str, message: str) -> None:
    """Post a message, a few times where the receiver is at fault; the log tells what went wrong, without the URL."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _post(url, body(message))
        except urllib.error.HTTPError as answer:
            with answer:
                reason, again = f"it answered {answer.code}", answer.code >= 500 or answer.code == 429
        except (OSError, HTTPException) as failure:  # URLError and timeouts are the former
            reason, again = f"{type(failure).__name__}: {getattr(failure, 'reason', failure)}", True
        else:
            return
        if not again or attempt == ATTEMPTS:
            told = redact_secrets(reason.replace(url, HIDDEN))
            logger.error("The alert was not sent, after %s attempt(s) at I94_ALERT_WEBHOOK: %s.", attempt, told)
            return
        time.sleep(PAUSE * attempt)


def _post(url: str, data: bytes) -> None:
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT):
        pass  # what it answers with success does not matter


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST becomes a GET without a body, so that nothing would be said."""

    def redirect_request(self, *_: Any) -> None:
        """An answer that leads elsewhere is a failure."""


def body(message: str) -> bytes:
    """The JSON that Slack, Mattermost, Rocket.Chat and others take; their markup's own characters are escaped."""
    text = message.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return json.dumps({"text": text}).encode()


_SECRET_NAME = re.compile(r"(PASSWORD|SECRET|TOKEN|WEBHOOK|ACCESS_KEY(_ID)?)\Z", re.IGNORECASE)
_SECRET_VALUE = re.compile(
    r"(?<=://)[^/\s@]+(?=@)"  # user and password in an address
    r"|(?<=hooks\.slack\.com/)\S+"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"  # AWS's access keys
    r"|(?:(?<=password=)|(?<=secret=)|(?<=token=)|(?<=signature=)|(?<=credential=))[^\s&;,'\")]+",
    re.IGNORECASE,
)


def redact_secrets(text: str) -> str:
    """A text without what looks like a secret, and without the values of the environment's secrets.

    The platform's own messages hold none; those of libraries, which an unexpected failure shows, may.
    """
    secrets = [value for name, value in os.environ.items() if _SECRET_NAME.search(name) and len(value) > 3]
    for value in sorted(secrets, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return _SECRET_VALUE.sub(HIDDEN, text)

"""Alerts: what nobody watches and somebody must hear of.

Here: what is said of a failed run, and saying it, always in the log and, where `I94_ALERT_WEBHOOK` is set, there. An
alert that can't be sent is told in the log and harms nobody. Not here: what else is worth an alert (`schedules`), and
runs of the command line, whose failures are told to whoever started them.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from string import Template
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.events import JobFailureData
from dagster._core.storage.tags import WILL_RETRY_TAG
from pydantic import SecretStr

from i94_platform.defs.jobs import MONTH_JOB

if TYPE_CHECKING:
    from i94_platform.operations.job_runs import RunResult

TEMPLATE = Template(
    """*$what failed*
Asset: $assets
Reason: $reason
Run: $link
$what_to_do"""
)
"""What is said of a failed run. Stars are bold where a receiver takes Slack's markup."""

ATTEMPTS, PAUSE, TIMEOUT = 3, 0.5, 2.5
"""How often an alert is sent, and seconds between attempts and for one: five alerts fit into one tick of a sensor."""

INTERVAL = 30
"""Seconds from one look for failed runs to the next, at least."""

MOST = 2_500
"""Characters of a reason that are sent; Slack cuts a message at 4,000."""

HIDDEN = "***"

logger = logging.getLogger(__name__)

Alert = Callable[[str], None]
"""Is given what to say."""


# --- saying it --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WebhookNotifier:
    """Says something in the log and, where there is one, at a webhook of the kind that Slack made common."""

    webhook: SecretStr | None = None

    def __call__(self, message: str) -> None:
        """Say it; whoever calls goes on, whatever becomes of it."""
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


# --- failed runs ------------------------------------------------------------------------------------------------------


def failed_runs_sensor(alert: Alert, ui_url: str, every: int = INTERVAL) -> dg.SensorDefinition:
    """The sensor that alerts for every failed run that the UI, a sensor or a schedule started."""

    @dg.run_failure_sensor(
        name="failed_runs",
        minimum_interval_seconds=every,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells of each failed run: in the log, and at I94_ALERT_WEBHOOK.",
    )
    def sensor(context: dg.RunFailureSensorContext) -> None:
        alert(describe_failed_run(context.dagster_run, context.failure_event, context.instance, ui_url))

    return sensor


def describe_failed_run(run: dg.DagsterRun, event: dg.DagsterEvent, history: dg.DagsterInstance, ui_url: str) -> str:
    """What is said of a failed run; `event` is the one that says that it has failed."""
    from i94_platform.operations.job_runs import (
        collect_result,
        root_cause,
    )  # the code location has no need of it as it loads

    outcome, data = collect_result(run, history), event.event_specific_data  # none where another process ended the run
    last_words = (root_cause(data.error) if isinstance(data, JobFailureData) else "") or str(event.message)
    reasons = [*outcome.errors, *outcome.failed_checks] or [last_words]
    return TEMPLATE.substitute(
        what=f"Month {outcome.month}" if outcome.month else _of_job(run.job_name),
        assets=", ".join(_failed_assets(run, history, outcome)) or "none in particular",
        reason=_cut("; ".join(reasons)),
        link=f"{ui_url}/runs/{run.run_id}",
        what_to_do=_what_to_do(run, outcome.month),
    )


def _what_to_do(run: dg.DagsterRun, month: str) -> str:
    if run.tags.get(WILL_RETRY_TAG) == "true":
        return "Its process was lost, and it is started again by itself."
    again = f"i94 run --month {month}" if run.job_name == MONTH_JOB else "re-execute the run in the UI"
    return f"When it is mended: {again}"


def _of_job(job: str) -> str:
    return "A run" if job.startswith("__") else f"The {job} run"


def _cut(reason: str) -> str:
    return reason if len(reason) <= MOST else f"{reason[:MOST]} … (the run tells the rest)"


def _failed_assets(run: dg.DagsterRun, history: dg.DagsterInstance, outcome: RunResult) -> Iterator[str]:
    """The assets that were to be made by a step that failed, or that failed a check."""
    planned = _assets_by_step(run, history)
    seen = dict.fromkeys(asset for step in outcome.failed_steps for asset in planned.get(step, ()))
    yield from seen | dict.fromkeys(check.split(" ")[0] for check in outcome.failed_checks)


def _assets_by_step(run: dg.DagsterRun, history: dg.DagsterInstance) -> Mapping[str, list[str]]:
    planned: dict[str, list[str]] = {}
    for entry in history.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED):
        event = entry.get_dagster_event()
        if event.step_key and event.asset_key:
            planned.setdefault(event.step_key, []).append("/".join(event.asset_key.path))
    return planned

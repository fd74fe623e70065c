"""Alerts tell of a failed run with asset, month, reason and link, and without a secret.

A receiver that is down must not stop the sensor nor go unnoticed. One that hangs must not hold up later ticks.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import SecretStr

from i94_platform.defs import alerts
from i94_platform.defs.alerts import ATTEMPTS, WebhookNotifier, redact_secrets
from i94_platform.defs.build import build_definitions
from i94_platform.defs.sensors.failed_runs import MAX_REASON, failed_runs
from i94_platform.settings import Settings
from i94_platform_tests.defs.checks.test_blocking import FAULTS, broken_copy
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment
from i94_platform_tests.support.faulty_resources import CorruptingEngine, override_resource, replace_value
from i94_platform_tests.support.webhook import NO_RESPONSE, WEBHOOK_KEY, WebhookReceiver, start_webhook_receiver

UI = "https://lineage.example"


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with start_webhook_receiver() as receiver:
        yield receiver


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "BACKOFF_SECONDS", 0.0)
    monkeypatch.setattr(alerts, "TIMEOUT_SECONDS", 0.2)


def notifier(url: str) -> WebhookNotifier:
    return WebhookNotifier(SecretStr(url))


def log_entries(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(r.levelname, r.message) for r in caplog.records if r.name == alerts.__name__]


# --- the webhook ------------------------------------------------------------------------------------------------------


def test_an_alert_is_logged_without_a_webhook(caplog: pytest.LogCaptureFixture) -> None:
    WebhookNotifier()("No delivery for 2016-04.")
    WebhookNotifier(SecretStr(""))("No delivery for 2016-05.")
    assert log_entries(caplog) == [("WARNING", "No delivery for 2016-04."), ("WARNING", "No delivery for 2016-05.")]


def test_an_alert_is_logged_and_posted_to_the_webhook_with_escaped_markup(
    receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    notifier(receiver.url)("i94yr < 2016 & <!channel>")
    assert receiver.requests == [("application/json", {"text": "i94yr &lt; 2016 &amp; &lt;!channel&gt;"})]
    assert log_entries(caplog) == [("WARNING", "i94yr < 2016 & <!channel>")]


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_receiver_at_fault_gets_the_alert_again(receiver: WebhookReceiver, status: int) -> None:
    receiver.status_codes = [status, 200]
    notifier(receiver.url)("first")
    assert receiver.messages == ["first"] * 2


@pytest.mark.parametrize(("status", "attempts"), [(500, ATTEMPTS), (302, 1), (308, 1), (400, 1), (403, 1), (404, 1)])
def test_an_alert_that_was_not_taken_is_an_error_in_the_log_with_the_status(
    receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture, status: int, attempts: int
) -> None:
    receiver.status_codes = [status]
    notifier(receiver.url)("refused")
    assert receiver.messages == ["refused"] * attempts, "a redirect is not followed"
    warning, (level, error) = log_entries(caplog)
    assert warning == ("WARNING", "refused")
    assert (level, str(status) in error, "I94_ALERT_WEBHOOK" in error) == ("ERROR", True, True)
    assert WEBHOOK_KEY not in caplog.text


def test_a_receiver_that_hangs_is_given_up(receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture) -> None:
    receiver.status_codes = [NO_RESPONSE]
    started = time.monotonic()
    notifier(receiver.url)("anybody?")
    assert time.monotonic() - started < 5
    assert receiver.messages == ["anybody?"] * ATTEMPTS
    assert "timed out" in log_entries(caplog)[1][1]


def test_an_error_of_the_connection_is_logged_without_the_key(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    notifier(f"http://127.0.0.1:{port}/{WEBHOOK_KEY}")("anybody?")
    assert "Connection refused" in log_entries(caplog)[1][1]
    caplog.clear()
    with socket.create_server(("127.0.0.1", 0)) as other:
        threading.Thread(target=_answer_nonsense, args=(other,), daemon=True).start()
        notifier(f"http://127.0.0.1:{other.getsockname()[1]}/{WEBHOOK_KEY}")("anybody?")
    assert "BadStatusLine" in log_entries(caplog)[1][1]
    assert WEBHOOK_KEY not in caplog.text


def _answer_nonsense(listening: socket.socket) -> None:
    for _ in range(ATTEMPTS):
        connection, _peer = listening.accept()
        with connection:
            connection.recv(10_000)
            connection.sendall(b"I am no web server\r\n\r\n")


def test_five_alerts_that_can_not_be_sent_fit_into_a_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster hands a sensor on failures five runs a tick, and gives a tick 60 seconds."""
    monkeypatch.undo()
    pauses = [alerts.BACKOFF_SECONDS * 2 ** (retry - 1) for retry in range(2, ATTEMPTS)]  # the first retry has none
    assert 5 * (ATTEMPTS * alerts.TIMEOUT_SECONDS + sum(pauses)) < 50


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("could not reach redshift://me:pa55@host:5439/db", "could not reach redshift://***@host:5439/db"),
        ("dsn host=h password=pa55 user=u", "dsn host=h password=*** user=u"),
        ("https://b.s3/x?X-Amz-Credential=AK%2F1&X-Amz-Signature=ab12&v=1",
         "https://b.s3/x?X-Amz-Credential=***&X-Amz-Signature=***&v=1"),
        ("InvalidAccessKeyId: AKIAIOSFODNN7EXAMPLE", "InvalidAccessKeyId: ***"),  # pragma: allowlist secret
        # pragma: allowlist nextline secret
        ("POST https://hooks.slack.com/services/T0/B0/xyz failed", "POST https://hooks.slack.com/*** failed"),
        ("i94port: 3 of 50 rows, must be not null", "i94port: 3 of 50 rows, must be not null"),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_redacted(text: str, redacted: str) -> None:
    assert redact_secrets(text) == redacted


@pytest.mark.parametrize(
    "name", ["I94_REDSHIFT_PASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "I94_ALERT_WEBHOOK"]
)
def test_the_secrets_of_the_environment_are_redacted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "planted!secret")
    monkeypatch.setenv("I94_HOME", "/var/lib")
    assert redact_secrets("it was planted!secret in /var/lib") == "it was *** in /var/lib"


def test_the_webhook_is_hidden_in_settings_and_definitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I94_ALERT_WEBHOOK", f"https://hooks.example/{WEBHOOK_KEY}")
    settings = Settings.from_env()
    built = build_definitions(settings)
    shown = [
        repr(settings),
        str(settings),
        repr(WebhookNotifier(settings.alert_webhook)),
        repr(built),
        str(built.resources),
    ]
    assert WEBHOOK_KEY not in "".join(shown)
    assert settings.alert_webhook.get_secret_value().endswith(WEBHOOK_KEY)


# --- failed runs ------------------------------------------------------------------------------------------------------


@dataclass
class SensorTicks:
    """Ticks of the sensor on one instance."""

    instance: dg.DagsterInstance
    sent: list[str] = field(default_factory=list)
    cursor: str | None = None

    def tick(self) -> list[str]:
        """Evaluate the next tick, and return the alerts that it sends."""
        self.sent.clear()
        resources = {"settings": Settings(ui_url=UI), "notifier": self.sent.append}
        context = dg.build_sensor_context(self.instance, self.cursor, sensor_name=failed_runs.name, resources=resources)
        result = failed_runs.evaluate_tick(context)
        assert not [reaction.error for reaction in result.dagster_run_reactions or () if reaction.error]
        self.cursor = result.cursor
        return self.sent[:]


def start_ticks(instance: dg.DagsterInstance) -> SensorTicks:
    """Evaluate the first tick, which reports nothing."""
    ticks = SensorTicks(instance)
    assert ticks.tick() == []
    return ticks


Copies = Callable[..., Deployment]


@pytest.fixture
def copies(loaded_deployment: Deployment, tmp_path: Path) -> Copies:
    def copy(engine: Callable[[Settings], Any] | None = None) -> Deployment:
        if engine is None:
            return loaded_deployment.copy(tmp_path)
        return broken_copy(loaded_deployment, tmp_path, lambda settings: override_resource("engine", engine(settings)))

    return copy


def test_a_month_that_can_not_be_read_is_reported_once_with_asset_month_reason_and_link(copies: Copies) -> None:
    deployment = copies()
    ticks = start_ticks(deployment.instance)
    (deployment.raw / "i94_jan16_sub.parquet").write_bytes(b"half a file")
    failed = deployment.run_month(SAMPLE_MONTH)
    (alert,) = ticks.tick()
    assert alert.splitlines()[:2] == [
        f"*Month {SAMPLE_MONTH} failed*",
        "Asset: staged/immigration, staged/immigration_quarantine, staged/immigration_unreadable",
    ]
    assert "Reason: staged_immigration: i94_jan16_sub.parquet" in alert
    assert alert.endswith(f"Run: {UI}/runs/{failed.run_id}\nAfter the fix: i94 run --month {SAMPLE_MONTH}")
    assert ticks.tick() == []


def test_a_failed_blocking_check_is_reported_by_name(copies: Copies) -> None:
    change, check, reason = FAULTS["a missing value"]
    deployment = copies(lambda settings: CorruptingEngine(settings, "staged/immigration", change))
    ticks = start_ticks(deployment.instance)
    assert not deployment.run_month(SAMPLE_MONTH).succeeded
    (alert,) = ticks.tick()
    assert "Asset: staged/immigration\n" in alert
    assert f"Reason: staged/immigration {check}: {reason}" in alert


def test_a_warning_is_no_alert(copies: Copies) -> None:
    deployment = copies(
        lambda settings: CorruptingEngine(
            settings, "staged/immigration", lambda rows: replace_value(rows, "stay_days", -1)
        )
    )
    ticks = start_ticks(deployment.instance)
    result = deployment.run_month(SAMPLE_MONTH)
    assert result.succeeded
    assert any("plausible_shares" in warning for warning in result.warnings)
    assert ticks.tick() == []


def test_an_unexpected_error_is_reported_without_its_secrets(
    copies: Copies, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Leaking:
        name = "leaking"

        def session(self) -> Any:
            raise RuntimeError("no route to redshift://me:pa55word@host, and the key is planted!secret")

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted!secret")
    deployment = copies(lambda settings: Leaking())
    ticks = start_ticks(deployment.instance)
    assert not deployment.run_month(SAMPLE_MONTH).succeeded
    (alert,) = ticks.tick()
    notifier(receiver.url)(alert)
    (text,) = receiver.messages
    assert "Reason: staged_immigration: An unexpected RuntimeError" in text
    assert "pa55word" not in text
    assert "planted" not in text


def test_a_run_whose_process_was_lost_is_reported_with_what_happens_next() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        ticks = start_ticks(instance)
        for tags in ({"dagster/partition": "2016-04"}, {"dagster/partition": "2016-05", "dagster/will_retry": "true"}):
            run = instance.add_run(dg.DagsterRun(job_name="month", status=dg.DagsterRunStatus.STARTED, tags=tags))
            instance.report_run_failed(run, message="Exceeded maximum runtime of 7200 seconds.")
        failed_alert, retried_alert = ticks.tick()
    assert "Asset: none\nReason: Exceeded maximum runtime of 7200 seconds.\n" in failed_alert
    assert failed_alert.endswith("After the fix: i94 run --month 2016-04")
    assert retried_alert.endswith("Its process was lost. Dagster starts the run again.")


@pytest.mark.parametrize(
    ("job", "what"), [("reference", "*The reference run failed*"), ("__ASSET_JOB", "*A run failed*")]
)
def test_other_runs_are_reported_by_their_job(job: str, what: str) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        ticks = start_ticks(instance)
        instance.report_run_failed(instance.add_run(dg.DagsterRun(job_name=job)), message="x" * (MAX_REASON + 1))
        (alert,) = ticks.tick()
    assert alert.startswith(what)
    assert f"Reason: {'x' * MAX_REASON} … (see the run for the rest)\n" in alert
    assert alert.endswith("After the fix: re-execute the run in the UI")

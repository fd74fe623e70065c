"""Pins alerts: a failed run that nobody watches is told, with asset, month, reason and link, and without a secret.

A receiver that is down must not stop the sensor, nor go unnoticed; one that hangs must not hold up the ticks after it.
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
from i94_platform_tests.support.webhook import NO_ANSWER, WEBHOOK_KEY, WebhookReceiver, start_webhook_receiver

UI = "https://lineage.example"


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with start_webhook_receiver() as made:
        yield made


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "PAUSE", 0.0)
    monkeypatch.setattr(alerts, "TIMEOUT", 0.2)


def alarm(url: str) -> WebhookNotifier:
    return WebhookNotifier(SecretStr(url))


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(r.levelname, r.message) for r in caplog.records if r.name == alerts.__name__]


# --- saying it --------------------------------------------------------------------------------------------------------


def test_an_alert_goes_to_the_log_where_nothing_else_is_set_up(caplog: pytest.LogCaptureFixture) -> None:
    WebhookNotifier()("No delivery for 2016-04.")
    WebhookNotifier(SecretStr(""))("No delivery for 2016-05.")
    assert logged(caplog) == [("WARNING", "No delivery for 2016-04."), ("WARNING", "No delivery for 2016-05.")]


def test_an_alert_goes_to_the_webhook_too_as_slack_takes_it(
    receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    alarm(receiver.url)("i94yr < 2016 & <!channel>")
    assert receiver.requests == [("application/json", {"text": "i94yr &lt; 2016 &amp; &lt;!channel&gt;"})]
    assert logged(caplog) == [("WARNING", "i94yr < 2016 & <!channel>")]


@pytest.mark.parametrize("answer", [500, 503, 429])
def test_a_receiver_at_fault_is_tried_again_and_then_it_is_said(
    receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture, answer: int
) -> None:
    receiver.status_codes = [answer, 200]
    alarm(receiver.url)("first")
    assert receiver.messages == ["first"] * 2
    receiver.status_codes = [answer]
    alarm(receiver.url)("second")
    assert receiver.messages[2:] == ["second"] * ATTEMPTS
    assert logged(caplog)[1:] == [
        ("WARNING", "second"),
        ("ERROR", f"The alert was not sent, after 3 attempt(s) at I94_ALERT_WEBHOOK: it answered {answer}."),
    ]
    assert WEBHOOK_KEY not in caplog.text


@pytest.mark.parametrize("answer", [302, 308, 400, 403, 404])
def test_a_receiver_that_refuses_is_asked_once_and_never_followed_elsewhere(
    receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture, answer: int
) -> None:
    receiver.status_codes = [answer]
    alarm(receiver.url)("refused")
    assert receiver.messages == ["refused"]
    assert f"after 1 attempt(s) at I94_ALERT_WEBHOOK: it answered {answer}." in logged(caplog)[1][1]


def test_a_receiver_that_hangs_is_given_up(receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture) -> None:
    receiver.status_codes = [NO_ANSWER]
    started = time.monotonic()
    alarm(receiver.url)("anybody?")
    assert time.monotonic() - started < 5
    assert receiver.messages == ["anybody?"] * ATTEMPTS
    assert logged(caplog)[1][1].endswith("TimeoutError: timed out.")


def test_a_receiver_that_is_not_there_or_is_no_web_server_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    alarm(f"http://127.0.0.1:{port}/{WEBHOOK_KEY}")("anybody?")
    assert "Connection refused" in logged(caplog)[1][1]
    caplog.clear()
    with socket.create_server(("127.0.0.1", 0)) as other:
        threading.Thread(target=_speak_nonsense, args=(other,), daemon=True).start()
        alarm(f"http://127.0.0.1:{other.getsockname()[1]}/{WEBHOOK_KEY}")("anybody?")
    assert "BadStatusLine: I am no web server" in logged(caplog)[1][1]
    assert WEBHOOK_KEY not in caplog.text


def _speak_nonsense(listening: socket.socket) -> None:
    for _ in range(ATTEMPTS):
        talk, _peer = listening.accept()
        with talk:
            talk.recv(10_000)
            talk.sendall(b"I am no web server\r\n\r\n")


def test_five_alerts_that_can_not_be_sent_fit_into_a_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster hands a sensor on failures five runs a tick, and gives a tick 60 seconds."""
    monkeypatch.undo()
    worst = ATTEMPTS * alerts.TIMEOUT + sum(alerts.PAUSE * n for n in range(1, ATTEMPTS))
    assert 5 * worst < 50


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("could not reach redshift://me:pa55@host:5439/db", "could not reach redshift://***@host:5439/db"),
        ("dsn host=h password=pa55 user=u", "dsn host=h password=*** user=u"),
        ("https://b.s3/x?X-Amz-Credential=AK%2F1&X-Amz-Signature=ab12&v=1",
         "https://b.s3/x?X-Amz-Credential=***&X-Amz-Signature=***&v=1"),
        ("InvalidAccessKeyId: AKIAIOSFODNN7EXAMPLE", "InvalidAccessKeyId: ***"),
        ("POST https://hooks.slack.com/services/T0/B0/xyz failed", "POST https://hooks.slack.com/*** failed"),
        ("i94port: 3 of 50 rows, must be not null", "i94port: 3 of 50 rows, must be not null"),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_not_said(text: str, told: str) -> None:
    assert redact_secrets(text) == told


@pytest.mark.parametrize(
    "name", ["I94_REDSHIFT_PASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "I94_ALERT_WEBHOOK"]
)
def test_the_secrets_of_the_environment_are_not_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "planted!secret")
    monkeypatch.setenv("I94_HOME", "/var/lib")
    assert redact_secrets("it was planted!secret in /var/lib") == "it was *** in /var/lib"


def test_the_address_of_alerts_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
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
class Watch:
    """The sensor on a history, tick by tick."""

    history: dg.DagsterInstance
    said: list[str] = field(default_factory=list)
    cursor: str | None = None

    def tick(self) -> list[str]:
        """What the next tick says."""
        resources = {"settings": Settings(ui_url=UI), "notifier": self.said.append}
        context = dg.build_sensor_context(self.history, self.cursor, sensor_name=failed_runs.name, resources=resources)
        done = failed_runs.evaluate_tick(context)
        assert not [reaction.error for reaction in done.dagster_run_reactions or () if reaction.error]
        self.cursor = done.cursor
        said = self.said[:]
        self.said.clear()
        return said


def watched(deployment: Deployment) -> Watch:
    """The sensor, having begun."""
    watch = Watch(deployment.instance)
    assert watch.tick() == []
    return watch


Copies = Callable[..., Deployment]


@pytest.fixture
def copies(loaded_deployment: Deployment, tmp_path: Path) -> Copies:
    def copy(engine: Callable[[Settings], Any] | None = None) -> Deployment:
        if engine is None:
            return loaded_deployment.copy(tmp_path)
        return broken_copy(loaded_deployment, tmp_path, lambda settings: override_resource("engine", engine(settings)))

    return copy


def test_a_month_that_can_not_be_read_is_told_once_with_asset_month_reason_and_link(copies: Copies) -> None:
    deployment = copies()
    watch = watched(deployment)
    (deployment.raw / "i94_jan16_sub.parquet").write_bytes(b"half a file")
    failed = deployment.run_month(SAMPLE_MONTH)
    (said,) = watch.tick()
    assert said.splitlines()[:2] == [
        f"*Month {SAMPLE_MONTH} failed*",
        "Asset: staged/immigration, staged/immigration_quarantine",
    ]
    assert "Reason: staged_immigration: i94_jan16_sub.parquet can't be read as Parquet" in said
    assert said.endswith(f"Run: {UI}/runs/{failed.run_id}\nWhen it is mended: i94 run --month {SAMPLE_MONTH}")
    assert watch.tick() == []


def test_a_failed_blocking_check_is_told_by_name(copies: Copies) -> None:
    change, reason = FAULTS["not_null"]
    deployment = copies(lambda settings: CorruptingEngine(settings, "staged/immigration", change))
    watch = watched(deployment)
    assert not deployment.run_month(SAMPLE_MONTH).succeeded
    (said,) = watch.tick()
    assert "Asset: staged/immigration\n" in said
    assert f"Reason: staged/immigration not_null: {reason}" in said


def test_a_warning_is_no_alert(copies: Copies) -> None:
    deployment = copies(
        lambda settings: CorruptingEngine(
            settings, "staged/immigration", lambda rows: replace_value(rows, "stay_days", -1)
        )
    )
    watch = watched(deployment)
    outcome = deployment.run_month(SAMPLE_MONTH)
    assert outcome.succeeded
    assert any("share_of_negative_stay" in warning for warning in outcome.warnings)
    assert watch.tick() == []


def test_an_unexpected_failure_is_told_without_its_secrets(
    copies: Copies, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Leaking:
        name = "leaking"

        def session(self) -> Any:
            raise RuntimeError("no route to redshift://me:pa55word@host, and the key is planted!secret")

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted!secret")
    deployment = copies(lambda settings: Leaking())
    watch = watched(deployment)
    assert not deployment.run_month(SAMPLE_MONTH).succeeded
    (said,) = watch.tick()
    alarm(receiver.url)(said)
    (text,) = receiver.messages
    assert "Reason: staged_immigration: RuntimeError: no route to redshift://***@host, and the key is ***" in text


def test_a_run_whose_process_was_lost_is_told_with_what_happens_next() -> None:
    with dg.DagsterInstance.ephemeral() as history:
        watch = Watch(history)
        watch.tick()
        for tags in ({"dagster/partition": "2016-04"}, {"dagster/partition": "2016-05", "dagster/will_retry": "true"}):
            run = history.add_run(dg.DagsterRun(job_name="month", status=dg.DagsterRunStatus.STARTED, tags=tags))
            history.report_run_failed(run, message="Exceeded maximum runtime of 7200 seconds.")
        alone, again = watch.tick()
    assert "Asset: none in particular\nReason: Exceeded maximum runtime of 7200 seconds.\n" in alone
    assert alone.endswith("When it is mended: i94 run --month 2016-04")
    assert again.endswith("Its process was lost, and it is started again by itself.")


@pytest.mark.parametrize(
    ("job", "what"), [("reference", "*The reference run failed*"), ("__ASSET_JOB", "*A run failed*")]
)
def test_other_runs_are_told_by_their_job(job: str, what: str) -> None:
    with dg.DagsterInstance.ephemeral() as history:
        watch = Watch(history)
        watch.tick()
        history.report_run_failed(history.add_run(dg.DagsterRun(job_name=job)), message="x" * (MAX_REASON + 1))
        (said,) = watch.tick()
    assert said.startswith(what)
    assert f"Reason: {'x' * MAX_REASON} … (the run has the rest)\n" in said
    assert said.endswith("When it is mended: re-execute the run in the UI")

"""Test that no secret gets out: planted ones are looked for wherever something is written, in good runs and in bad.

The incidents: keys in the text of a COPY, which every client and the server log; a password in a connection's `repr`,
kept by an event log for ever.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from i94_platform.contracts import i94cit_res
from i94_platform.defs.assets.warehouse import code_lists
from i94_platform.defs.build import build_resources
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.settings import Settings
from i94_platform_tests.emulators.redshift.emulator import RedshiftEmulator
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.support.warehouses import Staging

PASSWORD = "PLANTEDpasswordPLANTED"
SECRETS = (PASSWORD, "PLANTEDaccessPLANTED", "PLANTEDsecretPLANTED")


@pytest.fixture
def database(
    redshift_emulator: RedshiftEmulator, prepared_database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A database whose owner has the planted password."""
    for name in ("PGPASSWORD", "PGPASSFILE"):
        monkeypatch.delenv(name, raising=False)
    name = redshift_emulator.create_database(prepared_database)
    # the test itself must not write it into the server's log
    made = f"CREATE USER of_{name} SUPERUSER PASSWORD '{PASSWORD}'"
    redshift_emulator.server.execute("SET log_statement = 'none'", made)
    yield name
    redshift_emulator.faults.clear()
    redshift_emulator.drop_database(name)


@pytest.fixture
def settings_with_secrets(
    redshift_emulator: RedshiftEmulator,
    s3_server: S3Server,
    bucket: str,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Settings:
    """A deployment on S3 and Redshift, with secrets that would be recognized."""
    monkeypatch.setenv("I94_REDSHIFT_PASSWORD", PASSWORD)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", SECRETS[1])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRETS[2])
    for name, value in {
        "I94_HOME": str(tmp_path / "home"),
        "I94_LAKE": f"s3://{bucket}/{database}",
        "I94_WAREHOUSE": redshift_emulator.address(database, f"of_{database}"),
        **{name: value for name, value in s3_server.environment.items() if "KEY" not in name},
    }.items():
        monkeypatch.setenv(name, value)
    return Settings.from_env()


def load(settings: Settings, *, stage: bool = True) -> tuple[bool, str]:
    """Load a code list as Dagster does; whether it went well, and the whole event log."""
    resources = build_resources(settings)
    if stage:
        lake: Lake = resources["lake"].build()
        rows = [{"code": 582, "label": "MEXICO", "status": "valid"}]
        Staging(lake).commit(i94cit_res, Dataset("lookup/i94cit_res"), rows)
    countries = dg.AssetKey(["warehouse", "i94cit_res"])
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [code_lists], selection=[countries], resources=resources, instance=instance, raise_on_error=False
        )
        events = instance.all_logs(result.run_id)
        return result.success, "\n".join(dg.serialize_value(event) for event in events)


def assert_without_secrets(*places: str) -> None:
    for number, text in enumerate(places):
        for secret in SECRETS:
            assert secret not in text, f"place {number}"


def collect_logs(emulator: RedshiftEmulator, database: str, caplog: pytest.LogCaptureFixture) -> tuple[str, ...]:
    """What the server, the proxy and our own logs have written down."""
    tracebacks = ["".join(traceback.format_exception(*r.exc_info)) for r in caplog.records if r.exc_info]
    with emulator.server.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM pg_stat_activity")
        activity = repr(cursor.fetchall())
    return emulator.server.log, "\n".join(emulator.sent_statements(database)), caplog.text, *tracebacks, activity


def test_a_good_load_leaves_no_secret_anywhere(
    settings_with_secrets: Settings,
    redshift_emulator: RedshiftEmulator,
    database: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("botocore").setLevel(logging.INFO)  # its debug log holds what it signs by design
    succeeded, events = load(settings_with_secrets)
    assert succeeded, events
    assert "COPY" in "".join(redshift_emulator.sent_statements(database)), "the places that are looked at hold nothing"
    assert_without_secrets(
        events,
        repr(settings_with_secrets),
        repr(build_resources(settings_with_secrets)),
        *collect_logs(redshift_emulator, database, caplog),
    )


@pytest.mark.parametrize("at", ["COPY", "COMMIT", "SET query_group", "a wrong password", "a lake that is gone"])
def test_a_failed_load_leaves_no_secret_anywhere(
    settings_with_secrets: Settings,
    redshift_emulator: RedshiftEmulator,
    database: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    at: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("botocore").setLevel(logging.INFO)
    if at == "a wrong password":
        redshift_emulator.server.execute(f"ALTER USER of_{database} PASSWORD 'another'")
    elif at != "a lake that is gone":
        redshift_emulator.fail(at, "no", code="42501", times=9)
    succeeded, events = load(settings_with_secrets, stage=at != "a lake that is gone")
    assert not succeeded
    assert "STEP_FAILURE" in events
    assert_without_secrets(events, *collect_logs(redshift_emulator, database, caplog))


def test_the_places_that_are_looked_at_would_show_a_secret(
    settings_with_secrets: Settings,
    redshift_emulator: RedshiftEmulator,
    database: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("i94_platform").warning("%s", SECRETS[1])
    redshift_emulator.server.execute("SELECT 'PLANTEDsecretPLANTED'", database=database)
    log, _, message, *_ = collect_logs(redshift_emulator, database, caplog)
    assert SECRETS[2] in log
    assert SECRETS[1] in message


def test_objects_that_know_the_address_show_no_secret(settings_with_secrets: Settings) -> None:
    made: Any = build_resources(settings_with_secrets)["warehouse"].build()
    assert_without_secrets(
        repr(made), repr(vars(made)), str(made.address), repr(settings_with_secrets.redshift_address)
    )

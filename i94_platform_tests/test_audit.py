"""Keys, accepted deliveries and typed queries are recorded with who, when and what, and without a secret."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import pwd
import stat
from pathlib import Path
from typing import Any

import pytest

from i94_platform.audit import FILE_NAME, AuditLog
from i94_platform.cli.load import _build_gate_config
from i94_platform.errors import PermanentError
from i94_platform.lake.acceptance import Acceptance
from i94_platform.lake.dataset import Dataset
from i94_platform.pipeline.gate import Gate
from i94_platform.serving.auth.api_keys import KeyStore
from i94_platform_tests.cli.command_line import I94
from i94_platform_tests.cli.conftest import i94

__all__ = ["i94"]


def read_events(home: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (home / FILE_NAME).read_text().splitlines()]


def test_changes_of_keys_are_recorded_without_their_secret(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path / "keys.sqlite")
    start = dt.datetime.now(dt.UTC)
    key, text = keys.add('a name {"by": "x"}', ["read:marts", "metrics"])
    new, new_text = keys.rotate(key.id, dt.timedelta(days=7))
    keys.revoke(key.id)
    with pytest.raises(PermanentError):
        keys.revoke("nothing")
    added, _, rotated, revoked = read_events(tmp_path)
    assert start <= dt.datetime.fromisoformat(added["at"]) <= dt.datetime.now(dt.UTC)
    assert added["by"] == revoked["by"] == pwd.getpwuid(os.getuid()).pw_name
    assert (added["action"], added["key"], added["name"]) == ("key.add", key.id, key.name)
    assert added["scopes"] == ["metrics", "read:marts"]
    assert (revoked["action"], revoked["key"]) == ("key.revoke", key.id)
    assert (rotated["action"], rotated["key"], rotated["new_key"]) == ("key.rotate", key.id, new.id)
    recorded = (tmp_path / FILE_NAME).read_text()
    assert not [secret for secret in (text, new_text) if secret.split("_", 2)[2] in recorded]


def test_an_accepted_delivery_is_recorded_where_the_gate_would_have_blocked_it(tmp_path: Path) -> None:
    gate = Gate(acceptance=Acceptance("half of the airports were closed", "ann"), audit=AuditLog(tmp_path))
    month = Dataset("staged/immigration", "2016-04")
    gate.judge(month, 10, {"delivered_rows": 10})
    assert not (tmp_path / FILE_NAME).exists(), "the month needed no acceptance"
    gate.judge(month, 5, {"delivered_rows": 10, "rejected_rows": 5})
    (event,) = read_events(tmp_path)
    assert event | {"at": ""} == {
        "at": "",
        "by": "ann",
        "action": "delivery.accept",
        "dataset": "staged/immigration/month=2016-04",
        "checks": ["rejected_share_within_bound"],
        "reason": "half of the airports were closed",
    }


def test_each_typed_query_is_recorded_also_one_that_is_refused(i94: I94, tmp_path: Path) -> None:
    environment = {"I94_HOME": str(tmp_path), "I94_WAREHOUSE": f"duckdb:///{tmp_path}/w.duckdb"}
    assert i94("create-tables", **environment).exit_code == 0
    texts = [
        "SELECT admnum FROM i94.immigration WHERE admnum = 42",
        "SELECT content FROM read_text('/etc/passwd')",
        "DROP",
    ]
    assert [i94("query", text, **environment).exit_code for text in texts] == [0, 2, 2]
    events = read_events(tmp_path)
    assert [(event["action"], event["sql"]) for event in events] == [("query", text) for text in texts]
    assert {(event["by"], event["warehouse"]) for event in events} == {
        (pwd.getpwuid(os.getuid()).pw_name, environment["I94_WAREHOUSE"])
    }


def test_nobody_acts_under_the_name_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    AuditLog(tmp_path).record("query")
    assert read_events(tmp_path)[0]["by"] == pwd.getpwuid(os.getuid()).pw_name
    assert _build_gate_config("a reason")["accepted_by"] == pwd.getpwuid(os.getuid()).pw_name


def test_the_file_is_its_owners_and_the_logger_gets_no_text_of_a_query(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "i94_platform.audit"):
        AuditLog(tmp_path / "home").record("query", sql="SELECT 99915565930", warehouse="w")
    assert stat.S_IMODE((tmp_path / "home" / FILE_NAME).stat().st_mode) == 0o600
    assert json.loads(caplog.messages[0])["warehouse"] == "w"
    assert "99915565930" not in caplog.text


def test_nothing_is_done_that_can_not_be_recorded(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    (tmp_path / FILE_NAME).parent.mkdir()
    (tmp_path / FILE_NAME).symlink_to(tmp_path / "elsewhere")
    keys = KeyStore(tmp_path / "keys.sqlite")
    with pytest.raises(PermanentError, match=FILE_NAME):
        keys.add("backend", ["read:marts"])
    assert keys.list_all() == []
    assert not (tmp_path / "elsewhere").read_bytes()

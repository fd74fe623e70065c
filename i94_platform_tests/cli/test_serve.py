"""`i94 keys` from add to revoke, `i94 serve` as a process of its own, and what neither imports."""

from __future__ import annotations

import datetime as dt
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Lake
from i94_platform.lake.local import LocalStore
from i94_platform_tests.serving.synthetic_release import publish_release
from i94_platform_tests.support.command import run_command_in_process, start_command
from i94_platform_tests.support.processes import wait_for

_KEY = r"i94_[0-9a-f]{8}_\S{43}"


def test_a_key_is_shown_once_listed_without_its_secret_and_revoked(tmp_path: Path) -> None:
    home = {"I94_HOME": str(tmp_path)}
    assert "No keys yet" in run_command_in_process(home, "keys", "list").output
    output = run_command_in_process(home, "keys", "add", "back end", "--scope", "read:marts", "--expires", "90").output
    (key,) = re.findall(_KEY, output)
    assert f"until {dt.datetime.now(dt.UTC).date() + dt.timedelta(days=90)}" in output
    listed = run_command_in_process({**home, "COLUMNS": "200"}, "keys", "list").output
    id_ = key.split("_")[1]
    assert id_ in listed
    assert "back end" in listed
    assert key.split("_", 2)[2] not in listed
    (new_key,) = re.findall(_KEY, run_command_in_process(home, "keys", "rotate", id_, "--overlap", "1").output)
    assert new_key != key
    assert "is revoked" in run_command_in_process(home, "keys", "revoke", id_).output
    for expires in ("0", "soon", "-1", "99999"):
        with pytest.raises(PermanentError, match=f"--expires '{expires}'"):
            run_command_in_process(home, "keys", "add", "x", "--expires", expires)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("published", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_the_server_prints_a_url_that_works_once_and_ends_cleanly(tmp_path: Path, port: int, published: bool) -> None:
    if published:
        publish_release(Lake(LocalStore(tmp_path / "home" / "lake")), "r1", per_month=3)
    log = tmp_path / "log"
    home = {"I94_HOME": str(tmp_path / "home")}
    with log.open("w") as file, start_command(home, "serve", "--port", str(port), output=file) as process:
        wait_for(lambda: f"Serving {tmp_path}" in log.read_text(), "the first line")
        socket.create_connection(("127.0.0.1", port)).close()  # whoever follows the URL at once is not refused
        wait_for(lambda: "/token?token=" in log.read_text(), "the URL with the token")
        (url,) = re.findall(r"http://\S+", log.read_text())
        with httpx.Client(follow_redirects=True, timeout=60) as browser:
            assert browser.get(url).status_code == 200
            assert browser.get(f"http://127.0.0.1:{port}/api/v1/status").status_code == (200 if published else 503)
        assert httpx.get(url, timeout=60).status_code == 401
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(20) == 0, log.read_text()
    output = log.read_text()
    assert ("run 'i94 run'" in output) == (not published)
    assert "Traceback" not in output
    assert output.count(url.partition("token=")[2]) == 1, "the access log does not repeat it"
    databases = [path.name for path in (tmp_path / "home").rglob("*.duckdb*")]
    assert databases == ["base.duckdb"] * published, "the database that the next server starts from"


def test_a_port_in_use_is_refused_by_its_number(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(PermanentError, match=rf"port {port} .*in use.* --port"):
            run_command_in_process({"I94_HOME": str(tmp_path)}, "serve", "--port", str(port))


def test_other_machines_need_a_key(tmp_path: Path, port: int) -> None:
    with start_command({"I94_HOME": str(tmp_path)}, "serve", "--port", str(port), "--host", "0.0.0.0") as process:
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "i94 keys add" in output


IMPORTS = """
import sys
import i94_platform.cli.main
from i94_platform.serving.server import configure_server
from i94_platform.settings import Settings

def imported(*names):
    return {name.split(".")[0] for name in sys.modules} & set(names)

assert not imported("fastapi", "duckdb"), "the command line imports what only the server needs"
configure_server(Settings(home="/nowhere"), "127.0.0.1", 0)
assert not imported("dagster", "dagster_aws", "pyspark", "pandas", "boto3")
"""


def test_the_server_imports_neither_dagster_nor_spark_and_the_command_line_not_the_server() -> None:
    program = [sys.executable, "-c", IMPORTS]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr

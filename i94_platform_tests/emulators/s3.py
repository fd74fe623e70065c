"""S3 servers for tests, each in a process of its own on loopback: moto's, and versitygw's as a second opinion.

moto checks the condition of a conditional put and writes in two steps. Its requests are served in turns, which makes
them one step as on S3. A key that is called like a role of the CloudFormation template has the permissions of that role
(`s3_roles`), every other key has all. It does not show how fast S3 is, and which signatures S3 rejects. versitygw
checks signatures; its tests are skipped where it is not installed.

Fixtures of the root conftest:

- `s3_server` (one a session): `create_bucket()` creates a bucket for one test, `create_client()` gives a boto3 client,
  `environment` are the variables that lead any process to the server;
- `s3`: the same, with those variables set for the length of the test.

Run as a program with the path of a log, this module is the server: it prints its port and ends with its standard
input.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from i94_platform_tests.emulators.s3_roles import CLOCK_BEHIND, RoleGuard
from i94_platform_tests.support.processes import find_free_port, wait_for

REGION = "us-west-2"
"""Not the one that clients take where none is set, so that a region that got lost on the way shows."""

_NUMBERS = itertools.count()


@dataclass(frozen=True)
class S3Server:
    """A running server."""

    endpoint: str
    """Its URL, such as `http://127.0.0.1:40123`."""
    access_key: str = "test-access-key"
    secret_key: str = "test-secret-key"
    log: Path | None = None
    """What the roles of the template have needed."""

    def as_role(self, role: str) -> S3Server:
        """The server for somebody who has a role of the template."""
        return replace(self, access_key=role)

    def read_permissions(self) -> set[tuple[str, str, str]]:
        """Read what roles have needed so far: role, action, and `allowed` or `denied`."""
        assert self.log is not None
        lines = [line.split("\t") for line in self.log.read_text().splitlines()] if self.log.exists() else []
        return {(role, action, answer) for role, action, _, answer in lines}

    @property
    def environment(self) -> dict[str, str]:
        """What leads the platform, boto3, Arrow and Spark in any process to this server."""
        return {
            "I94_S3_ENDPOINT": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def create_client(self) -> Any:
        """A boto3 client."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
        )

    def create_bucket(self) -> str:
        """Create an empty bucket that no other test uses; its name."""
        name = f"i94-{os.getpid()}-{next(_NUMBERS)}"
        self.create_client().create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return name


@contextlib.contextmanager
def run_moto(folder: Path) -> Iterator[S3Server]:
    """Run moto's server until the context ends; it logs in `folder`."""
    log = folder / "permissions"
    command = [sys.executable, "-m", "i94_platform_tests.emulators.s3", str(log)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        try:
            if not port:
                _, errors = process.communicate(timeout=10)
                raise AssertionError(f"The S3 server did not start:\n{errors[-4000:]}")
            yield S3Server(f"http://127.0.0.1:{port}", log=log)
        finally:
            process.kill()


def find_versitygw() -> str | None:
    """Find the program of the second server, beside Python or on the path; None where it is not installed."""
    return shutil.which("versitygw", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


@contextlib.contextmanager
def run_versitygw(program: str, folder: Path) -> Iterator[S3Server]:
    """Run the second server until the context ends; it stores and logs in `folder`."""
    port = find_free_port()
    address = f"127.0.0.1:{port}"
    server = S3Server(f"http://{address}")
    (folder / "buckets").mkdir()
    command = [program, "--port", address, "--region", REGION, "--quiet"]
    keys = {"ROOT_ACCESS_KEY": server.access_key, "ROOT_SECRET_KEY": server.secret_key}
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [*command, "posix", str(folder / "buckets")],
            env={**os.environ, **keys},
            stdout=log,
            stderr=log,
        ) as process,
    ):

        def answers() -> bool:
            assert process.poll() is None, (folder / "log").read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
            return False

        try:
            wait_for(answers, "the second S3 server to answer")
            yield server
        finally:
            process.kill()


def main() -> None:
    """Serve on a free port until standard input ends, as it does when the tests end in whatever way."""
    from moto.moto_server.werkzeug_app import create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Handler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"  # connections are kept open

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing: nobody reads it."""

        def date_time_string(self, timestamp: float | None = None) -> str:
            is_behind = CLOCK_BEHIND in (self.headers.get("Authorization") or "")
            return super().date_time_string(time.time() - 600 if is_behind else timestamp)

    application, turn = create_backend_app("s3"), threading.Lock()

    def in_turn(environ: Any, start_response: Any) -> Iterable[bytes]:
        with turn:
            return application(environ, start_response)

    guarded = RoleGuard(in_turn, Path(sys.argv[1]))
    server = make_server("127.0.0.1", 0, guarded, threaded=True, request_handler=Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()

"""Test what `make release` builds, and that its wheel is the whole platform: installed, it works in any folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import tomllib
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from i94_platform.settings import PROJECT
from i94_platform_tests.support.processes import find_free_port, wait_for

pytestmark = pytest.mark.slow

START_SECONDS = 240.0


@dataclass(frozen=True)
class Installation:
    """A virtual environment with the wheel, and the folder in which commands run."""

    bin: Path
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a user who has set only the folder of the deliveries."""
        overrides = {"PATH": f"{self.bin}:{os.environ['PATH']}", "I94_RAW": "deliveries", "COLUMNS": "200"}
        unset_prefixes = ("I94_", "DAGSTER_", "PYTHONPATH", "VIRTUAL_ENV")
        return {name: value for name, value in os.environ.items() if not name.startswith(unset_prefixes)} | overrides

    def run_i94(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `i94` and wait until it ends."""
        command = [str(self.bin / "i94"), *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )

    @contextlib.contextmanager
    def start_i94(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Start a server command in its own process group, and kill the group at the end."""
        log = self.folder / f"{arguments[0]}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(self.bin / "i94"), *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def read_version() -> str:
    """Read the version of the checkout."""
    version: str = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    return version


def run_in_checkout(*command: str | Path) -> str:
    """Run a command in the checkout and return its output."""
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True, timeout=600)
    return result.stdout.strip()


@dataclass(frozen=True)
class ReleaseFolder:
    """What `make release` has built."""

    folder: Path
    installation: Installation

    @property
    def wheel(self) -> Path:
        """The wheel."""
        (wheel_file,) = self.folder.glob("*.whl")
        return wheel_file


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> ReleaseFolder:
    """Build the release from the checkout, as a maintainer does."""
    folder, installed = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("installed")
    run_in_checkout("make", "release", f"ARGS={folder} {installed}")
    return ReleaseFolder(folder, Installation(installed / "venv" / "bin", installed / "empty folder"))


@pytest.fixture(scope="module")
def installation(release: ReleaseFolder) -> Installation:
    """The installed wheel, with the demo's three months."""
    return release.installation


def wait_for_response(
    process: subprocess.Popen[bytes], url: str, accept: Callable[[bytes], bool], data: bytes | None = None
) -> None:
    """Wait until `accept` returns true for the body of a server's response."""
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})

    def is_accepted() -> bool:
        assert process.poll() is None, "the command ended"
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=30) as response:
            return accept(response.read())
        return False

    wait_for(is_accepted, url, timeout=START_SECONDS, interval=0.2)


def test_a_release_has_the_packages_with_their_materials_changes_and_hashes(release: ReleaseFolder) -> None:
    version = read_version()
    package = f"i94_platform-{version}"
    names = {f"{package}-py3-none-any.whl", f"{package}.tar.gz", f"{package}.sbom.json", f"CHANGES-{version}.md"}
    assert {path.name for path in release.folder.iterdir()} == names | {"SHA256SUMS"}
    hashes = {name: hashlib.sha256((release.folder / name).read_bytes()).hexdigest() for name in names}
    lines = (release.folder / "SHA256SUMS").read_text().splitlines()
    assert {name: hash_ for hash_, name in map(str.split, lines)} == hashes
    changes = (release.folder / f"CHANGES-{version}.md").read_text()
    assert [line.split()[1] for line in changes.splitlines() if line.startswith("## ")] == [f"[{version}]"]
    assert changes in (PROJECT / "CHANGELOG.md").read_text()


def test_the_wheel_holds_the_code_lists_and_no_tests(release: ReleaseFolder) -> None:
    names = set(zipfile.ZipFile(release.wheel).namelist())
    lists = {path.name for path in (PROJECT / "lookup").glob("*.csv")}
    assert {f"i94_platform/lookup/{name}" for name in lists} <= names
    assert not [name for name in names if name.startswith(("i94_platform_tests/", "bench/", "lookup/"))]


def test_the_wheel_holds_every_file_of_the_package(release: ReleaseFolder) -> None:
    names = set(zipfile.ZipFile(release.wheel).namelist())
    tracked_files = run_in_checkout("git", "ls-files", "i94_platform").splitlines()
    files = {name for name in tracked_files if (PROJECT / name).is_file() and not Path(name).name.startswith(".")}
    assert files <= names


def test_the_version_is_that_of_pyproject(installation: Installation) -> None:
    assert installation.run_i94("--version").stdout.split() == ["i94", read_version()]


def test_the_months_of_the_demo_are_loaded_into_the_working_directory(installation: Installation) -> None:
    assert "2016-01" in installation.run_i94("status").stdout
    result = installation.run_i94("query", "SELECT count(*) > 1000 AS loaded FROM i94.immigration", "--format", "json")
    assert json.loads(result.stdout) == [{"loaded": True}]
    assert (installation.folder / ".i94" / "warehouse.duckdb").exists()
    assert not list(installation.bin.parent.rglob(".i94"))


@pytest.mark.parametrize("arguments", [("dictionary", "--check"), ("lineage", "--write")])
def test_a_command_that_needs_the_checkout_fails_with_the_reason(
    installation: Installation, arguments: tuple[str, str]
) -> None:
    result = installation.run_i94(*arguments)
    assert result.returncode == 2
    assert "checkout" in result.stderr


def test_the_lineage_ui_responds_and_stops_on_interrupt(installation: Installation) -> None:
    port = find_free_port()
    query = {
        "query": "{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename } } } } }"
    }

    def is_loaded(body: bytes) -> bool:
        return b'"RepositoryLocation"' in body

    with installation.start_i94("dev", "--port", str(port)) as process:
        wait_for_response(process, f"http://127.0.0.1:{port}/graphql", is_loaded, json.dumps(query).encode())
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(180) == 0


def test_the_web_api_responds_and_stops_on_interrupt(installation: Installation) -> None:
    port = find_free_port()
    with installation.start_i94("serve", "--port", str(port)) as process:
        wait_for_response(process, f"http://127.0.0.1:{port}/readyz", lambda body: True)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0

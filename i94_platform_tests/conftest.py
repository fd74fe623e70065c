"""What every test stands on: an environment that names no deployment, a home of its own, sample and real deliveries."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from i94_platform.settings import PROJECT, Settings
from i94_platform_tests.emulators.postgres import missing_server
from i94_platform_tests.emulators.redshift.emulator import RedshiftEmulator, run_redshift
from i94_platform_tests.emulators.s3 import S3Server, find_versitygw, run_moto, run_versitygw

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from i94_platform_tests.support.deployment import Deployment

FIRST = (
    "browser",
    "engine",
    "serving/test_load.py",  # it sleeps most of its minute, beside Spark which takes all it gets
    "faults",
    "integration",
    "serving",
    "transforms",
    "warehouse",
    "test_cli.py",
)
"""The files that take longest, in this order."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first: at the end one of two processes waits for the other's last file, which is a short one then."""
    here = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(here)
        return next((number for number, long in enumerate(FIRST) if path.is_relative_to(long)), len(FIRST))

    items.sort(key=place)


REAL_DATA = Path(os.environ.get("I94_REAL_DATA") or PROJECT.parent / "shared" / "data")
"""Read before the environment is cleared."""


@pytest.fixture(scope="session", autouse=True)
def no_deployment() -> Iterator[None]:
    """Clear every setting of the platform, of Dagster's home and of AWS: a test that needs one sets it itself."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("I94_", "AWS_")) or name == "DAGSTER_HOME"]:
            patch.delenv(name)
        for file in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.setenv(file, os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_heard() -> None:
    """A shell lets what it runs in the background ignore SIGINT, and every process that a test starts inherits that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_remembered_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3's default session keeps the credentials that it first found, for the tests that follow too."""
    if boto3 := sys.modules.get("boto3"):
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


@pytest.fixture(scope="session", autouse=True)
def models_of_aws_are_read_once() -> Iterator[None]:
    """Share botocore's models of AWS's services among sessions: `lake/test_s3.py` takes 9.5 s instead of 14.5 s."""
    from botocore import session

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "create_loader", cache(session.create_loader))
        yield


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """An S3 server on loopback; see `emulators.s3`."""
    with run_moto() as server:
        yield server


@pytest.fixture(scope="session")
def second_s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Another implementation of S3, which also checks signatures."""
    if not (program := find_versitygw()):
        pytest.skip("versitygw is not installed; docs/testing.md says how")
    with run_versitygw(program, tmp_path_factory.mktemp("versitygw")) as server:
        yield server


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The S3 server, with the environment leading to it for the length of the test."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server


@pytest.fixture(scope="session")
def redshift_emulator(s3_server: S3Server) -> Iterator[RedshiftEmulator]:
    """The Redshift emulator, which reads the S3 server; see `emulators.redshift`. Make a database for each test."""
    if reason := missing_server():
        pytest.skip(reason)
    with run_redshift(s3_server) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless browser. Playwright runs an event loop, and a process has one at a time: it ends with its module."""
    from playwright.sync_api import sync_playwright

    program = subprocess.run([PROJECT / "tools" / "chromium.sh"], capture_output=True, text=True, check=True).stdout
    if not program.strip():
        pytest.skip("there is no Chromium; tools/chromium.sh says how to get one")
    with sync_playwright() as playwright:
        # the sandbox needs a user other than root
        yield playwright.chromium.launch(executable_path=program.strip(), chromium_sandbox=os.getuid() != 0)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the delivered files; tests that use it carry the mark `real_data`."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"the delivered files are not at {REAL_DATA}; set I94_REAL_DATA to their folder")
    return REAL_DATA


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the reference files and two small months, 2016-01 and 2016-02; read it, do not write into it."""
    from i94_platform.sample import write_sample

    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, first="2016-01", last="2016-02", rows=2_000)
    return folder


@pytest.fixture(scope="session")
def loaded_deployment(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A deployment with the sample's reference files and its January loaded: read it, change only a `copy` of it."""
    from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment

    deployment = Deployment(tmp_path_factory.mktemp("loaded"))
    deployment.deliver(*sample.iterdir())
    results = deployment.run(SAMPLE_MONTH)
    assert all(result.succeeded for result in results), results
    return deployment


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of a fresh embedded deployment."""
    return tmp_path / "home"


@pytest.fixture
def settings(home: Path, tmp_path: Path) -> Settings:
    """The settings of that deployment; deliveries land in `raw` beside its home."""
    return Settings(home=str(home), raw=str(tmp_path / "raw"))

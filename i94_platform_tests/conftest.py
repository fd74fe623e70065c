"""Fixtures of all tests: a cleared environment, servers, sample and real deliveries, a loaded deployment."""

from __future__ import annotations

import gc
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

LONGEST_FIRST = ("integration", "browser", "faults", "engine", "serving", "cli", "defs", "warehouse", "marts")
"""The folders with slow files, in the order in which both test processes start them."""

GC_THRESHOLDS = (300_000, 50)
"""With Python's defaults, garbage collection takes a tenth of the time of tests that run jobs (5 s of 50 s)."""


def pytest_configure() -> None:
    """Collect garbage rarely in the tests' own processes."""
    gc.set_threshold(*GC_THRESHOLDS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start slow files first, so that no process ends with a slow one while the other is idle."""
    tests_folder = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        folder = item.path.relative_to(tests_folder).parts[0]
        return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)

    items.sort(key=rank)


REAL_DATA = Path(os.environ.get("I94_REAL_DATA") or PROJECT.parent / "shared" / "data")
"""The folder of the delivered files. It is read before a fixture clears the environment."""


@pytest.fixture(scope="session", autouse=True)
def clear_environment() -> Iterator[None]:
    """Clear every setting of the platform, of Dagster's home and of AWS, so that a test reaches no real deployment."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("I94_", "AWS_")) or name == "DAGSTER_HOME"]:
            patch.delenv(name)
        for file in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.setenv(file, os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session", autouse=True)
def restore_signals() -> None:
    """Let SIGINT and SIGHUP end processes again: a shell in the background and nohup ignore them, children too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def restore_umask() -> Iterator[None]:
    """Restore the umask after each test, because the commands set it."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def reset_boto3_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reset boto3's default session before each test, because it keeps the first credentials that it finds."""
    if boto3 := sys.modules.get("boto3"):
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


@pytest.fixture(scope="session", autouse=True)
def share_botocore_loader() -> Iterator[None]:
    """Share botocore's models of AWS's services among sessions: `lake/test_s3.py` takes 9.5 s instead of 14.5 s."""
    from botocore import session

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "create_loader", cache(session.create_loader))
        yield


@pytest.fixture(scope="session", autouse=True)
def check_aws_calls() -> Iterator[None]:
    """Fail a test whose code calls AWS as the template's roles may not."""
    from i94_platform_tests.support.aws_permissions import check_calls

    with check_calls():
        yield


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Run an S3 server on loopback; see `emulators.s3`."""
    with run_moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="session")
def second_s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Run another implementation of S3, which also checks signatures."""
    if not (program := find_versitygw()):
        pytest.skip("versitygw is not installed; docs/testing.md says how")
    with run_versitygw(program, tmp_path_factory.mktemp("versitygw")) as server:
        yield server


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """Point the environment of the test to the S3 server and return the server."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server


@pytest.fixture(scope="session")
def redshift_emulator(s3_server: S3Server) -> Iterator[RedshiftEmulator]:
    """Run the Redshift emulator, which reads from the S3 server. Each test creates its own database in it."""
    if reason := missing_server():
        pytest.skip(reason)
    with run_redshift(s3_server) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Start a headless browser for one module: Playwright's event loop must end before another one starts."""
    from playwright.sync_api import sync_playwright

    program = subprocess.run([PROJECT / "tools" / "chromium.sh"], capture_output=True, text=True, check=True).stdout
    if not program.strip():
        pytest.skip("there is no Chromium; tools/chromium.sh says how to get one")
    with sync_playwright() as playwright:
        # the sandbox needs a user other than root
        yield playwright.chromium.launch(executable_path=program.strip(), chromium_sandbox=os.getuid() != 0)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of the delivered files. Tests that use it carry the mark `real_data`."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"the delivered files are not at {REAL_DATA}; set I94_REAL_DATA to their folder")
    return REAL_DATA


@pytest.fixture(scope="session")
def variants(real_data: Path) -> Path:
    """Return the folder of public variants of the delivered files. Tests that use it carry the mark `real_data`."""
    folder = real_data.parent / "variants"
    if not folder.is_dir():
        pytest.skip(f"the public variants are not at {folder}")
    return folder


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the reference files and two small months, 2016-01 and 2016-02, to a folder. Tests only read it."""
    from i94_platform.sample import write_sample

    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, first="2016-01", last="2016-02", rows=2_000)
    return folder


@pytest.fixture(scope="session")
def loaded_deployment(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Load the sample's reference files and its January into a deployment. Tests change only a `copy` of it."""
    from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment

    deployment = Deployment(tmp_path_factory.mktemp("loaded"))
    deployment.deliver(*sample.iterdir())
    results = deployment.run(SAMPLE_MONTH)
    assert all(result.succeeded for result in results), results
    return deployment


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return the home of a new embedded deployment."""
    return tmp_path / "home"


@pytest.fixture
def settings(home: Path, tmp_path: Path) -> Settings:
    """Return the settings of a new embedded deployment. Its deliveries land in `raw` beside its home."""
    return Settings(home=str(home), raw=str(tmp_path / "raw"))

"""Deployments for the ticks of the delivery sensors."""

from __future__ import annotations

from pathlib import Path

import pytest

from i94_platform.lake.datasets import Lake
from i94_platform.lake.local import LocalStore
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.support.daemon_simulator import DaemonSimulator
from i94_platform_tests.support.stores import StoreLocation


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.slow)])  # the stores have tests of their own
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> DaemonSimulator:
    """A deployment without deliveries; they land in a folder or in a bucket."""
    place = StoreLocation(str(tmp_path / "raw"))
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3_server")
        place = StoreLocation(f"s3://{server.create_bucket()}/raw", server, tmp_path / "scratch")
    return DaemonSimulator(place.open_store(), Lake(LocalStore(tmp_path / "lake")))


@pytest.fixture
def ticks(empty: DaemonSimulator) -> DaemonSimulator:
    """A deployment with loaded reference files, in a folder or in a bucket."""
    empty.deliver_references()
    return empty


@pytest.fixture
def local(tmp_path: Path) -> DaemonSimulator:
    """A deployment with loaded reference files, in a folder."""
    ticks = DaemonSimulator(LocalStore(tmp_path / "raw"), Lake(LocalStore(tmp_path / "lake")))
    ticks.deliver_references()
    return ticks

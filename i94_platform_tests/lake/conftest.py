"""A lake in a fresh folder or bucket, and small datasets for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from i94_platform.lake.datasets import Lake
from i94_platform.lake.store import Store
from i94_platform_tests.emulators.s3 import S3Server, versitygw
from i94_platform_tests.support.stores import StoreLocation

SERVERS = {"moto": "s3_server"} | ({"versitygw": "second_s3_server"} if versitygw() else {})


@pytest.fixture(params=["local", *SERVERS])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> StoreLocation:
    """Where an empty store is: a folder, or a prefix of a bucket on either server."""
    if request.param == "local":
        return StoreLocation(str(tmp_path / "lake"))
    server: S3Server = request.getfixturevalue(SERVERS[request.param])
    return StoreLocation(f"s3://{server.bucket()}/pre fix+é", server, tmp_path / "scratch")


@pytest.fixture
def store(place: StoreLocation) -> Store:
    """The empty store; a writer that has to wait gives up soon."""
    return place.open_store(lock_timeout=0.3)


@pytest.fixture
def lake(store: Store) -> Lake:
    """The lake in that store."""
    return Lake(store)

"""An empty store in a folder or bucket, and the lake in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from i94_platform.lake.datasets import Lake
from i94_platform.lake.s3 import S3Store
from i94_platform.lake.store import Store
from i94_platform_tests.emulators.s3 import S3Server, find_versitygw
from i94_platform_tests.support.stores import StoreLocation

SERVERS = {"moto": "s3_server"} | ({"versitygw": "second_s3_server"} if find_versitygw() else {})


FAST_PLACES = ("local", [*SERVERS][-1])
"""A folder and one S3 server; the other server is slow."""


@pytest.fixture(
    params=[pytest.param(p, marks=() if p in FAST_PLACES else pytest.mark.slow) for p in ("local", *SERVERS)]
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> StoreLocation:
    """The location of an empty store: a folder, or a prefix of a bucket on either server."""
    if request.param == "local":
        return StoreLocation(str(tmp_path / "lake"))
    server: S3Server = request.getfixturevalue(SERVERS[request.param])
    return StoreLocation(f"s3://{server.create_bucket()}/pre fix+é", server, tmp_path / "scratch")


@pytest.fixture
def store(place: StoreLocation) -> Store:
    """The empty store; its locks time out soon."""
    return place.open_store(lock_timeout=0.3)


@pytest.fixture
def lake(store: Store) -> Lake:
    """The lake in that store."""
    return Lake(store)


@pytest.fixture
def bucket(s3_server: S3Server) -> str:
    """An empty bucket."""
    return s3_server.create_bucket()


@pytest.fixture
def s3_store(s3_server: S3Server, bucket: str, tmp_path: Path) -> S3Store:
    """A store in that bucket."""
    return S3Store(f"s3://{bucket}/lake", s3_server.create_client, tmp_path / "scratch", lock_timeout=0.3)


def error_message(action: Callable[[], Any], error: type[Exception]) -> str:
    """Run an action that must fail and return its message."""
    with pytest.raises(error) as raised:
        action()
    return str(raised.value)

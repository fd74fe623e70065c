"""Opens the lake that the settings name, without Dagster."""

from __future__ import annotations

from functools import partial

from i94_platform.address_grammar import is_s3
from i94_platform.lake.datasets import Lake
from i94_platform.lake.local import LocalStore
from i94_platform.lake.s3 import S3Store
from i94_platform.lake.s3_client import create_s3_client
from i94_platform.settings import Settings


def open_lake(settings: Settings) -> Lake:
    """Open the lake for reading."""
    if not is_s3(settings.lake):
        return Lake(LocalStore(settings.lake))
    return Lake(S3Store(settings.lake, partial(create_s3_client, settings.s3_endpoint), settings.scratch))

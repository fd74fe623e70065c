"""Which resources an address gets, and what is imported for them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from i94_platform.defs.build import build_resources
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Lake
from i94_platform.lake.local import LocalStore
from i94_platform.lake.s3 import S3Store
from i94_platform.settings import PROJECT, Settings


def built(settings: Settings, name: str) -> Any:
    return build_resources(settings)[name].build()


def test_each_address_of_files_gets_its_own_kind_of_store(settings: Settings) -> None:
    mixed = Settings(home=settings.home, raw="s3://deliveries/i94", lake=settings.lake)
    raw, lake = built(mixed, "raw"), built(mixed, "lake")
    assert isinstance(raw, S3Store)
    assert raw.root == "s3://deliveries/i94"
    assert isinstance(lake, Lake)
    assert isinstance(lake.store, LocalStore)
    swapped = Settings(home=settings.home, raw=settings.raw, lake="s3://bucket/lake")
    assert isinstance(built(swapped, "raw"), LocalStore)
    assert isinstance(built(swapped, "lake").store, S3Store)


def test_a_deployment_on_s3_is_built_without_a_request_and_without_credentials(settings: Settings) -> None:
    there = Settings(home=settings.home, lake="s3://bucket/lake", s3_endpoint="http://127.0.0.1:9")
    made = {name: built(there, name) for name in build_resources(there)}
    assert (made["lake"].store.root, made["raw"].root) == ("s3://bucket/lake", "s3://bucket/lake/raw")


def test_loading_a_code_location_on_s3_imports_neither_boto3_nor_dagsters_part_for_aws(tmp_path: Any) -> None:
    program = (
        "import sys, i94_platform.definitions as d; assert d.defs.resources['lake'].root == 's3://bucket/lake'; "
        "assert not {'boto3', 'botocore', 'dagster_aws'} & set(sys.modules)"
    )
    environment = {"I94_LAKE": "s3://bucket/lake", "I94_HOME": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=60)


def test_without_the_aws_extra_it_is_told_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    for name in ("dagster_aws", "dagster_aws.s3", "boto3", "botocore", "botocore.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)
    there = Settings(home=settings.home, lake="s3://bucket/lake")
    with pytest.raises(PermanentError, match=r"starts with s3://, .* run: pip install 'i94-platform\[aws\]'"):
        next(built(there, "raw").list())
    with pytest.raises(PermanentError, match="pip install"):
        built(there, "engine").register_files("x", ["s3://bucket/x.parquet"])

"""Test which resources the settings give, and which modules they import."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import dagster as dg
import pytest

from i94_platform.defs.build import build_definitions, build_resources
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Lake
from i94_platform.lake.local import LocalStore
from i94_platform.lake.s3 import S3Store
from i94_platform.operations.platform import Platform
from i94_platform.settings import PROJECT, Settings


def build_resource(settings: Settings, name: str) -> Any:
    return build_resources(settings)[name].build()


def test_raw_and_lake_may_be_in_different_kinds_of_stores(settings: Settings) -> None:
    raw_on_s3 = Settings(home=settings.home, raw="s3://deliveries/i94", lake=settings.lake)
    raw, lake = build_resource(raw_on_s3, "raw"), build_resource(raw_on_s3, "lake")
    assert isinstance(raw, S3Store)
    assert raw.root == "s3://deliveries/i94"
    assert isinstance(lake, Lake)
    assert isinstance(lake.store, LocalStore)
    lake_on_s3 = Settings(home=settings.home, raw=settings.raw, lake="s3://bucket/lake")
    assert isinstance(build_resource(lake_on_s3, "raw"), LocalStore)
    assert isinstance(build_resource(lake_on_s3, "lake").store, S3Store)


def test_the_runs_of_a_command_share_its_warehouse_and_its_lake(settings: Settings) -> None:
    platform = Platform(settings)
    with dg.build_resources(platform.definitions.resources or {}) as resources:
        assert resources.warehouse is resources.gate.warehouse is platform.warehouse
        assert (resources.lake, resources.raw) == (platform.lake, platform.raw)


def test_the_resources_of_s3_are_built_without_a_request_and_without_credentials(settings: Settings) -> None:
    on_s3 = Settings(home=settings.home, lake="s3://bucket/lake", s3_endpoint="http://127.0.0.1:9")
    resources = {name: build_resource(on_s3, name) for name in build_resources(on_s3)}
    assert (resources["lake"].store.root, resources["raw"].root) == ("s3://bucket/lake", "s3://bucket/lake/raw")


def test_loading_a_code_location_on_s3_imports_neither_boto3_nor_dagster_aws(tmp_path: Any) -> None:
    program = (
        "import sys, i94_platform.definitions as d; assert d.defs.resources['lake'].root == 's3://bucket/lake'; "
        "assert not {'boto3', 'botocore', 'dagster_aws'} & set(sys.modules)"
    )
    environment = {"I94_LAKE": "s3://bucket/lake", "I94_HOME": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=60)


def test_without_the_aws_extra_the_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    for name in ("dagster_aws", "dagster_aws.s3", "boto3", "botocore", "botocore.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)
    on_s3 = Settings(home=settings.home, lake="s3://bucket/lake")
    with pytest.raises(PermanentError, match=r"starts with s3://, .* run: pip install 'i94-platform\[aws\]'"):
        next(build_resource(on_s3, "raw").list())
    with pytest.raises(PermanentError, match="pip install"):
        build_resource(on_s3, "engine").register_files("x", ["s3://bucket/x.parquet"])


ON_S3: dict[str, Any] = {
    "lake": "s3://bucket/lake",
    "engine": "local[2]",
    "warehouse": "redshift://loader@host:5439/db?iam_role=arn:aws:iam::123456789012:role/load",
}


@pytest.mark.parametrize("addresses", [{}, ON_S3], ids=["embedded", "production"])
def test_run_config_may_override_each_field_of_a_resource_alone(settings: Settings, addresses: dict[str, Any]) -> None:
    deployment = Settings(home=settings.home, max_rejected_share=0.25, lock_timeout=7, **addresses)
    definitions = build_definitions(deployment)
    resources: dict[str, Any] = dict(definitions.resources or {})
    jobs = [definitions.resolve_job_def(name) for name in ("month", "reference", "publish")]
    overrides = [
        (job, name, field, getattr(resources[name], field))
        for job in jobs
        for name in ("raw", "lake", "engine", "warehouse", "gate")
        if name in job.get_required_resource_defs()
        for field in type(resources[name]).model_fields
        if field not in ("warehouse", "options")
    ]
    assert len(overrides) > 20
    for job, name, field, value in overrides:
        result = dg.validate_run_config(job, {"resources": {name: {"config": {field: value}}}})
        config = result["resources"][name]["config"]
        expected = {
            other: getattr(resources[name], other)
            for other in type(resources[name]).model_fields
            if other not in ("warehouse", "options")
        }
        assert config | {"options": {}} == expected | {"options": {}}, (name, field)

"""The S3 server for whole modules, and the comparisons of two deployments that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from i94_platform.contracts import MARTS, WAREHOUSE
from i94_platform.contracts.model import column_names, key_columns
from i94_platform.lake.datasets import Dataset
from i94_platform.lake.s3 import S3Store
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.emulators.s3_roles import COPY, PLATFORM
from i94_platform_tests.support.deployment import Deployment

COPY_ROLE = f"arn:aws:iam::123456789012:role/{COPY}"
"""The role by which Redshift reaches the lake."""


@pytest.fixture(scope="module")
def module_s3(s3_server: S3Server) -> Iterator[S3Server]:
    """The S3 server, with the environment leading to it as the platform's role for the length of a module."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.as_role(PLATFORM).environment.items():
            patch.setenv(name, value)
        yield s3_server


def deploy_on_s3(server: S3Server, folder: Path, lake_path: str = "lake", **settings: str) -> Deployment:
    """Create a deployment on a new bucket, laid out as in the template, into which somebody else delivers."""
    bucket = server.create_bucket()
    addresses = {"raw": f"s3://{bucket}/raw", "lake": f"s3://{bucket}/{lake_path}", **settings}
    deployment = Deployment(folder, None, s3_endpoint=server.endpoint, **addresses)
    deployment.deliveries = S3Store(addresses["raw"], server.create_client, folder / "deliveries")
    return deployment


def assert_same_tables(actual: Deployment, expected: Deployment) -> None:
    """Compare the rows of every table and mart, none of which may be empty; the warehouses may differ in kind."""
    differing, empty = [], []
    for contract in (*WAREHOUSE, *MARTS):
        names = ", ".join(f'"{name}"' for name in column_names(contract))
        keys = key_columns(contract)
        rows, expected_rows = (
            sorted(
                deployment.query(f"SELECT {names} FROM {contract.fullname}"),
                key=lambda row: repr([row[key] for key in keys]),
            )
            for deployment in (actual, expected)
        )
        if rows != expected_rows:
            pairs = zip(rows, expected_rows, strict=False)
            differing.append(
                (contract.name, len(rows), len(expected_rows), next((p for p in pairs if p[0] != p[1]), None))
            )
        if not rows:
            empty.append(contract.name)
    assert (differing, empty) == ([], [])


def assert_counts_match_manifests(deployment: Deployment) -> None:
    """Compare every line of the ledger with its manifest and with the rows in the table."""
    marts = {contract.name for contract in MARTS}
    lines = [line for line in deployment.warehouse.read_ledger() if line.table_name not in marts]
    assert lines
    for line in lines:
        layer = "staged" if line.manifest.split("/lake/")[1].startswith("staged") else "warehouse"
        manifest = deployment.lake.require_manifest(Dataset(f"{layer}/{line.table_name}", line.partition_key))
        assert (line.loaded_rows, line.manifest) == (manifest.rows, manifest.address)
        inferred = " WHERE status <> 'unlisted'" if line.table_name == "country" else ""
        where = f" WHERE i94mon = {int(line.partition_key[-2:])}" if line.partition_key else inferred
        assert deployment.query_value(f"SELECT count(*) FROM i94.{line.table_name}{where}") == manifest.rows

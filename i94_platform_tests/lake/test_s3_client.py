"""The client for S3: its region, its endpoint, its configuration."""

from __future__ import annotations

import pytest

from i94_platform.errors import PermanentError
from i94_platform.lake.s3_client import create_s3_client


def test_a_client_takes_the_region_of_either_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert create_s3_client().meta.region_name == "eu-west-1"
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert create_s3_client().meta.region_name == "us-west-2"


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("", "https://bucket.s3.amazonaws.com/k"),
        ("https://minio.example", "https://minio.example/bucket/k"),
        ("http://localhost:9000", "http://localhost:9000/bucket/k"),
    ],
)
def test_compatible_stores_are_addressed_by_path(monkeypatch: pytest.MonkeyPatch, endpoint: str, url: str) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    signed: str = create_s3_client(endpoint).generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "k"})
    assert signed.partition("?")[0] == url


def test_a_missing_profile_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(PermanentError, match="nobody"):
        create_s3_client()

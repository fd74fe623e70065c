"""Pins what the doctor says of addresses on S3; of local ones it is told in `test_cli`."""

from __future__ import annotations

from pathlib import Path

import pytest

from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.integration.command import Ended, i94_here


def doctor(home: Path, **environment: str) -> Ended:
    return i94_here({"I94_HOME": str(home), **environment}, "doctor")


def test_a_bucket_that_answers_is_fine_and_what_is_missing_in_it_is_named(s3: S3Server, home: Path) -> None:
    bucket = s3.bucket()
    s3.client().put_object(Bucket=bucket, Key="lake/raw/i94_jan16_sub.parquet", Body=b"x")
    ended = doctor(home, I94_LAKE=f"s3://{bucket}/lake")
    assert f"✓ I94_RAW        s3://{bucket}/lake/raw: 1 month(s) delivered, 0 other file(s)" in ended.output
    assert f"✓ I94_LAKE       s3://{bucket}/lake, the bucket answers" in ended.output
    assert "✗ references     missing: I94_SAS_Labels_Descriptions.SAS" in ended.output
    assert not home.exists(), "looking changes nothing"


def test_a_bucket_that_is_not_there_and_credentials_that_are_not_are_told(
    s3: S3Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = doctor(home, I94_LAKE="s3://nobody-made-it/lake")
    assert ended.code == 1
    for subject, address in (("I94_RAW ", "s3://nobody-made-it/lake/raw"), ("I94_LAKE", "s3://nobody-made-it/lake")):
        assert f"✗ {subject}       {address}: the bucket does not exist; create it, or correct the" in ended.output
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    ended = doctor(home, I94_LAKE=f"s3://{s3.bucket()}")
    assert ended.code == 1
    assert "there are no AWS credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE" in ended.output

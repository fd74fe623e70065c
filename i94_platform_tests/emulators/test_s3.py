"""Test the S3 server that other tests stand on: what it must offer, or they would prove nothing."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from i94_platform_tests.emulators.s3 import S3Server


def test_buckets_are_empty_and_each_test_has_its_own(s3_server: S3Server) -> None:
    first, second = s3_server.create_bucket(), s3_server.create_bucket()
    s3_server.create_client().put_object(Bucket=first, Key="k", Body=b"x")
    assert s3_server.create_client().list_objects_v2(Bucket=second)["KeyCount"] == 0


def test_of_many_who_create_one_object_only_one_succeeds(s3_server: S3Server) -> None:
    bucket, client = s3_server.create_bucket(), s3_server.create_client()

    def create(number: int) -> str:
        try:
            client.put_object(Bucket=bucket, Key="k", Body=b"%d" % number, IfNoneMatch="*")
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "created"

    with ThreadPoolExecutor(8) as pool:
        became = list(pool.map(create, range(24)))
    assert sorted(became) == ["PreconditionFailed"] * 23 + ["created"]
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"%d" % became.index("created")


def test_an_object_is_replaced_only_by_who_knows_what_it_holds(s3_server: S3Server) -> None:
    bucket, client = s3_server.create_bucket(), s3_server.create_client()
    response: dict[str, Any] = client.put_object(Bucket=bucket, Key="k", Body=b"1")
    client.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=response["ETag"])
    with pytest.raises(ClientError, match="PreconditionFailed"):
        client.put_object(Bucket=bucket, Key="k", Body=b"3", IfMatch=response["ETag"])


def test_the_second_server_checks_signatures(second_s3_server: S3Server) -> None:
    """Where it is skipped, so is the suite of every store on the second server."""
    server = S3Server(second_s3_server.endpoint, secret_key="wrong")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        server.create_client().list_objects_v2(Bucket=second_s3_server.create_bucket())


def test_a_client_without_arguments_finds_the_server_by_the_environment(s3: S3Server) -> None:
    bucket = s3.create_bucket()
    client = boto3.client("s3", endpoint_url=os.environ["I94_S3_ENDPOINT"])
    assert client.get_bucket_location(Bucket=bucket)["LocationConstraint"] == os.environ["AWS_REGION"]

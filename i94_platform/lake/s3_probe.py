"""Probes of a bucket: whether the store obeys conditional writes, which locks rely on, and what time it is there."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

from i94_platform.lake.aws_errors import error_code
from i94_platform.lake.s3_errors import CHANGED

_OTHER_ETAG = '"00000000000000000000000000000000"'


def find_ignored_conditions(client: Any, bucket: str, key: str) -> list[str]:
    """Find the headers of conditional writes that a store ignores, by writes to a new key, which is deleted then."""
    target = {"Bucket": bucket, "Key": key}
    etag = client.put_object(**target, Body=b"1", IfNoneMatch="*")["ETag"]
    try:
        rejected = {
            "If-None-Match": _is_rejected(client, **target, Body=b"2", IfNoneMatch="*"),
            "If-Match": _is_rejected(client, **target, Body=b"3", IfMatch=_OTHER_ETAG),
        }
        if all(rejected.values()):
            client.put_object(**target, Body=b"4", IfMatch=etag)  # a store may refuse every condition
    finally:
        client.delete_object(**target)
    return [header for header, is_rejected in rejected.items() if not is_rejected]


def _is_rejected(client: Any, **request: Any) -> bool:
    from botocore.exceptions import ClientError

    try:
        client.put_object(**request)
    except ClientError as error:
        if error_code(error.response) in CHANGED:
            return True
        raise
    return False


def fetch_time(client: Any, bucket: str, prefix: str) -> float:
    """Fetch the store's time, in seconds since 1970; it tells whole seconds."""
    response = client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    return parsedate_to_datetime(response["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()

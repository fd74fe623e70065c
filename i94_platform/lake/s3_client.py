"""The client for S3, and the region that AWS's clients are made for."""

from __future__ import annotations

import datetime as dt
import os
from typing import Any

from i94_platform.errors import PermanentError
from i94_platform.lake.s3_errors import translate_s3_errors


def create_s3_client(endpoint: str = "") -> Any:
    """Create a boto3 client, for AWS or for a compatible store at `endpoint`.

    Credentials come from AWS's own chain, which renews temporary ones.

    Raises:
        PermanentError: the aws extra is not installed, or the AWS configuration is not usable.
    """
    try:
        import boto3
        import botocore.session
        from botocore.config import Config
    except ModuleNotFoundError as error:
        raise PermanentError(
            "An address starts with s3://, and the AWS part is not installed; run: pip install 'i94-platform[aws]'."
        ) from error
    # few compatible stores have a host name for each bucket
    config = Config(s3={"addressing_style": "path"}) if endpoint else None
    with translate_s3_errors(endpoint or "S3"):
        # not boto3's default session: that is not safe to share between the threads of a code server
        core = botocore.session.get_session()
        # a listing has a time for each object, and the default parser takes most of its processor time
        core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_parse_time)
        session = boto3.session.Session(botocore_session=core)
        return session.client("s3", endpoint_url=endpoint or None, region_name=aws_region() or None, config=config)


def _parse_time(value: Any) -> dt.datetime:
    """Parse a time of a response; only times in headers are not in ISO format."""
    try:
        return dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        from botocore.utils import parse_timestamp

        time: dt.datetime = parse_timestamp(value)
        return time


def aws_region() -> str:
    """The region that the environment names, by either of its variables."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""

"""Which permissions a request to S3 needs, as the service authorization reference and S3's own guide say.

An object is encrypted by a key, so whoever reads or writes one also uses the key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qs, unquote

from i94_platform_tests.support.iam import Request

KEY = "Key.Arn"
"""The template's key, as its statements name it."""

_UPLOAD_IN_PARTS = ("uploads", "uploadId", "partNumber")

# method, whether it is about an object, and the part of the query that names the operation → actions
_ACTIONS: dict[tuple[str, bool, str], tuple[str, ...]] = {
    ("GET", True, ""): ("s3:GetObject",),
    ("HEAD", True, ""): ("s3:GetObject",),
    ("PUT", True, ""): ("s3:PutObject",),
    ("DELETE", True, ""): ("s3:DeleteObject",),
    ("POST", True, "uploads"): ("s3:PutObject",),
    ("PUT", True, "uploadId"): ("s3:PutObject",),
    ("POST", True, "uploadId"): ("s3:PutObject",),
    ("DELETE", True, "uploadId"): ("s3:AbortMultipartUpload",),
    ("GET", True, "uploadId"): ("s3:ListMultipartUploadParts",),
    ("GET", False, ""): ("s3:ListBucket",),
    ("HEAD", False, ""): ("s3:ListBucket",),
    ("GET", False, "uploads"): ("s3:ListBucketMultipartUploads",),
    ("GET", False, "location"): ("s3:GetBucketLocation",),
    ("GET", False, "encryption"): ("s3:GetEncryptionConfiguration",),
    ("POST", False, "delete"): ("s3:DeleteObject",),
}
_OPERATIONS = ("uploadId", "uploads", "location", "encryption", "delete")

_KEY_ACTIONS = {"s3:GetObject": "kms:Decrypt", "s3:PutObject": "kms:GenerateDataKey"}


def list_needed_permissions(
    method: str, path: str, query: str, headers: Mapping[str, str], body: bytes = b""
) -> Iterator[Request]:
    """List what a request needs.

    Args:
        method: The method of HTTP.
        path: `/bucket` or `/bucket/key`, percent-encoded or not.
        query: The query of the URL.
        headers: The headers, by names in lower case.
        body: The body of a request that deletes several objects.

    Raises:
        KeyError: the operation is none of those that roles use.
    """
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    parameters = parse_qs(query, keep_blank_values=True)
    operation = next((name for name in _OPERATIONS if name in parameters), "")
    bucket_arn = f"arn:aws:s3:::{bucket}"
    keys = [key] if key else re.findall(r"<Key>([^<]*)</Key>", body.decode()) if operation == "delete" else []
    context = {"s3:prefix": parameters["prefix"][0]} if "prefix" in parameters and not key else {}
    actions = [*_ACTIONS[method, bool(key), operation]]
    if method == "PUT" and "if-match" in headers:
        actions.append("s3:GetObject")  # to replace an object by its ETag, one must be allowed to read it
    for action in actions:
        yield from (Request(action, f"{bucket_arn}/{name}") for name in keys)
        if not keys:
            yield Request(action, bucket_arn, context)
        if action in _KEY_ACTIONS:
            yield Request(_KEY_ACTIONS[action], KEY)
    if key and any(name in parameters for name in _UPLOAD_IN_PARTS) and "s3:PutObject" in actions:
        yield Request("kms:Decrypt", KEY)  # S3 puts encrypted parts together
    if source := headers.get("x-amz-copy-source"):
        yield Request("s3:GetObject", f"arn:aws:s3:::{unquote(source).lstrip('/')}")

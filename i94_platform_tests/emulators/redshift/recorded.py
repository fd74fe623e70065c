"""What real clusters have answered, each with the public page that shows it.

Texts of the emulator that are not here, nor PostgreSQL's own, are assumptions:
`docs/explanation/unproven.md` lists them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RecordedError:
    """An error of a real cluster: SQLSTATE, message, detail, and where it was seen."""

    code: str
    message: str
    detail: str
    source: str


_DEVELOPER_GUIDE = "https://docs.aws.amazon.com/redshift/latest/dg"

SERIALIZATION = RecordedError(
    "XX000",
    "1023",
    "Serializable isolation violation on table - 100123, transactions forming the cycle are: 1, 2 (pid:3)",
    f"{_DEVELOPER_GUIDE}/c_serial_isolation.html",
)
SNAPSHOT_CONFLICT = RecordedError(
    "XX000",
    "could not complete because of conflict with concurrent transaction",
    "",
    f"{_DEVELOPER_GUIDE}/c_serial_isolation.html",
)
RELATION_GONE = RecordedError(
    "XX000", "1018", "Relation does not exist.", "https://github.com/metabase/metabase/pull/65546"
)
RELATION_NOT_OPEN = RecordedError(
    "XX000", "could not open relation with OID 123456789", "", "https://github.com/dbt-labs/dbt-adapters/issues/617"
)
TABLE_DROPPED = RecordedError(
    "XX000", "table 3380474 dropped by concurrent transaction", "", "https://github.com/dbt-labs/dbt-core/pull/825"
)
CANCELLED = RecordedError(
    "57014",
    "Query (4777555) cancelled on user's request",
    "",
    "https://github.com/awslabs/amazon-redshift-utils/issues/174",
)
READ_ONLY = RecordedError("25006", "transaction is read-only", "", "https://github.com/psycopg/psycopg2/issues/1754")
PERMISSION_DENIED = RecordedError(
    "42501", "permission denied for relation {}", "", f"{_DEVELOPER_GUIDE}/r_GRANT-examples.html"
)
MANIFEST_WITHOUT_META = RecordedError(
    "XX000",
    "File entry does not have 'meta' key.",
    "code: 15003 context: query: 90820823 location: spectrum_manifest.cpp:204",
    "https://github.com/awslabs/aws-lambda-redshift-loader/pull/221",
)
WRONG_LENGTH = RecordedError(
    "XX000",
    "HTTP response error code: 416 Message: InvalidRange The requested range is not satisfiable",
    "",
    "https://github.com/awslabs/aws-lambda-redshift-loader/issues/223",
)
SCAN_ERROR = RecordedError(
    "XX000",
    "Spectrum Scan Error",
    "error: Spectrum Scan Error code: {code} context: {context} query: 26301369 location: dory_util.cpp:1450",
    "https://github.com/rudderlabs/rudder-server/pull/3178",
)
KEY_GONE = RecordedError(
    "XX000",
    "Problem reading manifest file - S3ServiceException:The specified key does not exist.,Status 404",
    "",
    "https://github.com/databricks/spark-redshift/issues/136",
)

NEEDS_SHA256 = "authentication method 13 not supported"
"""What libpq says: https://github.com/jazzband/django-redshift-backend/issues/146"""
SHA256_METHOD = 13
"""The number of Redshift's own authentication, for users whose password it keeps as SHA-256 (the same page)."""

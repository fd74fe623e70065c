"""Test the address of a Redshift warehouse: its grammar, and that no error message repeats a secret in it.

An error message once showed the password of an address, and a log kept the message.
"""

from __future__ import annotations

import traceback

import pytest

from i94_platform.errors import PermanentError
from i94_platform.redshift_address import Endpoint, RedshiftAddress
from i94_platform.settings import Settings

ROLE = "arn:aws:iam::123456789012:role/i94"
HOST = "i94.abc123xyz.us-west-2.redshift.amazonaws.com"


def test_an_address_names_user_host_database_and_role_and_verifies_the_certificate_by_default() -> None:
    address = RedshiftAddress.parse(f"redshift://loader@{HOST}/dev?iam_role={ROLE}")
    assert address == RedshiftAddress("loader", HOST, 5439, "dev", ROLE, "verify-full", "password")
    assert str(address) == f"redshift://loader@{HOST}:5439/dev"


def test_port_sslmode_and_auth_can_be_set() -> None:
    address = RedshiftAddress.parse(f"redshift://l@{HOST}:5440/dev?iam_role=default&sslmode=require&auth=iam")
    assert (address.port, address.iam_role, address.sslmode, address.auth) == (5440, "default", "require", "iam")


def test_roles_can_be_chained() -> None:
    chain = f"{ROLE},arn:aws-us-gov:iam::210987654321:role/path/other"
    assert RedshiftAddress.parse(f"redshift://l@h/d?iam_role={chain}").iam_role == chain


@pytest.mark.parametrize(
    ("host", "endpoint"),
    [
        (HOST, Endpoint("i94", "us-west-2", serverless=False)),
        (
            "analytics.123456789012.eu-west-1.redshift-serverless.amazonaws.com",
            Endpoint("analytics", "eu-west-1", serverless=True),
        ),
        ("localhost", None),
        ("evil.redshift.amazonaws.com.example.org", None),
    ],
)
def test_an_aws_host_gives_the_name_and_region_of_the_cluster(host: str, endpoint: Endpoint | None) -> None:
    assert RedshiftAddress.parse(f"redshift://l@{host}/d?iam_role=default").endpoint == endpoint


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("redshift://host/db?iam_role=default", "lacks a user"),
        ("redshift://me@/db?iam_role=default", "lacks a host"),
        ("redshift://me@host?iam_role=default", "lacks a database"),
        ("redshift://me@host:port/db?iam_role=default", "host or port can't be read"),
        ("redshift://me@host/db", "iam_role is the role by which Redshift reads the lake"),
        ("redshift://me@host/db?iam_role=admin", "iam_role is the role"),
        (f"redshift://me@host/db?iam_role={ROLE},", "iam_role is the role"),
        ("redshift://me@host/db?iam_role=default&sslmode=prefer", "sslmode in the address is one of: verify-full"),
        ("redshift://me@host/db?iam_role=default&auth=kerberos", "auth in the address is one of: password, iam"),
        ("redshift://me@host/db?iam_role=default&auth=iam", "which host does not tell"),
        ("redshift://me@host/db?iam_role=default&ssl=true", "unknown option ssl in the address; valid are: iam_role"),
    ],
)
def test_an_invalid_address_is_rejected_with_what_is_missing_or_wrong(address: str, message: str) -> None:
    with pytest.raises(ValueError, match="^.*" + message):
        RedshiftAddress.parse(address)


SECRET = "planted-secret"


@pytest.mark.parametrize(
    "address",
    [
        f"redshift://me:{SECRET}@host/db?iam_role=default",
        f"redshift://me:{SECRET}/x@host/db?iam_role=default",
        f"redshift://me:a@{SECRET}@host/db?iam_role=default",
        f"redshift://me@host/db?iam_role=default&password={SECRET}",
        f"redshfit://me:{SECRET}@host/db",
        f"postgresql://me:{SECRET}@host/db",
        f"redshift://me@host/db?iam_role={SECRET}",
    ],
)
def test_a_secret_in_an_address_is_rejected_and_not_repeated(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("I94_LAKE", "s3://bucket/lake")
    monkeypatch.setenv("I94_WAREHOUSE", address)
    with pytest.raises(PermanentError, match="I94_WAREHOUSE: ") as failure:
        Settings.from_env()
    assert SECRET not in f"{failure.value!r} {''.join(traceback.format_exception(failure.value))}"


def test_the_error_for_a_password_names_the_variable_to_set_instead() -> None:
    with pytest.raises(ValueError, match=r"holds no password; take it out and set I94_REDSHIFT_PASSWORD"):
        RedshiftAddress.parse("redshift://me:x@host/db?iam_role=default")


def test_redshift_accepts_a_lake_on_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I94_LAKE", "s3://bucket/lake")
    monkeypatch.setenv("I94_WAREHOUSE", "redshift://me@host/db?iam_role=default")
    settings = Settings.from_env()
    assert settings.redshift_address == RedshiftAddress("me", "host", 5439, "db", "default")


def test_redshift_rejects_a_local_lake_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I94_WAREHOUSE", "redshift://me@host/db?iam_role=default")
    with pytest.raises(PermanentError, match=r"Redshift loads from S3 only, and the lake is the folder .*s3://"):
        Settings.from_env()


def test_the_embedded_warehouse_has_no_redshift_address(settings: Settings) -> None:
    assert settings.redshift_address is None


def test_an_unknown_diststyle_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I94_FACT_DISTSTYLE", "all")
    with pytest.raises(PermanentError, match=r"I94_FACT_DISTSTYLE: .*'key', 'even' or 'auto'"):
        Settings.from_env()

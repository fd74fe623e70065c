"""The parameters of a connection to Redshift: host, certificate, user and password.

A password comes from the environment, from libpq's own places or from AWS. Each connection reads it anew; nothing keeps
it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from i94_platform.errors import PermanentError, TransientError
from i94_platform.redshift_address import RedshiftAddress

PASSWORD = "I94_REDSHIFT_PASSWORD"  # noqa: S105 - the name of a variable
READER_PASSWORD = "I94_REDSHIFT_READER_PASSWORD"  # noqa: S105 - the same
"""The password of the reader under whom typed queries run."""
APPLICATION = "i94_platform"
CONNECT_SECONDS = 60
"""A sleeping workgroup answers late."""

_KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 6}
"""A long COPY sends nothing, and firewalls drop silent connections."""


def connection_parameters(address: RedshiftAddress, password_variable: str = PASSWORD) -> dict[str, Any]:
    """Build the arguments of `psycopg2.connect`; a password is among them, so never log them.

    Args:
        address: The database and the user.
        password_variable: The variable that may hold the user's password.

    Raises:
        PermanentError: AWS refuses a login, or the aws extra is not installed.
        TransientError: AWS can't be reached.
    """
    return {
        "host": address.host,
        "port": address.port,
        "dbname": address.database,
        "sslmode": address.sslmode,
        "application_name": APPLICATION,
        "connect_timeout": CONNECT_SECONDS,
        **_KEEPALIVES,
        **_certificates(address),
        **(_request_login(address) if address.auth == "iam" else _login(address, password_variable)),
    }


def _certificates(address: RedshiftAddress) -> dict[str, str]:
    """Choose the trusted authorities: the user's for libpq, else the public ones, Amazon's among them."""
    has_own = os.environ.get("PGSSLROOTCERT") or Path("~/.postgresql/root.crt").expanduser().exists()
    if has_own or not address.sslmode.startswith("verify-"):
        return {}
    import certifi

    return {"sslrootcert": certifi.where()}


def _login(address: RedshiftAddress, password_variable: str) -> dict[str, str]:
    password = os.environ.get(password_variable)
    # without a password here, libpq reads PGPASSWORD and ~/.pgpass
    return {"user": address.user, **({"password": password} if password else {})}


def _request_login(address: RedshiftAddress) -> dict[str, str]:
    """Request a user and a password from AWS, valid for some minutes, for the identity that we have there."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
    except ModuleNotFoundError as error:
        raise PermanentError(
            "I94_WAREHOUSE has auth=iam, which needs the aws extra; run: pip install 'i94-platform[aws]'."
        ) from error
    try:
        return _call_aws(address)
    except (ClientError, NoCredentialsError) as error:
        raise PermanentError(
            f"AWS gives no login for {address}: {error}; allow it for your identity there, or log in with a password."
        ) from error
    except BotoCoreError as error:
        raise TransientError(f"AWS could not be asked for a login for {address}: {error}; run again.") from error


def _call_aws(address: RedshiftAddress) -> dict[str, str]:
    import boto3

    endpoint = address.endpoint
    assert endpoint, "an address with auth=iam names an AWS host"
    if endpoint.serverless:
        client = boto3.client("redshift-serverless", region_name=endpoint.region)
        login = client.get_credentials(workgroupName=endpoint.name, dbName=address.database)
        return {"user": login["dbUser"], "password": login["dbPassword"]}
    client = boto3.client("redshift", region_name=endpoint.region)
    login = client.get_cluster_credentials(
        DbUser=address.user, DbName=address.database, ClusterIdentifier=endpoint.name, AutoCreate=False
    )
    return {"user": login["DbUser"], "password": login["DbPassword"]}

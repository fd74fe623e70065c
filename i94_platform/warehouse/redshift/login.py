"""Logging in to Redshift: host, certificate, and the password from where it is kept.

Here: what one connection is opened with. A password comes from the environment, from libpq's own places or from AWS, is
asked for anew each time and kept nowhere. Not here: the address (`addresses`), and what is done over the connection.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from i94_platform.errors import PermanentError, TransientError
from i94_platform.redshift_address import RedshiftAddress

PASSWORD = "I94_REDSHIFT_PASSWORD"
APPLICATION = "i94_platform"
CONNECT_SECONDS = 60
"""A workgroup that sleeps answers late."""

_KEPT_ALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 6}
"""A long COPY is silent, and firewalls forget silent connections."""


def connection_parameters(address: RedshiftAddress) -> dict[str, Any]:
    """The arguments of `psycopg2.connect`, a password among them: for that call only, never for a log.

    Raises:
        PermanentFailure: AWS was asked for a login and refused, or the aws extra is not installed.
        TransientFailure: AWS could not be reached.
    """
    return {
        "host": address.host,
        "port": address.port,
        "dbname": address.database,
        "sslmode": address.sslmode,
        "application_name": APPLICATION,
        "connect_timeout": CONNECT_SECONDS,
        **_KEPT_ALIVE,
        **_certificates(address),
        **(_login_from_aws(address) if address.auth == "iam" else _login(address)),
    }


def _certificates(address: RedshiftAddress) -> dict[str, str]:
    """The authorities that are trusted: those that the user gave libpq, else the public ones, Amazon's among them."""
    chosen = os.environ.get("PGSSLROOTCERT") or Path("~/.postgresql/root.crt").expanduser().exists()
    if chosen or not address.sslmode.startswith("verify-"):
        return {}
    import certifi

    return {"sslrootcert": certifi.where()}


def _login(address: RedshiftAddress) -> dict[str, str]:
    password = os.environ.get(PASSWORD)
    # without one, libpq looks into PGPASSWORD and ~/.pgpass
    return {"user": address.user, **({"password": password} if password else {})}


def _login_from_aws(address: RedshiftAddress) -> dict[str, str]:
    """A user and password that AWS makes for whoever we are there, good for some minutes."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
    except ModuleNotFoundError as error:
        raise PermanentError(
            "I94_WAREHOUSE says auth=iam, which asks AWS; run: pip install 'i94-platform[aws]'."
        ) from error
    try:
        return _ask_aws(address)
    except (ClientError, NoCredentialsError) as error:
        raise PermanentError(
            f"AWS gives no login for {address}: {error}; allow it to whoever you are there, or log in with a password."
        ) from error
    except BotoCoreError as error:
        raise TransientError(f"AWS could not be asked for a login for {address}: {error}; run again.") from error


def _ask_aws(address: RedshiftAddress) -> dict[str, str]:
    import boto3

    endpoint = address.endpoint
    assert endpoint, "an address with auth=iam names an AWS host"
    if endpoint.serverless:
        client = boto3.client("redshift-serverless", region_name=endpoint.region)
        found = client.get_credentials(workgroupName=endpoint.name, dbName=address.database)
        return {"user": found["dbUser"], "password": found["dbPassword"]}
    client = boto3.client("redshift", region_name=endpoint.region)
    found = client.get_cluster_credentials(
        DbUser=address.user, DbName=address.database, ClusterIdentifier=endpoint.name, AutoCreate=False
    )
    return {"user": found["DbUser"], "password": found["DbPassword"]}

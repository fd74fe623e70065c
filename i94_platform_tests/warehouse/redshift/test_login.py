"""Test how a connection is opened: the certificate is verified, the password comes from its place and goes nowhere.

AWS's answers are played by botocore's Stubber, which holds requests and answers against AWS's own model.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.stub import Stubber

from i94_platform.errors import PermanentError, TransientError
from i94_platform.lake.local import LocalStore
from i94_platform.redshift_address import RedshiftAddress
from i94_platform.warehouse.redshift.login import connection_parameters
from i94_platform.warehouse.redshift.warehouse import RedshiftWarehouse
from i94_platform_tests.emulators.redshift.emulator import RedshiftEmulator

CLUSTER = RedshiftAddress.parse(
    "redshift://loader@i94.abc.us-west-2.redshift.amazonaws.com/dev?iam_role=default&auth=iam"
)
WORKGROUP = RedshiftAddress.parse(
    "redshift://loader@i94.123456789012.us-west-2.redshift-serverless.amazonaws.com/dev?iam_role=default&auth=iam"
)
PASSWORD = "planted-password-of-redshift"


@pytest.fixture(autouse=True)
def no_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("PGPASSWORD", "PGPASSFILE", "PGSSLROOTCERT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def login(emulator: RedshiftEmulator, database: str, **address: str) -> RedshiftWarehouse:
    """A user of the emulator who needs a password."""
    emulator.server.execute("DROP USER IF EXISTS ann", f"CREATE USER ann PASSWORD '{PASSWORD}'")
    return RedshiftWarehouse(
        RedshiftAddress.parse(emulator.address(database, "ann", **address)), LocalStore("/"), backoff_seconds=()
    )


@pytest.mark.parametrize("name", ["I94_REDSHIFT_PASSWORD", "PGPASSWORD"])
def test_the_password_comes_from_the_environment(
    redshift_emulator: RedshiftEmulator, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, PASSWORD)
    parameters = login(redshift_emulator, "redshift").query("SELECT current_user::varchar AS me")
    assert parameters.to_pylist() == [{"me": "ann"}]


def test_the_password_may_lie_in_libpqs_own_file(
    redshift_emulator: RedshiftEmulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    file = tmp_path / "passwords"
    file.write_text(f"localhost:{redshift_emulator.port}:*:ann:{PASSWORD}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    assert login(redshift_emulator, "redshift").query("SELECT 1 AS one").num_rows == 1


@pytest.mark.parametrize("password", ["wrong-planted-password", ""])
def test_a_wrong_or_missing_password_is_reported_at_once_and_not_repeated(
    redshift_emulator: RedshiftEmulator, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("I94_REDSHIFT_PASSWORD", password)
    warehouse = login(redshift_emulator, "redshift")
    with pytest.raises(PermanentError, match=r"refuses the connection: .*password") as failure:
        warehouse.query("SELECT 1")
    assert not password or password not in "".join(traceback.format_exception(failure.value))


def test_a_password_that_the_client_can_not_send_is_named_with_its_cure(
    redshift_emulator: RedshiftEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("I94_REDSHIFT_PASSWORD", PASSWORD)
    warehouse = login(redshift_emulator, "redshift")
    monkeypatch.setattr(redshift_emulator, "sha256_users", {"ann"})
    with pytest.raises(PermanentError, match=r"password of ann as SHA-256.*auth=iam.*MD5"):
        warehouse.query("SELECT 1")


def test_a_certificate_that_no_authority_signed_is_refused_by_default(redshift_emulator: RedshiftEmulator) -> None:
    with pytest.raises(PermanentError, match=r"refuses the connection: .*certificate verify failed"):
        login(redshift_emulator, "redshift", sslmode="verify-full").query("SELECT 1")


def test_a_certificate_of_an_authority_that_is_trusted_is_taken(
    redshift_emulator: RedshiftEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", str(redshift_emulator.certificate))
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert login(redshift_emulator, "redshift", sslmode="verify-full").query("SELECT 1 AS one").num_rows == 1


def test_a_certificate_for_another_host_is_refused(
    redshift_emulator: RedshiftEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", str(redshift_emulator.certificate))
    address = redshift_emulator.address("redshift", sslmode="verify-full").replace("localhost", "127.0.0.1")
    with pytest.raises(PermanentError, match="does not match host name"):
        RedshiftWarehouse(RedshiftAddress.parse(address), LocalStore("/"), backoff_seconds=()).query("SELECT 1")


def test_a_relaxed_address_still_encrypts_but_asks_for_no_certificate(
    redshift_emulator: RedshiftEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert login(redshift_emulator, "redshift", sslmode="require").query("SELECT 1 AS one").num_rows == 1


@contextmanager
def aws(monkeypatch: pytest.MonkeyPatch, service: str) -> Iterator[Stubber]:
    """A client of a service that gives the answers that a test adds."""
    session = botocore.session.get_session()
    client = session.create_client(service, "us-west-2", aws_access_key_id="a", aws_secret_access_key="b")
    requests: list[tuple[str, str]] = []

    def create_client(name: str, region_name: str) -> Any:
        requests.append((name, region_name))
        return client

    monkeypatch.setattr(boto3, "client", create_client)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()
    assert requests == [(service, "us-west-2")]


def test_a_cluster_gives_a_temporary_login(monkeypatch: pytest.MonkeyPatch) -> None:
    with aws(monkeypatch, "redshift") as stubber:
        stubber.add_response(
            "get_cluster_credentials",
            {"DbUser": "IAM:loader", "DbPassword": PASSWORD},
            {"DbUser": "loader", "DbName": "dev", "ClusterIdentifier": "i94", "AutoCreate": False},
        )
        parameters = connection_parameters(CLUSTER)
    assert (parameters["user"], parameters["password"], parameters["host"]) == ("IAM:loader", PASSWORD, CLUSTER.host)


def test_a_serverless_workgroup_gives_a_temporary_login(monkeypatch: pytest.MonkeyPatch) -> None:
    with aws(monkeypatch, "redshift-serverless") as stubber:
        stubber.add_response(
            "get_credentials",
            {"dbUser": "IAMR:loader", "dbPassword": PASSWORD},
            {"workgroupName": "i94", "dbName": "dev"},
        )
        parameters = connection_parameters(WORKGROUP)
    assert (parameters["user"], parameters["password"]) == ("IAMR:loader", PASSWORD)


def test_a_login_that_aws_refuses_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with aws(monkeypatch, "redshift") as stubber:
        stubber.add_client_error("get_cluster_credentials", "AccessDenied", "not allowed")
        with pytest.raises(PermanentError, match=r"AWS gives no login for redshift://loader@i94\.abc.*not allowed"):
            connection_parameters(CLUSTER)


def test_aws_out_of_reach_is_worth_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import EndpointConnectionError

    def out_of_reach(*_: Any, **__: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="https://redshift.us-west-2.amazonaws.com")

    monkeypatch.setattr(boto3, "client", out_of_reach)
    with pytest.raises(TransientError, match="AWS could not be asked for a login"):
        connection_parameters(CLUSTER)


def test_public_authorities_are_trusted_where_nobody_chose_others(monkeypatch: pytest.MonkeyPatch) -> None:
    import certifi

    address = RedshiftAddress.parse("redshift://me@host/db?iam_role=default")
    assert connection_parameters(address)["sslrootcert"] == certifi.where()
    monkeypatch.setenv("PGSSLROOTCERT", "/mine")
    assert "sslrootcert" not in connection_parameters(address), "libpq reads the variable itself"

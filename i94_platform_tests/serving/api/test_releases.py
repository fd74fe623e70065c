"""Releases: their list, queries of an older one, and each as one archive that its metadata describes."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import httpx
import pytest

from i94_platform.contracts import PUBLISHED
from i94_platform.contracts.model import key_columns
from i94_platform.serving.api import releases
from i94_platform.serving.auth.api_keys import DEFAULT_SCOPES, SCOPES
from i94_platform_tests.serving.live_server import LiveServer
from i94_platform_tests.serving.requests import AIRLINES, assert_problem, path_of

LATEST = "/api/v1/download/latest.zip"


def read_archive(response: httpx.Response) -> dict[str, bytes]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_an_older_release_is_listed_and_can_be_queried(server: LiveServer) -> None:
    old, rows = server.release.version, server.get(AIRLINES).json()["data"]
    new = server.publish("r2", seed=95).version
    listed = server.get("/api/v1/releases").json()["releases"]
    assert [release["version"] for release in listed] == [new, old]
    assert server.get(AIRLINES, params={"release": old}).json()["data"] == rows
    assert server.get(AIRLINES).json()["data"] != rows
    for release in listed:
        archive = read_archive(server.get(release["href"], params={"tables": "state"}))
        assert json.loads(archive["datapackage.json"])["version"] == release["version"]
    unknown = "0" * 32
    assert_problem(server.get(AIRLINES, params={"release": unknown}), 410, "release-gone")
    assert_problem(server.get(f"/api/v1/download/{unknown}.zip"), 410, "release-gone")


@pytest.mark.parametrize("is_exact", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_an_archive_has_every_table_as_the_caller_sees_it(server: LiveServer, is_exact: bool) -> None:
    server.publish("r2", most=40)
    _, reader = server.keys.add("reader", DEFAULT_SCOPES)
    key = server.key if is_exact else reader
    with server.client(key) as client:
        archive = read_archive(client.get(LATEST))
        for contract in PUBLISHED:
            assert archive[f"{contract.name}.csv"] == client.get(f"{path_of(contract)}?format=csv").content
    package = json.loads(archive["datapackage.json"])
    assert package["disclosure_control"] == ("exact" if is_exact else "rounded-5")
    assert [resource["name"] for resource in package["resources"]] == [contract.name for contract in PUBLISHED]
    for contract, resource in zip(PUBLISHED, package["resources"], strict=True):
        content = archive[resource["path"]]
        assert (resource["bytes"], resource["hash"]) == (len(content), f"sha256:{hashlib.sha256(content).hexdigest()}")
        header = content.decode().partition("\n")[0].split(",")
        assert [f'"{field["name"]}"' for field in resource["schema"]["fields"]] == header
        assert resource["schema"]["primaryKey"] == key_columns(contract)
    tables = json.loads(archive["csv-metadata.json"])["tables"]
    assert [table["url"] for table in tables] == [f"{contract.name}.csv" for contract in PUBLISHED]


def test_an_archive_is_made_once_for_a_client_that_keeps_it(shared_server: LiveServer) -> None:
    with shared_server.client() as client:
        response = client.get(LATEST, params={"tables": "state,country"})
        assert set(read_archive(response)) == {"state.csv", "country.csv", "datapackage.json", "csv-metadata.json"}
        assert shared_server.release.version in response.headers["content-disposition"]
        headers = {"If-None-Match": response.headers["etag"]}
        assert client.get(LATEST, params={"tables": "state,country"}, headers=headers).status_code == 304
        assert client.get(LATEST, params={"tables": "state"}, headers=headers).status_code == 200
        head = client.head(LATEST)
        assert (head.status_code, head.content) == (200, b"")
    assert shared_server.service.downloads == []


def test_only_so_many_archives_are_sent_at_a_time(shared_server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "MAX_DOWNLOADS", 0)
    assert_problem(shared_server.get(LATEST), 503, "busy")


def test_a_caller_gets_one_archive_at_a_time(shared_server: LiveServer) -> None:
    caller = f"key {shared_server.key.split('_')[1]}"
    _, other = shared_server.keys.add("other", SCOPES)
    with shared_server.service.take_download_slot(caller, 2), shared_server.client(other) as client:
        assert_problem(shared_server.get(LATEST), 503, "busy")
        assert client.get(LATEST, params={"tables": "state"}).status_code == 200
    assert shared_server.get(LATEST, params={"tables": "state"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/api/v1/download/latest.zip?tables=nothing", "tables"),
        ("/api/v1/download/latest.zip?tables=state,state", "tables"),
        ("/api/v1/download/latest.zip?formulas=run", "formulas"),
        ("/api/v1/download/newest.zip", "release"),
    ],
)
def test_a_wrong_parameter_of_an_archive_is_named(shared_server: LiveServer, path: str, parameter: str) -> None:
    assert assert_problem(shared_server.get(path), 422, "invalid-parameter")["parameter"] == parameter


def test_an_archive_needs_the_scopes_of_all_tables(shared_server: LiveServer) -> None:
    _, key = shared_server.keys.add("marts only", ("read:marts",))
    with shared_server.client(key) as client:
        assert_problem(client.get(LATEST), 403, "missing-scope")
        assert_problem(client.get("/api/v1/releases"), 403, "missing-scope")

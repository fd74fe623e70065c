"""The OpenAPI document: valid, complete and small; and a client that is generated from it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from i94_platform.contracts import PUBLISHED, destination_by_origin
from i94_platform.contracts.model import is_monthly
from i94_platform_tests.serving.live_server import LiveServer
from i94_platform_tests.serving.requests import Row, path_of
from i94_platform_tests.serving.synthetic_release import make_rows

MAX_BYTES = 100_000


@pytest.fixture(scope="module")
def document(shared_server: LiveServer) -> Row:
    """The document as it is served."""
    response = shared_server.get("/api/v1/openapi.json")
    assert len(response.content) < MAX_BYTES
    members: Row = response.json()
    return members


def resolve(document: Row, part: Row) -> Row:
    """Return what a part refers to."""
    for name in part.get("$ref", "").split("/")[1:]:
        document = document[name]
    return document if "$ref" in part else part


def test_the_document_is_valid(document: Row) -> None:
    validate(document)


def test_the_document_has_every_table_and_column(document: Row) -> None:
    for contract in PUBLISHED:
        row = document["components"]["schemas"][f"{contract.name}_row"]
        assert list(row["properties"]) == contract.columns.keys()
        operation = document["paths"][path_of(contract)]["get"]
        names = {resolve(document, parameter)["name"] for parameter in operation["parameters"]}
        assert {"filters", "order", "limit", "cursor", "format", "If-None-Match"} <= names
        assert ({"from", "to"} <= names) == is_monthly(contract)
        assert "group" not in names


def test_every_operation_is_in_one_group_that_the_document_describes(document: Row) -> None:
    groups = {tag["name"] for tag in document["tags"] if tag["description"]}
    used = [operation.get("tags", []) for path in document["paths"].values() for operation in path.values()]
    assert [tags for tags in used if len(tags) != 1] == []
    assert {name for (name,) in used} == groups


def test_the_document_describes_the_headers_of_responses(document: Row, shared_server: LiveServer) -> None:
    response = shared_server.get("/api/v1/query/destination_by_origin?to=2016-04&limit=1&count=exact")
    headers = document["paths"]["/api/v1/query/{table}"]["get"]["responses"]["200"]["headers"]
    assert {name.lower() for name in headers} <= response.headers.keys()


@pytest.mark.slow
def test_a_generated_client_reads_rows_and_queries(shared_server: LiveServer, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_bytes(shared_server.get("/api/v1/openapi.json").content)
    overrides = "content_type_overrides: {application/zip: application/octet-stream}"
    (tmp_path / "config.yml").write_text(f"post_hooks: []\n{overrides}\n")
    generate = [
        "generate",
        "--path",
        "openapi.json",
        "--config",
        "config.yml",
        "--output-path",
        "out",
        "--meta",
        "none",
    ]
    command = [sys.executable, "-m", "openapi_python_client", *generate, "--fail-on-warning"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    (tmp_path / "out").rename(tmp_path / "generated_client")
    sys.path.insert(0, str(tmp_path))
    try:
        check_generated_client(shared_server)
    finally:
        sys.path.remove(str(tmp_path))


def check_generated_client(server: LiveServer) -> None:
    def load(name: str) -> Any:
        return importlib.import_module(f"generated_client.{name}")

    rows: list[Row] = make_rows(destination_by_origin).to_pylist()
    client = load("client").AuthenticatedClient(base_url=server.url, token=server.key)
    page = load("api.marts.destination_by_origin").sync(client=client, limit=5, from_="2016-02")
    assert [row.to_dict() for row in page.data] == [row for row in rows if row["i94mon"] >= 2][:5]
    models = load("models")
    groups = load("api.query.query").sync(
        models.QueryTable.DESTINATION_BY_ORIGIN,
        client=client,
        group="i94mon",
        select="visitors.sum",
        filters=models.QueryFilters.from_dict({"visitors__ge": "1000"}),
    )
    assert [row.to_dict() for row in groups.data] == [
        {
            "i94mon": month,
            "visitors_sum": sum(r["visitors"] for r in rows if r["i94mon"] == month and r["visitors"] >= 1000),
        }
        for month in (1, 2, 3)
    ]
    problem = load("api.releases.status").sync(client=load("client").Client(base_url=server.url))
    assert problem.type_ == "/problems/no-credentials"
    assert len(load("api.releases.list_releases").sync(client=client).releases) == 1

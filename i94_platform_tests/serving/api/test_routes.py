"""Lists, status, the OpenAPI document, metrics, and what has no route."""

from __future__ import annotations

import re
from typing import Any

import pytest

from i94_platform.contracts import PUBLISHED
from i94_platform.contracts.model import key_columns
from i94_platform.lake.releases import CheckState, FailedCheck
from i94_platform.serving.api.layers import LAYERS
from i94_platform_tests.serving.live_server import LiveServer
from i94_platform_tests.serving.requests import AIRLINES, assert_problem
from i94_platform_tests.serving.synthetic_release import MONTHS, make_rows
from i94_platform_tests.support.processes import wait_for


@pytest.mark.parametrize("layer", list(LAYERS))
def test_a_layer_lists_its_tables_with_their_columns(shared_server: LiveServer, layer: str) -> None:
    tables = {table["name"]: table for table in shared_server.get(f"/api/v1/{layer}").json()["tables"]}
    assert set(tables) == {contract.name for contract in LAYERS[layer]}
    for contract in LAYERS[layer]:
        table = tables[contract.name]
        assert [c["name"] for c in table["columns"]] == [c.name for c in contract.columns]
        assert [c["name"] for c in table["columns"] if c["key"]] == key_columns(contract)
        assert shared_server.get(table["href"]).status_code == 200
        assert table["rows"] == make_rows(contract).num_rows


def test_the_status_has_the_checks_of_each_table(server: LiveServer) -> None:
    failed = CheckState(3, (FailedCheck("totals", "2016-02", True, "2 rows too many"),))
    warned = CheckState(1, (FailedCheck("usual", "", False, "fewer than usual"),))
    server.publish("r2", checks={"visitors_by_airline": failed, "state": warned, "country": CheckState(2)})
    status = server.get("/api/v1/status").json()
    assert status["error"] == ""
    states = {name: table["checks"]["state"] for name, table in status["tables"].items()}
    expected = {"visitors_by_airline": "failed", "state": "warned", "country": "passed"}
    assert states == {contract.name: "unchecked" for contract in PUBLISHED} | expected
    assert status["tables"]["visitors_by_airline"] == {
        "rows": make_rows(next(c for c in PUBLISHED if c.name == "visitors_by_airline")).num_rows,
        "months": list(MONTHS),
        "checks": {
            "state": "failed",
            "passed": 3,
            "failed_checks": [{"check": "totals", "month": "2016-02", "blocking": True, "message": "2 rows too many"}],
        },
    }


@pytest.mark.parametrize(
    "path", ["/nothing", "/api", "/api/v1", "/api/v1/marts/", "/api/v1/marts/immigration", "/api/v1/marts/state"]
)
def test_a_path_without_a_route_is_a_problem(shared_server: LiveServer, path: str) -> None:
    assert_problem(shared_server.get(path), 404, "not-found")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_a_method_that_is_not_allowed_is_a_problem(shared_server: LiveServer, method: str) -> None:
    with shared_server.client() as client:
        response = client.request(method, AIRLINES)
    assert_problem(response, 405, "method-not-allowed")
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD"}


def test_a_method_that_static_files_do_not_have_is_a_problem_that_names_theirs_once(shared_server: LiveServer) -> None:
    (script,) = re.findall(r'src="(\S+/start.js)"', shared_server.get("/docs").text)
    with shared_server.client() as client:
        response = client.post(script)
    assert "GET, HEAD" in assert_problem(response, 405, "method-not-allowed")["detail"]
    assert response.headers["allow"] == "GET, HEAD"


def test_an_internal_error_is_a_problem_with_the_number_of_its_request(
    shared_server: LiveServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("an internal detail")

    monkeypatch.setattr("i94_platform.serving.api.models.Status.model_validate", fail)
    response = shared_server.get("/api/v1/status")
    problem = assert_problem(response, 500, "internal-error")
    assert response.headers["x-request-id"] in problem["detail"]
    assert "internal detail" not in response.text
    line = f"Request {response.headers['x-request-id']} failed"
    wait_for(lambda: line in caplog.text, "the log of the error")


def test_prometheus_reads_the_metrics(shared_server: LiveServer) -> None:
    for _ in range(2):
        shared_server.get(f"{AIRLINES}?limit=3")
    metrics = shared_server.get("/metrics").text
    assert f'i94_requests_total{{route="{AIRLINES}",status="200"}}' in metrics
    assert 'i94_responses_total{cache="hit"}' in metrics
    assert 'i94_responses_total{cache="miss"}' in metrics
    assert "process_resident_memory_bytes" in metrics
    assert "i94_release_load_error 0.0" in metrics
    shared_server.get("/nothing/i94_secret")
    assert "i94_secret" not in shared_server.get("/metrics").text

"""A filter on a value that nothing has is refused, with the nearest one. The incident: `i94addr=tx` gave no rows."""

from __future__ import annotations

import pytest
from sqlalchemy import Integer, String

from i94_platform.contracts import PUBLISHED, destination_by_origin, state, visitors_by_airline
from i94_platform.contracts.model import key_columns
from i94_platform_tests.serving.live_server import LiveServer
from i94_platform_tests.serving.requests import assert_problem, path_of
from i94_platform_tests.serving.synthetic_release import make_rows

KIND = "invalid-parameter"
CODES = [
    (contract, c)
    for contract in PUBLISHED
    for c in contract.columns
    if c.name in key_columns(contract) and isinstance(c.type, String | Integer) and c.name not in ("i94yr", "i94mon")
]


def test_every_filter_on_a_code_refuses_one_that_nothing_has_on_both_routes(shared_server: LiveServer) -> None:
    assert len(CODES) > 40
    for contract, column in CODES:
        absent = "no-such-code" if isinstance(column.type, String) else "-77"
        known = make_rows(contract)[column.name].to_pylist()[0]
        for path in (path_of(contract), f"/api/v1/query/{contract.name}"):
            for name in (column.name, f"{column.name}__ne"):
                problem = assert_problem(shared_server.get(path, params={name: absent}), 422, KIND)
                assert problem["parameter"] == name
                assert absent not in problem["detail"]
            assert shared_server.get(path, params={column.name: str(known)}).status_code == 200, (path, column.name)


@pytest.mark.parametrize(
    ("table", "parameter", "value", "nearest"),
    [
        ("visitor_demographics_by_state", "gender", "f", "F"),
        ("visitors_by_airline", "carrier", "Air line", "airline"),
        ("visitors_by_airline", "carrier__ne", "VESSEL", "vessel"),
        (
            "destination_by_origin",
            "i94addr",
            str(make_rows(state)["name"][4]).upper(),
            str(make_rows(state)["code"][4]),
        ),
    ],
)
def test_the_problem_names_the_nearest_value(
    shared_server: LiveServer, table: str, parameter: str, value: str, nearest: str
) -> None:
    problem = assert_problem(shared_server.get(f"/api/v1/query/{table}", params={parameter: value}), 422, KIND)
    assert f"Nearest: {nearest}" in problem["detail"]


def test_a_list_with_one_unknown_value_is_refused_and_one_of_known_values_is_not(shared_server: LiveServer) -> None:
    first, second = sorted(
        {str(text) for text in make_rows(visitors_by_airline)["airline"].to_pylist() if "," not in str(text)}
    )[-2:]
    path = path_of(visitors_by_airline)
    assert shared_server.get(path, params={"airline": f"{first},{second}"}).status_code == 200
    assert_problem(shared_server.get(path, params={"airline": f"{first},no-such-code"}), 422, KIND)


def test_a_code_without_rows_is_no_mistake(shared_server: LiveServer) -> None:
    codes, used = make_rows(state)["code"].to_pylist(), make_rows(destination_by_origin)["i94addr"].to_pylist()
    absent = next((code for code in codes if code not in used), None)
    assert (
        absent is None
        or shared_server.get(path_of(destination_by_origin), params={"i94addr": absent}).json()["data"] == []
    )
    no_country = shared_server.get(path_of(destination_by_origin), params={"i94res": "-1"})
    assert (no_country.status_code, no_country.json()["data"]) == (200, [])

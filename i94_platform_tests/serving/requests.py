"""What the tests of the served API share: paths, pages of rows, and the assertion of a problem."""

from __future__ import annotations

import datetime as dt
from typing import Any

import httpx
from sqlalchemy import Table

from i94_platform.serving.api.layers import LAYERS

AIRLINES = "/api/v1/marts/visitors_by_airline"
Row = dict[str, Any]


def path_of(contract: Table) -> str:
    """Return the path of a table."""
    layer = next(layer for layer, tables in LAYERS.items() if contract in tables)
    return f"/api/v1/{layer}/{contract.name}"


def to_json_rows(rows: list[Row]) -> list[Row]:
    """Return rows as JSON holds them."""
    return [{k: v.isoformat() if isinstance(v, dt.date) else v for k, v in row.items()} for row in rows]


def group_rows(rows: list[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    """Return the rows of each group by the values of some columns."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return groups


def fetch_all_pages(client: httpx.Client, path: str, **parameters: Any) -> list[Row]:
    """Fetch every row, page after page."""
    rows: list[Row] = []
    while True:
        response = client.get(path, params=parameters)
        assert response.status_code == 200, response.text
        rows += response.json()["data"]
        if not (cursor := response.json()["page"]["next"]):
            return rows
        parameters["cursor"] = cursor


def assert_problem(response: httpx.Response, status: int, kind: str) -> Row:
    """Assert that a response is a problem of a kind, and return its members."""
    media_type = response.headers["content-type"]
    assert (response.status_code, media_type) == (status, "application/problem+json"), response.text
    members: Row = response.json()
    assert (members["status"], members["type"]) == (status, f"/problems/{kind}")
    assert members["title"]
    assert members["detail"]
    return members

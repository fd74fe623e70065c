"""What an aggregate costs the server, beside the same statement in plain DuckDB."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl

import duckdb
import httpx

from i94_platform.contracts import arrivals_cube
from i94_platform.lake.from_settings import open_lake
from i94_platform.lake.release_database import build_database
from i94_platform.lake.releases import Release
from i94_platform.serving.api.query_parameters import QueryParameters, parse_query
from i94_platform.serving.auth.api_keys import DEFAULT_SCOPES, SCOPES
from i94_platform.serving.disclosure import EXACT
from i94_platform.serving.server import open_key_store
from i94_platform.serving.snapshot import THREADS_PER_QUERY
from i94_platform.settings import Settings
from i94_platform.sql.statements import compile_statement

CUBE = f"/api/v1/query/{arrivals_cube.name}"
_REPETITIONS = 7


@dataclass(frozen=True)
class QueryCost:
    """Median milliseconds of one query that is not in the cache, alone on the machine."""

    query: str
    plain: float
    """In DuckDB, by the statement for exact figures."""
    exact: float
    """In the server, for a caller who sees exact figures."""
    rounded: float
    """In the server, for a caller who sees rounded ones."""

    def __str__(self) -> str:
        ratios = f"{self.exact / self.plain:.2f} and {self.rounded / self.plain:.2f} times"
        return f"{self.plain:6.0f} ms in DuckDB, exact and rounded {ratios}: {self.query}"


def measure_queries(settings: Settings, release: Release, port: int, queries: Sequence[str]) -> list[QueryCost]:
    """Measure queries of the cube. DuckDB and server take turns, so that other work on the machine slows both.

    Args:
        settings: those of the server.
        release: what it serves.
        port: where it listens.
        queries: query strings.
    """
    path = Path(settings.home) / "plain.duckdb"
    build_database(release, open_lake(settings), path, settings.serve_memory)
    keys = (open_key_store(settings).add("cost", scopes)[1] for scopes in (SCOPES, DEFAULT_SCOPES))
    config: dict[str, str | bool | int | float | list[str]] = {"threads": THREADS_PER_QUERY}
    costs = []
    with duckdb.connect(str(path), read_only=True, config=config) as connection, httpx.Client() as client:

        def run_plain(parameters: dict[str, str]) -> None:
            query = parse_query(arrivals_cube, list(parameters.items()), "json", QueryParameters)
            connection.execute(*compile_statement(query.statement(EXACT), "duckdb")).fetchall()

        def request(key: str, parameters: dict[str, str]) -> None:
            url, headers = f"http://127.0.0.1:{port}{CUBE}", {"Authorization": f"Bearer {key}"}
            client.get(url, params=parameters, headers=headers).raise_for_status()

        runs: list[Callable[[dict[str, str]], None]] = [run_plain, *(partial(request, key) for key in keys)]
        for query in queries:
            seconds: list[list[float]] = [[], [], []]
            for number in range(_REPETITIONS):
                parameters = dict(parse_qsl(query[1:]))
                parameters["limit"] = str(int(parameters.get("limit", 500)) + number)  # so that the cache has none
                for run, measured in zip(runs, seconds, strict=True):
                    started = time.perf_counter()
                    run(parameters)
                    measured.append(time.perf_counter() - started)
            costs.append(QueryCost(query, *(1000 * statistics.median(measured) for measured in seconds)))
    return costs

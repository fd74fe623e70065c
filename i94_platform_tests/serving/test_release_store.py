"""What readers see while releases change: one release or another, whole, and the old one if the new one is broken."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Executable, text

from i94_platform.contracts import PUBLISHED, visitors_by_airline
from i94_platform.lake.from_settings import open_lake
from i94_platform.lake.releases import RELEASE
from i94_platform.serving import queries, release_store
from i94_platform.serving.auth.api_keys import DEFAULT_SCOPES
from i94_platform.serving.disclosure import EXACT
from i94_platform.serving.release_store import ReleaseStore
from i94_platform.serving.snapshot import Snapshot
from i94_platform.settings import Settings
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.serving.live_server import LiveServer, run_server
from i94_platform_tests.serving.requests import AIRLINES, assert_problem, fetch_all_pages, path_of, to_json_rows
from i94_platform_tests.serving.synthetic_release import make_rows, publish_release
from i94_platform_tests.support.processes import wait_for

MANIFEST = f"{RELEASE.folder}/manifest.json"


def test_before_any_release_a_problem_says_what_to_run(tmp_path: Path) -> None:
    with run_server(tmp_path) as server:
        for path in (AIRLINES, "/api/v1/marts", "/api/v1/status", "/readyz", "/api/v1/query/arrivals_cube"):
            response = server.get(path)
            assert "i94 run" in assert_problem(response, 503, "no-release")["detail"]
            assert "retry-after" in response.headers
        assert server.get("/healthz").status_code == 200
        server.publish("r1")
        assert server.get("/readyz").json()["ready"] is True
        assert server.get(AIRLINES).status_code == 200


def test_a_new_release_is_served_without_a_restart(server: LiveServer) -> None:
    server.publish("r2", seed=2)
    for contract in PUBLISHED:
        assert server.get(path_of(contract)).json()["data"] == to_json_rows(make_rows(contract, 2).to_pylist())


def test_pages_continue_in_their_release_while_the_next_one_replaces_it(server: LiveServer) -> None:
    rows, parameters = [], {"limit": 10}
    with server.client() as client:
        for number in range(100):
            page = client.get(AIRLINES, params=parameters).json()
            rows += page["data"]
            if number == 3:
                server.publish("r2", seed=2)
            if not page["page"]["next"]:
                break
            parameters = {"limit": 10, "cursor": page["page"]["next"]}
        assert rows == make_rows(visitors_by_airline).to_pylist()
        assert fetch_all_pages(client, AIRLINES, limit=10) == make_rows(visitors_by_airline, 2).to_pylist()


def test_a_cursor_of_a_release_that_is_gone_is_a_problem(server: LiveServer) -> None:
    cursor = server.get(AIRLINES, params={"limit": 10}).json()["page"]["next"]
    server.publish("r2", seed=2)
    assert server.get(AIRLINES, params={"limit": 10, "cursor": cursor}).status_code == 200
    server.publish("r3", seed=3)
    assert_problem(server.get(AIRLINES, params={"limit": 10, "cursor": cursor}), 410, "release-gone")


CORRUPTIONS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing": (lambda file: file.unlink(), "missing"),
    "truncated": (lambda file: file.write_bytes(file.read_bytes()[:-9]), "manifest"),
    "garbage": (lambda file: file.write_bytes(b"x" * file.stat().st_size), "other content"),
}


@pytest.mark.parametrize(
    "kind", ["missing", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("truncated", "garbage"))]
)
def test_a_broken_release_leaves_the_old_one_and_is_reported(
    server: LiveServer, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(release_store, "RETRY_SECONDS", 0.1)
    corrupt, reason = CORRUPTIONS[kind]
    before, old_manifest = server.get(AIRLINES).json(), server.lake.store.read(MANIFEST)
    # the new release is withdrawn, broken and published again, so that the server meets it broken first
    new = server.publish("r2", seed=2)
    file, new_manifest = Path(new.urls("visitors_by_airline")[0]), server.lake.store.read(MANIFEST)
    content = file.read_bytes()
    server.lake.store.put(MANIFEST, old_manifest)
    wait_for(lambda: server.get(AIRLINES).json() == before, "the release before")
    corrupt(file)
    server.lake.store.put(MANIFEST, new_manifest)
    wait_for(lambda: bool(server.service.release_store.error), "the error")
    assert server.get(AIRLINES).json() == before
    with server.client("") as stranger:  # anyone may ask, so it names no folder
        ready = stranger.get("/readyz")
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    for answer in (ready, server.get("/api/v1/status")):
        assert "the log of the server says why" in answer.json()["error"]
        assert reason not in answer.text, "it may hold an exact count"
        assert str(file.parent.parent) not in answer.text
    assert reason in caplog.text
    assert "i94_release_load_error 1.0" in server.get("/metrics").text
    file.write_bytes(content)
    wait_for(lambda: server.get(AIRLINES).json() != before, "the repaired release")
    assert server.get("/readyz").json()["error"] == ""


def test_a_file_that_is_not_a_manifest_leaves_the_old_release(server: LiveServer) -> None:
    whole = server.lake.store.read(MANIFEST)
    for content, reason in ((whole[:-9], "damaged"), (whole.replace(b"data_as_of", b"data_of"), "describe a release")):
        server.lake.store.put(MANIFEST, content)
        wait_for(partial(_has_error, server, reason), "the error")
        error = server.service.release_store.error
        assert server.lake.store.uri(MANIFEST) in error
        assert server.lake.store.uri(MANIFEST) not in server.get("/api/v1/status").text
        assert "i94 run" in error
    assert server.get(AIRLINES).json()["data"] == make_rows(visitors_by_airline).to_pylist()


def _has_error(server: LiveServer, text: str) -> bool:
    return text in server.service.release_store.error


def test_a_release_whose_rows_differ_from_its_manifest_is_not_served(server: LiveServer) -> None:
    release = server.release
    file = Path(release.urls("visitors_by_airline")[0])
    rows, old_size = pq.read_table(file).slice(1), file.stat().st_size
    pq.write_table(rows, file)
    manifest = server.lake.store.read(MANIFEST).decode()
    (old,) = [entry for entry in release.manifest.entries if entry.url == str(file)]
    (new,) = [file for file in server.lake.store.list("published") if server.lake.store.uri(file.path) == old.url]
    manifest = manifest.replace(old.content_version, server.lake.store.content_version(new))
    manifest = manifest.replace(f'"content_length": {old_size}', f'"content_length": {file.stat().st_size}')
    server.lake.store.put(MANIFEST, manifest.replace(release.version, "0" * 32).encode())
    wait_for(lambda: bool(server.service.release_store.error), "the error")
    number = make_rows(visitors_by_airline).num_rows
    assert f"visitors_by_airline has {number - 1} rows" in server.service.release_store.error
    assert f"says {number}" in server.service.release_store.error


def test_a_release_is_not_served_whose_figures_no_rule_protects(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = server.release
    monkeypatch.setattr(release_store, "ROUNDED", EXACT)
    publish_release(server.lake, "r2", seed=2)
    wait_for(partial(_has_error, server, "disclosure control"), "the error")
    assert server.release == before


def test_a_request_finishes_on_the_release_that_it_started_with(tmp_path: Path) -> None:
    lake = open_lake(Settings(home=str(tmp_path)))
    publish_release(lake, "r1")
    store = ReleaseStore(lake, tmp_path / "serving")
    assert store.refresh()
    count = text("SELECT count(*) AS n FROM mart.visitors_by_airline")
    with store.lease() as old:
        assert old is not None
        for number in (2, 3, 4):
            publish_release(lake, f"r{number}", seed=number)
            assert store.refresh()
        assert old.fetch(count).to_pylist() == [{"n": make_rows(visitors_by_airline).num_rows}]
    with pytest.raises(duckdb.ConnectionException):
        old.fetch(count)
    files = [path.name for path in (tmp_path / "serving").iterdir()]
    assert files == ["base.duckdb"], "only the newest has a name, for the next one to be made from"
    store.close()


def test_the_database_can_neither_write_nor_reach_outside(shared_server: LiveServer) -> None:
    with shared_server.service.release_store.lease() as snapshot:
        assert snapshot is not None
        for sql in (
            "DELETE FROM mart.visitors_by_airline",
            "SELECT * FROM read_csv('/etc/passwd')",
            "COPY mart.visitors_by_airline TO '/tmp/leak.csv'",
            "SET enable_external_access = true",
            "ATTACH '/tmp/other.duckdb'",
            "INSTALL httpfs",
        ):
            with pytest.raises(duckdb.Error):
                snapshot.fetch(text(sql))


def test_a_query_that_takes_too_long_is_stopped(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = text("SELECT count(*) FROM range(100000000) a, range(100000000) b")
    monkeypatch.setattr("i94_platform.serving.queries.Query.statement", lambda self, disclosure: slow)
    server.service.query_seconds = 0.2
    started = time.monotonic()
    response = server.get(AIRLINES)
    assert time.monotonic() - started < 5
    assert "0.2 s" in assert_problem(response, 503, "query-timeout")["detail"]
    monkeypatch.undo()
    server.service.query_seconds = 10.0
    assert server.get(AIRLINES).status_code == 200, "its thread is free again"
    assert "i94_queries_stopped_total 1.0" in server.get("/metrics").text


def test_one_caller_does_not_take_all_threads(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, slow = queries.Query.statement, text("SELECT count(*) FROM range(100000000) a, range(100000000) b")
    monkeypatch.setattr(
        queries.Query, "statement", lambda query, disclosure: slow if query.filters else usual(query, disclosure)
    )
    server.service.query_seconds = 0.5
    _, other = server.keys.add("other", DEFAULT_SCOPES)
    with ThreadPoolExecutor(8) as attackers, server.client(other) as client:
        attacks = [attackers.submit(server.get, f"{AIRLINES}?visitors={number}") for number in range(8)]
        wait_for(lambda: bool(server.service.turns), "the slow queries")
        started = time.monotonic()
        assert client.get(AIRLINES).status_code == 200
        assert time.monotonic() - started < 1
        assert {attack.result().status_code for attack in attacks} == {503}
    assert server.get(AIRLINES).status_code == 200, "its own turns are free again"


def test_the_time_that_a_query_waits_for_others_does_not_count(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = Snapshot.fetch

    def fetch_slowly(snapshot: Snapshot, statement: Executable, deadline: float) -> pa.Table:
        time.sleep(0.4)
        return usual(snapshot, statement, deadline)

    monkeypatch.setattr(Snapshot, "fetch", fetch_slowly)
    server.service.query_seconds = 0.6
    with ThreadPoolExecutor(6) as clients:
        list_statuses = partial(clients.map, lambda number: server.get(f"{AIRLINES}?visitors={number}").status_code)
        assert set(list_statuses(range(6))) == {200}, "two at a time, so the last ones wait 0.8 s"
        monkeypatch.setattr("i94_platform.serving.service.WAIT_SECONDS", 0.2)
        assert Counter(list_statuses(range(6, 12))) == {200: 2, 503: 4}
    assert server.get(f"{AIRLINES}?visitors=12").status_code == 200, "its turns are free again"


def test_a_query_that_needs_too_much_memory_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_server(tmp_path, serve_memory="60MB") as server:
        server.publish("r1")
        large = text("SELECT list(range) FROM range(30000000)")
        monkeypatch.setattr(queries.Query, "statement", lambda query, disclosure: large)
        assert_problem(server.get(AIRLINES), 503, "query-too-large")


def test_readers_see_whole_releases_only_while_they_change(server: LiveServer) -> None:
    """The rows of each response are those of the version that it names, while releases replace each other."""
    seeds, responses, failures = {server.release.version: 94}, list[tuple[str, list[Any]]](), list[str]()
    stop = threading.Event()

    def read() -> None:
        with server.client() as client:
            while not stop.is_set():
                response = client.get(AIRLINES)
                if response.status_code != 200:
                    failures.append(response.text)
                    return
                responses.append((response.json()["release"]["version"], response.json()["data"]))

    readers = [threading.Thread(target=read) for _ in range(6)]
    for reader in readers:
        reader.start()
    for seed in range(1, 5):
        seeds[server.publish(f"n{seed}", seed=seed).version] = seed
    stop.set()
    for reader in readers:
        reader.join(20)
    assert failures == []
    expected = {version: make_rows(visitors_by_airline, seed).to_pylist() for version, seed in seeds.items()}
    assert len({version for version, _ in responses}) >= 3
    assert all(rows == expected[version] for version, rows in responses)


def test_a_release_on_s3_is_served_like_one_in_a_folder(s3: S3Server, tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path), lake=f"s3://{s3.create_bucket()}/the lake", s3_endpoint=s3.endpoint)
    store = ReleaseStore(open_lake(settings), tmp_path / "serving")
    assert not store.refresh()
    release = publish_release(open_lake(settings), "r1")
    assert store.refresh()
    assert not store.refresh(), "it is the same"
    with store.lease(release.version) as snapshot:
        assert snapshot is not None
        sql = text("SELECT * FROM mart.visitors_by_airline ORDER BY i94yr, i94mon, airline")
        assert snapshot.fetch(sql).to_pylist() == make_rows(visitors_by_airline).to_pylist()
    store.close()

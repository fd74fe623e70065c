"""Pins what readers see while releases change: one or another, whole, and the old one where the new is broken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from i94_platform.contracts import PUBLISHED, visitors_by_airline
from i94_platform.lake.releases import RELEASE
from i94_platform.serving import release_store as serving_release
from i94_platform.serving.release_database import CancellableQuery
from i94_platform.serving.release_store import ReleaseStore
from i94_platform.serving.server import open_lake
from i94_platform.settings import Settings
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.processes import wait_for
from i94_platform_tests.serving.api.test_api import AIRLINES, pages, path_of, plain, problem
from i94_platform_tests.serving.live_server import LiveServer, run_server
from i94_platform_tests.serving.synthetic_release import make_rows, publish_release


def test_before_any_release_the_answer_says_what_to_run(tmp_path: Path) -> None:
    with run_server(tmp_path) as server:
        for path in (AIRLINES, "/api/v1/marts", "/api/v1/status", "/readyz"):
            told = problem(server.get(path), 503, "no-release")
            assert told["detail"] == "Nothing is published yet; run 'i94 run', which publishes at its end."
            assert "retry-after" in server.get(path).headers
        assert server.get("/healthz").status_code == 200
        server.publish("r1")
        assert server.get("/readyz").json()["ready"] is True
        assert server.get(AIRLINES).status_code == 200


def test_a_new_release_is_served_without_a_restart(server: LiveServer) -> None:
    server.publish("r2", seed=2)
    for contract in PUBLISHED:
        assert server.get(path_of(contract)).json()["data"] == plain(make_rows(contract, 2).to_pylist())


def test_pages_go_on_in_their_release_while_the_next_is_put_in_place(server: LiveServer) -> None:
    rows, parameters = [], {"limit": 10}
    with server.client() as client:
        for number in range(100):
            answer = client.get(AIRLINES, params=parameters).json()
            rows += answer["data"]
            if number == 3:
                server.publish("r2", seed=2)
            if not answer["page"]["next"]:
                break
            parameters = {"limit": 10, "cursor": answer["page"]["next"]}
        assert rows == make_rows(visitors_by_airline).to_pylist()
        assert pages(client, AIRLINES, limit=10) == make_rows(visitors_by_airline, 2).to_pylist()


def test_a_cursor_of_a_release_that_is_gone_is_told_to_begin_again(server: LiveServer) -> None:
    cursor = server.get(AIRLINES, params={"limit": 10}).json()["page"]["next"]
    server.publish("r2", seed=2)
    assert server.get(AIRLINES, params={"limit": 10, "cursor": cursor}).status_code == 200
    server.publish("r3", seed=3)
    problem(server.get(AIRLINES, params={"limit": 10, "cursor": cursor}), 410, "release-gone")


def first_file(server: LiveServer) -> Path:
    now = server.service.release_store.release
    assert now is not None
    return Path(now.urls("visitors_by_airline")[0])


BREAKS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "gone": (lambda file: file.unlink(), "is missing"),
    "cut": (lambda file: file.write_bytes(file.read_bytes()[:-9]), "the manifest says"),
    "garbage": (lambda file: file.write_bytes(b"x" * file.stat().st_size), "can't be read as Parquet"),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_a_broken_release_leaves_the_old_one_and_says_so(
    server: LiveServer, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(serving_release, "RETRY_SECONDS", 0.1)
    spoil, told = BREAKS[kind]
    before = server.get(AIRLINES).json()
    manifest = server.lake.store.read(f"{RELEASE.folder}/manifest.json")
    broken = publish_release(server.lake, "r2", seed=2)
    # put back, so that the server sees the broken one as it would see it at first
    path, file = f"{RELEASE.folder}/manifest.json", Path(broken.urls("visitors_by_airline")[0])
    wait_for(lambda: server.service.release_store.release.version == broken.version, "the release")  # type: ignore[union-attr]
    good, whole = server.lake.store.read(path), file.read_bytes()
    server.lake.store.put(path, manifest)
    wait_for(lambda: server.get(AIRLINES).json() == before, "the release before")
    spoil(file)
    server.lake.store.put(path, good)
    wait_for(lambda: bool(server.service.release_store.error), "the trouble to be seen")
    assert server.get(AIRLINES).json() == before
    for answer in (server.get("/readyz"), server.get("/api/v1/status")):
        assert answer.status_code == 200
        assert told in answer.json()["error"]
    assert told in caplog.text
    assert "i94_release_load_error 1.0" in server.get("/metrics").text
    file.write_bytes(whole)
    wait_for(lambda: server.get(AIRLINES).json() != before, "the mended release")
    assert server.get("/readyz").json()["error"] == ""


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"rows": 1}', b'{"rows": 1, "entries": []}', b"\xff"])
def test_a_manifest_that_is_none_leaves_the_old_release(server: LiveServer, content: bytes) -> None:
    server.lake.store.put(f"{RELEASE.folder}/manifest.json", content)
    wait_for(lambda: bool(server.service.release_store.error), "the trouble to be seen")
    assert server.get(AIRLINES).json()["data"] == make_rows(visitors_by_airline).to_pylist()
    assert "publish again" in server.get("/readyz").json()["error"]


def test_a_release_whose_rows_are_not_its_manifests_is_not_served(server: LiveServer) -> None:
    file = first_file(server)
    rows = pq.read_table(file).slice(1)
    folder = Path(server.settings.lake, "published")
    text = (folder / "manifest.json").read_text()
    size = file.stat().st_size
    pq.write_table(rows, file)
    (folder / "manifest.json").write_text(
        text.replace(f'"content_length": {size}', f'"content_length": {file.stat().st_size}').replace(
            server.service.release_store.release.version,  # type: ignore[union-attr]
            "0" * 32,
        )
    )
    told = f"{rows.num_rows} rows where the release says {rows.num_rows + 1}"
    wait_for(lambda: told in server.service.release_store.error, "the trouble to be seen")


def test_requests_under_way_finish_on_the_release_that_they_began_with(tmp_path: Path) -> None:
    with run_server(tmp_path) as server:
        server.publish("r1")
        release_store = ReleaseStore(server.lake, tmp_path / "serving")
        assert release_store.refresh()
        with release_store.lease() as old:
            assert old is not None
            for number in (2, 3, 4):
                publish_release(server.lake, f"r{number}", seed=number)
                assert release_store.refresh()
            sql = "SELECT count(*) AS n FROM mart.visitors_by_airline"
            there = make_rows(visitors_by_airline).num_rows
            assert old.fetch(text(sql), CancellableQuery()).to_pylist() == [{"n": there}]
        with pytest.raises(Exception, match=r"[Cc]losed"):
            old.fetch(text(sql), CancellableQuery())
        assert list((tmp_path / "serving").iterdir()) == [], "what is open needs no name"
        release_store.close()


def test_what_is_opened_can_neither_write_nor_reach_outside(server: LiveServer) -> None:
    import duckdb

    with server.service.release_store.lease() as snapshot:
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
                snapshot.fetch(text(sql), CancellableQuery())


def test_a_query_that_takes_too_long_is_stopped(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = "SELECT count(*) FROM range(100000000) a, range(100000000) b"
    monkeypatch.setattr("i94_platform.serving.queries.Query.statement", lambda self: text(slow))
    server.service.query_seconds = 0.2
    started = time.monotonic()
    answer = server.get(AIRLINES)
    assert time.monotonic() - started < 5
    told = problem(answer, 503, "query-timeout")
    assert told["detail"] == "It was stopped after 0.2 s; ask for less, or later."
    monkeypatch.undo()
    server.service.query_seconds = 10.0
    assert server.get(AIRLINES).status_code == 200, "its thread is free again"
    assert "i94_queries_stopped_total 1.0" in server.get("/metrics").text


def test_readers_see_whole_releases_only_while_they_change(server: LiveServer) -> None:
    """Each answer's rows are those of the version that it names, page by page, while releases follow each other."""
    versions = {server.service.release_store.release.version: 94}  # type: ignore[union-attr]
    answers: list[tuple[str, list[Any]]] = []
    failures: list[str] = []
    over = threading.Event()

    def read() -> None:
        with server.client() as client:
            while not over.is_set():
                answer = client.get(AIRLINES)
                if answer.status_code != 200:
                    failures.append(answer.text)
                    return
                answers.append((answer.json()["release"]["version"], answer.json()["data"]))

    readers = [threading.Thread(target=read) for _ in range(6)]
    for reader in readers:
        reader.start()
    for number in range(1, 6):
        versions[server.publish(f"n{number}", seed=number).version] = number
    over.set()
    for reader in readers:
        reader.join(20)
    assert failures == []
    expected = {version: make_rows(visitors_by_airline, seed).to_pylist() for version, seed in versions.items()}
    assert len({version for version, _ in answers}) >= 4
    assert all(rows == expected[version] for version, rows in answers)


def test_a_release_is_s3_is_served_like_one_in_a_folder(s3: S3Server, tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path), lake=f"s3://{s3.bucket()}/the lake", s3_endpoint=s3.endpoint)
    release_store = ReleaseStore(open_lake(settings), tmp_path / "serving")
    assert not release_store.refresh()
    made = publish_release(open_lake(settings), "r1")
    assert release_store.refresh()
    assert not release_store.refresh(), "it is the same"
    with release_store.lease(made.version) as snapshot:
        assert snapshot is not None
        sql = "SELECT * FROM mart.visitors_by_airline ORDER BY i94yr, i94mon, airline"
        assert snapshot.fetch(text(sql), CancellableQuery()).to_pylist() == make_rows(visitors_by_airline).to_pylist()
    release_store.close()

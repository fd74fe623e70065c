"""What every store offers, a folder or a bucket: atomic writes, complete listings, locks that end with their holders.

Incidents to prevent: a lock that outlived its killed holder, a listing that stopped at its first page, and a name with
a blank or a plus that was encoded twice.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from i94_platform.errors import TransientError
from i94_platform.lake.store import Store, StoredFile
from i94_platform_tests.support.processes import (
    FORKSERVER,
    TIMEOUT_SECONDS,
    join_process,
    log_warnings_to,
    read_log,
    start_process,
    wait_for,
)
from i94_platform_tests.support.stores import SHORT_LEASE_SECONDS, StoreLocation


def paths(store: Store, prefix: str = "") -> list[str]:
    return [file.path for file in store.list(prefix)]


def test_a_file_that_is_put_can_be_read(store: Store) -> None:
    store.put("a/b.txt", b"old")
    store.put("a/b.txt", b"new")
    assert store.read("a/b.txt") == b"new"
    assert paths(store) == ["a/b.txt"], "a temporary file is left"


def test_a_missing_file_is_no_empty_file(store: Store) -> None:
    with pytest.raises(FileNotFoundError):
        store.read("nothing")
    with pytest.raises(FileNotFoundError), store.local_copy("nothing"):
        pytest.fail("there is no such file")


def test_a_listing_has_sizes_in_path_order_and_stays_in_its_folder(store: Store) -> None:
    for path in ("b/2", "b/10", "a/x", "bb/y", "b/c/z"):
        store.put(path, path.encode())
    assert paths(store) == ["a/x", "b/10", "b/2", "b/c/z", "bb/y"]
    assert paths(store, "b") == ["b/10", "b/2", "b/c/z"], "another folder starts with the same letter"
    assert [file.size for file in store.list("b")] == [4, 3, 5]


def test_hidden_folders_such_as_the_locks_are_not_listed(store: Store) -> None:
    store.put("x/y", b"1")
    with store.lock("x", "waiting"):
        assert paths(store) == ["x/y"]


def test_a_content_version_depends_on_the_content_only(store: Store) -> None:
    for path, content in (("a", b"same"), ("b", b"same"), ("c", b"none")):
        store.put(path, content)
    a, b, c = (store.content_version(file) for file in store.list())
    assert a == b != c


def test_a_listing_version_changes_with_the_content_and_the_time_is_that_of_the_write(store: Store) -> None:
    before = time.time()
    store.put("a", b"one")
    (first,) = store.list()
    store.put("a", b"two")
    (second,) = store.list()
    assert store.listing_version(first) == store.listing_version(first) != store.listing_version(second)
    for file in (first, second):
        for seconds in (store.modified_at(file), store.arrived_at(file)):
            assert before - 2 < seconds < time.time() + 2, "S3 gives whole seconds"


def test_addresses_and_paths_convert_both_ways(store: Store) -> None:
    uri = store.uri("staged/x/part-0.parquet")
    assert uri == f"{store.root}/staged/x/part-0.parquet"
    assert store.path(uri) == "staged/x/part-0.parquet"
    for elsewhere in ("/somewhere/else", f"{store.root}-other/x", store.root):
        with pytest.raises(ValueError, match="is not below"):
            store.path(elsewhere)


def hold_lock(place: StoreLocation, name: str, log: Path) -> None:
    """Hold a lock until killed; the file `log` then exists."""
    with place.open_store(lease_seconds=SHORT_LEASE_SECONDS).lock(name, "waiting"):
        log.write_text("held")
        signal.pause()


def test_a_writer_waits_for_a_held_lock_with_one_message_until_the_timeout(
    place: StoreLocation, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    held = tmp_path / "held"
    with start_process(hold_lock, place, "staged/x", held):
        wait_for(held.exists, "the lock")
        with (
            caplog.at_level(logging.WARNING),
            pytest.raises(TransientError, match=r"staged.x"),
            store.lock("staged/x", "Waiting for staged/x …"),
        ):
            pytest.fail("two processes hold one lock")
        assert caplog.messages == ["Waiting for staged/x …"], "not exactly one message"
        with store.lock("staged/y", "waiting"):
            pass  # another name is free


def test_a_wait_without_a_message_logs_nothing(place: StoreLocation, caplog: pytest.LogCaptureFixture) -> None:
    waiter = place.open_store(lock_timeout=0.1)
    with place.open_store().lock("x", "waiting"), pytest.raises(TransientError), waiter.lock("x", ""):
        pytest.fail("two holders of one lock")
    assert caplog.messages == []


def test_the_lock_of_a_killed_process_becomes_free(place: StoreLocation, tmp_path: Path) -> None:
    held = tmp_path / "held"
    with start_process(hold_lock, place, "x", held) as process:
        wait_for(held.exists, "the lock")
        process.kill()
        assert join_process(process) == -signal.SIGKILL
    with place.open_store(lease_seconds=SHORT_LEASE_SECONDS).lock("x", "waiting"):
        pass


def test_a_lock_is_released_by_a_failure_inside(store: Store) -> None:
    with pytest.raises(RuntimeError), store.lock("x", "waiting"):
        raise RuntimeError
    with store.lock("x", "waiting"):
        pass


def take_lock(place: StoreLocation, log: Path) -> None:
    """Take a lock that is held, log the wait, and append to the result."""
    log_warnings_to(log)
    store = place.open_store(lock_timeout=TIMEOUT_SECONDS)
    with store.lock("x", "Waiting for x …"):
        store.put("result", store.read("result") + b", second")


def test_a_waiting_process_goes_on_as_soon_as_the_lock_is_free(
    place: StoreLocation, store: Store, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with store.lock("x", "waiting"):
        process = FORKSERVER.Process(target=take_lock, args=(place, log))
        process.start()
        wait_for(lambda: "Waiting for x …" in read_log(log), "the second process to wait")
        store.put("result", b"first")
    assert join_process(process) == 0
    assert store.read("result") == b"first, second"


def overwrite(place: StoreLocation) -> None:
    """Write one file again and again, with another length each time."""
    store, number = place.open_store(), 0
    while True:
        number += 1
        store.put("f", b"%d" % (number % 10) * (1 + number % 7 * 10_000))


def test_a_writer_that_is_killed_at_any_moment_leaves_a_whole_file(place: StoreLocation, store: Store) -> None:
    for pause in (0.0, 0.003, 0.011, 0.02):
        with start_process(overwrite, place) as process:
            wait_for(lambda: "f" in paths(store), "the first write")
            for _ in range(20):
                content = store.read("f")
                assert len(content) % 10_000 == 1
                assert len(set(content)) == 1
            time.sleep(pause)
            process.kill()
            join_process(process)
        assert len(set(store.read("f"))) == 1


def test_files_compare_by_path() -> None:
    assert sorted([StoredFile("b", 1, "x"), StoredFile("a", 2, "y")])[0].path == "a"


def test_a_written_folder_appears_at_its_address(store: Store) -> None:
    address = store.uri("staged/run=r1")
    with store.write_folder(address) as folder:
        assert list(folder.iterdir()) == []
        (folder / "part-0.parquet").write_bytes(b"whole")
    assert paths(store) == ["staged/run=r1/part-0.parquet"]
    url = store.uri("staged/run=r1/part-0.parquet")
    with store.open(url) as file:
        assert file.read() == b"whole"
    assert Path(store.fetch_local_paths([url])[url]).read_bytes() == b"whole"
    store.drop_local_copies()
    assert store.read("staged/run=r1/part-0.parquet") == b"whole"


ODD = (
    "blank s/two  b",
    "per%cent/%41%2F",
    "plus+/a+b",
    "ümlaut/日本",
    "q?u=e&r#y",
    "b[r]a{c}k*",
    'quo\'te/"d"',
    "~tilde;a,b:c@d=$!",
)


@pytest.mark.parametrize("path", ODD)
def test_odd_names_survive_unchanged(store: Store, path: str) -> None:
    store.put(path, b"odd")
    store.put("other", b"")
    assert paths(store) == sorted(["other", path])
    assert paths(store, path.partition("/")[0]) == ([path] if "/" in path else [])
    assert store.read(path) == b"odd"
    with store.open(path) as file, store.local_copy(path) as copy:
        assert file.read() == copy.read_bytes() == b"odd"
    assert store.path(store.uri(path)) == path
    store.delete([path])
    assert paths(store) == ["other"]


def test_more_files_than_fit_one_request_are_listed_and_deleted(store: Store) -> None:
    """S3 lists and deletes a thousand keys at a time."""
    names = [f"many/{number:04}" for number in range(1_005)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: store.put(name, b""), names))
    assert paths(store, "many") == names
    store.delete(names)
    assert paths(store) == []


def test_a_large_file_is_written_as_a_stream_and_read_from_any_position(store: Store) -> None:
    with store.create("big") as file:
        for number in range(20):
            file.write(bytes([number]) * 1_000_000)
    assert [stored.size for stored in store.list()] == [20_000_000]
    with store.open("big") as file:
        assert file.seek(-1_000_001, 2) == 18_999_999
        assert set(file.read()) == {18, 19}
        file.seek(500_000)
        assert file.read(1_000_000) == bytes(500_000) + bytes([1]) * 500_000
        file.seek(0)
        assert len(file.read()) == 20_000_000


def fail_half_way(store: Store, path: str) -> None:
    with store.create(path) as file:
        file.write(b"half")
        raise RuntimeError


def test_a_stream_that_fails_leaves_the_old_content(store: Store) -> None:
    store.put("f", b"old")
    for path in ("f", "new/f"):
        with pytest.raises(RuntimeError):
            fail_half_way(store, path)
    assert paths(store) == ["f"]
    assert store.read("f") == b"old"


def count(place: StoreLocation, times: int) -> None:
    """Add one to a number that others count too, each time under the lock."""
    store = place.open_store(lock_timeout=TIMEOUT_SECONDS)
    for _ in range(times):
        with store.lock("number", "waiting"):
            store.put("number", b"%d" % (int(store.read("number")) + 1))


def test_one_of_many_processes_at_a_time_holds_a_lock(place: StoreLocation, store: Store) -> None:
    store.put("number", b"0")
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(start_process(count, place, 5)) for _ in range(3)]
        assert [join_process(process) for process in processes] == [0, 0, 0]
    assert store.read("number") == b"15"

"""Pins the local store: atomic writes, listings that outlive concurrent deletes, locks that die with their process.

A lock file that outlived its killed owner, and a clean-up that removed a folder another process was about to use, are
what these tests keep away.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path

import pytest

from i94_platform.failures import TransientFailure
from i94_platform.lake.local import LocalStore
from i94_platform.lake.store import Stored
from i94_platform_tests.processes import CONTEXT, PATIENCE, finish, log_to, logged, running, wait_for


def paths(store: LocalStore, prefix: str = "") -> list[str]:
    return [file.path for file in store.list(prefix)]


def test_what_is_put_is_read_back(store: LocalStore) -> None:
    store.put("a/b.txt", b"old")
    store.put("a/b.txt", b"new")
    assert store.read("a/b.txt") == b"new"
    assert paths(store) == ["a/b.txt"], "a temporary file is left"


def test_a_missing_file_is_no_empty_file(store: LocalStore) -> None:
    with pytest.raises(FileNotFoundError):
        store.read("nothing")


def test_a_listing_is_in_path_order_with_sizes_and_stays_below_its_folder(store: LocalStore) -> None:
    for path in ("b/2", "b/10", "a/x", "bb/y", "b/c/z"):
        store.put(path, path.encode())
    assert paths(store) == ["a/x", "b/10", "b/2", "b/c/z", "bb/y"]
    assert paths(store, "b") == ["b/10", "b/2", "b/c/z"], "another folder starts with the same letter"
    assert [file.size for file in store.list("b")] == [4, 3, 5]


def test_a_folder_that_does_not_exist_holds_nothing(store: LocalStore) -> None:
    assert paths(store) == paths(store, "nowhere") == []
    assert not Path(store.root).exists(), "a look makes no folder"


def test_hidden_folders_such_as_that_of_the_locks_are_not_listed(store: LocalStore) -> None:
    store.put("x/y", b"1")
    with store.lock("x", "waiting"):
        assert paths(store) == ["x/y"]


def test_a_stamp_changes_whenever_a_file_is_written_again(store: LocalStore) -> None:
    stamps = set()
    for content in (b"1", b"1", b"2"):
        store.put("f", content)
        stamps |= {file.stamp for file in store.list()}
    assert len(stamps) == 3


def test_a_version_tells_content_and_not_time_or_place(store: LocalStore) -> None:
    for path, content in (("a", b"same"), ("b", b"same"), ("c", b"none")):
        store.put(path, content)
    a, b, c = (store.version(file) for file in store.list())
    assert a == b != c


def test_a_file_deleted_during_a_listing_is_left_out(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("a", b"1")
    store.put("b", b"1")
    real = Path.stat

    def stat(self: Path, **options: bool) -> os.stat_result:
        if self.name == "a":
            self.unlink(missing_ok=True)
        return real(self, **options)

    monkeypatch.setattr(Path, "stat", stat)
    assert paths(store) == ["b"]


def test_deleting_removes_emptied_folders_but_never_the_root_or_what_others_use(store: LocalStore) -> None:
    for path in ("x/y/1", "x/y/2", "x/z/1"):
        store.put(path, b"")
    store.delete(["x/y/1", "x/y/2", "x/y/never there"])
    assert not Path(store.root, "x/y").exists()
    assert paths(store) == ["x/z/1"]
    store.delete(["x/z/1"])
    assert list(Path(store.root).iterdir()) == []


def test_a_folder_that_another_process_fills_during_a_deletion_is_kept(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("shared/gone", b"")
    real = Path.rmdir

    def rmdir(self: Path) -> None:
        (self / "new").write_bytes(b"")  # by the other process, after the last look
        real(self)

    monkeypatch.setattr(Path, "rmdir", rmdir)
    store.delete(["shared/gone"])
    assert paths(store) == ["shared/new"]


def test_a_folder_that_another_process_removes_during_a_deletion_is_no_error(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("shared/deep/gone", b"")
    real = Path.rmdir

    def rmdir(self: Path) -> None:
        real(self)
        real(self)

    monkeypatch.setattr(Path, "rmdir", rmdir)
    store.delete(["shared/deep/gone"])
    assert paths(store) == []


def test_addresses_and_paths_are_each_others_inverse(store: LocalStore) -> None:
    uri = store.uri("staged/x/part-0.parquet")
    assert uri == f"{store.root}/staged/x/part-0.parquet"
    assert store.path(uri) == "staged/x/part-0.parquet"
    for elsewhere in ("/somewhere/else", f"{store.root}-other/x", store.root):
        with pytest.raises(ValueError, match="is not below"):
            store.path(elsewhere)


def hold(root: str, name: str, log: Path) -> None:
    """Hold a lock until killed; the file `log` then exists."""
    with LocalStore(root).lock(name, "waiting"):
        log.write_text("held")
        signal.pause()


def test_a_held_lock_is_waited_for_with_a_message_and_given_up_after_the_timeout(
    store: LocalStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    held = tmp_path / "held"
    with running(hold, store.root, "staged/x", held):
        wait_for(held.exists, "the lock")
        with (
            caplog.at_level(logging.WARNING),
            pytest.raises(TransientFailure, match=r"Another process has held staged/x in .* for 0 s; let it finish"),
            store.lock("staged/x", "Waiting for staged/x …"),
        ):
            pytest.fail("two processes hold one lock")
        assert caplog.messages == ["Waiting for staged/x …"], "told once"
        with store.lock("staged/y", "waiting"):
            pass  # another name is free


def test_the_lock_of_a_killed_process_is_free(store: LocalStore, tmp_path: Path) -> None:
    held = tmp_path / "held"
    with running(hold, store.root, "x", held) as process:
        wait_for(held.exists, "the lock")
        process.kill()
        assert finish(process) == -signal.SIGKILL
    with store.lock("x", "waiting"):
        pass


def test_a_lock_is_released_by_a_failure_inside(store: LocalStore) -> None:
    with pytest.raises(RuntimeError), store.lock("x", "waiting"):
        raise RuntimeError
    with store.lock("x", "waiting"):
        pass


def take(root: str, log: Path) -> None:
    """Take a lock that is held, tell about the wait, and write what was found."""
    log_to(log)
    store = LocalStore(root, lock_timeout=PATIENCE)
    with store.lock("x", "Waiting for x …"):
        store.put("result", store.read("result") + b", second")


def test_a_waiting_process_goes_on_as_soon_as_the_lock_is_free(store: LocalStore, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with store.lock("x", "waiting"):
        process = CONTEXT.Process(target=take, args=(store.root, log))
        process.start()
        wait_for(lambda: "Waiting for x …" in logged(log), "the second process to wait")
        store.put("result", b"first")
    assert finish(process) == 0
    assert store.read("result") == b"first, second"


def overwrite(root: str) -> None:
    """Write one file again and again, each time a whole one of another length."""
    store, number = LocalStore(root), 0
    while True:
        number += 1
        store.put("f", b"%d" % (number % 10) * (1 + number % 7 * 10_000))


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(store: LocalStore) -> None:
    for pause in (0.0, 0.003, 0.011, 0.02):
        with running(overwrite, store.root) as process:
            wait_for(lambda: "f" in paths(store), "the first write")
            for _ in range(50):
                content = store.read("f")
                assert len(content) % 10_000 == 1
                assert len(set(content)) == 1
            time.sleep(pause)
            process.kill()
            finish(process)
        assert len(set(store.read("f"))) == 1


def test_files_compare_by_path() -> None:
    assert sorted([Stored("b", 1, "x"), Stored("a", 2, "y")])[0].path == "a"

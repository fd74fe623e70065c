"""What a folder does beyond `test_store`, the tests of every store: folders come and go with their files."""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from i94_platform.lake.local import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """An empty folder as a store."""
    return LocalStore(tmp_path / "lake")


def paths(store: LocalStore, prefix: str = "") -> list[str]:
    return [file.path for file in store.list(prefix)]


def test_a_folder_that_does_not_exist_holds_nothing(store: LocalStore) -> None:
    assert paths(store) == paths(store, "nowhere") == []
    assert not Path(store.root).exists(), "a listing created the folder"


def test_a_stamp_changes_with_every_write(store: LocalStore) -> None:
    stamps = set()
    for content in (b"1", b"1", b"2"):
        store.put("f", content)
        stamps |= {file.stamp for file in store.list()}
    assert len(stamps) == 3


def test_a_file_deleted_during_a_listing_is_left_out(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("a", b"1")
    store.put("b", b"1")
    original = os.scandir

    def scandir(folder: str) -> AbstractContextManager[list[os.DirEntry[str]]]:
        entries = list(original(folder))
        Path(folder, "a").unlink()
        return nullcontext(entries)

    monkeypatch.setattr(os, "scandir", scandir)
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
    original = Path.rmdir

    def rmdir(self: Path) -> None:
        (self / "new").write_bytes(b"")  # by the other process, after the last look
        original(self)

    monkeypatch.setattr(Path, "rmdir", rmdir)
    store.delete(["shared/gone"])
    assert paths(store) == ["shared/new"]


def test_a_folder_that_another_process_removes_during_a_deletion_is_no_error(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("shared/deep/gone", b"")
    original = Path.rmdir

    def rmdir(self: Path) -> None:
        original(self)
        original(self)

    monkeypatch.setattr(Path, "rmdir", rmdir)
    store.delete(["shared/deep/gone"])
    assert paths(store) == []


def test_a_version_is_that_of_the_content_even_if_size_and_time_are_equal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, path = LocalStore(tmp_path), tmp_path / "f"
    path.write_bytes(b"one")
    os.utime(path, (1, 1))
    first = version_of(store)
    path.write_bytes(b"two")
    os.utime(path, (1, 1))
    second = version_of(store)
    assert first != second, "the same length and time, other content"
    later = time.time() + 3
    monkeypatch.setattr(time, "time", lambda: later)  # the file is old enough now for its version to be cached
    assert [version_of(store), version_of(store)] == [second, second]
    time.sleep(0.02)  # a tick of the file system's clock
    path.write_bytes(b"one")
    os.utime(path, (1, 1))
    assert version_of(store) == first


def version_of(store: LocalStore) -> str:
    (file,) = store.list()
    return store.content_version(file)

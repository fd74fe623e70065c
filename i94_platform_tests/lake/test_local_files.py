"""Test that a listing of a folder names links, FIFOs, sockets, loops and what can't be read, and goes on.

Incidents that these tests prevent: one link loop stopped every command; a FIFO made a run wait for ever.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from i94_platform.lake.local import LocalStore


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with one file, `good`."""
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "good").write_bytes(b"1")
    return folder


def list_problems(root: Path) -> dict[str, str]:
    return {file.path: file.problem for file in LocalStore(root).list()}


def test_a_fifo_and_a_socket_are_named_and_never_opened(root: Path) -> None:
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "socket"))
        problems = list_problems(root)
        store = LocalStore(root)
        versions = [store.content_version(file) for file in store.list()]
    assert (problems["good"], "FIFO" in problems["fifo"], "socket" in problems["socket"]) == ("", True, True)
    assert len(versions) == 3


@pytest.mark.parametrize("target", ["itself", "..", "../deep", "."])
def test_a_link_loop_is_named_and_ends(root: Path, target: str) -> None:
    (root / "deep").mkdir()
    (root / "deep" / "file").write_bytes(b"1")
    (root / "deep" / "itself").symlink_to(target)
    problems = list_problems(root)
    assert set(problems) == {"good", "deep/file", "deep/itself"}
    assert problems["deep/itself"].startswith("is a link")


def test_two_links_that_lead_to_each_other_end(root: Path) -> None:
    for here, there in ("ab", "ba"):
        (root / here).mkdir()
        (root / here / "link").symlink_to(f"../{there}")
    assert {path for path, problem in list_problems(root).items() if problem} == {"a/link/link", "b/link/link"}


def test_a_link_that_leaves_the_root_is_named_and_not_followed(root: Path) -> None:
    outside = root.parent / "raw outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"1")
    (root / "folder").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    problems = list_problems(root)
    assert set(problems) == {"good", "folder", "file"}
    assert all(f"leaves {root}" in problems[name] for name in ("folder", "file"))


def test_a_link_inside_the_root_is_followed(root: Path) -> None:
    (root / "2016-06").mkdir()
    (root / "2016-06" / "file").write_bytes(b"1")
    (root / "newest").symlink_to("2016-06")
    assert list_problems(root) == dict.fromkeys(("good", "2016-06/file", "newest/file"), "")


def test_a_root_that_is_a_link_itself_is_followed(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    assert list_problems(link) == {"good": ""}


def test_a_link_to_nothing_is_named(root: Path) -> None:
    (root / "link").symlink_to("nowhere")
    assert "does not exist" in list_problems(root)["link"]


def test_a_file_and_a_folder_without_read_permission_are_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "closed").mkdir()
    (root / "locked").write_bytes(b"1")
    scandir, access = os.scandir, os.access

    def refuse_scandir(folder: str) -> object:
        if folder.endswith("closed"):
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse_scandir)
    monkeypatch.setattr(os, "access", lambda path, mode: not path.endswith("locked") and access(path, mode))
    problems = list_problems(root)
    assert problems["good"] == ""
    assert all("Permission denied" in problems[name] for name in ("closed", "locked"))


def test_a_name_that_is_not_utf_8_is_named_with_its_bytes(root: Path) -> None:
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9")).write_bytes(b"1")
    assert list_problems(root)["caf\\udce9"] == "has a name that is not UTF-8; rename it"


def test_a_hidden_folder_is_skipped_but_the_log_of_a_hudi_table_is_not(root: Path) -> None:
    for folder in (".locks", ".hoodie"):
        (root / folder).mkdir()
        (root / folder / "file").write_bytes(b"1")
    assert set(list_problems(root)) == {"good", ".hoodie/file"}

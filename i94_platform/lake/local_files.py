"""The walk through a local folder. Nothing on the way stops it: what is no readable file is named with its problem."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from i94_platform.lake.store import StoredFile, is_skipped_folder

_KINDS = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


def walk_files(root: str, folder: str) -> Iterator[StoredFile]:
    """Yield the files below a folder of the root in no order."""
    waiting = [(folder, frozenset({os.path.realpath(folder)}))]
    while waiting:
        folder, parents = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                children = list(entries)
        except (FileNotFoundError, NotADirectoryError):
            continue  # deleted since its folder was listed, or never there
        except OSError as error:
            yield _odd_file(
                root, folder, f"is a folder that can't be read ({error.strerror}); give this user the right"
            )
            continue
        for entry in children:
            if problem := _find_problem(root, entry, parents):
                yield _odd_file(root, entry.path, problem)
            elif not entry.is_dir():
                yield from _describe_file(root, entry)
            elif not is_skipped_folder(entry.name):
                waiting.append((entry.path, parents | {os.path.realpath(entry.path)}))


def _find_problem(root: str, entry: os.DirEntry[str], parents: frozenset[str]) -> str:
    """Say why a name or a link is not followed; empty if it is. `parents` are the real paths of the folders above."""
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        return "has a name that is not UTF-8; rename it"
    return _find_link_problem(root, entry, parents) if entry.is_symlink() else ""


def _find_link_problem(root: str, entry: os.DirEntry[str], parents: frozenset[str]) -> str:
    try:
        target = os.path.realpath(entry.path, strict=True)
    except FileNotFoundError:
        return "is a link to a file that does not exist; deliver the file itself"
    except OSError as error:
        return f"is a link that can't be followed ({error.strerror}); deliver the file itself"
    if os.path.commonpath((root, target)) != root:
        return f"is a link that leaves {root}; deliver the file itself"
    return "is a link to a folder that it lies in; remove it" if target in parents else ""


def _describe_file(root: str, entry: os.DirEntry[str]) -> Iterator[StoredFile]:
    try:
        status = entry.stat()
    except OSError:
        return  # deleted since the folder was listed
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        yield _odd_file(root, entry.path, f"is {kind}, not a file; deliver a file")
    elif not os.access(entry.path, os.R_OK):
        yield _odd_file(root, entry.path, "can't be read (Permission denied); give this user the right to read it")
    else:
        yield StoredFile(_relative(root, entry.path), status.st_size, str(status.st_mtime_ns))


def _odd_file(root: str, path: str, problem: str) -> StoredFile:
    try:
        stamp = os.lstat(path).st_mtime_ns
    except OSError:
        stamp = 0
    return StoredFile(_relative(root, path), 0, str(stamp), problem)


def _relative(root: str, path: str) -> str:
    """The path below the root, which is a dot for the root itself; what is not UTF-8 in a name is escaped."""
    return path[len(root) :].strip("/").encode(errors="backslashreplace").decode() or "."

"""What errors of Python and of libraries mean for people: what is wrong, where, what to do.

The command line and the steps translate here what nothing below them has expected. Libraries are not imported: an error
of a library that nobody has imported can't occur.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from i94_platform.errors import PermanentError, PlatformError, TransientError

_SYSTEM_ERRORS = {
    errno.ENOSPC: "the disk is full; free space, or move I94_HOME and I94_LAKE to another disk",
    errno.EDQUOT: "the disk quota is used up; free space, or move I94_HOME and I94_LAKE to another disk",
    errno.EFBIG: "the file is larger than this user may write; raise the limit (ulimit -f)",
    errno.EROFS: "the file system is read-only; mount it for writing, or choose another folder",
    errno.EACCES: "permission is denied; give this user access, or choose another folder",
    errno.EPERM: "permission is denied; give this user access, or choose another folder",
    errno.ENAMETOOLONG: "the name is longer than the file system allows; choose a shorter one",
    errno.EMFILE: "this process has too many open files; raise the limit (ulimit -n)",
    errno.ENFILE: "this machine has too many open files; close other programs",
    errno.ELOOP: "symbolic links lead in a circle; remove the link",
    errno.ENOTDIR: "a file is where a folder is needed; remove it, or choose another folder",
    errno.EEXIST: "a file is where a folder is needed; remove it, or choose another folder",
    errno.EISDIR: "a folder is where a file is needed; remove it, or correct the address",
    errno.ENOENT: "it does not exist; create it, or correct the address",
    errno.ENOMEM: "this machine has too little memory; stop other programs",
    errno.EADDRINUSE: "another program uses this port; choose another one",
}
"""Errors of the operating system that the next attempt meets again, and what to do."""

_TRANSIENT_SYSTEM_ERRORS = {
    errno.EIO: "the disk does not read or write; look at the system's log, then run again",
    errno.ESTALE: "the network share was lost; mount it again, then run again",
    errno.ETIMEDOUT: "the network share or server does not answer; run again later",
    errno.ECONNREFUSED: "the server takes no connections; start it, then run again",
    errno.ECONNRESET: "the connection was cut off; run again",
    errno.EHOSTUNREACH: "the server can't be reached; look at the network, then run again",
    errno.EAGAIN: "this machine has no free process or lock at the moment; run again later",
    errno.EBUSY: "another program uses it; run again later",
}
_PATH = re.compile(r"""["']([^"'\n]*/[^"'\n]*)["']""")

_RELOAD = "move it away and run 'i94 run', which loads everything anew"
_DUCKDB_ERRORS: tuple[tuple[str, str, str], ...] = (
    (
        "",
        "not a valid DuckDB database|corrupt|checksum|read enough bytes",
        f"this is no DuckDB database, or a damaged one; {_RELOAD}",
    ),
    ("", "different version|version number|older version", f"another version of DuckDB wrote this database; {_RELOAD}"),
    (
        "",
        "max_temp_directory_size",
        "the disk has no space for what exceeds the memory limit; free space under I94_HOME",
    ),
    ("OutOfMemoryException", "", "the memory limit is too low; raise I94_MEMORY_LIMIT, such as I94_MEMORY_LIMIT=2GB"),
    (
        "",
        "magic bytes|Parquet file|thrift|TProtocol|converted type|know what type",
        "this is no Parquet file, or a damaged one; deliver it or make it again",
    ),
    (
        "BinderException|CatalogException",
        "",
        "a table or file has other columns than this version of the platform expects; if it is the warehouse, move its "
        "file away and run 'i94 run'; if it was delivered, deliver it again",
    ),
    (
        "ConversionException|OutOfRangeException|InvalidInputException|TypeMismatchException|InvalidTypeException",
        "",
        "a value does not fit the type of its column; correct what was delivered",
    ),
    ("ConstraintException", "", "rows break a rule of their table; correct what was delivered"),
    ("IOException", "", "the file can't be read or written; look at the disk and at the permissions"),
)
"""Name of the class, words in DuckDB's message, and what to do; the first one that matches counts."""

_SQLITE_ERRORS = (
    ("not a database|malformed", "is damaged; 'i94 doctor' names it, move it away: loaded data is elsewhere"),
    ("full", "can't grow: the disk is full; free space, or move I94_HOME to another disk"),
    ("unable to open", "can't be opened; I94_HOME must be a folder that this user can write"),
    ("readonly", "can't be written; give this user access, or choose another I94_HOME"),
    ("disk I/O", "can't be read or written; look at the disk of I94_HOME: full, read-only, or a network share"),
)


def translate_error(error: BaseException) -> PlatformError | None:
    """Return the platform's error that an error means, looking at its causes too; None for a fault in the code."""
    for cause in _iterate_causes(error):
        if isinstance(cause, PlatformError):
            return cause
        for translate in _TRANSLATORS:
            if translated := translate(cause):
                return translated
    return None


def describe_fault(error: BaseException) -> str:
    """Say that an error is a fault in the code, and where; without its message, which may hold a delivered value."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    place = ""
    if traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        place = f" at {os.path.basename(file)}:{traceback.tb_lineno}"
    return f"An unexpected {type(error).__name__}{place}: this is a fault of i94 itself"


class HiddenMessageError(Exception):
    """Stands for an error whose message may quote a delivered value."""


def hide_values(error: BaseException) -> BaseException:
    """Return an error to log in place of another: with its traceback and its causes, without messages that may quote.

    Messages of the platform and of the operating system quote no delivered value. Those of all others may.
    """
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    logged: BaseException
    if isinstance(error, PlatformError) or (isinstance(error, OSError) and error.errno is not None):
        logged = error
    else:
        name = type(error).__qualname__
        logged = HiddenMessageError(f"{name}: its message is not shown, because it may quote a delivered value")
        logged.__traceback__ = error.__traceback__
    logged.__cause__ = hide_values(cause) if cause else None  # which hides the context too
    return logged


def _iterate_causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        original = getattr(error, "orig", None)  # SQLAlchemy's name for the driver's error
        if isinstance(original, BaseException):
            yield original
        error = error.__cause__


def _is_from(error: BaseException, module: str, name: str = "Error") -> bool:
    """Whether an error is an instance of a class of a module, if that is imported."""
    class_ = getattr(sys.modules.get(module), name, None)
    return class_ is not None and isinstance(error, class_)


def _translate_system_error(error: BaseException) -> PlatformError | None:
    if isinstance(error, OSError) and error.errno is not None:
        place = error.filename if isinstance(error.filename, str) else ""
        return _system_error(error.errno, place or _find_path(str(error)))
    if isinstance(error, MemoryError):
        return PermanentError("This machine has too little memory for the step; stop other programs, then run again.")
    if isinstance(error, UnicodeDecodeError):
        return PermanentError(
            f"A text is not in the encoding {error.encoding} at byte {error.start:,}; save the file as UTF-8."
        )
    return None


def _system_error(number: int, path: str) -> PlatformError | None:
    if number in _TRANSIENT_SYSTEM_ERRORS:
        return TransientError(_to_sentence(path, _TRANSIENT_SYSTEM_ERRORS[number]))
    return PermanentError(_to_sentence(path, _SYSTEM_ERRORS[number])) if number in _SYSTEM_ERRORS else None


def _translate_text_of_system(error: BaseException) -> PlatformError | None:
    """Translate an error of a library whose message ends in the words of the operating system."""
    if isinstance(error, OSError) or type(error).__module__.startswith(("_duckdb", "pyarrow", "pyspark", "py4j")):
        for number in (*_SYSTEM_ERRORS, *_TRANSIENT_SYSTEM_ERRORS):
            if os.strerror(number) in str(error):
                return _system_error(number, _find_path(str(error)))
    return None


@dataclass(frozen=True)
class LockHolder:
    """A process that has a DuckDB file open while another one needs it."""

    process: str
    """Its program and id, such as `python3.11 (PID 4711)`."""
    access: str
    """`reads` or `writes`; `uses` where DuckDB does not say."""

    def __str__(self) -> str:
        return f"{self.process}, which {self.access} it"


def parse_lock_holder(error: BaseException) -> LockHolder | None:
    """Parse who holds a file from DuckDB's error; None if it is another error."""
    text = str(error)
    if "file handle conflict" in text:
        return LockHolder("another thread of this process", "uses")
    if "Could not set lock" not in text:
        return None
    match = re.search(r"held in (?:(.+) \()?PID (\d+)", text)
    program, pid = (Path(match[1] or "a program").name, int(match[2])) if match else ("", 0)
    # the process of another container has no id here
    process = f"{program} (PID {pid})" if pid else "a process that this machine does not show"
    return LockHolder(process, "reads" if "open this database in read-only mode" in text else "writes")


def _translate_duckdb_error(error: BaseException) -> PlatformError | None:
    if not _is_from(error, "duckdb"):
        return None
    text = str(error)
    if holder := parse_lock_holder(error):
        message = f"it is held by {holder}; let it finish or stop it, then run again"
        return TransientError(_to_sentence(_find_path(text), message))
    for class_names, words, message in _DUCKDB_ERRORS:
        is_class = not class_names or type(error).__name__ in class_names.split("|")
        if is_class and re.search(words, text, re.IGNORECASE):
            return PermanentError(_to_sentence(_find_path(text), message))
    return None


def _translate_sqlite_error(error: BaseException) -> PlatformError | None:
    if not _is_from(error, "sqlite3", "DatabaseError"):
        return None
    text = str(error)
    if "locked" in text:
        return TransientError("A SQLite database under I94_HOME is in use by another process; run again later.")
    for words, message in _SQLITE_ERRORS:
        if re.search(words, text):
            return PermanentError(f"A SQLite database under I94_HOME {message}.")
    return None


def _translate_library_error(error: BaseException) -> PlatformError | None:
    if _is_from(error, "pyarrow", "ArrowException"):
        return PermanentError("A file or table holds what its columns can't hold; correct what was delivered.")
    if _is_from(error, "botocore.exceptions", "ClientError") or _is_from(error, "botocore.exceptions", "BotoCoreError"):
        code = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
        return PermanentError(f"A request to AWS failed ({code}); look at credentials, permissions and network.")
    if type(error).__module__.startswith(("pyspark.", "py4j.", "grpc")):
        return PermanentError(f"Spark could not do a step ({type(error).__name__}); its log says why. Run again then.")
    if _is_from(error, "yaml", "YAMLError"):
        return PermanentError(
            "dagster.yaml under I94_HOME is no YAML; correct it, or move it away, so that i94 writes its own."
        )
    return None


_TRANSLATORS = (
    _translate_system_error,
    _translate_text_of_system,
    _translate_duckdb_error,
    _translate_sqlite_error,
    _translate_library_error,
)


def _find_path(text: str) -> str:
    match = _PATH.search(text.replace('\\"', '"'))
    return match[1] if match else ""


def _to_sentence(path: str, message: str) -> str:
    return f"{path}: {message}." if path else f"{message[0].upper()}{message[1:]}."

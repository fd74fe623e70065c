"""The error that a delivered file raises when it is not what its name says, whichever library reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from i94_platform.errors import PermanentError


@contextmanager
def translate_read_errors(path: str, format_: str, *errors: type[Exception]) -> Iterator[None]:
    """Raise `errors` of a reading library as a PermanentError that names the file and the format.

    Errors of the operating system, such as a missing permission, pass.
    """
    try:
        yield
    except errors as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise PermanentError(
            f"{path} can't be read as {format_}, because it is damaged or incomplete; ask for it to be delivered again."
        ) from error

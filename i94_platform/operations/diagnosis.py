"""What one check of `i94 doctor` says, and the errors that are diagnoses too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from i94_platform.foreign_errors import translate_error


@dataclass(frozen=True)
class Diagnosis:
    """The result of one check; the message says what is there or what to do."""

    subject: str
    ok: bool
    message: str


def catch_errors(subject: str, check: Callable[[], Iterator[Diagnosis]]) -> Iterator[Diagnosis]:
    """Yield the diagnoses of a check; an error of the platform or of what it uses is one."""
    try:
        yield from check()
    except Exception as error:
        translated = translate_error(error)
        if translated is None:
            raise
        yield Diagnosis(subject, False, str(translated))

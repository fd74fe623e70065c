"""The errors of the platform. The class says whether a retry can help.

A message is one sentence for people: what is wrong, where (file, column, row), what to do.
"""


class PlatformError(Exception):
    """The base of both. Its message is written for people."""


class PermanentError(PlatformError):
    """The same input fails again: a missing column, an unreadable file, a broken contract. It is not retried."""


class TransientError(PlatformError):
    """A later attempt may succeed: another process holds a lock, a connection was dropped. Steps retry it."""

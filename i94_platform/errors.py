"""What can go wrong, told apart by whether trying again can help.

Here: the two failure types and nothing else. Not here: how a failure is shown (the CLI, the assets) or retried
(the jobs). Messages are one sentence for people: what is wrong, where (file, column, row), what to do.
"""


class PlatformError(Exception):
    """Anything the platform itself reports as failed; its message is meant for people."""


class PermanentError(PlatformError):
    """The same input fails again: a missing column, an unreadable file, a broken contract. Never retried."""


class TransientError(PlatformError):
    """A later attempt may succeed: a lock held by another process, a dropped connection. Worth a retry."""

"""The audit log: who created or revoked a key, accepted a delivery or typed a query, and when.

It is one JSON object a line, in a file that only its owner can read. The same lines go to the logger
`i94_platform.audit`, without the texts of queries, which may name a traveller.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from i94_platform.errors import PermanentError

logger = logging.getLogger(__name__)

FILE_NAME = "audit/audit.jsonl"
"""Below the home, in a folder of its own, which a container keeps on a volume."""


@dataclass(frozen=True)
class AuditLog:
    """The audit log of a deployment, below its home."""

    home: Path

    def record(self, action: str, *, by: str = "", sql: str = "", **details: object) -> None:
        """Append an event. Call it before the action, so that none goes unrecorded.

        Args:
            action: What is done, such as `key.revoke`.
            by: Who does it; the user of this process unless given.
            sql: The text of a query; only the file has it.
            details: What it is done to; never a secret.

        Raises:
            PermanentError: the file can't be written.
        """
        event = {"at": dt.datetime.now(dt.UTC).isoformat(), "by": by or find_user(), "action": action, **details}
        logger.info(json.dumps(event))
        line = json.dumps(event | ({"sql": sql} if sql else {})) + "\n"
        path = self.home / FILE_NAME
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            with open(descriptor, "ab", buffering=0) as file:
                file.write(line.encode())  # one write: lines of two processes do not mix
        except OSError as error:
            raise PermanentError(
                f"{path} can't be written ({error.strerror}), so {action} was not done; let this user write it."
            ) from None


def find_user() -> str:
    """Return the name of this process's user, as the system knows it; its id where it has no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name  # getpass believes LOGNAME, which anyone can set
    except KeyError:  # a container's user may have no name
        return f"uid {os.getuid()}"

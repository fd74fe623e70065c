"""The acceptance of a delivery: a person's decision to load it although the gate would block it."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, field
from typing import Any

from i94_platform.errors import PermanentError
from i94_platform.lake.manifest import Manifest

MAX_REASON = 500
"""Characters of a reason; the ledger has room for it and for who accepted it."""

_STAT = "acceptance"


@dataclass(frozen=True)
class Acceptance:
    """Who accepted a delivery, when and why.

    Raises:
        PermanentError: the reason is blank or longer than `MAX_REASON`.
    """

    reason: str
    by: str
    at: str = field(default_factory=lambda: dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))

    def __post_init__(self) -> None:
        if not self.reason.strip() or len(self.reason) > MAX_REASON:
            raise PermanentError(
                f"A reason to accept a delivery has 1 to {MAX_REASON} characters, not {len(self.reason.strip())}; "
                "say in a sentence why the delivery is right."
            )

    def describe(self) -> str:
        """Say who accepted the delivery, when and why."""
        return f"accepted by {self.by} at {self.at}: {self.reason}"

    @property
    def stats(self) -> dict[str, Any]:
        """What the manifest keeps of it, as JSON values."""
        return {_STAT: asdict(self)}


def read_acceptance(manifest: Manifest) -> Acceptance | None:
    """Read the acceptance by which a dataset passed the gate; None if it needed none."""
    fields = manifest.stats.get(_STAT)
    return Acceptance(**fields) if fields else None

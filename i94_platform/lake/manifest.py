"""The manifest: the files of a committed dataset, in the format that Redshift's COPY reads.

`entries` are COPY's own (url, mandatory, length). The other keys are ours, and COPY ignores them.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One file: full address, length in bytes, rows."""

    url: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class Manifest:
    """One committed version of a dataset, or of one month of it."""

    dataset: str
    partition: str
    """Month as YYYY-MM; empty for datasets that are not partitioned."""
    run_id: str
    fingerprint: str
    """The version of its inputs."""
    created_at: str
    address: str
    """The address of the manifest itself."""
    entries: tuple[Entry, ...]
    stats: dict[str, Any] = field(default_factory=dict)
    """Figures of the writer, such as delivered rows; JSON values."""

    @property
    def rows(self) -> int:
        """Rows of all files together."""
        return sum(entry.rows for entry in self.entries)

    @property
    def size(self) -> int:
        """Length of all files together, in bytes."""
        return sum(entry.bytes for entry in self.entries)

    @property
    def urls(self) -> list[str]:
        """The full addresses of the files."""
        return [entry.url for entry in self.entries]

    def to_json(self) -> bytes:
        """Render the manifest as it is stored."""
        entries = [
            {"url": e.url, "mandatory": True, "meta": {"content_length": e.bytes, "record_count": e.rows}}
            for e in self.entries
        ]
        return json.dumps({**asdict(self), "entries": entries, "rows": self.rows}, indent=1, allow_nan=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Manifest":
        """Parse what `to_json` rendered."""
        fields = json.loads(data)
        del fields["rows"]
        entries = tuple(
            Entry(e["url"], e["meta"]["content_length"], e["meta"]["record_count"]) for e in fields.pop("entries")
        )
        return cls(entries=entries, **fields)

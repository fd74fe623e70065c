"""The manifest: what a committed dataset consists of, in the format that Redshift's COPY reads.

Here: the record and its JSON. `entries` are COPY's own (url, mandatory, length); the other keys are ours and COPY
ignores them. Not here: when a manifest is written or followed (`datasets`).
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
    """One committed version of a dataset (or of one month of it)."""

    dataset: str
    partition: str
    """Month as YYYY-MM; empty for datasets without months."""
    run_id: str
    fingerprint: str
    """Version of what it was made from."""
    created_at: str
    address: str
    """Where the manifest itself is."""
    entries: tuple[Entry, ...]
    stats: dict[str, Any] = field(default_factory=dict)
    """Figures that the writer observed, such as delivered rows; JSON values."""

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(entry.rows for entry in self.entries)

    @property
    def size(self) -> int:
        """Length of all files in bytes."""
        return sum(entry.bytes for entry in self.entries)

    @property
    def urls(self) -> list[str]:
        """The full addresses of the files."""
        return [entry.url for entry in self.entries]

    def to_json(self) -> bytes:
        """The manifest as it is stored."""
        entries = [
            {"url": e.url, "mandatory": True, "meta": {"content_length": e.bytes, "record_count": e.rows}}
            for e in self.entries
        ]
        return json.dumps({**asdict(self), "entries": entries, "rows": self.rows}, indent=1, allow_nan=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Manifest":
        """Read back what `to_json` wrote."""
        fields = json.loads(data)
        del fields["rows"]
        entries = tuple(
            Entry(e["url"], e["meta"]["content_length"], e["meta"]["record_count"]) for e in fields.pop("entries")
        )
        return cls(entries=entries, **fields)

"""The manifest: the files of a committed dataset, with their lengths, rows and versions."""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, get_origin

from i94_platform.errors import PermanentError


class DamagedManifestError(PermanentError):
    """A manifest can't be read: it is cut off, or of another version of the platform."""


@dataclass(frozen=True)
class Entry:
    """One file: full address, length in bytes, rows, and the version of its content as the store computes it."""

    url: str
    bytes: int
    rows: int
    content_version: str


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
        # not in the entries, whose keys are COPY's
        own = {"rows": self.rows, "content_versions": {e.url: e.content_version for e in self.entries}}
        return json.dumps({**asdict(self), "entries": entries, **own}, indent=1, allow_nan=False).encode()

    def to_copy_json(self) -> bytes:
        """Render what Redshift's COPY reads, and nothing else: each file with its length, all of them mandatory."""
        entries = [{"url": e.url, "mandatory": True, "meta": {"content_length": e.bytes}} for e in self.entries]
        return json.dumps({"entries": entries}, indent=1).encode()

    @classmethod
    def from_json(cls, data: bytes, address: str) -> "Manifest":
        """Parse what `to_json` rendered.

        Raises:
            DamagedManifestError: it is not such a manifest; the message names `address`.
        """
        try:
            values = json.loads(data)
            rows, versions = values.pop("rows"), values.pop("content_versions")
            entries = tuple(
                Entry(e["url"], e["meta"]["content_length"], e["meta"]["record_count"], versions[e["url"]])
                for e in values.pop("entries")
            )
            manifest = cls(entries=entries, **values)
            if not (_has_types(manifest) and all(map(_has_types, entries)) and rows == manifest.rows):
                raise TypeError("a value has another type")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise DamagedManifestError(
                f"{address} is damaged, or of another version of the platform; run 'i94 run', which writes it anew."
            ) from error
        return manifest


def _has_types(instance: Entry | Manifest) -> bool:
    """Whether each value has the type of its field; JSON can hold any."""
    types: dict[str, Any] = {field.name: get_origin(field.type) or field.type for field in fields(instance)}
    return all(isinstance(getattr(instance, name), type_) for name, type_ in types.items())

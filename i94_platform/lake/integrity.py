"""Whether the files of a manifest are those that were committed: length and content."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from i94_platform.lake.manifest import Entry, Manifest
from i94_platform.lake.store import Store, StoredFile

HASHING_THREADS = 4
"""Files that are hashed at a time; Python frees its lock meanwhile."""


def find_missing_files(store: Store, manifest: Manifest, files: Iterable[StoredFile]) -> list[str]:
    """Describe each file of a manifest that is not among `files`, or has another length there."""
    sizes = {store.uri(file.path): file.size for file in files}
    return [
        f"{entry.url} has {sizes[entry.url]:,} bytes, the manifest says {entry.bytes:,}"
        if entry.url in sizes
        else f"{entry.url} is missing"
        for entry in manifest.entries
        if sizes.get(entry.url) != entry.bytes
    ]


def find_altered_files(store: Store, manifest: Manifest, files: Iterable[StoredFile]) -> list[str]:
    """Describe each file of a manifest that has other content among `files`; missing ones are left out."""
    return [
        f"{entry.url} has other content than was committed"
        for entry, version in _compute_versions(store, manifest, files).items()
        if version != entry.content_version
    ]


def find_intact_urls(store: Store, manifest: Manifest, files: Iterable[StoredFile]) -> set[str]:
    """Find the files of a manifest that are among `files` with the content that was committed."""
    versions = _compute_versions(store, manifest, files)
    return {entry.url for entry, version in versions.items() if version == entry.content_version}


def _compute_versions(store: Store, manifest: Manifest, files: Iterable[StoredFile]) -> dict[Entry, str]:
    """Compute the version of the content of each file of a manifest that is among `files`."""
    by_url = {store.uri(file.path): file for file in files}
    entries = [entry for entry in manifest.entries if entry.url in by_url]
    versions = compute_content_versions(store, [by_url[entry.url] for entry in entries])
    return dict(zip(entries, versions, strict=True))


def compute_content_versions(store: Store, files: Sequence[StoredFile]) -> list[str]:
    """Compute the version of each file's content; a store that knows it from its listing reads no file."""
    with ThreadPoolExecutor(HASHING_THREADS) as pool:
        return list(pool.map(store.content_version, files))

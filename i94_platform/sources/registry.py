"""Every delivered source, by its name below `raw/`.

A module of this package that declares a `SOURCE` is a source: nothing else has to be changed to add one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import MappingProxyType

from i94_platform.sources.source import Source


def _find_sources() -> Iterator[Source]:
    package = __name__.rpartition(".")[0]
    for module in iter_modules([str(Path(__file__).parent)]):
        source = getattr(import_module(f"{package}.{module.name}"), "SOURCE", None)
        if isinstance(source, Source):
            yield source


SOURCES: Mapping[str, Source] = MappingProxyType({source.name: source for source in _find_sources()})
"""The delivered sources by name."""

REFERENCES: Mapping[str, Source] = MappingProxyType(
    {n: source for n, source in SOURCES.items() if not source.is_monthly}
)
"""The sources that are one file each and have no month."""

REFERENCE_FILES: Mapping[str, str] = MappingProxyType({n: source.file_name for n, source in REFERENCES.items()})
"""The file name of each reference, by the reference's name."""

"""Every delivered source, by its name below `raw/`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from i94_platform.sources import airports, demographics, immigration, labels, temperatures
from i94_platform.sources.source import Source

_MODULES = (immigration, labels, demographics, airports, temperatures)

SOURCES: Mapping[str, Source] = MappingProxyType({module.SOURCE.name: module.SOURCE for module in _MODULES})
"""The delivered sources by name."""

REFERENCES: Mapping[str, Source] = MappingProxyType(
    {name: source for name, source in SOURCES.items() if not source.is_monthly}
)
"""The sources that are one file each and have no month."""

REFERENCE_FILES: Mapping[str, str] = MappingProxyType({name: source.file_name for name, source in REFERENCES.items()})
"""The file name of each reference, by the reference's name."""

"""A deployment outside any run, as the command line uses it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg

from i94_platform.address_grammar import is_s3
from i94_platform.audit import AuditLog
from i94_platform.defs.build import build_definitions, build_resources
from i94_platform.defs.resources import share
from i94_platform.engine.base import Engine
from i94_platform.lake.datasets import Lake
from i94_platform.lake.store import Store
from i94_platform.settings import Settings
from i94_platform.warehouse.base import Warehouse


def find_raw_problem(settings: Settings) -> str:
    """Say why no delivery can be looked for, and what to do; empty if it can. A bucket answers for itself."""
    if is_s3(settings.raw):
        return ""
    if Path(settings.raw).is_dir():
        is_readable = os.access(settings.raw, os.R_OK | os.X_OK)
        return "" if is_readable else f"{settings.raw} can't be read; give this user the right to read it"
    if Path(settings.raw).exists():
        return f"{settings.raw} is a file; set I94_RAW to the folder where deliveries land"
    return f"{settings.raw} does not exist; set I94_RAW, or write samples: i94 sample --out {settings.raw}"


@dataclass(frozen=True)
class Platform:
    """The parts of a deployment, each built when it is first used."""

    settings: Settings
    overrides: Mapping[str, Any] | None = None

    @property
    def audit(self) -> AuditLog:
        """Where a person's actions are recorded."""
        return AuditLog(Path(self.settings.home))

    @cached_property
    def definitions(self) -> dg.Definitions:
        """The definitions that Dagster loads for it; their runs in this process share the platform's objects."""
        resources = build_resources(self.settings)
        shared = {name: share(resource, self._resources[name]) for name, resource in resources.items()}
        return build_definitions(self.settings, {**shared, **(self.overrides or {})})

    @cached_property
    def _resources(self) -> dict[str, Any]:
        resources = build_resources(self.settings)
        objects = {id(resource): resource.build() for resource in resources.values()}
        return {name: objects[id(resource)] for name, resource in resources.items()}

    @property
    def raw(self) -> Store:
        """Where deliveries land."""
        return self._resources["raw"]  # type: ignore[no-any-return]

    @property
    def lake(self) -> Lake:
        """The lake."""
        return self._resources["lake"]  # type: ignore[no-any-return]

    @property
    def engine(self) -> Engine:
        """The engine."""
        return self._resources["engine"]  # type: ignore[no-any-return]

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse."""
        return self._resources["warehouse"]  # type: ignore[no-any-return]

"""The resource that gives a run its gate. Dagster reads its annotations, so they are not postponed here."""

from pathlib import Path

import dagster as dg
from pydantic import Field

from i94_platform.audit import AuditLog
from i94_platform.lake.acceptance import Acceptance
from i94_platform.pipeline.gate import Bounds, Gate
from i94_platform.warehouse.base import Warehouse


class GateResource(dg.ConfigurableResource[Gate]):
    """The bounds of the gate, and in the launchpad a person's acceptance of what it would block."""

    warehouse: dg.ResourceDependency[Warehouse]
    home: str = ""
    max_rejected_share: float = Bounds.rejected_share
    max_row_loss: float = Bounds.row_loss
    max_unreadable_share: float = Bounds.unreadable_share
    accept: str = Field(default="", description="Reason to load the delivery although the gate blocks it.")
    accepted_by: str = Field(default="", description="Who accepts it.")

    def create_resource(self, context: dg.InitResourceContext) -> Gate:
        """Build the gate of a run, which compares with what the warehouse holds."""
        acceptance = Acceptance(self.accept, self.accepted_by or "a user of the launchpad") if self.accept else None
        bounds = Bounds(self.max_rejected_share, self.max_row_loss, self.max_unreadable_share)
        return Gate(self.warehouse, bounds, acceptance, AuditLog(Path(self.home)) if self.home else None)

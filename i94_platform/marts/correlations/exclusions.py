"""What a correlation leaves out, counted by reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame

OTHER_STATE = "99"
NO_STATE = "no listed state (99)"
NO_TEMPERATURE = "residence without a temperature"


@dataclass
class Exclusions:
    """The observations and visitors that are left out, by reason."""

    unit: str
    """What an observation is, in the plural."""
    reasons: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Observations and visitors by reason."""

    def add(self, reason: str, observations: int, visitors: int) -> None:
        """Count more for a reason."""
        if observations or visitors:
            before = self.reasons.get(reason, (0, 0))
            self.reasons[reason] = (before[0] + observations, before[1] + visitors)

    def columns(self) -> dict[str, Any]:
        """The columns of the contract about exclusions."""
        return {
            "excluded": sum(observations for observations, _ in self.reasons.values()),
            "excluded_visitors": sum(visitors for _, visitors in self.reasons.values()),
            "excluded_why": "; ".join(
                f"{reason}: {observations:,} {self.unit}, {visitors:,} visitors"
                for reason, (observations, visitors) in sorted(self.reasons.items())
            ),
        }


def select_listed(pairs: DataFrame, exclusions: Sequence[Exclusions]) -> DataFrame:
    """Select the pairs of a listed state and a valid country, and count the others in each of `exclusions`.

    Args:
        pairs: Columns i94addr, i94res, status and visitors.
        exclusions: Those in the units arrivals and pairs count observations; others count visitors only.
    """
    listed = pairs[(pairs["i94addr"] != OTHER_STATE) & (pairs["status"] == "valid")]
    others = pairs.drop(listed.index)
    reasons = others["status"].map("residence {}".format).mask(others["i94addr"] == OTHER_STATE, NO_STATE)
    for reason, rows in others.groupby(reasons):
        visitors = int(rows["visitors"].sum())
        for exclusion in exclusions:
            exclusion.add(str(reason), {"arrivals": visitors, "pairs": len(rows)}.get(exclusion.unit, 0), visitors)
    return listed

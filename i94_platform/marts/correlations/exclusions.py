"""What a correlation leaves out, counted by reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from numpy.typing import NDArray

Unit = Literal["arrivals", "pairs", "states", "countries"]
"""What an observation is."""


@dataclass(frozen=True)
class Selection:
    """The states and countries that a correlation includes."""

    visitors: NDArray[Any]
    """Visitors by state and country, 0 where they are excluded."""
    states: NDArray[Any]
    """A mask of the states that have an included visitor."""
    countries: NDArray[Any]
    """A mask of the countries that have an included visitor."""
    columns: Mapping[str, Any]
    """The columns of the contract about inclusion and exclusion."""

    def crop(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the values, by state and country, of these states and countries."""
        cropped: NDArray[Any] = values[self.states][:, self.countries]
        return cropped


def select(visitors: NDArray[Any], unit: Unit, reasons: Mapping[str, NDArray[Any]]) -> Selection:
    """Select the states and countries that no reason excludes and that still have visitors.

    Args:
        visitors: Visitors by state and country.
        unit: What is counted as excluded, beside visitors.
        reasons: Masks of states (as a column) or of countries. The first one that excludes a visitor counts.
    """
    import numpy as np

    included, excluded = visitors, {}
    for reason, mask in reasons.items():
        rest = np.where(mask, 0, included)
        if rest.sum() < included.sum():
            excluded[reason] = _count(included, unit) - _count(rest, unit), int(included.sum() - rest.sum())
        included = rest
    states, countries = (np.count_nonzero(included, axis=axis) > 0 for axis in (1, 0))
    total, left = int(visitors.sum()), int(included.sum())
    columns = {
        "included_visitors": left,
        "coverage": left / total if total else None,
        "excluded": sum(observations for observations, _ in excluded.values()),
        "excluded_visitors": total - left,
        "excluded_why": "; ".join(
            f"{reason}: {observations:,} {unit}, {count:,} visitors"
            for reason, (observations, count) in sorted(excluded.items())
        ),
    }
    return Selection(included, states, countries, columns)


def _count(visitors: NDArray[Any], unit: Unit) -> int:
    """Count the observations of a table."""
    import numpy as np

    counts = {
        "arrivals": visitors.sum(),
        "pairs": np.count_nonzero(visitors),
        "states": np.count_nonzero(visitors.sum(axis=1)),
        "countries": np.count_nonzero(visitors.sum(axis=0)),
    }
    return int(counts[unit])

"""Measures of association with their 95 % intervals.

SciPy computes the coefficients and the interval of Pearson's r. It lacks the other two intervals, which stand here:
Bonett and Wright's for Spearman's rho, and that of the noncentral chi-square for Cramér's V.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_OBSERVATIONS = 4
"""With fewer observations neither interval nor coefficient says anything."""

Z95 = 1.959963984540054
"""Standard errors to each side of a 95 % interval."""


@dataclass(frozen=True)
class Coefficient:
    """A coefficient with its 95 % interval; None where it can't be computed."""

    coefficient: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None


def pearson(x: Sequence[float], y: Sequence[float]) -> Coefficient:
    """Pearson's r with Fisher's interval."""
    from scipy import stats

    if not _can_correlate(x, y):
        return Coefficient()
    result = stats.pearsonr(x, y)
    interval = result.confidence_interval(0.95)
    return Coefficient(float(result.statistic), float(interval.low), float(interval.high), float(result.pvalue))


def spearman(x: Sequence[float], y: Sequence[float]) -> Coefficient:
    """Spearman's rho with the interval of Bonett and Wright (2000)."""
    import numpy as np
    from scipy import stats

    if not _can_correlate(x, y):
        return Coefficient()
    result = stats.spearmanr(x, y)
    rho = round(float(result.statistic), 12)  # SciPy gives 1 for a perfect order but for the last digits
    if abs(rho) == 1:
        return Coefficient(rho, rho, rho, float(result.pvalue))
    margin = Z95 * np.sqrt((1 + rho**2 / 2) / (len(x) - 3))
    low, high = np.tanh([np.arctanh(rho) - margin, np.arctanh(rho) + margin])
    return Coefficient(rho, float(low), float(high), float(result.pvalue))


def cramers_v(table: NDArray[Any]) -> Coefficient:
    """Cramér's V, bias-corrected after Bergsma (2013), of a table of counts without an empty row or column.

    The interval is that of the noncentrality of the chi-square, which is normal for this many counts.
    """
    import numpy as np
    from scipy import stats

    rows, columns = table.shape
    n = float(table.sum())
    if min(rows, columns) < 2 or n < MIN_OBSERVATIONS:
        return Coefficient()
    result = stats.chi2_contingency(table, correction=False)
    chi2, freedom = float(result.statistic), float((rows - 1) * (columns - 1))
    corrected_side = min(side - (side - 1) ** 2 / (n - 1) for side in (rows, columns)) - 1
    if corrected_side <= 0:
        return Coefficient()  # fewer counts than categories

    def to_v(noncentrality: float) -> float:
        return float(min(1.0, np.sqrt(max(0.0, noncentrality) / n / corrected_side)))

    middle = chi2 - freedom + 2 * Z95**2
    # noncentralities a whose chi-square is Z95 deviations away: (chi2 - freedom - a)² = Z95² (2 freedom + 4a)
    margin = np.sqrt(max(0.0, middle**2 - (chi2 - freedom) ** 2 + 2 * freedom * Z95**2))
    v = to_v(chi2 - n * freedom / (n - 1))
    return Coefficient(v, to_v(middle - margin), to_v(middle + margin), float(result.pvalue))


def _can_correlate(x: Sequence[float], y: Sequence[float]) -> bool:
    return len(x) >= MIN_OBSERVATIONS and min(x) < max(x) and min(y) < max(y)

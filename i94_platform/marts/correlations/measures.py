"""Measures of association with their 95 % intervals.

Spearman's rho, chi-square and the correction for many tests are those of `scipy.stats`, whose import would take half a
second of each command; the tests compare with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_OBSERVATIONS = 4
"""With fewer observations neither interval nor coefficient says anything."""

RESAMPLES = 4_000
"""Samples of a bootstrap."""

SEED = 94
"""Fixed, so that the same arrivals always give the same interval."""

_Z95 = 1.959963984540054
"""Standard errors to each side of a 95 % interval."""


@dataclass(frozen=True)
class Coefficient:
    """A coefficient with its 95 % interval; None where it can't be computed."""

    coefficient: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None


def pearson(x: NDArray[Any], y: NDArray[Any], weights: NDArray[Any] | None = None) -> Coefficient:
    """Pearson's r with the percentile interval of a bootstrap of clusters.

    Args:
        x: A value for each observation; a row for each cluster, or one observation a cluster.
        y: The same for the other variable.
        weights: How much each observation counts.
    """
    import numpy as np

    if len(x) < MIN_OBSERVATIONS or not _vary(x, y):
        return Coefficient()
    x, y, w = (np.reshape(v, (len(x), -1)) for v in (x, y, np.ones(x.shape) if weights is None else weights))
    x, y = ((v - v.mean()) / v.std() for v in (x, y))  # sums of squares are precise around the mean only
    sums = np.stack([(w * v).sum(axis=1) for v in (np.ones_like(x), x, y, x * x, y * y, x * y)])
    # einsum and not BLAS, whose threads cost more than they save here
    resampled = _correlate_sums(*np.einsum("vc,sc->vs", sums, _resample(len(x))))
    return _summarize_bootstrap(float(_correlate_sums(*sums.sum(axis=1))), resampled)


def pearson_with_expected(table: NDArray[Any]) -> Coefficient:
    """Pearson's r between the counts of a table and those expected from its totals, over a bootstrap of its rows.

    Each sample of rows has its own totals, and so its own expected cells.
    """
    import numpy as np

    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / max(table.sum(), 1)
    if len(table) < MIN_OBSERVATIONS or not _vary(expected, table):
        return Coefficient()

    row_totals, row_squares = table.sum(axis=1), (table**2).sum(axis=1)
    products = np.einsum("rc,qc->rq", table, table)  # and not BLAS, as above

    def correlate(counts: NDArray[Any]) -> Any:
        """Correlate samples of the rows; the expected cells enter only through their sums."""
        n = counts.sum(axis=1) * table.shape[1]
        total, total_squares, squares = np.einsum("sr,vr->vs", counts, [row_totals, row_totals**2, row_squares])
        column_products = np.einsum("sr,qr->sq", counts, products) / total[:, None]
        shares_squared = (column_products * counts).sum(axis=1) / total
        expected_squares = total_squares * shares_squared
        expected_by_cell = (column_products * counts * row_totals).sum(axis=1)
        return _correlate_sums(n, total, total, expected_squares, squares, expected_by_cell)

    return _summarize_bootstrap(float(correlate(np.ones((1, len(table))))[0]), correlate(_resample(len(table))))


def spearman(x: NDArray[Any], y: NDArray[Any]) -> Coefficient:
    """Spearman's rho of two values of each observation, with the interval of Bonett and Wright (2000)."""
    import numpy as np
    import pandas as pd
    from scipy.special import stdtr

    if len(x) < MIN_OBSERVATIONS or not _vary(x, y):
        return Coefficient()
    exact = float(np.corrcoef(pd.Series(x).rank(), pd.Series(y).rank())[0, 1])
    rho = round(exact, 12)  # a perfect order gives 1 but for the last digits
    if abs(rho) == 1:
        return Coefficient(rho, rho, rho, 0.0)
    freedom = len(x) - 2
    p_value = 2 * float(stdtr(freedom, -abs(exact) * np.sqrt(freedom / (1 - exact**2))))
    margin = _Z95 * np.sqrt((1 + rho**2 / 2) / (len(x) - 3))
    low, high = np.tanh([np.arctanh(rho) - margin, np.arctanh(rho) + margin])
    return Coefficient(rho, float(low), float(high), p_value)


def cramers_v(table: NDArray[Any]) -> Coefficient:
    """Cramér's V, bias-corrected after Bergsma (2013), of a table of counts without an empty row or column.

    It has neither interval nor p-value, because the arrivals are a census and no sample.
    """
    import numpy as np

    n = float(table.sum())
    if min(table.shape) < 2 or n < MIN_OBSERVATIONS:
        return Coefficient()
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    chi2, freedom = float(((table - expected) ** 2 / expected).sum()), math.prod(side - 1 for side in table.shape)
    corrected_side = min(side - (side - 1) ** 2 / (n - 1) for side in table.shape) - 1
    if corrected_side <= 0:
        return Coefficient()  # fewer counts than categories
    phi2 = max(0.0, chi2 / n - freedom / (n - 1))
    return Coefficient(min(1.0, float(np.sqrt(phi2 / corrected_side))))


def adjust_p_values(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust the p-values of tests for their number, after Benjamini and Hochberg (1995); None stays None."""
    largest_first = sorted(((p, i) for i, p in enumerate(p_values) if p is not None), reverse=True)
    adjusted: list[float | None] = [None] * len(p_values)
    smallest = 1.0
    for rank, (p, i) in zip(range(len(largest_first), 0, -1), largest_first, strict=True):
        adjusted[i] = smallest = min(smallest, p * len(largest_first) / rank)
    return adjusted


@lru_cache(maxsize=8)
def _resample(clusters: int) -> NDArray[Any]:
    """Return how often each bootstrap sample, a row, holds each cluster."""
    import numpy as np

    drawn = np.random.default_rng(SEED).integers(clusters, size=(RESAMPLES, clusters))
    cells = drawn + clusters * np.arange(RESAMPLES)[:, None]
    return np.bincount(cells.ravel(), minlength=RESAMPLES * clusters).reshape(RESAMPLES, clusters).astype(float)


def _correlate_sums(n: Any, x: Any, y: Any, xx: Any, yy: Any, xy: Any) -> Any:
    """Return Pearson's r from weighted sums; NaN where a variable doesn't vary."""
    import numpy as np

    variances = [np.where(n * vv - v * v > 1e-9 * n * vv, n * vv - v * v, np.nan) for v, vv in ((x, xx), (y, yy))]
    return np.clip((n * xy - x * y) / np.sqrt(variances[0] * variances[1]), -1, 1)


def _summarize_bootstrap(r: float, resampled: NDArray[Any]) -> Coefficient:
    """Return r with the interval and the two-sided p-value of its bootstrap distribution."""
    import numpy as np

    if np.isnan(r):
        return Coefficient()
    resampled = resampled[~np.isnan(resampled)]
    low, high = np.quantile(resampled, [0.025, 0.975])
    smaller_tail = min((resampled <= 0).sum(), (resampled >= 0).sum())
    return Coefficient(r, float(low), float(high), float(min(1, (2 * smaller_tail + 1) / (len(resampled) + 1))))


def _vary(*variables: NDArray[Any]) -> bool:
    return all(bool(values.min() < values.max()) for values in variables)

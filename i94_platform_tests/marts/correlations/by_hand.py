"""The measures from their definitions, in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from i94_platform.marts.correlations.measures import RESAMPLES, SEED


def r_by_hand(x: Any, y: Any, weights: Any = None) -> float:
    """Pearson's r from its definition."""
    a, b = np.asarray(x, float), np.asarray(y, float)
    w = np.ones(a.shape) if weights is None else np.asarray(weights, float)
    a, b = a - (w * a).sum() / w.sum(), b - (w * b).sum() / w.sum()
    return float((w * a * b).sum() / math.sqrt((w * a * a).sum() * (w * b * b).sum()))


def ranks(values: Any) -> list[float]:
    """Ranks from 1, ties share the mean of theirs."""
    return [
        sum(other < value for other in values) + (1 + sum(other == value for other in values)) / 2 for value in values
    ]


def rho_by_hand(x: Any, y: Any) -> float:
    """Spearman's rho: Pearson's r of the ranks."""
    return r_by_hand(ranks(x), ranks(y))


def fisher(r: float, standard_error: float) -> tuple[float, float]:
    """The 95 % interval through Fisher's transformation."""
    z = math.atanh(r)
    return math.tanh(z - 1.959964 * standard_error), math.tanh(z + 1.959964 * standard_error)


def bootstrap_by_hand(statistic: Callable[[Any], float], clusters: int) -> tuple[float, float, float]:
    """The 95 % interval and the p-value of a statistic of drawn clusters, one sample after the other."""
    draws = np.random.default_rng(SEED).integers(clusters, size=(RESAMPLES, clusters))
    results = np.array([statistic(drawn) for drawn in draws])
    tail = min(np.mean(results <= 0), np.mean(results >= 0))
    low, high = np.percentile(results, [2.5, 97.5])
    return float(low), float(high), float(2 * tail)


def v_by_hand(table: Any) -> float:
    """Cramér's V with Bergsma's correction."""
    counts = np.asarray(table, float)
    n, (rows, columns) = counts.sum(), counts.shape
    phi2 = 0.0
    for i in range(rows):
        for j in range(columns):
            expected = counts[i].sum() * counts[:, j].sum() / n
            phi2 += (counts[i, j] - expected) ** 2 / expected / n
    phi2 = max(0.0, phi2 - (rows - 1) * (columns - 1) / (n - 1))
    return math.sqrt(phi2 / (min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1))


def adjust_by_hand(p_values: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's p-values: the smallest p * tests / rank of this rank and those above."""
    ordered = sorted(p_values)
    steps = [p * len(ordered) / rank for rank, p in enumerate(ordered, start=1)]
    return [min(1.0, *steps[ordered.index(p) :]) for p in p_values]

"""The measures from their definitions, in numpy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def r_by_hand(x: Any, y: Any) -> float:
    """Pearson's r from its definition."""
    a, b = np.asarray(x, float) - np.mean(x), np.asarray(y, float) - np.mean(y)
    return float((a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum()))


def ranks(values: Any) -> list[float]:
    """Ranks from 1, ties share the mean of theirs."""
    return [
        sum(other < value for other in values) + (1 + sum(other == value for other in values)) / 2 for value in values
    ]


def fisher(r: float, standard_error: float) -> tuple[float, float]:
    """The 95 % interval through Fisher's transformation."""
    z = math.atanh(r)
    return math.tanh(z - 1.959964 * standard_error), math.tanh(z + 1.959964 * standard_error)


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

"""The two kinds of distribution that a month is drawn from: weighted values, and numbers by their quantiles.

Both draw many rows at once. The rows may belong to several strata, each with a distribution of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

NULL = "_"
"""The value that stands for a missing one."""


class TextColumn(NamedTuple):
    """A column of text: each code is an index into `values`; the code -1 and the value `NULL` are missing."""

    values: Sequence[str]
    codes: Ints


def parse_weights(text: str) -> dict[str, float]:
    """Parse `"NYC:223.2 _:91.6"` into `{"NYC": 223.2, "_": 91.6}`; the weights need no common total."""
    return {value: float(weight) for value, _, weight in (item.rpartition(":") for item in text.split())}


@dataclass(frozen=True)
class Categorical:
    """Weighted values, with one set of weights per stratum.

    `cumulative` has a row per stratum and a column per value. Row k rises from k to k + 1, so the flattened array is
    sorted and one binary search serves the rows of all strata.
    """

    values: tuple[str, ...]
    cumulative: Floats

    @classmethod
    def of(cls, *strata: Mapping[str, float]) -> Categorical:
        """Build a distribution from the weights of each stratum; the strata are numbered from 0."""
        values = tuple(dict.fromkeys(value for weights in strata for value in weights))
        weights = np.array([[stratum.get(value, 0.0) for value in values] for stratum in strata])
        shares = weights.cumsum(axis=1) / weights.sum(axis=1, keepdims=True)
        shares[:, -1] = 1.0
        return cls(values, shares + np.arange(len(strata))[:, None])

    @classmethod
    def parse(cls, *strata: str) -> Categorical:
        """Build a distribution from texts such as `"NYC:223.2 _:91.6"`, one per stratum."""
        return cls.of(*map(parse_weights, strata))

    def draw(self, rng: np.random.Generator, stratum: Ints | int, n: int) -> Ints:
        """Draw `n` indexes into `values`, each by the weights of its row's stratum."""
        levels = rng.random(n) + stratum
        codes = np.searchsorted(self.cumulative.ravel(), levels, side="right") - stratum * len(self.values)
        drawn: Ints = np.minimum(codes, len(self.values) - 1)  # level + stratum may round up to the next stratum
        return drawn

    def draw_text(self, rng: np.random.Generator, stratum: Ints | int, n: int) -> TextColumn:
        """Draw `n` values as a column of text."""
        return TextColumn(self.values, self.draw(rng, stratum, n))

    def is_in(self, codes: Ints, *values: str) -> Flags:
        """Return True where a code stands for one of `values`."""
        return np.isin(codes, [self.values.index(value) for value in values if value in self.values])


@dataclass(frozen=True)
class Quantiles:
    """Numbers by their quantiles at `levels`, linear in between; one tuple of quantiles per stratum."""

    levels: tuple[float, ...]
    strata: tuple[tuple[float, ...], ...]

    def draw(self, rng: np.random.Generator, stratum: Ints, n: int) -> Floats:
        """Draw `n` whole numbers, each by the quantiles of its row's stratum."""
        level = rng.random(n)
        drawn = np.empty(n)
        for number, quantiles in enumerate(self.strata):
            rows = stratum == number
            drawn[rows] = np.rint(np.interp(level[rows], self.levels, quantiles))
        return drawn

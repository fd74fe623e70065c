"""Drawing many values at once from weights or from quantiles.

Here: the two kinds of distribution that the shares are written in, each drawn without a loop over rows. Not here: any
particular distribution (`shares`).
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
"""How a weight is given to a missing value."""


class Text(NamedTuple):
    """A text column: for each row the place of its value in `values`; -1, or the value `NULL`, is missing."""

    values: Sequence[str]
    codes: Ints


def parse_weights(text: str) -> dict[str, float]:
    """`"NYC:223.2 _:91.6"` as `{"NYC": 223.2, "_": 91.6}`; weights need no common total."""
    return {value: float(weight) for value, _, weight in (item.rpartition(":") for item in text.split())}


@dataclass(frozen=True)
class Choices:
    """Weighted values, with one set of weights per kind of row.

    `cumulative` has a row per kind and a column per value; row k rises from k to k + 1, so that the flattened array
    is sorted and one binary search serves rows of all kinds.
    """

    values: tuple[str, ...]
    cumulative: Floats

    @classmethod
    def of(cls, *kinds: Mapping[str, float]) -> Choices:
        """One set of weights per kind, numbered from 0 in the order given."""
        values = tuple(dict.fromkeys(value for kind in kinds for value in kind))
        weights = np.array([[kind.get(value, 0.0) for value in values] for kind in kinds])
        shares = weights.cumsum(axis=1) / weights.sum(axis=1, keepdims=True)
        shares[:, -1] = 1.0
        return cls(values, shares + np.arange(len(kinds))[:, None])

    @classmethod
    def parse(cls, *kinds: str) -> Choices:
        """The same from texts such as `"NYC:223.2 _:91.6"`."""
        return cls.of(*map(parse_weights, kinds))

    def draw(self, rng: np.random.Generator, kind: Ints | int, n: int) -> Ints:
        """`n` places in `values`, each by the weights of its row's kind."""
        place = np.searchsorted(self.cumulative.ravel(), rng.random(n) + kind, side="right") - kind * len(self.values)
        drawn: Ints = np.minimum(place, len(self.values) - 1)  # u + kind may round up to kind + 1
        return drawn

    def text(self, rng: np.random.Generator, kind: Ints | int, n: int) -> Text:
        """`n` values as a text column."""
        return Text(self.values, self.draw(rng, kind, n))

    def where(self, codes: Ints, *wanted: str) -> Flags:
        """True where a drawn place holds one of the wanted values."""
        places = [self.values.index(value) for value in wanted if value in self.values]
        return np.isin(codes, places)


@dataclass(frozen=True)
class Quantiles:
    """A distribution of numbers by its quantiles at `levels`, straight lines between them; one row per kind."""

    levels: tuple[float, ...]
    kinds: tuple[tuple[float, ...], ...]

    def draw(self, rng: np.random.Generator, kind: Ints, n: int) -> Floats:
        """`n` whole numbers, each by the quantiles of its row's kind."""
        level = rng.random(n)
        drawn = np.empty(n)
        for number, quantiles in enumerate(self.kinds):
            rows = kind == number
            drawn[rows] = np.rint(np.interp(level[rows], self.levels, quantiles))
        return drawn

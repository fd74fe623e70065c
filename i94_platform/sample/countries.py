"""The countries of the reference files, and invented names for their cities."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np


class Country(NamedTuple):
    """A country: its name in the temperature file, a rough middle in degrees north and east, its weight in cities."""

    name: str
    iso2: str
    continent: str
    latitude: float
    longitude: float
    weight: int


@cache
def read_countries() -> tuple[Country, ...]:
    """Read the countries that have temperatures and airports."""
    text = resources.files(__package__).joinpath("countries.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))[1:]
    return tuple(
        Country(name, iso2, continent, float(latitude), float(longitude), int(weight))
        for name, iso2, continent, latitude, longitude, weight in rows
    )


_STARTS = (
    "Alder", "Bracken", "Corran", "Dunmar", "Elmen", "Farrow", "Galdern", "Hollis", "Ister", "Junip", "Kestrel",
    "Larch", "Maren", "Nettle", "Orrin", "Pellan", "Quarrel", "Rowen", "Sorrel", "Tamar", "Umber", "Velmo", "Willow",
    "Yarrow",
)  # fmt: skip
_ENDS = ("bury", "dale", "ficó", "ford", "gate", "haven", "mere", "nau", "port", "ria", "stad", "ton", "vale", "wick")


def invent_city_names(rng: np.random.Generator, n: int) -> list[str]:
    """Invent `n` different names, some beyond ASCII. After 336 names they repeat with a number."""
    names = [start + end for start in _STARTS for end in _ENDS]
    order = rng.permutation(len(names))
    rounds = range(1, 2 + (n - 1) // len(names))
    return [names[i] if turn == 1 else f"{names[i]} {turn}" for turn in rounds for i in order][:n]

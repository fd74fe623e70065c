"""What a damaged delivery is: its files, and what of them is still readable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from random import Random
from typing import Any


class Reading(IntEnum):
    """Whether a delivery is read; of several damages the highest counts."""

    READABLE = 0
    """It must be read: every value is there."""
    UNCERTAIN = 1
    """It may be read or refused."""
    UNUSABLE = 2
    """It must be refused: what it says is not clear."""


@dataclass(frozen=True)
class Unreadable:
    """A text in the place of a number."""

    text: str


@dataclass(frozen=True)
class DeliveredRow:
    """A delivered arrival: its file, its number from 1, and its values by column."""

    file: str
    number: int
    values: Mapping[str, Any]


@dataclass
class Delivery:
    """The files of a damaged month by their paths below `I94_RAW`, and what their rows say."""

    files: dict[str, bytes]
    rows: list[DeliveredRow]
    reading: Reading = Reading.READABLE


@dataclass
class ReferenceDelivery:
    """A damaged reference file, and what its table may hold.

    Attributes:
        rows: The numbers of the rows in the undamaged file, each as often as it is delivered.
        touched: The delivered texts of changed cells, by row and column in lower case.
    """

    content: bytes
    rows: list[int]
    reading: Reading = Reading.READABLE
    touched: dict[int, dict[str, str]] = field(default_factory=dict)


@dataclass
class LabelDelivery:
    """A damaged label file, and the label of each code by list."""

    content: bytes
    lists: dict[str, dict[str | int, str]]
    reading: Reading = Reading.READABLE


@dataclass(frozen=True)
class Case:
    """One damaged delivery.

    Attributes:
        number: Its number, which is the seed of every choice.
        family: The source, and the format of a month.
        damages: The names of the damages in the order in which they happen.
    """

    number: int
    family: str
    damages: tuple[str, ...]

    @property
    def id(self) -> str:
        """The name of the test."""
        return f"{self.number:03}-{self.family}-{'+'.join(self.damages) or 'undamaged'}".replace(" ", "_")

    @property
    def description(self) -> str:
        """What a failed test says."""
        return f"case {self.number}, {self.family}: {', then '.join(self.damages) or 'undamaged'}"

    @property
    def random(self) -> Random:
        """The source of its choices."""
        return Random(self.number)


Rows = list[dict[str, Any]]
"""Arrivals by column: numbers are floats, and None is missing."""

BuildDelivery = Callable[[Case, Rows, Path], Delivery]
"""Builds a month's delivery from the undamaged rows; the path is an empty folder to work in."""

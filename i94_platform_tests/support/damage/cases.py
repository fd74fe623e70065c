"""The draw of a damage by its number."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from i94_platform_tests.support.damage.csv_dialects import DIALECTS
from i94_platform_tests.support.damage.csv_files import FILE_DAMAGES
from i94_platform_tests.support.damage.label_files import LABEL_DAMAGES
from i94_platform_tests.support.damage.model import Case
from i94_platform_tests.support.damage.parquet_columns import COLUMN_DAMAGES, TYPE_DAMAGES
from i94_platform_tests.support.damage.parquet_files import LAYOUT_DAMAGES
from i94_platform_tests.support.damage.reference_files import TABLE_DAMAGES
from i94_platform_tests.support.damage.row_damages import CSV_ROW_DAMAGES, ROW_DAMAGES
from i94_platform_tests.support.damage.sas_files import SAS_DAMAGES

FAMILIES = (
    *("csv", "parquet", "labels", "csv", "airport_codes", "sas", "csv", "parquet", "us_cities_demographics", "csv"),
    *("parquet", "land_temperatures", "csv", "labels", "csv", "sas", "parquet", "airport_codes", "csv", "parquet"),
)
"""The sources and formats in turn; CSV has most kinds of damages."""


def draw_case(number: int) -> Case:
    """Draw the damages of a number: none to three of each stage, in the order in which they happen."""
    random = Random(-number - 1)
    family = FAMILIES[number % len(FAMILIES)]
    match family:
        case "csv":
            damages = [
                *_draw(random, CSV_ROW_DAMAGES, (0, 1, 1, 2)),
                *_draw(random, DIALECTS, (0, 1, 2)),
                *_draw(random, FILE_DAMAGES, (0, 1, 1)),
            ]
        case "parquet":
            damages = [
                *_draw(random, ROW_DAMAGES, (0, 1, 1, 2)),
                *_draw(random, TYPE_DAMAGES, (0, 1, 1)),
                *_draw(random, COLUMN_DAMAGES, (0, 0, 1)),
                *_draw(random, LAYOUT_DAMAGES, (0, 1)),
            ]
        case "sas":
            damages = [*_draw(random, ROW_DAMAGES, (0, 1, 1)), *_draw(random, SAS_DAMAGES, (0, 1, 1, 2))]
        case "labels":
            damages = _draw(random, LABEL_DAMAGES, (1, 1, 2))
        case _:
            damages = _draw(random, TABLE_DAMAGES, (1, 1, 2, 3))
    return Case(number, family, tuple(damages))


def _draw(random: Random, names: Iterable[str], counts: tuple[int, ...]) -> list[str]:
    return random.sample(tuple(names), random.choice(counts))

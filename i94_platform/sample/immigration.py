"""One month of arrivals as a delivered Parquet file.

Here: drawing rows from the month's distributions and writing them in row groups, so that a month of any size takes
the memory of one. Not here: the figures (`shares`, `mix`), and the odd and refused rows that end a file (`dirt`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from i94_platform.contracts import delivered_immigration
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.partitions import Month
from i94_platform.sample import dirt, mix, shares
from i94_platform.sample.draw import NULL, Choices, Floats, Ints, Text
from i94_platform.sample.months import rows_in, sas_day

if TYPE_CHECKING:
    import pyarrow as pa

Columns = dict[str, Floats | Text]
"""Drawn rows by column; a number is missing where it is NaN."""

ROW_GROUP = 250_000
"""Rows of a row group, and so the most that are held at once."""

JUNE_EXTRAS = ("validres", "delete_days", "delete_mexl", "delete_dup", "delete_visa", "delete_recdup")
"""Columns that a delivery of June carries besides the 28; the last five are always 0 here."""

_JUNE = 6
_DAYS_WRITTEN = 1_300  # from the first of the month to the latest admission
_MODE_CODES = np.array([1, 2, 3, 9, np.nan])
_AIR, _SEA, _LAND = range(3)
_CARRIERS, _FLIGHT_SEED = 1_000, 7
_FIRST_SHORT, _LAST_SHORT = 10, 9_999

# Every flight number that can be drawn; the codes of a kind start at its offset.
_PADDED = tuple(f"{number:05d}" for number in range(100_000))
_SHORT = tuple(str(number) for number in range(_LAST_SHORT + 1))
_TAILS = tuple(f"N{100 + number % 900}{'ABCDEFGH'[number % 8]}" for number in range(1_000))
_FLIGHT_TEXTS = (*_PADDED, *_SHORT, *_TAILS, "LAND", "MANAD")
_SHORT_AT = len(_PADDED)
_TAILS_AT = _SHORT_AT + len(_SHORT)
_LAND_AT = _TAILS_AT + len(_TAILS)
_MANAD_AT = _LAND_AT + 1
_INS_NUMBERS = tuple(str(number) for number in range(3600, 3960))


def write_month(out: Path, month: Month, rows: int, seed: int, progress: Callable[[str, int, int], None]) -> Path:
    """Write the delivery of `month` into `out`: `rows_in(month, rows)` good rows, then the refused ones."""
    import pyarrow.parquet as pq

    path = out / f"{month.file_stem}.parquet"
    unfinished = out / f".{path.name}.part"
    arrivals = _Arrivals(month, np.random.default_rng([seed, month.year, month.month]))
    regular = rows_in(month, rows) - dirt.odd_rows(month)
    extra = dirt.odd_rows(month) + dirt.spoiled_rows(rows)
    total = regular + extra + dirt.duplicate_rows(rows)
    with pq.ParquetWriter(unfinished, schema(month)) as writer:
        originals = table = arrivals.table(min(ROW_GROUP, regular))
        for done in range(0, regular, ROW_GROUP):
            table = table if done == 0 else arrivals.table(min(ROW_GROUP, regular - done))
            writer.write_table(table, row_group_size=ROW_GROUP)
            progress(path.name, done + table.num_rows, total)
        writer.write_table(dirt.last_rows(arrivals.table(extra), originals, month, rows))
    progress(path.name, total, total)
    unfinished.replace(path)  # a delivery appears whole, for the sensor that watches the folder
    return path


def schema(month: Month) -> pa.Schema:
    """The delivered columns of `month`: the 28, and six more in a June."""
    import pyarrow as pa

    delivered = arrow_schema(delivered_immigration)
    for name in JUNE_EXTRAS if month.month == _JUNE else ():
        delivered = delivered.append(pa.field(name, pa.float64()))
    return delivered


class _Arrivals:
    """Draws the arrivals of one month, batch after batch; record numbers rise from one batch to the next."""

    def __init__(self, month: Month, rng: np.random.Generator) -> None:
        self._month, self._rng = month, rng
        self._first = sas_day(month.first_day)
        self._last_key = 5
        self._origins = mix.origins(month)
        self._ports, self._airlines, self._visatypes = mix.ports(), mix.airlines(), mix.visatypes(month)
        self._addresses = mix.addresses(self._ports.values)
        self._admissions = mix.admissions(self._visatypes.values)
        self._purpose = np.array([shares.PURPOSE[name] for name in self._visatypes.values])
        length = (month.next_first_day - month.first_day).days
        weekdays = (month.first_day.weekday() + np.arange(length)) % len(shares.WEEKDAYS)
        self._days = Choices.of({str(day): shares.WEEKDAYS[weekday] for day, weekday in enumerate(weekdays)})
        self._filed_days = _dates(month, "{0:%Y%m%d}")
        self._admission_days = (*_dates(month, "{0:%m%d%Y}"), "D/S")

    def table(self, n: int) -> pa.Table:
        """`n` further arrivals as an Arrow table with the month's schema."""
        import pyarrow as pa

        columns = self._draw(n)
        if self._month.month == _JUNE:
            columns |= {name: np.full(n, float(name == "validres")) for name in JUNE_EXTRAS}
        target = schema(self._month)
        return pa.table([_arrow(columns[name]) for name in target.names], schema=target)

    def _draw(self, n: int) -> Columns:
        """All columns; what depends on what is the order of the calls."""
        rng = self._rng
        origin = self._origins.choices.draw(rng, 0, n)
        mode = shares.MODES.draw(rng, 0, n)
        lane = np.where(mode == _AIR, self._origins.group[origin], len(shares.GROUPS) - 1 + mode)
        port = self._ports.draw(rng, lane, n)
        visa = self._visatypes.draw(rng, self._visa_kind(origin, port), n)
        arrival = self._first + self._days.draw(rng, 0, n)
        return {
            **self._record(n),
            "i94res": self._origins.code[origin],
            "i94cit": self._citizenship(origin),
            "i94mode": _MODE_CODES[mode],
            "i94port": Text(self._ports.values, port),
            "i94addr": self._address(port),
            "arrdate": arrival.astype(float),
            "visatype": Text(self._visatypes.values, visa),
            "i94visa": self._purpose[visa].astype(float),
            "entdepa": shares.ARRIVAL_FLAGS.text(rng, lane, n),
            **self._carrier(mode, lane),
            **self._person(visa),
            **self._departure(arrival, visa),
            **self._papers(origin, visa, arrival),
        }

    def _record(self, n: int) -> Columns:
        keys = self._last_key + self._rng.integers(1, 4, n).cumsum()
        self._last_key = int(keys[-1])
        return {
            "cicid": keys.astype(float),
            "i94yr": np.full(n, float(self._month.year)),
            "i94mon": np.full(n, float(self._month.month)),
            "count": np.ones(n),
        }

    def _visa_kind(self, origin: Ints, port: Ints) -> Ints:
        islands, saipan = self._ports.where(port, "AGA", "SAI"), self._ports.where(port, "SAI")
        return mix.visa_kinds(self._origins.waiver[origin], self._origins.group[origin], islands, saipan)

    def _citizenship(self, origin: Ints) -> Floats:
        rng, n, origins = self._rng, len(origin), self._origins
        moved = rng.random(n) < shares.MIGRANT_SHARE
        home = np.where(moved, origins.choices.draw(rng, 0, n), origin)
        own_code = np.where(rng.random(n) < origins.citizen_share[home], origins.citizen[home], origins.code[home])
        strays = np.array(shares.STRAY_CITIZENS.values, dtype=float)[shares.STRAY_CITIZENS.draw(rng, 0, n)]
        return np.where(rng.random(n) < shares.STRAY_SHARE, strays, own_code)

    def _address(self, port: Ints) -> Text:
        rng, n, addresses = self._rng, len(port), self._addresses
        elsewhere = addresses.choices.draw(rng, 0, n)
        return Text(
            addresses.choices.values,
            np.where(rng.random(n) < addresses.same[port], addresses.own[port], elsewhere),
        )

    def _carrier(self, mode: Ints, lane: Ints) -> Columns:
        rng, n = self._rng, len(mode)
        airline = self._airlines.draw(rng, lane, n)
        number = _flight_numbers()[airline, shares.FLIGHTS.draw(rng, 0, n)]
        short = (rng.random(n) < shares.UNPADDED_SHARE) & (number >= _FIRST_SHORT) & (number <= _LAST_SHORT)
        chance = rng.random(n)
        none = self._airlines.where(airline, NULL)
        code = np.where(short, _SHORT_AT + number, number)
        code = np.where(self._airlines.where(airline, "*GA"), _TAILS_AT + number % len(_TAILS), code)
        code = np.where(none & (mode != _LAND), -1, code)
        code = np.where((mode == _SEA) & ~none & (chance < shares.MANAD_SHARE), _MANAD_AT, code)
        code = np.where((mode == _LAND) & (chance < shares.LAND_SHARE), _LAND_AT, code)
        code = np.where((mode == _LAND) & (chance > 1 - shares.NO_LAND_FLIGHT_SHARE), -1, code)
        return {"airline": Text(self._airlines.values, airline), "fltno": Text(_FLIGHT_TEXTS, code)}

    def _person(self, visa: Ints) -> Columns:
        rng, n = self._rng, len(visa)
        purpose = self._purpose[visa] - 1
        age = shares.AGES.draw(rng, purpose, n)
        age[rng.random(n) < shares.NO_AGE_SHARE] = np.nan
        academic, vocational = self._visatypes.where(visa, "F1"), self._visatypes.where(visa, "M1")
        return {
            "i94bir": age,
            "biryear": self._month.year - age,
            "gender": shares.GENDERS.text(rng, purpose, n),
            "occup": shares.OCCUPATIONS.text(rng, academic + 2 * vocational, n),
        }

    def _departure(self, arrival: Ints, visa: Ints) -> Columns:
        rng, n = self._rng, len(visa)
        kind = self._stay_kind(visa)
        stay = shares.STAYS.draw(rng, kind, n)
        stay = np.where(rng.random(n) < shares.BACKWARD_SHARE, -stay, stay)
        open_ended = rng.random(n) < shares.NOT_LEFT[kind]
        departed = shares.DEPARTURE_FLAGS.text(rng, open_ended.astype(int), n)
        unmatched = np.array([value == NULL for value in departed.values])[departed.codes]
        return {
            "depdate": np.where(open_ended, np.nan, arrival + stay),
            "entdepd": departed,
            "entdepu": shares.UPDATE_FLAGS.text(rng, 0, n),
            "matflag": Text(("M",), np.where(unmatched, -1, 0)),
        }

    def _stay_kind(self, visa: Ints) -> Ints:
        classes = self._visatypes
        waiver, visa_holder, student, island = range(len(shares.STAY_KINDS))
        kind = np.where(classes.where(visa, *shares.WITHOUT_VISA), waiver, visa_holder)
        kind = np.where(classes.where(visa, *shares.ISLAND_PROGRAMMES), island, kind)
        return np.where(self._purpose[visa] == shares.PURPOSE["F1"], student, kind)

    def _papers(self, origin: Ints, visa: Ints, arrival: Ints) -> Columns:
        rng, n = self._rng, len(visa)
        days_later = shares.FILED_LATER.draw(rng, np.zeros(n, int), n).astype(int)
        filed = arrival - self._first + np.where(rng.random(n) < shares.FILED_LATER_SHARE, days_later, 0)
        programme = self._visatypes.where(visa, *shares.ISLAND_PROGRAMMES).astype(int)
        numbered = rng.random(n) < shares.INS_NUMBER_SHARES[programme]
        return {
            "dtadfile": Text(self._filed_days, filed),
            "dtaddto": self._admitted_until(arrival, visa),
            "visapost": self._post(origin, visa),
            "insnum": Text(_INS_NUMBERS, np.where(numbered, rng.integers(0, len(_INS_NUMBERS), n), -1)),
            "admnum": self._admission_number(visa),
        }

    def _admitted_until(self, arrival: Ints, visa: Ints) -> Text:
        drawn = self._admissions.draw(self._rng, visa, len(visa))
        values = self._admissions.values
        days = np.array([int(value) if value.isdigit() else 0 for value in values])[drawn]
        code = np.where(self._admissions.where(drawn, "D/S"), _DAYS_WRITTEN, arrival - self._first + days)
        return Text(self._admission_days, np.where(self._admissions.where(drawn, NULL), -1, code))

    def _post(self, origin: Ints, visa: Ints) -> Text:
        rng, n, origins = self._rng, len(visa), self._origins
        anywhere = origins.posts.draw(rng, 0, n)
        own = origins.post[origin]
        post = np.where((own < 0) | (rng.random(n) < shares.VISA_POST_ABROAD), anywhere, own)
        none = self._visatypes.where(visa, *shares.WITHOUT_VISA) | (rng.random(n) < shares.VISA_POST_MISSING)
        return Text(origins.posts.values, np.where(none, -1, post))

    def _admission_number(self, visa: Ints) -> Floats:
        rng, n = self._rng, len(visa)
        kind = np.where(self._visatypes.where(visa, *shares.WITHOUT_VISA), 0, 1)
        drawn = shares.ADMISSION_NUMBERS.draw(rng, kind, n)
        low, high = shares.ADMISSION_RANGES[np.array(shares.ADMISSION_NUMBERS.values, dtype=int)[drawn]].T
        number = np.floor(low + rng.random(n) * (high - low))
        reused: Floats = np.where(rng.random(n) < shares.REUSED_NUMBER_SHARE, np.roll(number, 1), number)
        return reused


@cache
def _flight_numbers() -> Ints:
    """The numbers that each carrier gives to its flights, the same in all months and for all seeds."""
    rng = np.random.default_rng(_FLIGHT_SEED)
    flights = len(shares.FLIGHTS.values)
    drawn = shares.FLIGHT_NUMBERS.draw(rng, np.zeros(_CARRIERS * flights, int), _CARRIERS * flights)
    return drawn.astype(int).reshape(_CARRIERS, flights)


def _dates(month: Month, form: str) -> tuple[str, ...]:
    return tuple(form.format(month.first_day + dt.timedelta(days=day)) for day in range(_DAYS_WRITTEN))


def _arrow(column: Floats | Text) -> pa.Array[Any]:
    import pyarrow as pa

    if not isinstance(column, Text):
        return pa.array(column, mask=np.isnan(column))
    values = pa.array([None if value == NULL else value for value in column.values], pa.string())
    return values.take(pa.array(column.codes, pa.int64(), mask=column.codes < 0))

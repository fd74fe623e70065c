"""One month of arrivals as a delivered Parquet file.

Rows are drawn and written in row groups, so that a month of any size takes the memory of one.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from i94_platform.contracts import delivered_immigration
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.partitions import Month
from i94_platform.sample import defects, shares
from i94_platform.sample import month_distributions as distributions
from i94_platform.sample.distributions import NULL, Categorical, Floats, Ints, TextColumn
from i94_platform.sample.months import accepted_row_count, sas_day

if TYPE_CHECKING:
    import pyarrow as pa

    from i94_platform.sample import Progress

Columns = dict[str, Floats | TextColumn]
"""Rows by column; NaN is a missing number."""

ROW_GROUP = 250_000
"""Rows of a row group: the most that are held in memory."""

JUNE_EXTRAS = ("validres", "delete_days", "delete_mexl", "delete_dup", "delete_visa", "delete_recdup")
"""Columns that only a delivery of June carries; all but the first are always 0 here."""

_JUNE = 6
_DATE_COUNT = 1_300  # from the first of the month to the latest admission
_MODE_CODES = np.array([1, 2, 3, 9, np.nan])
_AIR, _SEA, _LAND = range(3)
_CARRIERS, _FLIGHT_SEED = 1_000, 7
_MIN_SHORT, _MAX_SHORT = 10, 9_999

# All texts of flight numbers; the codes of each kind start at its offset.
_PADDED = tuple(f"{number:05d}" for number in range(100_000))
_SHORT = tuple(str(number) for number in range(_MAX_SHORT + 1))
_TAILS = tuple(f"N{100 + number % 900}{'ABCDEFGH'[number % 8]}" for number in range(1_000))
_FLIGHT_TEXTS = (*_PADDED, *_SHORT, *_TAILS, "LAND", "MANAD")
_SHORT_OFFSET = len(_PADDED)
_TAIL_OFFSET = _SHORT_OFFSET + len(_SHORT)
_LAND_CODE = _TAIL_OFFSET + len(_TAILS)
_MANAD_CODE = _LAND_CODE + 1
_INS_NUMBERS = tuple(str(number) for number in range(3600, 3960))


def write_month(out: Path, month: Month, rows: int, seed: int, progress: Progress) -> Path:
    """Write the delivery of `month` into `out`: `accepted_row_count(month, rows)` valid rows, then the rejects."""
    import pyarrow.parquet as pq

    path = out / f"{month.file_stem}.parquet"
    unfinished = out / f".{path.name}.part"
    arrivals = _ArrivalGenerator(month, np.random.default_rng([seed, month.year, month.month]))
    odd = defects.edge_case_count(month) + defects.unreadable_row_count(rows)
    plain = accepted_row_count(month, rows) - odd
    last = odd + defects.defective_row_count(rows)
    total = plain + last + defects.duplicate_row_count(rows)
    with pq.ParquetWriter(unfinished, delivery_schema(month)) as writer:
        for done in range(0, plain, ROW_GROUP):
            table = arrivals.draw_table(min(ROW_GROUP, plain - done))
            if done == 0:
                originals = table
            writer.write_table(table, row_group_size=ROW_GROUP)
            progress(path.name, done + table.num_rows, total)
        writer.write_table(defects.build_last_rows(arrivals.draw_table(last), originals, month, rows))
    progress(path.name, total, total)
    unfinished.replace(path)  # atomic, because a sensor may watch the folder
    return path


def delivery_schema(month: Month) -> pa.Schema:
    """Return the Arrow schema of a delivery of `month`; a June has more columns."""
    import pyarrow as pa

    delivered = arrow_schema(delivered_immigration)
    for name in JUNE_EXTRAS if month.month == _JUNE else ():
        delivered = delivered.append(pa.field(name, pa.float64()))
    return delivered


class _ArrivalGenerator:
    """Draws the arrivals of one month in batches; record numbers rise from one batch to the next."""

    def __init__(self, month: Month, rng: np.random.Generator) -> None:
        self._month, self._rng = month, rng
        self._first = sas_day(month.first_day)
        self._last_key = 5
        self._origins = distributions.build_origins(month)
        self._ports, self._airlines = distributions.build_ports(), distributions.build_airlines()
        self._visatypes = distributions.build_visatypes(month)
        self._addresses = distributions.build_addresses(self._ports.values)
        self._admissions = distributions.build_admissions(self._visatypes.values)
        self._purpose = np.array([shares.PURPOSE[name] for name in self._visatypes.values])
        length = (month.next_first_day - month.first_day).days
        weekdays = (month.first_day.weekday() + np.arange(length)) % len(shares.WEEKDAYS)
        self._days = Categorical.of({str(day): shares.WEEKDAYS[weekday] for day, weekday in enumerate(weekdays)})
        self._filed_days = _format_dates(month, "{0:%Y%m%d}")
        self._admission_days = (*_format_dates(month, "{0:%m%d%Y}"), "D/S")

    def draw_table(self, n: int) -> pa.Table:
        """Draw the next `n` arrivals as an Arrow table with the month's schema."""
        import pyarrow as pa

        columns = self._draw_columns(n)
        if self._month.month == _JUNE:
            columns |= {name: np.full(n, float(name == "validres")) for name in JUNE_EXTRAS}
        target = delivery_schema(self._month)
        return pa.table([_to_arrow(columns[name]) for name in target.names], schema=target)

    def _draw_columns(self, n: int) -> Columns:
        """Draw all columns; the order of the calls decides the bytes of a seed."""
        rng = self._rng
        origin = self._origins.distribution.draw(rng, 0, n)
        mode = shares.MODES.draw(rng, 0, n)
        lane = np.where(mode == _AIR, self._origins.group[origin], len(shares.GROUPS) - 1 + mode)
        port = self._ports.draw(rng, lane, n)
        visa = self._visatypes.draw(rng, self._visa_stratum(origin, port), n)
        arrival = self._first + self._days.draw(rng, 0, n)
        return {
            **self._draw_record(n),
            "i94res": self._origins.code[origin],
            "i94cit": self._draw_citizenship(origin),
            "i94mode": _MODE_CODES[mode],
            "i94port": TextColumn(self._ports.values, port),
            "i94addr": self._draw_address(port),
            "arrdate": arrival.astype(float),
            "visatype": TextColumn(self._visatypes.values, visa),
            "i94visa": self._purpose[visa].astype(float),
            "entdepa": shares.ARRIVAL_FLAGS.draw_text(rng, lane, n),
            **self._draw_flight(mode, lane),
            **self._draw_person(visa),
            **self._draw_departure(arrival, visa),
            **self._draw_documents(origin, visa, arrival),
        }

    def _draw_record(self, n: int) -> Columns:
        keys = self._last_key + self._rng.integers(1, 4, n).cumsum()
        self._last_key = int(keys[-1])
        return {
            "cicid": keys.astype(float),
            "i94yr": np.full(n, float(self._month.year)),
            "i94mon": np.full(n, float(self._month.month)),
            "count": np.ones(n),
        }

    def _visa_stratum(self, origin: Ints, port: Ints) -> Ints:
        islands, saipan = self._ports.is_in(port, "AGA", "SAI"), self._ports.is_in(port, "SAI")
        return distributions.visa_strata(self._origins.waiver[origin], self._origins.group[origin], islands, saipan)

    def _draw_citizenship(self, origin: Ints) -> Floats:
        rng, n, origins = self._rng, len(origin), self._origins
        is_migrant = rng.random(n) < shares.MIGRANT_SHARE
        home = np.where(is_migrant, origins.distribution.draw(rng, 0, n), origin)
        is_own = rng.random(n) < origins.citizenship_share[home]
        code = np.where(is_own, origins.citizenship[home], origins.code[home])
        others = np.array(shares.OTHER_CITIZENSHIPS.values, dtype=float)[shares.OTHER_CITIZENSHIPS.draw(rng, 0, n)]
        return np.where(rng.random(n) < shares.OTHER_CITIZENSHIP_SHARE, others, code)

    def _draw_address(self, port: Ints) -> TextColumn:
        rng, n, addresses = self._rng, len(port), self._addresses
        other = addresses.others.draw(rng, 0, n)
        return TextColumn(
            addresses.others.values,
            np.where(rng.random(n) < addresses.own_share[port], addresses.own[port], other),
        )

    def _draw_flight(self, mode: Ints, lane: Ints) -> Columns:
        rng, n = self._rng, len(mode)
        airline = self._airlines.draw(rng, lane, n)
        number = _flight_numbers()[airline, shares.FLIGHTS.draw(rng, 0, n)]
        short = (rng.random(n) < shares.UNPADDED_SHARE) & (number >= _MIN_SHORT) & (number <= _MAX_SHORT)
        chance = rng.random(n)
        none = self._airlines.is_in(airline, NULL)
        code = np.where(short, _SHORT_OFFSET + number, number)
        code = np.where(self._airlines.is_in(airline, "*GA"), _TAIL_OFFSET + number % len(_TAILS), code)
        code = np.where(none & (mode != _LAND), -1, code)
        code = np.where((mode == _SEA) & ~none & (chance < shares.MANAD_SHARE), _MANAD_CODE, code)
        code = np.where((mode == _LAND) & (chance < shares.LAND_SHARE), _LAND_CODE, code)
        code = np.where((mode == _LAND) & (chance > 1 - shares.NO_LAND_FLIGHT_SHARE), -1, code)
        return {"airline": TextColumn(self._airlines.values, airline), "fltno": TextColumn(_FLIGHT_TEXTS, code)}

    def _draw_person(self, visa: Ints) -> Columns:
        rng, n = self._rng, len(visa)
        purpose = self._purpose[visa] - 1
        age = shares.AGES.draw(rng, purpose, n)
        age[rng.random(n) < shares.NO_AGE_SHARE] = np.nan
        academic, vocational = self._visatypes.is_in(visa, "F1"), self._visatypes.is_in(visa, "M1")
        return {
            "i94bir": age,
            "biryear": self._month.year - age,
            "gender": shares.GENDERS.draw_text(rng, purpose, n),
            "occup": shares.OCCUPATIONS.draw_text(rng, academic + 2 * vocational, n),
        }

    def _draw_departure(self, arrival: Ints, visa: Ints) -> Columns:
        rng, n = self._rng, len(visa)
        kind = self._stay_stratum(visa)
        stay = shares.STAYS.draw(rng, kind, n)
        stay = np.where(rng.random(n) < shares.EARLY_DEPARTURE_SHARE, -stay, stay)
        open_ended = rng.random(n) < shares.OPEN_STAY_SHARES[kind]
        departed = shares.DEPARTURE_FLAGS.draw_text(rng, open_ended.astype(int), n)
        unmatched = np.array([value == NULL for value in departed.values])[departed.codes]
        return {
            "depdate": np.where(open_ended, np.nan, arrival + stay),
            "entdepd": departed,
            "entdepu": shares.UPDATE_FLAGS.draw_text(rng, 0, n),
            "matflag": TextColumn(("M",), np.where(unmatched, -1, 0)),
        }

    def _stay_stratum(self, visa: Ints) -> Ints:
        classes = self._visatypes
        waiver, visa_holder, student, island = range(len(shares.STAY_STRATA))
        kind = np.where(classes.is_in(visa, *shares.WITHOUT_VISA), waiver, visa_holder)
        kind = np.where(classes.is_in(visa, *shares.ISLAND_PROGRAMMES), island, kind)
        return np.where(self._purpose[visa] == shares.PURPOSE["F1"], student, kind)

    def _draw_documents(self, origin: Ints, visa: Ints, arrival: Ints) -> Columns:
        rng, n = self._rng, len(visa)
        days_later = shares.LATE_FILING_DAYS.draw(rng, np.zeros(n, int), n).astype(int)
        filed = arrival - self._first + np.where(rng.random(n) < shares.LATE_FILING_SHARE, days_later, 0)
        programme = self._visatypes.is_in(visa, *shares.ISLAND_PROGRAMMES).astype(int)
        numbered = rng.random(n) < shares.INS_NUMBER_SHARES[programme]
        return {
            "dtadfile": TextColumn(self._filed_days, filed),
            "dtaddto": self._draw_admission_end(arrival, visa),
            "visapost": self._draw_post(origin, visa),
            "insnum": TextColumn(_INS_NUMBERS, np.where(numbered, rng.integers(0, len(_INS_NUMBERS), n), -1)),
            "admnum": self._draw_admission_number(visa),
        }

    def _draw_admission_end(self, arrival: Ints, visa: Ints) -> TextColumn:
        drawn = self._admissions.draw(self._rng, visa, len(visa))
        values = self._admissions.values
        days = np.array([int(value) if value.isdigit() else 0 for value in values])[drawn]
        code = np.where(self._admissions.is_in(drawn, "D/S"), _DATE_COUNT, arrival - self._first + days)
        return TextColumn(self._admission_days, np.where(self._admissions.is_in(drawn, NULL), -1, code))

    def _draw_post(self, origin: Ints, visa: Ints) -> TextColumn:
        rng, n, origins = self._rng, len(visa), self._origins
        anywhere = origins.posts.draw(rng, 0, n)
        own = origins.post[origin]
        post = np.where((own < 0) | (rng.random(n) < shares.FOREIGN_POST_SHARE), anywhere, own)
        none = self._visatypes.is_in(visa, *shares.WITHOUT_VISA) | (rng.random(n) < shares.MISSING_POST_SHARE)
        return TextColumn(origins.posts.values, np.where(none, -1, post))

    def _draw_admission_number(self, visa: Ints) -> Floats:
        rng, n = self._rng, len(visa)
        kind = np.where(self._visatypes.is_in(visa, *shares.WITHOUT_VISA), 0, 1)
        drawn = shares.ADMISSION_NUMBERS.draw(rng, kind, n)
        low, high = shares.ADMISSION_RANGES[np.array(shares.ADMISSION_NUMBERS.values, dtype=int)[drawn]].T
        number = np.floor(low + rng.random(n) * (high - low))
        reused: Floats = np.where(rng.random(n) < shares.REUSED_NUMBER_SHARE, np.roll(number, 1), number)
        return reused


@cache
def _flight_numbers() -> Ints:
    """Return the flight numbers of each carrier, the same in all months and for all seeds."""
    rng = np.random.default_rng(_FLIGHT_SEED)
    flights = len(shares.FLIGHTS.values)
    drawn = shares.FLIGHT_NUMBERS.draw(rng, np.zeros(_CARRIERS * flights, int), _CARRIERS * flights)
    return drawn.astype(int).reshape(_CARRIERS, flights)


def _format_dates(month: Month, pattern: str) -> tuple[str, ...]:
    return tuple(pattern.format(month.first_day + dt.timedelta(days=day)) for day in range(_DATE_COUNT))


def _to_arrow(column: Floats | TextColumn) -> pa.Array[Any]:
    import pyarrow as pa

    if not isinstance(column, TextColumn):
        return pa.array(column, mask=np.isnan(column))
    values = pa.array([None if value == NULL else value for value in column.values], pa.string())
    return values.take(pa.array(column.codes, pa.int64(), mask=column.codes < 0))

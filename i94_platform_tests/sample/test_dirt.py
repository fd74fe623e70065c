"""Pins that every month carries every kind of dirt in exactly the announced numbers, each row for one reason, so that
a quarantine can be held to these numbers; the conditions below are written anew, from the meaning of each reason."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from i94_platform.partitions import Month
from i94_platform.sample import FEWEST_ROWS, expected_refusals, rows_in, write_sample

REASONS = {
    "null_key": "cicid IS NULL",
    "duplicate_key": "nth > 1",
    "other_month": "i94yr <> {year} OR i94mon <> {month}",
    "arrival_outside_month": "arrdate IS NULL OR arrdate < {first} OR arrdate >= {next_first}",
    "uncastable:i94bir": "i94bir <> floor(i94bir)",
    "uncastable:admnum": "abs(admnum) > 9.2e18",
    "uncastable:dtadfile": "dtadfile IS NOT NULL AND try_strptime(dtadfile, '%Y%m%d') IS NULL",
    "uncastable:gender": "length(gender) > 1",
    "unlisted:i94visa": "i94visa NOT IN (1, 2, 3)",
}
SIZES = (FEWEST_ROWS, 3_000, 120_000)


def counts(path: Path, month: Month) -> dict[str, int]:
    """Rows of a delivery, rows with any reason, reasons over all rows, and rows per reason."""
    days = [(day - Month(2000, 1).first_day).days + 14_610 for day in (month.first_day, month.next_first_day)]
    values = {"year": month.year, "month": month.month, "first": days[0], "next_first": days[1]}
    flags = [f"coalesce(({condition.format(**values)})::INT, 0)" for condition in REASONS.values()]
    broken = " + ".join(flags)
    row = (
        duckdb.connect()
        .execute(
            f"""
        WITH numbered AS (
          SELECT *, row_number() OVER (PARTITION BY coalesce(cicid, -file_row_number) ORDER BY file_row_number) AS nth
          FROM read_parquet('{path}', file_row_number = true)
        )
        SELECT count(*), count(*) FILTER ({broken} > 0), sum({broken}), {", ".join(f"sum({flag})" for flag in flags)}
        FROM numbered
        """
        )
        .fetchone()
    )
    assert row is not None
    return dict(zip(["rows", "refused", "reasons", *REASONS], map(int, row), strict=True))


@pytest.mark.parametrize("rows", SIZES)
def test_every_month_holds_each_kind_of_dirt_in_the_expected_number(tmp_path: Path, rows: int) -> None:
    expected = expected_refusals(rows)
    assert expected.keys() == REASONS.keys()
    write_sample(tmp_path, first="2016-06", last="2016-07", rows=rows)
    for month in (Month(2016, 6), Month(2016, 7)):
        found = counts(tmp_path / f"{month.file_stem}.parquet", month)
        assert {reason: found[reason] for reason in REASONS} == expected
        assert found["rows"] == rows_in(month, rows) + sum(expected.values())
        assert found["refused"] == found["reasons"] == sum(expected.values())


def test_dirt_is_at_least_one_row_and_at_most_a_few_of_each_kind() -> None:
    assert min(expected_refusals(FEWEST_ROWS).values()) == 1
    assert expected_refusals(50_000)["null_key"] == 3
    assert expected_refusals(3_000_000) == expected_refusals(10_000_000)
    assert max(expected_refusals(10_000_000).values()) <= 60


def test_half_of_the_duplicates_repeat_a_whole_row_and_half_only_its_key(sample: Path) -> None:
    delivered = f"read_parquet('{sample / 'i94_apr16_sub.parquet'}')"
    keys = f"SELECT cicid FROM {delivered} WHERE cicid IS NOT NULL GROUP BY cicid HAVING count(*) = 2"
    distinct = f"SELECT DISTINCT * FROM {delivered} SEMI JOIN ({keys}) USING (cicid)"
    versions = f"SELECT cicid, count(*) AS n FROM ({distinct}) GROUP BY cicid"
    query = f"SELECT count(*) FILTER (n = 1), count(*) FILTER (n = 2) FROM ({versions})"
    found = duckdb.connect().execute(query).fetchone()
    half = expected_refusals(50_000)["duplicate_key"] // 2
    assert found == (half, half)


@pytest.mark.parametrize(
    "odd",
    [
        "dtaddto = '/   183D'", "dtaddto = '183'", "dtaddto = '06 02002'", "dtaddto = '10 02003'",
        "dtaddto = '12319999'",
        "dtadfile IS NULL AND i94mode IS NULL AND i94port = 'XXX'", "dtadfile = '20130811'",
        "i94bir = -3 AND biryear = 2019",
        "i94bir = 114", "depdate - arrdate > 20000", "arrdate - depdate > 5000", "admnum = 0", "fltno = 'FC 35'",
        "i94addr = '.C'", "insnum = 'WALKIN'",
    ],
)  # fmt: skip
def test_a_good_row_carries_each_oddity_of_the_real_month(sample: Path, odd: str) -> None:
    path = sample / "i94_apr16_sub.parquet"
    good = "i94mon = 4 AND i94yr = 2016 AND i94visa <= 3 AND cicid IS NOT NULL"
    found = duckdb.connect().execute(f"SELECT count(*) FROM read_parquet('{path}') WHERE {odd} AND {good}").fetchone()
    assert found is not None
    assert found[0] >= 1

"""Every month holds the announced rejects per reason and unreadable values; each reject has one reason.

The tests of the quarantine rely on these numbers. The conditions below are written from the meaning of each reason,
not from the rules of the platform.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from i94_platform.partitions import Month
from i94_platform.sample import MIN_ROWS, accepted_row_count, expected_rejects, expected_unreadable, write_sample

REASONS = {
    "null_key": "cicid IS NULL",
    "duplicate_key": "nth > 1",
    "other_month": "i94yr <> {year} OR i94mon <> {month}",
    "arrival_outside_month": "arrdate IS NULL OR arrdate < {first} OR arrdate >= {next_first}",
    "unlisted:i94visa": "i94visa NOT IN (1, 2, 3)",
}
UNREADABLE = {
    "admnum": "abs(admnum) > 9.2e18",
    "dtadfile": "dtadfile IS NOT NULL AND try_strptime(dtadfile, '%Y%m%d') IS NULL",
    "gender": "length(gender) > 1",
    "i94bir": "i94bir <> floor(i94bir)",
}
SIZES = (MIN_ROWS, 3_000, 120_000)


def count_rejects(path: Path, month: Month) -> dict[str, int]:
    """Count a delivery's rows, its rejects, the reasons of all rows, the rows per reason, the unreadable values."""
    days = [(day - Month(2000, 1).first_day).days + 14_610 for day in (month.first_day, month.next_first_day)]
    values = {"year": month.year, "month": month.month, "first": days[0], "next_first": days[1]}
    flags = [f"coalesce(({condition.format(**values)})::INT, 0)" for condition in REASONS.values()]
    any_reason = " + ".join(flags)
    sums = ", ".join([*(f"sum({flag})" for flag in flags), *(f"count(*) FILTER ({c})" for c in UNREADABLE.values())])
    row = (
        duckdb.connect()
        .execute(
            f"""
        WITH numbered AS (
          SELECT *, row_number() OVER (PARTITION BY coalesce(cicid, -file_row_number) ORDER BY file_row_number) AS nth
          FROM read_parquet('{path}', file_row_number = true)
        )
        SELECT count(*), count(*) FILTER ({any_reason} > 0), sum({any_reason}), {sums}
        FROM numbered
        """
        )
        .fetchone()
    )
    assert row is not None
    return dict(zip(["rows", "rejects", "reasons", *REASONS, *UNREADABLE], map(int, row), strict=True))


@pytest.mark.parametrize("rows", SIZES)
def test_every_month_holds_the_expected_rejects_per_reason(tmp_path: Path, rows: int) -> None:
    expected = expected_rejects(rows)
    assert expected.keys() == REASONS.keys()
    write_sample(tmp_path, first="2016-06", last="2016-07", rows=rows)
    for month in (Month(2016, 6), Month(2016, 7)):
        counts = count_rejects(tmp_path / f"{month.file_stem}.parquet", month)
        assert {reason: counts[reason] for reason in REASONS} == expected
        assert {name: counts[name] for name in UNREADABLE} == expected_unreadable(rows)
        assert counts["rows"] == accepted_row_count(month, rows) + sum(expected.values())
        assert counts["rejects"] == counts["reasons"] == sum(expected.values())


def test_each_reason_has_one_reject_or_more_and_at_most_a_few() -> None:
    assert min(expected_rejects(MIN_ROWS).values()) == 1
    assert expected_rejects(50_000)["null_key"] == 3
    assert expected_rejects(3_000_000) == expected_rejects(10_000_000)
    assert max(expected_rejects(10_000_000).values()) <= 60


def test_half_of_the_duplicates_repeat_a_whole_row_and_half_only_its_key(sample: Path) -> None:
    delivered = f"read_parquet('{sample / 'i94_apr16_sub.parquet'}')"
    keys = f"SELECT cicid FROM {delivered} WHERE cicid IS NOT NULL GROUP BY cicid HAVING count(*) = 2"
    distinct = f"SELECT DISTINCT * FROM {delivered} SEMI JOIN ({keys}) USING (cicid)"
    versions = f"SELECT cicid, count(*) AS n FROM ({distinct}) GROUP BY cicid"
    query = f"SELECT count(*) FILTER (n = 1), count(*) FILTER (n = 2) FROM ({versions})"
    counts = duckdb.connect().execute(query).fetchone()
    half = expected_rejects(50_000)["duplicate_key"] // 2
    assert counts == (half, half)


EDGE_CASES = (
    "dtaddto = '/   183D'", "dtaddto = '183'", "dtaddto = '06 02002'", "dtaddto = '10 02003'",
    "dtaddto = '12319999'",
    "dtadfile IS NULL AND i94mode IS NULL AND i94port = 'XXX'", "dtadfile = '20130811'",
    "i94bir = -3 AND biryear = 2019",
    "i94bir = 114", "depdate - arrdate > 20000", "arrdate - depdate > 5000", "admnum = 0", "fltno = 'FC 35'",
    "i94addr = '.C'", "insnum = 'WALKIN'",
)  # fmt: skip


def test_a_valid_row_holds_each_edge_case_of_the_real_month(sample: Path) -> None:
    valid = "i94mon = 4 AND i94yr = 2016 AND i94visa <= 3 AND cicid IS NOT NULL"
    counts = ", ".join(f"count(*) FILTER ({edge_case})" for edge_case in EDGE_CASES)
    query = f"SELECT {counts} FROM read_parquet('{sample / 'i94_apr16_sub.parquet'}') WHERE {valid}"
    row = duckdb.connect().execute(query).fetchone()
    assert row is not None
    assert [edge_case for edge_case, count in zip(EDGE_CASES, row, strict=True) if not count] == []

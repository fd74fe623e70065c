"""A synthetic month has the columns, the shares and the dependencies of the real April 2016, and needs little memory.

The expected shares were measured on the 3,096,313 rows of the real month.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from i94_platform.contracts import delivered_immigration
from i94_platform.contracts.codes import read_reviewed_list
from i94_platform.contracts.model import column_names
from i94_platform.partitions import Month
from i94_platform.sample import accepted_row_count
from i94_platform.sample.immigration import JUNE_EXTRAS, ROW_GROUP, write_month

from .conftest import Query

SHARES = {
    "i94mode = 1": 0.9671, "i94mode = 2": 0.0085, "i94mode = 3": 0.0215, "i94mode = 9": 0.0028,
    "i94mode IS NULL": 0.0001,
    "i94visa = 1": 0.1686, "i94visa = 2": 0.8174, "i94visa = 3": 0.0140,
    "visatype = 'WT'": 0.4228, "visatype = 'B2'": 0.3610, "visatype = 'WB'": 0.0914, "visatype = 'GMT'": 0.0288,
    "visatype = 'CP'": 0.0048, "visatype = 'F1'": 0.0126,
    "i94cit = i94res": 0.8321, "i94cit = 135": 0.116, "i94cit = 148": 0.0510, "i94cit = 254": 0.0445,
    "i94res = 112": 0.0506, "i94res = 135": 0.1190, "i94res = 209": 0.0805,
    "i94addr IS NULL": 0.0493, "i94addr = 'FL'": 0.2008, "i94addr = 'NY'": 0.1788, "i94addr = 'HI'": 0.0545,
    "i94addr = 'US'": 0.0024, "i94addr IN ('MP', 'VQ', 'GQ')": 0.0031,
    "i94port = 'NYC'": 0.1569, "i94port = 'MIA'": 0.1111, "i94port = 'AGA'": 0.0261, "i94port = 'XXX'": 0.0011,
    "depdate IS NULL": 0.0460, "depdate < arrdate": 0.0001, "entdepd IS NULL": 0.0447,
    "gender IS NULL": 0.1338, "gender = 'M'": 0.4448, "gender = 'F'": 0.4207, "gender = 'X'": 0.0005,
    "visapost IS NULL": 0.6076, "occup IS NULL": 0.9974, "insnum IS NULL": 0.9633, "entdepu IS NULL": 0.9999,
    "entdepa = 'G'": 0.7750, "entdepa = 'Z'": 0.0209,
    "airline IS NULL": 0.0270, "airline = 'VES'": 0.0059, "airline = '*GA'": 0.0024, "airline = 'AA'": 0.1001,
    "fltno IS NULL": 0.0063, "fltno = 'LAND'": 0.0143, "regexp_full_match(fltno, '[0-9]{5}')": 0.9496,
    "dtaddto = 'D/S'": 0.0146, "dtaddto IS NULL": 0.0002, "i94bir IS NULL": 0.0003,
    "dtadfile = strftime(DATE '1960-01-01' + arrdate::INT, '%Y%m%d')": 0.9416,
    "admnum > 2147483647": 0.9738,
}  # fmt: skip


def test_every_share_is_that_of_the_real_april(query_april: Query) -> None:
    averages = ", ".join(f"avg(coalesce(({condition})::INT, 0))" for condition in SHARES)
    actual = dict(zip(SHARES, query_april(f"SELECT [{averages}] FROM april"), strict=True))
    assert actual == pytest.approx(SHARES, rel=0.05, abs=0.0012)


def test_citizenships_outside_the_code_list_are_an_eighth(query_april: Query) -> None:
    listed = ", ".join(read_reviewed_list("i94cit_res")["code"].astype(str))
    assert query_april(f"SELECT avg((i94cit NOT IN ({listed}))::INT) FROM april") == pytest.approx(0.1247, abs=0.005)
    assert query_april(f"SELECT count(*) FROM april WHERE i94res NOT IN ({listed})") == 0


def test_every_port_is_listed_and_99_takes_a_seventeenth_of_the_addresses(query_april: Query) -> None:
    ports = ", ".join(f"'{code}'" for code in read_reviewed_list("i94port")["code"])
    states = ", ".join(f"'{code}'" for code in read_reviewed_list("i94addr")["code"] if code != "99")
    assert query_april(f"SELECT count(*) FROM april WHERE i94port IS NULL OR i94port NOT IN ({ports})") == 0
    other = query_april(f"SELECT avg((i94addr IS NULL OR i94addr NOT IN ({states}))::INT) FROM april")
    assert other == pytest.approx(0.0579, abs=0.003)


def test_the_median_stay_is_a_week_and_the_mean_two(query_april: Query) -> None:
    valid = "april WHERE depdate - arrdate BETWEEN 0 AND 365"
    assert query_april(f"SELECT median(depdate - arrdate) FROM {valid}") == 7
    assert query_april(f"SELECT avg(depdate - arrdate) FROM {valid}") == pytest.approx(14.1, abs=0.6)
    assert query_april(f"SELECT min(depdate - arrdate) FROM {valid}") == 1


IMPOSSIBLE = (
    "i94yr <> 2016 OR i94mon <> 4 OR count <> 1",
    "arrdate NOT BETWEEN 20545 AND 20574 OR arrdate <> floor(arrdate)",
    "(matflag IS NULL) <> (entdepd IS NULL) OR matflag <> 'M'",
    "(biryear IS NULL) <> (i94bir IS NULL) OR biryear <> 2016 - i94bir",
    "i94bir NOT BETWEEN -3 AND 114",
    "entdepd IS NULL AND depdate IS NOT NULL",
    "admnum < 0 OR admnum <> floor(admnum) OR admnum > 1e11",
    "fltno = 'LAND' AND i94mode <> 3",
    "airline = 'VES' AND i94mode NOT IN (2, 9)",
    "visatype IN ('WT', 'WB', 'GMT', 'GMB') AND visapost IS NOT NULL",
)


def test_no_valid_row_breaks_what_always_holds_in_the_real_month(query_april: Query) -> None:
    counts = ", ".join(f"count(*) FILTER ({condition})" for condition in IMPOSSIBLE)
    broken = zip(IMPOSSIBLE, query_april(f"SELECT [{counts}] FROM april"), strict=True)
    assert [condition for condition, count in broken if count] == []


def test_a_class_of_admission_implies_one_visa_code(query_april: Query) -> None:
    ambiguous = "SELECT visatype FROM april GROUP BY visatype HAVING count(DISTINCT i94visa) > 1"
    assert query_april(f"SELECT count(*) FROM ({ambiguous})") == 0
    assert query_april("SELECT count(DISTINCT visatype) FROM april") >= 12


def test_record_numbers_rise_and_admission_numbers_repeat(query_april: Query) -> None:
    assert query_april("SELECT count(DISTINCT cicid) = count(*) FROM april")
    steps = "SELECT cicid - lag(cicid) OVER (ORDER BY position) AS step FROM april"
    assert query_april(f"SELECT min(step) FROM ({steps})") > 0
    assert 0.985 < query_april("SELECT count(DISTINCT admnum) / count(*) FROM april") < 0.998


def test_a_month_has_the_28_delivered_columns_in_their_order_and_types(sample: Path) -> None:
    schema = pq.read_schema(sample / "i94_apr16_sub.parquet")
    assert schema.names == column_names(delivered_immigration)
    types = [str(type_) for type_ in schema.types]
    assert (types.count("double"), types.count("string")) == (13, 15)
    assert schema.metadata is None


def test_only_june_carries_the_six_further_columns(sample: Path) -> None:
    names = {month: pq.read_schema(sample / f"i94_{month}16_sub.parquet").names for month in ("apr", "may", "jun")}
    assert names["apr"] == names["may"]
    assert names["jun"] == [*names["apr"], *JUNE_EXTRAS]
    assert len(JUNE_EXTRAS) == 6


def test_the_mix_of_origins_moves_with_the_season_and_the_year(tmp_path: Path) -> None:
    def share(month: Month, column: str, value: str | float) -> float:
        path = write_month(tmp_path, month, 20_000, 94, lambda *_: None)
        column_values = pq.read_table(path, columns=[column])[column].to_pandas()
        return float((column_values == value).mean())

    assert share(Month(2018, 4), "i94res", 245.0) > 1.1 * share(Month(2015, 4), "i94res", 245.0)
    assert share(Month(2016, 8), "visatype", "F1") > 2 * share(Month(2016, 4), "visatype", "F1")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process's memory is read from Linux's /proc")
def test_a_million_rows_are_written_in_row_groups_and_under_a_gigabyte(tmp_path: Path) -> None:
    rows = 1_000_000
    script = (
        "import sys; from pathlib import Path; from i94_platform.sample import write_sample\n"
        f"write_sample(Path(sys.argv[1]), first='2016-04', last='2016-04', rows={rows})\n"
        "print(Path('/proc/self/status').read_text())"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True)
    peak = re.search(r"VmHWM:\s+(\d+) kB", done.stdout)
    assert peak is not None
    assert int(peak[1]) * 1024 < 1_000_000_000
    written = pq.ParquetFile(tmp_path / "i94_apr16_sub.parquet").metadata
    groups = [written.row_group(group).num_rows for group in range(written.num_row_groups)]
    assert max(groups) <= ROW_GROUP
    assert sum(groups) > rows == accepted_row_count(Month(2016, 4), rows)

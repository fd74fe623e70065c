"""Pins what becomes of each delivered row: its reasons if it is refused, its values if it is not, and that it is one
or the other. The rules are written anew here, row by row in Python, from the meaning of the contract.

Wrong here before, in other pipelines: filters and inner joins that lost a fifth of the arrivals without a word,
int32 for admission numbers, an epoch of 1900, `D/S` read as a date. On DuckDB, which takes no JVM; that Spark comes to
the same rows is pinned in `engine/test_same_rows.py`.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import BigInteger, Date, String

from i94_platform.contracts import delivered_immigration, immigration, immigration_quarantine
from i94_platform.contracts.codes import reviewed
from i94_platform.contracts.model import text_limit
from i94_platform.contracts.render import arrow_schema
from i94_platform.engine.base import Engine
from i94_platform.engine.duckdb import DuckDBEngine
from i94_platform.partitions import Month
from i94_platform.sample import expected_refusals, rows_in, write_sample
from i94_platform.transforms.immigration import RULES
from i94_platform_tests.engine.arrivals import (
    ACCEPTED,
    APRIL,
    GOOD,
    REFUSED,
    STAGED_GOOD,
    delivered,
    deliveries,
)
from i94_platform_tests.engine.staging import Staged, assert_same, stage

NAME = "i94_apr16_sub.parquet"
DATES = [c.name for c in immigration.columns if isinstance(c.type, Date)]


@pytest.fixture(scope="module")
def duckdb(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The embedded engine."""
    return DuckDBEngine(tmp_path_factory.mktemp("duckdb"))


@pytest.fixture
def judged(duckdb: Engine, tmp_path: Path) -> Judge:
    """Stage deliveries of April, each a list of tables that land as parts in this order."""
    number = itertools.count()

    def judge(*tables: pa.Table) -> Staged:
        run = f"run{next(number)}"
        folder = tmp_path / run / NAME
        folder.mkdir(parents=True)
        for part, table in enumerate(tables):
            pq.write_table(table, folder / f"{part}.parquet")
        return stage(duckdb, tmp_path / run, tmp_path / "lake", APRIL, run)

    return judge


class Judge:
    """The fixture's type: tables in, a staged month out."""

    def __call__(self, *tables: pa.Table) -> Staged:
        """Stage the tables."""
        raise NotImplementedError

"""Rows as bytes: which texts a spreadsheet would run."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.csv as pc
import pytest

from i94_platform.contracts import country
from i94_platform.serving.serializers import serialize_rows
from i94_platform_tests.serving.synthetic_release import make_rows

FORMULAS = ("=1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", '=HYPERLINK("http://evil.example")')  # noqa: RUF001


@pytest.mark.parametrize("keep_formulas", [False, True])
def test_csv_has_an_apostrophe_before_each_text_that_a_spreadsheet_would_run(keep_formulas: bool) -> None:
    texts = [*FORMULAS, "plain", "a=b", "a\n=1", ""]
    rows = make_rows(country).slice(0, len(texts))
    number = rows.schema.get_field_index("label")
    rows = rows.set_column(number, rows.schema.field(number), pa.array(texts))
    csv = io.BytesIO(serialize_rows("csv", rows, country, keep_formulas=keep_formulas))
    read = pc.read_csv(csv, parse_options=pc.ParseOptions(newlines_in_values=True))["label"].to_pylist()
    assert read == (texts if keep_formulas else [f"'{text}" if text in FORMULAS else text for text in texts])

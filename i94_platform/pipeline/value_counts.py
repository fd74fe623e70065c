"""Count the values of a staged month that are implausible, for the gate and for the checks that warn."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from i94_platform.contracts import i94cit_res
from i94_platform.engine.base import Engine
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.transforms.immigration import plausibility


@dataclass(frozen=True)
class ValueCounts:
    """What two scans of the staged rows have counted."""

    columns: dict[str, dict[str, int]]
    """By column: `values`, which are not null, and `implausible`, which of them can't be meant."""
    unlisted_countries: dict[str, int]
    """The arrivals of each country code outside its list; a row counts for its citizenship and for its residence."""

    @property
    def stats(self) -> dict[str, Any]:
        """What the manifest keeps of it, as JSON values."""
        return {"values": self.columns, "unlisted_countries": self.unlisted_countries}


def count_values(lake: Lake, engine: Engine) -> ValueCounts:
    """Count the values of the relation `staged`, which the session has registered."""
    counts = engine.fetch_row(plausibility.render_value_counts())
    columns = {
        name: {"values": counts[f"values_{name}"], "implausible": counts[f"implausible_{name}"]}
        for name in plausibility.IMPLAUSIBLE
    }
    list_ = lake.require_manifest(Dataset(f"lookup/{i94cit_res.name}"))
    listed_codes = set(lake.read_table(list_, i94cit_res).column("code").to_pylist())
    values: Counter[str] = Counter()
    implausible: Counter[str] = Counter()
    unlisted: Counter[str] = Counter()
    for row in engine.fetch(plausibility.render_country_codes()).to_pylist():
        values[row["column_name"]] += row["arrivals"]
        if row["code"] not in listed_codes:
            implausible[row["column_name"]] += row["arrivals"]
            unlisted[str(row["code"])] += row["arrivals"]
    for name in plausibility.COUNTRY_COLUMNS:
        columns[name] = {"values": values[name], "implausible": implausible[name]}
    return ValueCounts(columns, dict(unlisted))

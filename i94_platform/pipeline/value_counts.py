"""Count the values of a staged month that are implausible, for the gate and for the checks that warn."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from i94_platform.contracts import i94cit_res
from i94_platform.engine.base import Engine
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.transforms.immigration import plausibility

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class ValueCounts:
    """What one scan of the staged rows has counted."""

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
    import pyarrow.compute as pc

    counts = engine.fetch(plausibility.render_value_counts())
    columns = {
        name: {side: int(pc.sum(counts[f"{side}_{name}"]).as_py() or 0) for side in ("values", "implausible")}
        for name in plausibility.IMPLAUSIBLE
    }
    list_ = lake.require_manifest(Dataset(f"lookup/{i94cit_res.name}"))
    listed_codes = set(lake.read_table(list_, i94cit_res).column("code").to_pylist())
    unlisted: Counter[str] = Counter()
    for name in plausibility.COUNTRY_COLUMNS:
        arrivals = _sum_arrivals(counts, name)
        others = {code: count for code, count in arrivals.items() if code not in listed_codes}
        columns[name] = {"values": sum(arrivals.values()), "implausible": sum(others.values())}
        unlisted.update({str(code): count for code, count in others.items()})
    return ValueCounts(columns, dict(sorted(unlisted.items(), key=lambda item: int(item[0]))))


def _sum_arrivals(counts: pa.Table, name: str) -> dict[int, int]:
    """Sum the arrivals by the codes of a column."""
    totals = counts.select([name, "arrivals"]).group_by(name).aggregate([("arrivals", "sum")])
    return {row[name]: row["arrivals_sum"] for row in totals.to_pylist() if row[name] is not None}

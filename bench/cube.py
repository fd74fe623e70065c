"""A synthetic cube of arrivals, of any size, whose months have the skew and the columns of real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from i94_platform.contracts import arrivals_cube
from i94_platform.contracts.groups import AGE_BANDS
from i94_platform.contracts.model import key_columns
from i94_platform.contracts.rendering.arrow import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

STATES = tuple(f"{number:02}" for number in range(54))
COUNTRIES = range(101, 331)
_SEED = 94

_VALUES: dict[str, tuple[Any, ...]] = {
    "i94cit": tuple(COUNTRIES),
    "i94res": tuple(COUNTRIES),
    "i94addr": STATES,
    "i94port": tuple(f"P{number:02}" for number in range(100)),
    "airline": tuple(f"L{number}" for number in range(200)),
    "i94mode": (1, 2, 3),
    "i94visa": (2, 1, 3),
    "visatype": ("WT", "B2", "WB", "B1", "GMT", "F1"),
    "gender": ("F", "M", "not given"),
    "age_band": tuple(name for name, *_ in AGE_BANDS),
}
"""The values of each column, the most frequent first."""


def make_cube_month(month: str, rows: int) -> pa.Table:
    """Make a month (`YYYY-MM`) of the cube from so many arrivals, most of which are alone in their row."""
    import numpy as np
    import pyarrow as pa

    rng = np.random.default_rng([_SEED, int(month.replace("-", ""))])
    columns = {
        name: pa.array(values).take(pa.array((len(values) * rng.random(rows) ** 3).astype("int32")))
        for name, values in _VALUES.items()
    }
    has_stay = rng.random(rows) < 0.95
    columns |= {
        "i94yr": pa.array(np.full(rows, int(month[:4]))),
        "i94mon": pa.array(np.full(rows, int(month[5:]))),
        "visitors": pa.array(np.ones(rows, dtype="int64")),
        "no_departure": pa.array((~has_stay).astype("int64")),
        "stays": pa.array(has_stay.astype("int64")),
        "stay_days": pa.array(np.where(has_stay, rng.integers(0, 60, rows), 0)),
    }
    keys = key_columns(arrivals_cube)
    counts = [c.name for c in arrivals_cube.columns if c.name not in keys]
    groups = pa.table(columns).group_by(keys).aggregate([(name, "sum") for name in counts])
    named = groups.rename_columns([name.removesuffix("_sum") for name in groups.column_names])
    return (
        named.select(arrow_schema(arrivals_cube).names)
        .cast(arrow_schema(arrivals_cube))
        .sort_by([(name, "ascending") for name in keys])
    )

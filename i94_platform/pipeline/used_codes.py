"""Find the codes of a list that the fact refers to and that a new delivery drops, or gives another meaning."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from sqlalchemy import Table, func, select

from i94_platform.contracts import immigration
from i94_platform.contracts.codes import ENCODERS
from i94_platform.pipeline.gate import USED_CODES, Finding
from i94_platform.warehouse.base import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa

Code = str | int

SAME_MEANING = 0.8
"""Labels that are more similar than this are spellings of one meaning; 1 is equal."""

_MAX_CODES = 10


def judge_used_codes(contract: Table, before: pa.Table | None, after: pa.Table, warehouse: Warehouse | None) -> Finding:
    """Compare a delivered code list with the one before it, for the codes that the fact holds.

    Args:
        contract: The code list.
        before: The list that is committed now; None if there is none.
        after: The delivered list. Both have the columns `code` and `label`.
        warehouse: Holds the fact; it is asked only if codes are missing or changed. None compares with no arrivals.
    """
    if before is None:
        return Finding(USED_CODES, True, f"{after.num_rows:,} codes; there is no list to compare them with.")
    old, new = _to_labels(before), _to_labels(after)
    missing = [code for code in old if code not in new]
    changed = [code for code in old if code in new and _has_other_meaning(code, old, new)]
    arrivals = _count_arrivals(contract, [*missing, *changed], warehouse)
    problems = [
        f"{count:,} arrivals have the code {code} ({old[code]}), which is "
        + (f"now {new[code]}" if code in new else "no longer listed")
        for code, count in arrivals.items()
    ]
    if not problems:
        return Finding(USED_CODES, True, f"No code of {contract.name} that arrivals have is missing or changed.")
    more = f"; and {len(problems) - _MAX_CODES} more codes" if len(problems) > _MAX_CODES else ""
    return Finding(USED_CODES, False, "; ".join(problems[:_MAX_CODES]) + more + ".")


def _to_labels(rows: pa.Table) -> dict[Code, str]:
    return {row["code"]: row["label"] or "" for row in rows.select(["code", "label"]).to_pylist()}


def _has_other_meaning(code: Code, old: Mapping[Code, str], new: Mapping[Code, str]) -> bool:
    """Say whether a code's label is more than another spelling, or is what another code meant before."""
    before, after = _normalize(old[code]), _normalize(new[code])
    if before == after:
        return False
    other_meanings = {_normalize(label) for other, label in old.items() if other != code}
    return after in other_meanings or SequenceMatcher(None, before, after).ratio() < SAME_MEANING


def _normalize(label: str) -> str:
    return re.sub(r"[\W_]+", " ", label.casefold()).strip()


def _count_arrivals(contract: Table, codes: Collection[Code], warehouse: Warehouse | None) -> dict[Code, int]:
    """Count the arrivals of the fact that have one of these codes, over all columns that the list encodes."""
    counts: dict[Code, int] = {}
    if not codes or warehouse is None or not warehouse.exists():
        return counts
    with warehouse.transaction(purpose="look for codes in use", read_only=True) as transaction:
        if immigration.fullname not in transaction.list_tables():
            return counts
        for encoder in ENCODERS.values():
            if encoder.list_name != contract.name:
                continue
            column = immigration.c[encoder.column]
            query = select(column.label("code"), func.count().label("arrivals")).where(column.in_(codes))
            for row in transaction.execute(query.group_by(column)).to_pylist():
                counts[row["code"]] = counts.get(row["code"], 0) + row["arrivals"]
    return dict(sorted(counts.items(), key=lambda item: -item[1]))

"""The file that holds the computed column lineage, since computing it takes seconds."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from i94_platform.errors import PermanentError

FILE = Path(__file__).with_name("column_lineage.json")


def render_lineage_file() -> str:
    """Compute the lineage and render the text of the file."""
    from i94_platform.defs.column_lineage.compute import compute_lineage

    return json.dumps(compute_lineage(), indent=1) + "\n"


@cache
def load_lineage() -> dict[str, dict[str, list[str] | str]]:
    """Load the file: for each asset, by `layer/name`, the sources of each column."""
    lineage: dict[str, dict[str, list[str] | str]] = json.loads(FILE.read_text("utf-8"))
    return lineage


def load_column_sources(asset: str) -> dict[str, list[str] | str]:
    """The columns, as `layer/name.column`, that each column of an asset comes from, or the reason why there are none.

    Raises:
        PermanentError: the file does not know the asset.
    """
    try:
        return load_lineage()[asset]
    except KeyError:
        raise PermanentError(
            f"{FILE.name} has no lineage of {asset}. Add the asset to defs/column_lineage/compute.py and run "
            f"i94 lineage --write."
        ) from None
